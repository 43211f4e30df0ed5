package runbooks_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/3astronautas/algesta/diagnosis"
	"github.com/3astronautas/algesta/runbooks"
	"github.com/3astronautas/algesta/sandbox/control"
	"github.com/3astronautas/algesta/sandbox/platform"
)

const (
	certHost = "gateway.example.com"
	// selfHost is this machine to cert-manager, which asks for the answer to a challenge itself: nothing leaves the machine.
	selfHost = "localhost"
)

// issuer is an Issuer or a ClusterIssuer.
func issuer(kind, name string, spec map[string]any) *unstructured.Unstructured {
	return custom(kind, name, spec)
}

func custom(kind, name string, spec map[string]any) *unstructured.Unstructured {
	return &unstructured.Unstructured{
		Object: map[string]any{"apiVersion": "cert-manager.io/v1", "kind": kind, "metadata": map[string]any{"name": name}, "spec": spec},
	}
}

// ca signs with the authority in a Secret.
func ca(secret string) map[string]any {
	return map[string]any{"ca": map[string]any{"secretName": secret}}
}

// acme asks the authority at an address. Its solver uses an ingress class.
func acme(account, server, class string) map[string]any {
	return map[string]any{"acme": map[string]any{
		"server": server, "skipTLSVerify": true, "privateKeySecretRef": map[string]any{"name": account},
		"solvers": []any{map[string]any{"http01": map[string]any{"ingress": map[string]any{"ingressClassName": class}}}},
	}}
}

// certificate is for a host; its Secret has its name.
func certificate(name, kind, issuer, host string, further ...string) *unstructured.Unstructured {
	spec := map[string]any{"secretName": name, "dnsNames": []any{host}, "issuerRef": map[string]any{"kind": kind, "name": issuer}}
	for i := 0; i < len(further); i += 2 {
		spec[further[i]] = further[i+1]
	}
	return custom("Certificate", name, spec)
}

// authority is an Issuer "ca" of the namespace with a certificate of its own.
func authority() []runtime.Object {
	root := certificate("root", "Issuer", "self", "root.example.com")
	_ = unstructured.SetNestedField(root.Object, true, "spec", "isCA") // its spec is a map
	return []runtime.Object{issuer("Issuer", "self", map[string]any{"selfSigned": map[string]any{}}), root, issuer("Issuer", "ca", ca("root"))}
}

// edge serves a host with TLS from a Secret.
func edge(name, host, secret string, annotations map[string]string) *networkingv1.Ingress {
	return &networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: annotations},
		Spec: networkingv1.IngressSpec{
			IngressClassName: new("nginx"),
			TLS:              []networkingv1.IngressTLS{{Hosts: []string{host}, SecretName: secret}},
			Rules: []networkingv1.IngressRule{
				{
					Host: host,
					IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{Paths: []networkingv1.HTTPIngressPath{
						{
							Path:     "/",
							PathType: new(networkingv1.PathTypePrefix),
							Backend: networkingv1.IngressBackend{
								Service: &networkingv1.IngressServiceBackend{Name: "gateway", Port: networkingv1.ServiceBackendPort{Number: 80}},
							},
						},
					}}},
				},
			},
		},
	}
}

// serve makes the Service behind the edges and gives an edge the address that an ingress controller would have written.
func (w *brokenNamespace) serve(t *testing.T, edges ...*networkingv1.Ingress) {
	t.Helper()
	w.make(t, &corev1.Service{ObjectMeta: named("gateway"), Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Name: "http", Port: 80}}}})
	for _, e := range edges {
		w.make(t, e)
		made, err := w.Client.NetworkingV1().Ingresses(w.namespace).Get(t.Context(), e.Name, metav1.GetOptions{})
		require.NoError(t, err)
		made.Status.LoadBalancer.Ingress = []networkingv1.IngressLoadBalancerIngress{{IP: "192.0.2.7"}}
		_, err = w.Client.NetworkingV1().Ingresses(w.namespace).UpdateStatus(t.Context(), made, metav1.UpdateOptions{})
		require.NoError(t, err)
	}
}

