package storetest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands"
)

func testARequestComesBackAsItWasStored(t *testing.T, open Open) {
	t.Parallel()
	place := t.TempDir()
	s := open.at(t, place)
	want := Pending("c-1")
	update(t, s, func(tx commands.Tx) error { return tx.Create(want) })
	closeStore(t, s)

	got, err := open.at(t, place).Request(context.Background(), "c-1")
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(want, got))
}

func testARequestKeepsWhoAskedForIt(t *testing.T, open Open) {
	t.Parallel()
	place := t.TempDir()
	s := open.at(t, place)
	asked := map[string]algesta.Requester{
		"c-1": algesta.AskedBy(dana),
		"c-2": algesta.AskedByRule(algesta.Rule{Name: "alerts"}),
		"c-3": algesta.AskedByRule(algesta.Rule{Name: algesta.RolloutFailed, For: &carla}),
	}
	for id, requester := range asked {
		r := Pending(id)
		r.Command.Requester = requester
		update(t, s, func(tx commands.Tx) error { return tx.Create(r) })
	}
	closeStore(t, s)

	s = open.at(t, place)
	for id, want := range asked {
		got, err := s.Request(context.Background(), id)
		require.NoError(t, err)
		require.Empty(t, cmp.Diff(want, got.Command.Requester))
	}
}

func testCreateRefusesAnIDOrKeyThatIsThere(t *testing.T, open Open) {
	t.Parallel()
	s := open.fresh(t)
	update(t, s, func(tx commands.Tx) error { return tx.Create(Pending("c-1")) })
	for name, c := range map[string]struct {
		change func(*algesta.Request)
		kind   algesta.ErrorKind
	}{
		"the same ID":             {func(r *algesta.Request) { r.Key = "another" }, algesta.ErrTaken},
		"the same ID without key": {func(r *algesta.Request) { r.Key = "" }, algesta.ErrTaken},
		"the same key":            {func(r *algesta.Request) { r.ID = "c-2" }, algesta.ErrStale},
		"both":                    {func(*algesta.Request) {}, algesta.ErrStale},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := Pending("c-1")
			c.change(&r)
			err := s.Update(context.Background(), func(tx commands.Tx) error { return tx.Create(r) })
			require.ErrorIs(t, err, c.kind)
		})
	}
	for _, id := range []string{"c-3", "c-4"} {
		r := Pending(id)
		r.Key = ""
		update(t, s, func(tx commands.Tx) error { return tx.Create(r) })
	}
}

func testMoveHappensOnlyFromTheStatusesNamed(t *testing.T, open Open) {
	t.Parallel()
	s := open.fresh(t)
	update(t, s, func(tx commands.Tx) error { return tx.Create(Pending("c-1")) })
	startBy := noon.Add(15 * time.Minute)
	update(t, s, func(tx commands.Tx) error {
		r, moved, err := tx.Move(algesta.Move{
			ID: "c-1", From: []algesta.Status{algesta.Pending}, To: algesta.Approved, By: []algesta.Actor{carla}, StartBy: startBy,
		})
		require.True(t, moved)
		require.Equal(t, algesta.Approved, r.Status)
		require.Equal(t, int64(2), r.Version)
		return err
	})
	update(t, s, func(tx commands.Tx) error {
		r, moved, err := tx.Move(algesta.Move{ID: "c-1", From: []algesta.Status{algesta.Pending}, To: algesta.Cancelled, Note: "no"})
		require.False(t, moved)
		require.Equal(t, algesta.Approved, r.Status, "the loser sees where the request stands")
		return err
	})
	got, err := s.Request(context.Background(), "c-1")
	require.NoError(t, err)
	require.Equal(t, []algesta.Actor{carla}, got.DecidedBy)
	require.Equal(t, startBy, got.StartBy)
	require.Empty(t, got.Note)
	require.True(t, got.UpdatedAt.After(noon))
}

func testAnUnknownRequestIsAnUnknownName(t *testing.T, open Open) {
	t.Parallel()
	s := open.fresh(t)
	_, err := s.Request(context.Background(), "c-9")
	require.ErrorIs(t, err, algesta.ErrUnknownName)
	err = s.Update(context.Background(), func(tx commands.Tx) error {
		_, _, err := tx.Move(algesta.Move{ID: "c-9", From: []algesta.Status{algesta.Pending}, To: algesta.Approved})
		return err
	})
	require.ErrorIs(t, err, algesta.ErrUnknownName)
	err = s.Update(context.Background(), func(tx commands.Tx) error { return tx.Remember("c-9", nil) })
	require.ErrorIs(t, err, algesta.ErrUnknownName)
}

