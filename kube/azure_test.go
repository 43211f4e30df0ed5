package kube

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/sandbox/azure"
)

const (
	clusterIssuer = "https://oidc.example.com/"
	botAccount    = "system:serviceaccount:algesta:algesta"
)

// azureWorld is an Azure with one identity and one cluster, whose API server says its version to whoever has a token for AKS.
type azureWorld struct {
	*azure.Server
	identity azure.Identity
	cluster  azure.Cluster
	secret   string
	dir      string
	cfg      Config // of the cluster, without its access

	mu    sync.Mutex
	sent  []string // tokens that came to the API server
	issue *rsa.PrivateKey
}

func newAzureWorld(t *testing.T) *azureWorld {
	t.Helper()
	w := &azureWorld{dir: t.TempDir(), secret: "client-" + azure.NewID()}
	api := httptest.NewTLSServer(http.HandlerFunc(w.api))
	t.Cleanup(api.Close)
	w.cluster = azure.Cluster{
		Subscription: azure.NewID(), Group: "rg-algesta-dev", Name: "aks-algesta-dev", Server: api.URL,
		CA: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: api.Certificate().Raw}),
	}
	var err error
	w.issue, err = rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	w.identity = azure.Identity{
		ClientID: azure.NewID(), ObjectID: azure.NewID(), Secret: w.secret, Managed: true, Certificates: []*x509.Certificate{w.certificate(t)},
		Roles: map[string][]string{azure.ClusterUser: {w.cluster.ID()}},
		Federations: []azure.Federation{{Issuer: clusterIssuer, Subject: botAccount, Keys: func(context.Context) (jose.JSONWebKeySet, error) {
			return jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: w.issue.Public(), KeyID: "1"}}}, nil
		}}},
	}
	w.Server = azure.New(t, azure.Options{Identities: []azure.Identity{w.identity}, Clusters: []azure.Cluster{w.cluster}})
	w.file(t, "secret", w.secret)
	w.file(t, "ca.pem", string(w.CA()))
	w.cfg = Config{Name: "aks-algesta-dev", Version: "test", Azure: Azure{
		TenantID: w.Tenant(), ClientID: w.identity.ClientID, AuthorityHost: w.AuthorityHost(), ResourceManager: w.ManagerURL(),
		CAFile: filepath.Join(w.dir, "ca.pem"),
	}}
	return w
}

// api is an API server: whoever has a token for AKS reads its version.
func (w *azureWorld) api(res http.ResponseWriter, r *http.Request) {
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	w.mu.Lock()
	w.sent = append(w.sent, token)
	w.mu.Unlock()
	if _, err := w.Verify(token, azure.AKS); err != nil {
		res.WriteHeader(http.StatusUnauthorized)
		_, _ = fmt.Fprint(res, `{"kind":"Status","apiVersion":"v1","status":"Failure","code":401,"message":"`+azure.RawBody+`"}`)
		return
	}
	_, _ = fmt.Fprint(res, `{"gitVersion":"v1.37.2"}`)
}

func (w *azureWorld) file(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(w.dir, name)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

// certificate makes one that the identity may sign with, and its file.
func (w *azureWorld) certificate(t *testing.T) *x509.Certificate {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "algesta"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	both := append(
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})...,
	)
	w.file(t, "certificate.pem", string(both))
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return cert
}

// assertion writes the token of a ServiceAccount of a cluster, as the kubelet does.
func (w *azureWorld) assertion(t *testing.T, subject string, end time.Time) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: w.issue, KeyID: "1"}}, nil)
	require.NoError(t, err)
	token, err := jwt.Signed(signer).Claims(jwt.Claims{
		Issuer: clusterIssuer, Subject: subject, Audience: jwt.Audience{azure.Exchange}, Expiry: jwt.NewNumericDate(end),
	}).Serialize()
	require.NoError(t, err)
	return w.file(t, "token", token)
}

// with is the configuration with another access.
func (w *azureWorld) with(access Access, change ...func(*Config)) Config {
	cfg := w.cfg
	cfg.Access = access
	switch access {
	case ClientSecret:
		cfg.Azure.SecretFile = filepath.Join(w.dir, "secret")
	case ClientCertificate:
		cfg.Azure.CertificateFile = filepath.Join(w.dir, "certificate.pem")
	case ManagedIdentity:
		cfg.Azure.MetadataHost = w.MetadataURL()
	case InCluster, Kubeconfig, WorkloadIdentity, AzureCLI:
	}
	for _, f := range change {
		f(&cfg)
	}
	return cfg
}

// Workload identity takes all that it needs from the environment, so this test isn't parallel.
func TestEveryWayIntoAClusterOfAzure(t *testing.T) {
	w := newAzureWorld(t)
	t.Setenv(tokenFileVariable, w.assertion(t, botAccount, time.Now().Add(time.Hour)))
	t.Setenv(clientVariable, w.identity.ClientID)
	t.Setenv(tenantVariable, w.Tenant())
	t.Setenv(authorityVariable, w.AuthorityHost())
	w.file(t, "api-ca.pem", string(w.cluster.CA))
	kubeconfig := w.file(t, "kubeconfig", string(w.kubeconfig()))
	for name, cfg := range map[string]Config{
		"a client secret":      w.with(ClientSecret),
		"a client certificate": w.with(ClientCertificate),
		"a managed identity":   w.with(ManagedIdentity),
		"workload identity":    w.with(WorkloadIdentity),
		"by the environment alone": w.with(WorkloadIdentity, func(c *Config) {
			c.Azure = Azure{ResourceManager: w.ManagerURL(), CAFile: c.Azure.CAFile}
		}),
		"by its resource ID":         w.with(ClientSecret, func(c *Config) { c.Name = "other"; c.Azure.ResourceID = w.cluster.ID() }),
		"with the file of kubelogin": w.with(ClientSecret, func(c *Config) { c.Kubeconfig = kubeconfig }),
		"with its address and authority": w.with(ClientSecret, func(c *Config) {
			c.Server, c.CAFile = w.cluster.Server, filepath.Join(w.dir, "api-ca.pem")
		}),
	} {
		c, err := Open(t.Context(), cfg)
		require.NoError(t, err, name)
		version, err := c.Server(t.Context())
		require.NoError(t, err, name)
		require.Equal(t, "v1.37.2", version, name)
	}
}

