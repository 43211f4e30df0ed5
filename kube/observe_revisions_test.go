package kube_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/util/retry"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/sandbox/control"
)

// TestAWarningQuotesNothingOfATemplateOfBefore has a webhook that repeated what the template of a StatefulSet spelled out, which is another
// one by now. An observation brings the revision that kept it; where that may not be read, nobody can quote the warning.
func TestAWarningQuotesNothingOfATemplateOfBefore(t *testing.T) {
	t.Parallel()
	p := deployed(t, control.ForTest(t))
	secret := "walrus-" + strings.Repeat("zkx", 6)
	sets, labels := p.Client.AppsV1().StatefulSets(p.w.Namespace), map[string]string{"app": "loki"}
	replicas := int32(1)
	made, err := sets.Create(t.Context(), &appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Name: "loki"},
		Spec: appsv1.StatefulSetSpec{
			Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{{
				Name: "loki", Image: "grafana/loki:3.1.0", Env: []corev1.EnvVar{{Name: "DB_PASSWORD", Value: secret}},
			}}}},
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	until(t, "the controller keeps the revision", func() bool {
		set, err := sets.Get(t.Context(), "loki", metav1.GetOptions{})
		return err == nil && set.Status.UpdateRevision != ""
	})
	require.NoError(t, retry.RetryOnConflict(retry.DefaultRetry, func() error {
		set, err := sets.Get(t.Context(), "loki", metav1.GetOptions{})
		require.NoError(t, err)
		set.Spec.Template.Spec.Containers[0].Env[0].Value = "another-" + strings.Repeat("q7", 8)
		_, err = sets.Update(t.Context(), set, metav1.UpdateOptions{})
		return err
	}))
	now := metav1.Now()
	_, err = p.Client.CoreV1().Events(p.w.Namespace).Create(t.Context(), &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{Name: "told"}, Type: corev1.EventTypeWarning, Reason: "FailedCreate",
		FirstTimestamp: now, LastTimestamp: now, Count: 3,
		InvolvedObject: corev1.ObjectReference{Kind: "StatefulSet", Namespace: p.w.Namespace, Name: "loki", UID: made.UID},
		Message: `create Pod loki-0 in StatefulSet loki failed error: admission webhook "guard.example.com" denied the request: app/` + secret +
			` isn't allowed`,
	}, metav1.CreateOptions{})
	require.NoError(t, err)

	objects, unread := p.bot.Observe(t.Context(), p.w.Namespace)
	require.NotContains(t, unread, "controllerrevisions")
	kept, err := json.Marshal(objects)
	require.NoError(t, err)
	require.Contains(t, string(kept), `"value":"`+secret, "the revision, with what has to be hidden")
	require.Contains(t, told(t, objects), "guard.example.com")

	limited := p.as(t, p.ServiceAccount(t, p.w.Namespace, []rbacv1.PolicyRule{{
		APIGroups: []string{"apps", ""}, Verbs: []string{"get", "list"},
		Resources: []string{"statefulsets", "daemonsets", "deployments", "replicasets", "pods", "events"},
	}}, "bot"))
	objects, unread = limited.Observe(t.Context(), p.w.Namespace)
	require.ErrorIs(t, unread["controllerrevisions"], algesta.ErrForbidden)
	require.Empty(t, told(t, objects), "what has to be hidden isn't known")
}

// told is what the event says.
func told(t *testing.T, objects []runtime.Object) string {
	t.Helper()
	for _, object := range objects {
		if list, ok := object.(*corev1.EventList); ok {
			at := slices.IndexFunc(list.Items, func(e corev1.Event) bool { return e.Name == "told" })
			require.GreaterOrEqual(t, at, 0)
			return list.Items[at].Message
		}
	}
	require.Fail(t, "no events")
	return ""
}
