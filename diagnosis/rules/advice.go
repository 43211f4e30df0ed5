package rules

import (
	"regexp"
	"slices"
	"strings"

	"github.com/3astronautas/algesta/diagnosis/facts"
)

// adviceRules are ordered by what hurts most when it happens.
var adviceRules = slices.Concat(usageAdvice, configAdvice, resilienceAdvice, templateAdvice, wiringAdvice, clusterAdvice)

// Hint is one piece of advice about one object.
type Hint struct {
	Subject facts.Ref
	Text    string // one sentence
	Remedy  string // one sentence
	Shown   []facts.Evidence
}

// Hints are what a rule that gives advice has to say; the cluster's own namespaces are left out where nobody asked about them.
func (r Rule) Hints(s *facts.Snapshot, near facts.Surroundings) []Hint {
	if r.advise == nil {
		return nil
	}
	return slices.DeleteFunc(r.advise(s, near), func(h Hint) bool { return near.Everything && isSystem(h.Subject.Namespace) })
}

// isSystem says that the cluster's operator, and not the people who ask, runs what is in the namespace.
func isSystem(namespace string) bool {
	return strings.HasPrefix(namespace, "kube-") || strings.HasSuffix(namespace, "-system") || namespace == "cert-manager"
}

var production = regexp.MustCompile(`(?i)(^|[-_])(prod|production|prd|live)($|[-_])`)

// isProduction says that real users depend on what is in the namespace.
func isProduction(namespace string) bool { return production.MatchString(namespace) }

// serving calls look for every Deployment near the question that wants pods and has a Service in front of it.
func serving(s *facts.Snapshot, near facts.Surroundings, look func(*facts.Workload) []Hint) []Hint {
	var hints []Hint
	for _, w := range s.Workloads() {
		if w.Rollout == nil || w.Desired <= 0 || !near.Has(w.Ref) || !isServed(s, w) {
			continue
		}
		hints = append(hints, look(w)...)
	}
	return hints
}

// isServed says that a Service leads to the workload.
func isServed(s *facts.Snapshot, w *facts.Workload) bool {
	return slices.ContainsFunc(s.Downstream(w.Ref), func(ref facts.Ref) bool { return ref.Kind == facts.KindService })
}
