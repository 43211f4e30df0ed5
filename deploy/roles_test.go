package deploy_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/3astronautas/algesta/deploy"
	"github.com/3astronautas/algesta/kube"
	"github.com/3astronautas/algesta/runbooks"
)

// rights are rules one by one: "list apps/deployments".
func rights(rules []rbacv1.PolicyRule) []string {
	var out []string
	for _, rule := range rules {
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				for _, verb := range rule.Verbs {
					out = append(out, verb+" "+group+"/"+resource)
				}
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func grant() deploy.Grant {
	return deploy.Grant{
		Name: "algesta", Subject: rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Name: "algesta", Namespace: "chatops"},
		Namespaces: []string{"pruebas", "production"},
	}
}

func TestTheRolesAreWhatTheCommandsDeclare(t *testing.T) {
	t.Parallel()
	objects, err := grant().Objects()
	require.NoError(t, err)
	require.Len(t, objects, 6)
	namespaced, everywhere := runbooks.Rules(kube.Reads, runbooks.All()...)
	for i, namespace := range []string{"production", "pruebas"} {
		role := objects[2*i].(*rbacv1.Role)
		require.Equal(t, namespace, role.Namespace)
		require.Equal(t, rights(namespaced), rights(role.Rules))
		binding := objects[2*i+1].(*rbacv1.RoleBinding)
		require.Equal(t, namespace, binding.Namespace)
		require.Equal(t, []rbacv1.Subject{grant().Subject}, binding.Subjects)
		require.Equal(t, "Role", binding.RoleRef.Kind)
	}
	require.Equal(t, rights(everywhere), rights(objects[4].(*rbacv1.ClusterRole).Rules))
	b, err := grant().YAML()
	require.NoError(t, err)
	require.Equal(t, 6, strings.Count(string(b), "---\n"))
	require.NotContains(t, string(b), "- secrets\n", "no Secret can be read")
	require.NotContains(t, string(b), "creationTimestamp")
}

func TestACommandThatIsLeftOutTakesItsRightsWithIt(t *testing.T) {
	t.Parallel()
	all := grant()
	all.Without = []string{"namespace create", "pod delete"}
	objects, err := all.Objects()
	require.NoError(t, err)
	require.NotContains(t, rights(objects[4].(*rbacv1.ClusterRole).Rules), "create /namespaces")
	require.NotContains(t, rights(objects[0].(*rbacv1.Role).Rules), "create /pods/eviction")
	require.Contains(t, rights(objects[0].(*rbacv1.Role).Rules), "patch apps/deployments", "others need it")
}

func TestAGrantThatCantBeMeantIsRefused(t *testing.T) {
	t.Parallel()
	none := grant()
	none.Namespaces = nil
	_, err := none.YAML()
	require.ErrorContains(t, err, "there is no namespace")
	unknown := grant()
	unknown.Without = []string{"namespace-create"}
	_, err = unknown.YAML()
	require.ErrorContains(t, err, `there is no command "namespace-create"`)
}
