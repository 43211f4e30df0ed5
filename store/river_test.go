package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/store"
)

// reporting starts the jobs, with a handler that reports the requests it was called for and is done.
func reporting(t *testing.T, s *store.Store, kind algesta.JobKind) <-chan string {
	t.Helper()
	calls := make(chan string, 10)
	s.Work(map[algesta.JobKind]store.Handler{kind: func(_ context.Context, request string) (time.Duration, error) {
		calls <- request
		return 0, nil
	}})
	require.NoError(t, s.Start(context.Background()))
	return calls
}

// quiet waits until no job is kept any more.
func quiet(tb testing.TB, s *store.Store) {
	tb.Helper()
	require.Eventually(tb, func() bool {
		n, err := s.Jobs(context.Background())
		require.NoError(tb, err)
		return n == 0
	}, waitFor, 5*time.Millisecond)
}

func TestAJobThatIsDueNeedsNoPoll(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	calls := reporting(t, s, algesta.ExecuteJob)
	schedule(t, s, algesta.ExecuteJob, "c-1", time.Now())
	require.Equal(t, "c-1", next(t, calls))
	require.False(t, s.RiverRuns())
	quiet(t, s)
	require.Empty(t, calls)
}

func TestRiverBringsBackWorkThatTheProcessHasForgotten(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	calls := reporting(t, s, algesta.ExpireJob)
	schedule(t, s, algesta.ExpireJob, "c-1", time.Now().Add(time.Hour))
	require.NoError(t, s.Maintain(context.Background()))
	require.False(t, s.RiverRuns(), "there is nothing to wake anybody for yet")
	s.LoseTimers()
	for _, query := range []string{
		`UPDATE jobs SET at = 1`,
		`UPDATE river_job SET state = 'available', scheduled_at = '2026-11-22 12:00:00.000'`,
	} {
		_, err := s.WriterDB().ExecContext(t.Context(), query)
		require.NoError(t, err)
	}
	require.NoError(t, s.Maintain(context.Background()))
	require.True(t, s.RiverRuns())
	require.Equal(t, "c-1", next(t, calls))
	quiet(t, s)

	require.NoError(t, s.Maintain(context.Background()))
	require.False(t, s.RiverRuns())
	schedule(t, s, algesta.ExpireJob, "c-2", time.Now())
	require.Equal(t, "c-2", next(t, calls), "what is due now needs no River")
	require.NoError(t, s.Maintain(context.Background()))
	require.Empty(t, calls)
	require.Zero(t, count(t, s, `SELECT COUNT(*) FROM river_notification`))
}
