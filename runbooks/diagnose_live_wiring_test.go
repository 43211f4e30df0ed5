package runbooks_test

import (
	"crypto/x509"
	"encoding/pem"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
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
			says:    "Ingress number leads to port 8080 of Service number, which has no such port; http://number.example.com/ answers 503.",
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
				"ingress-controller-ends": "Ingress plain is served by the NGINX of AKS, whose support … on 30 November 2026.",
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

// scalerOf keeps a Deployment at 70 % of its CPU requests.
func scalerOf(name, target string, most int32) *autoscalingv2.HorizontalPodAutoscaler {
	return &autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: named(name), Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
		ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: target},
		MinReplicas:    ptr.To[int32](1), MaxReplicas: most,
		Metrics: []autoscalingv2.MetricSpec{{Type: autoscalingv2.ResourceMetricSourceType, Resource: &autoscalingv2.ResourceMetricSource{
			Name: "cpu", Target: autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: ptr.To[int32](70)},
		}}},
	}}
}

// byMemory measures memory: of CPU, a scaler does not believe what it hears in a pod's first half minute.
func byMemory(h *autoscalingv2.HorizontalPodAutoscaler) *autoscalingv2.HorizontalPodAutoscaler {
	h.Spec.Metrics[0].Resource.Name = "memory"
	return h
}

// byRequests measures what only an adapter could tell.
func byRequests(h *autoscalingv2.HorizontalPodAutoscaler) *autoscalingv2.HorizontalPodAutoscaler {
	h.Spec.Metrics = []autoscalingv2.MetricSpec{{Type: autoscalingv2.PodsMetricSourceType, Pods: &autoscalingv2.PodsMetricSource{
		Metric: autoscalingv2.MetricIdentifier{Name: "requests-per-second"},
		Target: autoscalingv2.MetricTarget{Type: autoscalingv2.AverageValueMetricType, AverageValue: new(resource.MustParse("10"))},
	}}}
	return h
}

// byBoth measures memory, too. Pods use 77 % of what they request.
func byBoth(h *autoscalingv2.HorizontalPodAutoscaler) *autoscalingv2.HorizontalPodAutoscaler {
	memory := *h.Spec.Metrics[0].DeepCopy()
	memory.Resource.Name, memory.Resource.Target.AverageUtilization = "memory", ptr.To[int32](77)
	h.Spec.Metrics[0].Resource.Target.AverageUtilization = ptr.To[int32](90)
	h.Spec.Metrics = append(h.Spec.Metrics, memory)
	return h
}

func budgetOf(name, label string) *policyv1.PodDisruptionBudget {
	return &policyv1.PodDisruptionBudget{ObjectMeta: named(name), Spec: policyv1.PodDisruptionBudgetSpec{
		MinAvailable: new(intstr.FromInt32(1)), Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": label}},
	}}
}

func TestTheFirstLineNamesWhyNothingScales(t *testing.T) {
	t.Parallel()
	newBrokenNamespace(t, control.ForTest(t)).diagnose(t, 6*time.Minute, map[string]brokenCase{ // a scaler may lack metrics for five minutes
		"a container without a request": {
			rule:    "autoscaler-needs-requests",
			about:   "hpa/norequest",
			says:    "HorizontalPodAutoscaler norequest cannot compute: container app has no cpu request.",
			command: "kubectl describe hpa norequest -n NS",
			made: made(
				scalerOf("norequest", "norequest", 5),
				app("norequest", "12346", container(func(c *corev1.Container) { c.Resources = corev1.ResourceRequirements{} })),
			),
		},
		"the load asks for more": {
			rule:    "autoscaler-at-max",
			about:   "hpa/busy",
			made:    made(byMemory(scalerOf("busy", "busy", 2)), app("busy", "12346", annotated("memory", "16Mi"))),
			says:    "Deployment busy runs at its maximum of 2 pods and the load asks for more.",
			command: "kubectl describe hpa busy -n NS",
		},
		"a target that does not exist": {
			rule: "autoscaler-target-missing", about: "hpa/target", made: made(scalerOf("target", "targett", 5), app("target", "12346")),
			says:    "HorizontalPodAutoscaler target scales Deployment targett, which does not exist.",
			command: "kubectl describe hpa target -n NS",
		},
		"a workload that is gone, though its Service and its autoscaler stand": {
			rule:    "workload-gone",
			about:   "deployment/departed",
			made:    made(scalerOf("departed", "departed", 5), serviceOf("departed", intstr.FromInt32(3000))),
			says:    "Deployment departed does not exist (its autoscaler has missed it since …), so Service departed reaches no pod.",
			command: "kubectl get events -n NS --field-selector involvedObject.name=departed",
		},
		"two autoscalers for one target": {
			rule:    "autoscaler-ambiguous",
			about:   "hpa/fight-a",
			made:    made(scalerOf("fight-a", "fight", 5), scalerOf("fight-b", "fight", 5), app("fight", "12346")),
			says:    "Two autoscalers, fight-a and fight-b, scale Deployment fight and fight each other.",
			command: "kubectl describe hpa fight-b -n NS",
		},
		"two budgets for one pod": {
			rule:    "budgets-overlap",
			about:   "pdb/twice-b",
			made:    made(budgetOf("twice-a", "twice"), budgetOf("twice-b", "twice"), app("twice", "12346")),
			says:    "Two PodDisruptionBudgets, twice-a and twice-b, select the pods of twice, so none of them can be evicted and drains wait.",
			command: "kubectl get pdb -n NS",
		},
		"a metric that nobody provides": {
			rule: "autoscaler-no-metrics", about: "hpa/queue", made: made(byRequests(scalerOf("queue", "queue", 5)), app("queue", "12346")),
			says: "HorizontalPodAutoscaler queue gets no metrics, so it does not scale.", command: "kubectl describe hpa queue -n NS",
		},
		"memory that stays": {
			about: "hpa/keeps", clean: true, made: made(byBoth(scalerOf("keeps", "keeps", 5)), app("keeps", "12346", replicas(2))),
			says:   "keeps is healthy: Deployment keeps has 2 of 2 pods ready; HorizontalPodAutoscaler keeps is at 2 of 1 to 5 pods.",
			advice: map[string]string{"memory-keeps-pods": "keeps keeps 2 pods for their memory (… %/… %) while their CPU is at … %/… %."},
		},
		"pods that are not ready": {
			rule:     "image-not-found",
			explains: []string{"autoscaler-no-metrics", "pods-missing"},
			about:    "hpa/notready",
			made:     made(scalerOf("notready", "notready", 5), app("notready", "12346-notfound")),
			says:     "Image IMAGE:12346-notfound does not exist in its registry, so no pod of notready can start.",
			command:  "kubectl describe pod notready-",
		},
		"a budget that blocks drains": {
			rule: "budget-blocks", about: "pdb/strict", made: made(budgetOf("strict", "strict"), app("strict", "12346")),
			says:    "PodDisruptionBudget strict allows no disruption although its only pod is healthy, so the node with it cannot be drained.",
			command: "kubectl describe pdb strict -n NS",
		},
		"a budget for nobody": {
			rule: "budget-matches-nothing", about: "pdb/nobody", made: made(budgetOf("nobody", "nobody")),
			says:    "PodDisruptionBudget nobody matches no pod, so it protects nothing.",
			command: "kubectl describe pdb nobody -n NS",
		},
		"a budget of sick pods": {
			rule:     "image-not-found",
			explains: []string{"budget-unhealthy"},
			about:    "pdb/sick",
			made:     made(budgetOf("sick", "sick"), app("sick", "12346-notfound")),
			says:     "Image IMAGE:12346-notfound does not exist in its registry, so no pod of sick can start.",
			command:  "kubectl describe pod sick-",
		},
	})
}

