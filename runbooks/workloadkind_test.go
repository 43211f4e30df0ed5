package runbooks_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/runbooks"
)

// database is a cluster with the StatefulSet mongodb of three pods, on 12345 and on 12344 before.
func database(t *testing.T, change func(*appsv1.StatefulSet)) *still {
	t.Helper()
	set := &appsv1.StatefulSet{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "StatefulSet"},
		ObjectMeta: metav1.ObjectMeta{Name: "mongodb", Namespace: "production", UID: "s-1", Generation: 2},
		Spec: appsv1.StatefulSetSpec{
			Replicas: new(int32(3)), Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "mongodb"}},
			Template: template("12345", nil),
			UpdateStrategy: appsv1.StatefulSetUpdateStrategy{
				Type: appsv1.RollingUpdateStatefulSetStrategyType, RollingUpdate: &appsv1.RollingUpdateStatefulSetStrategy{Partition: new(int32(0))},
			},
			VolumeClaimTemplates: []corev1.PersistentVolumeClaim{{ObjectMeta: metav1.ObjectMeta{Name: "data"}}},
			PersistentVolumeClaimRetentionPolicy: &appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy{
				WhenScaled: appsv1.RetainPersistentVolumeClaimRetentionPolicyType, WhenDeleted: appsv1.RetainPersistentVolumeClaimRetentionPolicyType,
			},
		},
		Status: appsv1.StatefulSetStatus{
			ObservedGeneration: 2, Replicas: 3, UpdatedReplicas: 3, ReadyReplicas: 3, AvailableReplicas: 3, UpdateRevision: "mongodb-2",
		},
	}
	if change != nil {
		change(set)
	}
	s := gateway()
	s.lists["StatefulSetList"] = []any{set}
	for number, version := range map[int64]string{1: "12344", 2: "12345"} {
		kept, err := json.Marshal(map[string]any{"spec": map[string]any{"template": template(version, nil)}})
		require.NoError(t, err)
		s.lists["ControllerRevisionList"] = append(s.lists["ControllerRevisionList"], appsv1.ControllerRevision{
			TypeMeta: metav1.TypeMeta{APIVersion: "apps/v1", Kind: "ControllerRevision"},
			ObjectMeta: metav1.ObjectMeta{
				Name: "mongodb-" + version, UID: types.UID("cr-" + version), Namespace: "production",
				Labels:            map[string]string{"controller.kubernetes.io/hash": version},
				CreationTimestamp: metav1.NewTime(noon),
				OwnerReferences:   []metav1.OwnerReference{{Kind: "StatefulSet", Name: "mongodb", UID: "s-1", Controller: new(true)}},
			},
			Revision: number, Data: runtime.RawExtension{Raw: kept},
		})
	}
	s.lists["PodList"] = []any{}
	return s
}

func plannedForMongo(t *testing.T, s *still, runbook string, args algesta.Args) (algesta.Plan, error) {
	t.Helper()
	book, ok := runbooks.Find(runbook)
	require.True(t, ok)
	p, err := book.Plan(t.Context(), whole(s), about(runbook, "statefulset/mongodb", args))
	requireNoSecret(t, p.Redacted(), p.Facts, p.Diff, p.Warnings)
	return p, err
}

// TestScalingDownSaysWhatBecomesOfTheData has a StatefulSet lose pods whose volumes stay, or go with them.
func TestScalingDownSaysWhatBecomesOfTheData(t *testing.T) {
	t.Parallel()
	p, err := plannedForMongo(t, database(t, nil), "scale", algesta.Args{"replicas": int64(1)})
	require.NoError(t, err)
	require.Equal(
		t, "mongodb-1 to mongodb-2 go, the highest number first. Their volume claims stay, and are used again when it's scaled up.",
		words(p.Warnings)[0],
	)
	require.Equal(t, "mongodb", p.Of.Service, "a limit on what is called so holds")

	s := database(t, func(set *appsv1.StatefulSet) {
		set.Spec.PersistentVolumeClaimRetentionPolicy.WhenScaled = appsv1.DeletePersistentVolumeClaimRetentionPolicyType
	})
	p, err = plannedForMongo(t, s, "scale", algesta.Args{"replicas": int64(2)})
	require.NoError(t, err)
	require.Equal(
		t, "The volume claims of mongodb-2 are deleted with it (persistentVolumeClaimRetentionPolicy), and the data in them is lost: "+
			"undoing this brings pods back with empty volumes.", words(p.Warnings)[0],
	)
	require.True(t, p.Changes[0].Swaps[1].Tests(), "the policy has to be what people saw")
	require.Equal(t, "/spec/persistentVolumeClaimRetentionPolicy", p.Changes[0].Swaps[1].Path)

	p, err = plannedForMongo(t, s, "scale", algesta.Args{"replicas": int64(5)})
	require.NoError(t, err)
	require.Empty(t, p.Warnings)
}

