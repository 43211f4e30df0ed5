package commands_test

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/store"
)

// changes writes to the store's file what no bot writes.
func (w *world) changes(statement string, args ...any) {
	w.t.Helper()
	db, err := sql.Open("sqlite", "file:"+w.path+"?_pragma=busy_timeout(10000)")
	require.NoError(w.t, err)
	_, err = db.ExecContext(w.t.Context(), statement, args...)
	require.NoError(w.t, err)
	require.NoError(w.t, db.Close())
}

// besides stores a request like one that there is, of the service's autoscaler, which isn't the Deployment.
func (w *world) besides(like algesta.Request, id string, status algesta.Status, state algesta.ExecutionState) {
	w.t.Helper()
	scaler := algesta.Object{
		Cluster: "aks", Namespace: "production", Group: "autoscaling", Kind: "HorizontalPodAutoscaler", Name: "gateway-hpa",
	}
	like.ID, like.Key, like.Status, like.Command.Runbook = id, "", status, "hpa pin"
	like.Plan.Changes = []algesta.Change{
		{Object: scaler, UID: "u", Verb: algesta.Patch, Resource: "horizontalpodautoscalers.autoscaling", Version: "v2"},
	}
	require.NoError(w.t, w.store.Update(w.t.Context(), func(tx *store.Tx) error {
		if err := tx.Create(like); err != nil {
			return err
		}
		_, err := tx.Intend(algesta.Execution{
			Request: id, Operation: algesta.Operation(id, 0), Verb: algesta.Patch, Object: scaler, UID: "u", State: state,
			StartedAt: time.Now(), AppliedAt: time.Now(),
		})
		return err
	}))
}

// TestWhatAnUndoCanNotTakeBackIsSaid: what is old, what nobody knows the end of, and what stands behind such a change.
func TestWhatAnUndoCanNotTakeBackIsSaid(t *testing.T) {
	t.Parallel()
	t.Run("what is older than a day", func(t *testing.T) {
		t.Parallel()
		w, marta, _ := undoable(t)
		last := w.request(algesta.Succeeded)
		w.changes(`UPDATE requests SET updated_at = ? WHERE id = ?`, time.Now().Add(-25*time.Hour).UnixMilli(), last.ID)
		w.types(marta, "undo api-gateway production")
		require.Equal(
			t, "I changed nothing of api-gateway in production in the last 24 hours, so there is nothing to undo.",
			w.said(algesta.AnswerPost)[0],
		)
		require.Equal(t, 1, w.cluster.writes())
	})
	t.Run("a change of its autoscaler that may have happened", func(t *testing.T) {
		t.Parallel()
		w, marta, _ := undoable(t)
		w.besides(w.request(algesta.Succeeded), "c-doubtful", algesta.Unknown, algesta.Doubtful)
		w.types(marta, "undo api-gateway production")
		require.Equal(
			t, "Whether my last change of api-gateway in production (c-doubtful) happened isn't known yet, so I can't undo it.",
			w.said(algesta.AnswerPost)[0],
		)
	})
	t.Run("a change of its autoscaler, after one of itself that may have happened", func(t *testing.T) {
		t.Parallel()
		w, marta, _ := undoable(t)
		first := w.request(algesta.Succeeded)
		w.changes(`UPDATE executions SET state = 'unknown' WHERE request = ?`, first.ID)
		w.changes(`UPDATE requests SET status = 'unknown' WHERE id = ?`, first.ID)
		w.besides(first, "c-later", algesta.Succeeded, algesta.Confirmed)
		w.types(marta, "undo api-gateway production")
		require.Equal(
			t, "Whether my last change of api-gateway in production ("+first.ID+") happened isn't known yet, so I can't undo it.",
			w.said(algesta.AnswerPost)[0],
		)
	})
}

// TestASecondYesOfOnePersonCountsOnce and is told so, not written down again.
func TestASecondYesOfOnePersonCountsOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setRules(twoOf)
	w.types(luis, "scale api-gateway production 6")
	r := w.request(algesta.Pending)
	w.votes(carla, algesta.Approve, r.ID)
	w.votes(carla, algesta.Approve, r.ID)
	require.Equal(t, []string{"You already approved this. It needs one more person."}, w.said(algesta.AnswerPost))
	require.Equal(t, algesta.Pending, w.request(algesta.Pending).Status)
	lines, err := w.store.Audit(t.Context(), r.ID)
	require.NoError(t, err)
	approved := 0
	for _, l := range lines {
		if l.Kind == "approved" {
			approved++
		}
	}
	require.Equal(t, 1, approved)
}

