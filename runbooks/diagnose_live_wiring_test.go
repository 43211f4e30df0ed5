package runbooks_test

import (
	"crypto/x509"
	"encoding/pem"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/3astronautas/algesta/kube"
	"github.com/3astronautas/algesta/sandbox/control"
	"github.com/3astronautas/algesta/sandbox/platform"
)

// httpPort declares the container's port.
func httpPort(d *appsv1.Deployment) {
	d.Spec.Template.Spec.Containers[0].Ports = []corev1.ContainerPort{{Name: "http", ContainerPort: 3000}}
}

// serviceOf is a Service for the pods of that name.
func serviceOf(name string, target intstr.IntOrString) *corev1.Service {
	return &corev1.Service{ObjectMeta: named(name), Spec: corev1.ServiceSpec{
		Selector: map[string]string{"app": name}, Ports: []corev1.ServicePort{{Name: "http", Port: 80, TargetPort: target}},
	}}
}

func loadBalancer(s *corev1.Service) *corev1.Service {
	s.Spec.Type = corev1.ServiceTypeLoadBalancer
	return s
}

func choosing(s *corev1.Service, label, value string) *corev1.Service {
	s.Spec.Selector = map[string]string{label: value}
	return s
}

func udp(s *corev1.Service) *corev1.Service {
	s.Spec.Ports[0].Protocol = corev1.ProtocolUDP
	return s
}

func near(s *corev1.Service) *corev1.Service {
	s.Spec.InternalTrafficPolicy = ptr.To(corev1.ServiceInternalTrafficPolicyLocal)
	return s
}

// closed is a NetworkPolicy that admits nothing, in or out, for the pods of that name.
func closed(name string, way networkingv1.PolicyType) *networkingv1.NetworkPolicy {
	return &networkingv1.NetworkPolicy{ObjectMeta: named(name), Spec: networkingv1.NetworkPolicySpec{
		PodSelector: metav1.LabelSelector{MatchLabels: map[string]string{"app": name}}, PolicyTypes: []networkingv1.PolicyType{way},
	}}
}

// ingressOf leads the host NAME.example.com to a Service.
func ingressOf(name, class, service string, number int32, changes ...func(*networkingv1.Ingress)) *networkingv1.Ingress {
	i := &networkingv1.Ingress{ObjectMeta: named(name), Spec: networkingv1.IngressSpec{
		IngressClassName: new(class),
		Rules: []networkingv1.IngressRule{
			{Host: name + ".example.com", IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{
				Paths: []networkingv1.HTTPIngressPath{{Path: "/", PathType: ptr.To(networkingv1.PathTypePrefix), Backend: networkingv1.IngressBackend{
					Service: &networkingv1.IngressServiceBackend{Name: service, Port: networkingv1.ServiceBackendPort{Number: number}},
				}}},
			}}},
		},
	}}
	for _, change := range changes {
		change(i)
	}
	return i
}

