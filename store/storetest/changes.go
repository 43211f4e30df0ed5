package storetest

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands"
)

// claim is a namespace of a plan beside the Deployment.
var claim = algesta.Object{Cluster: gateway.Cluster, Kind: "Namespace", Name: "shop"}

// recordsOf are the records of a plan of two changes at its start: the Deployment is about to be written, the other's turn comes after it.
func recordsOf(request string) []algesta.Execution {
	second := Execution(request)
	second.Change, second.Operation, second.Verb, second.Object = 1, algesta.Operation(request, 1), algesta.Create, claim
	second.UID, second.ResourceVersion, second.Generation, second.PatchHash = "", "", 0, ""
	second.State, second.Attempts, second.Before = algesta.Planned, 0, nil
	return []algesta.Execution{Execution(request), second}
}

// begin intends the whole plan of c-1, and leaves it executing.
func begin(tb testing.TB, s Store) []algesta.Execution {
	tb.Helper()
	all := recordsOf("c-1")
	update(tb, s, func(tx commands.Tx) error {
		blocker, err := tx.Intend(all...)
		require.Empty(tb, blocker)
		if err == nil {
			_, _, err = tx.Move(algesta.Move{ID: "c-1", From: []algesta.Status{algesta.Pending}, To: algesta.Executing})
		}
		return err
	})
	return all
}

// become settles a record of a plan from one state into another.
func become(tb testing.TB, s Store, e *algesta.Execution, from, to algesta.ExecutionState) {
	tb.Helper()
	e.State = to
	update(tb, s, func(tx commands.Tx) error {
		settled, err := tx.Settle(*e, from)
		require.True(tb, settled)
		return err
	})
}

// requireBlocked holds both objects of the plan to be kept from c-2, or neither.
func requireBlocked(tb testing.TB, s Store, by string) {
	tb.Helper()
	for _, o := range []algesta.Object{gateway.Workload(), claim} {
		blocker, err := s.Blocker(context.Background(), []algesta.Object{o}, "c-2")
		require.NoError(tb, err)
		require.Equal(tb, by, blocker, o)
		other := Execution("c-2")
		other.Object = o
		err = s.Update(context.Background(), func(tx commands.Tx) error {
			blocker, err := tx.Intend(other)
			require.Equal(tb, by, blocker, o)
			if err == nil {
				err = context.Canceled // it was only a question
			}
			return err
		})
		require.ErrorIs(tb, err, context.Canceled)
	}
}

// states are those of the records of c-1, in the order of its plan.
func states(tb testing.TB, s Store) (out []algesta.ExecutionState) {
	tb.Helper()
	all, err := s.Executions(context.Background(), "c-1")
	require.NoError(tb, err)
	for i, e := range all {
		require.Equal(tb, i, e.Change)
		out = append(out, e.State)
	}
	return out
}

func testAWholePlanKeepsOthersAway(t *testing.T, open Open) {
	t.Parallel()
	s := withRequests(t, open, "c-1", "c-2")
	all := begin(t, s)
	require.Equal(t, []algesta.ExecutionState{algesta.Intended, algesta.Planned}, states(t, s))
	requireBlocked(t, s, "c-1")
	become(t, s, &all[0], algesta.Intended, algesta.Confirmed)
	requireBlocked(t, s, "c-1") // between the two
	become(t, s, &all[1], algesta.Planned, algesta.Intended)
	requireBlocked(t, s, "c-1")
	become(t, s, &all[1], algesta.Intended, algesta.Confirmed)
	requireBlocked(t, s, "")
}

func testAPlanIsWhereItWasAfterARestart(t *testing.T, open Open) {
	t.Parallel()
	place := t.TempDir()
	s := open(t, place)
	for _, id := range []string{"c-1", "c-2"} {
		update(t, s, func(tx commands.Tx) error { return tx.Create(Pending(id)) })
	}
	all := begin(t, s)
	become(t, s, &all[0], algesta.Intended, algesta.Confirmed)
	closeStore(t, s)
	s = open.at(t, place)
	require.Equal(t, []algesta.ExecutionState{algesta.Confirmed, algesta.Planned}, states(t, s))
	requireBlocked(t, s, "c-1")
	become(t, s, &all[1], algesta.Planned, algesta.Intended)
	become(t, s, &all[1], algesta.Intended, algesta.Doubtful)
	requireBlocked(t, s, "c-1") // also of the first, which is made: the plan is not over
}

