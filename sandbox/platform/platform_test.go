package platform_test

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/3astronautas/algesta/sandbox/control"
	"github.com/3astronautas/algesta/sandbox/platform"
)

func kubectl(t *testing.T, c *control.Cluster, kubeconfig string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), c.Kubectl, append([]string{"--kubeconfig", kubeconfig}, args...)...).CombinedOutput()
	require.NoError(t, err, "kubectl %s: %s", strings.Join(args, " "), out)
	return string(out)
}

func TestThePlatformIsTheManuals(t *testing.T) {
	t.Parallel()
	c := control.ForTest(t)
	site := platform.NewSite(t, c)
	began := time.Now()
	require.NoError(t, site.Apply(t.Context(), c))
	t.Logf("the platform was ready after %s", time.Since(began).Round(100*time.Millisecond))
	production := site.Namespace("production")

	t.Run("every service runs with its pods and an unchanged history", func(t *testing.T) {
		history := kubectl(t, c, c.Kubeconfig, "-n", production, "rollout", "history", "deployment/api-gateway-production")
		require.Contains(t, history, "1         kubectl set image to 12343 (pipeline run 12343)\n"+
			"2         kubectl set image to 12344 (pipeline run 12344)\n"+
			"3         kubectl set image to 12345 (pipeline run 12345)\n")
		require.Equal(t, "4 acralgestaproduction.azurecr.io/api-gateway:12345", kubectl(t, c, c.Kubeconfig, "-n", production,
			"get", "deployment", "api-gateway-production", "-o", "jsonpath={.status.readyReplicas} {.spec.template.spec.containers[0].image}"))
		deployments, err := c.Client.AppsV1().Deployments("").List(t.Context(), metav1.ListOptions{})
		require.NoError(t, err)
		n := 0
		for _, d := range deployments.Items {
			if d.Namespace == production || d.Namespace == site.Namespace("pruebas") || d.Namespace == site.Namespace("development") {
				n++
				require.Equal(t, *d.Spec.Replicas, d.Status.ReadyReplicas, d.Name)
			}
		}
		require.Equal(t, 12, n)
	})

	t.Run("the quota is the manual's and holds what runs", func(t *testing.T) {
		var q *corev1.ResourceQuota
		require.Eventually(t, func() bool {
			var err error
			q, err = c.Client.CoreV1().ResourceQuotas(production).Get(t.Context(), "production-quota", metav1.GetOptions{})
			return err == nil && len(q.Status.Used) > 0
		}, 30*time.Second, 50*time.Millisecond)
		limit := q.Spec.Hard[corev1.ResourceLimitsCPU]
		require.Equal(t, "8", limit.String())
		used := q.Status.Used[corev1.ResourceLimitsCPU]
		require.Equal(t, "7", used.String())
	})

	t.Run("applying again changes nothing", func(t *testing.T) {
		since := time.Now()
		require.NoError(t, site.Apply(t.Context(), c))
		n, err := c.PatchCount(t.Context(), since, production, "api-gateway-production")
		require.NoError(t, err)
		require.Zero(t, n)
	})

	t.Run("a service is undone with kubectl", func(t *testing.T) {
		kubectl(t, c, c.Kubeconfig, "-n", production, "rollout", "undo", "deployment/ms-orders-production")
		kubectl(t, c, c.Kubeconfig, "-n", production, "rollout", "status", "deployment/ms-orders-production", "--timeout=60s")
		require.Contains(
			t, kubectl(t, c, c.Kubeconfig, "-n", production, "get", "deployment", "ms-orders-production", "-o", "wide"), "ms-orders:12344",
		)
	})
}

func TestTheBotMayReadAndPatchButSeesNoSecret(t *testing.T) {
	t.Parallel()
	c := control.ForTest(t)
	ns := c.Namespace(t)
	path := filepath.Join(t.TempDir(), "kubeconfig")
	require.NoError(t, platform.WriteBotKubeconfig(t.Context(), c, path))

	for _, name := range []string{platform.ClusterProduction, platform.ClusterDev} {
		cfg, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(&clientcmd.ClientConfigLoadingRules{ExplicitPath: path},
			&clientcmd.ConfigOverrides{CurrentContext: name}).ClientConfig()
		require.NoError(t, err)
		client, err := kubernetes.NewForConfig(cfg)
		require.NoError(t, err)
		_, err = client.CoreV1().Pods(ns).List(t.Context(), metav1.ListOptions{})
		require.NoError(t, err)
		_, err = client.CoreV1().Secrets(ns).List(t.Context(), metav1.ListOptions{})
		require.True(t, apierrors.IsForbidden(err), "got %v", err)
		err = client.AppsV1().Deployments(ns).Delete(t.Context(), "x", metav1.DeleteOptions{})
		require.True(t, apierrors.IsForbidden(err), "got %v", err)
	}
}

func TestACopyOfOneEnvironmentIsQuick(t *testing.T) {
	t.Parallel()
	c := control.ForTest(t)
	site := platform.NewSite(t, c)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	require.NoError(t, site.Apply(ctx, c, "production"))
	_, err := c.Client.CoreV1().Namespaces().Get(ctx, site.Namespace("pruebas"), metav1.GetOptions{})
	require.True(t, apierrors.IsNotFound(err))
	require.Contains(t, site.Environments(), "namespace: "+site.Namespace("production"))
	require.Contains(t, site.Policy(), "namespaces: ["+site.Namespace("production")+"]")
}
