package runbooks_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta/sandbox/control"
)

// Its kinds are the whole cluster's, and other tests want a cluster without them.
func TestTheFirstLineNamesWhatIsWrongWithACertificate(t *testing.T) {
	t.Parallel()
	c := control.Private(t)
	certManager := c.CertManager(t)
	server := certificateAuthority(t).URL + "/directory"
	w, fading, waiting := newBrokenNamespace(t, c), newBrokenNamespace(t, c), newBrokenNamespace(t, c)
	w.make(t,
		&networkingv1.IngressClass{ObjectMeta: named("nginx"), Spec: networkingv1.IngressClassSpec{Controller: "k8s.io/ingress-nginx"}},
		issuer("ClusterIssuer", "letsencrypt", acme("letsencrypt", server, "nginx")),
	)
	waiting.serve(t, edge("edge", selfHost, "gateway-tls", map[string]string{"cert-manager.io/cluster-issuer": "letsencrypt"}))
	fading.make(t, authority()...)
	fading.make(t, certificate("gateway", "Issuer", "ca", certHost, "duration", "2h", "renewBefore", "1h59m58s"))
	w.unapproved(t)
	w.make(t, authority()...)
	w.make(
		t,
		certificate(
			"issued",
			"Issuer",
			"ca",
			certHost,
		),
		certificate("lost", "Issuer", "ca", certHost),
		certificate("brief", "Issuer", "ca", certHost, "duration", "1080h"),
		certificate("first", "Issuer", "ca", certHost, "secretName", "both"),
		certificate("held", "Issuer", "ca", certHost),
		certificate("held-denied", "Issuer", "ca", certHost),
	)
	w.serve(t,
		edge("shop", "shop.example.com", "shop-tls", map[string]string{"cert-manager.io/issuer": "ca"}),
		edge("mistyped", "mistyped.example.com", "mistyped-tls", map[string]string{"cert-manager.io/cluster-issuer": "letsencript"}),
	)
	for _, name := range []string{"issued", "lost", "first", "shop-tls", "brief"} {
		w.awaitReady(t, name)
	}
	w.reissue(t, "lost")
	w.await(t, "the request is denied", func() bool { return w.decide(t, "held-denied-1", "Denied") == nil })
	fading.awaitReady(t, "gateway")
	require.NoError(
		t,
		fading.dynamic.Resource(certManagerKind("issuers")).Namespace(fading.namespace).Delete(t.Context(), "ca", metav1.DeleteOptions{}),
	)
	waiting.challenged(t) // only one challenge at a time is tried for a name
	w.diagnose(t, time.Hour, map[string]brokenCase{
		"it is issued": {
			about: "certificate/issued",
			says:  "issued is healthy: Certificate issued is valid until ….",
			clean: true,
		},
		"its Secret was deleted": {about: "certificate/lost", says: "lost is healthy: Certificate lost is valid until ….", clean: true},
		"an Ingress had it made": {
			about: "certificate/shop-tls",
			says:  "shop-tls is healthy: Ingress shop reaches its services for shop.example.com; Certificate shop-tls is valid until ….",
			clean: true,
		},
		"an Ingress names no issuer": {
			about:   "ingress/mistyped",
			rule:    "certificate-issuer",
			says:    "ClusterIssuer letsencript does not exist.",
			quotes:  `Referenced "ClusterIssuer" not found`,
			command: "kubectl get issuers,clusterissuers -n NS",
		},
		"the authority has no Secret": {
			about:   "certificate/no-ca",
			rule:    "certificate-issuer",
			made:    []runtime.Object{issuer("Issuer", "no-ca", ca("nothing")), certificate("no-ca", "Issuer", "no-ca", certHost)},
			says:    `Issuer no-ca is not ready: Error getting keypair for CA issuer: secrets "nothing" not found.`,
			quotes:  "ErrGetKeyPair",
			command: "kubectl describe issuer no-ca -n NS",
		},
		"the cluster's has no Secret": {
			about: "certificate/no-cluster-ca",
			rule:  "certificate-issuer",
			made: []runtime.Object{
				issuer("ClusterIssuer", "no-cluster-ca", ca("nothing")),
				certificate("no-cluster-ca", "ClusterIssuer", "no-cluster-ca", certHost),
			},
			says:    `ClusterIssuer no-cluster-ca is not ready: Error getting keypair for CA issuer: secrets "nothing" not found.`,
			quotes:  "ErrGetKeyPair",
			command: "kubectl describe clusterissuer no-cluster-ca",
		},
		"the authority's is no TLS one": {
			about: "certificate/garbage",
			rule:  "certificate-issuer",
			made: []runtime.Object{
				&corev1.Secret{ObjectMeta: named("authority"), StringData: map[string]string{"tls.crt": "a", "tls.key": secretValue}},
				issuer("Issuer", "garbage", ca("authority")),
				certificate("garbage", "Issuer", "garbage", certHost),
			},
			says: "Issuer garbage is not ready: Error getting keypair for CA issuer: error decoding certificate PEM block: no valid " +
				"certificates found.",
			quotes:  "ErrGetKeyPair",
			command: "kubectl describe issuer garbage -n NS",
		},
		"the authority is none": {
			about:   "certificate/not-a-ca",
			rule:    "certificate-issuer",
			made:    []runtime.Object{issuer("Issuer", "leaf", ca("issued")), certificate("not-a-ca", "Issuer", "leaf", certHost)},
			says:    "Issuer leaf is not ready: Error getting keypair for CA issuer: certificate is not a CA.",
			quotes:  "ErrInvalidKeyPair",
			command: "kubectl describe issuer leaf -n NS",
		},
		"the ACME server is away": {
			about: "certificate/away",
			rule:  "certificate-issuer",
			made: []runtime.Object{
				issuer("Issuer", "away", acme("away", "https://127.0.0.1:1/directory", "nginx")),
				certificate("away", "Issuer", "away", certHost),
			},
			says: `Issuer away is not ready: Failed to register ACME account: Get "https://127.0.0.1:1/directory": dial tcp 127.0.0.1:1: ` +
				`connect: connection refused.`,
			quotes:  "ErrRegisterACMEAccount",
			command: "kubectl describe issuer away -n NS",
		},
		"two for one Secret": {
			about:   "certificate/a-second",
			rule:    "certificate-secret-shared",
			made:    []runtime.Object{certificate("a-second", "Issuer", "ca", certHost, "secretName", "both")},
			says:    "Certificates first and a-second write the same Secret both.",
			quotes:  "both",
			command: "kubectl get certificate -n NS",
		},
		"the one that holds it": {about: "certificate/first", says: "first is healthy: Certificate first is valid until ….", clean: true},
		"its request is denied": {
			about:   "certificate/held-denied",
			rule:    "certificate-request",
			says:    "CertificateRequest held-denied-1 was refused (Denied).",
			quotes:  "The host is not one of ours",
			command: "cmctl renew held-denied -n NS",
		},
		"nobody approves its request": {
			about:   "certificate/held",
			rule:    "certificate-request",
			says:    "CertificateRequest held-1 waits for approval.",
			quotes:  "DoesNotExist",
			command: "cmctl renew held -n NS",
		},
		"over its limit": {
			about:   "certificate/limited",
			rule:    "certificate-rate-limit",
			made:    []runtime.Object{certificate("limited", "ClusterIssuer", "letsencrypt", "limited.example.com")},
			says:    "The certificate authority limits orders for Certificate limited.",
			quotes:  "429 urn:ietf:params:acme:error:rateLimited",
			command: "kubectl describe order/limited-1-",
		},
		"its order is refused": {
			about:   "certificate/refused",
			rule:    "certificate-order",
			made:    []runtime.Object{certificate("refused", "ClusterIssuer", "letsencrypt", "refused.example.com")},
			says:    "Order refused-1-… of Certificate refused is invalid.",
			quotes:  "invalid",
			command: "kubectl get order/refused-1-",
		},
		"no class for its solver": {
			about: "certificate/classless",
			rule:  "certificate-solver-class",
			made: []runtime.Object{
				issuer("Issuer", "classless", acme("classless", server, "ngnix")),
				certificate("classless", "Issuer", "classless", selfHost),
			},
			says:    "The solver of Certificate classless uses ingress class ngnix, which does not exist.",
			quotes:  "ngnix",
			command: "kubectl edit issuer classless -n NS",
		},
	})
	challenge := brokenCase{
		rule:    "certificate-challenge",
		says:    "The challenge for localhost cannot be answered: …",
		quotes:  "DoesNotExist",
		command: "kubectl describe challenge gateway-tls-1-",
	}
	certificateOf, ingress, namespace, second := challenge, challenge, challenge, challenge
	certificateOf.about, ingress.about, namespace.about = "certificate/gateway-tls", "ingress/edge", "namespace/NS"
	second.about, second.made = "certificate/second", []runtime.Object{certificate("second", "ClusterIssuer", "letsencrypt", selfHost)}
	second.says, second.quotes = "The challenge for localhost waits for another one of the same name, gateway-tls-1-….", "pending: Waiting "+
		"for HTTP-01 challenge propagation"
	waiting.diagnose(
		t,
		time.Hour,
		map[string]brokenCase{
			"a challenge is not answered":     certificateOf,
			"an Ingress waits for it":         ingress,
			"the namespace":                   namespace,
			"one challenge waits for another": second,
		},
	)
	waiting.requireHoles(t)
	waiting.requireCertificatesTold(t)
	fading.diagnose(t, time.Hour, map[string]brokenCase{
		"it cannot be renewed": {
			about:   "certificate/gateway",
			rule:    "certificate-issuer",
			says:    "Issuer ca does not exist.",
			quotes:  "valid until",
			command: "kubectl get issuers,clusterissuers -n NS",
		},
	})

	require.NoError(t, certManager.Close())
	home := brokenNamespaceIn(t, c, "cert-manager")
	home.make(t, app("cert-manager", "12345", replicas(0)), certificate("gateway", "ClusterIssuer", "letsencrypt", certHost))
	home.diagnose(t, time.Hour, map[string]brokenCase{
		"cert-manager is scaled to zero": {
			about:    "certificate/gateway",
			rule:     "cert-manager-down",
			says:     "Cert-manager does not run, so no certificate is issued or renewed.",
			explains: []string{"certificate-not-ready"},
			quotes:   "0 wanted",
			command:  "kubectl scale deployment/cert-manager -n NS --replicas=1",
		},
	})
	fading.make(t, certificate("new", "ClusterIssuer", "letsencrypt", certHost))
	fading.diagnose(t, 3*time.Hour, map[string]brokenCase{
		"nobody looks at it": {
			about:   "certificate/new",
			rule:    "certificate-not-ready",
			says:    "Certificate new has no status: cert-manager has not looked at it.",
			quotes:  "empty",
			command: "kubectl get pods -A -l app.kubernetes.io/name=cert-manager",
		},
		"it has expired": {
			about:   "certificate/gateway",
			rule:    "certificate-issuer",
			says:    "Issuer ca does not exist; it expired ….",
			quotes:  "expired",
			command: "kubectl get issuers,clusterissuers -n NS",
		},
	})
	w.diagnose(t, 20*24*time.Hour, map[string]brokenCase{
		"it lasts 45 days and has less than 30 left": {
			about: "certificate/brief",
			says:  "brief is healthy: Certificate brief is valid until ….",
			clean: true,
			advice: map[string]string{
				"certificate-thirty-days": "Certificate brief has … days left and will be renewed in … days, so an alarm at a fixed 30 days fires " +
					"although it's healthy; Let's Encrypt's certificates last 64 days from … on and 45 days from … on " +
					"(letsencrypt.org/2025/12/02/from-90-to-45).",
			},
		},
		"it lasts 90 days": {
			about: "certificate/issued", says: "issued is healthy: Certificate issued is valid until ….", clean: true,
		},
	})
	w.diagnose(t, 62*24*time.Hour, map[string]brokenCase{
		"it is renewed late": {
			about:   "certificate/issued",
			rule:    "certificate-renewal-late",
			says:    "Certificate issued should have been renewed ….",
			quotes:  "valid until",
			command: "cmctl renew issued -n NS",
		},
	})
}
