package store_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/store"
)

// killed is a copy of the store's file as a process that is killed now would leave it, in a folder of its own.
func killed(t *testing.T, path string) string {
	t.Helper()
	left := filepath.Join(t.TempDir(), "left.db")
	for _, end := range []string{"", "-wal"} {
		data, err := os.ReadFile(path + end)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(left+end, data, 0o600))
	}
	return left
}

// TestWhatEndsTheProcessIsGivenUp has processes that end while they do a job, each of which finds what the one before left.
func TestWhatEndsTheProcessIsGivenUp(t *testing.T) {
	t.Parallel()
	const mostBegun = 3
	path := filepath.Join(t.TempDir(), "algesta.db")
	s, err := store.Open(t.Context(), "file:"+path, zapNop())
	require.NoError(t, err)
	schedule(t, s, algesta.ExecuteJob, "c-1", time.Now())
	closeStore(t, s)

	end := make(chan struct{})
	defer close(end)
	// starts begins a process and says what it did first; end is when its work may return.
	starts := func(end <-chan struct{}) (*store.Store, string) {
		s := open(t, path)
		did := make(chan string, 10)
		does := func(what string) store.Handler {
			return func(context.Context, string) (time.Duration, error) { did <- what; <-end; return 0, nil }
		}
		s.Work(map[algesta.JobKind]store.Handler{algesta.ExecuteJob: does("work"), algesta.ExecuteJob.GivenUp(): does("give up")})
		require.NoError(t, s.Start(context.Background()))
		return s, next(t, did)
	}
	for range mostBegun {
		_, did := starts(end)
		require.Equal(t, "work", did)
		path = killed(t, path)
	}
	_, did := starts(end)
	require.Equal(t, "give up", did, "the work itself is not begun again")
	path = killed(t, path)

	returns := make(chan struct{})
	close(returns)
	s, did = starts(returns)
	require.Equal(t, "give up", did)
	quiet(t, s)
}

// TestWhatReturnsIsNotGivenUp restarts the bot more often than that, while a job goes on for a long time.
func TestWhatReturnsIsNotGivenUp(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "algesta.db")
	for range 6 {
		s := open(t, path)
		did := make(chan struct{}, 10)
		s.Work(map[algesta.JobKind]store.Handler{algesta.FollowJob: func(context.Context, string) (time.Duration, error) {
			select {
			case did <- struct{}{}:
			default:
			}
			return 10 * time.Millisecond, nil
		}})
		schedule(t, s, algesta.FollowJob, "c-1", time.Now())
		require.NoError(t, s.Start(context.Background()))
		next(t, did)
		next(t, did) // the first has returned, and that's noted
		path = killed(t, path)
	}
}

// TestAPanicOfAJobIsCounted has a handler panic that nobody else guards.
func TestAPanicOfAJobIsCounted(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	s.Panics = &algesta.Panics{}
	calls := make(chan struct{}, 10)
	s.Work(map[algesta.JobKind]store.Handler{algesta.ExecuteJob: func(context.Context, string) (time.Duration, error) {
		calls <- struct{}{}
		if len(calls) == 1 {
			panic("a mistake")
		}
		return 0, nil
	}})
	require.NoError(t, s.Start(context.Background()))
	schedule(t, s, algesta.ExecuteJob, "c-1", time.Now())
	quiet(t, s)
	require.Equal(t, int64(1), s.Panics.Total())
}
