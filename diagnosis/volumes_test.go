package diagnosis_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta/diagnosis"
	"github.com/3astronautas/algesta/diagnosis/facts"
)

// TestWhatOtherNamespacesHaveOfVolumesIsOnlyCounted has volumes of claims that whoever asks may not know of.
func TestWhatOtherNamespacesHaveOfVolumesIsOnlyCounted(t *testing.T) {
	t.Parallel()
	class := "nfs"
	volume := func(name string, phase corev1.PersistentVolumePhase, of *corev1.ObjectReference) *corev1.PersistentVolume {
		return &corev1.PersistentVolume{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			Spec: corev1.PersistentVolumeSpec{
				StorageClassName: class, AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}, ClaimRef: of,
				Capacity: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")},
			},
			Status: corev1.PersistentVolumeStatus{Phase: phase},
		}
	}
	claim := &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: "scans", Namespace: "production", CreationTimestamp: metav1.NewTime(noon.Add(-1e12))},
		Spec: corev1.PersistentVolumeClaimSpec{
			StorageClassName: &class, AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("5Gi")}},
		},
		Status: corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimPending},
	}
	event := &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Name: "e", Namespace: "production"},
		InvolvedObject: corev1.ObjectReference{Kind: "PersistentVolumeClaim", Namespace: "production", Name: "scans"},
		Reason:         "FailedBinding", Message: "no persistent volumes available for this claim and no storage class is set",
		LastTimestamp: metav1.NewTime(noon),
	}
	s := facts.NewSnapshot(noon, []runtime.Object{
		claim, event, volume("small", corev1.VolumeAvailable, nil),
		volume("hidden", corev1.VolumeReleased, &corev1.ObjectReference{Namespace: "secretive", Name: "merger"}),
	}, nil)
	d := diagnosis.Diagnose(s, facts.Ref{Kind: facts.KindClaim, Namespace: "production", Name: "scans"})
	require.Equal(t, "No volume fits PersistentVolumeClaim scans (5Gi, ReadWriteOnce): small has only 1Gi and 1 other belongs to claims of "+
		"other namespaces.", d.Summary)
	for _, hidden := range []string{"hidden", "secretive", "merger"} {
		require.NotContains(t, d.Text(), hidden)
	}
}