// unapproved keeps cert-manager from approving requests whose name begins with "held", as where somebody else is to do it.
func (w *brokenNamespace) unapproved(t *testing.T) {
	t.Helper()
	w.make(
		t,
		&admissionregistrationv1.ValidatingAdmissionPolicy{
			ObjectMeta: named("approval"),
			Spec: admissionregistrationv1.ValidatingAdmissionPolicySpec{
				MatchConstraints: &admissionregistrationv1.MatchResources{ResourceRules: []admissionregistrationv1.NamedRuleWithOperations{
					{RuleWithOperations: admissionregistrationv1.RuleWithOperations{
						Operations: []admissionregistrationv1.OperationType{"UPDATE"},
						Rule: admissionregistrationv1.Rule{
							APIGroups:   []string{"cert-manager.io"},
							APIVersions: []string{"v1"},
							Resources:   []string{"certificaterequests/status"},
						},
					}},
				}},
				Validations: []admissionregistrationv1.Validation{
					{
						Expression: "!object.metadata.name.startsWith('held') || !has(object.status.conditions) || object.status.conditions.all(c, c.type " +
							"!= 'Approved')",
					},
				},
			},
		},
		&admissionregistrationv1.ValidatingAdmissionPolicyBinding{
			ObjectMeta: named("approval"),
			Spec: admissionregistrationv1.ValidatingAdmissionPolicyBindingSpec{
				PolicyName: "approval", ValidationActions: []admissionregistrationv1.ValidationAction{admissionregistrationv1.Deny},
			},
		},
	)
	w.make(t, custom("CertificateRequest", "held-back", map[string]any{"request": "eA==", "issuerRef": map[string]any{"name": "nobody"}}))
	w.await(t, "requests cannot be approved", func() bool {
		return w.decide(t, "held-back", "Approved", metav1.DryRunAll) != nil
	})
}

// decide says yes or no to a request, as an approver does.
func (w *brokenNamespace) decide(t *testing.T, request, verdict string, dryRun ...string) error {
	t.Helper()
	patch := fmt.Sprintf(
		`{"status":{"conditions":[{"type":%q,"status":"True","reason":"policy.example.com","message":"The host is not one of ours"}]}}`,
		verdict,
	)
	_, err := w.dynamic.Resource(certManagerKind("certificaterequests")).Namespace(w.namespace).
		Patch(t.Context(), request, types.MergePatchType, []byte(patch), metav1.PatchOptions{DryRun: dryRun}, "status")
	return err
}

func certManagerKind(resource string) schema.GroupVersionResource {
	group := "cert-manager.io"
	if resource == "orders" || resource == "challenges" {
		group = "acme." + group
	}
	return schema.GroupVersionResource{Group: group, Version: "v1", Resource: resource}
}

// awaitReady waits until cert-manager has issued a Certificate.
func (w *brokenNamespace) awaitReady(t *testing.T, name string) {
	t.Helper()
	w.await(t, name+" is issued", func() bool {
		c, err := w.dynamic.Resource(certManagerKind("certificates")).Namespace(w.namespace).Get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			return false
		}
		revision, _, _ := unstructured.NestedInt64(c.Object, "status", "revision")
		return revision > 0
	})
}

// reissue deletes the Secret of a Certificate and waits until cert-manager has recreated it.
func (w *brokenNamespace) reissue(t *testing.T, name string) {
	t.Helper()
	secrets := w.Client.CoreV1().Secrets(w.namespace)
	before, err := secrets.Get(t.Context(), name, metav1.GetOptions{})
	require.NoError(t, err)
	require.NoError(t, secrets.Delete(t.Context(), name, metav1.DeleteOptions{}))
	w.await(t, name+" is issued again", func() bool {
		after, err := secrets.Get(t.Context(), name, metav1.GetOptions{})
		return err == nil && after.UID != before.UID
	})
}

