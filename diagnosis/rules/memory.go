package rules

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta/diagnosis/facts"
)

func memoryLimit(c *facts.Container) string {
	limit, ok := c.Spec.Resources.Limits[corev1.ResourceMemory]
	if !ok {
		return ""
	}
	return fmt.Sprintf(" (limit %s)", limit.String())
}

// memoryBefore is the limit in the revision before, when it differs.
func memoryBefore(c *facts.Container) string {
	before := c.Owner.Before()
	if before == nil {
		return ""
	}
	now := c.Spec.Resources.Limits[corev1.ResourceMemory]
	for i := range before.Spec.Template.Spec.Containers {
		old := &before.Spec.Template.Spec.Containers[i]
		if limit, ok := old.Resources.Limits[corev1.ResourceMemory]; ok && old.Name == c.Spec.Name && limit.Cmp(now) != 0 {
			return limit.String()
		}
	}
	return ""
}

// templateLimit is the memory limit in the template that the pod was made of, when the pod has another; empty where they agree, and of a
// pod of another revision.
func templateLimit(c *facts.Container) string {
	if c.Owner.Template == nil || !c.Owner.IsCurrent(c.Pod) {
		return ""
	}
	for i := range c.Owner.Template.Spec.Containers {
		wanted := &c.Owner.Template.Spec.Containers[i]
		if wanted.Name != c.Spec.Name {
			continue
		}
		limit, ok := wanted.Resources.Limits[corev1.ResourceMemory]
		has, limited := c.Spec.Resources.Limits[corev1.ResourceMemory]
		if ok && limited && limit.Cmp(has) != 0 {
			return limit.String()
		}
	}
	return ""
}

// setMemory is the command that doubles the limit: the largest that the template or a pod has, so that nothing becomes less.
func setMemory(c *facts.Container) string {
	limit, ok := c.Spec.Resources.Limits[corev1.ResourceMemory]
	if !ok || c.Owner.Ref.Kind == facts.KindPod {
		return ""
	}
	limit = limit.DeepCopy()
	raise := func(containers []corev1.Container) {
		for i := range containers {
			if has := containers[i].Resources.Limits[corev1.ResourceMemory]; containers[i].Name == c.Spec.Name && has.Cmp(limit) > 0 {
				limit = has.DeepCopy()
			}
		}
	}
	if c.Owner.Template != nil {
		raise(c.Owner.Template.Spec.Containers)
	}
	for _, p := range c.Owner.Pods {
		raise(p.Spec.Containers)
	}
	limit.Add(limit)
	return fmt.Sprintf("kubectl set resources %s -n %s -c %s --limits=memory=%s", c.Owner.Ref, c.Pod.Namespace, c.Spec.Name, limit.String())
}
