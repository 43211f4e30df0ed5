package commands_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands"
	"github.com/3astronautas/algesta/store"
)

// What a rule tells on its own, such as an incident, is told to nobody of another company, and only while somebody can say who reads it.
func TestWhatARuleTellsByItselfIsToldToNoOtherCompany(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setRules(rulesWithAlerts)
	told := 0
	tells := func() error {
		return w.dispatcher.PostAsRule(t.Context(), "i-1", byAlerts("diagnose"), nil, func(commands.Tx) error { told++; return nil })
	}
	w.people.set(func(d *fakeDirectory) { d.shared = true })
	require.Error(t, tells())
	w.people.set(func(d *fakeDirectory) { d.shared, d.placeDown, d.knownPlaces = false, true, nil })
	require.Error(t, tells())
	w.people.set(func(d *fakeDirectory) { d.placeDown = false })
	w.setRules(rules)
	require.Error(t, tells(), "the policy gives the rule nothing any more")
	require.Zero(t, told)
	w.setRules(rulesWithAlerts)
	require.NoError(t, tells())
	require.Equal(t, 1, told)
	require.Equal(t, "rule:alerts", w.audited("i-1").Actor)
}

// A thread about two environments lends neither.
func TestAThreadOfTwoEnvironmentsLendsNone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.types(luis, "restart api-gateway production")
	thread := w.cardTS(w.request(algesta.Pending).ID)
	require.NoError(t, w.store.Update(t.Context(), func(tx *store.Tx) error {
		return tx.Post(algesta.Post{
			Command: "c-other", Kind: algesta.CardPost, Channel: "C0OPS", Thread: thread,
			About:  algesta.Target{Service: "payments", Environment: "staging", Cluster: "aks", Namespace: "staging", Name: "payments-staging"},
			Report: algesta.Report{Title: algesta.Say("payments runs")},
		})
	}))
	w.posts()
	got := w.says(luis, thread, "status api-gateway")
	require.Contains(t, got[0].Report.Title.String(), "Which environment do you mean")
}
