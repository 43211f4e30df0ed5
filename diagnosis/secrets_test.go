package diagnosis_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta/diagnosis"
	"github.com/3astronautas/algesta/diagnosis/facts"
)

// Where Secrets are read one by one, only of one that was asked for it is known that it is missing.
func TestOnlyASecretThatWasAskedForIsMissing(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	mounting := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "orders-x", Namespace: "production", CreationTimestamp: metav1.NewTime(now.Add(-2 * time.Hour))},
		Spec: corev1.PodSpec{
			NodeName:   "node-1",
			Containers: []corev1.Container{{Name: "orders"}},
			Volumes: []corev1.Volume{
				{Name: "keys", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "signing-keys"}}},
			},
		},
		Status: corev1.PodStatus{Phase: corev1.PodPending, ContainerStatuses: []corev1.ContainerStatus{{
			Name: "orders", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}},
		}}},
	}
	shown := &networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{Name: "orders", Namespace: "production"},
		Spec:       networkingv1.IngressSpec{TLS: []networkingv1.IngressTLS{{Hosts: []string{"orders.example.com"}, SecretName: "orders-tls"}}},
	}
	missing := func(name string) runtime.Object {
		return &corev1.ObjectReference{Kind: facts.KindSecret, Namespace: "production", Name: name}
	}
	other := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "something-else", Namespace: "production"}}
	wrongType := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "orders-tls", Namespace: "production"}, Type: corev1.SecretTypeOpaque}
	tests := map[string]struct {
		objects []runtime.Object
		kind    string // of NotChecked
		want    []string
	}{
		"nothing was read": {kind: "secrets"},
		"others were read": {[]runtime.Object{other}, facts.OtherSecrets, nil},
		"both were asked for": {
			[]runtime.Object{missing("signing-keys"), missing("orders-tls")},
			facts.OtherSecrets,
			[]string{"Secret signing-keys does not exist in namespace production", "TLS Secret orders-tls of Ingress orders does not exist"},
		},
		"one was asked for, one could not be": {
			[]runtime.Object{missing("signing-keys"), other},
			"secrets",
			[]string{"Secret signing-keys does not exist in namespace production"},
		},
		"what was read is judged, whatever is not": {
			[]runtime.Object{wrongType},
			"secrets",
			[]string{"TLS Secret orders-tls of Ingress orders is of type Opaque"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := facts.NewSnapshot(
				now,
				append(tt.objects, mounting, shown),
				[]facts.NotChecked{{Kind: tt.kind, Namespace: "production", Reason: "Not read."}},
			)
			d := diagnosis.Diagnose(s, facts.Ref{Kind: "Namespace", Name: "production"})
			for _, want := range tt.want {
				require.Contains(t, d.Text(), want)
			}
			if len(tt.want) == 0 {
				require.NotContains(t, d.Text(), "does not exist")
			}
		})
	}
}
