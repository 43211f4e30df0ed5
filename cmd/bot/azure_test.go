package main

import (
	"context"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/3astronautas/algesta/catalog"
	"github.com/3astronautas/algesta/kube"
	"github.com/3astronautas/algesta/sandbox/azure"
	"github.com/3astronautas/algesta/sandbox/control"
)

// TestBothClustersOfTheExampleOpen opens what the example of the configuration has: the cluster that the bot's pod is in, and one that it
// signs in to with that pod's workload identity, whose address it looks up. All that isn't real is Azure: the pod's token is of a real API
// server, and the token that Entra gives for it is checked by another one. The environment is the process's, so it isn't parallel.
func TestBothClustersOfTheExampleOpen(t *testing.T) {
	home := control.ForTest(t)
	namespace := home.Namespace(t)
	pod, err := home.CreateServiceAccount(t.Context(), namespace, "algesta", nil)
	require.NoError(t, err)
	account := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(account, name)
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		return path
	}
	write("token", pod.BearerToken)
	write("ca.crt", string(pod.CAData))
	federated, err := home.Client.CoreV1().ServiceAccounts(namespace).CreateToken(t.Context(), "algesta", &authenticationv1.TokenRequest{
		Spec: authenticationv1.TokenRequestSpec{Audiences: []string{azure.Exchange}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)

	dev := azure.Cluster{Subscription: azure.NewID(), Group: "rg-algesta-dev", Name: "aks-algesta-dev"}
	identity := azure.Identity{
		ClientID: azure.NewID(), ObjectID: azure.NewID(), Roles: map[string][]string{azure.ClusterUser: {dev.ID()}},
		Federations: []azure.Federation{{
			Issuer: "https://kubernetes.default.svc.cluster.local", Subject: "system:serviceaccount:" + namespace + ":algesta",
			Keys: func(ctx context.Context) (keys jose.JSONWebKeySet, err error) {
				raw, err := home.Client.Discovery().RESTClient().Get().AbsPath("/openid/v1/jwks").Do(ctx).Raw()
				if err != nil {
					return keys, err
				}
				return keys, json.Unmarshal(raw, &keys)
			},
		}},
	}
	cloud := azure.New(t, azure.Options{Identities: []azure.Identity{identity}, Clusters: []azure.Cluster{dev}})
	server := control.ServerForTest(t, cloud.Authentication())
	cloud.Change(func(_ []azure.Identity, clusters []azure.Cluster) {
		clusters[0].Server, clusters[0].CA = server.Config.Host, server.CA
	})

	at, err := url.Parse(pod.Host)
	require.NoError(t, err)
	t.Setenv("KUBERNETES_SERVICE_HOST", at.Hostname())
	t.Setenv("KUBERNETES_SERVICE_PORT", at.Port())
	t.Setenv("AZURE_CLIENT_ID", identity.ClientID)
	t.Setenv("AZURE_TENANT_ID", cloud.Tenant())
	t.Setenv("AZURE_FEDERATED_TOKEN_FILE", write("azure-identity-token", federated.Status.Token))
	t.Setenv("AZURE_AUTHORITY_HOST", cloud.AuthorityHost())

	cfg, err := loadConfig("testdata/config-example.yaml", tokens)
	require.NoError(t, err)
	names, err := catalog.New(cfg.Environments, cfg.Services)
	require.NoError(t, err)
	want := map[string]string{
		"aks-algesta-production": "system:serviceaccount:" + namespace + ":algesta",
		"aks-algesta-dev":        identity.ObjectID,
	}
	require.Len(t, cfg.Clusters, len(want))
	for _, c := range cfg.Clusters {
		k := kubeConfig(c, names, func([][]byte) {}, func(s string) string { return s }, zap.NewNop())
		k.Deployments, k.ServiceAccountDir = nil, account
		if c.Access != kube.InCluster { // where this Azure is; everything else is the example's
			k.Azure.ResourceManager, k.Azure.CAFile = cloud.ManagerURL(), write("azure.pem", string(cloud.CA()))
		}
		cluster, err := kube.Open(t.Context(), k)
		require.NoError(t, err, c.Name)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // an API server reads the keys of Entra some time after it is ready
		defer cancel()
		who, err := cluster.Identity(ctx)
		for tick := time.NewTicker(100 * time.Millisecond); err != nil && ctx.Err() == nil; who, err = cluster.Identity(ctx) {
			<-tick.C
		}
		require.NoError(t, err, c.Name)
		require.Equal(t, want[c.Name], who)
		version, err := cluster.Server(t.Context())
		require.NoError(t, err, c.Name)
		require.Equal(t, "v1.37.2", version)
	}
}