func TestTheFirstLineNamesWhatIsWrongBetweenTheIngressAndThePods(t *testing.T) {
	t.Parallel()
	w := newBrokenNamespace(t, control.ForTest(t))
	class := "nginx-" + w.namespace // classes are the whole cluster's
	w.make(t, &networkingv1.IngressClass{ObjectMeta: named(class), Spec: networkingv1.IngressClassSpec{Controller: "example.com/ingress"}})
	http := intstr.FromInt32(3000)
	probed := container(func(c *corev1.Container) { c.ReadinessProbe = healthProbe() })
	w.diagnose(t, 6*time.Minute, map[string]brokenCase{ // an ingress controller gets five minutes for an address
		"a selector that matches nothing": {
			rule: "selector-matches-nothing", about: "service/lonely", made: made(serviceOf("lonely", http)),
			says:    "The selector of Service lonely (app=lonely) matches no pod.",
			command: "kubectl edit service lonely -n NS",
		},
		"a port name that no pod has": {
			rule:    "target-port-name",
			about:   "service/portname",
			made:    made(serviceOf("portname", intstr.FromString("web")), app("portname", "12346", httpPort)),
			says:    "Port 80 of Service portname leads to port name web, which its pods do not have.",
			command: "kubectl edit service portname -n NS",
		},
		"the same, asked about its Deployment": {
			rule: "target-port-name", made: made(app("portname2", "12346", httpPort), serviceOf("portname2", intstr.FromString("web"))),
			says:    "Port 80 of Service portname2 leads to port name web, which its pods do not have.",
			command: "kubectl edit service portname2 -n NS",
		},
		"a port number that is another": {
			rule:    "target-port-number",
			about:   "service/portnumber",
			made:    made(serviceOf("portnumber", intstr.FromInt32(8080)), app("portnumber", "12346", httpPort, probed)),
			says:    "Service portnumber sends to port 8080, but its pods declare and answer on port 3000.",
			command: "kubectl edit service portnumber -n NS",
		},
		"nothing is ready behind it": {
			rule:       "readiness-failing",
			about:      "service/unready",
			made:       made(serviceOf("unready", http), app("unready", "12346-neverready", httpPort, probed)),
			onlyEvents: true,
			says:       "The readiness probe of container app fails: the program answers with a server error, so no pod of unready becomes ready.",
			command:    "kubectl describe pod unready-",
		},
		"a load balancer that does not come": {
			rule:    "load-balancer-pending",
			about:   "service/public",
			made:    made(loadBalancer(serviceOf("public", http)), app("public", "12346", httpPort)),
			says:    "Service public has no address: its load balancer was not set up.",
			command: "kubectl describe service public -n NS",
		},
		"an ingress class that does not exist": {
			rule:    "ingress-class",
			about:   "ingress/class",
			made:    made(ingressOf("class", "ngnix", "class", 80), serviceOf("class", http), app("class", "12346", httpPort)),
			says:    "Ingress class names class ngnix, which does not exist, so no controller serves it.",
			command: "kubectl edit ingress class -n NS",
		},
		"a backend that does not exist": {
			rule:    "ingress-backend-missing",
			about:   "ingress/backend",
			made:    made(ingressOf("backend", class, "backends", 80), serviceOf("backend", http), app("backend", "12346", httpPort)),
			says:    "Ingress backend leads to Service backends, which does not exist; http://backend.example.com/ answers 503.",
			command: "kubectl edit ingress backend -n NS",
		},
		"a workload whose Service was deleted, and that others call": {
			rule:  "service-gone",
			about: "deployment/alone",
			made: made(
				app("alone", "12345", httpPort),
				app("caller", "12345", container(func(c *corev1.Container) {
					c.Env = []corev1.EnvVar{{Name: "ALONE_URL", Value: "http://alone:3000/api"}}
				})),
			),
			says:    "Service alone does not exist, so calls to alone fail; ALONE_URL of Deployment caller still names it.",
			command: "kubectl get services -n NS",
		},
		"a port that the backend does not have": {
			rule:    "ingress-backend-port",
			about:   "ingress/number",
			made:    made(ingressOf("number", class, "number", 8080), serviceOf("number", http), app("number", "12346", httpPort)),
			says:    "Ingress number leads to port 8080 of Service number, which has only port 80 (http); http://number.example.com/ answers 503.",
			command: "kubectl edit ingress number -n NS",
		},
		"pods that crash behind an ingress": {
			rule:     "image-not-found",
			explains: []string{"no-ready-endpoint", "ingress-backend-down"},
			about:    "ingress/down",
			made:     made(ingressOf("down", class, "down", 80), serviceOf("down", http), app("down", "12346-notfound", httpPort)),
			says:     "Image IMAGE:12346-notfound does not exist in its registry, so no pod of down can start.",
			command:  "kubectl describe pod down-",
		},
		"an ingress without an address": {
			rule:    "ingress-no-address",
			about:   "ingress/address",
			made:    made(ingressOf("address", class, "address", 80), serviceOf("address", http), app("address", "12346", httpPort)),
			says:    "Ingress address has no address: its controller has not picked it up.",
			command: "kubectl describe ingress address -n NS",
		},
	})
}

