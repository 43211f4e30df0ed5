package store_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/store"
)

// full lets the file grow no more, as a full disk would, until the function it returns is called.
func full(t *testing.T, s *store.Store) (again func()) {
	t.Helper()
	_, err := s.WriterDB().ExecContext(t.Context(), `PRAGMA max_page_count = 1`) // the least it can be is what the file has
	require.NoError(t, err)
	return func() {
		t.Helper()
		_, err := s.WriterDB().ExecContext(t.Context(), `PRAGMA max_page_count = 1000000`)
		require.NoError(t, err)
	}
}

func TestAFullDiskAcknowledgesNothingAndIsSurvived(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	big := strings.Repeat("x", 100_000)
	update(t, s, func(tx *store.Tx) error { return tx.Create(pending("c-1")) })
	again := full(t, s)

	v := typed("a")
	v.Text = big
	_, err := s.Receive(context.Background(), v)
	require.ErrorContains(t, err, "full", "the transport must not acknowledge it")
	err = s.Update(context.Background(), func(tx *store.Tx) error {
		r := pending("c-2")
		r.Note = big
		return tx.Create(r)
	})
	require.ErrorContains(t, err, "full")
	r, err := s.Request(context.Background(), "c-1")
	require.NoError(t, err)
	require.Equal(t, "c-1", r.ID)

	again()
	require.True(t, receive(t, s, v), "its redelivery is fresh")
	require.Equal(t, "a", next(t, s.Arrivals()).Key)
	update(t, s, func(tx *store.Tx) error { return tx.Create(pending("c-2")) })
	var integrity string
	require.NoError(t, s.Reader().QueryRowContext(t.Context(), `PRAGMA integrity_check`).Scan(&integrity))
	require.Equal(t, "ok", integrity)
}

func TestOneBigUpdateOnAFullDiskHarmsNoOther(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	again := full(t, s)
	results := make(chan error, 20)
	for i := range 20 {
		go func() {
			results <- s.Update(context.Background(), func(tx *store.Tx) error {
				r := pending(fmt.Sprint("c-", i))
				r.Note = strings.Repeat("x", i*20_000)
				return tx.Create(r)
			})
		}()
	}
	stored := 0
	for range 20 {
		if err := next(t, results); err == nil {
			stored++
		}
	}
	require.Equal(t, stored, count(t, s, `SELECT COUNT(*) FROM requests`), "what was acknowledged is there, and nothing else")
	again()
	_, err := s.Request(context.Background(), "c-19")
	require.ErrorIs(t, err, algesta.ErrUnknownName)
}
