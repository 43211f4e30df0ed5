package runbooks_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/runbooks"
)

func TestNodesAreListedWorstFirst(t *testing.T) {
	t.Parallel()
	in := regarding("nodes", "namespace")
	at := metav1.NewTime(in.Command.At.Add(-2 * time.Hour))
	node := func(name string, ready corev1.ConditionStatus) corev1.Node {
		return corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, CreationTimestamp: at}, Status: corev1.NodeStatus{
			Allocatable: corev1.ResourceList{"cpu": resource.MustParse("2"), "memory": resource.MustParse("4Gi"), "pods": resource.MustParse("30")},
			Conditions:  []corev1.NodeCondition{{Type: corev1.NodeReady, Status: ready, LastTransitionTime: at}},
			NodeInfo:    corev1.NodeSystemInfo{KubeletVersion: "v1.30.1"},
		}}
	}
	pod := corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "a", Namespace: "other"},
		Spec: corev1.PodSpec{NodeName: "a", Containers: []corev1.Container{
			{
				Resources: corev1.ResourceRequirements{
					Requests: corev1.ResourceList{"cpu": resource.MustParse("250m"), "memory": resource.MustParse("512Mi")},
				},
			},
		}},
	}
	stand := listed{lists: map[string][]any{
		"NodeList": {node("a", corev1.ConditionTrue), node("z", corev1.ConditionUnknown)}, "PodList": {pod},
	}, instead: map[string]error{}}
	book, ok := runbooks.Find("get nodes")
	require.True(t, ok)
	tell := func() []string {
		report, err := book.Answer(t.Context(), runbooks.Cluster{Reader: stand}, in)
		require.NoError(t, err)
		return shownLines(t, report)
	}
	got := tell()
	require.Contains(t, got[0], "production: 1 of 2 nodes ready in the cluster ")
	require.Equal(t, []string{
		"z | – | not ready for 2 h | 0 of 30 | 0 of 2 | 0 of 4Gi | – | v1.30.1 | 2 h",
		"a | – | ready for 2 h | 1 of 30 | 0.25 of 2 | 512Mi of 4Gi | – | v1.30.1 | 2 h",
	}, got[2:])

	stand.instead["PodList"] = &algesta.Error{Kind: algesta.ErrForbidden, Message: algesta.Say("I may not list pods.")}
	got = tell()
	require.Equal(t, "a | – | ready for 2 h | – | – | – | – | v1.30.1 | 2 h", got[3], "what wasn't read isn't zero")
	require.Contains(t, got[4], "Couldn't check which pods wait for a node")
	require.Contains(t, got[5], "Couldn't check what the pods request")

	stand.instead["NodeList"] = stand.instead["PodList"]
	require.Equal(t, []string{"I couldn't check the nodes of production: I don't have permission to read them."}, tell())
}
