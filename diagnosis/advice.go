package diagnosis

import (
	"slices"
	"strings"

	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/diagnosis/rules"
	"github.com/3astronautas/algesta/words"
)

// maxAdvice is how much advice one answer gives.
const maxAdvice = 8

// advice asks every rule that gives some. What holds for several objects is one hint: a namespace of ten services isn't
// ten times as interesting.
func advice(s *facts.Snapshot, near facts.Surroundings) []Advice {
	given := []Advice{}
	for _, rule := range rules.Rules() {
		if len(given) == maxAdvice {
			break
		}
		if hints := rule.Hints(s, near); len(hints) > 0 {
			given = append(given, advised(s, rule, hints))
		}
	}
	return given
}

// says that a chain already quotes what the advice rests on.
func (d Diagnosis) says(a Advice) bool {
	return slices.ContainsFunc(d.Chains, func(c Chain) bool {
		return slices.ContainsFunc(c.Evidence, func(e facts.Evidence) bool {
			return e.Object == a.Evidence[0].Object && e.Field == a.Evidence[0].Field && e.Quote == a.Evidence[0].Quote
		})
	})
}

func advised(s *facts.Snapshot, rule rules.Rule, hints []rules.Hint) Advice {
	first := hints[0]
	a := Advice{
		Rule:     rule.ID,
		Subject:  first.Subject,
		Text:     strings.TrimSuffix(first.Text, "."),
		Evidence: []facts.Evidence{},
		Remedy:   s.Redact(first.Remedy),
	}
	var others []string
	for _, h := range hints {
		if h.Subject != first.Subject && !slices.Contains(others, h.Subject.Name) {
			others = append(others, h.Subject.Name)
		}
		for _, e := range h.Shown[:min(len(h.Shown), rules.MaxEvidence-len(a.Evidence))] {
			e.Quote = s.Quote(e.Quote)
			if e.At != nil {
				e.Age = words.Span(s.Age(*e.At))
			}
			a.Evidence = append(a.Evidence, e)
		}
	}
	if len(others) > 0 {
		a.Text += "; the same goes for " + words.Few(others, 4)
	}
	a.Text = s.Brief(a.Text, 400) + "."
	return a
}
