package runbooks_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/runbooks"
	"github.com/3astronautas/algesta/sandbox/control"
)

func eventOf(name, class, reason, message string, ago time.Duration, times int32) *corev1.Event {
	return &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Name: name + "." + reason, Namespace: "production"},
		InvolvedObject: corev1.ObjectReference{Kind: "Pod", Name: name, Namespace: "production"},
		Type:           class, Reason: reason, Message: message, Count: times,
		FirstTimestamp: metav1.NewTime(noon.Add(-time.Hour)), LastTimestamp: metav1.NewTime(noon.Add(-ago)),
	}
}

func TestEventsAreWarningsFirstAndFolded(t *testing.T) {
	t.Parallel()
	const app, other = "api-gateway-production", "api-gateway-production-canary"
	backOff := func(pod string) string {
		return "Back-off restarting failed container app in pod " + pod + "_production"
	}
	s := listed{lists: map[string][]any{"ReplicaSetList": {setNamed(other + "-5d4f8c7b9")}, "EventList": {
		eventOf(app+"-5d4f8c7b9-xkcd2", "Normal", "Pulled", "Image is there", time.Minute, 1),
		eventOf(app+"-5d4f8c7b9-xkcd2", "Warning", "BackOff", backOff(app+"-5d4f8c7b9-xkcd2"), 3*time.Minute, 4),
		eventOf(app+"-5d4f8c7b9-zzzz4", "Warning", "BackOff", backOff(app+"-5d4f8c7b9-zzzz4"), 2*time.Minute, 5),
		eventOf(other+"-5d4f8c7b9-zzzz4", "Warning", "Failed", "no <!channel> *image*", 5*time.Minute, 0),
	}}}
	require.Equal(t, []string{
		"production: 3 warnings in 4 events",
		"last seen | type | reason | object | times | message",
		"2 min ago | Warning | BackOff | pod/" + app + "-5d4f8c7b9-zzzz4 and 1 more | 9 | " + backOff(app+"-5d4f8c7b9-zzzz4"),
		"5 min ago | Warning | Failed | pod/" + other + "-5d4f8c7b9-zzzz4 | 1 | no <!channel> *image*",
		"60 s ago | Normal | Pulled | pod/" + app + "-5d4f8c7b9-xkcd2 | 1 | Image is there",
		"Kubernetes keeps events for about an hour.",
	}, tells(t, s, regarding("events", "")))

	in := input("events", nil)
	in.Workload.Name = app
	got := tells(t, s, in)
	require.Contains(t, got[0], "2 warnings in 3 events", "another workload's are not the service's")
	require.Equal(t, "production: no events", tells(t, listed{}, regarding("events", ""))[0])
}

// A ReplicaSet that can't make its pods says so once per name that it tried.
func TestTheNamesOfPodsThatWereNeverMadeMakeNoDifference(t *testing.T) {
	t.Parallel()
	const set = "ms-orders-production-6df6745949"
	refused := func(pod string, ago time.Duration, says string) *corev1.Event {
		e := eventOf(set, "Warning", "FailedCreate", says+`Error creating: pods "`+set+"-"+pod+`" is forbidden: exceeded quota: q`, ago, 1)
		e.InvolvedObject.Kind = "ReplicaSet"
		return e
	}
	s := listed{lists: map[string][]any{"EventList": {
		refused("b8wtd", time.Minute, ""), refused("kc6j8", 2*time.Minute, ""),
		refused("trsz7", 3*time.Minute, "(combined from similar events): "),
	}, "ReplicaSetList": {appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Name: set, Namespace: "production"}}}}}
	got := tells(t, s, regarding("events", ""))
	require.Equal(t, "production: 3 warnings in 3 events", got[0])
	require.Equal(t, "60 s ago | Warning | FailedCreate | replicaset/"+set+` | 3 | Error creating: pods "`+set+
		`-b8wtd" is forbidden: exceeded quota: q`, got[2])
}

func TestEventsDontQuoteWhatAPodSpellsOut(t *testing.T) {
	t.Parallel()
	secret := fmt.Sprintf("open-%d", rand.Uint64())
	s := listed{lists: map[string][]any{
		"EventList": {eventOf("x", "Warning", "Failed", "cannot open "+secret, time.Minute, 1)},
		"PodList": {&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "x"}, Spec: corev1.PodSpec{Containers: []corev1.Container{
			{Name: "app", Env: []corev1.EnvVar{{Name: "DB_PASSWORD", Value: secret}}},
		}}}},
	}}
	got := fmt.Sprint(tells(t, s, regarding("events", "")))
	require.NotContains(t, got, secret)
	require.Contains(t, got, "‹redacted›")
}