func testWhatIsLeftOfAPlanIsNotDone(t *testing.T, open Open) {
	t.Parallel()
	for to, free := range map[algesta.Status]bool{
		algesta.Failed: true, algesta.Approved: true, algesta.Applied: true, algesta.Succeeded: true,
		algesta.Executing: false, algesta.Unknown: false,
	} {
		t.Run(string(to), func(t *testing.T) {
			t.Parallel()
			s := withRequests(t, open, "c-1", "c-2")
			all := begin(t, s)
			become(t, s, &all[0], algesta.Intended, algesta.Confirmed)
			update(t, s, func(tx commands.Tx) error {
				_, moved, err := tx.Move(algesta.Move{ID: "c-1", From: []algesta.Status{algesta.Executing}, To: to})
				require.True(t, moved)
				return err
			})
			if !free {
				require.Equal(t, []algesta.ExecutionState{algesta.Confirmed, algesta.Planned}, states(t, s))
				requireBlocked(t, s, "c-1")
				return
			}
			require.Equal(t, []algesta.ExecutionState{algesta.Confirmed, algesta.NotDoneX}, states(t, s))
			requireBlocked(t, s, "")
		})
	}
}

func testAPlanMayWriteToOneObjectTwice(t *testing.T, open Open) {
	t.Parallel()
	s := withRequests(t, open, "c-1", "c-2")
	all := recordsOf("c-1")
	all[1].Object = all[0].Object
	update(t, s, func(tx commands.Tx) error {
		blocker, err := tx.Intend(all...)
		require.Empty(t, blocker)
		return err
	})
	become(t, s, &all[0], algesta.Intended, algesta.Confirmed)
	become(t, s, &all[1], algesta.Planned, algesta.Intended)
	require.Equal(t, "c-1", intend(t, s, Execution("c-2")))
}

func testWhoWaitsForAnObjectIsFound(t *testing.T, open Open) {
	t.Parallel()
	s := open.fresh(t)
	other := Pending("c-3")
	other.Plan.Changes = []algesta.Change{{Object: claim, Verb: algesta.Create, Resource: "namespaces", Version: "v1"}}
	other.Status = algesta.Approved
	first := Pending("c-1")
	first.Status = algesta.Approved
	for _, r := range []algesta.Request{first, Pending("c-2"), other} {
		update(t, s, func(tx commands.Tx) error { return tx.Create(r) })
	}
	waiting := func(objects ...algesta.Object) (ids []string) {
		update(t, s, func(tx commands.Tx) error {
			all, err := tx.Waiting(objects)
			for _, r := range all {
				ids = append(ids, r.ID)
			}
			return err
		})
		return ids
	}
	require.Equal(t, []string{"c-1"}, waiting(gateway.Workload()), "what isn't approved waits for somebody else")
	require.Equal(t, []string{"c-1", "c-3"}, waiting(claim, gateway.Workload()))
	require.Empty(t, waiting())
}

func testAFollowIsFoundByWhatItWrote(t *testing.T, open Open) {
	t.Parallel()
	s := withRequests(t, open, "c-1")
	all := begin(t, s)
	become(t, s, &all[0], algesta.Intended, algesta.Confirmed)
	become(t, s, &all[1], algesta.Planned, algesta.Intended)
	become(t, s, &all[1], algesta.Intended, algesta.Confirmed)
	update(t, s, func(tx commands.Tx) error {
		_, _, err := tx.Move(algesta.Move{ID: "c-1", From: []algesta.Status{algesta.Executing}, To: algesta.Applied})
		if err != nil {
			return err
		}
		for _, o := range []algesta.Object{gateway.Workload(), claim} {
			all, err := tx.Followed(o, "")
			require.Len(t, all, 1, o)
			if err != nil {
				return err
			}
		}
		return nil
	})
}
