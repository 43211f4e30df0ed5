package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands"
)

// testAButtonThatIsOverGoes drops one of two buttons of a message that was sent.
func testAButtonThatIsOverGoes(t *testing.T, open Open) {
	t.Parallel()
	s := open.fresh(t)
	end := algesta.Post{Command: "c-1", Kind: algesta.EndPost, Channel: "C0OPS", Thread: "1.0", Report: algesta.Report{
		Title: algesta.Say(
			"Done.",
		),
		Buttons: []algesta.Button{{Label: "Undo", Action: algesta.Run, ID: "o-1"}, {Label: "Restart", Action: algesta.Run, ID: "o-12"}},
	}}
	require.NoError(t, s.Update(t.Context(), func(tx commands.Tx) error { return tx.Post(end) }))
	due, err := s.Due(t.Context(), 10)
	require.NoError(t, err)
	require.Len(t, due, 1)
	require.NoError(t, s.Delivered(t.Context(), []algesta.Delivery{{ID: due[0].ID, Rev: due[0].Rev, TS: "2.0"}}))
	for range 2 { // the second time there is nothing to edit
		require.NoError(t, s.Update(t.Context(), func(tx commands.Tx) error { return tx.DropButton("o-1") }))
		due, err = s.Due(t.Context(), 10)
		require.NoError(t, err)
		require.Len(t, due, 1)
		require.Equal(t, "2.0", due[0].TS, "it is an edit")
		require.Equal(t, []algesta.Button{{Label: "Restart", Action: algesta.Run, ID: "o-12"}}, due[0].Post.Report.Buttons)
		require.EqualValues(t, 2, due[0].Rev)
	}
}

// testAUsedOfferComesBackWhereNothingWasChanged uses an offer for one request after the other: the first is replaced, the second ends with
// nothing changed, and the third changes something.
func testAUsedOfferComesBackWhereNothingWasChanged(t *testing.T, open Open) {
	t.Parallel()
	s := withRequests(t, open, "c-aaaaaa", "c-bbbbbb", "c-cccccc")
	offer := algesta.Offer{ID: "o-1", Runbook: "scale", Args: algesta.Args{"undoes": "c-000000"}, ExpiresAt: time.Now().Add(time.Hour)}
	end := algesta.Post{Command: "c-000000", Kind: algesta.EndPost, Channel: "C0OPS", Thread: "1.0", Report: algesta.Report{
		Title: algesta.Say("Done."), Buttons: []algesta.Button{{Label: "Undo", Action: algesta.Run, ID: "o-1", Style: "primary"}},
	}}
	update(t, s, func(tx commands.Tx) error {
		if err := tx.Offer(offer); err != nil {
			return err
		}
		return tx.Post(end)
	})
	shown := func(label string) {
		t.Helper()
		due, err := s.Due(t.Context(), 10)
		require.NoError(t, err)
		require.Len(t, due, 1, label)
		require.NoError(t, s.Delivered(t.Context(), []algesta.Delivery{{ID: due[0].ID, Rev: due[0].Rev, TS: "2.0"}}))
		if label == "" {
			require.Empty(t, due[0].Post.Report.Buttons)
			return
		}
		require.Equal(t, end.Report.Buttons, due[0].Post.Report.Buttons)
	}
	usedBy := func(id string) {
		t.Helper()
		o, found, err := s.UndoOf(t.Context(), "c-000000")
		require.NoError(t, err)
		require.True(t, found)
		require.Equal(t, id, o.Request)
	}
	use := func(id string) { update(t, s, func(tx commands.Tx) error { _, err := tx.Use("o-1", id); return err }) }
	release := func(id, next string) {
		update(t, s, func(tx commands.Tx) error { return tx.Release(id, next) })
	}
	shown("Undo")
	use("c-aaaaaa")
	shown("")
	release("c-aaaaaa", "c-bbbbbb")
	usedBy("c-bbbbbb")
	release("c-aaaaaa", "") // it has none any more
	usedBy("c-bbbbbb")
	release("c-bbbbbb", "")
	usedBy("")
	shown("Undo")
	use("c-cccccc")
	shown("")
	e := Execution("c-cccccc")
	require.Empty(t, intend(t, s, e))
	e.State = algesta.Confirmed
	require.True(t, settle(t, s, e))
	release("c-cccccc", "")
	usedBy("c-cccccc")
	due, err := s.Due(t.Context(), 10)
	require.NoError(t, err)
	require.Empty(t, due)
	_, found, err := s.UndoOf(t.Context(), "c-aaaaaa")
	require.NoError(t, err)
	require.False(t, found)
}

