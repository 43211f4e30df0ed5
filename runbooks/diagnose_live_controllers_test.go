package runbooks_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"
	"k8s.io/utils/ptr"

	"github.com/3astronautas/algesta/sandbox/control"
)

// refusal is what a policy of the cluster does not let anybody write: an operation on a resource, of objects whose names begin so.
type refusal struct{ operation, resource, name string }

// refuse installs a policy for the brokenNamespace, and returns when the API server asks it.
func (w *brokenNamespace) refuse(t *testing.T, refusals ...refusal) {
	t.Helper()
	rules := []admissionregistrationv1.NamedRuleWithOperations{}
	var refused []string
	for _, r := range append(refusals, refusal{"CREATE", "configmaps", "try"}) {
		resource, subresource, _ := strings.Cut(r.resource, "/")
		refused = append(
			refused,
			fmt.Sprintf(
				"request.operation == '%s' && request.resource.resource == '%s' && (has(request.subResource) ? request.subResource : '') == '%s' && "+
					"object.metadata.name.startsWith('%s')",
				r.operation,
				resource,
				subresource,
				r.name,
			),
		)
		rules = append(rules, admissionregistrationv1.NamedRuleWithOperations{RuleWithOperations: admissionregistrationv1.RuleWithOperations{
			Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.OperationType(r.operation)},
			Rule:       admissionregistrationv1.Rule{APIGroups: []string{"*"}, APIVersions: []string{"*"}, Resources: []string{r.resource}},
		}})
	}
	name := "freeze-" + w.namespace
	w.make(
		t,
		&admissionregistrationv1.ValidatingAdmissionPolicy{ObjectMeta: named(name), Spec: admissionregistrationv1.ValidatingAdmissionPolicySpec{
			MatchConstraints: &admissionregistrationv1.MatchResources{
				NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: w.namespace}}, ResourceRules: rules,
			},
			Validations: []admissionregistrationv1.Validation{
				{Expression: "!(" + strings.Join(refused, " || ") + ")", Message: "changes are frozen until Monday"},
			},
		}},
		&admissionregistrationv1.ValidatingAdmissionPolicyBinding{
			ObjectMeta: named(name),
			Spec: admissionregistrationv1.ValidatingAdmissionPolicyBindingSpec{
				PolicyName: name, ValidationActions: []admissionregistrationv1.ValidationAction{admissionregistrationv1.Deny},
			},
		},
	)
	w.await(t, "the policy is asked", func() bool {
		_, err := w.Client.CoreV1().ConfigMaps(
			w.namespace,
		).Create(
			t.Context(),
			&corev1.ConfigMap{ObjectMeta: named("try")},
			metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}},
		)
		return err != nil
	})
}

func (w *brokenNamespace) patch(t *testing.T, resource, name, patch string) {
	t.Helper()
	of := w.dynamic.Resource(appsv1.SchemeGroupVersion.WithResource(resource)).Namespace(w.namespace)
	_, err := of.Patch(t.Context(), name, types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{})
	require.NoError(t, err)
}

// newImage is a patch that changes the image of a Deployment to 12345.
func newImage() string {
	return fmt.Sprintf(`{"spec":{"template":{"spec":{"containers":[{"name":"app","image":"%s%s"}]}}}}`, registry, "12345")
}

// cronJob makes a CronJob whose last run was so long ago, and is still active where that is said.
func (w *brokenNamespace) cronJob(t *testing.T, name, schedule string, last time.Duration, hangs bool) {
	t.Helper()
	w.make(t, &batchv1.CronJob{ObjectMeta: named(name), Spec: batchv1.CronJobSpec{
		Schedule: schedule, ConcurrencyPolicy: batchv1.ForbidConcurrent, JobTemplate: batchv1.JobTemplateSpec{Spec: jobSpec("12345")},
	}})
	c, err := w.Client.BatchV1().CronJobs(w.namespace).Get(t.Context(), name, metav1.GetOptions{})
	require.NoError(t, err)
	var active []corev1.ObjectReference
	if hangs {
		run := &batchv1.Job{ObjectMeta: named(name + "-1"), Spec: jobSpec("12345-neverready")}
		run.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(c, batchv1.SchemeGroupVersion.WithKind("CronJob"))}
		run, err = w.Client.BatchV1().Jobs(w.namespace).Create(t.Context(), run, metav1.CreateOptions{})
		require.NoError(t, err)
		active = []corev1.ObjectReference{{APIVersion: "batch/v1", Kind: "Job", Namespace: w.namespace, Name: run.Name, UID: run.UID}}
	}
	w.scheduled(t, name, time.Now().Add(-last), active...)
}

