package incidents

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/redact"
)

// rooms are channels that keep what was done in them.
type rooms struct {
	mu    sync.Mutex
	topic string
	done  []string
	away  error
}

func (r *rooms) did(what string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.away != nil {
		return r.away
	}
	r.done = append(r.done, what)
	return nil
}

func (r *rooms) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.done)
}

// ChannelName implements Rooms.
func (r *rooms) ChannelName(context.Context, string) (name, topic string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return "inc-42", r.topic, r.away
}

// Join implements Rooms.
func (r *rooms) Join(_ context.Context, channel string) error { return r.did("joined " + channel) }

// Pin implements Rooms.
func (r *rooms) Pin(_ context.Context, channel, ts string) error {
	return r.did("pinned " + ts + " in " + channel)
}

// SetTopic implements Rooms.
func (r *rooms) SetTopic(_ context.Context, _, topic string) error { return r.did("topic: " + topic) }

// TestAnIncidentChannelGetsTheDiagnosisUntilItIsOver: once, pinned, with what was changed, and nothing where the name is another.
func TestAnIncidentChannelGetsTheDiagnosisUntilItIsOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		objects := crashing()
		w := &town{objects: objects, rooms: &rooms{}}
		defer watches(t, w)()
		time.Sleep(time.Second)
		require.NoError(t, w.keeper.Channel(t.Context(), "C0RANDOM", "random"))
		for range 2 { // created, and told again
			require.NoError(t, w.keeper.Channel(t.Context(), "C0INC", "inc-2026-11-ms-orders"))
		}
		time.Sleep(20 * time.Second)
		require.Equal(t, []string{"joined C0INC", "pinned 1.1 in C0INC"}, w.rooms.all()[:2])
		require.True(t, strings.HasPrefix(w.rooms.all()[2], "topic: ms-orders in production is down: "), "%q", w.rooms.all())
		require.Len(t, w.rooms.all(), 3)
		card := w.card()
		require.Contains(t, card, "ms-orders in production is down: ")
		require.Contains(t, card, "about ms-orders in production, by the name of this channel, its topic or what is wrong now")
		require.Contains(t, card, "Changed in the last day:")
		require.Empty(t, w.seen().incidents, "the incident itself still waits")

		w.set(func(w *town) { w.objects = running() })
		time.Sleep(3 * time.Minute)
		require.Contains(t, w.card(), "ms-orders in production is healthy again")
		known, err := w.IncidentChannels(t.Context())
		require.NoError(t, err)
		require.Empty(t, known, "nothing more is told there")
	})
}

// TestTheTopicOfAnIncidentChannelIsRedacted as its messages are.
func TestTheTopicOfAnIncidentChannelIsRedacted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &town{objects: crashing(), rooms: &rooms{}, redact: func(text string) string {
			return strings.ReplaceAll(text, "container app", "‹redacted›")
		}}
		defer watches(t, w)()
		time.Sleep(time.Second)
		require.NoError(t, w.keeper.Channel(t.Context(), "C0INC", "inc-ms-orders"))
		time.Sleep(20 * time.Second)
		require.Len(t, w.rooms.all(), 3)
		require.Contains(t, w.rooms.all()[2], "topic: ms-orders in production is down: ")
		title, _, _ := strings.Cut(w.card(), "\n")
		require.Contains(t, title, "container app")
		require.NotContains(t, w.rooms.all()[2], "container app")
	})
}

// TestAnIncidentChannelWaitsForSlack: nothing is lost while Slack is away.
func TestAnIncidentChannelWaitsForSlack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &town{objects: crashing(), rooms: &rooms{away: errors.New("away")}}
		defer watches(t, w)()
		time.Sleep(time.Second)
		require.Error(t, w.keeper.Channel(t.Context(), "C0INC", ""), "an invitation says no name: Slack sends it again")
		require.NoError(t, w.keeper.Channel(t.Context(), "C0INC", "inc-42"))
		time.Sleep(10 * time.Minute)
		require.Empty(t, w.rooms.all())
		w.rooms.mu.Lock()
		w.rooms.away = nil
		w.rooms.mu.Unlock()
		time.Sleep(time.Minute)
		require.Len(t, w.rooms.all(), 3)
	})
}

func TestWhatAChannelIsAbout(t *testing.T) {
	t.Parallel()
	w := &town{}
	k := New(quick, Parts{Catalog: w, Records: w})
	for said, service := range map[string]string{
		"inc-ms-orders":                         "ms-orders",
		"inc-2026-11-30-ms-orders-export-slow":  "ms-orders-export",
		"inc-42 | MS-ORDERS answers 500":        "ms-orders",
		"inc-42 | something is wrong":           "",
		"inc-ms-ordersx":                        "",
		"inc-42 | /algesta rollback ms-orders ": "ms-orders",
	} {
		name, topic, _ := strings.Cut(said, " | ")
		about := k.aboutChannel(name, topic)
		require.Equal(t, service, about.Service, said)
		require.Equal(t, "production", about.Environment, said)
	}
	k.cfg.Channels.Environments = []string{"staging"}
	require.Zero(t, k.aboutChannel("inc-ms-orders", ""), "of other environments nothing is told there")
}

