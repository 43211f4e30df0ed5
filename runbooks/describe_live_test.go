package runbooks_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/runbooks"
	"github.com/3astronautas/algesta/sandbox/control"
)

// The controllers themselves write what is shown of what they make.
func TestObjectsOfAClusterAreDescribed(t *testing.T) {
	t.Parallel()
	w := newBrokenNamespace(t, control.ForTest(t))
	made := app("web", "12345", httpPort)
	template := made.Spec.Template
	template.Labels = map[string]string{"app": "loki"}
	once := *template.DeepCopy()
	once.Labels = map[string]string{"app": "once"}
	once.Spec.RestartPolicy = corev1.RestartPolicyNever
	w.make(t, made, serviceOf("web", intstr.FromInt32(3000)), budgetOf("web", "web"), claim("files", ""),
		&appsv1.StatefulSet{ObjectMeta: named("loki"), Spec: appsv1.StatefulSetSpec{
			Selector: &metav1.LabelSelector{MatchLabels: template.Labels}, Template: template,
		}},
		&batchv1.Job{ObjectMeta: named("once"), Spec: batchv1.JobSpec{Template: once}},
	)
	var pod string
	w.await(t, "its pods are ready", func() bool {
		web := w.tells(t, w.asked("describe", "service/web"))
		loki := w.tells(t, w.asked("describe", "statefulset/loki"))
		all, err := w.Client.CoreV1().Pods(w.namespace).List(t.Context(), metav1.ListOptions{LabelSelector: "app=web"})
		require.NoError(t, err)
		if len(all.Items) > 0 {
			pod = all.Items[0].Name
		}
		return !strings.Contains(web[0], "has no endpoints") && !strings.Contains(web[0], ": 0 of") &&
			strings.Contains(loki[0], ": 1 of 1 ready on 12345")
	})
	for object, want := range map[string][]string{
		"pod/" + pod:                  {pod + " in production: ready for ", "made by: ReplicaSet web-"},
		"deployment/web":              {"web in production: ", "strategy: RollingUpdate, at most ", "container | image | cpu | memory | ports"},
		"statefulset/loki":            {"loki in production: 1 of 1 ready on 12345", "loki-0 | ready | 0 | "},
		"service/web":                 {"web in production: ", "selector: app=web"},
		"job/once":                    {"once in production: "},
		"poddisruptionbudget/web":     {"web in production: ", "selector: app=web"},
		"persistentvolumeclaim/files": {"files in production: waits for a volume", "used by: no pods now"},
	} {
		got := w.tells(t, w.asked("describe", object))
		require.Contains(t, got[0], want[0], object)
		for _, line := range want[1:] {
			require.Contains(t, strings.Join(got, "\n"), line, object)
		}
	}
	w.await(t, "the events of a workload are those of what it makes", func() bool {
		got := strings.Join(w.tells(t, w.asked("describe", "deployment/web")), "\n")
		return strings.Contains(got, "ScalingReplicaSet | deployment/web") && strings.Contains(got, "SuccessfulCreate | replicaset/web-")
	})
	book, ok := runbooks.Find("describe")
	require.True(t, ok)
	_, err := book.Answer(t.Context(), whole(w.bot), w.asked("describe", "deployment/gone"))
	require.ErrorIs(t, err, algesta.ErrNotFound)
}
