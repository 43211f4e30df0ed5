package kube_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/sandbox/control"
)

// podsAmong are the pods among what was observed.
func podsAmong(t *testing.T, objects []runtime.Object) []corev1.Pod {
	t.Helper()
	at := slices.IndexFunc(objects, func(o runtime.Object) bool { _, ok := o.(*corev1.PodList); return ok })
	require.GreaterOrEqual(t, at, 0, "no pods")
	return objects[at].(*corev1.PodList).Items
}

// unreadKinds are the kinds that could not be read, without those that nothing gave a reason to read.
func unreadKinds(unread map[string]error) []string {
	var out []string
	for kind, err := range unread {
		if !errors.Is(err, algesta.ErrNotAsked) {
			out = append(out, kind)
		}
	}
	slices.Sort(out)
	return out
}

func TestPodsAreObservedFromTheCachesWhereThoseAreWarm(t *testing.T) {
	t.Parallel()
	p := deployed(t, control.ForTest(t))
	p.eventually(t, "all pods are there", func(d *appsv1.Deployment) bool { return d.Status.AvailableReplicas == 2 })
	objects, unread := p.bot.Observe(t.Context(), p.w.Namespace)
	require.Equal(t, []string{"secrets"}, unreadKinds(unread), "Secrets are not read")
	require.ErrorIs(t, unread["configmaps"], algesta.ErrNotAsked, "nothing is wrong, so nobody asked: they are neither missing nor fine")
	live := podsAmong(t, objects)

	started(t, p.bot)
	until(t, "the caches are synced", p.bot.Synced)
	since := time.Now()
	objects, unread = p.bot.Observe(t.Context(), p.w.Namespace)
	require.Equal(t, []string{"secrets"}, unreadKinds(unread))
	cached := podsAmong(t, objects)
	asked, err := p.Requests(t.Context(), since, p.w.Namespace)
	require.NoError(t, err)
	require.NotEmpty(t, asked)
	for _, r := range asked {
		require.False(t, strings.HasPrefix(r.UserAgent, "algesta/") && r.Resource == "pods", "pods were asked for")
	}

	require.Len(t, cached, len(live))
	for i := range cached {
		require.Equal(t, live[i].UID, cached[i].UID)
		require.Equal(t, live[i].Status.ContainerStatuses, cached[i].Status.ContainerStatuses)
		require.Equal(t, live[i].Status.Conditions, cached[i].Status.Conditions)
		require.Equal(t, live[i].Spec.Containers[0].Env, cached[i].Spec.Containers[0].Env, "a log is cleaned of these values")
	}
	_, _, pods, err := p.bot.Workload(t.Context(), p.w)
	require.NoError(t, err)
	b, err := json.Marshal(pods)
	require.NoError(t, err)
	require.NotContains(t, string(b), secretValue, "everybody else sees no values")
	held, known := p.bot.CachedPods(p.w.Namespace)
	require.True(t, known)
	require.Len(t, held, len(live))
	b, err = json.Marshal(held)
	require.NoError(t, err)
	require.NotContains(t, string(b), secretValue)
	for i := range held {
		require.Equal(t, live[i].UID, held[i].UID)
		require.Equal(t, live[i].Status.ContainerStatuses, held[i].Status.ContainerStatuses)
		require.Equal(t, live[i].Labels, held[i].Labels)
		require.Equal(t, live[i].Spec.NodeName, held[i].Spec.NodeName)
	}
	objects, _ = p.bot.Observe(t.Context(), p.w.Namespace)
	require.Equal(t, cached, podsAmong(t, objects), "who takes the values out leaves the cache as it is")
}

func TestPodsAreObservedLiveWhereTheCacheMayNotHoldThem(t *testing.T) {
	t.Parallel()
	p := deployed(t, control.ForTest(t))
	account := p.ServiceAccount(t, p.w.Namespace, nil, "bot")
	bot := p.as(t, account)
	started(t, bot)
	until(t, "the watches were refused", func() bool { return len(bot.Refused()) == 3 })
	_, unread := bot.Observe(t.Context(), p.w.Namespace)
	require.ErrorIs(t, unread["pods"], algesta.ErrForbidden, "an empty cache is no empty namespace")
	_, known := bot.CachedPods(p.w.Namespace)
	require.False(t, known)
}

