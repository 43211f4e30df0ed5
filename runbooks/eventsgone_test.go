package runbooks_test

import (
	"crypto/rand"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// setNamed is a ReplicaSet whose template spells these values out.
func setNamed(name string, values ...string) appsv1.ReplicaSet {
	c := corev1.Container{Name: "app"}
	for n, value := range values {
		c.Env = append(c.Env, corev1.EnvVar{Name: fmt.Sprint("DB_PASSWORD_", n), Value: value})
	}
	return appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "production"},
		Spec:       appsv1.ReplicaSetSpec{Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{c}}}},
	}
}

// An event lives longer than its pod: what that spelled out is known by its ReplicaSet, and where nothing tells it any more, what its
// kubelet said is left out.
func TestWhatAPodThatIsGoneSpelledOutIsHidden(t *testing.T) {
	t.Parallel()
	value := "walrus-" + strings.ToLower(rand.Text())
	said := "Readiness probe failed: refused app/" + value + " at db"
	scheduled := eventOf("orders-0", "Warning", "FailedScheduling", "0/3 nodes are available", time.Minute, 1)
	scheduled.Source.Component = "default-scheduler"
	again := eventOf("orders-1", "Warning", "Unhealthy", said, 4*time.Minute, 1) // of the one before of this name
	again.InvolvedObject.UID = "u-before"
	l := listed{lists: map[string][]any{
		"PodList":        {corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "orders-1", Namespace: "production", UID: "u-now"}}},
		"ReplicaSetList": {setNamed("orders-5d4f8c7b9", value)},
		"EventList": {
			scheduled, eventOf("orders-5d4f8c7b9-zzzz4", "Warning", "Unhealthy", said, 2*time.Minute, 1),
			eventOf("orders-0", "Warning", "Unhealthy", "Readiness probe failed: refused app/other-"+value+" at db", 3*time.Minute, 1), again,
		},
	}}
	for _, name := range []string{"events", "keyvault", "hpa"} {
		require.NotContains(t, strings.Join(tells(t, l, regarding(name, "")), "\n"), value, name)
	}
	got := tells(t, l, regarding("events", ""))
	const gone = "(left out: the pod is gone, so I don't know what has to be hidden)"
	text := strings.Join(got, "\n")
	require.Contains(t, text, "0/3 nodes are available")
	require.Contains(t, text, "Readiness probe failed: refused app/‹redacted› at db")
	require.Contains(t, text, "pod/orders-0 and 1 more | 2 | "+gone)
	l.instead = map[string]error{"ReplicaSetList": forbidden("replicasets")}
	require.NotContains(t, strings.Join(tells(t, l, regarding("events", "")), "\n"), value)
}
