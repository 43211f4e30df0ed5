package commands_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands"
	"github.com/3astronautas/algesta/runbooks"
	"github.com/3astronautas/algesta/store"
)

// moment is shorter than any work.
const moment = 50 * time.Millisecond

// TestALateAnswerIsStored has the cluster answer a read when the time of the command is up.
func TestALateAnswerIsStored(t *testing.T) {
	t.Parallel()
	t.Run("an answer", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.dispatcher.Hasten(moment, time.Minute, time.Minute)
		w.cluster.set(func(c *fakeCluster) { c.late = true })
		w.types(luis, "status api-gateway production")
		require.Len(t, w.said(algesta.CardPost), 1)
		require.Contains(t, w.said(algesta.CardPost)[0], "4 of 4 ready")
		require.Zero(t, w.unanswered())
	})
	t.Run("that there is none", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.dispatcher.Hasten(moment, time.Minute, time.Minute)
		away := &algesta.Error{Kind: algesta.ErrUnreachable, Message: algesta.Say("The cluster does not answer.")}
		w.cluster.set(func(c *fakeCluster) { c.late, c.duringRead = true, func() error { return away } })
		w.types(luis, "status api-gateway production")
		require.Equal(t, []string{"The cluster does not answer."}, w.said(algesta.AnswerPost))
		require.Zero(t, w.unanswered())
	})
}

// slowCluster is a crashing one that is observed as slowly as there is time.
type slowCluster struct {
	*crashingCluster
	fast  bool  // it is not slow after all
	away  int64 // how often it does not answer at all
	tries atomic.Int64
}

func (c *slowCluster) Reader(string) (runbooks.Cluster, error) {
	return runbooks.Cluster{Reader: c, Observer: c}, nil
}

func (c *slowCluster) Observe(ctx context.Context, namespace string) ([]runtime.Object, map[string]error) {
	try := c.tries.Add(1)
	if !c.fast {
		<-ctx.Done()
	}
	if try <= c.away {
		return nil, map[string]error{"pods": &algesta.Error{Kind: algesta.ErrUnreachable, Message: algesta.Say("The cluster does not answer.")}}
	}
	return c.crashingCluster.Observe(ctx, namespace)
}

// failed is a request whose rollout did not come up, in a cluster that is observed slowly.
func (w *world) failed(c *slowCluster) (id string) {
	c.crashingCluster = &crashingCluster{fakeCluster: w.cluster}
	w.dispatcher.Clusters = commands.Clusters(c)
	w.cluster.set(func(f *fakeCluster) { f.duringRead = func() error { return errors.New("cannot be read") } })
	w.types(luis, "scale api-gateway production 6")
	id = w.request(algesta.Pending).ID
	w.votes(carla, algesta.Approve, id)
	w.request(algesta.Applied)
	w.moves(id, algesta.Applied, algesta.Failed)
	w.idle()
	return id
}

// TestTheDiagnosisOfAFailedRolloutIsTriedAgain has the cluster not answer twice.
func TestTheDiagnosisOfAFailedRolloutIsTriedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.dispatcher.Hasten(time.Minute, moment, moment)
	c := &slowCluster{away: 2}
	id := w.failed(c)
	require.NoError(t, w.store.Update(t.Context(), func(tx *store.Tx) error { return tx.Schedule(algesta.DiagnoseJob, id, time.Now()) }))
	w.idle()
	require.EqualValues(t, 3, c.tries.Load())
	require.Len(t, w.said(algesta.DiagnosePost), 1)
	for _, p := range w.posts() {
		if p.Kind == algesta.DiagnosePost {
			require.Empty(t, p.Report.Buttons, "the end has Undo: that's the one button for it")
		}
	}
}

// TestADiagnosisIsStoredAfterItsTime has the cluster answer when the time of the whole job is up.
func TestADiagnosisIsStoredAfterItsTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.failed(&slowCluster{})
	ctx, cancel := context.WithTimeout(t.Context(), moment)
	defer cancel()
	again, err := w.dispatcher.Diagnose(ctx, id)
	require.NoError(t, err)
	require.Zero(t, again)
	require.Error(t, ctx.Err(), "its time is up")
	require.Len(t, w.said(algesta.DiagnosePost), 1)
}
