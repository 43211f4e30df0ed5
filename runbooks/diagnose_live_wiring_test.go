package runbooks_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/3astronautas/algesta/sandbox/control"
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

// ingressOf leads the host NAME.example.com to a Service.
func ingressOf(name, class, service string, number int32, changes ...func(*networkingv1.Ingress)) *networkingv1.Ingress {
	i := &networkingv1.Ingress{ObjectMeta: named(name), Spec: networkingv1.IngressSpec{
		IngressClassName: new(class),
		Rules: []networkingv1.IngressRule{{Host: name + ".example.com", IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{
			Paths: []networkingv1.HTTPIngressPath{{Path: "/", PathType: ptr.To(networkingv1.PathTypePrefix), Backend: networkingv1.IngressBackend{
				Service: &networkingv1.IngressServiceBackend{Name: service, Port: networkingv1.ServiceBackendPort{Number: number}},
			}}},
		}}}},
	}}
	for _, change := range changes {
		change(i)
	}
	return i
}

func TestTheFirstLineNamesWhatIsWrongBetweenTheIngressAndThePods(t *testing.T) {
	t.Parallel()
	w := newWard(t, control.ForTest(t))
	class := "nginx-" + w.namespace // classes are the whole cluster's
	w.make(t, &networkingv1.IngressClass{ObjectMeta: named(class), Spec: networkingv1.IngressClassSpec{Controller: "example.com/ingress"}})
	http := intstr.FromInt32(3000)
	probed := container(func(c *corev1.Container) { c.ReadinessProbe = healthProbe() })
	w.diagnose(t, 6*time.Minute, map[string]patient{ // an ingress controller gets five minutes for an address
		"a selector that matches nothing": {
			about: "service/lonely", made: made(serviceOf("lonely", http)),
			says:    "The selector of Service lonely (app=lonely) matches no pod.",
			command: "kubectl edit service lonely -n NS",
		},
		"a port name that no pod has": {
			about: "service/portname", made: made(serviceOf("portname", intstr.FromString("web")), app("portname", "12346", httpPort)),
			says:    "Port 80 of Service portname leads to port name web, which its pods do not have.",
			command: "kubectl edit service portname -n NS",
		},
		"the same, asked about its Deployment": {
			made:    made(app("portname2", "12346", httpPort), serviceOf("portname2", intstr.FromString("web"))),
			says:    "Port 80 of Service portname2 leads to port name web, which its pods do not have.",
			command: "kubectl edit service portname2 -n NS",
		},
		"a port number that is another": {
			about: "service/portnumber", made: made(serviceOf("portnumber", intstr.FromInt32(8080)), app("portnumber", "12346", httpPort, probed)),
			says:    "Service portnumber sends to port 8080, but its pods declare and answer on port 3000.",
			command: "kubectl edit service portnumber -n NS",
		},
		"nothing is ready behind it": {
			about: "service/unready", made: made(serviceOf("unready", http), app("unready", "12346-neverready", httpPort, probed)),
			told: true, says: "The readiness probe of container app fails: the program answers with a server error, so no pod of unready becomes ready.",
			command: "kubectl describe pod unready-",
		},
		"a load balancer that does not come": {
			about: "service/public", made: made(loadBalancer(serviceOf("public", http)), app("public", "12346", httpPort)),
			says:    "Service public has no address: its load balancer was not set up.",
			command: "kubectl describe service public -n NS",
		},
		"an ingress class that does not exist": {
			about: "ingress/class", made: made(ingressOf("class", "ngnix", "class", 80), serviceOf("class", http), app("class", "12346", httpPort)),
			says:    "Ingress class names class ngnix, which does not exist, so no controller serves it.",
			command: "kubectl edit ingress class -n NS",
		},
		"a backend that does not exist": {
			about: "ingress/backend", made: made(ingressOf("backend", class, "backends", 80), serviceOf("backend", http), app("backend", "12346", httpPort)),
			says:    "Ingress backend leads to Service backends, which does not exist; http://backend.example.com/ answers 503.",
			command: "kubectl edit ingress backend -n NS",
		},
		"a port that the backend does not have": {
			about: "ingress/number", made: made(ingressOf("number", class, "number", 8080), serviceOf("number", http), app("number", "12346", httpPort)),
			says:    "Ingress number leads to port 8080 of Service number, which has no such port; http://number.example.com/ answers 503.",
			command: "kubectl edit ingress number -n NS",
		},
		"pods that crash behind an ingress": {
			about: "ingress/down", made: made(ingressOf("down", class, "down", 80), serviceOf("down", http), app("down", "12346-notfound", httpPort)),
			says:    "Image IMAGE:12346-notfound does not exist in its registry, so no pod of down can start.",
			command: "kubectl describe pod down-",
		},
		"an ingress without an address": {
			about: "ingress/address", made: made(ingressOf("address", class, "address", 80), serviceOf("address", http), app("address", "12346", httpPort)),
			says:    "Ingress address has no address: its controller has not taken it.",
			command: "kubectl describe ingress address -n NS",
		},
	})
}

