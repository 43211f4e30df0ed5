package commands_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/store"
)

// TestWhatKillsTheProcessIsGivenUp has a vote in the inbox that three processes found there and ended before they had answered it.
func TestWhatKillsTheProcessIsGivenUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.types(luis, "scale api-gateway production 6")
	vote := w.vote(carla, algesta.Approve, w.request(algesta.Pending).ID)

	path := "file:" + filepath.Join(t.TempDir(), "before.db")
	starts := func() []algesta.Invocation { // a process that ends before it has answered anything
		s, err := store.Open(t.Context(), path, zap.NewNop())
		require.NoError(t, err)
		open, err := s.Unanswered(t.Context())
		require.NoError(t, err)
		_, err = s.Receive(t.Context(), vote)
		require.NoError(t, err)
		require.NoError(t, s.Close(t.Context()))
		return open
	}
	require.Empty(t, starts())
	for range 3 {
		starts()
	}
	open := starts()
	require.Len(t, open, 1)
	fresh, err := w.store.Receive(t.Context(), vote)
	require.NoError(t, err)
	require.True(t, fresh)
	w.dispatcher.Handle(t.Context(), open[0])
	require.Equal(t, []string{"I was restarted 3 times while looking at this, so I gave up. Nothing was run."}, w.said(algesta.AnswerPost))
	require.Zero(t, w.unanswered())
	w.request(algesta.Pending)

	vote = w.vote(carla, algesta.Approve, w.request(algesta.Pending).ID)
	vote.Starts = 3 // the third may still succeed
	w.handle(vote)
	w.request(algesta.Succeeded)
}
