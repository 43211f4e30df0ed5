package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/store"
)

func TestRiverRingsForWorkThatTheProcessHasForgotten(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	calls := make(chan handled, 10)
	start(t, s, map[algesta.JobKind]store.Handler{algesta.ExpireJob: reporting(calls)})
	schedule(t, s, algesta.ExpireJob, "c-1", time.Now().Add(time.Hour))
	require.NoError(t, s.Tend(context.Background()))
	require.False(t, s.RiverRuns(), "there is nothing to ring for yet")
	s.LoseTimers()
	for _, query := range []string{
		`UPDATE jobs SET at = 1`,
		`UPDATE river_job SET state = 'available', scheduled_at = '2026-11-22 12:00:00.000'`,
	} {
		_, err := s.WriterDB().ExecContext(t.Context(), query)
		require.NoError(t, err)
	}
	require.NoError(t, s.Tend(context.Background()))
	require.True(t, s.RiverRuns())
	require.Equal(t, "c-1", next(t, calls).request)
	quiet(t, s)

	require.NoError(t, s.Tend(context.Background()))
	require.False(t, s.RiverRuns())
	schedule(t, s, algesta.ExpireJob, "c-2", time.Now())
	require.Equal(t, "c-2", next(t, calls).request, "what is due now needs no River")
	require.NoError(t, s.Tend(context.Background()))
	require.Empty(t, calls)
	require.Zero(t, count(t, s, `SELECT COUNT(*) FROM river_notification`))
}
