package incidents

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta"
)

// TestAnAlertIsNoFinding: where nothing but an alert speaks of trouble, its card says what a look showed, and never that it's degraded.
func TestAnAlertIsNoFinding(t *testing.T) {
	t.Parallel()
	away := &algesta.Error{Kind: algesta.ErrUnreachable, Message: algesta.Say("The cluster aks does not answer.")}
	for name, c := range map[string]struct {
		kind, of string
		unseen   error
		says     string
	}{
		"a Deployment that isn't there": {
			"Deployment", "payments-does-not-exist", nil,
			"An alert fires about payments-does-not-exist in production, and I found nothing of that name: Alert “Lost” says: “all”",
		},
		"a pod that isn't there": {
			"Pod", "ms-orders-7d9-gone0", nil,
			"An alert fires about Pod ms-orders-7d9-gone0 (production), and I found nothing of that name: Alert “Lost” says: “all”",
		},
		"a Service that isn't there": {
			"Service", "payments", nil,
			"An alert fires about Service payments (production), and I found nothing of that name: Alert “Lost” says: “all”",
		},
		"a StatefulSet that isn't there": {
			"StatefulSet", "db", nil,
			"An alert fires about StatefulSet db (production), and I found nothing of that name: Alert “Lost” says: “all”",
		},
		"a Deployment that is well": {
			"Deployment", "ms-orders", nil,
			"An alert fires about ms-orders in production, and I found nothing wrong with it: Alert “Lost” says: “all”",
		},
		"a cluster that doesn't answer": {
			"Deployment", "ms-orders", away,
			"An alert fires about Deployment ms-orders (production), and I couldn't check it: Alert “Lost” says: “all”",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := &town{objects: running(), unseen: c.unseen}
				defer watches(t, w)()
				a := algesta.Alert{
					ID: "a", Namespace: "production", Kind: c.kind, Name: c.of, Says: "Alert “Lost” says: “all”",
					StartsAt: noon, SeenAt: time.Now(),
				}
				require.NoError(t, w.keeper.Receive(t.Context(), []algesta.Alert{a}))
				time.Sleep(5 * time.Minute)
				require.Contains(t, w.card(), c.says)
				require.NotContains(t, w.card(), "degraded")
				require.Len(t, w.seen().incidents, 1)
				a.ResolvedAt = time.Now()
				w.set(func(w *town) { w.unseen = nil })
				require.NoError(t, w.keeper.Receive(t.Context(), []algesta.Alert{a}))
				time.Sleep(2 * time.Minute)
				require.Contains(t, w.card(), ": this is over (Alert “Lost” says: “all”)", "nobody saw that it was sick")
			})
		})
	}
}

// TestWhatAnAlertSaysIsSeenLater: the card follows what a look shows.
func TestWhatAnAlertSaysIsSeenLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &town{}
		defer watches(t, w)()
		require.NoError(t, w.keeper.Receive(t.Context(), []algesta.Alert{
			{ID: "a", Namespace: "production", Kind: "Deployment", Name: "ms-orders", Says: "Alert “Lost”", StartsAt: noon, SeenAt: time.Now()},
		}))
		time.Sleep(time.Minute)
		require.Contains(t, w.card(), "and I found nothing of that name: Alert “Lost”")
		w.set(func(w *town) { w.objects = running() })
		time.Sleep(2 * time.Minute)
		require.Contains(t, w.card(), "and I found nothing wrong with it: Alert “Lost”")
		w.set(func(w *town) { w.objects = crashing() })
		time.Sleep(2 * time.Minute)
		require.Contains(t, w.card(), "ms-orders in production is down: ")
	})
}

// TestWhatTheBotSeesItselfIsNoAlertOnly: another rule's view of the same object joins the card of an alert.
func TestWhatTheBotSeesItselfIsNoAlertOnly(t *testing.T) {
	t.Parallel()
	r := newRun(quick)
	alert := algesta.Signal{Rule: Alertmanager, Kind: "Deployment", Namespace: "production", Name: "ms-orders", Says: "Alert “Lost”"}
	r.lasts(time.Minute, []algesta.Signal{alert}, well)
	require.Equal(t, algesta.UnseenWell, r.only(t).Cause.Unseen)
	r.lasts(time.Minute, []algesta.Signal{alert, crash("ms-orders")}, well)
	require.Empty(t, r.only(t).Cause.Unseen)
	card := text(Card(r.only(t), Past{}))
	require.Contains(t, card, "Deployment ms-orders (production) is degraded: A pod of ms-orders crashes again and again")
}

// TestWhatIsDeletedIsNotHealthyAgain also in the channel that people made for it.
func TestWhatIsDeletedIsNotHealthyAgain(t *testing.T) {
	t.Parallel()
	for name, made := range map[string]*rooms{"the card": nil, "the channel": {}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := &town{objects: crashing(), rooms: made}
				defer watches(t, w)()
				time.Sleep(time.Second)
				require.NoError(t, w.keeper.Channel(t.Context(), "C0INC", "inc-ms-orders"))
				time.Sleep(20 * time.Second)
				if made == nil {
					time.Sleep(20 * time.Second)
				}
				require.Contains(t, w.card(), "ms-orders in production is down: ")
				w.set(func(w *town) { w.objects = nil })
				time.Sleep(3 * time.Minute)
				require.Contains(t, w.card(), "ms-orders in production isn't there any more (it was: ")
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		w := &town{objects: []runtime.Object{}, rooms: &rooms{}}
		defer watches(t, w)()
		time.Sleep(time.Second)
		require.NoError(t, w.keeper.Channel(t.Context(), "C0INC", "inc-ms-orders"))
		time.Sleep(20 * time.Second)
		require.Contains(t, w.card(), "I find no ms-orders in production right now")
	})
}
