package store_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/store"
)

func TestWhatWasAnsweredIsForgotten(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	v := typed("a")
	v.Text = "marker-of-the-text"
	receive(t, s, v)
	require.Equal(t, 1, count(t, s, `SELECT COUNT(*) FROM inbox WHERE envelope LIKE '%marker-of-the-text%'`))
	update(t, s, func(tx *store.Tx) error { return tx.Answered("a") })
	require.Equal(t, 1, count(t, s, `SELECT COUNT(*) FROM inbox WHERE envelope IS NULL AND done_at > 0`))
}

func TestThePointsOfTheCrashMatrixAreReported(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	points := make(chan string, 10)
	s.Observe = func(point string) { points <- point }
	receive(t, s, typed("a"))
	require.Equal(t, "inbox-committed", next(t, points))
	update(t, s, func(tx *store.Tx) error { return tx.Post(algesta.Post{Command: "c-1", Kind: algesta.CardPost}) })
	require.Equal(t, "update-committed", next(t, points))
	require.NoError(t, s.Delivered(context.Background(), []algesta.Delivery{{ID: 1, Rev: 1, TS: "1.0"}}))
	require.Equal(t, "delivered", next(t, points))
	require.Empty(t, points)
}

func TestTheDatabaseItselfRefusesASecondUndecidedWrite(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	first, second := execution("c-1"), execution("c-2")
	for _, e := range []algesta.Execution{first, second} {
		update(t, s, func(tx *store.Tx) error { return tx.Create(pending(e.Request)) })
	}
	update(t, s, func(tx *store.Tx) error { _, err := tx.Intend(first); return err })
	first.State = algesta.NotDoneX
	update(t, s, func(tx *store.Tx) error { _, err := tx.Settle(first, algesta.Intended); return err })
	update(t, s, func(tx *store.Tx) error { _, err := tx.Intend(second); return err })
	first.State = algesta.Doubtful
	err := s.Update(context.Background(), func(tx *store.Tx) error {
		_, err := tx.Settle(first, algesta.NotDoneX)
		return err
	})
	require.ErrorContains(t, err, "UNIQUE")
}
