package commands_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

// TestWhatPeopleTypeIsKeptAndShownWithoutSecrets has people type a password as their reason, and as a command that is none.
func TestWhatPeopleTypeIsKeptAndShownWithoutSecrets(t *testing.T) {
	t.Parallel()
	secret := "sunflower" + "4711"
	reason := "password=" + secret
	hidden := func(t *testing.T, w *world, kept ...any) {
		t.Helper()
		for _, p := range w.posts() {
			kept = append(kept, p)
			lines, err := w.store.Audit(t.Context(), p.Command)
			require.NoError(t, err)
			kept = append(kept, lines)
		}
		raw, err := json.Marshal(kept)
		require.NoError(t, err)
		require.NotContains(t, string(raw), secret)
		require.Contains(t, string(raw), "password=‹redacted›")
	}
	t.Run("the reason of a command", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.types(luis, "scale api-gateway production 6 --reason "+reason)
		r := w.request(algesta.Pending)
		require.Equal(t, "password=‹redacted›", r.Command.Reason)
		hidden(t, w, r)
	})
	t.Run("the reason of an undo", func(t *testing.T) {
		t.Parallel()
		w, marta, _ := undoable(t)
		w.types(marta, "undo api-gateway production --reason "+reason)
		hidden(t, w, w.request(algesta.Pending))
	})
	t.Run("the reason of an approval", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.types(luis, "scale api-gateway production 6")
		in := w.vote(carla, algesta.Approve, w.request(algesta.Pending).ID)
		in.Vote.Reason = reason
		w.handle(in)
		r := w.request(algesta.Succeeded)
		approvals, err := w.store.Approvals(t.Context(), r.ID)
		require.NoError(t, err)
		hidden(t, w, r, approvals)
	})
	t.Run("the reason of a denial", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.types(luis, "scale api-gateway production 6")
		in := w.vote(carla, algesta.Deny, w.request(algesta.Pending).ID)
		in.Vote.Reason = reason
		w.handle(in)
		hidden(t, w, w.request(algesta.Rejected))
	})
	t.Run("what is no command", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.types(luis, "restrat api-gateway "+reason)
		hidden(t, w)
	})
}
