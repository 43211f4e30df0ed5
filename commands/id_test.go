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
