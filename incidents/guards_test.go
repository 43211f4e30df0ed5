package incidents

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/3astronautas/algesta"
)

// TestWhatNobodyCouldSeeDidNotEndMeanwhile: the time in which an incident has to be well begins when somebody could look again.
func TestWhatNobodyCouldSeeDidNotEndMeanwhile(t *testing.T) {
	t.Parallel()
	r := newRun(quick)
	r.lasts(time.Minute, []algesta.Signal{crash("ms-orders")}, broken)
	for end := r.now.Add(10 * time.Minute); r.now.Before(end); r.now = r.now.Add(2 * time.Second) {
		r.check(nil, map[string]string{CrashLoop: "Couldn't check pods: the cluster doesn't answer."}, well)
		require.Zero(t, r.only(t).Signals[0].Gone)
	}
	seen := r.now
	r.lasts(quick.Settle-2*time.Second, nil, well)
	require.Equal(t, algesta.IncidentOpen, r.only(t).State)
	r.lasts(10*time.Second, nil, well)
	require.Equal(t, algesta.IncidentResolved, r.only(t).State)
	require.Equal(t, seen, r.only(t).ResolvedAt)
}

// TestAnAlertIsOfOneCluster: of the one that it names, or of the first with its namespace.
func TestAnAlertIsOfOneCluster(t *testing.T) {
	t.Parallel()
	first, second := algesta.Target{Cluster: "one", Namespace: "shop"}, algesta.Target{Cluster: "two", Namespace: "shop"}
	k := &Keeper{Parts: Parts{Catalog: environments{first, second}}}
	for cluster, want := range map[string][2]bool{
		"": {true, false}, "two": {false, true}, "one": {true, false}, "another": {true, false},
	} {
		a := algesta.Alert{Cluster: cluster, Namespace: "shop", Kind: "Deployment", Name: "orders"}
		require.Equal(t, want, [2]bool{k.meant(a, first), k.meant(a, second)}, "%q", cluster)
	}
}

// TestMoreAlertsThanAreKeptAreRefused: the Alertmanager sends them again. What is over makes room.
func TestMoreAlertsThanAreKeptAreRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &town{objects: running()}
		watches(t, w)()
		alerts := func(from, n int, resolved time.Time) []algesta.Alert {
			var out []algesta.Alert
			for i := range n {
				out = append(out, algesta.Alert{
					ID: fmt.Sprint(from + i), Namespace: "production", Kind: "Deployment", Name: "ms-orders", StartsAt: noon, SeenAt: time.Now(),
					ResolvedAt: resolved,
				})
			}
			return out
		}
		require.NoError(t, w.keeper.Receive(t.Context(), alerts(0, mostAlerts-10, time.Now())))
		require.Error(t, w.keeper.Receive(t.Context(), alerts(mostAlerts, 20, time.Time{})))
		require.Len(t, w.alerts, mostAlerts-10)
		time.Sleep(2 * time.Hour)
		require.NoError(t, w.keeper.Receive(t.Context(), alerts(mostAlerts, 20, time.Time{})), "what is over makes room")
		require.NoError(t, w.keeper.Receive(t.Context(), alerts(mostAlerts, 20, time.Time{})), "and those that are known need none")
		require.Error(t, w.keeper.Receive(t.Context(), alerts(2*mostAlerts, mostAlerts, time.Time{})))
	})
}

// TestOnlySoManyRequestsAreReadAtOnce: each may take megabytes. The others are told to come again.
func TestOnlySoManyRequestsAreReadAtOnce(t *testing.T) {
	t.Parallel()
	token := rand.Text()
	hold, held := make(chan struct{}), make(chan struct{}, atOnce)
	var kept atomic.Int32
	r, err := NewReceiver([]byte(token), asItIs, func(context.Context, []algesta.Alert) error {
		if kept.Add(1) <= atOnce {
			held <- struct{}{}
			<-hold
		}
		return nil
	}, zap.NewNop())
	require.NoError(t, err)
	body := webhookOf(t, alert("firing", "deployment", "ms-orders"))
	done := make(chan int, atOnce)
	for range atOnce {
		go func() {
			status, _ := posted(t, r, "Bearer "+token, body)
			done <- status
		}()
		<-held
	}
	status, says := posted(t, r, "Bearer "+token, body)
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Empty(t, says)
	close(hold)
	for range atOnce {
		require.Equal(t, http.StatusOK, <-done)
	}
	status, _ = posted(t, r, "Bearer "+token, body)
	require.Equal(t, http.StatusOK, status)
}