// scheduled says when a CronJob last made a Job, and what of it runs. The CronJob's controller writes its status too.
func (w *brokenNamespace) scheduled(t *testing.T, name string, last time.Time, active ...corev1.ObjectReference) {
	t.Helper()
	cronJobs := w.Client.BatchV1().CronJobs(w.namespace)
	require.NoError(t, retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		c, err := cronJobs.Get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		c.Status.LastScheduleTime = new(metav1.NewTime(last))
		if len(active) > 0 {
			c.Status.Active = active
		}
		_, err = cronJobs.UpdateStatus(t.Context(), c, metav1.UpdateOptions{})
		return err
	}))
}

// finish says of a container of a Job's pod that its program is done; the others run on.
func (w *brokenNamespace) finish(t *testing.T, job, container string) {
	t.Helper()
	w.await(t, container+" is done", func() bool {
		pods, err := w.Client.CoreV1().Pods(w.namespace).List(t.Context(), metav1.ListOptions{LabelSelector: batchv1.JobNameLabel + "=" + job})
		if err != nil || len(pods.Items) != 1 {
			return false
		}
		pod := &pods.Items[0]
		for i := range pod.Status.ContainerStatuses {
			status := &pod.Status.ContainerStatuses[i]
			if status.Name == container && status.State.Running != nil {
				status.State = corev1.ContainerState{
					Terminated: &corev1.ContainerStateTerminated{Reason: "Completed", StartedAt: status.State.Running.StartedAt, FinishedAt: metav1.Now()},
				}
				_, err = w.Client.CoreV1().Pods(w.namespace).UpdateStatus(t.Context(), pod, metav1.UpdateOptions{})
				return err == nil
			}
		}
		return false
	})
}

func jobSpec(tag string) batchv1.JobSpec {
	return batchv1.JobSpec{BackoffLimit: ptr.To[int32](0), Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
		RestartPolicy: corev1.RestartPolicyNever, Containers: []corev1.Container{{Name: "app", Image: registry + tag}},
	}}}
}

