package diagnosis_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta/diagnosis"
	"github.com/3astronautas/algesta/diagnosis/facts"
)

// killed makes the first of two pods of ms-orders be killed for its memory, again and again.
func killed() []runtime.Object {
	objects := service("ms-orders", 2)
	first := true
	for _, o := range objects {
		p, ok := o.(*corev1.Pod)
		if !ok {
			continue
		}
		p.Spec.Containers[0].Resources.Limits = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("512Mi")}
		if first {
			p.Status.Conditions[0].Status = corev1.ConditionFalse
			p.Status.ContainerStatuses[0].Ready = false
			p.Status.ContainerStatuses[0].RestartCount = 4
			p.Status.ContainerStatuses[0].State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}
			p.Status.ContainerStatuses[0].LastTerminationState.Terminated = &corev1.ContainerStateTerminated{
				ExitCode:   137,
				Reason:     "OOMKilled",
				FinishedAt: metav1.NewTime(noon.Add(-1)),
			}
			first = false
		}
	}
	return objects
}

func usageOf(pod string, containers any) runtime.Object {
	item := unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "metrics.k8s.io/v1beta1",
		"kind":       "PodMetrics",
		"metadata":   map[string]any{"name": pod, "namespace": "production"},
		"containers": containers,
	}}
	return &unstructured.UnstructuredList{Items: []unstructured.Unstructured{item}}
}

func TestUsageIsEvidenceWhereItExplains(t *testing.T) {
	t.Parallel()
	sibling := usageOf(
		"ms-orders-6d4cf56db6-00001",
		[]any{map[string]any{"name": "ms-orders", "usage": map[string]any{"memory": "500Mi", "cpu": "1200000n"}}},
	)
	about := facts.Ref{Kind: facts.KindDeployment, Namespace: "production", Name: "ms-orders"}
	d := diagnosis.Diagnose(facts.NewSnapshot(noon, append(killed(), sibling), nil), about)
	require.Equal(t, "out-of-memory", d.Chains[0].Rule)
	require.Contains(t, d.Text(), "usage of container ms-orders: “memory 500Mi of its limit 512Mi (97 %)”")
	require.Empty(t, d.NotChecked)

	unknown := diagnosis.Diagnose(facts.NewSnapshot(noon, killed(), nil), about)
	require.Equal(t, []facts.NotChecked{{Kind: "podmetrics", Reason: "nothing says what the pods use"}}, unknown.NotChecked)
}

func TestMissingUsageIsNoNewsOfAHealthyService(t *testing.T) {
	t.Parallel()
	unread := []facts.NotChecked{
		{
			Kind:      "podmetrics",
			Namespace: "production",
			Reason:    "The cluster's metrics API doesn't answer, so usage isn't known.",
			Standing:  true,
		},
	}
	d := diagnosis.Diagnose(facts.NewSnapshot(noon, service("ms-orders", 2), unread), facts.Ref{})
	require.Empty(t, d.NotChecked)
	sick := diagnosis.Diagnose(facts.NewSnapshot(noon, killed(), unread), facts.Ref{})
	require.Equal(t, unread, sick.NotChecked)
	unread[0].Standing = false
	d = diagnosis.Diagnose(facts.NewSnapshot(noon, service("ms-orders", 2), unread), facts.Ref{})
	require.Equal(t, unread, d.NotChecked, "a right that is missing is told")
}

func TestUsageOfStrangersIsRead(t *testing.T) {
	t.Parallel()
	for _, containers := range []any{
		nil, "x", []any{"x", nil, map[string]any{"name": 3, "usage": "x"}, map[string]any{"usage": map[string]any{"memory": "lots", "cpu": 5}}},
	} {
		d := diagnosis.Diagnose(facts.NewSnapshot(noon, append(killed(), usageOf("ms-orders-6d4cf56db6-00001", containers)), nil), facts.Ref{})
		require.Equal(t, diagnosis.Sick, d.Verdict)
	}
}

