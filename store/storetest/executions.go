package storetest

import (
	"context"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands"
)

// withRequests is a store that holds these pending requests.
func withRequests(t *testing.T, open Open, ids ...string) Store {
	t.Helper()
	s := open.fresh(t)
	for _, id := range ids {
		update(t, s, func(tx commands.Tx) error { return tx.Create(Pending(id)) })
	}
	return s
}

// intend is Intend in an update of its own.
func intend(tb testing.TB, s Store, e algesta.Execution) (blocker string) {
	tb.Helper()
	update(tb, s, func(tx commands.Tx) (err error) {
		blocker, err = tx.Intend(e)
		return err
	})
	return blocker
}

// settle records the outcome of an intended write.
func settle(tb testing.TB, s Store, e algesta.Execution) (settled bool) {
	tb.Helper()
	update(tb, s, func(tx commands.Tx) (err error) {
		settled, err = tx.Settle(e, algesta.Intended)
		return err
	})
	return settled
}

// stored is the execution of c-1.
func stored(tb testing.TB, s Store) algesta.Execution {
	tb.Helper()
	all, err := s.Executions(context.Background(), "c-1")
	require.NoError(tb, err)
	require.Len(tb, all, 1)
	return all[0]
}

func testAnExecutionComesBackAsItWasRecorded(t *testing.T, open Open) {
	t.Parallel()
	s := withRequests(t, open, "c-1")
	none, err := s.Executions(context.Background(), "c-1")
	require.NoError(t, err)
	require.Empty(t, none)
	want := Execution("c-1")
	require.Empty(t, intend(t, s, want))
	require.Empty(t, cmp.Diff(want, stored(t, s)))

	want.State, want.AppliedVersion, want.AppliedGeneration, want.AppliedAt = algesta.Confirmed, "101", 8, noon
	require.True(t, settle(t, s, want))
	require.False(t, settle(t, s, want), "it is settled already")
	require.Empty(t, cmp.Diff(want, stored(t, s)))

	update(t, s, func(tx commands.Tx) error { return tx.Remember("c-1", []byte(`{"ready":3}`)) })
	want.Watch = []byte(`{"ready":3}`)
	require.Empty(t, cmp.Diff(want, stored(t, s)))
}

func testOnlyOneWriteMayBeUndecidedPerObject(t *testing.T, open Open) {
	t.Parallel()
	for state, blocked := range map[algesta.ExecutionState]bool{
		algesta.Intended: true, algesta.Doubtful: true, algesta.Confirmed: false, algesta.NotDoneX: false,
	} {
		t.Run(string(state), func(t *testing.T) {
			t.Parallel()
			s := withRequests(t, open, "c-1", "c-2")
			first := Execution("c-1")
			require.Empty(t, intend(t, s, first))
			first.State = state
			require.True(t, settle(t, s, first))
			blocker := intend(t, s, Execution("c-2"))
			second, err := s.Executions(context.Background(), "c-2")
			require.NoError(t, err)
			require.Equal(t, !blocked, len(second) == 1)
			if blocked {
				require.Equal(t, "c-1", blocker)
				return
			}
			require.Empty(t, blocker)
		})
	}
}

func testAnotherObjectIsNotBlocked(t *testing.T, open Open) {
	t.Parallel()
	s := withRequests(t, open, "c-1", "c-2")
	require.Empty(t, intend(t, s, Execution("c-1")))
	other := Execution("c-2")
	other.Object.Name = "orders-production"
	require.Empty(t, intend(t, s, other))
}

func testIntendingAgain(t *testing.T, open Open) {
	t.Parallel()
	for state, want := range map[algesta.ExecutionState]struct {
		blocker string
		err     error
		version string
	}{
		algesta.Intended:  {version: "105"},
		algesta.NotDoneX:  {version: "105"},
		algesta.Doubtful:  {version: "100", blocker: "c-1"},
		algesta.Confirmed: {version: "100", err: algesta.ErrStale},
	} {
		t.Run(string(state), func(t *testing.T) {
			t.Parallel()
			s := withRequests(t, open, "c-1")
			first := Execution("c-1")
			require.Empty(t, intend(t, s, first))
			first.State = state
			require.True(t, settle(t, s, first))

			again := Execution("c-1")
			again.ResourceVersion, again.Before = "105", nil
			var blocker string
			err := s.Update(context.Background(), func(tx commands.Tx) (err error) {
				blocker, err = tx.Intend(again)
				return err
			})
			require.ErrorIs(t, err, want.err)
			require.Equal(t, want.blocker, blocker)
			got := stored(t, s)
			require.Equal(t, want.version, got.ResourceVersion)
			require.JSONEq(t, `{"ready":4}`, string(got.Before))
			if want.version == "105" {
				require.Equal(t, 2, got.Attempts)
				require.Equal(t, algesta.Intended, got.State)
			}
		})
	}
}

func testTwoWritesAtOnceOnOneObjectOneWins(t *testing.T, open Open) {
	t.Parallel()
	s := open.fresh(t)
	for range 30 {
		var winners int
		var both sync.WaitGroup
		ids := []string{algesta.NewCommandID(), algesta.NewCommandID()}
		for _, id := range ids {
			update(t, s, func(tx commands.Tx) error { return tx.Create(Pending(id)) })
		}
		for _, id := range ids {
			both.Go(func() {
				require.NoError(t, s.Update(context.Background(), func(tx commands.Tx) error {
					blocker, err := tx.Intend(Execution(id))
					if blocker == "" {
						winners++
					}
					return err
				}))
			})
		}
		both.Wait()
		require.Equal(t, 1, winners)
		for _, id := range ids {
			e := Execution(id)
			e.State = algesta.NotDoneX
			settle(t, s, e)
		}
	}
}
