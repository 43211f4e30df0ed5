package store_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/pressly/goose/v3"
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

func TestAFileOfAnEarlierVersionKeepsWhatIsOpen(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "algesta.db")
	db, err := sql.Open("sqlite", "file:"+path)
	require.NoError(t, err)
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, os.DirFS("migrations/sqlite"))
	require.NoError(t, err)
	_, err = provider.UpTo(t.Context(), 3)
	require.NoError(t, err)
	envelope, err := json.Marshal(typed("a"))
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), `INSERT INTO inbox (key, envelope, received_at) VALUES ('a', ?, 1)`, string(envelope))
	require.NoError(t, err)
	require.NoError(t, db.Close())

	s := open(t, path)
	left, err := s.Unanswered(t.Context())
	require.NoError(t, err)
	require.Len(t, left, 1)
	require.Equal(t, typed("a").Text, left[0].Text)
	require.False(t, receive(t, s, typed("a")), "its key is known")
	require.True(t, receive(t, s, typed("b")))
}
