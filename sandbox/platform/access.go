package platform

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/3astronautas/algesta/kube"
	"github.com/3astronautas/algesta/runbooks"
	"github.com/3astronautas/algesta/sandbox/control"
)

const (
	botNamespace = "algesta"
	botAccount   = "algesta"
)

// BotRules are the bot's rights in a cluster: what its caches and all its commands declare, and nothing else. It has no access to Secrets.
// Tests make namespaces as they go, so that what a namespace's Role would allow is in one list with what a ClusterRole has to allow.
func BotRules() []rbacv1.PolicyRule {
	namespaced, everywhere := runbooks.Rules(kube.Reads, runbooks.All()...)
	return slices.Concat(namespaced, everywhere)
}

// WriteBotKubeconfig makes the bot's service account with BotRules and writes a kubeconfig with a real token of it. It has
// a context for each of the customer's clusters, which are one and the same here.
func WriteBotKubeconfig(ctx context.Context, c *control.Cluster, path string) error {
	labels := map[string]string{"team": "platform"}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: botNamespace, Labels: labels}}
	_, err := c.Client.CoreV1().Namespaces().Create(ctx, ns, metav1.CreateOptions{})
	if err := unlessExists(err, "the bot's namespace"); err != nil {
		return err
	}
	cfg, err := c.CreateServiceAccount(ctx, botNamespace, botAccount, BotRules())
	if err != nil {
		return err
	}
	if err := control.WriteKubeconfig(path, cfg, ClusterProduction, ClusterDev); err != nil {
		return fmt.Errorf("writing the bot's kubeconfig: %w", err)
	}
	return nil
}
