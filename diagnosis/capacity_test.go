package diagnosis_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"github.com/3astronautas/algesta/diagnosis/facts"
)

func asks(cpu, memory int64) corev1.PodSpec {
	return corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
		corev1.ResourceCPU:    *resource.NewMilliQuantity(cpu, resource.DecimalSI),
		corev1.ResourceMemory: *resource.NewQuantity(memory<<20, resource.BinarySI),
	}}}}}
}

func machine(name string, cpu, memory, pods int64) corev1.Node {
	return corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"kubernetes.io/hostname": name}},
		Status: corev1.NodeStatus{Allocatable: corev1.ResourceList{
			corev1.ResourceCPU:    *resource.NewMilliQuantity(cpu, resource.DecimalSI),
			corev1.ResourceMemory: *resource.NewQuantity(memory<<20, resource.BinarySI),
			corev1.ResourcePods:   *resource.NewQuantity(pods, resource.DecimalSI),
		}},
	}
}

// Pods that are alike and meet no rule but room take exactly what each node has room for.
func TestPlacedPodsAreWhatTheNodesHaveRoomFor(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		cpu, memory := rapid.Int64Range(1, 500).Draw(t, "cpu"), rapid.Int64Range(1, 500).Draw(t, "memory")
		var nodes []corev1.Node
		var running []corev1.Pod
		room := int64(0)
		for i := range rapid.IntRange(0, 5).Draw(t, "nodes") {
			name := fmt.Sprint("node-", i)
			hasCPU, hasMemory, hasPods := rapid.Int64Range(
				0,
				2000,
			).Draw(
				t,
				"allocatable cpu",
			), rapid.Int64Range(
				0,
				2000,
			).Draw(
				t,
				"allocatable memory",
			), rapid.Int64Range(
				0,
				8,
			).Draw(
				t,
				"pods",
			)
			nodes = append(nodes, machine(name, hasCPU, hasMemory, hasPods))
			if rapid.Bool().Draw(t, "used") {
				used := rapid.Int64Range(0, 300).Draw(t, "used cpu")
				p := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "other"}, Spec: asks(used, 0)}
				p.Spec.NodeName = name
				running = append(running, p)
				hasCPU, hasPods = hasCPU-used, hasPods-1
			}
			room += max(0, min(hasCPU/cpu, hasMemory/memory, hasPods))
		}
		wanted := rapid.IntRange(0, 20).Draw(t, "wanted")
		placed := facts.Place(corev1.PodTemplateSpec{Spec: asks(cpu, memory)}, "production", wanted, nodes, running)
		if int64(placed.Pods) != min(int64(wanted), room) {
			t.Fatalf("%d placed, there is room for %d", placed.Pods, room)
		}
		if (placed.Pods == wanted) != (len(placed.Lacking) == 0) && len(nodes) > 0 {
			t.Fatalf("%d of %d placed, lacking %v", placed.Pods, wanted, placed.Lacking)
		}
	})
}

func TestPlacedPodsObeyTaintsAndAntiAffinity(t *testing.T) {
	t.Parallel()
	nodes := []corev1.Node{machine("a", 4000, 4000, 30), machine("b", 4000, 4000, 30), machine("reserved", 4000, 4000, 30)}
	nodes[2].Spec.Taints = []corev1.Taint{{Key: "CriticalAddonsOnly", Value: "true", Effect: corev1.TaintEffectNoSchedule}}
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "x"}}, Spec: asks(100, 100)}
	template.Spec.Affinity = &corev1.Affinity{
		PodAntiAffinity: &corev1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{{
			TopologyKey: "kubernetes.io/hostname", LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "x"}},
		}}},
	}
	placed := facts.Place(template, "production", 3, nodes, nil)
	require.Equal(t, 2, placed.Pods, "one a node, and none on the reserved one")
	require.Contains(t, placed.Lacking, "pod affinity")
	template.Spec.Affinity = nil
	require.Equal(t, facts.Placed{Pods: 0, Lacking: []string{"taints"}}, facts.Place(template, "production", 1, nodes[2:], nil))
}