// What the pods spell out is only known once they are read: without them no message of an event is shown.
func TestEventsWithoutPodsSayNoMessages(t *testing.T) {
	t.Parallel()
	secret := fmt.Sprintf("open-%d", rand.Uint64())
	forbidden := &algesta.Error{Kind: algesta.ErrForbidden, Message: algesta.Say("I don't have permission to list pods.")}
	s := listed{
		lists:   map[string][]any{"EventList": {eventOf("x", "Warning", "Failed", "exec "+secret, time.Minute, 1)}},
		instead: map[string]error{"PodList": forbidden},
	}
	got := fmt.Sprint(tells(t, s, regarding("events", "")))
	require.NotContains(t, got, secret)
	require.Contains(t, got, "Failed | pod/x | 1")
	require.Contains(t, got, "so I leave out what the events say")
	s.instead = map[string]error{"EventList": forbidden}
	require.Equal(
		t,
		"I couldn't check the events of production: I don't have permission to read them.",
		tells(t, s, regarding("events", ""))[0],
	)
}

// Every answer that quotes the events of a namespace hides in them what its pods spell out, and quotes none where those weren't read.
func TestNoAnswerQuotesAnEventThatHoldsWhatAPodSpellsOut(t *testing.T) {
	t.Parallel()
	secret := fmt.Sprintf("open-%d", rand.Uint64())
	spells := mounting("d")
	spells.Spec.Containers = []corev1.Container{{Name: "app", Env: []corev1.EnvVar{{Name: "DB_PASSWORD", Value: secret}}}}
	rescaled := eventOf("full", "Normal", "SuccessfulRescale", "New size: 4; reason: "+secret, time.Minute, 1)
	rescaled.InvolvedObject.Kind = "HorizontalPodAutoscaler"
	ofJob := eventOf("d", "Warning", "FailedCreate", "no pod with "+secret, time.Minute, 1)
	ofJob.InvolvedObject.Kind = "Job"
	lists := map[string][]any{
		"HorizontalPodAutoscalerList": {cpuScaler("full", 4, 4, 4, 88, scalingActive)},
		"SecretProviderClassList":     {providerClass()},
		"PodList":                     {spells},
		"EventList":                   {rescaled, eventOf("d", "Warning", "FailedMount", "cannot mount "+secret, time.Minute, 1), ofJob},
		"JobList":                     {batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: "d", Namespace: "production"}}},
	}
	const leftOut = "Without all pods I don't know what has to be hidden, so I leave out what the events say."
	for name, in := range map[string]runbooks.Input{
		"events": regarding("events", ""), "keyvault": regarding("keyvault", ""), "hpa": regarding("hpa", "horizontalpodautoscaler/full"),
		"describe": regarding("describe", "job/d"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := fmt.Sprint(tells(t, listed{lists: lists}, in))
			require.NotContains(t, got, secret)
			require.Contains(t, got, "‹redacted›")
			require.NotContains(t, got, leftOut)

			unread := listed{lists: lists, instead: map[string]error{"PodList": forbidden("pods")}}
			got = fmt.Sprint(tells(t, unread, in))
			require.NotContains(t, got, secret)
			require.Contains(t, got, leftOut)
			require.Regexp(t, "(?i)couldn't check pods|pods: not checked|not checked: pods", got)
		})
	}
}

func TestEventsOfARealControlPlane(t *testing.T) {
	t.Parallel()
	w := newBrokenNamespace(t, control.ForTest(t))
	now := metav1.Now()
	e := eventOf("api-1", "Warning", "BackOff", "Back-off restarting failed container app", 0, 7)
	e.Namespace, e.InvolvedObject.Namespace, e.FirstTimestamp, e.LastTimestamp = w.namespace, w.namespace, now, now
	w.make(t, e)
	in := w.asked("events", "")
	in.Command.At = time.Now()
	got := w.tells(t, in)
	require.Equal(t, "production: 1 warning in 1 event", got[0])
	require.Regexp(t, `^\d+ s ago \| Warning \| BackOff \| pod/api-1 \| 7 \| Back-off restarting failed container app$`, got[2])
}
