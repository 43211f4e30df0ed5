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

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout"
	"github.com/3astronautas/algesta/rollout/rollouttest"
	"github.com/3astronautas/algesta/runbooks"
)

// shops is an environment with a Deployment that runs, one without a ready pod, a StatefulSet that misses a pod, and a bare pod.
func shops() *still {
	s := gateway()
	d := rollouttest.Deployment()
	down := rollouttest.Deployment()
	down.Name, down.UID, down.Status.ReadyReplicas, down.Status.AvailableReplicas = "shop", "d-2", 0, 0
	one := int32(2)
	set := appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Name: "loki", UID: "s-1"},
		Spec:       appsv1.StatefulSetSpec{Replicas: &one, Template: rollouttest.Template("3.1", nil)},
		Status:     appsv1.StatefulSetStatus{Replicas: 2, ReadyReplicas: 1, UpdatedReplicas: 2},
	}
	s.lists["DeploymentList"], s.lists["StatefulSetList"] = []any{*d, *down}, []any{set}
	for _, rs := range rollouttest.Revisions(d) {
		s.lists["ReplicaSetList"] = append(s.lists["ReplicaSetList"], *rs)
	}
	pod := rollouttest.Crashing(rollouttest.Pod(3, "a", time.Hour), 7, noon)
	owned := rollouttest.Pod(3, "b", 3*time.Hour)
	yes := true
	owned.OwnerReferences = []metav1.OwnerReference{{Kind: "StatefulSet", Name: "loki", UID: "s-1", Controller: &yes}}
	bare := rollouttest.Pod(3, "c", time.Hour)
	bare.OwnerReferences = nil
	s.lists["PodList"] = []any{*pod, *owned, *bare}
	return s
}

func TestDeploymentsOfAnEnvironmentPutTheWorstFirst(t *testing.T) {
	t.Parallel()
	want := []string{
		"production: 1 of 3 workloads ready, 1 without a ready pod",
		"workload | kind | ready | version | restarts | since | last change",
		"shop | Deployment | 0 of 4 | 12345 | 0 | – | “deploy 12345 by Luis (c-2)”",
		"loki | StatefulSet | 1 of 2 | 3.1 | 0 | 3 h | –",
		"api-gateway-production | Deployment | 4 of 4 | 12345 | 7 | 3 h | “deploy 12345 by Luis (c-2)”",
		"Beside these: 1 pod of jobs, or of nothing that makes pods again. /algesta pods production",
	}
	require.Equal(t, want, asked(t, shops(), "deployments", "namespace", nil))
	require.Equal(t, want, asked(t, shops(), "status", "namespace", nil))
}

// A configured service whose Deployment went counts as one that isn't ready, until it is back.
func TestAListOfWorkloadsCountsWhatIsGone(t *testing.T) {
	t.Parallel()
	book, ok := runbooks.Find("deployments")
	require.True(t, ok)
	in := regarding("deployments", "namespace")
	in.Lost = []algesta.Lost{
		{Service: "ms-orders", Deployment: "ms-orders-production", Until: noon},
		{Service: "shop", Deployment: "shop", Until: noon}, // it came back meanwhile
	}
	report, err := book.Answer(t.Context(), whole(shops()), in)
	require.NoError(t, err)
	require.Equal(t, algesta.Bad, report.Tone)
	got := shownLines(t, report)
	require.Equal(t, "production: 1 of 4 workloads ready, 1 without a ready pod, 1 gone", got[0])
	require.Equal(t, "ms-orders-production | Deployment | gone, seen until "+algesta.AtDay(noon).Text+" | – | – | – | –", got[2])

	s := shops()
	s.forbidden["DeploymentList"] = true
	report, err = book.Answer(t.Context(), whole(s), in)
	require.NoError(t, err)
	require.NotContains(t, strings.Join(shownLines(t, report), "\n"), "gone", "nobody could look")
}

func TestWorkloadsThatMayNotBeReadAreNotSaidToBeMissing(t *testing.T) {
	t.Parallel()
	for kind, what := range map[string]string{
		"StatefulSetList": "StatefulSets", "DaemonSetList": "DaemonSets", "ReplicaSetList": "ReplicaSets", "PodList": "pods",
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := shops()
			s.forbidden[kind] = true
			got := asked(t, s, "deployments", "namespace", nil)
			require.Equal(t, "Couldn't check "+what+" (no permission to read them).", got[len(got)-1])
			for _, line := range got {
				require.NotContains(t, line, "Beside these", "what a pod belongs to isn't known")
			}
		})
	}
	s := shops()
	for _, kind := range []string{"DeploymentList", "StatefulSetList", "DaemonSetList"} {
		s.forbidden[kind] = true
	}
	require.Equal(
		t,
		[]string{"I couldn't check the workloads of production: I don't have permission to read them."},
		asked(t, s, "deployments", "namespace", nil),
	)
}

func TestWorkloadsOfALargeEnvironmentAreBounded(t *testing.T) {
	t.Parallel()
	s := gateway()
	for i := range 1200 {
		d := rollouttest.Deployment()
		d.Name = fmt.Sprintf("d-%03d", i)
		s.lists["DeploymentList"] = append(s.lists["DeploymentList"], *d)
	}
	s.lists["PodList"] = []any{corev1.Pod{}}
	require.Contains(t, asked(t, s, "deployments", "namespace", nil), "200 more workloads not shown.")
}