func TestTheFirstLineNamesWhatIsWrongWithIngressesThatWork(t *testing.T) {
	t.Parallel()
	w := newBrokenNamespace(t, control.ForTest(t))
	class, http := "nginx-"+w.namespace, intstr.FromInt32(3000)
	w.make(
		t,
		&networkingv1.IngressClass{ObjectMeta: named(class), Spec: networkingv1.IngressClassSpec{Controller: "example.com/ingress"}},
		&networkingv1.IngressClass{
			ObjectMeta: named("managed-" + class),
			Spec:       networkingv1.IngressClassSpec{Controller: "webapprouting.kubernetes.azure.com/nginx"},
		},
	)
	w.diagnose(t, 0, map[string]brokenCase{
		"one host twice": {
			rule:  "ingress-duplicate",
			about: "ingress/twice",
			made: made(
				ingressOf("twice", class, "twice", 80),
				ingressOf("twice-copy", class, "twice", 80, func(i *networkingv1.Ingress) { i.Spec.Rules[0].Host = "twice.example.com" }),
				serviceOf("twice", http),
				app("twice", "12346", httpPort),
			),
			says:    "Ingresses twice and twice-copy both claim twice.example.com/; the older one wins.",
			command: "kubectl get ingress",
		},
		"a port of another protocol": {
			rule: "protocol-mismatch", about: "service/udp", made: made(udp(serviceOf("udp", http)), app("udp", "12346", httpPort)),
			says: "Port 80 of Service udp speaks UDP, but its pods declare port 3000 for TCP only.", command: "kubectl edit service udp -n NS",
		},
		"a selector that chooses two programs": {
			rule:  "selector-too-wide",
			about: "service/wide",
			made: made(
				choosing(serviceOf("wide", http), "tier", "wide"),
				app("wide-api", "12346", httpPort, labelled("tier", "wide")),
				app("wide-cache", "12346", labelled("tier", "wide"), image("redis:8")),
			),
			says: "The selector of Service wide also selects pods of Deployment wide-cache, so some requests reach the wrong " +
				"program.",
			command: "kubectl edit service wide -n NS",
		},
		"a policy that admits nobody": {
			rule:  "network-policy-blocks",
			about: "ingress/closed",
			made: made(
				ingressOf("closed", class, "closed", 80),
				serviceOf("closed", http),
				app("closed", "12346", httpPort),
				closed("closed", networkingv1.PolicyTypeIngress),
			),
			says:    "NetworkPolicy closed lets nobody reach the pods of Service closed, which Ingress closed leads to.",
			command: "kubectl edit networkpolicy closed -n NS",
		},
		"a policy that lets nothing out": {
			rule:    "network-policy-denies-call",
			made:    made(app("shut", "12346-crash-timeout"), closed("shut", networkingv1.PolicyTypeEgress)),
			says:    "NetworkPolicy shut lets nothing out of the pods of shut, so every pod of shut keeps crashing.",
			command: "kubectl edit networkpolicy shut -n NS",
		},
		"a Service for callers on its own node": {
			about: "service/near", made: made(near(serviceOf("near", http)), app("near", "12346", httpPort)), clean: true,
			says:   "near is healthy: Deployment near has its only pod ready; Service near has 1 ready endpoint.",
			advice: map[string]string{"local-traffic-only": "Service near does not answer callers on …, where none of its pods is ready."},
		},
		"plain HTTP beside a certificate": {
			about: "ingress/plain",
			clean: true,
			made: made(ingressOf("plain", "managed-"+class, "plain", 80, func(i *networkingv1.Ingress) {
				i.Annotations = map[string]string{"nginx.ingress.kubernetes.io/ssl-redirect": "false"}
				i.Spec.TLS = []networkingv1.IngressTLS{{Hosts: []string{"plain.example.com"}, SecretName: "plain"}}
			}), serviceOf("plain", http), app("plain", "12346", httpPort)),
			says: "plain is healthy: Deployment plain has its only pod ready; Service plain has 1 ready endpoint; Ingress plain reaches its " +
				"services for plain.example.com.",
			advice: map[string]string{
				"http-not-redirected":     "Ingress plain answers plain HTTP although it has a certificate.",
				"ingress-controller-ends": "Ingress plain is served by the managed NGINX of AKS, which … 30 November 2026 (…, as of 2026-08-03).",
			},
		},
		"a TLS Secret that cannot be looked at": { // without the right to read Secrets, it is not called missing
			about:  "ingress/tls",
			clean:  true,
			unread: "secrets",
			made: made(ingressOf("tls", class, "tls", 80, func(i *networkingv1.Ingress) {
				i.Spec.TLS = []networkingv1.IngressTLS{{Hosts: []string{"tls.example.com"}, SecretName: "tls-missing"}}
			}), serviceOf("tls", http), app("tls", "12346", httpPort)),
			says: "tls is healthy: Deployment tls has its only pod ready; Service tls has 1 ready endpoint; Ingress tls reaches its services for " +
				"tls.example.com.",
		},
	})
}

