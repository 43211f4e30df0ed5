package commands_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

func TestADenialSaysWhyWhereAskedFor(t *testing.T) {
	t.Parallel()
	button := func(w *world) algesta.Button {
		for _, p := range w.posts() {
			for _, b := range p.Report.Buttons {
				if b.Action == algesta.Deny {
					return b
				}
			}
		}
		t.Fatal("there is no button")
		return algesta.Button{}
	}
	t.Run("the policy wants no reason", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.types(luis, "scale api-gateway production 6")
		r := w.request(algesta.Pending)
		b := button(w)
		require.True(t, b.AskReason && b.ReasonOptional)
		w.votes(carla, algesta.Deny, r.ID)
		require.Equal(t, "was denied by Carla. Nothing was changed.", w.request(algesta.Rejected).Note)
	})
	t.Run("the policy wants one", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.setRules(strings.Replace(rules, "expiresAfter: 30m", "expiresAfter: 30m\n    reason: required", 1))
		w.types(luis, `scale api-gateway production 6 --reason "a campaign"`)
		r := w.request(algesta.Pending)
		b := button(w)
		require.True(t, b.AskReason && !b.ReasonOptional)
		w.votes(carla, algesta.Deny, r.ID) // from a terminal, for example
		require.Equal(t, []string{`Rule "a second person" requires a reason.`}, w.said(algesta.AnswerPost))
		w.request(algesta.Pending)
		in := w.vote(carla, algesta.Deny, r.ID)
		in.Vote.Reason = "Marta does it."
		w.handle(in)
		require.Equal(t, "was denied by Carla (“Marta does it”). Nothing was changed.", w.request(algesta.Rejected).Note)
	})
}

func TestAnUndoNamesWhatItPutsBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.types(luis, "scale api-gateway production 6")
	id := w.request(algesta.Pending).ID
	w.votes(carla, algesta.Approve, id)
	w.request(algesta.Succeeded)
	var asked []string
	for _, p := range w.posts() {
		for _, b := range p.Report.Buttons {
			if b.Label == "Undo" {
				asked = append(asked, b.Confirm.Text)
			}
		}
	}
	require.Equal(t, []string{
		"Undo of " + id + " for api-gateway in production (6 → 4 pods). It's planned as if you typed it: it waits for " +
			"approval if the policy requires one, and runs at once if not.",
	}, asked)
}
