package platform

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/3astronautas/algesta/sandbox/control"
)

const (
	botNamespace = "algesta"
	botAccount   = "algesta"
)

// BotRules are the bot's rights in a cluster: it reads what a diagnosis needs, reads logs and patches Deployments. It has
// no access to Secrets.
func BotRules() []rbacv1.PolicyRule {
	look := []string{"get", "list", "watch"}
	return []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Verbs: look, Resources: []string{
			"pods", "services", "events", "resourcequotas", "limitranges", "persistentvolumeclaims", "configmaps", "nodes", "namespaces",
		}},
		{APIGroups: []string{""}, Verbs: []string{"get"}, Resources: []string{"pods/log"}},
		{APIGroups: []string{"apps"}, Verbs: look, Resources: []string{"deployments", "replicasets", "statefulsets", "daemonsets"}},
		{APIGroups: []string{"apps"}, Verbs: []string{"patch"}, Resources: []string{"deployments"}},
		{APIGroups: []string{"autoscaling"}, Verbs: look, Resources: []string{"horizontalpodautoscalers"}},
		{APIGroups: []string{"batch"}, Verbs: look, Resources: []string{"jobs", "cronjobs"}},
		{APIGroups: []string{"discovery.k8s.io"}, Verbs: look, Resources: []string{"endpointslices"}},
		{APIGroups: []string{"events.k8s.io"}, Verbs: look, Resources: []string{"events"}},
		{APIGroups: []string{"cert-manager.io", "acme.cert-manager.io"}, Verbs: []string{"get", "list"}, Resources: []string{
			"certificates", "certificaterequests", "issuers", "clusterissuers", "orders", "challenges",
		}},
		{APIGroups: []string{"metrics.k8s.io"}, Verbs: []string{"get", "list"}, Resources: []string{"pods", "nodes"}},
		{APIGroups: []string{"networking.k8s.io"}, Verbs: look, Resources: []string{"ingresses", "ingressclasses", "networkpolicies"}},
		{APIGroups: []string{"policy"}, Verbs: look, Resources: []string{"poddisruptionbudgets"}},
		{APIGroups: []string{"storage.k8s.io"}, Verbs: look, Resources: []string{"storageclasses"}},
	}
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
