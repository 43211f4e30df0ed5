package commands_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/store"
)

// TestNothingIsPostedAboutARequestThatWasReplacedMeanwhile replaces a change while the follower reads its rollout.
func TestNothingIsPostedAboutARequestThatWasReplacedMeanwhile(t *testing.T) {
	t.Parallel()
	cases := map[string]error{
		"its progress":                     nil,
		"that its rollout can't be read":   &algesta.Error{Kind: algesta.ErrUnreachable, Message: algesta.Say("The cluster does not answer.")},
		"that its Deployment is gone, too": &algesta.Error{Kind: algesta.ErrNotFound, Message: algesta.Say("It is gone.")},
	}
	for name, unread := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			var id string
			reads := 0
			w.cluster.set(func(f *fakeCluster) {
				f.duringRead = func() error {
					if reads++; reads == 1 { // the health before the write
						return nil
					}
					w.moves(id, algesta.Applied, algesta.Superseded)
					return unread
				}
			})
			w.types(luis, "scale api-gateway production 6")
			id = w.request(algesta.Pending).ID
			w.votes(carla, algesta.Approve, id)
			w.request(algesta.Superseded)
			w.idle()
			require.Empty(t, w.said(algesta.ProgressPost))
			require.Empty(t, w.said(algesta.EndPost))
			require.Equal(t, []string{"Scaling api-gateway in production: 4 → 6 pods"}, w.said(algesta.CardPost), "as it was before")
		})
	}
}

// moves changes a request as another process would.
func (w *world) moves(id string, from, to algesta.Status) {
	require.NoError(w.t, w.store.Update(w.t.Context(), func(tx *store.Tx) error {
		_, _, err := tx.Move(algesta.Move{ID: id, From: []algesta.Status{from}, To: to})
		return err
	}))
}

// idle waits until no work is planned.
func (w *world) idle() {
	w.t.Helper()
	require.Eventually(w.t, func() bool {
		n, err := w.store.Jobs(w.t.Context())
		return err == nil && n == 0
	}, deadline, lookEvery)
}
