package diagnosis

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/diagnosis/rules"
	"github.com/3astronautas/algesta/words"
)

// impactOf judges by what serves now: ready pods of the workloads and ready endpoints of the Services in reach.
func impactOf(s *facts.Snapshot, r *root) Impact {
	worst := Impact{Level: rules.Latent, Text: "Users don't notice it yet."}
	if r.Level != "" {
		worst = Impact{Level: r.Level, Text: levelWords(r.Level)}
		if r.Rule.Class == rules.ClassScale {
			worst.Text = "Requests to it fail until it's scaled up."
		}
	}
	if r.Rule.Risk {
		return worst
	}
	if r.Level == rules.Latent && slices.ContainsFunc(r.explains, func(f *rules.Finding) bool { return f.Level == rules.Degraded }) {
		worst = Impact{Level: rules.Degraded, Text: levelWords(rules.Degraded)}
	}
	var wording []string
	for _, ref := range slices.SortedFunc(maps.Keys(r.reach), facts.Ref.Compare) {
		impact, found := impactOn(s, ref, r)
		if !found {
			continue
		}
		if impact.Level.Rank() < worst.Level.Rank() {
			worst = impact
			wording = nil
		}
		if impact.Level == worst.Level {
			wording = append(wording, impact.Text)
		}
	}
	if len(wording) == 0 && r.Subject.Kind == facts.KindNode && worst.Level != rules.Outage {
		worst.Text = "No workload lacks a pod because of it."
	}
	if len(wording) > 0 {
		worst.Text = words.Capital(words.Few(slices.Compact(wording), 4)) + "."
	}
	return worst
}

func levelWords(level rules.ImpactLevel) string {
	switch level {
	case rules.Outage:
		return "Nothing is served through it."
	case rules.Degraded:
		return "It only partly works."
	case rules.Latent:
	}
	return "Users don't notice it yet."
}

// readyOf is "2 of 4 pods of api-gateway are ready", "0 of 1 pod of api-gateway is ready".
func readyOf(ready, of int, name string) string {
	return fmt.Sprintf("%d of %s of %s %s ready", ready, words.Count(of, "pod"), name, words.Verb(of, "is", "are"))
}

func impactOn(s *facts.Snapshot, ref facts.Ref, r *root) (Impact, bool) {
	w := s.Workload(ref)
	if w != nil && (ref.Kind == facts.KindJob || ref.Kind == facts.KindPod) {
		return Impact{
			rules.Degraded,
			fmt.Sprintf("%s %s does not run", strings.ToLower(ref.Kind), ref.Name),
		}, w.Ready == 0 && r.Effect != rules.NoEffect
	}
	if w != nil {
		switch {
		case w.Desired == 0:
			return Impact{}, false
		case w.Desired < 0 && w.Ready == 0 && len(w.Pods) > 0:
			return Impact{rules.Outage, fmt.Sprintf("no pod of %s is ready", ref.Name)}, true
		case w.Desired < 0 && w.Ready < len(w.Pods):
			return Impact{rules.Degraded, readyOf(w.Ready, len(w.Pods), ref.Name)}, true
		case w.Desired < 0:
			return Impact{}, false
		case w.Ready == 0:
			return Impact{rules.Outage, readyOf(0, w.Desired, ref.Name)}, true
		case w.Ready < w.Desired:
			return Impact{rules.Degraded, readyOf(w.Ready, w.Desired, ref.Name)}, true
		case r.Effect == rules.CannotCreate ||
			slices.ContainsFunc(r.Pods, func(p *corev1.Pod) bool { return p.DeletionTimestamp == nil && !facts.PodReady(p) }):
			serve := "serve"
			if w.Ready == 1 {
				serve = "serves"
			}
			return Impact{
				rules.Degraded,
				fmt.Sprintf("the rollout of %s can't finish; %s still %s", ref.Name, words.Count(w.Ready, "ready pod"), serve),
			}, true
		}
		return Impact{}, false
	}
	if r.Rule.ID == "service-gone" { // the Services of those who call it work
		return Impact{rules.Outage, fmt.Sprintf("calls to Service %s fail", ref.Name)}, ref == r.Subject
	}
	if service := s.Service(ref); service != nil && r.Rule.Class == rules.ClassWiring {
		if r.Rule.ID == "load-balancer-pending" {
			return Impact{rules.Outage, fmt.Sprintf("Service %s can't be reached from outside the cluster", ref.Name)}, true
		}
		if r.Rule.ID == "network-policy-blocks" {
			return Impact{rules.Outage, fmt.Sprintf("Service %s can't be reached from outside the cluster", ref.Name)}, r.Level == rules.Outage
		}
		return Impact{rules.Outage, fmt.Sprintf("Service %s reaches no pod", ref.Name)}, r.Level == rules.Outage
	}
	return Impact{}, false
}