func testOnePersonApprovesOnce(t *testing.T, open Open) {
	t.Parallel()
	s := open.fresh(t)
	yes := algesta.Approval{Request: "c-1", Approver: carla, Fingerprint: "f1", Reason: "seen", At: noon}
	update(t, s, func(tx commands.Tx) error {
		require.NoError(t, tx.Create(Pending("c-1")))
		isFresh, err := tx.Approve(yes)
		require.True(t, isFresh)
		require.NoError(t, err)
		isFresh, err = tx.Approve(yes)
		require.False(t, isFresh)
		return err
	})
	got, err := s.Approvals(context.Background(), "c-1")
	require.NoError(t, err)
	require.Equal(t, []algesta.Approval{yes}, got)
}

func testTwoVotesAtOnceApproveOnce(t *testing.T, open Open) {
	t.Parallel()
	s := open.fresh(t)
	for range 50 {
		id := algesta.NewCommandID()
		update(t, s, func(tx commands.Tx) error { return tx.Create(Pending(id)) })
		var approved, votes int
		var both sync.WaitGroup
		for _, who := range []algesta.Actor{carla, eli} {
			both.Go(func() {
				err := s.Update(context.Background(), func(tx commands.Tx) error {
					r, err := tx.Locked(id)
					if err != nil {
						return err
					}
					if _, err := tx.Approve(algesta.Approval{Request: id, Approver: who, Fingerprint: r.Fingerprint, At: noon}); err != nil {
						return err
					}
					votes++
					all, err := tx.Approvals(id)
					if err != nil || len(all) < r.Needs[0].Count {
						return err
					}
					_, moved, err := tx.Move(algesta.Move{ID: id, From: []algesta.Status{algesta.Pending}, To: algesta.Approved})
					if moved {
						approved++
					}
					return err
				})
				require.NoError(t, err)
			})
		}
		both.Wait()
		require.Equal(t, 2, votes)
		require.Equal(t, 1, approved)
	}
}

func testAnErrorUndoesItsOwnUpdateOnly(t *testing.T, open Open) {
	t.Parallel()
	s := open.fresh(t)
	boom := errors.New("boom")
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			id := algesta.NewCommandID()
			err := s.Update(context.Background(), func(tx commands.Tx) error {
				if err := tx.Create(Pending(id)); err != nil {
					return err
				}
				if i%2 == 1 {
					return boom
				}
				return nil
			})
			_, readErr := s.Request(context.Background(), id)
			if i%2 == 1 {
				require.ErrorIs(t, err, boom)
				require.ErrorIs(t, readErr, algesta.ErrUnknownName)
				return
			}
			require.NoError(t, err)
			require.NoError(t, readErr)
		})
	}
	all.Wait()
}

func testAPanicStaysWithItsCaller(t *testing.T, open Open) {
	t.Parallel()
	s := open.fresh(t)
	require.PanicsWithValue(t, "oh", func() {
		_ = s.Update(context.Background(), func(tx commands.Tx) error {
			require.NoError(t, tx.Create(Pending("c-1")))
			panic("oh")
		})
	})
	update(t, s, func(tx commands.Tx) error { return tx.Create(Pending("c-1")) })
}

func testAnUpdateWhoseCallerHasGoneIsNotRun(t *testing.T, open Open) {
	t.Parallel()
	s := open.fresh(t)
	ctx, cancel := context.WithCancel(t.Context())
	began, waits := make(chan struct{}), make(chan error, 1)
	go func() {
		waits <- s.Update(context.WithoutCancel(ctx), func(commands.Tx) error {
			close(began)
			<-ctx.Done()
			return nil
		})
	}()
	<-began
	cancel()
	err := s.Update(ctx, func(tx commands.Tx) error { return tx.Create(Pending("c-1")) })
	if err == nil { // its turn came at the same moment: then it is stored
		_, err = s.Request(context.Background(), "c-1")
		require.NoError(t, err)
	} else {
		require.ErrorIs(t, err, context.Canceled)
		_, err = s.Request(context.Background(), "c-1")
		require.ErrorIs(t, err, algesta.ErrUnknownName)
	}
	require.NoError(t, next(t, waits))
}

func testAliveAndFollowedRequests(t *testing.T, open Open) {
	t.Parallel()
	s := open.fresh(t)
	ctx := context.Background()
	for id, status := range map[string]algesta.Status{
		"c-1": algesta.Applied, "c-2": algesta.Applied, "c-3": algesta.Succeeded, "c-4": algesta.Pending,
	} {
		r := Pending(id)
		r.Status = status
		update(t, s, func(tx commands.Tx) error { return tx.Create(r) })
	}
	update(t, s, func(tx commands.Tx) error {
		all, err := tx.Followed(gateway.Workload(), "c-2")
		require.Len(t, all, 1)
		require.Equal(t, "c-1", all[0].ID)
		none, _ := tx.Followed(algesta.Deployment("c", "n", "other"), "")
		require.Empty(t, none)
		return err
	})
	alive, err := s.Alive(ctx)
	require.NoError(t, err)
	require.Len(t, alive, 3)
}