func TestEventsOfOneReasonAreAskedForAlone(t *testing.T) {
	t.Parallel()
	p := deployed(t, control.ForTest(t))
	pod := corev1.ObjectReference{Kind: "Pod", Name: "api-x", Namespace: p.w.Namespace, UID: "pod-1"}
	for _, reason := range []string{"TriggeredScaleUp", "FailedScheduling"} {
		_, err := p.Client.CoreV1().Events(p.w.Namespace).Create(t.Context(), &corev1.Event{
			ObjectMeta: metav1.ObjectMeta{GenerateName: "e-"}, InvolvedObject: pod, Reason: reason, Type: corev1.EventTypeNormal,
		}, metav1.CreateOptions{})
		require.NoError(t, err)
	}
	found, err := p.bot.EventsOf(t.Context(), p.w.Namespace, "TriggeredScaleUp")
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.Equal(t, pod.UID, found[0].InvolvedObject.UID)
}

func TestWarningsAreReadHoweverManyEventsThereAre(t *testing.T) {
	t.Parallel()
	c := control.ForTest(t)
	p := deployed(t, c)
	events := p.Client.CoreV1().Events(p.w.Namespace)
	publish := func(name, kind string) {
		_, err := events.Create(t.Context(), &corev1.Event{
			ObjectMeta: metav1.ObjectMeta{Name: name}, Type: kind, Reason: "Told", LastTimestamp: metav1.Now(),
			InvolvedObject: corev1.ObjectReference{Kind: "Pod", Namespace: p.w.Namespace, Name: "api-gateway"},
		}, metav1.CreateOptions{})
		require.NoError(t, err)
	}
	for i := range 510 {
		publish(fmt.Sprintf("a-%03d", i), corev1.EventTypeNormal)
	}
	publish("aa", corev1.EventTypeWarning)
	publish("zz", corev1.EventTypeWarning)
	objects, unread := p.bot.Observe(t.Context(), p.w.Namespace)
	require.NotContains(t, unread, "events")
	at := slices.IndexFunc(objects, func(o runtime.Object) bool { _, ok := o.(*corev1.EventList); return ok })
	seen := map[string]int{}
	for _, e := range objects[at].(*corev1.EventList).Items {
		seen[e.Name]++
	}
	require.Equal(t, 1, seen["aa"], "once")
	require.Equal(t, 1, seen["zz"], "the last of the alphabet")
}

// TestADiagnosisOfANamespaceIsBounded has something of everything that is a reason to read more, and a pod that is not well.
func TestADiagnosisOfANamespaceIsBounded(t *testing.T) {
	t.Parallel()
	p := deployed(t, control.ForTest(t))
	client := p.Client
	named := metav1.ObjectMeta{Name: "everything", Namespace: p.w.Namespace}
	ingress := &networkingv1.Ingress{ObjectMeta: named}
	ingress.Spec.DefaultBackend = &networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{
		Name: "everything", Port: networkingv1.ServiceBackendPort{Number: 80},
	}}
	_, err := client.NetworkingV1().Ingresses(named.Namespace).Create(t.Context(), ingress, metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = client.CoreV1().Pods(named.Namespace).Create(t.Context(), &corev1.Pod{ObjectMeta: named, Spec: corev1.PodSpec{
		Containers: []corev1.Container{{Name: "app", Image: "registry.example.com/app:1-crash", EnvFrom: []corev1.EnvFromSource{{
			ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "everything"}},
		}}}},
		Volumes: []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "everything"},
		}}},
	}}, metav1.CreateOptions{})
	require.NoError(t, err)
	p.bot.Observe(t.Context(), named.Namespace) // what the cluster has installed is read once
	since := time.Now()
	p.bot.Observe(t.Context(), named.Namespace)
	asked, err := p.Requests(t.Context(), since, named.Namespace)
	require.NoError(t, err)
	calls := map[string]int{}
	for _, r := range asked {
		if strings.HasPrefix(r.UserAgent, "algesta/") {
			calls[r.Verb+" "+r.Resource]++
		}
	}
	total := 4 // of the whole cluster: nodes and what is said about them, IngressClasses, StorageClasses
	for _, n := range calls {
		total += n
	}
	require.Positive(t, calls["list limitranges"], "it was a namespace in trouble: %v", calls)
	require.LessOrEqual(t, total, 24, "%v", calls)
}
