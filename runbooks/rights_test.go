package runbooks_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/3astronautas/algesta/kube"
	"github.com/3astronautas/algesta/runbooks"
)

func TestEveryRunbookDeclaresWhatItReads(t *testing.T) {
	t.Parallel()
	for _, book := range runbooks.All() {
		switch {
		case book.Own: // its own records need no right to read a cluster
			require.Empty(t, book.Reads, book.Name)
		case !book.About.Nothing():
			require.NotEmpty(t, book.Reads, "%s: what does it read? See Reads of runbooks.Runbook", book.Name)
		}
	}
}

func TestRulesAreSortedAndMerged(t *testing.T) {
	t.Parallel()
	namespaced, everywhere := runbooks.Rules(
		[]string{"watch pods", "list pods", "list deployments.apps"},
		runbooks.Runbook{
			Reads: []string{"list services", "watch services", "list pods", "list nodes (cluster-wide)", "list pods (cluster-wide)", "get pods/log"},
		},
		runbooks.Runbook{Reads: []string{"list nodes (cluster-wide)", "list pods.metrics.k8s.io"}, Writes: []string{
			"patch deployments.apps", "patch certificates.cert-manager.io/status", "create jobs.batch", "delete pods",
		}},
	)
	rule := func(group string, resources, verbs []string) rbacv1.PolicyRule {
		return rbacv1.PolicyRule{APIGroups: []string{group}, Resources: resources, Verbs: verbs}
	}
	require.Equal(t, []rbacv1.PolicyRule{
		rule("", []string{"pods"}, []string{"delete", "get", "list", "watch"}),
		rule("", []string{"pods/log"}, []string{"get"}),
		rule("", []string{"services"}, []string{"list", "watch"}),
		rule("apps", []string{"deployments"}, []string{"get", "list", "patch"}),
		rule("apps", []string{"replicasets"}, []string{"list"}),
		rule("batch", []string{"jobs"}, []string{"create", "list", "watch"}),
		rule("cert-manager.io", []string{"certificates"}, []string{"get", "watch"}),
		rule("cert-manager.io", []string{"certificates/status"}, []string{"patch"}),
		rule("metrics.k8s.io", []string{"pods"}, []string{"list"}),
	}, namespaced)
	require.Equal(t, []rbacv1.PolicyRule{rule("", []string{"nodes", "pods"}, []string{"list"})}, everywhere)
}

func TestARightThatCannotBeReadIsAMistake(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "list", "list ", " pods", "list Pods", "list *", "* pods", "list pods/", "list pods.", "list pods " +
		"cluster-wide", "list pods, nodes"} {
		require.Panics(t, func() { runbooks.Rules([]string{s}) }, s)
	}
}

// TestOnlyWritesThatWereDeclaredAreAllowed: no runbook gets a right to change through what it reads.
func TestOnlyWritesThatWereDeclaredAreAllowed(t *testing.T) {
	t.Parallel()
	reading := append([]string{}, kube.Reads...)
	for _, book := range runbooks.All() {
		reading = append(reading, book.Reads...)
	}
	namespaced, everywhere := runbooks.Rules(reading)
	for _, rule := range append(namespaced, everywhere...) {
		if len(rule.Verbs) == 1 && rule.Verbs[0] == "create" {
			// A review of oneself is a question that is asked by creating it, and leaves nothing behind.
			require.Subset(t, []string{"selfsubjectaccessreviews", "selfsubjectreviews"}, rule.Resources)
			require.Subset(t, []string{"authorization.k8s.io", "authentication.k8s.io"}, rule.APIGroups)
			continue
		}
		require.Subset(t, []string{"get", "list", "watch"}, rule.Verbs)
		require.NotContains(t, rule.Resources, "secrets")
	}
}
