package facts

import (
	"maps"

	corev1 "k8s.io/api/core/v1"
)

// PodRequests is what the scheduler counts: the sum of the containers and sidecars, or the biggest init container with
// the sidecars before it, and the overhead of the runtime class.
func PodRequests(p *corev1.Pod) corev1.ResourceList {
	total, sidecars, peak := corev1.ResourceList{}, corev1.ResourceList{}, corev1.ResourceList{}
	for i := range p.Spec.Containers {
		addList(total, p.Spec.Containers[i].Resources.Requests)
	}
	for i := range p.Spec.InitContainers {
		c := &p.Spec.InitContainers[i]
		if c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			addList(total, c.Resources.Requests)
			addList(sidecars, c.Resources.Requests)
			maxList(peak, sidecars)
			continue
		}
		now := sidecars.DeepCopy()
		addList(now, c.Resources.Requests)
		maxList(peak, now)
	}
	maxList(total, peak)
	if p.Spec.Resources != nil {
		maps.Copy(total, p.Spec.Resources.Requests)
	}
	addList(total, p.Spec.Overhead)
	return total
}

func addList(sum, more corev1.ResourceList) {
	for name, quantity := range more {
		have := sum[name]
		have.Add(quantity)
		sum[name] = have
	}
}

func maxList(most, other corev1.ResourceList) {
	for name, quantity := range other {
		if have, ok := most[name]; !ok || have.Cmp(quantity) < 0 {
			most[name] = quantity
		}
	}
}
