package control_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/3astronautas/algesta/sandbox/control"
)

// deploy creates a Deployment with one container "app" of that image.
func deploy(t *testing.T, c *control.Cluster, namespace, image string, change ...func(*appsv1.Deployment)) {
	t.Helper()
	labels := map[string]string{"app": "app"}
	d := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "app", Namespace: namespace},
		Spec: appsv1.DeploymentSpec{
			Replicas: ptr.To[int32](1),
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{Containers: []corev1.Container{{
					Name: "app", Image: image,
					Env: []corev1.EnvVar{{Name: "MONGODB_URI", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
						LocalObjectReference: corev1.LocalObjectReference{Name: "mongodb-credentials"}, Key: "uri",
					}}}},
				}}},
			},
		},
	}
	for _, f := range change {
		f(d)
	}
	_, err := c.Client.AppsV1().Deployments(namespace).Create(t.Context(), d, metav1.CreateOptions{})
	require.NoError(t, err)
}

// await returns the first state of any pod of the namespace for which ok holds.
func await(t *testing.T, c *control.Cluster, namespace string, ok func(*corev1.Pod) bool) *corev1.Pod {
	t.Helper()
	pod, err := awaited(t.Context(), c, namespace, ok)
	require.NoError(t, err)
	return pod
}

func ready(p *corev1.Pod) bool {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

func TestPatchesAreCountedFromTheAuditLog(t *testing.T) {
	t.Parallel()
	c := control.ForTest(t)
	ns := c.Namespace(t)
	deploy(t, c, ns, "acralgestaproduction.azurecr.io/api-gateway:12345")
	pod := await(t, c, ns, ready)
	require.NotEmpty(t, pod.Status.PodIP)

	before := time.Now()
	patch := []byte(`{"metadata":{"annotations":{"a":"b"}}}`)
	deployments := c.Client.AppsV1().Deployments(ns)
	_, err := deployments.Patch(t.Context(), "app", types.MergePatchType, patch, metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}})
	require.NoError(t, err)
	_, err = deployments.Patch(t.Context(), "app", types.MergePatchType, patch, metav1.PatchOptions{})
	require.NoError(t, err)

	n, err := c.PatchCount(t.Context(), before.Add(-time.Second), ns, "app")
	require.NoError(t, err)
	require.Equal(t, 1, n, "a dry run does not count")
	writes, err := c.Writes(t.Context(), before.Add(-time.Second), ns, "deployments", "app")
	require.NoError(t, err)
	last := writes[len(writes)-1]
	require.Equal(t, "patch", last.Verb)
	require.Equal(t, "algesta-sandbox", last.UserAgent)
	require.Equal(t, 200, last.Code)
	require.False(t, last.Completed.Before(last.Received))
}
