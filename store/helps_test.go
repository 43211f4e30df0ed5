package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/store"
)

// TestWhatOnlyHelpsHoldsUpNoChange has more diagnoses at once than there are places of any kind, none of which ends.
func TestWhatOnlyHelpsHoldsUpNoChange(t *testing.T) {
	t.Parallel()
	for _, help := range []algesta.JobKind{algesta.DiagnoseJob, algesta.AskJob, algesta.RemindJob} {
		t.Run(string(help), func(t *testing.T) {
			t.Parallel()
			s := fresh(t)
			calls, end := make(chan string, 10), make(chan struct{})
			defer close(end)
			reports := func(_ context.Context, request string) (time.Duration, error) { calls <- request; return 0, nil }
			s.Work(map[algesta.JobKind]store.Handler{
				help:               func(context.Context, string) (time.Duration, error) { <-end; return 0, nil },
				algesta.ExecuteJob: reports, algesta.FollowJob: reports,
			})
			require.NoError(t, s.Start(context.Background()))
			for i := range 40 {
				schedule(t, s, help, fmt.Sprintf("c-%d", i), time.Now())
			}
			schedule(t, s, algesta.ExecuteJob, "c-100", time.Now())
			next(t, calls)
			schedule(t, s, algesta.FollowJob, "c-100", time.Now())
			next(t, calls)
		})
	}
}
