package rules

import (
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta/diagnosis/facts"
)

// quoteAll quotes the templates of the log, five at most.
func quoteAll(c *facts.Container, f *Finding) {
	if c.Log == nil {
		return
	}
	for _, t := range c.Log.Warnings() {
		f.show(c.LogEvidence(t), false)
	}
}

func findInPods(s *facts.Snapshot, add func(*Rule, *Finding)) {
	space := s.Room()
	for _, p := range s.Pods() {
		if p.DeletionTimestamp != nil {
			askPod(s, add, p, space)
			continue
		}
		if facts.PodFinished(p) || facts.PodReady(p) && s.Steady(p) {
			continue
		}
		if !askContainers(s, add, p) {
			askPod(s, add, p, space)
		}
	}
}

func askPod(s *facts.Snapshot, add func(*Rule, *Finding), p *corev1.Pod, space *facts.Room) {
	view := &facts.Pending{Snapshot: s, Pod: p, Owner: s.Owner(p), Room: space}
	for i := range table {
		if table[i].pod == nil {
			continue
		}
		if f := table[i].pod(view); f != nil {
			fillPod(view, f)
			add(&table[i], f)
			return
		}
	}
}

func fillPod(v *facts.Pending, f *Finding) {
	f.Hits = append(f.Hits, v.Owner.Ref)
	f.Pods = append(f.Pods, v.Pod)
	if f.Subject == (facts.Ref{}) {
		f.Subject = v.Owner.Ref
	}
	if f.Since.IsZero() {
		f.Since = v.Pod.CreationTimestamp.Time
	}
	if f.Sure == "" {
		f.Sure = High
	}
}

// askContainers names what is wrong with the first container that is not well. The others of the pod usually only wait.
func askContainers(s *facts.Snapshot, add func(*Rule, *Finding), p *corev1.Pod) bool {
	found := false
	for _, c := range s.UnhealthyContainers(p) {
		for i := range table {
			if table[i].container == nil {
				continue
			}
			if f := table[i].container(c); f != nil {
				fillContainer(c, f)
				add(&table[i], f)
				found = true
				break
			}
		}
	}
	return found
}

func fillContainer(c *facts.Container, f *Finding) {
	f.Hits = append(f.Hits, c.Owner.Ref)
	f.Pods = append(f.Pods, c.Pod)
	if f.Subject == (facts.Ref{}) {
		f.Subject = c.Owner.Ref
	}
	if f.Key == "" && f.Subject == c.Owner.Ref {
		f.Key = c.Spec.Name
	}
	if f.State == "" {
		f.State = c.State()
	}
	if f.Since.IsZero() {
		f.Since = c.Pod.CreationTimestamp.Time
	}
	if f.Sure == "" {
		f.Sure = High
	}
	f.Calls = append(f.Calls, probed(c, f)...)
}

// probed is the Service that a container needs whose probe fails, when its log says that it does not reach it.
func probed(c *facts.Container, f *Finding) []facts.Ref {
	why, ok := c.Log.Explain()
	if !ok || !strings.HasPrefix(why.ID, "dependency-") || f.Effect != KeepCrashing || len(f.Calls) > 0 || !f.byProbe {
		return nil
	}
	if to := c.Dependency(why); to.Subject.Kind == facts.KindService && c.Snapshot.Silent(to.Subject) {
		return []facts.Ref{to.Subject}
	}
	return nil
}
