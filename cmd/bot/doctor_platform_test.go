package main

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/3astronautas/algesta/sandbox/azure"
	"github.com/3astronautas/algesta/sandbox/control"
)

// answering answers with these JSON bodies by their paths, and 404 elsewhere; it's a kubeconfig of it.
func answering(t *testing.T, answers map[string]string) string {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		body, known := answers[r.URL.Path]
		if !known {
			w.WriteHeader(http.StatusNotFound)
			body = `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404}`
		} else if r.Method == http.MethodPost {
			w.WriteHeader(http.StatusCreated)
		}
		_, _ = w.Write([]byte(body)) // whoever asks notices
	}))
	t.Cleanup(server.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	path := filepath.Join(t.TempDir(), "kubeconfig")
	quoted, err := json.Marshal(ca)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, fmt.Appendf(nil, `{"apiVersion":"v1","kind":"Config","current-context":"c","clusters":[{"name":"c",`+
		`"cluster":{"server":%q,"certificate-authority-data":%s}}],"contexts":[{"name":"c","context":{"cluster":"c","user":"u"}}],`+
		`"users":[{"name":"u","user":{}}]}`, server.URL, quoted), 0o600))
	return path
}

// TestTheDoctorSaysWhatOfThePlatformEnds once, with the day and the source of each.
func TestTheDoctorSaysWhatOfThePlatformEnds(t *testing.T) {
	t.Parallel()
	answers := map[string]string{
		"/version":              `{"gitVersion":"v1.28.14"}`,
		"/apis/cert-manager.io": `{"kind":"APIGroup","apiVersion":"v1","name":"cert-manager.io"}`,
		"/apis/networking.k8s.io/v1/ingressclasses": `{"kind":"IngressClassList","apiVersion":"networking.k8s.io/v1","items":[` +
			`{"metadata":{"name":"nginx"},"spec":{"controller":"k8s.io/ingress-nginx"}},` +
			`{"metadata":{"name":"own"},"spec":{"controller":"example.com/own"}}]}`,
		"/apis/cert-manager.io/v1/clusterissuers": `{"kind":"ClusterIssuerList","apiVersion":"cert-manager.io/v1","items":[` +
			`{"apiVersion":"cert-manager.io/v1","kind":"ClusterIssuer","metadata":{"name":"ca"},"spec":{"ca":{}}},` +
			`{"apiVersion":"cert-manager.io/v1","kind":"ClusterIssuer","metadata":{"name":"letsencrypt"},` +
			`"spec":{"acme":{"server":"https://acme.example.com"}}},` +
			`{"apiVersion":"cert-manager.io/v1","kind":"ClusterIssuer","metadata":{"name":"letsencrypt-2"},"spec":{"acme":{}}}]}`,
	}
	p := newPractice(t, answering(t, answers), "production")
	const version = "Kubernetes 1.28 on AKS has been out of support since 30 January 2025 (learn.microsoft.com/azure/aks/supported-" +
		"kubernetes-versions, as of 2026-08-05)"
	text, _ := p.says()
	require.NotContains(t, text, "on AKS", "nothing says that it's a cluster of AKS")
	for _, says := range []string{
		"WARN  ingress class nginx: ingress-nginx has been out of support since 24 March 2026 (kubernetes.io/blog/2025/11/11/",
		"WARN  ClusterIssuer letsencrypt: Let's Encrypt's certificates last 64 days from 2027-02-10 on and 45 days from 2028-02-16",
	} {
		require.Contains(t, text, says)
	}
	require.NotContains(t, text, "letsencrypt-2", "it's said once")
	require.NotContains(t, text, "class own")

	p.replace("config.yaml", "access: kubeconfig", "kind: aks, access: kubeconfig")
	text, _ = p.says()
	require.Contains(t, text, "WARN  "+version)
	require.Contains(t, text, "couldn't check the network plugin")
	node := func(name, labels string) string {
		return `{"apiVersion":"v1","kind":"Node","metadata":{"name":"` + name + `","labels":{"kubernetes.azure.com/cluster":"MC"` + labels +
			`}},"spec":{"podCIDR":"10.244.0.0/24"},"status":{"conditions":[{"type":"NetworkUnavailable","status":"False","reason":` +
			`"RouteCreated"}]}}`
	}
	answers["/api/v1/nodes"] = `{"apiVersion":"v1","kind":"NodeList","items":[` +
		node("a", `,"kubernetes.azure.com/podnetwork-type":"overlay"`) + `]}`
	text, _ = p.says()
	require.NotContains(t, text, "kubenet")
	answers["/api/v1/nodes"] = `{"apiVersion":"v1","kind":"NodeList","items":[` + node("a", "") + "," + node("b", "") + `]}`
	text, _ = p.says()
	const kubenet = "WARN  the network plugin kubenet of AKS is supported until 30 March 2028 (github.com/Azure/AKS/issues/4859"
	require.Equal(t, 1, strings.Count(text, kubenet), text)

	delete(answers, "/apis/networking.k8s.io/v1/ingressclasses")
	text, _ = newPractice(t, answering(t, answers), "production").says()
	require.Contains(t, text, "WARN  couldn't check whether the ingress controllers are supported")
}