// What a rollout hasn't reached yet doesn't run: the list says what does, and that a refused rollout goes nowhere.
func TestAListOfWorkloadsSaysWhatRunsDuringARollout(t *testing.T) {
	t.Parallel()
	s := gateway()
	d := rollouttest.Deployment()
	d.Spec.Template.Spec.Containers[0].Image = registry + "12346"
	d.Status.Replicas, d.Status.UpdatedReplicas = 4, 0
	s.lists["DeploymentList"] = []any{*d}
	for _, rs := range rollouttest.Revisions(rollouttest.Deployment()) {
		s.lists["ReplicaSetList"] = append(s.lists["ReplicaSetList"], *rs)
	}
	s.lists["PodList"] = []any{*rollouttest.Pod(3, "a", time.Hour), *rollouttest.Pod(3, "b", time.Hour)}
	for i := range s.lists["PodList"] {
		pod := s.lists["PodList"][i].(corev1.Pod)
		pod.Spec.Containers = []corev1.Container{{Name: "api-gateway", Image: registry + "12345"}}
		s.lists["PodList"][i] = pod
	}
	got := asked(t, s, "deployments", "namespace", nil)
	require.Equal(t, "production: 1 of 1 workload ready, 1 rolling out", got[0])
	require.Contains(t, got[2], "| 4 of 4 | 12345 → 12346 (0 of 4) |")

	d.Status.Conditions = []appsv1.DeploymentCondition{{Type: appsv1.DeploymentReplicaFailure, Status: corev1.ConditionTrue}}
	s.lists["DeploymentList"] = []any{*d}
	require.Equal(
		t, "production: 1 of 1 workload ready, 1 with a rollout that doesn't come up", asked(t, s, "deployments", "namespace", nil)[0],
	)
}

// While old pods serve, a rollout whose new pods can't run isn't one that is under way.
func TestAListOfWorkloadsSaysThatARolloutFails(t *testing.T) {
	t.Parallel()
	s := gateway()
	d := rollouttest.Deployment()
	d.Spec.Template.Spec.Containers[0].Image = registry + "12346"
	d.Status.Replicas, d.Status.UpdatedReplicas = 5, 1
	s.lists["DeploymentList"] = []any{*d}
	for _, rs := range rollouttest.Revisions(rollouttest.Deployment()) {
		s.lists["ReplicaSetList"] = append(s.lists["ReplicaSetList"], *rs)
	}
	fresh, old := rollouttest.Pod(3, "a", time.Minute), rollouttest.Pod(3, "b", time.Hour)
	fresh.Spec.Containers = []corev1.Container{{Name: "api-gateway", Image: registry + "12346"}}
	old.Spec.Containers = []corev1.Container{{Name: "api-gateway", Image: registry + "12345"}}
	s.lists["PodList"] = []any{*fresh, *old}
	require.Equal(t, "production: 1 of 1 workload ready, 1 rolling out", asked(t, s, "deployments", "namespace", nil)[0])
	rollouttest.Crashing(fresh, 3, noon)
	s.lists["PodList"] = []any{*fresh, *old}
	require.Equal(
		t, "production: 1 of 1 workload ready, 1 with a rollout that doesn't come up", asked(t, s, "deployments", "namespace", nil)[0],
	)
}

// Where kubectl's word for one kind was typed, other kinds are no answer.
func TestAListOfOneKindSaysWhereThereIsNone(t *testing.T) {
	t.Parallel()
	s := gateway()
	s.lists["DeploymentList"] = []any{*rollouttest.Deployment()}
	s.lists["PodList"] = []any{}
	for _, kind := range []string{"StatefulSet", "DaemonSet"} {
		got := asked(t, s, "deployments", "namespace", algesta.Args{"kind": kind})
		require.Equal(t, []string{"production: no " + kind + "s", "What runs there: /algesta deployments production"}, got)
	}
	one := int32(1)
	s.lists["StatefulSetList"] = []any{appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Name: "loki"}, Spec: appsv1.StatefulSetSpec{Replicas: &one},
		Status: appsv1.StatefulSetStatus{ReadyReplicas: 1},
	}}
	got := asked(t, s, "deployments", "namespace", algesta.Args{"kind": "StatefulSet"})
	require.Equal(t, "production: 1 of 1 StatefulSet ready, 1 rolling out", got[0])
	require.Contains(t, asked(t, s, "deployments", "namespace", nil)[0], "of 2 workloads ready")
}

// A list of everything tells nobody else what a template spells out, so that the list hides it itself: in a change-cause, before that is
// cut, and in labels.
func TestAListOfWorkloadsHidesWhatATemplateSpellsOut(t *testing.T) {
	t.Parallel()
	value := "walrus-" + strings.ToLower(rand.Text())
	labels := map[string]string{"app": value}
	template := corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: labels},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{
			Name: "loki", Image: rollouttest.Registry + "3.1", Env: []corev1.EnvVar{{Name: "LOKI_PASSWORD", Value: value}},
		}}},
	}
	meta := metav1.ObjectMeta{Name: "loki", Annotations: map[string]string{
		rollout.CauseAnnotation: "the password is now " + value + strings.Repeat(" and", 40),
	}}
	one, selector := int32(1), &metav1.LabelSelector{MatchLabels: labels}
	for kind, object := range map[string]any{
		"Deployment":  appsv1.Deployment{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{Replicas: &one, Template: template, Selector: selector}},
		"StatefulSet": appsv1.StatefulSet{ObjectMeta: meta, Spec: appsv1.StatefulSetSpec{Replicas: &one, Template: template, Selector: selector}},
		"DaemonSet":   appsv1.DaemonSet{ObjectMeta: meta, Spec: appsv1.DaemonSetSpec{Template: template, Selector: selector}},
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := &still{lists: map[string][]any{kind + "List": {object}}}
			text := strings.Join(asked(t, s, "deployments", "namespace", algesta.Args{"output": "wide"}), "\n")
			require.NotContains(t, text, value)
			require.Contains(t, text, "app=‹redacted›")
			require.Contains(t, text, "the password is now ‹redacted›")
		})
	}
}
