package incidents

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/3astronautas/algesta"
)

// The storm of the figures: so many alerts within a minute, of so many causes.
const (
	stormAlerts = 10_000
	stormCauses = 50
)

// TestAStormOfAlertsIsOneCardForEachCauseAndLosesNone sends ten thousand alerts about fifty services within a minute, and waits until all
// are told. What it counts are figures of the benchmarks.
func TestAStormOfAlertsIsOneCardForEachCauseAndLosesNone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &town{}
		for n := range stormCauses {
			w.objects = append(w.objects, renamed(running(), service(n))...)
		}
		defer watches(t, w)()
		time.Sleep(5 * time.Second)
		const batches = 60
		for second := range batches {
			var sent []algesta.Alert
			for n := second * stormAlerts / batches; n < (second+1)*stormAlerts/batches; n++ {
				sent = append(sent, algesta.Alert{
					ID: fmt.Sprint(n), Namespace: "production", Kind: "Deployment", Name: service(n % stormCauses), Says: fmt.Sprint("Alert ", n),
					StartsAt: time.Now(), SeenAt: time.Now(),
				})
			}
			require.NoError(t, w.keeper.Receive(t.Context(), sent))
			time.Sleep(time.Second)
		}
		time.Sleep((stormCauses + 2) * time.Minute) // a channel gets one new card a minute
		told := map[string]bool{}
		for _, i := range w.seen().incidents {
			told[i.About.Name] = true
		}
		cards, messages := w.messages()
		lost := stormAlerts - len(w.alerts) + stormCauses - len(told)
		require.Equal(t, stormCauses, cards)
		require.LessOrEqual(t, messages, 3*stormCauses)
		require.Zero(t, lost)
		t.Attr("storm_cards_per_cause", fmt.Sprint(float64(cards)/stormCauses))
		t.Attr("storm_messages_per_cause", fmt.Sprint(float64(messages)/stormCauses))
		t.Attr("storm_lost", fmt.Sprint(lost))
	})
}

func service(n int) string { return fmt.Sprintf("service-%02d", n) }

// renamed are the objects of ms-orders as those of another service.
func renamed(all []runtime.Object, name string) []runtime.Object {
	labels := map[string]string{"app": name}
	deployment, set := types.UID("d-"+name), types.UID("s-"+name)
	for _, o := range all {
		switch o := o.(type) {
		case *appsv1.Deployment:
			o.Name, o.UID, o.Spec.Selector.MatchLabels, o.Spec.Template.Labels = name, deployment, labels, labels
		case *appsv1.ReplicaSet:
			o.Name, o.UID, o.Spec.Selector.MatchLabels, o.Spec.Template.Labels = name+"-7d9", set, labels, labels
			o.OwnerReferences[0].Name, o.OwnerReferences[0].UID = name, deployment
		case *corev1.Pod:
			o.Name, o.Labels = name+"-7d9-x2x9z", labels
			o.OwnerReferences[0].Name, o.OwnerReferences[0].UID = name+"-7d9", set
		}
	}
	return all
}