func TestATimelineNamesWhatWasChanged(t *testing.T) {
	t.Parallel()
	set := replicaSet()
	set.CreationTimestamp = metav1.NewTime(noon)
	set.Annotations = map[string]string{"deployment.kubernetes.io/revision": "4", changeCause: "deploy\n12346 <!channel>"}
	set.Spec.Template.Spec.Containers = []corev1.Container{{Image: "registry.example.com/ms-orders:12346"}}
	scaled := metav1.NewTime(noon.Add(time.Minute))
	hpa := &autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Name: "ms-orders"},
		Spec:       autoscalingv2.HorizontalPodAutoscalerSpec{ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{Name: "ms-orders"}},
		Status:     autoscalingv2.HorizontalPodAutoscalerStatus{LastScaleTime: &scaled, DesiredReplicas: 6},
	}
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "aks-1"}, Status: corev1.NodeStatus{Conditions: []corev1.NodeCondition{
		{Type: corev1.NodeReady, Status: corev1.ConditionFalse, LastTransitionTime: scaled},
	}}}
	certificate := &unstructured.Unstructured{Object: map[string]any{
		"kind": "Certificate", "metadata": map[string]any{"name": "shop-tls"}, "status": map[string]any{"notBefore": noon.Format(time.RFC3339)},
	}}
	all := changesOf([]runtime.Object{set, hpa, node, certificate}, "ms-orders", asItIs)
	var said []string
	for _, h := range all {
		said = append(said, h.says)
	}
	require.Equal(t, []string{
		"Rollout of ms-orders to ms-orders:12346 (revision 4): “deploy 12346 <!channel>”", "Autoscaler ms-orders scaled to 6 pods",
		"Node aks-1 became not ready", "Certificate shop-tls was issued",
	}, said)
	require.Len(t, changesOf([]runtime.Object{set, hpa, node, certificate}, "ms-payments", asItIs), 2, "what is another service's isn't told")
	require.Len(t, changesOf([]runtime.Object{set, hpa, node, certificate}, "", asItIs), 4)

	secret := strings.Repeat("walrus", 5)
	set.Annotations[changeCause] = strings.Repeat("a ", 35) + secret
	cut := changesOf([]runtime.Object{set}, "ms-orders", redact.New([]byte(secret)).String)[0].says
	require.Contains(t, cut, "a a a")
	require.NotContains(t, cut, "walrus", "it's redacted before it's cut")
}

// TestAChannelWhereNothingMayBeToldIsLookedAtSeldomAndLetGo: it was archived, shared or left.
func TestAChannelWhereNothingMayBeToldIsLookedAtSeldomAndLetGo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &town{objects: running(), rooms: &rooms{}}
		defer watches(t, w)()
		time.Sleep(time.Second)
		require.NoError(t, w.keeper.Channel(t.Context(), "C0INC", "inc-ms-orders"))
		time.Sleep(20 * time.Second)
		require.Len(t, w.rooms.all(), 3)
		w.set(func(w *town) {
			w.noPosts = &algesta.Error{Kind: algesta.ErrRefused, Message: algesta.Say("I'm not in #inc-ms-orders.")}
			w.objects = crashing() // there is something to tell
		})
		time.Sleep(10 * time.Minute) // until the incident is known, if it can be
		before := w.triedPosts()
		time.Sleep(4 * time.Hour)
		require.InDelta(t, 4, w.triedPosts()-before, 1)
		w.set(func(w *town) { w.openedBefore(8 * 24 * time.Hour) })
		time.Sleep(time.Hour)
		known, err := w.IncidentChannels(t.Context())
		require.NoError(t, err)
		require.Empty(t, known, "nothing more is told there")
	})
}

// TestAnIncidentChannelOfNoKnownPlaceIsLetGo, too.
func TestAnIncidentChannelOfNoKnownPlaceIsLetGo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &town{objects: running(), rooms: &rooms{away: errors.New("is_archived")}}
		defer watches(t, w)()
		time.Sleep(time.Second)
		require.NoError(t, w.keeper.Channel(t.Context(), "C0INC", "inc-ms-orders"))
		w.set(func(w *town) { w.openedBefore(8 * 24 * time.Hour) })
		time.Sleep(time.Minute)
		known, err := w.IncidentChannels(t.Context())
		require.NoError(t, err)
		require.Empty(t, known)
	})
}
