package store_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/store"
)

func TestPruneForgetsOnlyWhatIsOver(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	ended := pending("c-2")
	ended.Status = algesta.Succeeded
	for range 2 { // the second time there is nothing left to prune
		_ = s.Update(context.Background(), func(tx *store.Tx) error { return errors.Join(tx.Create(pending("c-1")), tx.Create(ended)) })
	}
	for i := range 1200 {
		receive(t, s, typed(fmt.Sprint(i)))
	}
	update(t, s, func(tx *store.Tx) error {
		for i := range 1100 {
			if err := tx.Answered(fmt.Sprint(i)); err != nil {
				return err
			}
		}
		return errors.Join(
			tx.Offer(algesta.Offer{ID: "o-1", ExpiresAt: noon}),
			tx.Offer(algesta.Offer{ID: "o-2", ExpiresAt: time.Now().Add(time.Hour)}),
			tx.Append(algesta.Entry{Request: "c-2", Kind: "requested", At: noon}),
		)
	})
	for i, p := range []algesta.Post{
		{Command: "c-1", Kind: algesta.CardPost},
		{Command: "c-2", Kind: algesta.CardPost},
		{Command: "c-2", Kind: algesta.EndPost},
		{Command: "c-3", Kind: algesta.AnswerPost},
	} {
		update(t, s, func(tx *store.Tx) error { return tx.Post(p) })
		if i != 2 {
			require.NoError(t, s.Delivered(context.Background(), []algesta.Delivery{{ID: int64(i) + 1, Rev: 1, TS: fmt.Sprint(i)}}))
		}
	}
	schedule(t, s, algesta.ExpireJob, "c-1", time.Now().Add(time.Hour))
	for _, state := range []string{"completed", "cancelled", "discarded"} {
		_, err := s.WriterDB().ExecContext(
			t.Context(),
			`INSERT INTO river_job (kind, max_attempts, state, finalized_at) VALUES ('alarm', 1, '`+state+`', '2026-11-22 12:00:00.000')`,
		)
		require.NoError(t, err)
	}

	gone, err := s.Prune(context.Background(), time.Now().Add(-time.Minute))
	require.NoError(t, err)
	require.Equal(t, int64(1+3), gone, "an offer and River's rows are old enough")
	gone, err = s.Prune(context.Background(), time.Now().Add(time.Minute))
	require.NoError(t, err)
	require.Equal(t, int64(1100+2), gone, "answered envelopes, and posts that are sent and whose request is over")

	require.Equal(t, 100, count(t, s, `SELECT COUNT(*) FROM inbox`))
	require.Equal(t, 1, count(t, s, `SELECT COUNT(*) FROM offers WHERE id = 'o-2'`))
	require.Equal(t, 1, count(t, s, `SELECT COUNT(*) FROM posts WHERE command = 'c-1' AND kind = 'card'`), "it will be edited")
	require.Equal(t, 1, count(t, s, `SELECT COUNT(*) FROM posts WHERE command = 'c-2' AND kind = 'end'`), "it is still owed")
	require.Equal(t, 2, count(t, s, `SELECT COUNT(*) FROM requests`))
	require.Equal(t, 1, count(t, s, `SELECT COUNT(*) FROM river_job`))
	_, err = s.Verify(context.Background())
	require.NoError(t, err)
}
