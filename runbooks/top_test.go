package runbooks_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/3astronautas/algesta"
)

func measurement(name string, usage map[string]any) map[string]any {
	return map[string]any{
		"metadata": map[string]any{"name": name, "namespace": "production"}, "usage": usage,
		"containers": []any{map[string]any{"name": "app", "usage": usage}},
	}
}

func TestPodsNearestToALimitAreFirst(t *testing.T) {
	t.Parallel()
	pod := func(name string, requests, limits corev1.ResourceList) corev1.Pod {
		return corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "production"}, Spec: corev1.PodSpec{Containers: []corev1.Container{
			{Name: "app", Resources: corev1.ResourceRequirements{Requests: requests, Limits: limits}},
		}}}
	}
	ended := pod("done", nil, nil)
	ended.Status.Phase = corev1.PodSucceeded
	asks := corev1.ResourceList{"cpu": resource.MustParse("100m"), "memory": resource.MustParse("256Mi")}
	stand := listed{lists: map[string][]any{
		"PodList": {
			pod("calm", asks, nil), pod("tight", asks, corev1.ResourceList{"memory": resource.MustParse("512Mi")}), pod("young", nil, nil), ended,
		},
		"PodMetricsList": {
			measurement(
				"calm",
				map[string]any{"cpu": "500m", "memory": "600Mi"},
			),
			measurement("tight", map[string]any{"cpu": "10m", "memory": "486Mi"}),
		},
	}, instead: map[string]error{}}
	in := regarding("top pods", "")
	report, err := ask(t, stand, in)
	require.NoError(t, err)
	require.Equal(t, algesta.Warning, report.Tone)
	got := shownLines(t, report)
	require.Equal(t, []string{
		"production: 3 pods use 0.51 cpu and 1.06Gi memory",
		"pod | cpu | cpu requested | cpu limit | memory | memory requested | memory limit",
		"tight | 10m | 0.1 | none | 486Mi | 256Mi | 512Mi (94 % used)",
		"calm | 500m | 0.1 | none | 600Mi | 256Mi | none",
		"young | – | none | none | – | none | none",
		"1 pod without a measurement yet.",
	}, got)

	one := tells(t, stand, regarding("top pods", "pod/calm"))
	require.Len(t, one, 3)
	require.Equal(t, "Pod calm in production uses 0.5 cpu and 600Mi memory", one[0])
	_, err = ask(t, stand, regarding("top pods", "pod/other"))
	require.ErrorIs(t, err, algesta.ErrNotFound)

	stand.instead["PodMetricsList"] = errNotInstalled
	got = tells(t, stand, in)
	require.Equal(t, "I couldn't check what the pods of production use.", got[0])
	require.Contains(t, got, "Couldn't check what is used now: this cluster has no metrics API. Look at metrics-server.")
	stand.instead["PodList"] = &algesta.Error{Kind: algesta.ErrForbidden, Message: algesta.Say("I may not.")}
	require.Equal(t, []string{"I couldn't check the pods of production: I don't have permission to read them."}, tells(t, stand, in))
}

func TestTheFullestNodesAreFirst(t *testing.T) {
	t.Parallel()
	node := func(name string) corev1.Node {
		return corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}, Status: corev1.NodeStatus{
			Allocatable: corev1.ResourceList{"cpu": resource.MustParse("2"), "memory": resource.MustParse("4Gi")},
		}}
	}
	stand := listed{lists: map[string][]any{
		"NodeList": {node("a"), node("b"), node("c")},
		"PodList": {corev1.Pod{Spec: corev1.PodSpec{NodeName: "a", Containers: []corev1.Container{{
			Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{"cpu": resource.MustParse("1")}},
		}}}}},
		"NodeMetricsList": {
			measurement("a", map[string]any{"cpu": "500m", "memory": "1Gi"}), measurement("b", map[string]any{"cpu": "1", "memory": "3891Mi"}),
		},
	}, instead: map[string]error{}}
	in := regarding("top nodes", "")
	got := tells(t, stand, in)
	require.Contains(t, got[0], ", the fullest is b at 94 %")
	require.Equal(t, []string{
		"b | 1000m of 2 (50 %) | 0 of 2 (0 %) | 3891Mi of 4Gi (94 %) | 0 of 4Gi (0 %)", // 94.99 %: kubectl top cuts it off
		"a | 500m of 2 (25 %) | 1 of 2 (50 %) | 1024Mi of 4Gi (25 %) | 0 of 4Gi (0 %)",
		"c | – | 0 of 2 (0 %) | – | 0 of 4Gi (0 %)",
	}, got[2:])

	stand.instead["NodeMetricsList"] = errNotInstalled
	stand.instead["PodList"] = &algesta.Error{Kind: algesta.ErrForbidden, Message: algesta.Say("I may not list pods.")}
	got = tells(t, stand, in)
	require.NotContains(t, got[0], "fullest")
	require.Equal(t, "a | – | – | – | –", got[2], "what wasn't read isn't zero")
	require.Contains(t, got[5], "this cluster has no metrics API")
	require.Equal(t, "Couldn't check what the pods request: I may not list pods.", got[6])
}
