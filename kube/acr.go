package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/redact"
)

const (
	// signedWithin bounds a question to a registry that the bot signs in to: there may be no token yet.
	signedWithin = 5 * time.Second
	// exchangeLife is how long the registry's own refresh token is used. It lasts three hours (ACR, oauth2 documentation).
	exchangeLife    = time.Hour
	maxTagsAnswer   = 1 << 20
	maxExchangeBody = 64 << 10
	mostTags        = 100
)

// registrySignIn is how the bot signs in to one registry of Azure: with a token of Microsoft Entra it gets one of the registry's own.
type registrySignIn struct {
	tokens *tokens

	mu      sync.Mutex
	refresh string
	from    time.Time
}

// newRegistrySignIns are the sign-ins of the registries whose configuration names a way in, by their host.
func newRegistrySignIns(cfg Config) (map[string]*registrySignIn, error) {
	out := map[string]*registrySignIn{}
	for _, r := range cfg.Registries {
		if r.Access == "" {
			continue
		}
		as := Config{Name: r.Host, Access: r.Access, Azure: r.Azure, SecretValues: cfg.SecretValues}
		client, err := azureClient(as)
		if err != nil {
			return nil, fmt.Errorf("registry %s: %w", r.Host, err)
		}
		tokens := newAzureTokens(registryScope, as, client)
		tokens.owner = newSigning(cfg.Panics, cfg.Log)
		out[r.asked()] = &registrySignIn{tokens: tokens}
	}
	return out, nil
}

// authenticator is how a client of registries signs in. The token of Microsoft Entra goes to the registry's own host, over way, which goes
// nowhere else.
func (s *registrySignIn) authenticator(ctx context.Context, host string, way http.RoundTripper) (authn.Authenticator, error) {
	s.mu.Lock()
	refresh := s.refresh
	if time.Since(s.from) > exchangeLife {
		refresh = ""
	}
	s.mu.Unlock()
	if refresh != "" {
		return authn.FromConfig(authn.AuthConfig{IdentityToken: refresh}), nil
	}
	token, err := s.tokens.get(ctx)
	if err != nil {
		return nil, err
	}
	form := url.Values{"grant_type": {"access_token"}, "service": {host}, "access_token": {token}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+host+"/oauth2/exchange", strings.NewReader(form.Encode()))
	if err != nil {
		return nil, fmt.Errorf("signing in to a registry: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := way.RoundTrip(req) // no client: a redirect isn't followed with a token
	if err != nil {
		return nil, fmt.Errorf("signing in to a registry: %w", err)
	}
	defer res.Body.Close() //nolint:errcheck // it was only read
	if res.StatusCode == http.StatusUnauthorized {
		s.tokens.reject(token)
	}
	if res.StatusCode != http.StatusOK {
		return nil, &transport.Error{StatusCode: res.StatusCode}
	}
	var answer struct {
		Refresh string `json:"refresh_token"`
	}
	if json.NewDecoder(io.LimitReader(res.Body, maxExchangeBody)).Decode(&answer) != nil || answer.Refresh == "" {
		return nil, errNotARegistry
	}
	s.mu.Lock()
	s.refresh, s.from = answer.Refresh, time.Now()
	s.mu.Unlock()
	return authn.FromConfig(authn.AuthConfig{IdentityToken: answer.Refresh}), nil
}

var errNotARegistry = errors.New("the answer isn't a registry's")

// forget drops the registry's refresh token after a refusal.
func (s *registrySignIn) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refresh = ""
}

// tagName is what a tag may be (OCI distribution specification).
var tagName = regexp.MustCompile(`^\w[\w.-]{0,127}$`)

// NewestTags are the tags of an image's repository that were pushed last, newest first, at most most. Only a registry of Azure that the
// configuration has the bot sign in to can say them; any other is ErrRefused. Their errors are those of Image.
func (c *Cluster) NewestTags(ctx context.Context, image string, most int) ([]algesta.Tag, error) {
	ref, err := name.ParseReference(image)
	if err != nil {
		return nil, notAnImage(image)
	}
	registry, repository := ref.Context().RegistryStr(), ref.Context().RepositoryStr()
	signIn := c.signIns[registry]
	if signIn == nil {
		return nil, &algesta.Error{
			Kind: algesta.ErrRefused, Message: algesta.Say("I don't sign in to {}, so I can't list its tags.", algesta.Name(registry)),
			Hint: algesta.Say("Type the tag. For a list, have the registry named under registries in my configuration."),
		}
	}
	ctx, cancel := context.WithTimeout(ctx, signedWithin)
	defer cancel()
	way := c.reach.to(c.registries[registry])
	defer way.CloseIdleConnections()
	auth, err := signIn.authenticator(ctx, registry, way)
	if err != nil {
		return nil, explainRegistry(ref, err)
	}
	scopes := []string{"repository:" + repository + ":pull,metadata_read"}
	signed, err := transport.NewWithContext(ctx, ref.Context().Registry, auth, way, scopes)
	if err != nil {
		return nil, explainRegistry(ref, err)
	}
	query := url.Values{"orderby": {"timedesc"}, "n": {fmt.Sprint(min(most, mostTags))}}
	address := "https://" + registry + "/acr/v1/" + repository + "/_tags?" + query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, notAnImage(image)
	}
	res, err := signed.RoundTrip(req)
	if err != nil {
		return nil, explainRegistry(ref, err)
	}
	defer res.Body.Close() //nolint:errcheck // it was only read
	if res.StatusCode != http.StatusOK {
		if res.StatusCode == http.StatusUnauthorized {
			signIn.forget()
		}
		return nil, explainRegistry(ref, &transport.Error{StatusCode: res.StatusCode})
	}
	return tagsIn(res.Body, most)
}

// tagsIn reads the tags of an answer.
func tagsIn(body io.Reader, most int) ([]algesta.Tag, error) {
	var answer struct {
		Tags []struct {
			Name    string    `json:"name"`
			Updated time.Time `json:"lastUpdateTime"`
		} `json:"tags"`
	}
	if json.NewDecoder(io.LimitReader(body, maxTagsAnswer)).Decode(&answer) != nil {
		return nil, &algesta.Error{Kind: algesta.ErrUnreachable, Message: algesta.Say("I couldn't read the registry's answer.")}
	}
	var out []algesta.Tag
	for _, t := range answer.Tags {
		if len(out) < most && tagName.MatchString(t.Name) {
			out = append(out, algesta.Tag{Name: t.Name, Pushed: t.Updated})
		}
	}
	return out, nil
}

func notAnImage(image string) error {
	return &algesta.Error{Kind: algesta.ErrInvalid, Message: algesta.Say("{} isn't a valid image name.", algesta.Name(redact.Clean(image)))}
}