func TestTheFirstLineNamesWhatIsWrongWithIngressesThatWork(t *testing.T) {
	t.Parallel()
	w := newWard(t, control.ForTest(t))
	class, http := "nginx-"+w.namespace, intstr.FromInt32(3000)
	w.make(t, &networkingv1.IngressClass{ObjectMeta: named(class), Spec: networkingv1.IngressClassSpec{Controller: "example.com/ingress"}})
	w.diagnose(t, 0, map[string]patient{
		"one host twice": {
			about: "ingress/twice",
			made: made(ingressOf("twice", class, "twice", 80), ingressOf("twice-copy", class, "twice", 80, func(i *networkingv1.Ingress) { i.Spec.Rules[0].Host = "twice.example.com" }),
				serviceOf("twice", http), app("twice", "12346", httpPort)),
			says: "Ingresses twice and twice-copy both claim twice.example.com/; the older one wins.", command: "kubectl get ingress",
		},
		"a TLS Secret that cannot be looked at": { // without the right to read Secrets, it is not called missing
			about: "ingress/tls", clean: true, hole: "secrets",
			made: made(ingressOf("tls", class, "tls", 80, func(i *networkingv1.Ingress) {
				i.Spec.TLS = []networkingv1.IngressTLS{{Hosts: []string{"tls.example.com"}, SecretName: "tls-missing"}}
			}), serviceOf("tls", http), app("tls", "12346", httpPort)),
			says: "tls is healthy: Deployment tls has 1 of 1 pods ready; Service tls has 1 ready endpoint; Ingress tls reaches its services for tls.example.com.",
		},
	})
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

func budgetOf(name, label string) *policyv1.PodDisruptionBudget {
	return &policyv1.PodDisruptionBudget{ObjectMeta: named(name), Spec: policyv1.PodDisruptionBudgetSpec{
		MinAvailable: new(intstr.FromInt32(1)), Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": label}},
	}}
}

func TestTheFirstLineNamesWhyNothingScales(t *testing.T) {
	t.Parallel()
	newWard(t, control.ForTest(t)).diagnose(t, 6*time.Minute, map[string]patient{ // a scaler may lack metrics for five minutes
		"a container without a request": {
			about:   "hpa/norequest",
			says:    "HorizontalPodAutoscaler norequest cannot compute: container app has no cpu request.",
			command: "kubectl describe hpa norequest -n NS",
			made:    made(scalerOf("norequest", "norequest", 5), app("norequest", "12346", container(func(c *corev1.Container) { c.Resources = corev1.ResourceRequirements{} }))),
		},
		"the load asks for more": {
			about: "hpa/busy", made: made(byMemory(scalerOf("busy", "busy", 2)), app("busy", "12346", annotated("memory", "16Mi"))),
			says:    "Deployment busy runs at its maximum of 2 pods and the load asks for more.",
			command: "kubectl describe hpa busy -n NS",
		},
		"a target that does not exist": {
			about: "hpa/target", made: made(scalerOf("target", "targett", 5), app("target", "12346")),
			says:    "HorizontalPodAutoscaler target scales Deployment targett, which does not exist.",
			command: "kubectl describe hpa target -n NS",
		},
		"two autoscalers for one target": {
			about: "hpa/fight-a", made: made(scalerOf("fight-a", "fight", 5), scalerOf("fight-b", "fight", 5), app("fight", "12346")),
			says:    "Two autoscalers, fight-a and fight-b, scale Deployment fight and fight each other.",
			command: "kubectl describe hpa fight-b -n NS",
		},
		"pods that are not ready": {
			about: "hpa/notready", made: made(scalerOf("notready", "notready", 5), app("notready", "12346-notfound")),
			says:    "Image IMAGE:12346-notfound does not exist in its registry, so no pod of notready can start.",
			command: "kubectl describe pod notready-",
		},
		"a budget that blocks drains": {
			about: "pdb/strict", made: made(budgetOf("strict", "strict"), app("strict", "12346")),
			says:    "PodDisruptionBudget strict allows no disruption although its only pod is healthy, so the node with it cannot be drained.",
			command: "kubectl describe pdb strict -n NS",
		},
		"a budget for nobody": {
			about: "pdb/nobody", made: made(budgetOf("nobody", "nobody")),
			says:    "PodDisruptionBudget nobody matches no pod, so it protects nothing.",
			command: "kubectl describe pdb nobody -n NS",
		},
		"a budget of sick pods": {
			about: "pdb/sick", made: made(budgetOf("sick", "sick"), app("sick", "12346-notfound")),
			says:    "Image IMAGE:12346-notfound does not exist in its registry, so no pod of sick can start.",
			command: "kubectl describe pod sick-",
		},
	})
}

func TestTheFirstLineNamesWhyAChangeDoesNotArrive(t *testing.T) {
	t.Parallel()
	w := newWard(t, control.ForTest(t))
	job := &batchv1.Job{ObjectMeta: named("migrate"), Spec: batchv1.JobSpec{BackoffLimit: ptr.To[int32](0), Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
		RestartPolicy: corev1.RestartPolicyNever, Containers: []corev1.Container{{Name: "migrate", Image: registry + "12346-crash-unknown"}},
	}}}}
	held := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "held", Finalizers: []string{"example.com/cleanup"}}, Spec: corev1.PodSpec{
		Containers: []corev1.Container{{Name: "app", Image: registry + "12345"}},
	}}
	w.make(t, held)
	require.NoError(t, w.Client.CoreV1().Pods(w.namespace).Delete(t.Context(), "held", metav1.DeleteOptions{}))
	t.Cleanup(func() { w.release(t, "pods", "held") })
	w.diagnose(t, 2*time.Minute, map[string]patient{ // a pod may take a minute longer to go than it said
		"its deadline has passed": {
			made: made(app("stuck", "12346-notfound", deadline)), was: "12345",
			says:    "Image IMAGE:12346-notfound does not exist in its registry, so the new pods of stuck cannot start; 1 ready pod still serves.",
			command: "/algesta rollback stuck NS",
		},
		"scaled to zero behind a Service": {
			made:    made(app("asleep", "12345", replicas(0)), serviceOf("asleep", intstr.FromInt32(3000))),
			says:    "Deployment asleep is scaled to zero: it runs no pods, and nothing is broken.",
			command: "/algesta scale asleep NS replicas=1",
		},
		"a Job that failed": {
			about: "job/migrate", made: made(job),
			says:    "Job migrate has failed (BackoffLimitExceeded): “tariff table 2026-11 has no row for zone 7, giving up”.",
			command: "kubectl logs job/migrate -n NS",
		},
		"a pod that a finalizer holds": {
			about:   "pod/held",
			says:    "Pod held should have been gone for … min; finalizer example.com/cleanup holds it.",
			command: "kubectl describe pod held -n NS",
		},
		"a rollout that was paused": {
			made: made(app("paused", "12345", func(d *appsv1.Deployment) { d.Spec.Paused = true })), was: "12344",
			says:    "The rollout of paused is paused, so changes to it have no effect.",
			command: "kubectl rollout resume deployment/paused -n NS",
		},
		"nothing is wrong": {
			made: made(app("fine", "12345")),
			says: "fine is healthy: Deployment fine has 1 of 1 pods ready.", clean: true,
		},
		"a pod that nothing manages crashes": {
			about: "pod/bare", made: made(&corev1.Pod{ObjectMeta: named("bare"), Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: registry + "12346-crash"}}}}),
			says:    "Pod bare needs the environment variable PAYMENTS_URL, which its spec does not set, so pod bare keeps crashing.",
			command: "kubectl describe pod bare -n NS",
		},
	})
}

func deadline(d *appsv1.Deployment) { d.Spec.ProgressDeadlineSeconds = ptr.To[int32](2) }