// TestTheFirstLineNamesWhatIsWrongWithTLSSecrets has the optional right to Secrets; without it, nothing is said of them.
func TestTheFirstLineNamesWhatIsWrongWithTLSSecrets(t *testing.T) {
	t.Parallel()
	w := newBrokenNamespace(t, control.ForTest(t))
	platform.LetReadSecrets(t, w.Cluster, w.namespace)
	bot, err := kube.Open(t.Context(), kube.Config{
		Name: "sandbox", Access: kube.Kubeconfig, Kubeconfig: w.ServiceAccount(t, w.namespace, platform.BotRules()),
		SecretNamespaces: []string{w.namespace}, SecretValues: func([][]byte) {},
	})
	require.NoError(t, err)
	w.bot = bot
	class, http := "nginx-"+w.namespace, intstr.FromInt32(3000)
	secure := func(i *networkingv1.Ingress) {
		i.Spec.TLS = []networkingv1.IngressTLS{{Hosts: []string{i.Name + ".example.org"}, SecretName: i.Name + "-tls"}}
		i.Spec.Rules[0].Host = i.Name + ".example.org"
	}
	w.make(t, &networkingv1.IngressClass{ObjectMeta: named(class), Spec: networkingv1.IngressClassSpec{Controller: "example.com/ingress"}})
	w.diagnose(t, 0, map[string]brokenCase{
		"a Secret that is not there": {
			rule:    "ingress-tls-secret",
			about:   "ingress/missing",
			made:    made(ingressOf("missing", class, "missing", 80, secure), serviceOf("missing", http), app("missing", "12345", httpPort)),
			says:    "TLS Secret missing-tls of Ingress missing does not exist, so missing.example.org shows a certificate that browsers reject.",
			command: "kubectl describe certificate -n NS",
		},
		"a certificate for another host": {
			rule:    "ingress-host-certificate",
			about:   "ingress/other",
			made:    made(ingressOf("other", class, "missing", 80, secure), certificateOf(t, "other-tls")),
			says:    "The certificate in Secret other-tls does not cover other.example.org.",
			command: "cmctl renew other-tls -n NS",
		},
	})
}

// certificateOf is a TLS Secret for example.com.
func certificateOf(t *testing.T, name string) *corev1.Secret {
	t.Helper()
	server := httptest.NewTLSServer(nil)
	server.Close()
	key, err := x509.MarshalPKCS8PrivateKey(server.TLS.Certificates[0].PrivateKey)
	require.NoError(t, err)
	return &corev1.Secret{ObjectMeta: named(name), Type: corev1.SecretTypeTLS, Data: map[string][]byte{
		corev1.TLSCertKey:       pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}),
		corev1.TLSPrivateKeyKey: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
	}}
}
