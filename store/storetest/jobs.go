package storetest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands"
	"github.com/3astronautas/algesta/store"
)

// handled is what a handler saw.
type handled struct {
	request string
	at      time.Time
}

// reporting is a handler that reports its calls and is done.
func reporting(calls chan handled) store.Handler {
	return func(_ context.Context, request string) (time.Duration, error) {
		calls <- handled{request, time.Now()}
		return 0, nil
	}
}

// start starts the jobs of s.
func start(tb testing.TB, s Store, handlers map[algesta.JobKind]store.Handler) {
	tb.Helper()
	s.Work(handlers)
	require.NoError(tb, s.Start(context.Background()))
}

func schedule(tb testing.TB, s Store, kind algesta.JobKind, request string, at time.Time) {
	tb.Helper()
	update(tb, s, func(tx commands.Tx) error { return tx.Schedule(kind, request, at) })
}

// quiet waits until no job is kept any more.
func quiet(tb testing.TB, s Store) {
	tb.Helper()
	require.Eventually(tb, func() bool {
		n, err := s.Jobs(context.Background())
		require.NoError(tb, err)
		return n == 0
	}, waitFor, 5*time.Millisecond)
}

func testAJobThatIsDueRunsAtOnce(t *testing.T, open Open) {
	t.Parallel()
	s := open.fresh(t)
	calls := make(chan handled, 10)
	start(t, s, map[algesta.JobKind]store.Handler{algesta.ExecuteJob: reporting(calls)})
	schedule(t, s, algesta.ExecuteJob, "c-1", time.Now())
	require.Equal(t, "c-1", next(t, calls).request)
	quiet(t, s)
	require.Empty(t, calls)
}

func testAJobRunsAtItsTimeAndOnce(t *testing.T, open Open) {
	t.Parallel()
	s := open.fresh(t)
	calls := make(chan handled, 10)
	start(t, s, map[algesta.JobKind]store.Handler{algesta.ExpireJob: reporting(calls)})
	at := time.Now().Add(300 * time.Millisecond)
	for _, when := range []time.Time{at.Add(time.Hour), at, at.Add(time.Minute)} {
		schedule(t, s, algesta.ExpireJob, "c-1", when)
	}
	require.WithinRange(t, next(t, calls).at, at.Add(-time.Millisecond), at.Add(waitFor))
	quiet(t, s)
	require.Empty(t, calls)
}

func testAHandlerAsksToBeCalledAgain(t *testing.T, open Open) {
	t.Parallel()
	s := open.fresh(t)
	calls := make(chan time.Time, 10)
	left := 3
	start(t, s, map[algesta.JobKind]store.Handler{algesta.FollowJob: func(context.Context, string) (time.Duration, error) {
		calls <- time.Now()
		left--
		if left == 0 {
			return 0, nil
		}
		return 50 * time.Millisecond, nil
	}})
	schedule(t, s, algesta.FollowJob, "c-1", time.Now())
	first, second, third := next(t, calls), next(t, calls), next(t, calls)
	require.GreaterOrEqual(t, second.Sub(first), 50*time.Millisecond)
	require.GreaterOrEqual(t, third.Sub(second), 50*time.Millisecond)
	quiet(t, s)
}

func testAHandlerHasEightSeconds(t *testing.T, open Open) {
	t.Parallel()
	s := open.fresh(t)
	left := make(chan time.Duration, 1)
	start(t, s, map[algesta.JobKind]store.Handler{algesta.FollowJob: func(ctx context.Context, _ string) (time.Duration, error) {
		deadline, _ := ctx.Deadline()
		left <- time.Until(deadline)
		return 0, nil
	}})
	schedule(t, s, algesta.FollowJob, "c-1", time.Now())
	got := next(t, left)
	require.Positive(t, got)
	require.LessOrEqual(t, got, 8*time.Second)
	quiet(t, s)
}

func testErrorsAndPanicsAreTriedAgain(t *testing.T, open Open) {
	t.Parallel()
	s := open.fresh(t)
	calls := make(chan time.Time, 10)
	n := 0
	start(t, s, map[algesta.JobKind]store.Handler{algesta.ExecuteJob: func(context.Context, string) (time.Duration, error) {
		calls <- time.Now()
		n++
		switch n {
		case 1:
			return 0, errors.New("the cluster does not answer")
		case 2:
			panic("oh")
		}
		return 0, nil
	}})
	schedule(t, s, algesta.ExecuteJob, "c-1", time.Now())
	first, second, third := next(t, calls), next(t, calls), next(t, calls)
	require.GreaterOrEqual(t, second.Sub(first), 200*time.Millisecond)
	require.GreaterOrEqual(t, third.Sub(second), 400*time.Millisecond)
	quiet(t, s)
}

