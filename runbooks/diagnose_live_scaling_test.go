package runbooks_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/3astronautas/algesta/sandbox/control"
)

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
			says:   "keeps is healthy: Deployment keeps has 2 of 2 pods ready; HorizontalPodAutoscaler keeps keeps 2 pods (1 to 5).",
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
			command: "/algesta resume paused NS",
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

// drain cordons a node whose only pod a budget protects, and says of its drain what the upgrader of AKS does.
func (w *brokenNamespace) drain(t *testing.T, pool string) {
	t.Helper()
	w.make(t, app("vault", "12345", onNodes("agentpool", pool)), budgetOf("vault", "vault"))
	w.await(t, "the budget knows its pod", func() bool {
		b, err := w.Client.PolicyV1().PodDisruptionBudgets(w.namespace).Get(t.Context(), "vault", metav1.GetOptions{})
		return err == nil && b.Status.CurrentHealthy == 1
	})
	cordon := []byte(`{"spec":{"unschedulable":true}}`)
	_, err := w.Client.CoreV1().Nodes().Patch(t.Context(), "aks-"+pool, types.MergePatchType, cordon, metav1.PatchOptions{})
	require.NoError(t, err)
	_, err = w.Client.CoreV1().Events(metav1.NamespaceDefault).Create(t.Context(), &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Name: "drain"},
		InvolvedObject: corev1.ObjectReference{Kind: "Node", Name: "aks-" + pool, UID: types.UID("aks-" + pool)},
		Reason:         "Drain", Message: "Eviction blocked by Too Many Requests (usually a pdb): vault-1", Type: corev1.EventTypeWarning,
		Count:          12,
		FirstTimestamp: metav1.Now(), LastTimestamp: metav1.Now(), Source: corev1.EventSource{Component: "upgrader"},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
}
