package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Somebody deletes a Deployment with kubectl after the bot changed it. A question is answered with the fact that it's gone, since when and
// what was changed last, and isn't led to another service; once its manifest is applied again, it's answered as before.
func TestADeletedDeploymentIsToldFromItsEndToItsReturn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{before: func(w *world) {
		for _, name := range []string{deployment, "other"} {
			_, err := w.cluster.Client.CoreV1().Services(w.production).Create(w.Context(), &corev1.Service{
				ObjectMeta: metav1.ObjectMeta{Name: name},
				Spec:       corev1.ServiceSpec{Selector: map[string]string{"app": name}, Ports: []corev1.ServicePort{{Port: 80}}},
			}, metav1.CreateOptions{})
			require.NoError(w, err)
		}
	}})
	restart := w.asks(luis, "restart api-gateway production")
	restart.approve()
	require.Contains(t, restart.end(luis), "✅")

	deployments := w.cluster.Client.AppsV1().Deployments(w.production)
	require.NoError(t, deployments.Delete(t.Context(), deployment, metav1.DeleteOptions{}))
	const gone = "The Deployment of api-gateway in production is gone (seen until "
	require.Eventually(t, func() bool {
		pods, err := w.cluster.Client.CoreV1().Pods(w.production).List(t.Context(), metav1.ListOptions{})
		return err == nil && len(pods.Items) == 0
	}, patience, 50*time.Millisecond)
	for _, typed := range []string{"status api-gateway production", "pods api-gateway production", "history api-gateway production"} {
		told := w.answer(luis, ops, typed)
		require.Contains(t, told, gone, typed)
		require.Contains(t, told, "Ask why: /algesta diagnose api-gateway production", typed)
	}
	require.Contains(t, w.answer(luis, ops, "rollback api-gateway production"), "only its manifest, applied again, brings it back")

	asked := w.asks(luis, "diagnose api-gateway production")
	require.Contains(t, asked.card.Plain(), "Deployment api-gateway-production is gone")
	asked.says("My last change to it: " + restart.id())
	require.NotContains(t, asked.thread(), "other", "another service isn't named")
	require.NotContains(t, asked.thread(), "Scaled up", "an event of its life is no reason for its end")

	again := gateway()
	again.tags = again.tags[2:]
	require.NoError(t, again.create(t.Context(), w.cluster, w.production, deployment))
	require.Contains(t, w.asks(luis, "status api-gateway production").card.Plain(), "2 of 2 ready on 12345")
	require.Equal(t, 1, w.patches(deployment), "only the restart")
}