// testAnOfferIsUsedByOneRequest uses an offer twice.
func testAnOfferIsUsedByOneRequest(t *testing.T, open Open) {
	t.Parallel()
	s := open.fresh(t)
	var first, second string
	require.NoError(t, s.Update(t.Context(), func(tx commands.Tx) (err error) {
		if err = tx.Offer(algesta.Offer{ID: "o-1", Runbook: "restart"}); err != nil {
			return err
		}
		first, err = tx.Use("o-1", "c-1")
		return err
	}))
	require.NoError(t, s.Update(t.Context(), func(tx commands.Tx) (err error) {
		second, err = tx.Use("o-1", "c-2")
		return err
	}))
	require.Empty(t, first)
	require.Equal(t, "c-1", second)
	o, found, err := s.Offer(t.Context(), "o-1")
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, "c-1", o.Request)
	require.Error(t, s.Update(t.Context(), func(tx commands.Tx) error { _, err := tx.Use("o-2", "c-1"); return err }))
}

func testOffersAreKept(t *testing.T, open Open) {
	t.Parallel()
	s := open.fresh(t)
	want := algesta.Offer{ID: "o-1", Runbook: "rollback", Target: gateway, Args: algesta.Args{"revision": int64(42)}, ExpiresAt: noon}
	update(t, s, func(tx commands.Tx) error { return tx.Offer(want) })
	got, found, err := s.Offer(context.Background(), "o-1")
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, want, got)
	_, found, err = s.Offer(context.Background(), "o-2")
	require.NoError(t, err)
	require.False(t, found)
	require.ErrorIs(t, s.Update(context.Background(), func(tx commands.Tx) error { return tx.Offer(want) }), algesta.ErrTaken)
}

// testAnOfferStaysAwayAfterALaterChange releases an offer after a later change of the autoscaler that it's about, or of its service.
// froze stores a request that froze its target, and did so at a time.
func froze(t *testing.T, s Store, id string, target algesta.Target, at time.Time) {
	t.Helper()
	r := Pending(id)
	r.Command.Target = target
	update(t, s, func(tx commands.Tx) error { return tx.Create(r) })
	e := Execution(id)
	e.Object = algesta.Object{
		Cluster: target.Cluster, Group: algesta.FreezeGroup, Kind: algesta.FreezeKind, Namespace: target.Namespace, Name: id,
	}
	e.StartedAt = at
	require.Empty(t, intend(t, s, e))
	e.State = algesta.Confirmed
	require.True(t, settle(t, s, e))
}

func testAnOfferStaysAwayAfterALaterChange(t *testing.T, open Open) {
	t.Parallel()
	own := algesta.Target{Cluster: gateway.Cluster, Namespace: gateway.Namespace, Object: "horizontalpodautoscaler/gateway-hpa"}
	for name, target := range map[string]algesta.Target{"of a service": gateway, "of an object": own} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := withRequests(t, open, "c-first1", "c-undo11")
			later := Pending("c-later1")
			later.Command.Target = target
			update(t, s, func(tx commands.Tx) error { return tx.Create(later) })
			wrote := func(id string, at time.Time) {
				e := Execution(id)
				e.Object, e.StartedAt = scaler, at
				require.Empty(t, intend(t, s, e))
				e.State = algesta.Confirmed
				require.True(t, settle(t, s, e))
			}
			wrote("c-first1", noon)
			offer := algesta.Offer{
				ID: "o-1", Runbook: "hpa restore", Target: target, Args: algesta.Args{"undoes": "c-first1"}, MadeAt: noon.Add(time.Minute),
				ExpiresAt: time.Now().Add(time.Hour),
			}
			end := algesta.Post{Command: "c-first1", Kind: algesta.EndPost, Channel: "C0OPS", Thread: "1.0", Report: algesta.Report{
				Title: algesta.Say("Done."), Buttons: []algesta.Button{{Label: "Undo", Action: algesta.Run, ID: "o-1"}},
			}}
			update(t, s, func(tx commands.Tx) error {
				if err := tx.Offer(offer); err != nil {
					return err
				}
				return tx.Post(end)
			})
			buttons := func() int {
				due, err := s.Due(t.Context(), 10)
				require.NoError(t, err)
				require.Len(t, due, 1)
				require.NoError(t, s.Delivered(t.Context(), []algesta.Delivery{{ID: due[0].ID, Rev: due[0].Rev, TS: "2.0"}}))
				return len(due[0].Post.Report.Buttons)
			}
			require.Equal(t, 1, buttons())
			use := func() { update(t, s, func(tx commands.Tx) error { _, err := tx.Use("o-1", "c-undo11"); return err }) }
			use()
			require.Zero(t, buttons())
			update(t, s, func(tx commands.Tx) error { return tx.Release("c-undo11", "") })
			require.Equal(t, 1, buttons(), "nothing was changed since")
			froze(t, s, "c-froze1", target, noon.Add(2*time.Minute))
			use()
			require.Zero(t, buttons())
			update(t, s, func(tx commands.Tx) error { return tx.Release("c-undo11", "") })
			require.Equal(t, 1, buttons(), "a freeze changes nothing of what it's about")
			use()
			require.Zero(t, buttons())
			wrote("c-later1", noon.Add(time.Hour))
			update(t, s, func(tx commands.Tx) error { return tx.Release("c-undo11", "") })
			due, err := s.Due(t.Context(), 10)
			require.NoError(t, err)
			require.Empty(t, due, "it would take back more than it says")
		})
	}
}
