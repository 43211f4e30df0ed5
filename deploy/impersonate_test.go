package deploy_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/3astronautas/algesta/deploy"
	"github.com/3astronautas/algesta/sandbox/helm"
)

const acting = `config: {clusters: [{name: aks-algesta-production, kind: aks, access: inCluster, impersonate: [
  {slack: U0LUIS, user: luis@example.com, groups: [team]}, {slack: U0DANA, user: dana@example.com, groups: [team]}]},
  {name: other, access: workloadIdentity, impersonate: [{slack: U0DANA, user: elsewhere}]}]}
serviceAccount: {workloadIdentityClientID: 11111111-2222-3333-4444-555555555555}`

// TestTheChartActsAsThoseAloneWhoAreNamed: without them it has no right to act as anybody.
func TestTheChartActsAsThoseAloneWhoAreNamed(t *testing.T) {
	t.Parallel()
	impersonates := func(r rbacv1.PolicyRule) bool {
		return slices.Contains(r.Verbs, "impersonate") || slices.Contains(r.Verbs, "*")
	}
	for _, role := range of[rbacv1.ClusterRole](t, rendered(t, "").Objects, "ClusterRole") {
		require.False(t, slices.ContainsFunc(role.Rules, impersonates))
	}
	var rules []rbacv1.PolicyRule
	for _, role := range of[rbacv1.ClusterRole](t, rendered(t, acting).Objects, "ClusterRole") {
		rules = append(rules, slices.DeleteFunc(role.Rules, func(r rbacv1.PolicyRule) bool { return !impersonates(r) })...)
	}
	want := []rbacv1.PolicyRule{
		{
			APIGroups: []string{""}, Resources: []string{"users"}, ResourceNames: []string{"dana@example.com", "luis@example.com"},
			Verbs: []string{"impersonate"},
		},
		{APIGroups: []string{""}, Resources: []string{"groups"}, ResourceNames: []string{"team"}, Verbs: []string{"impersonate"}},
	}
	require.Equal(t, want, rules)
	objects, err := deploy.Grant{
		Name: "algesta", Namespaces: []string{"production"}, Users: want[0].ResourceNames, UserGroups: want[1].ResourceNames,
	}.Objects()
	require.NoError(t, err)
	role, is := objects[2].(*rbacv1.ClusterRole)
	require.True(t, is)
	require.Equal(t, want, slices.DeleteFunc(role.Rules, func(r rbacv1.PolicyRule) bool { return !impersonates(r) }), "as `bot rbac` has it")
	for _, wrong := range []string{"user: luis@example.com", "[team]"} {
		for _, with := range []string{`system:masters`, ``, ` system:masters`, `system:masters `, `\u00a0system:masters`, `te\tam`, `*`} {
			replaced := "user: " + `"` + with + `"`
			if wrong == "[team]" {
				replaced = `["` + with + `"]`
			}
			_, err := helm.Render(t.Context(), "chart", "algesta", "chatops", values(t, strings.Replace(acting, wrong, replaced, 1)))
			require.ErrorContains(t, err, "impersonate", "%s", replaced)
		}
	}
	nobody := `config: {clusters: [{name: main, kind: aks, access: inCluster, impersonate: []}]}`
	_, err = helm.Render(t.Context(), "chart", "algesta", "chatops", values(t, nobody))
	require.ErrorContains(t, err, "impersonate", "without it every change would be the bot's own")
}
