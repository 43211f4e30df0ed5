package runbooks_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/3astronautas/algesta/sandbox/control"
)

// thatSays has the program write this line, so often.
func thatSays(times int, line string) func(*appsv1.Deployment) {
	return func(d *appsv1.Deployment) {
		d.Spec.Template.Annotations = map[string]string{"sandbox.algesta.io/says": strings.Repeat(line+"\n", times)}
	}
}

func naming(name, value string) func(*appsv1.Deployment) {
	return container(func(c *corev1.Container) { c.Env = append(c.Env, corev1.EnvVar{Name: name, Value: value}) })
}

func takingFrom(configMap string) func(*appsv1.Deployment) {
	return container(func(c *corev1.Container) {
		all := &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: configMap}}
		c.EnvFrom = []corev1.EnvFromSource{{ConfigMapRef: all}}
	})
}

// TestTheFirstLineNamesWhatGreenPodsSay has pods that are ready, and whose log or configuration says something else.
func TestTheFirstLineNamesWhatGreenPodsSay(t *testing.T) {
	t.Parallel()
	w := newBrokenNamespace(t, control.ForTest(t))
	http := intstr.FromInt32(3000)
	forbidden := fmt.Sprintf(`pods is forbidden: User "system:serviceaccount:%s:default" cannot list resource "pods" in API group "" in the `+
		`namespace "%s"`, w.namespace, w.namespace)
	w.diagnose(t, 0, map[string]brokenCase{
		"a right that its ServiceAccount lacks": {
			rule: "api-forbidden", made: made(app("watcher", "12346", thatSays(5, "Error from server (Forbidden): "+forbidden))),
			says:    "ServiceAccount default may not list pods in namespace NS (Forbidden), so watcher is failing although the pods are ready.",
			command: "kubectl auth can-i list pods --as=system:serviceaccount:NS:default -n NS",
		},
		"a right that its database user lacks": {
			rule: "dependency-denied", made: made(app("invoices", "12346", thatSays(5, "ERROR: permission denied for table invoices"))),
			says: "PostgreSQL denies access: “permission denied for table invoices”, so invoices is failing although the pods are ready.",
		},
		"an identity that the cloud refuses": {
			rule: "identity-refused", made: made(app("uploads", "12346", thatSays(5, "ERROR: DefaultAzureCredential: AADSTS700213: No matching "+
				"federated identity record found for presented assertion subject 'system:serviceaccount:shop:uploads'."))),
			says: "Entra ID refuses the identity of uploads: “AADSTS700213: No matching federated identity record found for presented …”, so " +
				"uploads is " +
				"failing " +
				"although the pods are ready.",
			command: "kubectl get serviceaccount default -n NS -o yaml",
		},
		"a database that takes no writes": {
			rule: "dependency-read-only", made: made(app("cart", "12346", thatSays(5, "ReplyError: READONLY You can't write against a read "+
				"only replica."))),
			says: "Redis takes no writes: it is read-only, so cart is failing although the pods are ready.",
		},
		"a callee that isn't registered": {
			rule: "dependency-no-instance", made: made(app("front", "12346", thatSays(5, "WARN No servers available for service: inventory"))),
			says: "Inventory has no instance that answers, so front is failing although the pods are ready.",
		},
		"a schema that isn't there": {
			rule: "schema-missing", made: made(app("tenants", "12346", thatSays(5, `ERROR: relation "tenants" does not exist`))),
			says: "The database of tenants lacks what it asks for: “relation \"tenants\" does not exist”, so tenants is failing although the pods " +
				"are ready.",
		},
		"a callee whose own log says why": {
			rule: "callee-reports", made: made(
				app("basket", "12346", naming("SESSION_STORE", "sessions:80"),
					thatSays(5, "ERROR could not store session: OOM command not allowed when used memory > 'maxmemory'.")),
				serviceOf("sessions", http),
				app("sessions", "12346", httpPort, thatSays(5, "WARNING: can't evict: out of memory, maxmemory reached"))),
			says: "Service sessions says of itself: “can't evict: out of memory, maxmemory reached”, so basket is failing although the pods " +
				"are ready.",
		},
		"a callee whose mesh wants mutual TLS": {
			rule: "mutual-tls-required", made: made(
				app("teller", "12346", naming("LEDGER", "http://ledger:80/"),
					thatSays(5, "ERROR POST http://ledger:80/entries failed: read: connection reset by peer")),
				serviceOf("ledger", http),
				app("ledger", "12346", httpPort, pod(func(spec *corev1.PodSpec) {
					spec.Containers = append(spec.Containers, corev1.Container{Name: "istio-proxy", Image: "registry.example.com/istio/proxyv2:1.27"})
				}))),
			says: "Service ledger is called without mutual TLS: teller has no sidecar of the mesh, so teller is failing although the pods " +
				"are ready.",
		},
		"an error of its own": {
			rule: "errors-while-ready", made: made(app("prices", "12346", thatSays(5, "ERROR ZeroDivisionError: division by zero"))),
			says: "The program in container app reports again and again: “ZeroDivisionError: division by zero”, so prices is failing " +
				"although " +
				"the pods are ready.",
		},
		"a server that the resolver asks in vain": {
			rule: "dns-upstream-silent",
			made: made(app("resolver", "12346", image("registry.k8s.io/coredns/coredns:v1.11.3"), thatSays(5,
				"[ERROR] plugin/errors: 2 sap.corp.example.com. A: read udp 10.244.0.11:41822->10.1.0.4:53: i/o timeout"))),
			says:    "CoreD… gets no answer from 10.1.0.4.", // NS stands for the namespace
			command: "kubectl logs resolver-",
		},
		"a port on which it doesn't listen": {
			rule: "listens-elsewhere", about: "service/tiles",
			made:    made(serviceOf("tiles", http), app("tiles", "12346", thatSays(1, "Server listening on http://0.0.0.0:8080"))),
			says:    "Service tiles sends to port 3000, but tiles says that it listens on 8080.",
			command: "kubectl edit service tiles -n NS",
		},
		"a port that its callee doesn't have": {
			rule: "call-port-missing",
			made: made(app("checkout", "12346", takingFrom("checkout-env")),
				&corev1.ConfigMap{ObjectMeta: named("checkout-env"), Data: map[string]string{"PAYMENTS_URL": "http://payments:8081/v2"}},
				serviceOf("payments", http), app("payments", "12346", httpPort)),
			says: "Deployment checkout calls payments:8081 (PAYMENTS_URL of ConfigMap checkout-env), and Service payments has only port 80.",
		},
		"a resolver that knows no Services": {
			rule: "call-unresolvable",
			made: made(app("stock", "12346", naming("DEPOT", "http://depot:80/"), pod(func(spec *corev1.PodSpec) {
				spec.DNSPolicy = corev1.DNSDefault
			})), serviceOf("depot", http), app("depot", "12346", httpPort)),
			says: "Deployment stock cannot resolve the name of Service depot: dnsPolicy Default sends its questions to the node's resolver.",
		},
		"a policy in the way": {
			rule: "call-denied-by-policy",
			made: made(app("reports", "12346", naming("WAREHOUSE", "http://warehouse:80/")), serviceOf("warehouse", http),
				app("warehouse", "12346", httpPort), closed("reports", networkingv1.PolicyTypeEgress)),
			says: "NetworkPolicy reports does not let the pods of reports call Service warehouse, which it names in variable WAREHOUSE.",
		},
	})
}

