package kube

import (
	"context"
	"crypto/x509"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/sandbox/azure"
)

// registryWorld is an Azure with a registry in a private network, and a cluster whose bot signs in to it.
type registryWorld struct {
	*azureWorld
	bot    *Cluster
	images []azure.Image
	dialed []string
}

func newRegistryWorld(t *testing.T) *registryWorld {
	t.Helper()
	w := &registryWorld{azureWorld: newAzureWorld(t)}
	now := time.Now()
	w.images = []azure.Image{
		{Repository: "api-gateway", Tag: "12343", Pushed: now.Add(-72 * time.Hour)},
		{Repository: "api-gateway", Tag: "12345", Pushed: now.Add(-time.Hour)},
		{Repository: "api-gateway", Tag: "12344", Pushed: now.Add(-48 * time.Hour)},
	}
	w.identity.Roles = map[string][]string{azure.Pull: {azure.RegistryID}}
	w.Server = azure.New(t, azure.Options{Identities: []azure.Identity{w.identity}, Images: w.images, Tenant: w.Tenant()})
	w.file(t, "ca.pem", string(w.CA()))
	as := w.with(ClientSecret).Azure
	as.AuthorityHost, as.ResourceManager = w.AuthorityHost(), ""
	registry := RegistryConfig{Host: w.RegistryHost(), Private: true, Access: ClientSecret, Azure: as}
	require.NoError(t, registry.Validate())
	var err error
	cfg := Config{Name: "sandbox", Version: "test", Registries: []RegistryConfig{registry}}
	w.bot, err = open(cfg, &rest.Config{Host: "http://127.0.0.1:1"})
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(w.CA()))
	_, port, err := net.SplitHostPort(w.RegistryHost())
	require.NoError(t, err)
	w.bot.reach = reach{
		roots: roots,
		lookup: func(context.Context, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("10.1.2.3")}, nil
		},
		dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			w.dialed = append(w.dialed, address)
			return (&net.Dialer{}).DialContext(ctx, network, "127.0.0.1:"+port)
		},
	}
	return w
}

func (w *registryWorld) named(image string) string { return w.RegistryHost() + "/" + image }

func TestARegistryOfAzureIsAskedWithATokenOfItsOwn(t *testing.T) {
	t.Parallel()
	w := newRegistryWorld(t)
	for range 3 {
		digest, err := w.bot.Image(t.Context(), "production", w.named("api-gateway:12345"))
		require.NoError(t, err)
		require.Equal(t, w.images[1].Digest(), digest)
	}
	_, err := w.bot.Image(t.Context(), "production", w.named("api-gateway@"+w.images[0].Digest()))
	require.NoError(t, err)
	_, err = w.bot.Image(t.Context(), "production", w.named("api-gateway:1"))
	require.ErrorIs(t, err, algesta.ErrNotFound)
	_, err = w.bot.Image(t.Context(), "production", w.named("api:12345"))
	require.ErrorIs(t, err, algesta.ErrNotFound)
	require.Len(t, w.TokenRequests("https://containerregistry.azure.net"), 1)
	exchanges := 0
	for _, r := range w.Requests(azure.Registry) {
		if r.Path == "/oauth2/exchange" {
			exchanges++
		}
	}
	require.Equal(t, 1, exchanges)
	for _, address := range w.dialed {
		require.True(t, strings.HasPrefix(address, "10.1.2.3:"), address)
	}

	tags, err := w.bot.NewestTags(t.Context(), w.named("api-gateway:12343"), 2)
	require.NoError(t, err)
	require.Len(t, tags, 2)
	require.Equal(t, "12345", tags[0].Name)
	require.Equal(t, "12344", tags[1].Name)
	require.WithinDuration(t, w.images[1].Pushed, tags[0].Pushed, time.Second)
	_, err = w.bot.NewestTags(t.Context(), "docker.io/library/nginx:1", 2)
	require.ErrorIs(t, err, algesta.ErrRefused, "only where the configuration says so")
}

func TestARegistryOfAzureThatDoesNotSayLeavesItUnknown(t *testing.T) {
	t.Parallel()
	fault := func(f azure.Fault) func(*registryWorld) {
		return func(w *registryWorld) { w.SetFault(azure.Registry, f) }
	}
	for name, tc := range map[string]struct {
		change func(w *registryWorld)
		kind   algesta.ErrorKind
		says   string
	}{
		"without AcrPull": {func(w *registryWorld) {
			w.Change(func(ids []azure.Identity, _ []azure.Cluster) { ids[0].Roles = nil })
		}, algesta.ErrForbidden, "doesn't let me look."},
		"an expired secret": {func(w *registryWorld) {
			w.Change(func(ids []azure.Identity, _ []azure.Cluster) { ids[0].SecretExpired = true })
		}, algesta.ErrForbidden, "the client secret has expired (AADSTS7000222)."},
		"too many questions": {fault(azure.Throttled), algesta.ErrUnreachable, "too busy to answer."},
		"a fault":            {fault(azure.Down), algesta.ErrUnreachable, "doesn't answer as it should."},
		"no answer":          {fault(azure.Reset), algesta.ErrUnreachable, "doesn't answer."},
		"a page":             {fault(azure.Garbage), algesta.ErrUnreachable, "doesn't answer."},
		"another host": {func(w *registryWorld) {
			w.SetRedirect("https://elsewhere.example.com")
			w.SetFault(azure.Registry, azure.Redirect)
		}, algesta.ErrUnreachable, "doesn't answer as it should."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newRegistryWorld(t)
			tc.change(w)
			_, err := w.bot.Image(t.Context(), "production", w.named("api-gateway:12345"))
			require.ErrorIs(t, err, tc.kind)
			require.ErrorContains(t, err, tc.says)
			w.requireClean(t, err.Error())
			_, err = w.bot.NewestTags(t.Context(), w.named("api-gateway:12345"), 5)
			require.ErrorIs(t, err, tc.kind)
			for _, address := range w.dialed {
				require.True(t, strings.HasPrefix(address, "10.1.2.3:"), address)
			}
		})
	}
}

func TestTheSignInToARegistryIsChecked(t *testing.T) {
	t.Parallel()
	for want, r := range map[string]RegistryConfig{
		"doesn't sign in to a registry":                         {Host: "a.azurecr.io", Access: InCluster},
		"azure goes with access alone":                          {Host: "a.azurecr.io", Azure: Azure{ClientID: "x"}},
		"azure.resourceID and azure.resourceManager are for":    {Host: "a.azurecr.io", Access: WorkloadIdentity, Azure: Azure{ResourceID: "x"}},
		"azure.secretFile goes with access: clientSecret alone": {Host: "a.azurecr.io", Access: WorkloadIdentity, Azure: Azure{SecretFile: "x"}},
	} {
		require.ErrorContains(t, r.Validate(), want)
	}
}
