package algesta_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

func TestARequesterIsAPersonOrARule(t *testing.T) {
	t.Parallel()
	dana := algesta.Actor{ID: algesta.PersonID{Team: "T0ALGESTA", User: "U0DANA"}, Name: "Dana", Standing: algesta.Member}
	for name, c := range map[string]struct {
		requester              algesta.Requester
		identity, called, said string
		person                 algesta.Actor
		ok                     bool
	}{
		"a person": {
			algesta.AskedBy(dana), "T0ALGESTA/U0DANA", "Dana", "Dana", dana, true,
		},
		"a rule": {
			algesta.AskedByRule(algesta.Rule{Name: "alerts"}), "rule:alerts", "the rule alerts", "the rule alerts", algesta.Actor{}, false,
		},
		"a rule on behalf of a person": {
			algesta.AskedByRule(algesta.Rule{Name: "alerts", For: &dana}), "rule:alerts", "the rule alerts for Dana", "the rule alerts for Dana",
			dana, true,
		},
		"nobody": {algesta.Requester{}, "/", "", "", algesta.Actor{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.identity, c.requester.Identity())
			require.Equal(t, c.called, c.requester.Called())
			require.Equal(t, c.said, c.requester.Said().String())
			person, ok := c.requester.Person()
			require.Equal(t, c.person, person)
			require.Equal(t, c.ok, ok)
		})
	}
	require.Equal(t, algesta.Person, algesta.AskedBy(dana).Said()[0].Kind)
	require.Equal(t, algesta.Person, algesta.AskedByRule(algesta.Rule{Name: "alerts", For: &dana}).Said()[1].Kind)
}

// TestACommandThatWasStoredBeforeThereWereRulesIsAPersons reads what an earlier version stored. What it stores of a person is the same.
func TestACommandThatWasStoredBeforeThereWereRulesIsAPersons(t *testing.T) {
	t.Parallel()
	const stored = `{"id":"c-7f3a9k","actor":{"id":{"team":"T0ALGESTA","user":"U0DANA"},"name":"Dana","standing":"member"},` +
		`"runbook":"restart","at":"2026-11-22T12:00:00Z","channel":"C0OPS"}`
	var c algesta.Command
	require.NoError(t, json.Unmarshal([]byte(stored), &c))
	require.Equal(t, algesta.Command{
		ID: "c-7f3a9k", Runbook: "restart", At: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), Channel: "C0OPS",
		Requester: algesta.AskedBy(algesta.Actor{
			ID: algesta.PersonID{Team: "T0ALGESTA", User: "U0DANA"}, Name: "Dana", Standing: algesta.Member,
		}),
	}, c)
	again, err := json.Marshal(c)
	require.NoError(t, err)
	require.JSONEq(t, stored, string(again))
}
