package azure_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta/sandbox/azure"
)

const (
	issuer        = "https://kubernetes.example.com/"
	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	subject       = "system:serviceaccount:algesta:algesta"
)

// tenant is an Azure with one identity, which may sign in in every way, and the keys that it needs for that.
type tenant struct {
	*azure.Server
	id      azure.Identity
	issuer  *rsa.PrivateKey // of the federated tokens
	key     *rsa.PrivateKey // of the certificate
	cluster azure.Cluster
	client  *http.Client
}

func newTenant(t *testing.T) *tenant {
	t.Helper()
	x := &tenant{cluster: azure.Cluster{
		Subscription: azure.NewID(), Group: "rg-algesta-dev", Name: "aks-algesta-dev", Server: "https://aks-algesta-dev.example.com:443",
		CA: []byte("ca"),
	}}
	var err error
	x.issuer, err = rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	x.key, err = rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "algesta"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, x.key.Public(), x.key)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	x.id = azure.Identity{
		ClientID: azure.NewID(), ObjectID: azure.NewID(), Secret: "secret-" + azure.NewID(), Managed: true,
		Certificates: []*x509.Certificate{cert},
		Federations: []azure.Federation{{Issuer: issuer, Subject: subject, Keys: func(context.Context) (jose.JSONWebKeySet, error) {
			return jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: x.issuer.Public(), KeyID: "1"}}}, nil
		}}},
		Roles: map[string][]string{azure.ClusterUser: {x.cluster.ID()}, azure.Pull: {azure.RegistryID}},
	}
	x.Server = azure.New(t, azure.Options{Identities: []azure.Identity{x.id}, Clusters: []azure.Cluster{x.cluster}})
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(x.CA()))
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig.RootCAs, transport.Proxy = roots, nil
	t.Cleanup(transport.CloseIdleConnections)
	x.client = &http.Client{Transport: transport}
	return x
}

func (x *tenant) options() azcore.ClientOptions {
	return azcore.ClientOptions{
		Cloud:     cloud.Configuration{ActiveDirectoryAuthorityHost: x.AuthorityHost()},
		Transport: x.client,
		Retry:     policy.RetryOptions{MaxRetries: -1},
	}
}

// assertion is a token of the federated issuer.
func (x *tenant) assertion(t *testing.T, change func(*jwt.Claims)) string {
	t.Helper()
	c := jwt.Claims{
		Issuer: issuer, Subject: subject, Audience: jwt.Audience{azure.Exchange}, Expiry: jwt.NewNumericDate(time.Now().Add(time.Hour)),
		NotBefore: jwt.NewNumericDate(time.Now()),
	}
	if change != nil {
		change(&c)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: x.issuer, KeyID: "1"}}, nil)
	require.NoError(t, err)
	token, err := jwt.Signed(signer).Claims(c).Serialize()
	require.NoError(t, err)
	return token
}

// post sends a form to the token endpoint and returns the status, the AADSTS number, 0 for none, and the token.
func (x *tenant) post(t *testing.T, tenantID string, form url.Values) (int, int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(
		t.Context(), http.MethodPost, x.AuthorityHost()+tenantID+"/oauth2/v2.0/token", strings.NewReader(form.Encode()),
	)
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	var answer struct {
		Token string `json:"access_token"`
		Codes []int  `json:"error_codes"`
	}
	code := x.do(t, req, &answer)
	if len(answer.Codes) > 0 {
		return code, answer.Codes[0], answer.Token
	}
	return code, 0, answer.Token
}

func (x *tenant) do(t *testing.T, req *http.Request, into any) int {
	t.Helper()
	res, err := x.client.Do(req)
	require.NoError(t, err)
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	if into != nil {
		require.NoError(t, json.Unmarshal(body, into), string(body))
	}
	return res.StatusCode
}