func TestAdviceIsAboutWhatWasAskedAndBounded(t *testing.T) {
	t.Parallel()
	var objects []runtime.Object
	for _, name := range []string{"a", "b", "c"} {
		objects = append(objects, service(name, 1)...)
	}
	s := facts.NewSnapshot(noon, objects, nil)
	one := diagnosis.Diagnose(s, facts.Ref{Kind: facts.KindDeployment, Namespace: "production", Name: "b"})
	require.NotEmpty(t, one.Advice)
	for _, a := range one.Advice {
		require.Equal(t, "b", a.Subject.Name)
		require.NotContains(t, a.Text, "the same goes for")
	}
	all := diagnosis.Diagnose(s, facts.Ref{Kind: facts.KindNamespace, Name: "production"})
	require.Len(t, all.Advice, len(one.Advice), "what holds for three services is one piece of advice")
	require.True(t, slices.ContainsFunc(all.Advice, func(a diagnosis.Advice) bool {
		return a.Text == "a runs a single pod, so each crash of it and each drain of its node is an outage; the same goes for b and c."
	}), all.Text())
	require.LessOrEqual(t, len(all.Advice), 8)
}

func TestAnAutoscalerAtItsMaximumShowsWhatItsPodsUse(t *testing.T) {
	t.Parallel()
	objects := service("ms-orders", 2)
	for _, o := range slices.Clone(objects) {
		if p, ok := o.(*corev1.Pod); ok {
			p.Spec.Containers[0].Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100m")}
			objects = append(objects, usageOf(p.Name, []any{map[string]any{"name": "ms-orders", "usage": map[string]any{"cpu": "95000000n"}}}))
		}
	}
	h := &autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Namespace: "production", Name: "ms-orders"},
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			MaxReplicas:    2,
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{Kind: "Deployment", Name: "ms-orders"},
		},
		Status: autoscalingv2.HorizontalPodAutoscalerStatus{CurrentReplicas: 2, Conditions: []autoscalingv2.HorizontalPodAutoscalerCondition{
			{Type: autoscalingv2.ScalingLimited, Status: corev1.ConditionTrue, Reason: "TooManyReplicas"},
		}},
	}
	d := diagnosis.Diagnose(facts.NewSnapshot(noon, append(objects, h), nil), facts.Ref{})
	require.Equal(t, []string{"autoscaler-at-max"}, rulesOf(d), d.Text())
	require.Contains(t, d.Text(), "its pods use 190m of the 200m cpu they request (95 %)")
}

func TestACPUAtItsLimitIsEvidenceOfALateProbe(t *testing.T) {
	t.Parallel()
	objects := service("ms-orders", 1)
	for _, o := range slices.Clone(objects) {
		p, ok := o.(*corev1.Pod)
		if !ok {
			continue
		}
		p.Spec.Containers[0].Resources.Limits = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("200m")}
		p.Spec.Containers[0].ReadinessProbe = &corev1.Probe{}
		p.Status.Conditions[0].Status = corev1.ConditionFalse
		p.Status.ContainerStatuses[0].Ready = false
		objects = append(
			objects,
			usageOf(p.Name, []any{map[string]any{"name": "ms-orders", "usage": map[string]any{"cpu": "199m"}}}),
			&corev1.Event{
				ObjectMeta: metav1.ObjectMeta{
					Namespace: "production",
					Name:      "e",
				},
				InvolvedObject: corev1.ObjectReference{Kind: "Pod", Namespace: "production", Name: p.Name},
				Reason:         "Unhealthy",
				Message:        "Readiness probe failed: Get \"http://10.0.0.1:3000/health\": context deadline exceeded",
				LastTimestamp:  metav1.NewTime(noon.Add(-time.Minute)),
			},
		)
	}
	d := diagnosis.Diagnose(facts.NewSnapshot(noon, objects, nil), facts.Ref{})
	require.Equal(t, []string{"readiness-failing"}, rulesOf(d), d.Text())
	require.Contains(t, d.Text(), "cpu 199m of its limit 200m (99 %)")
	require.Contains(t, d.Chains[0].Remedy.Text, "raise that limit first")
	for _, a := range d.Advice {
		require.NotEqual(t, "cpu-at-limit", a.Rule, "the cause has said it")
	}
}