func TestTheFirstLineNamesCronJobsThatPileUpOrRest(t *testing.T) {
	t.Parallel()
	w := newBrokenNamespace(t, control.ForTest(t))
	work := corev1.PodTemplateSpec{Spec: corev1.PodSpec{
		RestartPolicy: corev1.RestartPolicyNever, Containers: []corev1.Container{{Name: "app", Image: registry + "12346"}},
	}}
	w.make(t, &batchv1.CronJob{ObjectMeta: named("poller"), Spec: batchv1.CronJobSpec{
		Schedule: "0 0 1 1 *", Suspend: new(true), JobTemplate: batchv1.JobTemplateSpec{Spec: batchv1.JobSpec{Template: work}},
	}})
	cronJobs := w.Client.BatchV1().CronJobs(w.namespace)
	c, err := cronJobs.Get(t.Context(), "poller", metav1.GetOptions{})
	require.NoError(t, err)
	for i := range 3 {
		j := &batchv1.Job{ObjectMeta: named(fmt.Sprintf("poller-%d", i)), Spec: batchv1.JobSpec{Template: work}}
		j.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(c, batchv1.SchemeGroupVersion.WithKind("CronJob"))}
		w.make(t, j)
	}
	rests := c.DeepCopy()
	rests.ObjectMeta = named("rests")
	w.make(t, rests)
	w.scheduled(t, "rests", time.Now().Add(-48*time.Hour))
	w.diagnose(t, 0, map[string]brokenCase{
		"runs that do not end": {
			rule: "cronjob-piles-up", about: "cronjob/poller",
			says: "3 runs of CronJob poller are active at once, the oldest since …: they do not end before the next begins.",
		},
		"one that is suspended": {
			rule: "cronjob-suspended", about: "cronjob/rests", says: "CronJob rests is suspended: it last ran ….",
		},
	})
}

func TestTheFirstLineNamesCallsThatStayOnTheirNode(t *testing.T) {
	t.Parallel()
	w := newBrokenNamespace(t, control.ForTest(t))
	nodes, err := w.Client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{LabelSelector: "agentpool=stdaruser"})
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(nodes.Items), 2)
	here, there := nodes.Items[0].Name, nodes.Items[1].Name
	local := serviceOf("collector", intstr.FromInt32(3000))
	local.Spec.InternalTrafficPolicy = new(corev1.ServiceInternalTrafficPolicyLocal)
	w.diagnose(t, 6*time.Minute, map[string]brokenCase{ // a node that has joined may lack pods of a DaemonSet for five
		"calls that stay on their node": {
			rule: "call-not-local", about: "deployment/bridge",
			made: made(local, app("collector", "12345", httpPort, onNodes("kubernetes.io/hostname", here)),
				app("bridge", "12345", onNodes("kubernetes.io/hostname", there), naming("COLLECTOR", "http://collector:80/"))),
			says: "Service collector keeps calls on their node (internalTrafficPolicy Local), and " + there + ", where bridge runs, has no pod " +
				"of it.",
			command: "kubectl edit service collector -n NS",
		},
	})
}