// TestARequestThatReplacesAnotherNamesIt: the record says where it came from.
func TestARequestThatReplacesAnotherNamesIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.types(luis, "scale api-gateway production 6")
	first := w.request(algesta.Pending)
	w.cluster.set(func(f *fakeCluster) { f.replicas = 5 })
	w.votes(carla, algesta.Approve, first.ID)
	w.request(algesta.Superseded)
	require.Equal(t, first.ID, w.request(algesta.Pending).Previous)
}

// TestAWriteThatIsTakenBackIsInTheAudit with who did it, before anybody knows whether it was sent.
func TestAWriteThatIsTakenBackIsInTheAudit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cluster.set(func(f *fakeCluster) {
		f.send = func() error {
			w.votes(luis, algesta.Cancel, w.request(algesta.Executing).ID)
			return &algesta.Error{Kind: algesta.ErrUncertain, Message: algesta.Say("No answer.")}
		}
		f.verify = func(*fakeCluster) (algesta.Verified, error) { return algesta.Verified{}, nil }
	})
	w.types(luis, "scale api-gateway production 6")
	w.votes(carla, algesta.Approve, w.request(algesta.Pending).ID)
	r := w.request(algesta.Cancelled)
	lines, err := w.store.Audit(t.Context(), r.ID)
	require.NoError(t, err)
	var by []string
	for _, l := range lines {
		if l.Kind == "taken back" {
			by = append(by, l.Actor)
		}
	}
	require.Equal(t, []string{luis.ID.String()}, by)
}

// TestARecordThatIsMissingStopsAPlan: what was sent of it can't be told then.
func TestARecordThatIsMissingStopsAPlan(t *testing.T) {
	t.Parallel()
	w := withSeveral(t, moving)
	away := &algesta.Error{Kind: algesta.ErrUnreachable, Message: algesta.Say("The cluster does not answer.")}
	w.cluster.set(func(f *fakeCluster) {
		f.send = func() error { return &algesta.Error{Kind: algesta.ErrUncertain, Message: algesta.Say("No answer.")} }
		f.verify = func(*fakeCluster) (algesta.Verified, error) { return algesta.Verified{}, away }
	})
	id := w.asksToMove().ID
	w.request(algesta.Executing)
	w.changes(`DELETE FROM executions WHERE request = ? AND change = 2`, id)
	_, err := w.dispatcher.Execute(t.Context(), id)
	require.ErrorContains(t, err, "request "+id+" is executing, but has 2 records for 3 changes")
}

// TestAnOldLookTakesBackNoLaterWrite: another process saw meanwhile that the first change was made, and sends the second.
func TestAnOldLookTakesBackNoLaterWrite(t *testing.T) {
	t.Parallel()
	w := withSeveral(t, moving)
	looks := 0
	w.cluster.set(func(f *fakeCluster) {
		f.send = func() error {
			f.set(func(f *fakeCluster) { f.send = nil })
			return &algesta.Error{Kind: algesta.ErrUncertain, Message: algesta.Say("No answer.")}
		}
		f.verify = func(*fakeCluster) (algesta.Verified, error) {
			looks++
			if looks == 1 {
				w.anotherGoesOn()
				return algesta.Verified{}, nil
			}
			return algesta.Verified{Yes: true, Written: algesta.Written{ResourceVersion: "8", Generation: 4}}, nil
		}
	})
	id := w.asksToMove().ID
	w.request(algesta.Succeeded)
	require.Equal(t, []string{"op-" + id + "-3 delete configmaps"}, w.operations(), "the second was sent by the other process")
	require.Equal(t, []algesta.ExecutionState{algesta.Confirmed, algesta.Confirmed, algesta.Confirmed}, w.states(id))
}

// anotherGoesOn is another process that found the first write of a plan made, and is about to send the second.
func (w *world) anotherGoesOn() {
	r := w.alive()
	require.NoError(w.t, w.store.Update(context.Background(), func(tx *store.Tx) error {
		all, err := w.store.Executions(context.Background(), r.ID)
		if err != nil {
			return err
		}
		first, second := all[0], all[1]
		first.State, second.State, second.StartedAt = algesta.Confirmed, algesta.Intended, time.Now()
		if _, err := tx.Settle(first, algesta.Intended); err != nil {
			return err
		}
		_, err = tx.Settle(second, algesta.Planned)
		return err
	}))
}
