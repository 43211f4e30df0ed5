package runbooks_test

import (
	"crypto/rand"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
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

// What makes pods may have none yet, because an admission webhook refuses them and says why, in words of the template. Where its template
// can't be read, or is gone, that is left out.
func TestWhatATemplateWithoutPodsSpellsOutIsHidden(t *testing.T) {
	t.Parallel()
	value := "walrus-" + strings.ToLower(rand.Text())
	set := setNamed("orders", value)
	spec, meta := set.Spec.Template, set.ObjectMeta
	about := func(kind, name, reason, says string) *corev1.Event {
		e := eventOf(name, "Warning", reason, says, time.Minute, 1)
		e.InvolvedObject.Kind = kind
		return e
	}
	refused := "admission webhook denied the request: app/" + value + " isn't allowed"
	for kind, object := range map[string]any{
		"Deployment":  appsv1.Deployment{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{Template: spec}},
		"StatefulSet": appsv1.StatefulSet{ObjectMeta: meta, Spec: appsv1.StatefulSetSpec{Template: spec}},
		"DaemonSet":   appsv1.DaemonSet{ObjectMeta: meta, Spec: appsv1.DaemonSetSpec{Template: spec}},
		"Job":         batchv1.Job{ObjectMeta: meta, Spec: batchv1.JobSpec{Template: spec}},
		"CronJob": batchv1.CronJob{
			ObjectMeta: meta, Spec: batchv1.CronJobSpec{JobTemplate: batchv1.JobTemplateSpec{Spec: batchv1.JobSpec{Template: spec}}},
		},
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			l := listed{lists: map[string][]any{
				kind + "List": {object},
				"EventList": {
					about(kind, "orders", "FailedCreate", refused), about(kind, "orders", "SuccessfulCreate", "Created pod: orders-0"),
					about(kind, "gone", "FailedCreate", "app/other-"+value+" isn't allowed"),
				},
			}}
			text := strings.Join(tells(t, l, regarding("events", "")), "\n")
			require.NotContains(t, text, value)
			require.Contains(t, text, "admission webhook denied the request: app/‹redacted› isn't allowed")
			require.Contains(t, text, "/gone | 1 | (left out: I couldn't read the template that it's about, so I don't know what has to be hidden)")
			require.Contains(t, text, "Created pod: orders-0")

			l.instead = map[string]error{kind + "List": forbidden(strings.ToLower(kind) + "s")}
			text = strings.Join(tells(t, l, regarding("events", "")), "\n")
			require.NotContains(t, text, value)
			require.Contains(t, text, "Couldn't check "+strings.ToLower(kind)+"s")
			require.Contains(t, text, "Created pod: orders-0", "this quotes nothing")
			for _, name := range []string{"keyvault", "hpa"} {
				require.NotContains(t, strings.Join(tells(t, l, regarding(name, "")), "\n"), value, name)
			}
		})
	}
}
