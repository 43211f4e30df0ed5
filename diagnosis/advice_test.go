package diagnosis_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta/diagnosis"
	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/diagnosis/rules"
)

// TestAdviceIsBriefEverywhere holds what every answer promises, on all fixtures and scenarios.
func TestAdviceIsBriefEverywhere(t *testing.T) {
	t.Parallel()
	gives := map[string]bool{}
	for _, rule := range rules.Rules() {
		gives[rule.ID] = rule.Advice
	}
	hold := func(d diagnosis.Diagnosis) {
		require.LessOrEqual(t, len(d.Advice), 8)
		require.NotNil(t, d.Advice)
		seen := map[string]bool{}
		for _, a := range d.Advice {
			require.True(t, gives[a.Rule], "rule %s gives no advice", a.Rule)
			require.False(t, seen[a.Rule], "rule %s advises twice", a.Rule)
			seen[a.Rule] = true
			require.NotEmpty(t, a.Evidence, a.Text)
			require.LessOrEqual(t, len(a.Evidence), 6)
			require.NotEmpty(t, a.Subject.Kind)
			require.NotEmpty(t, a.Remedy)
		}
		for _, c := range d.Chains {
			require.False(t, gives[c.Rule], "advice %s is no cause", c.Rule)
		}
	}
	for _, rule := range rules.Rules() {
		for _, name := range []string{"fires", "healthy"} {
			hold(diagnosis.Diagnose(load(t, rule.ID, name), facts.Ref{}))
		}
	}
	for _, name := range scenarios(t) {
		hold(diagnosis.Diagnose(scenario(t, name)))
	}
}