func TestTheFirstLineNamesWhatAControllerCannotDo(t *testing.T) {
	t.Parallel()
	w := newBrokenNamespace(t, control.ForTest(t))
	w.make(t, app("behind", "12344"), app("both", "12344"), &appsv1.StatefulSet{ObjectMeta: named("ordered"), Spec: appsv1.StatefulSetSpec{
		Selector: &metav1.LabelSelector{
			MatchLabels: map[string]string{"app": "ordered"},
		},
		Template: app("ordered", "12346-notfound").Spec.Template,
	}})
	w.cronJob(t, "forgotten", "0 * * * *", 200*time.Hour, false)
	w.cronJob(t, "report", "0 * * * *", 3*time.Hour, true)
	beside := &batchv1.Job{ObjectMeta: named("import"), Spec: jobSpec("12345-neverready")}
	beside.Spec.Template.Spec.Containers = append(
		beside.Spec.Template.Spec.Containers,
		corev1.Container{Name: "istio-proxy", Image: "docker.io/istio/proxyv2:1.27.0"},
	)
	w.make(t, beside)
	w.await(t, "they run", func() bool {
		for _, name := range []string{"behind", "both"} {
			if d, err := w.Client.AppsV1().Deployments(
				w.namespace,
			).Get(
				t.Context(),
				name,
				metav1.GetOptions{},
			); err != nil ||
				d.Status.AvailableReplicas == 0 {
				return false
			}
		}
		pod, err := w.Client.CoreV1().Pods(w.namespace).Get(t.Context(), "ordered-0", metav1.GetOptions{})
		return err == nil && len(pod.Status.ContainerStatuses) > 0
	})
	w.finish(t, "import", "app")
	w.refuse(
		t,
		refusal{"UPDATE", "deployments/status", "behind"},
		refusal{"CREATE", "replicasets", "behind"},
		refusal{"UPDATE", "replicasets", "both"},
		refusal{
			"CREATE",
			"replicasets",
			"frozen",
		},
		refusal{"UPDATE", "deployments/scale", "fixed"},
		refusal{"CREATE", "jobs", "refused"},
		refusal{"CREATE", "pods", "barred"},
	)
	w.patch(t, "deployments", "behind", newImage())
	w.patch(t, "deployments", "both", newImage())
	w.patch(t, "statefulsets", "ordered", newImage())
	w.cronJob(t, "refused", "* * * * *", time.Hour, false)
	w.diagnose(t, 12*time.Minute, map[string]brokenCase{ // a CronJob may be five minutes late
		"a Deployment that its controller does not get to": {
			rule: "controller-behind", about: "deployment/behind", says: "The deployment controller has not acted on the change of behind made ….",
		},
		"pods of two revisions": {
			rule:    "old-pods-remain",
			about:   "deployment/both",
			says:    "Pods of revision 1 of both still serve beside those of revision 2, although its rollout is over.",
			command: "kubectl scale replicaset/both-7fbc95d874 -n NS --replicas=0",
		},
		"a ReplicaSet that is refused": {
			rule: "replicaset-denied",
			made: made(app("frozen", "12345")),
			says: "The new ReplicaSet of frozen is refused: policy freeze-NS says: changes are frozen until Monday, so no pod of frozen can " +
				"be created.",
			command: "kubectl describe deployment/frozen -n NS",
		},
		"pods that are refused": {
			rule:    "webhook-denied",
			made:    made(app("barred", "12345")),
			says:    "Policy freeze-NS denies the pods: changes are frozen until Monday, so no pod of barred can be created.",
			command: "kubectl describe deployment/barred -n NS",
		},
		"a number of pods that is refused": {
			rule:    "autoscaler-cannot-scale",
			about:   "hpa/fixed",
			made:    made(byMemory(scalerOf("fixed", "fixed", 3)), app("fixed", "12346", annotated("memory", "16Mi"))),
			says:    "HorizontalPodAutoscaler fixed can't change the number of pods: policy freeze-NS says: changes are frozen until Monday.",
			command: "kubectl describe hpa fixed -n NS",
		},
		"a StatefulSet that waits for its broken pod": {
			rule:     "statefulset-holds-old-pod",
			about:    "statefulset/ordered",
			explains: []string{"image-not-found", "pods-missing"},
			says:     "StatefulSet ordered has a newer template, but waits for pod ordered-0 of the old one to become ready before it replaces it.",
			command:  "/algesta pod delete ordered-0 NS",
		},
		"a schedule that was missed too often": {
			rule:       "cronjob-schedule",
			about:      "cronjob/forgotten",
			onlyEvents: true,
			says:       `CronJob forgotten does not run on schedule "0 * * * *" (TooManyMissedTimes).`,
			command:    "kubectl edit cronjob/forgotten -n NS",
		},
		"a run that does not end": {
			rule:       "cronjob-blocked",
			about:      "cronjob/report",
			onlyEvents: true,
			says:       "CronJob report skips its runs because Job report-1 is still active; its last line is “request completed”.",
			command:    "kubectl logs job/report-1 -n NS",
		},
		"a Job that its sidecar holds": {
			rule:    "job-held-by-sidecar",
			about:   "job/import",
			says:    "Job import does not end: container app was done …, and container istio-proxy still runs beside it.",
			command: "kubectl describe pod import-",
		},
		"runs that are refused": {
			rule:       "cronjob-late",
			about:      "cronjob/refused",
			onlyEvents: true,
			says: `CronJob refused has not run since … although its schedule is "* * * * *": its Jobs are refused: policy freeze-NS says: ` +
				`changes are frozen until Monday.`,
			command: "kubectl describe cronjob/refused -n NS",
		},
	})
}
