package kube

import (
	"errors"
	"net/http"
	"net/url"

	"k8s.io/client-go/rest"
)

// The audiences of tokens. Each is sent to its own service alone.
const (
	aksScope      = "6dae42f8-4368-4678-94ff-3960e28e3630/.default" // Microsoft's application for AKS API servers, the same in every cloud
	registryScope = "https://containerregistry.azure.net/.default"
)

// azureAccess is how the bot signs in to one cluster of Azure, and to Azure itself.
type azureAccess struct {
	cfg     Config
	client  *http.Client // to Entra, the metadata service and the Resource Manager
	cluster *tokens      // for the API server
	manager *tokens      // for the Resource Manager
	located *located     // nil where the configuration has the address
	owner   *signing
}

// azureConfig signs in to an AKS cluster with a token of Microsoft Entra. base has the address and the certificate authority; nil has them
// looked up when they are needed first: Azure may be away when the bot starts.
func azureConfig(cfg Config, base *rest.Config) (*rest.Config, *azureAccess, error) {
	client, err := azureClient(cfg)
	if err != nil {
		return nil, nil, err
	}
	a := &azureAccess{cfg: cfg, client: client, owner: newSigning(cfg.Panics, cfg.Log)}
	a.cluster = newAzureTokens(aksScope, cfg, client)
	a.manager = newAzureTokens(managerAudience(cfg.Azure)+"/.default", cfg, client)
	a.cluster.owner, a.manager.owner = a.owner, a.owner
	out := &rest.Config{}
	if base == nil {
		a.located = &located{find: a.find, again: lookUpAgain, owner: a.owner}
		out.Host, out.Transport = "https://"+placeholder, a.located
	} else {
		host, err := url.Parse(base.Host)
		if err != nil || host.Scheme != "https" || host.Host == "" || base.Insecure {
			return nil, nil, errors.New("a token is sent only to an https server whose certificate is checked")
		}
		out.Host = base.Host
		out.TLSClientConfig = rest.TLSClientConfig{CAFile: base.CAFile, CAData: base.CAData, ServerName: base.ServerName}
	}
	at, err := url.Parse(out.Host)
	if err != nil {
		return nil, nil, errors.New("the server's address can't be read")
	}
	out.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return &signedIn{next: next, tokens: a.cluster, host: at.Host}
	})
	return out, a, nil
}

// newAzureTokens are the tokens for a scope, of whoever a configuration says that the bot is.
func newAzureTokens(scope string, cfg Config, client *http.Client) *tokens {
	t := newTokens(scope, credentials{cfg: cfg, client: client}.fresh)
	if cfg.Access == ManagedIdentity {
		t.cached, t.who = true, "Azure's metadata service"
	}
	return t
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
		return nil, err
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
