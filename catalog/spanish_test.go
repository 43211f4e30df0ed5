package catalog_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/catalog"
)

// The Spanish word for an environment stands for it, with and without its accent, unless something else is called so.
func TestEnvironmentsAreNamedInSpanish(t *testing.T) {
	t.Parallel()
	envs := []catalog.Environment{
		{Name: "production", Cluster: "aks", Namespace: "prod", Deployment: "{service}-production"},
		{Name: "development", Cluster: "aks", Namespace: "dev", Deployment: "{service}-development"},
		{Name: "calidad", Aliases: []string{"preproducción", "staging"}, Cluster: "aks", Namespace: "qa", Deployment: "{service}-qa"},
	}
	c, err := catalog.New(envs, []catalog.Service{{Name: "desarrollo"}})
	require.NoError(t, err)
	all := func(algesta.Target) bool { return true }
	for typed, want := range map[string]string{
		"producción": "production", "Produccion": "production", "PRODUCCIÓN": "production",
		"preproduccion": "calidad", "preproducción": "calidad",
	} {
		got, err := c.Resolve(t.Context(), "", typed, all)
		require.NoError(t, err, typed)
		require.Equal(t, want, got.Environment, typed)
	}
	_, err = c.Resolve(t.Context(), "", "desarrollo", all)
	require.Error(t, err, "a service is called so")
}
