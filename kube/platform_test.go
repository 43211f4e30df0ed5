package kube

import (
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/sandbox/azure"
)

// What Microsoft calls AcrPull and Container Registry Repository Reader.
const (
	acrPull        = "7f951dda-4ed3-4680-a7ca-43fe172d538d"
	repositoryRead = "b93aa761-3e63-49ed-ac28-beffa264f7ac"
)

// TestWhetherTheNodesMayPullIsAskedOfAzure, and nothing is concluded where that may not be asked.
func TestWhetherTheNodesMayPullIsAskedOfAzure(t *testing.T) {
	t.Parallel()
	kubelet := azure.NewID()
	for name, tc := range map[string]struct {
		registry azure.RegistryResource
		want     Pulling
	}{
		"nothing":                  {azure.RegistryResource{}, Pulling{}},
		"AcrPull":                  {azure.RegistryResource{Assignments: map[string][]string{kubelet: {acrPull}}}, Pulling{Role: "AcrPull"}},
		"AcrPull of somebody else": {azure.RegistryResource{Assignments: map[string][]string{azure.NewID(): {acrPull}}}, Pulling{}},
		"AcrPull that counts for nothing": {
			azure.RegistryResource{Abac: true, Assignments: map[string][]string{kubelet: {acrPull}}}, Pulling{Abac: true},
		},
		"a role for repositories": {
			azure.RegistryResource{Abac: true, Assignments: map[string][]string{kubelet: {repositoryRead}}},
			Pulling{Abac: true, Role: "Container Registry Repository Reader"},
		},
		"a role for repositories in the usual mode": {
			azure.RegistryResource{Assignments: map[string][]string{kubelet: {repositoryRead}}}, Pulling{},
		},
		"an answer without the mode": {
			azure.RegistryResource{OldAnswer: true, Assignments: map[string][]string{kubelet: {acrPull}}}, Pulling{Modeless: true, Role: "AcrPull"},
		},
		"chosen networks": {azure.RegistryResource{Chosen: true}, Pulling{Chosen: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newAzureWorld(t)
			tc.registry.Subscription, tc.registry.Group, tc.registry.Name = w.cluster.Subscription, "rg-shop", "acrshop"
			w.AddRegistry(tc.registry)
			c, err := Open(t.Context(), w.with(ClientSecret))
			require.NoError(t, err)

			_, err = c.Pulling(t.Context(), kubelet, "acrshop.azurecr.io")
			require.ErrorIs(t, err, algesta.ErrNotFound, "without the role Reader it isn't in the list")
			w.Change(func(ids []azure.Identity, all []azure.Cluster) {
				ids[0].Roles[azure.Reader] = []string{tc.registry.ID()}
				all[0].Kubelet, all[0].Network = kubelet, "kubenet"
			})
			p, err := c.Platform(t.Context())
			require.NoError(t, err)
			require.Equal(t, Platform{Network: "kubenet", Kubelet: kubelet}, p)
			may, err := c.Pulling(t.Context(), kubelet, "acrshop.azurecr.io")
			require.NoError(t, err)
			tc.want.Registry = tc.registry.ID()
			require.Equal(t, tc.want, may)
			_, err = c.Pulling(t.Context(), kubelet, "other.azurecr.io")
			require.ErrorIs(t, err, algesta.ErrNotFound)

			w.Change(func(ids []azure.Identity, _ []azure.Cluster) { ids[0].Roles = nil })
			_, err = c.Platform(t.Context())
			require.ErrorIs(t, err, algesta.ErrForbidden)
			w.SetFault(azure.Manager, azure.Down)
			_, err = c.Platform(t.Context())
			require.ErrorIs(t, err, algesta.ErrUnreachable)
			require.NotContains(t, err.Error(), azure.RawBody)
		})
	}
	// A cluster that is reached in another way is asked about with a way of its own, which doesn't sign in to the cluster.
	w := newAzureWorld(t)
	w.Change(func(ids []azure.Identity, all []azure.Cluster) {
		ids[0].Roles = map[string][]string{azure.Reader: {w.cluster.ID()}}
		all[0].Network = "azure"
	})
	cfg := w.with(ClientSecret)
	cfg.Access, cfg.Kubeconfig, cfg.Server, cfg.CAFile = Kubeconfig, w.file(t, "home", "apiVersion: v1\nkind: Config\n"+
		"clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1'}}]\ncontexts: [{name: c, context: {cluster: c}}]\n"+
		"current-context: c\n"), "", ""
	cfg.Azure.Access, cfg.Azure.ResourceID = ClientSecret, w.cluster.ID()
	home, err := Open(t.Context(), cfg)
	require.NoError(t, err)
	p, err := home.Platform(t.Context())
	require.NoError(t, err)
	require.Equal(t, "azure", p.Network)
	require.Empty(t, w.TokenRequests(azure.AKS), "no token for the cluster")
	require.Empty(t, home.State().TokenUntil)
	require.Equal(t, Kubeconfig, home.State().Access)

	c, err := OpenREST("home", &rest.Config{Host: "https://127.0.0.1:1"})
	require.NoError(t, err)
	_, err = c.Platform(t.Context())
	require.ErrorIs(t, err, algesta.ErrForbidden, "a cluster without a way into Azure")
}
