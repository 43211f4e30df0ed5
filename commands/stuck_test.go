package commands_test

import (
	"database/sql"
	"encoding/json"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands"
	"github.com/3astronautas/algesta/rollout"
	"github.com/3astronautas/algesta/runbooks"
	"github.com/3astronautas/algesta/store"
)

// lostCluster is one that a restart can take out of the configuration.
type lostCluster struct {
	*fakeCluster
	lost atomic.Bool
}

func (c *lostCluster) err() error {
	if c.lost.Load() {
		return &algesta.Error{Kind: algesta.ErrUnknownName, Message: algesta.Say("The cluster aks isn't in my configuration.")}
	}
	return nil
}

func (c *lostCluster) Reader(string) (runbooks.Cluster, error) {
	return runbooks.Cluster{Reader: c.fakeCluster}, c.err()
}

func (c *lostCluster) Writer(string, []string, algesta.Requester) (commands.Writer, error) {
	return c.fakeCluster, c.err()
}

// TestAWriteThatCannotBeLookedAtIsTold has the bot lose the cluster between the patch and its answer.
func TestAWriteThatCannotBeLookedAtIsTold(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		lose func(*lostCluster)
		says string
	}{
		"its right was taken away":           {func(*lostCluster) {}, "I may not read deployments."},
		"the cluster left the configuration": {func(l *lostCluster) { l.lost.Store(true) }, "The cluster aks isn't in my configuration."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			cluster := &lostCluster{fakeCluster: w.cluster}
			w.dispatcher.Clusters = cluster
			w.cluster.set(func(f *fakeCluster) {
				f.send = func() error {
					c.lose(cluster)
					return &algesta.Error{Kind: algesta.ErrUncertain, Message: algesta.Say("No answer.")}
				}
				f.verify = func(*fakeCluster) (algesta.Verified, error) {
					return algesta.Verified{}, &algesta.Error{Kind: algesta.ErrForbidden, Message: algesta.Say("I may not read deployments.")}
				}
			})
			w.types(luis, "scale api-gateway production 6")
			w.votes(carla, algesta.Approve, w.request(algesta.Pending).ID)
			r := w.request(algesta.Executing)
			require.Eventually(t, func() bool {
				for _, p := range w.posts() {
					if p.Kind == algesta.CardPost && strings.Contains(p.Report.Small.String(), c.says+" I don't know yet whether the change was made.") {
						return true
					}
				}
				return false
			}, deadline, lookEvery, "the card says why nothing goes on")
			w.startBy(time.Now().Add(-time.Second))
			require.NoError(t, w.store.Update(t.Context(), func(tx *store.Tx) error { return tx.Schedule(algesta.ExecuteJob, r.ID, time.Now()) }))
			w.request(algesta.Unknown)
			require.Contains(t, w.said(algesta.EndPost)[0], "I sent this change and can't check whether it arrived. "+c.says)
			require.Contains(t, w.said(algesta.EndPost)[0], "Check the cluster and answer here")
		})
	}
}

// TestARolloutWhoseClusterLeftTheConfigurationEnds has a restart without the cluster of a change that is being followed.
func TestARolloutWhoseClusterLeftTheConfigurationEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cluster := &lostCluster{fakeCluster: w.cluster}
	w.dispatcher.Clusters = cluster
	w.cluster.set(func(f *fakeCluster) { f.send = func() error { cluster.lost.Store(true); return nil } })
	w.types(luis, "scale api-gateway production 6")
	w.votes(carla, algesta.Approve, w.request(algesta.Pending).ID)
	id := w.request(algesta.Applied).ID
	require.Eventually(t, func() bool { return len(w.said(algesta.ProgressPost)) > 0 }, deadline, lookEvery)
	require.Equal(
		t,
		"The cluster aks isn't in my configuration. The change was made; I'm still watching how it comes up.",
		w.said(algesta.ProgressPost)[0],
	)
	records, err := w.store.Executions(t.Context(), id)
	require.NoError(t, err)
	var f rollout.Follow
	require.NoError(t, json.Unmarshal(records[0].Watch, &f))
	f.Deadline = time.Now().Add(-time.Second)
	watch, err := json.Marshal(f)
	require.NoError(t, err)
	require.NoError(t, w.store.Update(t.Context(), func(tx *store.Tx) error { return tx.Remember(id, watch) }))
	w.request(algesta.TimedOut)
	require.Contains(t, w.said(algesta.EndPost)[0], "I couldn't read api-gateway-production any more")
}

// TestADiagnosisIsNotShownToAnotherCompany has the channel shared after the change was approved.
func TestADiagnosisIsNotShownToAnotherCompany(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.dispatcher.Hasten(time.Minute, moment, moment)
	id := w.failed(&slowCluster{})
	w.share()
	again, err := w.dispatcher.Diagnose(t.Context(), id)
	require.NoError(t, err)
	require.Zero(t, again)
	require.Empty(t, w.said(algesta.DiagnosePost))
}

// TestADiagnosisIsNotTriedForEver has one that never came to its end, as where it ends the process.
func TestADiagnosisIsNotTriedForEver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.dispatcher.Hasten(time.Minute, moment, moment)
	c := &slowCluster{}
	id := w.failed(c)
	db, err := sql.Open("sqlite", "file:"+w.path+"?_pragma=busy_timeout(10000)")
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), `UPDATE requests SET updated_at = ? WHERE id = ?`, time.Now().Add(-time.Hour).UnixMilli(), id)
	require.NoError(t, err)
	require.NoError(t, db.Close())
	again, err := w.dispatcher.Diagnose(t.Context(), id)
	require.NoError(t, err)
	require.Zero(t, again)
	require.Zero(t, c.tries.Load(), "it is not tried again")
}