func TestTheFirstLineNamesWhyAChangeDoesNotArrive(t *testing.T) {
	t.Parallel()
	w := newBrokenNamespace(t, control.ForTest(t))
	job := &batchv1.Job{
		ObjectMeta: named("migrate"),
		Spec: batchv1.JobSpec{BackoffLimit: ptr.To[int32](0), Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
			RestartPolicy: corev1.RestartPolicyNever, Containers: []corev1.Container{{Name: "migrate", Image: registry + "12346-crash-unknown"}},
		}}},
	}
	held := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "held", Finalizers: []string{"example.com/cleanup"}}, Spec: corev1.PodSpec{
		Containers: []corev1.Container{{Name: "app", Image: registry + "12345"}},
	}}
	w.make(t, held)
	require.NoError(t, w.Client.CoreV1().Pods(w.namespace).Delete(t.Context(), "held", metav1.DeleteOptions{}))
	t.Cleanup(func() { w.release(t, "pods", "held") })
	w.diagnose(t, 2*time.Minute, map[string]brokenCase{ // a pod may take a minute longer to go than it said
		"its deadline has passed": {
			rule: "image-not-found", made: made(app("stuck", "12346-notfound", deadline)), was: "12345",
			says:    "Image IMAGE:12346-notfound does not exist in its registry, so the new pods of stuck cannot start; 1 ready pod still serves.",
			command: "/algesta rollback stuck NS",
		},
		"scaled to zero behind a Service": {
			rule: "scaled-to-zero", made: made(app("asleep", "12345", replicas(0)), serviceOf("asleep", intstr.FromInt32(3000))),
			says:    "Deployment asleep is scaled to zero, so it runs no pods.",
			command: "/algesta scale asleep NS replicas=1",
		},
		"a Job that failed": {
			rule: "job-failed", about: "job/migrate", made: made(job),
			says:    "Job migrate has failed (BackoffLimitExceeded): “tariff table 2026-11 has no row for zone 7, giving up”.",
			command: "kubectl logs job/migrate -n NS",
		},
		"a pod that a finalizer holds": {
			rule: "stuck-terminating", about: "pod/held",
			says:    "Pod held should have been gone by …; finalizer example.com/cleanup blocks it.",
			command: "kubectl describe pod held -n NS",
		},
		"a rollout that was paused": {
			rule: "rollout-paused", made: made(app("paused", "12345", func(d *appsv1.Deployment) { d.Spec.Paused = true })), was: "12344",
			says:    "The rollout of paused is paused, so changes to it have no effect.",
			command: "kubectl rollout resume deployment/paused -n NS",
		},
		"nothing is wrong": {
			made: made(app("fine", "12345")),
			says: "fine is healthy: Deployment fine has its only pod ready.", clean: true,
		},
		"a pod that nothing manages crashes": {
			rule:  "missing-variable",
			about: "pod/bare",
			made: made(
				&corev1.Pod{
					ObjectMeta: named("bare"),
					Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: registry + "12346-crash"}}},
				},
			),
			says:    "Pod bare needs the environment variable PAYMENTS_URL, which its spec does not set, so pod bare keeps crashing.",
			command: "kubectl describe pod bare -n NS",
		},
	})
}

func deadline(d *appsv1.Deployment) { d.Spec.ProgressDeadlineSeconds = ptr.To[int32](2) }
