package runbooks

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/3astronautas/algesta"
)

// use is what a pod takes now, as metrics-server measured it some seconds ago.
type use struct{ cpu, memory resource.Quantity }

// useOf is the use of the pods of a namespace, by name, nil where it isn't known, and what has to be said of that: nothing where there is
// no metrics API, because a list of pods is complete without.
func useOf(ctx context.Context, c Cluster, namespace string) (map[string]use, []algesta.Text) {
	out, err := usedByPods(ctx, c, namespace)
	switch {
	case errors.Is(err, algesta.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, []algesta.Text{usageUnread(err)}
	}
	return out, nil
}

// usedByPods is the use of the pods of a namespace, by name. A pod that is not in it has no measurement yet, which is not the same as
// none. The error is ErrNotFound where there is no metrics API.
func usedByPods(ctx context.Context, c Cluster, namespace string) (map[string]use, error) {
	measured := customList("metrics.k8s.io", "v1beta1", "PodMetrics")
	if err := c.List(ctx, namespace, "", measured); err != nil {
		return nil, fmt.Errorf("reading what pods use: %w", err)
	}
	out := map[string]use{}
	for _, item := range measured.Items {
		containers, _, _ := unstructured.NestedSlice(item.Object, "containers")
		var u use
		for _, container := range containers {
			m, _ := container.(map[string]any)
			amounts, _, _ := unstructured.NestedStringMap(m, "usage")
			u.cpu.Add(parsed(amounts["cpu"]))
			u.memory.Add(parsed(amounts["memory"]))
		}
		if len(containers) > 0 {
			out[item.GetName()] = u
		}
	}
	return out, nil
}

func parsed(s string) resource.Quantity {
	q, err := resource.ParseQuantity(s)
	if err != nil {
		return resource.Quantity{} // a measurement that cannot be read counts as none
	}
	return q
}

// usageCells are a pod's "120m" and "410Mi of 1Gi": what it takes, and the limit at which it is killed.
func usageCells(pod *corev1.Pod, all map[string]use) []algesta.Text {
	u, measured := all[pod.Name]
	if !measured {
		return []algesta.Text{algesta.Say("–"), algesta.Say("–")}
	}
	memory := algesta.Say("{}", amount(u.memory))
	var limit resource.Quantity
	for _, c := range pod.Spec.Containers {
		limit.Add(c.Resources.Limits[corev1.ResourceMemory])
	}
	if !limit.IsZero() {
		memory = algesta.Say("{} of {}", amount(u.memory), amount(limit))
	}
	return []algesta.Text{algesta.Say("{}", fmt.Sprintf("%dm", u.cpu.MilliValue())), memory}
}
