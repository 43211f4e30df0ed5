package store_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/store"
)

// TestAButtonThatIsOverGoes drops one of two buttons of a message that was sent.
func TestAButtonThatIsOverGoes(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "a.db"))
	end := algesta.Post{Command: "c-1", Kind: algesta.EndPost, Channel: "C0OPS", Thread: "1.0", Report: algesta.Report{
		Title: algesta.Say("Done."), Buttons: []algesta.Button{{Label: "Undo", Action: algesta.Run, ID: "o-1"}, {Label: "Restart", Action: algesta.Run, ID: "o-12"}},
	}}
	require.NoError(t, s.Update(t.Context(), func(tx *store.Tx) error { return tx.Post(end) }))
	due, err := s.Due(t.Context(), 10)
	require.NoError(t, err)
	require.Len(t, due, 1)
	require.NoError(t, s.Delivered(t.Context(), []algesta.Delivery{{ID: due[0].ID, Rev: due[0].Rev, TS: "2.0"}}))
	for range 2 { // the second time there is nothing to edit
		require.NoError(t, s.Update(t.Context(), func(tx *store.Tx) error { return tx.DropButton("o-1") }))
		due, err = s.Due(t.Context(), 10)
		require.NoError(t, err)
		require.Len(t, due, 1)
		require.Equal(t, "2.0", due[0].TS, "it is an edit")
		require.Equal(t, []algesta.Button{{Label: "Restart", Action: algesta.Run, ID: "o-12"}}, due[0].Post.Report.Buttons)
		require.EqualValues(t, 2, due[0].Rev)
	}
}
