package diagnosis_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/3astronautas/algesta/diagnosis"
	"github.com/3astronautas/algesta/diagnosis/facts"
)

// TestAProbeAnsweredWithAnErrorPointsToWhatIsDown has web answer 503 while api, which its template names, cannot start.
func TestAProbeAnsweredWithAnErrorPointsToWhatIsDown(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer string
		url    string
		later  time.Duration // how much later than the probe the other side broke
		want   []string
	}{
		"a Service that is down":       {"statuscode: 503", "http://api/health", 0, []string{"image-not-found"}},
		"it broke much later":          {"statuscode: 503", "http://api/health", time.Hour, []string{"readiness-failing"}},
		"another answer":               {"statuscode: 404", "http://api/health", 0, []string{"readiness-failing"}},
		"a Service that nobody broke":  {"statuscode: 503", "http://other/health", 0, []string{"readiness-failing"}},
		"a name outside of this place": {"statuscode: 503", "https://api.example.com", 0, []string{"readiness-failing"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			web := withVariables(service("web", 1), corev1.EnvVar{Name: "API_URL", Value: c.url})
			pod := web[3].(*corev1.Pod)
			began := metav1.NewTime(noon.Add(-2 * time.Hour))
			pod.Spec.Containers[0].ReadinessProbe = &corev1.Probe{}
			pod.Status.Conditions[0].Status, pod.Status.Conditions[0].LastTransitionTime = corev1.ConditionFalse, began
			pod.Status.ContainerStatuses[0].Ready = false
			api := failing(service("api", 1), 1)
			api[3].(*corev1.Pod).Status.Conditions[0].LastTransitionTime = metav1.NewTime(began.Add(c.later))
			event := &corev1.Event{
				ObjectMeta: metav1.ObjectMeta{
					Namespace: "production",
					Name:      "e",
				},
				Reason:        "Unhealthy",
				LastTimestamp: metav1.NewTime(noon.Add(-time.Minute)),
				InvolvedObject: corev1.ObjectReference{
					Kind:      "Pod",
					Namespace: "production",
					Name:      pod.Name,
				},
				Message: "Readiness probe failed: HTTP probe failed with " + c.answer,
			}
			s := facts.NewSnapshot(noon, append(append(web, api...), event), nil)
			d := diagnosis.Diagnose(s, s.Subject("web", "production"))
			require.Equal(t, c.want, rulesOf(d), d.Text())
		})
	}
}

func TestAJobWithoutPodsIsTold(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*batchv1.Job)
		sick   bool
	}{
		"it has tried nothing":   {func(*batchv1.Job) {}, true},
		"it waits to try again":  {func(j *batchv1.Job) { j.Status.Failed = 1 }, false},
		"it is suspended":        {func(j *batchv1.Job) { j.Spec.Suspend = new(true) }, false},
		"it was only just made":  {func(j *batchv1.Job) { j.CreationTimestamp = metav1.NewTime(noon.Add(-time.Minute)) }, false},
		"others make its pods":   {func(j *batchv1.Job) { j.Spec.ManagedBy = new("kueue.x-k8s.io/multikueue") }, false},
		"its pods are long gone": {func(j *batchv1.Job) { j.Status.Succeeded = 1 }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			job := &batchv1.Job{
				ObjectMeta: metav1.ObjectMeta{Namespace: "production", Name: "load", CreationTimestamp: metav1.NewTime(noon.Add(-time.Hour))},
			}
			c.change(job)
			d := diagnosis.Diagnose(facts.NewSnapshot(noon, append(service("web", 1), job), nil), facts.Ref{})
			if c.sick {
				require.Equal(t, "Job load was made 2026-03-10 11:00 UTC and has no pod.", d.Summary)
				return
			}
			require.Empty(t, d.Chains, d.Text())
		})
	}
}

func TestANameIsNotDeniedWhereKindsWereNotRead(t *testing.T) {
	t.Parallel()
	s := facts.NewSnapshot(noon, service("web", 1), []facts.NotChecked{{Kind: "statefulsets", Reason: "no file in the folder lists them"}})
	d := diagnosis.Diagnose(s, s.Subject("postgres", "production"))
	require.Equal(t, "There's no workload postgres in production among what was read; statefulsets weren't.", d.Summary)
}

func TestAMistypedNamespaceGetsASuggestion(t *testing.T) {
	t.Parallel()
	s := facts.NewSnapshot(noon, service("web", 1), nil)
	for namespace, want := range map[string]string{
		"prodution": "There's nothing in prodution. Did you mean production?",
		"elsewhere": "There's no workload web in elsewhere.",
	} {
		require.Equal(t, want, diagnosis.Diagnose(s, s.Subject("web", namespace)).Summary)
	}
}