// TestTheDoctorReadsTheIngressClassesOfARealCluster, in which the managed NGINX of AKS is one.
func TestTheDoctorReadsTheIngressClassesOfARealCluster(t *testing.T) {
	t.Parallel()
	c := control.ForTest(t)
	namespace := c.Namespace(t)
	class := &networkingv1.IngressClass{
		ObjectMeta: metav1.ObjectMeta{Name: "managed-" + namespace},
		Spec:       networkingv1.IngressClassSpec{Controller: "webapprouting.kubernetes.azure.com/nginx"},
	}
	_, err := c.Client.NetworkingV1().IngressClasses().Create(t.Context(), class, metav1.CreateOptions{})
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, c.Client.NetworkingV1().IngressClasses().Delete(context.Background(), class.Name, metav1.DeleteOptions{}))
	})
	text, _ := newPractice(t, c.Kubeconfig, namespace).says()
	require.Contains(t, text, "WARN  ingress class managed-"+namespace+": the managed NGINX of AKS ")
	require.Contains(t, text, "30 November 2026 (learn.microsoft.com/azure/aks/app-routing-nginx-to-gateway-api-migration, as of 2026-08-03)")
}

// TestTheDoctorAsksAzureWhetherTheNodesMayPull, and says what to do about it.
func TestTheDoctorAsksAzureWhetherTheNodesMayPull(t *testing.T) {
	t.Parallel()
	apart := answering(t, map[string]string{"/version": `{"gitVersion":"v1.37.2"}`})
	home := kubeconfigServer(t, apart)
	cluster := azure.Cluster{
		Subscription: azure.NewID(), Group: "rg-shop", Name: "aks-shop", Server: home.server, CA: home.ca,
		Kubelet: azure.NewID(), Network: "kubenet",
	}
	registry := azure.RegistryResource{Subscription: cluster.Subscription, Group: "rg-shop", Name: "acrshop", Abac: true, Chosen: true}
	who := azure.Identity{
		ClientID: azure.NewID(), ObjectID: azure.NewID(), Secret: "client-" + azure.NewID(),
		Roles: map[string][]string{azure.ClusterUser: {cluster.ID()}, azure.Reader: {registry.ID()}},
	}
	cloud := azure.New(t, azure.Options{Identities: []azure.Identity{who}, Clusters: []azure.Cluster{cluster}})
	cloud.AddRegistry(registry)
	p := newPractice(t, nowhere(t), "production")
	p.write("secret", who.Secret)
	p.write("azure.pem", string(cloud.CA()))
	p.replace("config.yaml", "policyFile:", "registries: [{host: acrshop.azurecr.io}]\npolicyFile:")
	b, err := os.ReadFile(filepath.Join(p.dir, "config.yaml"))
	require.NoError(t, err)
	clusters := fmt.Sprintf("clusters:\n  - {name: main, access: clientSecret, azure: {resourceID: %s, tenantID: %s, clientID: %s, "+
		"secretFile: secret, authorityHost: %q, resourceManager: %q, caFile: azure.pem}}\n",
		cluster.ID(), cloud.Tenant(), who.ClientID, cloud.AuthorityHost(), cloud.ManagerURL())
	p.write("config.yaml", regexp.MustCompile(`clusters:\n.*\n`).ReplaceAllLiteralString(string(b), clusters))
	text, _ := p.says()
	require.Contains(t, text, "WARN  the network plugin kubenet of AKS is supported until 30 March 2028 (github.com/Azure/AKS/issues/4859")
	require.Contains(t, text, "WARN  the kubelet's identity has no role to pull from acrshop.azurecr.io, whose repositories have permissions "+
		"of "+
		"their own")
	require.Contains(t, text, `→ az role assignment create --role "Container Registry Repository Reader" --scope `+registry.ID()+
		" --assignee-object-id "+cluster.Kubelet)
	require.Contains(t, text, "WARN  acrshop.azurecr.io answers chosen networks alone")
	cloud.Change(func(ids []azure.Identity, _ []azure.Cluster) {
		ids[0].Roles = map[string][]string{azure.ClusterUser: {cluster.ID()}}
	})
	text, _ = p.says()
	require.Contains(t, text, "WARN  couldn't check whether the nodes may pull from acrshop.azurecr.io (I can read no registry")

	// The same of a cluster that the bot reaches without Azure, by a way of its own.
	cloud.Change(func(ids []azure.Identity, _ []azure.Cluster) {
		ids[0].Roles = map[string][]string{azure.Reader: {cluster.ID(), registry.ID()}}
	})
	b, err = os.ReadFile(filepath.Join(p.dir, "config.yaml"))
	require.NoError(t, err)
	p.write("config.yaml", strings.Replace(string(b), "access: clientSecret, azure: {",
		"access: kubeconfig, kubeconfig: "+apart+", azure: {access: clientSecret, ", 1))
	text, _ = p.says()
	require.Equal(t, 1, strings.Count(text, "WARN  the network plugin kubenet of AKS is supported until 30 March 2028"), text)
	require.Contains(t, text, "WARN  the kubelet's identity has no role to pull from acrshop.azurecr.io")
}

// serverPlace is where a server is, and its certificate authority.
type serverPlace struct {
	server string
	ca     []byte
}

// kubeconfigServer is the server in a kubeconfig.
func kubeconfigServer(t *testing.T, path string) serverPlace {
	t.Helper()
	cfg, err := clientcmd.LoadFromFile(path)
	require.NoError(t, err)
	return serverPlace{cfg.Clusters["c"].Server, cfg.Clusters["c"].CertificateAuthorityData}
}
