package control

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"
)

const (
	buildWithin = 30 * time.Minute // a cold build on a slow machine
	cleanWithin = 30 * time.Second
)

// shared is this process's one lease of the shared cluster. It is never given back: the process's end does that.
var shared = sync.OnceValues(func() (*Cluster, error) {
	ctx, cancel := context.WithTimeout(context.Background(), buildWithin)
	defer cancel()
	return Start(ctx, os.Stderr)
})

// ForTest returns the shared control plane, and builds and starts it when needed. Other tests use it at the same time:
// work in a Namespace of your own.
func ForTest(tb testing.TB) *Cluster {
	tb.Helper()
	c, err := shared()
	require.NoError(tb, err, "starting the sandbox's control plane")
	return c
}

// Private returns a control plane that only this test uses, for tests that stop its API server. It takes about ten
// seconds and 800 MB of memory: use it sparingly.
func Private(tb testing.TB) *Cluster {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), buildWithin)
	defer cancel()
	c, err := StartPrivate(ctx, os.Stderr)
	require.NoError(tb, err, "starting a private control plane")
	tb.Cleanup(func() { require.NoError(tb, c.Close()) })
	return c
}

// Namespace makes an empty namespace with a random name, ready for pods. It is deleted after the test, which does not
// wait for that.
func (c *Cluster) Namespace(tb testing.TB) string {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), cleanWithin)
	defer cancel()
	name := "test-" + rand.String(10)
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	_, err := c.Client.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{})
	require.NoError(tb, err, "creating a namespace")
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), cleanWithin)
		defer cancel()
		require.NoError(tb, c.Client.CoreV1().Namespaces().Delete(ctx, name, metav1.DeleteOptions{}))
	})
	require.NoError(tb, c.AwaitServiceAccount(ctx, name))
	return name
}

// ServiceAccount makes a service account in a namespace with exactly these rights in the whole cluster, and returns the
// path of a kubeconfig with a real token of it and one context per name ("sandbox" when none is given).
func (c *Cluster) ServiceAccount(tb testing.TB, namespace string, rules []rbacv1.PolicyRule, contexts ...string) string {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), cleanWithin)
	defer cancel()
	cfg, err := c.CreateServiceAccount(ctx, namespace, "bot-"+rand.String(6), rules)
	require.NoError(tb, err, "making a service account")
	if len(contexts) == 0 {
		contexts = []string{"sandbox"}
	}
	path := filepath.Join(tb.TempDir(), "kubeconfig")
	require.NoError(tb, WriteKubeconfig(path, cfg, contexts...))
	return path
}
