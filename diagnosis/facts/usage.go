package facts

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// podMetrics is the resource whose absence is mentioned where usage would have helped.
const podMetrics = "podmetrics"

// addUsage keeps what PodMetrics says that each container uses. It is one sample of the last minute, and never of a
// container that was killed.
func (s *Snapshot) addUsage(o *unstructured.Unstructured) {
	if o.GetKind() != "PodMetrics" {
		return
	}
	containers, _ := o.Object["containers"].([]any)
	of := map[string]corev1.ResourceList{}
	for _, item := range containers {
		fields, ok := item.(map[string]any)
		if !ok {
			continue
		}
		name, _ := fields["name"].(string)
		used, _ := fields["usage"].(map[string]any)
		of[name] = resourceList(used)
	}
	s.usage[RefOf(KindPod, o)] = of
}

func resourceList(fields map[string]any) corev1.ResourceList {
	found := corev1.ResourceList{}
	for name, value := range fields {
		wording, ok := value.(string)
		if !ok {
			continue
		}
		if quantity, err := resource.ParseQuantity(wording); err == nil {
			found[corev1.ResourceName(name)] = quantity
		}
	}
	return found
}

func isUsage(o *unstructured.Unstructured) bool {
	return strings.HasPrefix(o.GetAPIVersion(), "metrics.k8s.io/")
}

// KnowsUsage says that the snapshot holds what at least one pod uses.
func (s *Snapshot) KnowsUsage() bool { return len(s.usage) > 0 }

// Share is what a container uses of its limit, in percent; zero when either is not known.
func (s *Snapshot) Share(p *corev1.Pod, c *corev1.Container, name corev1.ResourceName) int {
	used, limit := s.usage[RefOf(KindPod, p)][c.Name][name], c.Resources.Limits[name]
	if limit.IsZero() {
		return 0
	}
	return int(100 * used.AsApproximateFloat64() / limit.AsApproximateFloat64())
}

// UsageEvidence says what a container uses of its limit.
func (s *Snapshot) UsageEvidence(p *corev1.Pod, c *corev1.Container, name corev1.ResourceName) Evidence {
	used, limit := s.usage[RefOf(KindPod, p)][c.Name][name], c.Resources.Limits[name]
	return Evidence{
		Object: RefOf(KindPod, p), Field: fmt.Sprintf("usage of container %s", c.Name),
		Quote: fmt.Sprintf("%s %s of its limit %s (%d %%)", name, Metered(name, used), limit.String(), s.Share(p, c, name)),
	}
}

// Metered is a quantity as people write it: metrics count in nanocores and kibibytes.
func Metered(name corev1.ResourceName, q resource.Quantity) string {
	if name == corev1.ResourceCPU {
		return fmt.Sprintf("%dm", q.MilliValue())
	}
	return fmt.Sprintf("%dMi", q.Value()>>20)
}

// UsageOf is what all pods of a workload use of what they request; false when it is not known for every one of them.
func (s *Snapshot) UsageOf(w *Workload, name corev1.ResourceName) (wording string, ok bool) {
	var used, requested resource.Quantity
	for _, p := range w.Pods {
		of := s.usage[RefOf(KindPod, p)]
		if of == nil {
			return "", false
		}
		for i := range p.Spec.Containers {
			used.Add(of[p.Spec.Containers[i].Name][name])
			requested.Add(p.Spec.Containers[i].Resources.Requests[name])
		}
	}
	if requested.IsZero() {
		return "", false
	}
	percent := int(100 * used.AsApproximateFloat64() / requested.AsApproximateFloat64())
	return fmt.Sprintf("its pods use %s of the %s %s they request (%d %%)", Metered(name, used), Metered(name, requested), name, percent), true
}

// WithoutUsage says that usage was not known, where it would have helped with a cause that was found; elsewhere it is no
// news that a cluster does not measure it. A missing right is always mentioned.
func (s *Snapshot) WithoutUsage(notChecked []NotChecked, measured bool) []NotChecked {
	at := slices.IndexFunc(notChecked, func(n NotChecked) bool { return n.Kind == podMetrics })
	switch {
	case !measured && at >= 0:
		return slices.DeleteFunc(slices.Clone(notChecked), func(n NotChecked) bool { return n.Kind == podMetrics && n.Standing })
	case measured && at < 0 && !s.KnowsUsage():
		return append(notChecked, NotChecked{Kind: podMetrics, Reason: "nothing says what the pods use"})
	}
	return notChecked
}
