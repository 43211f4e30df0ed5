package facts

import (
	"encoding/json"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/3astronautas/algesta"
)

func TestAReplicaSetIsAsOldAsItsLastLifeAndIsNotSignedWithAnOlderCause(t *testing.T) {
	t.Parallel()
	first := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	again := first.Add(3 * time.Hour)
	template := corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "api-gateway", Image: "api-gateway:12344"}}}}
	raw, err := json.Marshal(template)
	require.NoError(t, err)
	hash, err := algesta.TemplateHash(raw)
	require.NoError(t, err)
	set := &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{CreationTimestamp: metav1.NewTime(first), Annotations: map[string]string{
			"kubernetes.io/change-cause":      "rollback to 12344 by Dana (c-7f3a9k)",
			algesta.CauseTemplateAnnotation:   hash,
			algesta.TemplateChangedAnnotation: again.Format(time.RFC3339),
		}},
		Spec: appsv1.ReplicaSetSpec{Template: template},
	}
	require.Equal(t, Life{Began: again, Cause: "rollback to 12344 by Dana (c-7f3a9k)"}, LifeOf(nil, set))

	set.Spec.Template.Spec.Containers[0].Image = "api-gateway:12399" // kubectl set image copies the annotations
	require.Equal(t, Life{Began: first}, LifeOf(nil, set))
}

// A ReplicaSet that kubectl rolled back to, as the API server and the deployment controller leave it: what the Deployment has in its
// managedFields and conditions is all that says when.
func TestARollbackWithoutTheBotIsAsOldAsItsTracesSay(t *testing.T) {
	t.Parallel()
	created := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	undone := created.Add(3 * time.Hour)
	template := corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "api-gateway", Image: "api-gateway:12344"}}}}
	raw, err := json.Marshal(template)
	require.NoError(t, err)
	hash, err := algesta.TemplateHash(raw)
	require.NoError(t, err)
	pipeline := map[string]string{"kubernetes.io/change-cause": "deploy 12344 (pipeline)"}
	bot := func(at time.Time) map[string]string {
		return map[string]string{
			"kubernetes.io/change-cause": "deploy 12344 by Dana (c-7f3a9k)", algesta.CauseTemplateAnnotation: hash,
			algesta.TemplateChangedAnnotation: at.Format(time.RFC3339),
		}
	}
	wrote := func(manager string, at time.Time, fields string) metav1.ManagedFieldsEntry {
		moment := metav1.NewTime(at)
		return metav1.ManagedFieldsEntry{Manager: manager, Time: &moment, FieldsV1: metav1.NewFieldsV1(fields)}
	}
	const templates, labels = `{"f:spec":{"f:template":{"f:spec":{}}}}`, `{"f:metadata":{"f:labels":{}}}`
	for name, c := range map[string]struct {
		annotations map[string]string
		fields      []metav1.ManagedFieldsEntry
		up          time.Time
		older       bool // the set isn't the current one
		want        Life
	}{
		"kubectl's own update": {
			annotations: pipeline, fields: []metav1.ManagedFieldsEntry{wrote("sandbox", created, templates), wrote("kubectl", undone, templates)},
			up: undone.Add(20 * time.Second), want: Life{Began: undone, Again: true, Cause: "deploy 12344 (pipeline)"},
		},
		"a label was changed later": {
			annotations: pipeline,
			fields:      []metav1.ManagedFieldsEntry{wrote("kubectl", undone, templates), wrote("helm", undone.Add(time.Hour), labels)},
			want:        Life{Began: undone, Again: true, Cause: "deploy 12344 (pipeline)"},
		},
		"the same manager changed something else a day later": {
			annotations: pipeline, fields: []metav1.ManagedFieldsEntry{wrote("argocd-controller", undone.Add(24*time.Hour), templates)},
			up: undone.Add(time.Minute), want: Life{Began: undone.Add(time.Minute), Again: true, Cause: "deploy 12344 (pipeline)"},
		},
		"without managedFields": {
			annotations: pipeline, up: undone.Add(time.Minute),
			want: Life{Began: undone.Add(time.Minute), Again: true, Cause: "deploy 12344 (pipeline)"},
		},
		"no trace": {annotations: pipeline, want: Life{Again: true, Cause: "deploy 12344 (pipeline)"}},
		"a set that was replaced again": {
			annotations: pipeline, fields: []metav1.ManagedFieldsEntry{wrote("kubectl", undone, templates)}, older: true,
			want: Life{Again: true, Cause: "deploy 12344 (pipeline)"},
		},
		"the bot's own rollback": {
			annotations: bot(undone), fields: []metav1.ManagedFieldsEntry{wrote(algesta.FieldManager, undone, templates)},
			up:   undone.Add(4 * time.Minute),
			want: Life{Began: undone, Again: true, Cause: "deploy 12344 by Dana (c-7f3a9k)"},
		},
		"the bot deployed it first, and kubectl went back to it": {
			annotations: bot(created),
			fields: []metav1.ManagedFieldsEntry{
				wrote(algesta.FieldManager, undone.Add(-time.Hour), templates), wrote("kubectl", undone, templates),
			},
			up: undone.Add(time.Minute), want: Life{Began: undone, Again: true},
		},
		"the same within minutes": {
			annotations: bot(undone.Add(-2 * time.Minute)), fields: []metav1.ManagedFieldsEntry{wrote("kubectl", undone, templates)},
			up:   undone.Add(time.Minute),
			want: Life{Began: undone, Again: true},
		},
		"the same, as a cache without managedFields has it": {
			annotations: bot(created), up: undone.Add(time.Minute), want: Life{Began: undone.Add(time.Minute), Again: true},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			annotations := maps.Clone(c.annotations)
			annotations["deployment.kubernetes.io/revision"], annotations["deployment.kubernetes.io/revision-history"] = "4", "2"
			set := &appsv1.ReplicaSet{
				ObjectMeta: metav1.ObjectMeta{
					CreationTimestamp: metav1.NewTime(created),
					Annotations:       annotations,
				},
				Spec: appsv1.ReplicaSetSpec{Template: template},
			}
			d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{
				ManagedFields: c.fields, Annotations: map[string]string{"deployment.kubernetes.io/revision": "4"},
			}}
			if c.older {
				d.Annotations["deployment.kubernetes.io/revision"] = "5"
			}
			if !c.up.IsZero() {
				d.Status.Conditions = []appsv1.DeploymentCondition{{
					Type: appsv1.DeploymentProgressing, Reason: "NewReplicaSetAvailable", LastUpdateTime: metav1.NewTime(c.up),
				}}
			}
			require.Equal(t, c.want, LifeOf(d, set))
		})
	}
}
