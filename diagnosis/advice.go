package diagnosis

import (
	"regexp"
	"slices"
	"strings"

	"github.com/3astronautas/algesta/words"
)

// maxAdvice is how much advice one answer gives.
const maxAdvice = 8

// adviceRules are ordered by what hurts most when it strikes.
var adviceRules = slices.Concat(usageAdvice, configAdvice, resilienceAdvice, templateAdvice, wiringAdvice, clusterAdvice)

// hint is one piece of advice about one object.
type hint struct {
	subject Ref
	text    string // one sentence
	remedy  string // one sentence
	shown   []Evidence
}

// advice asks every rule that gives some. What holds for several objects is one piece: a namespace of ten services is not
// ten times as interesting.
func (s *Snapshot) advice(near surroundings) []Advice {
	given := []Advice{}
	for _, rule := range Rules() {
		if len(given) == maxAdvice {
			break
		}
		if hints := rule.hints(s, near); len(hints) > 0 {
			given = append(given, s.advised(rule, hints))
		}
	}
	return given
}

// hints are what a rule that gives advice has to say; the cluster's own namespaces are left out where nobody asked about them.
func (r Rule) hints(s *Snapshot, near surroundings) []hint {
	if r.advise == nil {
		return nil
	}
	return slices.DeleteFunc(r.advise(s, near), func(h hint) bool { return near.everything && isSystem(h.subject.Namespace) })
}

// says that a chain already quotes what the advice rests on.
func (d Diagnosis) says(a Advice) bool {
	return slices.ContainsFunc(d.Chains, func(c Chain) bool {
		return slices.ContainsFunc(c.Evidence, func(e Evidence) bool {
			return e.Object == a.Evidence[0].Object && e.Field == a.Evidence[0].Field && e.Quote == a.Evidence[0].Quote
		})
	})
}

func (s *Snapshot) advised(rule Rule, hints []hint) Advice {
	first := hints[0]
	a := Advice{Rule: rule.ID, Subject: first.subject, Text: strings.TrimSuffix(first.text, "."), Evidence: []Evidence{}, Remedy: s.redact(first.remedy)}
	var others []string
	for _, h := range hints {
		if h.subject != first.subject && !slices.Contains(others, h.subject.Name) {
			others = append(others, h.subject.Name)
		}
		for _, e := range h.shown[:min(len(h.shown), maxEvidence-len(a.Evidence))] {
			e.Quote = s.quote(e.Quote)
			if e.At != nil {
				e.Age = words.Span(s.age(*e.At))
			}
			a.Evidence = append(a.Evidence, e)
		}
	}
	if len(others) > 0 {
		a.Text += "; the same goes for " + words.Few(others, 4)
	}
	a.Text = s.brief(a.Text, 400) + "."
	return a
}

// isSystem says that the cluster's operator, and not the people who ask, runs what is in the namespace.
func isSystem(namespace string) bool {
	return strings.HasPrefix(namespace, "kube-") || strings.HasSuffix(namespace, "-system") || namespace == "cert-manager"
}

var production = regexp.MustCompile(`(?i)(^|[-_])(prod|production|prd|live)($|[-_])`)

// isProduction says that real users depend on what is in the namespace.
func isProduction(namespace string) bool { return production.MatchString(namespace) }

// serving calls look for every Deployment near the question that wants pods and has a Service in front of it.
func (s *Snapshot) serving(near surroundings, look func(*workload) []hint) []hint {
	var hints []hint
	for _, w := range s.index.workloads {
		if w.rollout == nil || w.desired <= 0 || !near.has(w.ref) || !s.isServed(w) {
			continue
		}
		hints = append(hints, look(w)...)
	}
	return hints
}

// isServed says that a Service leads to the workload.
func (s *Snapshot) isServed(w *workload) bool {
	return slices.ContainsFunc(s.index.downstream[w.ref], func(ref Ref) bool { return ref.Kind == KindService })
}