// challenged waits until cert-manager asks for the answer to a challenge.
func (w *brokenNamespace) challenged(t *testing.T) {
	t.Helper()
	w.await(t, "a challenge is tried", func() bool {
		list, err := w.dynamic.Resource(certManagerKind("challenges")).Namespace(w.namespace).List(t.Context(), metav1.ListOptions{})
		return err == nil && slices.ContainsFunc(list.Items, func(u unstructured.Unstructured) bool {
			presented, _, _ := unstructured.NestedBool(u.Object, "status", "presented")
			return presented
		})
	})
}

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
		certificate("first", "Issuer", "ca", certHost, "secretName", "both"),
		certificate("held", "Issuer", "ca", certHost),
		certificate("held-denied", "Issuer", "ca", certHost),
	)
	w.serve(t,
		edge("shop", "shop.example.com", "shop-tls", map[string]string{"cert-manager.io/issuer": "ca"}),
		edge("mistyped", "mistyped.example.com", "mistyped-tls", map[string]string{"cert-manager.io/cluster-issuer": "letsencript"}),
	)
	for _, name := range []string{"issued", "lost", "first", "shop-tls"} {
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
		says:    "The challenge for localhost cannot be answered: Waiting for HTTP-01 challenge propagation: …",
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

// requireCertificatesTold holds that the list and the check tell the same cause as the diagnosis, from a cluster and without its Secrets.
func (w *brokenNamespace) requireCertificatesTold(t *testing.T) {
	t.Helper()
	in := func(book, object string) runbooks.Input {
		in := regarding(book, object)
		in.Command.Target.Namespace, in.Command.At = w.namespace, time.Now().Add(time.Hour)
		return in
	}
	for _, object := range []string{"certificate/gateway-tls", "host/" + selfHost} {
		lines := w.tells(t, in("cert check", object))
		require.Equal(t, "gateway-tls in production is not ready", lines[0])
		require.Contains(t, lines[1], "The challenge for localhost cannot be answered: Waiting for HTTP-01 challenge propagation")
	}
	lines := w.tells(t, in("certs", ""))
	require.Regexp(t, `^2 of 2 certificates in production not well; first \S+: not ready$`, lines[0])
	require.Contains(t, lines[2], "not ready | – | ░░░░░░░░░░ 0 % | – | letsencrypt (ClusterIssuer)")
}

// tells answers a command from the bot's own view of the cluster, as lines.
func (w *brokenNamespace) tells(t *testing.T, in runbooks.Input) []string {
	t.Helper()
	book, ok := runbooks.Find(in.Command.Runbook)
	require.True(t, ok)
	report, err := book.Answer(t.Context(), whole(w.bot), in)
	require.NoError(t, err)
	return shownLines(t, report)
}

// requireHoles holds that a right less leaves the rest, and makes nothing missing.
func (w *brokenNamespace) requireHoles(t *testing.T) {
	t.Helper()
	for _, kind := range []string{"challenges", "orders", "certificaterequests", "clusterissuers"} {
		account, err := w.CreateServiceAccount(t.Context(), w.namespace, "without-"+kind, withoutResource(platform.BotRules(), kind))
		require.NoError(t, err)
		d, err := runbooks.Diagnose(
			t.Context(),
			whole(w.seenBy(t, account)),
			w.namespace,
			time.Now().Add(time.Hour),
			brokenCase{about: "certificate/gateway-tls"}.subject(w.namespace),
			anywhere,
		)
		require.NoError(t, err)
		require.Equal(t, diagnosis.Sick, d.Verdict, "the rest still answers\n%s", d.Text())
		require.Contains(t, kindsOf(d), kind, "what was not read is named")
		require.NotRegexp(t, `(?i)\b(order|challenge|issuer|request)[^.]* (does not exist|is missing)`, d.Text())
	}
}

// withoutResource are the rules with one resource less.
func withoutResource(rules []rbacv1.PolicyRule, resource string) []rbacv1.PolicyRule {
	var out []rbacv1.PolicyRule
	for _, r := range rules {
		r.Resources = slices.DeleteFunc(slices.Clone(r.Resources), func(name string) bool { return name == resource })
		if len(r.Resources) > 0 {
			out = append(out, r)
		}
	}
	return out
}