// TestWhatPeopleSawOfAStatefulSetIsPartOfThePlan has the way in which pods get a template belong to what is approved.
func TestWhatPeopleSawOfAStatefulSetIsPartOfThePlan(t *testing.T) {
	t.Parallel()
	in := about("rollback", "statefulset/mongodb", nil)
	prints := map[string]bool{}
	for _, partition := range []int32{0, 2} {
		s := database(t, func(set *appsv1.StatefulSet) { set.Spec.UpdateStrategy.RollingUpdate.Partition = &partition })
		for range 2 {
			p, err := plannedForMongo(t, s, "rollback", nil)
			require.NoError(t, err)
			require.NoError(t, p.Changes[0].Validate())
			require.Equal(t, "patch statefulsets.apps", p.Changes[0].Right())
			fingerprint, err := p.Fingerprint(in.Command)
			require.NoError(t, err)
			prints[fingerprint] = true
		}
	}
	require.Len(t, prints, 2, "one for each partition, and the same when it's planned again")
}

func TestAnOwnerOfAStatefulSetIsNamed(t *testing.T) {
	t.Parallel()
	s := database(t, func(set *appsv1.StatefulSet) {
		set.OwnerReferences = []metav1.OwnerReference{
			{APIVersion: "monitoring.coreos.com/v1", Kind: "Prometheus", Name: "k8s", Controller: new(true)},
		}
		set.Annotations = map[string]string{"argocd.argoproj.io/tracking-id": "mon:apps/StatefulSet:production/mongodb"}
	})
	p, err := plannedForMongo(t, s, "deploy", algesta.Args{"image": "12346"})
	require.NoError(t, err)
	require.Contains(t, words(p.Warnings), "Prometheus k8s made this StatefulSet and may put its own version back.")
	require.Contains(t, words(p.Warnings), "Argo CD (app mon) owns this StatefulSet. With self-heal on it puts its own version back within "+
		"minutes: pause auto-sync or change it in Git first.")
}

func TestAnAutoscalerOfAStatefulSetIsRespected(t *testing.T) {
	t.Parallel()
	s := database(t, nil)
	s.hpa()
	h, _ := s.lists["HorizontalPodAutoscalerList"][0].(autoscalingv2.HorizontalPodAutoscaler)
	h.Spec.ScaleTargetRef.Name = "mongodb"
	s.lists["HorizontalPodAutoscalerList"] = []any{h}
	_, err := plannedForMongo(t, s, "scale", algesta.Args{"replicas": int64(40)})
	require.NoError(t, err, "it scales a Deployment of the same name")
	h.Spec.ScaleTargetRef.Kind = "StatefulSet"
	s.lists["HorizontalPodAutoscalerList"] = []any{h}
	_, err = plannedForMongo(t, s, "scale", algesta.Args{"replicas": int64(40)})
	require.ErrorContains(t, err, "keeps mongodb between 2 and 10 pods")
	var refused *algesta.Error
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "Ask for 2 to 10 pods, or change the autoscaler where it's defined: I change only those of Deployments.",
		refused.Hint.String(), "no hint leads to a command that refuses")
}

func TestAWorkloadThatIsGoneIsSaidByItsKind(t *testing.T) {
	t.Parallel()
	book, _ := runbooks.Find("history")
	s := gateway()
	kind := metav1.TypeMeta{APIVersion: "apps/v1", Kind: "StatefulSet"}
	other := &appsv1.StatefulSet{TypeMeta: kind, ObjectMeta: metav1.ObjectMeta{Name: "other"}}
	s.lists["StatefulSetList"] = []any{other}
	_, err := book.Answer(t.Context(), whole(s), about("history", "statefulset/mongodb", nil))
	require.ErrorContains(t, err, "There's no StatefulSet mongodb in namespace production.")
}
