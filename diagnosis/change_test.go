package diagnosis_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/3astronautas/algesta/diagnosis"
	"github.com/3astronautas/algesta/diagnosis/facts"
)

func TestAChangedConfigMapIsTheNearestChange(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		ago  time.Duration
		want string
	}{
		"shortly before the last crash":  {5 * time.Minute, "ConfigMap settings, which ms-orders uses, was changed 2026-03-10 11:55 UTC."},
		"after the last crash had begun": {0, ""},
		"long ago":                       {60 * 24 * time.Hour, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			objects := failing(service("ms-orders", 1), 2)
			for _, o := range objects {
				switch o := o.(type) {
				case *appsv1.Deployment:
					o.Spec.Template.Spec.Containers[0].EnvFrom = []corev1.EnvFromSource{
						{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "settings"}}},
					}
				case *corev1.Pod:
					o.Status.ContainerStatuses[0].LastTerminationState.Terminated.StartedAt = metav1.NewTime(noon.Add(-2 * time.Minute))
				}
			}
			at := metav1.NewTime(noon.Add(-c.ago))
			settings := &corev1.ConfigMap{
				ObjectMeta: metav1.ObjectMeta{Namespace: "production", Name: "settings", ManagedFields: []metav1.ManagedFieldsEntry{
					{Manager: "kubectl", Time: &at, FieldsV1: metav1.NewFieldsV1(`{"f:data":{"f:a":{}}}`)},
				}},
				Data: map[string]string{"a": "b"},
			}
			d := diagnosis.Diagnose(facts.NewSnapshot(noon, append(objects, settings), nil), facts.Ref{})
			require.Equal(t, c.want, d.Chains[0].Change, d.Text())
		})
	}
}

// A version that was rolled out before isn't why nothing runs: that somebody scaled it to 0 is.
func TestTheNearestChangeOfWhatWasScaledToZeroIsThat(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		event bool
		want  string
	}{
		"as its event says": {true, "Deployment ms-orders was scaled to 0 pods 2026-03-10 11:50 UTC."},
		"long ago":          {false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			objects := append(
				withVariables(service("web", 1), corev1.EnvVar{Name: "ORDERS_URL", Value: "http://ms-orders"}),
				scaledTo(service("ms-orders", 0), 0)...,
			)
			if c.event {
				at := metav1.NewTime(noon.Add(-10 * time.Minute))
				objects = append(objects, &corev1.Event{
					ObjectMeta:     metav1.ObjectMeta{Namespace: "production", Name: "e"},
					InvolvedObject: corev1.ObjectReference{Kind: "Deployment", Namespace: "production", Name: "ms-orders"},
					Reason:         "ScalingReplicaSet", Message: "Scaled down replica set ms-orders-1 from 2 to 0",
					FirstTimestamp: at, LastTimestamp: at, Count: 1,
				})
			}
			d := diagnosis.Diagnose(facts.NewSnapshot(noon, objects, nil), facts.Ref{})
			require.NotEmpty(t, d.Chains, d.Text())
			require.Contains(t, d.Chains[0].Cause, "scaled to zero")
			require.Equal(t, c.want, d.Chains[0].Change, d.Text())
		})
	}
}

func TestAFullNodePoolChangesTheNextStep(t *testing.T) {
	t.Parallel()
	objects := service("ms-orders", 1)
	for _, o := range objects {
		if p, ok := o.(*corev1.Pod); ok {
			p.Status = corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{
				{
					Type:    corev1.PodScheduled,
					Status:  corev1.ConditionFalse,
					Reason:  corev1.PodReasonUnschedulable,
					Message: "0/1 nodes are available: 1 Insufficient cpu.",
				},
			}}
			objects = append(objects, &corev1.Event{
				ObjectMeta:     metav1.ObjectMeta{Namespace: "production", Name: "e"},
				InvolvedObject: corev1.ObjectReference{Kind: "Pod", Namespace: "production", Name: p.Name}, Reason: "NotTriggerScaleUp",
				Message: "pod didn't trigger scale-up: 1 max node group size reached", LastTimestamp: metav1.NewTime(noon.Add(-time.Minute)),
			})
		}
	}
	d := diagnosis.Diagnose(facts.NewSnapshot(noon, objects, nil), facts.Ref{})
	require.Equal(t, "insufficient-cpu", d.Chains[0].Rule)
	require.Contains(t, d.Chains[0].Remedy.Text, "The node pool is at its maximum: raise it.")
}

func TestAMistypedIssuerAnnotationIsShown(t *testing.T) {
	t.Parallel()
	class := "nginx"
	i := &networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:   "production",
			Name:        "shop",
			Annotations: map[string]string{"cert-manager.io/clusterissuer": "letsencrypt"},
		},
		Spec: networkingv1.IngressSpec{
			IngressClassName: &class,
			TLS:              []networkingv1.IngressTLS{{Hosts: []string{"shop.example.com"}, SecretName: "shop-tls"}},
		},
		Status: networkingv1.IngressStatus{
			LoadBalancer: networkingv1.IngressLoadBalancerStatus{Ingress: []networkingv1.IngressLoadBalancerIngress{{IP: "20.1.2.3"}}},
		},
	}
	objects := append(service("ms-orders", 1), i, &networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: class}})
	d := diagnosis.Diagnose(facts.NewSnapshot(noon, objects, nil), facts.Ref{})
	require.Contains(t, d.Text(), "cert-manager.io/clusterissuer, which cert-manager does not know")
	require.Contains(t, d.Text(), "Correct the annotation")
}

// TestPodsOnTheirWayOutAreNoOutage has all pods of a service being replaced, as with strategy Recreate.
func TestPodsOnTheirWayOutAreNoOutage(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		until time.Duration // their deletion, grace period included
		sick  bool
	}{
		"within their time": {20 * time.Second, false},
		"long after it":     {-10 * time.Minute, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			objects := service("ms-orders", 2)
			for _, o := range objects {
				if p, ok := o.(*corev1.Pod); ok {
					at := metav1.NewTime(noon.Add(c.until))
					p.DeletionTimestamp = &at
				}
			}
			d := diagnosis.Diagnose(facts.NewSnapshot(noon, objects, nil), facts.Ref{})
			require.Equal(t, c.sick, len(d.Chains) > 0, d.Text())
		})
	}
}
