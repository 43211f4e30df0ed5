package kube

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"k8s.io/client-go/rest"

	"github.com/3astronautas/algesta"
)

// aksScope is the audience of every AKS API server: Microsoft's server application for AKS, the same in every cloud.
const aksScope = "6dae42f8-4368-4678-94ff-3960e28e3630/.default"

// azureConfig signs in to an AKS cluster with a token of Microsoft Entra. Of base it takes the address and the
// certificate authority alone: a client certificate or token of `az aks get-credentials` is cluster-admin.
func azureConfig(cfg Config, base *rest.Config) (*rest.Config, error) {
	host, err := url.Parse(base.Host)
	if err != nil || host.Scheme != "https" || base.Insecure {
		return nil, errors.New("a token is sent only to an https server whose certificate is checked")
	}
	out := &rest.Config{
		Host:            base.Host,
		TLSClientConfig: rest.TLSClientConfig{CAFile: base.CAFile, CAData: base.CAData, ServerName: base.ServerName},
	}
	source := newTokens(func() (azcore.TokenCredential, error) { return credential(cfg) })
	out.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return &signedIn{next: next, tokens: source, host: host.Host}
	})
	return out, nil
}

// credential makes the one kind of credential that the configuration names. DefaultAzureCredential is not used: it
// may silently find the identity of the node.
func credential(cfg Config) (azcore.TokenCredential, error) {
	id, options := cfg.Azure, azcore.ClientOptions{}
	options.Retry = policy.RetryOptions{MaxRetries: 1, TryTimeout: 5 * time.Second, RetryDelay: 500 * time.Millisecond}
	private := id.AuthorityHost != ""
	if private {
		options.Cloud = cloud.Configuration{ActiveDirectoryAuthorityHost: id.AuthorityHost}
	}
	tenant, client := orElse(id.TenantID, os.Getenv("AZURE_TENANT_ID")), orElse(id.ClientID, os.Getenv("AZURE_CLIENT_ID"))
	switch cfg.Access {
	case WorkloadIdentity:
		return azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
			ClientOptions: options, ClientID: client, TenantID: tenant, DisableInstanceDiscovery: private,
		})
	case ManagedIdentity:
		managed := &azidentity.ManagedIdentityCredentialOptions{ClientOptions: azcore.ClientOptions{}}
		if client != "" {
			managed.ID = azidentity.ClientID(client)
		}
		return azidentity.NewManagedIdentityCredential(managed)
	case ClientSecret:
		secret, err := readFile(id.SecretFile)
		if err != nil {
			return nil, err
		}
		return azidentity.NewClientSecretCredential(
			tenant, client, secret, &azidentity.ClientSecretCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: private},
		)
	case ClientCertificate:
		file, err := os.ReadFile(id.CertificateFile)
		if err != nil {
			return nil, fmt.Errorf("reading a credential: %w", err)
		}
		certificates, key, err := azidentity.ParseCertificates(file, nil)
		if err != nil {
			return nil, errors.New("the certificate file holds no certificate with its key")
		}
		return azidentity.NewClientCertificateCredential(
			tenant, client, certificates, key,
			&azidentity.ClientCertificateCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: private},
		)
	case AzureCLI:
		return azidentity.NewAzureCLICredential(&azidentity.AzureCLICredentialOptions{TenantID: id.TenantID})
	case InCluster, Kubeconfig:
	}
	return nil, fmt.Errorf("access %q signs in without Microsoft Entra", cfg.Access)
}

// signedIn adds the token to requests for one API server.
type signedIn struct {
	next   http.RoundTripper
	tokens *tokens
	host   string
}

// RoundTrip implements http.RoundTripper. The token goes only to the API server itself: an http.Client follows redirects
// through its transport. After a 401 it signs in again and tries once more.
func (s *signedIn) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Host != s.host || req.URL.Scheme != "https" || req.Header.Get("Authorization") != "" {
		return s.next.RoundTrip(req)
	}
	token, err := s.tokens.get(req.Context())
	if err != nil {
		closeBody(req)
		return nil, &signInError{code: codeIn(err), err: err}
	}
	res, err := s.next.RoundTrip(withToken(req, token))
	if err != nil || res.StatusCode != http.StatusUnauthorized || req.Body != nil && req.GetBody == nil {
		return res, err
	}
	if !s.tokens.reject(token) {
		return res, nil
	}
	again := req.Clone(req.Context())
	if req.GetBody != nil {
		if again.Body, err = req.GetBody(); err != nil {
			return res, nil //nolint:nilerr // the 401 is the answer
		}
	}
	if token, err = s.tokens.get(req.Context()); err != nil {
		closeBody(again)
		return res, nil //nolint:nilerr // the 401 is the answer
	}
	_ = res.Body.Close()
	return s.next.RoundTrip(withToken(again, token))
}

// WrappedRoundTripper lets client-go find the transport underneath.
func (s *signedIn) WrappedRoundTripper() http.RoundTripper { return s.next }

func withToken(req *http.Request, token string) *http.Request {
	out := req.Clone(req.Context())
	out.Header.Set("Authorization", "Bearer "+token)
	return out
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}

// signInError is a request that was never sent, because there was no token for it.
type signInError struct {
	code string // "AADSTS7000215", "TOKEN_FILE", "UNREACHABLE"
	err  error
}

// Error names the code alone: azidentity's own text has seventeen lines.
func (e *signInError) Error() string { return "signing in to Microsoft Entra: " + e.code }

// Unwrap keeps context errors recognisable.
func (e *signInError) Unwrap() error { return e.err }

func signInCode(err error) string {
	if e, ok := errors.AsType[*signInError](err); ok {
		return e.code
	}
	return ""
}

var entraCode = regexp.MustCompile(`AADSTS\d+`)

func codeIn(err error) string {
	if code := entraCode.FindString(err.Error()); code != "" {
		return code
	}
	if strings.Contains(err.Error(), "no such file") {
		return "TOKEN_FILE"
	}
	return "UNREACHABLE"
}

// signInHelp says what to do about a code (reference azure.md, 1.7).
var signInHelp = map[string]string{ //nolint:gosec // sentences about credentials
	"AADSTS7000215": "the client secret is wrong: the value is needed, not its ID",
	"AADSTS7000222": "the client secret has expired",
	"AADSTS700016":  "the client ID isn't known in this tenant",
	"AADSTS90002":   "the tenant isn't known",
	"AADSTS700211":  "the issuer of the federated credential doesn't match the cluster's",
	"AADSTS700212":  "the audience of the federated credential doesn't match",
	"AADSTS700213":  "the subject of the federated credential doesn't match my ServiceAccount",
	"AADSTS700024":  "the ServiceAccount's token has expired: look at the node's clock and the token's volume",
	"TOKEN_FILE":    "my pod has no token file: the label azure.workload.identity/use is missing, or the pod is older than the webhook",
}

type signInSentence struct{ message, hint algesta.Text }

func explainSignIn(cluster string, err error) (signInSentence, bool) {
	code := signInCode(err)
	if code == "" || errors.Is(err, context.Canceled) {
		return signInSentence{}, false
	}
	why, known := signInHelp[code]
	if !known {
		return signInSentence{
			algesta.Say("I can't sign in to {}: Microsoft Entra doesn't answer ({}).", algesta.Name(cluster), code),
			algesta.Say("Nothing was changed. Ask again in a minute."),
		}, true
	}
	return signInSentence{
		algesta.Say("I can't sign in to {}: {} ({}).", algesta.Name(cluster), why, code),
		algesta.Say("Nothing was changed. The bot's operator can fix it."),
	}, true
}
