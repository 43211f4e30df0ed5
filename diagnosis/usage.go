package diagnosis

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// podMetrics is the resource whose absence is said where usage would have told more.
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
	s.usage[refOf(KindPod, o)] = of
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

// knowsUsage says that the snapshot holds what at least one pod uses.
func (s *Snapshot) knowsUsage() bool { return len(s.usage) > 0 }

// share is what a container uses of its limit, in percent; zero when either is not known.
func (s *Snapshot) share(p *corev1.Pod, c *corev1.Container, name corev1.ResourceName) int {
	used, limit := s.usage[refOf(KindPod, p)][c.Name][name], c.Resources.Limits[name]
	if limit.IsZero() {
		return 0
	}
	return int(100 * used.AsApproximateFloat64() / limit.AsApproximateFloat64())
}

// usageEvidence says what a container uses of its limit.
func (s *Snapshot) usageEvidence(p *corev1.Pod, c *corev1.Container, name corev1.ResourceName) Evidence {
	used, limit := s.usage[refOf(KindPod, p)][c.Name][name], c.Resources.Limits[name]
	return Evidence{
		Object: refOf(KindPod, p), Field: fmt.Sprintf("usage of container %s", c.Name),
		Quote: fmt.Sprintf("%s %s of its limit %s (%d %%)", name, metered(name, used), limit.String(), s.share(p, c, name)),
	}
}

// metered is a quantity as people write it: metrics count in nanocores and kibibytes.
func metered(name corev1.ResourceName, q resource.Quantity) string {
	if name == corev1.ResourceCPU {
		return fmt.Sprintf("%dm", q.MilliValue())
	}
	return fmt.Sprintf("%dMi", q.Value()>>20)
}

// showUsage adds what the pods beside a failing one use: the one that was killed says nothing any more.
func (c *instance) showUsage(f *finding, name corev1.ResourceName, atLeast int) {
	f.measured = true
	shown := 0
	for _, p := range c.owner.pods {
		for i := range p.Spec.Containers {
			spec := &p.Spec.Containers[i]
			if percent := c.s.share(p, spec, name); spec.Name == c.spec.Name && percent > 0 && percent >= atLeast && shown < 2 {
				f.show(c.s.usageEvidence(p, spec, name), false)
				shown++
			}
		}
	}
}

// showSlowness adds the CPU of a container that answers its probe too late: at its limit it is slowed down.
func (c *instance) showSlowness(f *finding, message string) {
	if !isTimeout(message) {
		return
	}
	c.showUsage(f, corev1.ResourceCPU, 95)
	if c.s.share(c.pod, c.spec, corev1.ResourceCPU) >= 95 {
		f.remedy.Text += " Its CPU is at its limit, which slows it down: raise that limit first."
	}
}

// usageOf is what all pods of a workload use of what they request; false when it is not known for every one of them.
func (s *Snapshot) usageOf(w *workload, name corev1.ResourceName) (wording string, ok bool) {
	var used, requested resource.Quantity
	for _, p := range w.pods {
		of := s.usage[refOf(KindPod, p)]
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
	return fmt.Sprintf("its pods use %s of the %s %s they request (%d %%)", metered(name, used), metered(name, requested), name, percent), true
}

// withoutUsage says that usage was not known, where it would have told more about a cause that was found; elsewhere it is no
// news that a cluster does not measure it. A right that is missing is always told.
func (s *Snapshot) withoutUsage(told []NotChecked, measured bool) []NotChecked {
	at := slices.IndexFunc(told, func(n NotChecked) bool { return n.Kind == podMetrics })
	switch {
	case !measured && at >= 0:
		return slices.DeleteFunc(slices.Clone(told), func(n NotChecked) bool { return n.Kind == podMetrics && n.Standing })
	case measured && at < 0 && !s.knowsUsage():
		return append(told, NotChecked{Kind: podMetrics, Reason: "nothing says what the pods use"})
	}
	return told
}

var usageAdvice = []Rule{
	{
		ID: "memory-near-limit", Family: "usage", Class: ClassCrash, Advice: true,
		Signal: "PodMetrics: a container uses 90 % or more of its memory limit", Cause: "a limit that is too small, a leak, more load", Remedy: "raise the limit, or find what keeps the memory",
		Source: "metrics.k8s.io/v1beta1 PodMetrics, one sample", advise: nearLimit(corev1.ResourceMemory, 90, "and is killed when it reaches it", "Raise the limit, or find out what keeps the memory."),
	},
	{
		ID: "cpu-at-limit", Family: "usage", Class: ClassProbe, Advice: true,
		Signal: "PodMetrics: a container uses 95 % or more of its CPU limit", Cause: "a limit that is too small; it is throttled, and probes with short timeouts may fail", Remedy: "raise the CPU limit",
		Source: "metrics.k8s.io/v1beta1 PodMetrics, one sample", advise: nearLimit(corev1.ResourceCPU, 95, "so it is slowed down", "Raise the CPU limit if it is slow."),
	},
}

// nearLimit finds the container of each workload that is nearest to its limit.
func nearLimit(name corev1.ResourceName, percent int, outcome, remedy string) func(*Snapshot, surroundings) []hint {
	return func(s *Snapshot, near surroundings) []hint {
		if !s.knowsUsage() {
			return nil
		}
		var hints []hint
		for _, w := range s.index.workloads {
			if !near.has(w.ref) {
				continue
			}
			worst, most := hint{}, percent-1
			for _, p := range w.pods {
				for i := range p.Spec.Containers {
					c := &p.Spec.Containers[i]
					if share := s.share(p, c, name); share > most {
						most = share
						limit := c.Resources.Limits[name]
						worst = hint{
							subject: w.ref, remedy: remedy, shown: []Evidence{s.usageEvidence(p, c, name)},
							text: fmt.Sprintf("Container %s of %s uses %d %% of its %s limit of %s, %s", c.Name, w.ref.Name, share, name, limit.String(), outcome),
						}
					}
				}
			}
			if worst.text != "" {
				hints = append(hints, worst)
			}
		}
		return hints
	}
}
