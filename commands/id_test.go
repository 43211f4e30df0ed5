package commands_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

func TestAnIDThatIsTakenIsDrawnAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.types(luis, "scale api-gateway production 6")
	first := w.request(algesta.Pending)
	tries := 0
	w.onCreate = func(r *algesta.Request) {
		if tries++; tries == 1 {
			r.ID, r.Command.ID = first.ID, first.ID // as a draw that hits
		}
	}
	w.types(luis, "restart api-gateway production")
	require.Equal(t, 2, tries)
	require.Empty(t, w.said(algesta.AnswerPost), "nobody is told")
	require.Len(t, w.said(algesta.CardPost), 2)
	require.Zero(t, w.unanswered())
	same, err := w.store.Request(t.Context(), first.ID)
	require.NoError(t, err)
	require.Equal(t, "scale", same.Command.Runbook, "the older one is as it was")
}

func TestAnOfferWhoseIDIsTakenIsDrawnAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tries, first := 0, ""
	w.onOffer = func(o *algesta.Offer) {
		switch tries++; tries {
		case 1:
			first = o.ID
		case 2:
			o.ID = first // as a draw that hits
		}
	}
	for range 2 {
		w.types(luis, "scale api-gateway production 6")
		w.votes(carla, algesta.Approve, w.request(algesta.Pending).ID)
		w.request(algesta.Succeeded)
		w.idle()
		w.cluster.set(func(c *fakeCluster) { c.replicas = 4 })
	}
	require.Equal(t, 3, tries)
	var undo []string
	for _, p := range w.posts() {
		for _, b := range p.Report.Buttons {
			if b.Label == "Undo" {
				undo = append(undo, b.ID)
			}
		}
	}
	require.Len(t, undo, 2, "both ends have their button")
	require.NotEqual(t, undo[0], undo[1])
}

func TestACommandThatWasHandledBeforeIsNotHandledAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	in := w.invocation(luis)
	in.Text = "scale api-gateway production 6"
	w.handle(in)
	w.request(algesta.Pending)
	w.votes(luis, algesta.Cancel, w.request(algesta.Pending).ID)
	w.dispatcher.Handle(t.Context(), in) // as after a kill between the commit and what follows it
	require.Len(t, w.said(algesta.CardPost), 1)
	require.Empty(t, w.said(algesta.AnswerPost))
}