// kubeconfig is what Azure hands out for the cluster.
func (w *azureWorld) kubeconfig() []byte {
	return fmt.Appendf(nil, `apiVersion: v1
kind: Config
clusters:
- cluster: {server: %q, certificate-authority: api-ca.pem}
  name: a
contexts:
- context: {cluster: a, user: u}
  name: a
current-context: a
users:
- name: u
  user: {exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: kubelogin, args: [get-token, --server-id, %s]}}
`, w.cluster.Server, azure.AKS)
}

func TestFiftyCommandsWithoutATokenAskForOne(t *testing.T) {
	t.Parallel()
	w := newAzureWorld(t)
	c, err := Open(t.Context(), w.with(ClientSecret))
	require.NoError(t, err)
	var asking sync.WaitGroup
	errs := make([]error, 50)
	for i := range errs {
		asking.Go(func() { _, errs[i] = c.Server(t.Context()) })
	}
	asking.Wait()
	require.NoError(t, errors.Join(errs...))
	require.Len(t, w.TokenRequests(azure.AKS), 1)
	require.Len(t, w.TokenRequests("https://management.azure.com"), 1)
	lookups := 0
	for _, r := range w.Requests(azure.Manager) {
		if strings.HasSuffix(r.Path, "listClusterUserCredential") {
			lookups++
		}
	}
	require.Equal(t, 1, lookups)
}

// Nothing of what Azure answered, and nothing that the bot signs in with, is in what people read or in the log.
func TestErrorsOfAzureAreSentences(t *testing.T) {
	t.Parallel()
	for name, s := range azureScenarios(newAzureWorld(t)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newAzureWorld(t)
			s = azureScenarios(w)[name]
			if s.azure != nil {
				s.azure(w)
			}
			w.SetRedirect("https://elsewhere.example.com")
			cfg := w.with(Access(orElse(string(s.access), string(ClientSecret))))
			if s.cfg != nil {
				s.cfg(&cfg)
			}
			c, err := Open(t.Context(), cfg)
			require.NoError(t, err)
			_, err = w.patient(t, c)
			var said *algesta.Error
			require.ErrorAs(t, err, &said)
			require.Contains(t, said.Message.String(), s.says)
			require.Equal(t, s.passes, !strings.Contains(said.Hint.String(), "operator"), said.Hint.String())
			require.Contains(t, said.Hint.String(), "I'll try again in ")
			w.requireClean(t, said.Message.String(), said.Hint.String(), err.Error(), fmt.Sprintf("%+v", said.Err))
		})
	}
}

// patient asks until the cluster's own time for signing in is over: a caller who gives up first hears only that.
func (w *azureWorld) patient(t *testing.T, c *Cluster) (string, error) {
	t.Helper()
	for {
		version, err := c.Server(t.Context())
		if err == nil || azureErrorIn(errors.Unwrap(err)) != nil || !errors.Is(err, context.DeadlineExceeded) {
			return version, err
		}
	}
}

// requireClean fails where a text holds what must not be told.
func (w *azureWorld) requireClean(t *testing.T, texts ...string) {
	t.Helper()
	w.mu.Lock()
	never := append([]string{azure.RawBody, w.secret, "eyJ", "Trace ID", "<html"}, append(w.Minted(), w.sent...)...)
	w.mu.Unlock()
	for _, text := range texts {
		for _, secret := range never {
			require.False(t, secret != "" && bytes.Contains([]byte(text), []byte(secret)), "%q holds %q", text, secret)
		}
	}
}

func TestAKubeconfigThatIsClusterAdminIsRefused(t *testing.T) {
	t.Parallel()
	w := newAzureWorld(t)
	for name, change := range map[string][3]string{
		"a token":           {"exec: {", "token: abc, x: {", "it holds a certificate, token or password, which for AKS is cluster-admin"},
		"a certificate":     {"exec: {", "client-certificate-data: eA==, x: {", "it holds a certificate, token or password"},
		"another program":   {"kubelogin", "/bin/sh", "wants to run another program than kubelogin"},
		"an open address":   {"https://", "http://", "leaves out https"},
		"no authority":      {", certificate-authority: api-ca.pem", "", "leaves out https, the certificate's check or the authority"},
		"no check":          {"certificate-authority: api-ca.pem", "insecure-skip-tls-verify: true", "leaves out https, the certificate's check"},
		"another context":   {"current-context: a", "current-context: b", "it has no such context"},
		"another tenant":    {"--server-id,", "--tenant-id, other, --server-id,", "it belongs to another tenant"},
		"an application ID": {azure.AKS, "other", "an Entra application of its own"},
	} {
		text := strings.Replace(string(w.kubeconfig()), change[0], change[1], 1)
		path := w.file(t, "refused-kubeconfig", text)
		_, err := Open(t.Context(), w.with(ClientSecret, func(c *Config) { c.Kubeconfig = path }))
		require.ErrorContains(t, err, change[2], name)
		require.NotContains(t, err.Error(), "abc", name)
	}
}
