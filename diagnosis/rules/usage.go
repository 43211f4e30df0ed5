package rules

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta/diagnosis/facts"
)

// showUsage adds what the pods beside a failing one use: the one that was killed has no usage any more.
func showUsage(c *facts.Container, f *Finding, name corev1.ResourceName, atLeast int) {
	f.Measured = true
	shown := 0
	for _, p := range c.Owner.Pods {
		for i := range p.Spec.Containers {
			spec := &p.Spec.Containers[i]
			if percent := c.Snapshot.Share(p, spec, name); spec.Name == c.Spec.Name && percent > 0 && percent >= atLeast && shown < 2 {
				f.show(c.Snapshot.UsageEvidence(p, spec, name), false)
				shown++
			}
		}
	}
}

// showSlowness adds the CPU of a container that answers its probe too late: at its limit it is slowed down.
func showSlowness(c *facts.Container, f *Finding, message string) {
	if !isTimeout(message) {
		return
	}
	showUsage(c, f, corev1.ResourceCPU, 95)
	if c.Snapshot.Share(c.Pod, c.Spec, corev1.ResourceCPU) >= 95 {
		f.Remedy.Text += " Its CPU is at its limit, which slows it down: raise that limit first."
	}
}

var usageAdvice = []Rule{
	{
		ID:     "memory-near-limit",
		Family: "usage",
		Class:  ClassCrash,
		Advice: true,
		Signal: "PodMetrics: a container uses 90 % or more of its memory limit",
		Cause:  "a limit that is too small, a leak, more load",
		Remedy: "raise the limit, or find what keeps the memory",
		Source: "metrics.k8s.io/v1beta1 PodMetrics, one sample",
		advise: nearLimit(corev1.ResourceMemory, 90, "and is killed when it reaches it", "Raise the limit, or find out what keeps the memory."),
	},
	{
		ID:     "cpu-at-limit",
		Family: "usage",
		Class:  ClassProbe,
		Advice: true,
		Signal: "PodMetrics: a container uses 95 % or more of its CPU limit",
		Cause:  "a limit that is too small; it is throttled, and probes with short timeouts may fail",
		Remedy: "raise the CPU limit",
		Source: "metrics.k8s.io/v1beta1 PodMetrics, one sample",
		advise: nearLimit(corev1.ResourceCPU, 95, "so it is slowed down", "Raise the CPU limit if it is slow."),
	},
}

// nearLimit finds the container of each workload that is nearest to its limit.
func nearLimit(name corev1.ResourceName, percent int, outcome, remedy string) func(*facts.Snapshot, facts.Surroundings) []Hint {
	return func(s *facts.Snapshot, near facts.Surroundings) []Hint {
		if !s.KnowsUsage() {
			return nil
		}
		var hints []Hint
		for _, w := range s.Workloads() {
			if !near.Has(w.Ref) {
				continue
			}
			worst, most := Hint{}, percent-1
			for _, p := range w.Pods {
				for i := range p.Spec.Containers {
					c := &p.Spec.Containers[i]
					if share := s.Share(p, c, name); share > most {
						most = share
						limit := c.Resources.Limits[name]
						worst = Hint{
							Subject: w.Ref, Remedy: remedy, Shown: []facts.Evidence{s.UsageEvidence(p, c, name)},
							Text: fmt.Sprintf(
								"Container %s of %s uses %d %% of its %s limit of %s, %s",
								c.Name,
								w.Ref.Name,
								share,
								name,
								limit.String(),
								outcome,
							),
						}
					}
				}
			}
			if worst.Text != "" {
				hints = append(hints, worst)
			}
		}
		return hints
	}
}
