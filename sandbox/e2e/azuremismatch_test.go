package e2e

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta/sandbox/azure"
	"github.com/3astronautas/algesta/sandbox/control"
)

const (
	podIssuer  = "https://oidc.example.com/"
	podAccount = "system:serviceaccount:algesta:algesta"
)

// podToken writes the token of the bot's ServiceAccount, as the kubelet does where workload identity's webhook says so.
func podToken(t *testing.T, key *rsa.PrivateKey, path, audience string, end time.Time) {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key, KeyID: "1"}}, nil)
	require.NoError(t, err)
	token, err := jwt.Signed(signer).Claims(jwt.Claims{
		Issuer: podIssuer, Subject: podAccount, Audience: jwt.Audience{audience}, Expiry: jwt.NewNumericDate(end),
	}).Serialize()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, []byte(token), 0o600))
}

// TestWhatDoesntMatchInAzureIsSaid has the released bot sign in, by its configuration alone, with a tenant that isn't there, to a cluster
// that was deleted, and with a federation that has expired or is for somebody else; and has an API server refuse tokens of another audience
// than its own. Each is one sentence, the other cluster's commands are answered, and nothing that Azure said is told.
func TestWhatDoesntMatchInAzureIsSaid(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	cluster := azure.Cluster{Subscription: azure.NewID(), Group: "rg-algesta-cloud", Name: aksName}
	deleted := azure.Cluster{Subscription: cluster.Subscription, Group: "rg-algesta-cloud", Name: "aks-algesta-deleted"}
	c := &cloudWorld{who: azure.Identity{
		ClientID: azure.NewID(), ObjectID: azure.NewID(), Secret: "client-" + azure.NewID(),
		Roles: map[string][]string{azure.ClusterUser: {cluster.ID(), deleted.ID()}},
		Federations: []azure.Federation{{Issuer: podIssuer, Subject: podAccount, Keys: func(context.Context) (jose.JSONWebKeySet, error) {
			return jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "1"}}}, nil
		}}},
	}}
	c.azure = azure.New(t, azure.Options{Identities: []azure.Identity{c.who}, Clusters: []azure.Cluster{cluster}})
	c.server = control.ServerForTest(t, strings.Replace(c.azure.Authentication(), azure.AKS, azure.NewID(), 1)) // of another audience
	c.azure.Change(func(_ []azure.Identity, all []azure.Cluster) {
		all[0].Server, all[0].CA = c.server.Config.Host, c.server.CA
	})

	dir := t.TempDir()
	token, secret, ca := filepath.Join(dir, "token"), filepath.Join(dir, "secret"), filepath.Join(dir, "azure.pem")
	require.NoError(t, os.WriteFile(secret, []byte(c.who.Secret), 0o600))
	require.NoError(t, os.WriteFile(ca, c.azure.CA(), 0o600))
	podToken(t, key, token, azure.Exchange, time.Now().Add(-time.Hour))
	c.world = newWorld(t, options{policy: everything, configured: func(w *world) {
		w.config.Env = append(w.config.Env, "AZURE_FEDERATED_TOKEN_FILE="+token)
		for name, how := range map[string]string{
			aksName: "workloadIdentity, azure: {resourceID: " + cluster.ID() + ", tenantID: " + c.azure.Tenant(),
			deleted.Name: "clientSecret, azure: {secretFile: " + secret + ", resourceID: " + deleted.ID() + ", tenantID: " +
				c.azure.Tenant(),
			"aks-algesta-tenant": "clientSecret, azure: {secretFile: " + secret + ", resourceID: " + cluster.ID() + ", tenantID: " + azure.NewID(),
		} {
			w.config.MoreClusters += fmt.Sprintf("  - {name: %s, access: %s, clientID: %s, authorityHost: %q, resourceManager: %q, caFile: %s}}\n",
				name, how, c.who.ClientID, c.azure.AuthorityHost(), c.azure.ManagerURL(), ca)
			w.config.Environments += fmt.Sprintf("\n  - {name: on-%s, cluster: %[1]s, namespace: shop, deployment: \"{service}\"}", name)
		}
	}})
	const home, cloud = "deployments production", "deployments on-" + aksName
	c.reads(cloud, "I can't sign in to "+aksName+": my ServiceAccount's token has expired", "(AADSTS700024).")
	podToken(t, key, token, "api://other", time.Now().Add(time.Hour))
	c.reads(cloud, "the audience of the federated credential doesn't match: it has to be api://AzureADTokenExchange (AADSTS700212).")
	c.reads(home, "api-gateway-production")
	podToken(t, key, token, azure.Exchange, time.Now().Add(time.Hour))
	c.reads(cloud, "The cluster "+aksName+" doesn't accept my credentials (401).",
		"Is it integrated with Microsoft Entra, in the tenant that I sign in to?")
	c.reads("deployments on-"+deleted.Name,
		"Azure has no cluster with this ID: look at the subscription, the resource group and the name (ResourceNotFound).")
	c.reads("deployments on-aks-algesta-tenant", "I can't sign in to aks-algesta-tenant: the tenant isn't known (AADSTS90002).")
	c.reads(home, "api-gateway-production")
	c.requireNowhere(append(c.azure.Minted(), c.who.Secret, azure.RawBody, "Trace ID")...)
}