func TestMicrosoftsOwnLibrarySignsIn(t *testing.T) {
	t.Parallel()
	x := newTenant(t)
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte(x.assertion(t, nil)), 0o600))
	secret, err := azidentity.NewClientSecretCredential(x.Tenant(), x.id.ClientID, x.id.Secret,
		&azidentity.ClientSecretCredentialOptions{ClientOptions: x.options(), DisableInstanceDiscovery: true})
	require.NoError(t, err)
	certificate, err := azidentity.NewClientCertificateCredential(x.Tenant(), x.id.ClientID, x.id.Certificates, x.key,
		&azidentity.ClientCertificateCredentialOptions{ClientOptions: x.options(), DisableInstanceDiscovery: true})
	require.NoError(t, err)
	workload, err := azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
		ClientOptions: x.options(), TenantID: x.Tenant(), ClientID: x.id.ClientID, TokenFilePath: file, DisableInstanceDiscovery: true,
	})
	require.NoError(t, err)
	for name, credential := range map[string]azcore.TokenCredential{"secret": secret, "certificate": certificate, "workload": workload} {
		token, err := credential.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{azure.AKS + "/.default"}})
		require.NoError(t, err, name)
		require.WithinDuration(t, time.Now().Add(time.Hour), token.ExpiresOn, time.Minute)
	}
	require.Len(t, x.TokenRequests(azure.AKS), 3)
}

func TestEntraRefuses(t *testing.T) {
	t.Parallel()
	x := newTenant(t)
	x.Change(func(ids []azure.Identity, _ []azure.Cluster) { ids[0].Certificates = nil })
	federated := func(change func(*jwt.Claims)) url.Values {
		return url.Values{"client_assertion": {x.assertion(t, change)}, "client_assertion_type": {assertionType}}
	}
	long := jwt.NewNumericDate(time.Now().Add(-time.Hour))
	unsigned := url.Values{"client_assertion": {forged(x.assertion(t, nil))}, "client_assertion_type": {assertionType}}
	tests := map[string]struct {
		with   url.Values // beside what every request has
		tenant string
		code   int
	}{
		"a secret that is good is taken":   {with: url.Values{"client_secret": {x.id.Secret}}},
		"another secret":                   {with: url.Values{"client_secret": {"another"}}, code: 7000215},
		"no secret and no assertion":       {code: 7000218},
		"both":                             {with: url.Values{"client_secret": {x.id.Secret}, "client_assertion": {"x"}}, code: 7000218},
		"another tenant":                   {with: url.Values{"client_secret": {x.id.Secret}}, tenant: azure.NewID(), code: 90002},
		"another client":                   {with: url.Values{"client_id": {azure.NewID()}}, code: 700016},
		"another grant":                    {with: url.Values{"grant_type": {"password"}}, code: 70003},
		"no scope":                         {with: url.Values{"scope": {""}}, code: 900144},
		"a scope without .default":         {with: url.Values{"scope": {azure.AKS + "/user.read"}}, code: 1002012},
		"a resource that isn't there":      {with: url.Values{"scope": {"api://x/.default"}, "client_secret": {x.id.Secret}}, code: 500011},
		"a federated token is taken":       {with: federated(nil)},
		"one of another issuer":            {with: federated(func(c *jwt.Claims) { c.Issuer = strings.TrimSuffix(issuer, "/") }), code: 700211},
		"one of another audience":          {with: federated(func(c *jwt.Claims) { c.Audience = jwt.Audience{"https://x"} }), code: 700212},
		"one of another ServiceAccount":    {with: federated(func(c *jwt.Claims) { c.Subject += "2" }), code: 700213},
		"one that has expired":             {with: federated(func(c *jwt.Claims) { c.Expiry = long }), code: 700024},
		"no token at all as an assertion":  {with: url.Values{"client_assertion": {"x"}, "client_assertion_type": {assertionType}}, code: 50027},
		"an assertion of an unknown kind":  {with: url.Values{"client_assertion": {"x"}, "client_assertion_type": {"x"}}, code: 900144},
		"an assertion that nobody signed":  {with: unsigned, code: 50027},
		"an assertion of its own, unknown": {with: federated(func(c *jwt.Claims) { c.Issuer = x.id.ClientID }), code: 700027},
	}
	for name, tc := range tests {
		form := url.Values{"client_id": {x.id.ClientID}, "grant_type": {"client_credentials"}, "scope": {azure.AKS + "/.default"}}
		maps.Copy(form, tc.with)
		at := x.Tenant()
		if tc.tenant != "" {
			at = tc.tenant
		}
		status, code, token := x.post(t, at, form)
		require.Equal(t, tc.code, code, name)
		require.Equal(t, tc.code == 0, token != "", name)
		require.Equal(t, tc.code == 0, status == http.StatusOK, name)
	}
}

// forged is a token with another end.
func forged(token string) string { return token[:strings.LastIndex(token, ".")+1] + "AAAA" }

