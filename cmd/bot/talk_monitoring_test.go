package main

import (
	"context"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/3astronautas/algesta/sandbox/control"
	"github.com/3astronautas/algesta/sandbox/platform"
)

// monitoring is an environment that isn't one of services: a conversation with the objects of monitoring.yaml has it.
const monitoring = "monitoring"

// applyMonitoring makes the namespace with these objects and waits until its StatefulSets are ready.
func applyMonitoring(ctx context.Context, t *testing.T, cluster *control.Cluster, site platform.Site, file, objects string) {
	t.Helper()
	namespace := site.Namespace(monitoring)
	t.Cleanup(func() {
		_ = cluster.Client.CoreV1().Namespaces().Delete(context.WithoutCancel(ctx), namespace, metav1.DeleteOptions{})
	})
	require.NoError(t, os.WriteFile(file, []byte(objects), 0o600))
	for _, args := range [][]string{
		{"create", "namespace", namespace},
		{"apply", "-n", namespace, "-f", file},
		{"rollout", "status", "-n", namespace, "statefulset,deployment", "--timeout=120s"},
	} {
		said, err := exec.CommandContext(ctx, cluster.Kubectl, append([]string{"--kubeconfig", cluster.Kubeconfig}, args...)...).CombinedOutput()
		require.NoError(t, err, string(said))
	}
}
