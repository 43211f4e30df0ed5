package incidents

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta"
)

// twoPlaces is a town beside an environment whose cluster never answers.
type twoPlaces struct{ *town }

// Places implements Catalog.
func (twoPlaces) Places() []algesta.Target {
	return []algesta.Target{{Cluster: "slow", Namespace: "staging", Environment: "staging"}, place}
}

// Overview implements Watched.
func (w twoPlaces) Overview(ctx context.Context, cluster, namespace string) ([]runtime.Object, map[string]error) {
	if cluster == "slow" {
		<-ctx.Done()
		return nil, UnreadAll(ctx.Err())
	}
	return w.town.Overview(ctx, cluster, namespace)
}

// TestAClusterThatDoesNotAnswerDelaysNobodyElsesCard: a check of it takes fifteen seconds each time.
func TestAClusterThatDoesNotAnswerDelaysNobodyElsesCard(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &town{
			objects: crashing(), incidents: map[string]algesta.Incident{}, posts: map[algesta.PostKind][]algesta.Report{},
			alerts: map[string]algesta.Alert{}, channels: map[string]algesta.IncidentChannel{},
		}
		both := twoPlaces{w}
		k := New(quick, Parts{
			Asker: w, Records: w, Update: w.update, Watched: both, Catalog: both, Redact: asItIs, Log: zap.NewNop(), Panics: &algesta.Panics{},
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); k.Run(ctx) }()
		time.Sleep(33 * time.Second)
		require.Contains(t, w.card(), "ms-orders in production is down: ")
		cancel()
		<-done
	})
}

// TestTheClockOfWhoeverSendsAnAlertDecidesNothing: two hours ahead or behind, it fires while it says so and is over when it says so.
func TestTheClockOfWhoeverSendsAnAlertDecidesNothing(t *testing.T) {
	t.Parallel()
	for name, skew := range map[string]time.Duration{"ahead": 2 * time.Hour, "behind": -2 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := &town{objects: running()}
				defer watches(t, w)()
				said := time.Now().Add(skew)
				in := alert("firing", "deployment", "ms-orders")
				in["startsAt"] = said.Format(time.RFC3339)
				send := func() {
					alerts, unplaced, err := ParseAlerts(webhookOf(t, in), time.Now(), asItIs)
					require.NoError(t, err)
					require.Zero(t, unplaced)
					require.NoError(t, w.keeper.Receive(t.Context(), alerts))
				}
				begin := time.Now()
				send()
				time.Sleep(time.Minute)
				require.Contains(t, w.card(), "An alert fires about ms-orders in production, and I found nothing wrong with it: Alert “Kube")
				for _, i := range w.seen().incidents {
					require.WithinDuration(t, begin, i.Began(), 10*time.Second, "by the bot's own clock")
				}
				in["status"], in["endsAt"] = "resolved", said.Add(time.Minute).Format(time.RFC3339)
				send()
				time.Sleep(2 * time.Minute)
				require.Contains(t, w.card(), "this is over")
			})
		})
	}
}

// TestTheNameOfAnAlertIsNoObject: what it's about is what its labels say, whatever it is called.
func TestTheNameOfAnAlertIsNoObject(t *testing.T) {
	t.Parallel()
	alerts, unplaced, err := ParseAlerts(webhookOf(t,
		alert("firing", "deployment", "ms-orders", "alertname", "ms-payments-down"), alert("firing", "alertname", "ms-payments"),
	), noon, asItIs)
	require.NoError(t, err)
	require.Equal(t, 1, unplaced, "a name alone says nothing")
	require.Len(t, alerts, 1)
	require.Equal(t, [2]string{"Deployment", "ms-orders"}, [2]string{alerts[0].Kind, alerts[0].Name})
	require.Equal(t, "Alert “ms-payments-down” says: “It crashes.”", alerts[0].Says)
}
