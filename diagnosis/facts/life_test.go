package facts

import (
	"encoding/json"
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
	made, cause := LifeOf(set)
	require.Equal(t, again, made)
	require.Equal(t, "rollback to 12344 by Dana (c-7f3a9k)", cause)

	set.Spec.Template.Spec.Containers[0].Image = "api-gateway:12399" // kubectl set image copies the annotations
	made, cause = LifeOf(set)
	require.Equal(t, first, made)
	require.Empty(t, cause)
}