func TestTheMetadataServiceIsStrict(t *testing.T) {
	t.Parallel()
	x := newTenant(t)
	const good = "?api-version=2018-02-01&resource=" + azure.AKS
	for name, tc := range map[string]struct {
		query, header string
		code          int
	}{
		"as documented":    {good, "true", http.StatusOK},
		"with a client":    {good + "&client_id=" + x.id.ClientID, "true", http.StatusOK},
		"without header":   {good, "", http.StatusBadRequest},
		"another client":   {good + "&client_id=" + azure.NewID(), "true", http.StatusBadRequest},
		"without version":  {"?resource=" + azure.AKS, "true", http.StatusBadRequest},
		"without resource": {"?api-version=2018-02-01", "true", http.StatusBadRequest},
	} {
		at := x.MetadataURL() + "/metadata/identity/oauth2/token" + tc.query
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at, http.NoBody)
		require.NoError(t, err)
		req.Header.Set("Metadata", tc.header)
		var answer map[string]string
		require.Equal(t, tc.code, x.do(t, req, &answer), name)
		require.Equal(t, tc.code == http.StatusOK, answer["access_token"] != "", name)
	}
}

func TestTheManagerChecksTokensAndRoles(t *testing.T) {
	t.Parallel()
	x := newTenant(t)
	other := azure.Identity{ClientID: azure.NewID(), ObjectID: azure.NewID()}
	stranger := newTenant(t)
	token := func(s *azure.Server, id azure.Identity, resource string) string {
		token, _, err := s.Token(id, resource)
		require.NoError(t, err)
		return token
	}
	const arm = "https://management.azure.com"
	credentials := x.cluster.ID() + "/listClusterUserCredential"
	all := "/subscriptions/" + x.cluster.Subscription + "/providers/Microsoft.ContainerService/managedClusters"
	mine, forAKS := token(x.Server, x.id, arm), token(x.Server, x.id, azure.AKS)
	theirs, nobodys := token(stranger.Server, stranger.id, arm), token(x.Server, other, arm)
	for name, tc := range map[string]struct {
		method, path, token string
		code                int
		says                string
	}{
		"the credentials": {http.MethodPost, credentials, mine, http.StatusOK, "clusterUser"},
		"the cluster":     {http.MethodGet, x.cluster.ID(), mine, http.StatusOK, "aks-algesta-dev"},
		"all of them":     {http.MethodGet, all, mine, http.StatusOK, "aks-algesta-dev"},
		"a token for AKS": {http.MethodPost, credentials, forAKS, http.StatusUnauthorized, "InvalidAuthenticationTokenAudience"},
		"another tenant":  {http.MethodPost, credentials, theirs, http.StatusUnauthorized, "InvalidAuthenticationToken"},
		"no token":        {http.MethodPost, credentials, "", http.StatusUnauthorized, "AuthenticationFailed"},
		"nobody's token":  {http.MethodPost, credentials, nobodys, http.StatusUnauthorized, "AuthenticationFailed"},
		"another cluster": {http.MethodGet, x.cluster.ID() + "2", mine, http.StatusForbidden, "AuthorizationFailed"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), tc.method, x.ManagerURL()+tc.path+"?api-version=2025-02-01", http.NoBody)
		require.NoError(t, err)
		if tc.token != "" {
			req.Header.Set("Authorization", "Bearer "+tc.token)
		}
		var answer json.RawMessage
		require.Equal(t, tc.code, x.do(t, req, &answer), name)
		require.Contains(t, string(answer), tc.says, name)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	x := newTenant(t)
	ask := func(ctx context.Context) (int, error) {
		at := x.AuthorityHost() + x.Tenant() + "/v2.0/.well-known/openid-configuration"
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, http.NoBody)
		require.NoError(t, err)
		res, err := x.client.Transport.RoundTrip(req)
		if err != nil {
			return 0, err
		}
		defer func() { _ = res.Body.Close() }()
		return res.StatusCode, nil
	}
	x.SetRedirect("https://elsewhere.example.com/")
	for fault, want := range map[azure.Fault]int{
		azure.None: 200, azure.Down: 503, azure.Throttled: 429, azure.Garbage: 200, azure.Redirect: 307, azure.Reset: 0, azure.Hang: 0,
	} {
		x.SetFault(azure.Entra, fault)
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		if fault != azure.Hang {
			cancel()
			ctx, cancel = context.WithCancel(t.Context())
		}
		code, err := ask(ctx)
		cancel()
		require.Equal(t, want, code, fault)
		require.Equal(t, want == 0, err != nil, fault)
		require.Equal(t, fault == azure.Hang, errors.Is(err, context.DeadlineExceeded), fault)
	}
}
