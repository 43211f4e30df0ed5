package runbooks_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/3astronautas/algesta/runbooks"
	"github.com/3astronautas/algesta/sandbox/control"
)

// asked is the input of a command in the namespace, now.
func (w *brokenNamespace) asked(runbook, object string) runbooks.Input {
	in := regarding(runbook, object)
	in.Command.Target.Namespace, in.Command.At = w.namespace, time.Now()
	return in
}

// A cluster without cert-manager has no such kind, and that is no missing certificate.
func TestAClusterWithoutCertManagerSaysSo(t *testing.T) {
	t.Parallel()
	w := newBrokenNamespace(t, control.ForTest(t))
	for _, object := range []string{"", "certificate/gateway"} {
		require.Equal(
			t,
			[]string{"cert-manager isn't installed in this cluster, so it has no Certificates."},
			w.tells(t, w.asked("certs", object)),
		)
	}
}

// The autoscaler's and the quota's own controllers write what is shown.
func TestAutoscalersAndQuotasOfACluster(t *testing.T) {
	t.Parallel()
	w := newBrokenNamespace(t, control.ForTest(t))
	w.make(t,
		&corev1.ResourceQuota{ObjectMeta: named("quota"), Spec: corev1.ResourceQuotaSpec{Hard: amounts("pods", "2", "count/configmaps", "100")}},
		app("gateway", "12345", replicas(2)),
		&autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: named("gateway-hpa"), Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "gateway"}, MaxReplicas: 6,
		}},
	)
	w.await(t, "both are looked at", func() bool {
		q, err := w.Client.CoreV1().ResourceQuotas(w.namespace).Get(t.Context(), "quota", metav1.GetOptions{})
		h, missing := w.Client.AutoscalingV2().HorizontalPodAutoscalers(w.namespace).Get(t.Context(), "gateway-hpa", metav1.GetOptions{})
		pods := q.Status.Used["pods"]
		return err == nil && missing == nil && pods.Value() == 2 && len(h.Status.Conditions) > 0
	})
	lines := w.tells(t, w.asked("quota", ""))
	require.Equal(t, "production: pods is full (2 of 2), so nothing that needs it starts", lines[0])
	require.Contains(t, lines, "pods is used by gateway (2).")
	in := w.asked("capacity", "namespace")
	in.Command.Target.Service, in.Command.Target.Name, in.Command.Target.Object = "gateway", "gateway", ""
	in.Workload = in.Command.Target.Workload()
	require.Equal(t, "gateway in production: no room for another pod", w.tells(t, in)[0])
	lines = w.tells(t, w.asked("hpa", "horizontalpodautoscaler/gateway-hpa"))
	require.Regexp(t, `^gateway-hpa \| gateway \| cpu \?/80 % \| \d \| 1–6 \|`, lines[2])
}
