package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands"
)

// frozen is a freeze of an environment that this request asked for.
func frozen(id string) algesta.Freeze {
	return algesta.Freeze{
		ID: id, Target: algesta.Target{Environment: "production", Cluster: gateway.Cluster, Namespace: gateway.Namespace},
		By: algesta.Actor{ID: algesta.PersonID{Team: "T1", User: "U1"}, Name: "Luis"}, Reason: "the import runs",
		From: noon.UTC(), Until: noon.Add(2 * time.Hour).UTC(),
	}
}

// asked stores the requests that these freezes come from.
func asked(tb testing.TB, s Store, ids ...string) {
	tb.Helper()
	update(tb, s, func(tx commands.Tx) error {
		for _, id := range ids {
			if err := tx.Create(Pending(id)); err != nil {
				return err
			}
		}
		return nil
	})
}

func freeze(tb testing.TB, s Store, all ...algesta.Freeze) {
	tb.Helper()
	update(tb, s, func(tx commands.Tx) error {
		for _, z := range all {
			if err := tx.Freeze(z); err != nil {
				return err
			}
		}
		return nil
	})
}

func testAFreezeIsKnownUntilItIsEnded(t *testing.T, open Open) {
	t.Parallel()
	place := t.TempDir()
	s := open(t, place)
	require.Empty(t, *s.Frozen(), "there is a list from the beginning")
	before := s.Frozen()
	asked(t, s, "c-1", "c-2")
	freeze(t, s, frozen("c-1"), frozen("c-2"))
	require.Equal(t, []algesta.Freeze{frozen("c-1"), frozen("c-2")}, *s.Frozen(), "the oldest first")
	require.Empty(t, *before, "what was handed out stays as it was")
	closeStore(t, s)

	s = open.at(t, place)
	require.Equal(t, []algesta.Freeze{frozen("c-1"), frozen("c-2")}, *s.Frozen(), "the next process knows it before anyone asks for a change")
	var ended, again, none bool
	update(t, s, func(tx commands.Tx) (err error) {
		if ended, err = tx.Thaw("c-1", noon.Add(time.Hour)); err != nil {
			return err
		}
		if again, err = tx.Thaw("c-1", noon.Add(time.Hour)); err != nil {
			return err
		}
		none, err = tx.Thaw("c-9", noon)
		return err
	})
	require.Equal(t, []bool{true, false, false}, []bool{ended, again, none}, "one is ended once, and one that isn't there never")
	require.Equal(t, []algesta.Freeze{frozen("c-2")}, *s.Frozen())

	z, over, found, err := s.FreezeOf(context.Background(), "c-1")
	require.NoError(t, err)
	require.True(t, found && over)
	require.Equal(t, frozen("c-1"), z, "what it forbade can be told afterwards")
	_, over, found, err = s.FreezeOf(context.Background(), "c-2")
	require.NoError(t, err)
	require.True(t, found)
	require.False(t, over)
	_, _, found, err = s.FreezeOf(context.Background(), "c-9")
	require.NoError(t, err)
	require.False(t, found)
}

func testAFreezeIsKeptOnce(t *testing.T, open Open) {
	t.Parallel()
	s := open.fresh(t)
	asked(t, s, "c-1")
	freeze(t, s, frozen("c-1"))
	longer := frozen("c-1")
	longer.Until = longer.Until.Add(time.Hour)
	freeze(t, s, longer)
	require.Equal(t, []algesta.Freeze{frozen("c-1")}, *s.Frozen(), "who writes it again after a crash changes nothing")
	update(t, s, func(tx commands.Tx) error { _, err := tx.Thaw("c-1", noon); return err })
	freeze(t, s, frozen("c-1"))
	require.Empty(t, *s.Frozen(), "one that has ended doesn't begin anew")
}

// testAFreezeThatIsNotCommittedForbidsNothing has a transaction see its own freeze, and nobody else until it's committed.
func testAFreezeThatIsNotCommittedForbidsNothing(t *testing.T, open Open) {
	t.Parallel()
	s := open.fresh(t)
	asked(t, s, "c-1", "c-2")
	failed := errors.New("the rest of it failed")
	err := s.Update(context.Background(), func(tx commands.Tx) error {
		if err := tx.Freeze(frozen("c-1")); err != nil {
			return err
		}
		seen, err := tx.Freezes()
		if err != nil {
			return err
		}
		require.Equal(t, []algesta.Freeze{frozen("c-1")}, seen)
		require.Empty(t, *s.Frozen())
		return failed
	})
	require.ErrorIs(t, err, failed)
	require.Empty(t, *s.Frozen())
	_, _, found, err := s.FreezeOf(context.Background(), "c-1")
	require.NoError(t, err)
	require.False(t, found)

	freeze(t, s, frozen("c-2"))
	err = s.Update(context.Background(), func(tx commands.Tx) error {
		if _, err := tx.Thaw("c-2", noon); err != nil {
			return err
		}
		return failed
	})
	require.ErrorIs(t, err, failed)
	require.Equal(t, []algesta.Freeze{frozen("c-2")}, *s.Frozen(), "it holds as long as its end isn't stored")
}