func testOneRequestIsNeverHandledTwiceAtOnce(t *testing.T, open Open) {
	t.Parallel()
	s := open.fresh(t)
	var busy, most, calls atomic.Int64
	start(t, s, map[algesta.JobKind]store.Handler{algesta.FollowJob: func(context.Context, string) (time.Duration, error) {
		most.Store(max(most.Load(), busy.Add(1)))
		defer busy.Add(-1)
		calls.Add(1)
		<-time.After(2 * time.Millisecond)
		return 0, nil
	}})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 20 {
				schedule(t, s, algesta.FollowJob, "c-1", time.Now())
			}
		})
	}
	all.Wait()
	quiet(t, s)
	require.Equal(t, int64(1), most.Load())
	require.Positive(t, calls.Load())
}

func testScheduledWhileItRunsItRunsAgain(t *testing.T, open Open) {
	t.Parallel()
	s := open.fresh(t)
	began, goOn := make(chan struct{}, 10), make(chan struct{})
	start(t, s, map[algesta.JobKind]store.Handler{algesta.ExecuteJob: func(context.Context, string) (time.Duration, error) {
		began <- struct{}{}
		<-goOn
		return 0, nil
	}})
	schedule(t, s, algesta.ExecuteJob, "c-1", time.Now())
	next(t, began)
	schedule(t, s, algesta.ExecuteJob, "c-1", time.Now())
	close(goOn)
	next(t, began)
	quiet(t, s)
}

func testWhatAProcessLeftIsDoneByTheNext(t *testing.T, open Open) {
	t.Parallel()
	place := t.TempDir()
	s := open.at(t, place)
	schedule(t, s, algesta.ExecuteJob, "c-1", time.Now())
	schedule(t, s, algesta.ExpireJob, "c-2", time.Now().Add(300*time.Millisecond))
	closeStore(t, s)

	s = open.at(t, place)
	calls := make(chan handled, 10)
	start(t, s, map[algesta.JobKind]store.Handler{algesta.ExecuteJob: reporting(calls), algesta.ExpireJob: reporting(calls)})
	require.Equal(t, "c-1", next(t, calls).request)
	require.Equal(t, "c-2", next(t, calls).request)
	quiet(t, s)
}

func testStopWaitsForTheHandlerAndCancelsItInTheEnd(t *testing.T, open Open) {
	t.Parallel()
	place := t.TempDir()
	s := open.at(t, place)
	began := make(chan struct{}, 10)
	ended := make(chan error, 1)
	start(t, s, map[algesta.JobKind]store.Handler{algesta.ExecuteJob: func(ctx context.Context, _ string) (time.Duration, error) {
		began <- struct{}{}
		<-ctx.Done()
		ended <- ctx.Err()
		return 0, ctx.Err()
	}})
	schedule(t, s, algesta.ExecuteJob, "c-1", time.Now())
	next(t, began)
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	_ = s.Stop(ctx)
	require.ErrorIs(t, next(t, ended), context.Canceled)
	closeStore(t, s)

	s = open.at(t, place)
	calls := make(chan handled, 10)
	start(t, s, map[algesta.JobKind]store.Handler{algesta.ExecuteJob: reporting(calls)})
	require.Equal(t, "c-1", next(t, calls).request, "what was cancelled is done after the restart")
	quiet(t, s)
}

func testLeavingPendingCancelsTheExpiry(t *testing.T, open Open) {
	t.Parallel()
	s := open.fresh(t)
	calls := make(chan handled, 10)
	start(t, s, map[algesta.JobKind]store.Handler{algesta.ExpireJob: reporting(calls)})
	update(t, s, func(tx commands.Tx) error {
		require.NoError(t, tx.Create(Pending("c-1")))
		return tx.Schedule(algesta.ExpireJob, "c-1", time.Now().Add(time.Hour))
	})
	n, err := s.Jobs(context.Background())
	require.NoError(t, err)
	require.Equal(t, 1, n)
	update(t, s, func(tx commands.Tx) error {
		_, moved, err := tx.Move(algesta.Move{ID: "c-1", From: []algesta.Status{algesta.Pending}, To: algesta.Cancelled})
		require.True(t, moved)
		return err
	})
	quiet(t, s)
	require.Empty(t, calls)
}

func testReconcileGivesARequestItsJobBack(t *testing.T, open Open) {
	t.Parallel()
	for status, kind := range map[algesta.Status]algesta.JobKind{
		algesta.Pending: algesta.ExpireJob, algesta.Approved: algesta.ExecuteJob,
		algesta.Executing: algesta.ExecuteJob, algesta.Applied: algesta.FollowJob,
	} {
		t.Run(string(status), func(t *testing.T) {
			t.Parallel()
			s := open.fresh(t)
			r := Pending("c-1")
			r.Status, r.ExpiresAt = status, time.Now()
			ended := Pending("c-2")
			ended.Status = algesta.Unknown
			update(t, s, func(tx commands.Tx) error { return errors.Join(tx.Create(r), tx.Create(ended)) })
			calls := make(chan handled, 10)
			start(t, s, map[algesta.JobKind]store.Handler{kind: reporting(calls)})
			require.Equal(t, "c-1", next(t, calls).request)
		})
	}
}
