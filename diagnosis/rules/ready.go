package rules

import "github.com/3astronautas/algesta/diagnosis/facts"

// findInReady asks what the log of a ready pod says again and again, with the rules about dependencies: a probe seldom asks what a
// program calls.
func findInReady(s *facts.Snapshot, add func(*Rule, *Finding)) {
	for _, w := range s.Workloads() {
		c := s.Listen(w)
		if c == nil {
			continue
		}
		why, ok := c.Log.Explain()
		if !ok || !c.Log.Persists(why.Line, s.Now()) {
			continue
		}
		for i := range table {
			if table[i].container == nil || table[i].Class != ClassDependency {
				continue
			}
			f := table[i].container(c)
			if f == nil {
				continue
			}
			fillContainer(c, f)
			f.Pods, f.State, f.Effect, f.Level = nil, "", FailsReady, Degraded
			if f.Sure == High {
				f.Sure, f.Unsure = Medium, "Its pods are ready; only the log says so."
			}
			add(&table[i], f)
			break
		}
	}
}
