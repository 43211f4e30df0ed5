package azure

import (
	"crypto/rsa"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// The resources that tokens are for, as they are in a token's aud.
const (
	AKS         = "6dae42f8-4368-4678-94ff-3960e28e3630" // every AKS API server
	manager     = "https://management.azure.com"
	registryAud = "https://containerregistry.azure.net"
)

// resources are those that exist in the tenant.
var resources = []string{AKS, manager, registryAud}

type signingKey struct {
	id  string
	key *rsa.PrivateKey
}

// claims are those of Entra's application tokens that somebody reads.
type claims struct {
	jwt.Claims
	TenantID string   `json:"tid"`
	ObjectID string   `json:"oid"`
	AppID    string   `json:"appid"`
	Kind     string   `json:"idtyp"`
	Version  string   `json:"ver"`
	UTI      string   `json:"uti"` // unique to the token
	Groups   []string `json:"groups,omitempty"`
}

// discovery is the OpenID configuration of the tenant.
func (s *Server) discovery(w http.ResponseWriter, r *http.Request, _ *Request) {
	tenant := r.PathValue("tenant")
	if !s.known(tenant) {
		s.refuse(w, http.StatusBadRequest, "invalid_tenant", 90002, "Tenant '"+tenant+"' not found. Check to make sure you have the correct "+
			"tenant ID and are signing into the correct cloud.")
		return
	}
	at := s.addresses[Entra] + "/" + s.opts.Tenant
	respond(w, http.StatusOK, map[string]any{
		"issuer":                                s.Issuer(),
		"authorization_endpoint":                at + "/oauth2/v2.0/authorize",
		"token_endpoint":                        at + "/oauth2/v2.0/token",
		"jwks_uri":                              at + "/discovery/v2.0/keys",
		"response_types_supported":              []string{"code", "id_token"},
		"subject_types_supported":               []string{"pairwise"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"token_endpoint_auth_methods_supported": []string{"client_secret_post", "private_key_jwt", "client_secret_basic"},
	})
}

// Issuer is the issuer of the tenant's tokens.
func (s *Server) Issuer() string { return s.addresses[Entra] + "/" + s.opts.Tenant + "/v2.0" }

func (s *Server) known(tenant string) bool { return strings.EqualFold(tenant, s.opts.Tenant) }

// publicKeys is the JWKS.
func (s *Server) publicKeys(w http.ResponseWriter, _ *http.Request, _ *Request) {
	respond(w, http.StatusOK, s.published())
}

func (s *Server) published() jose.JSONWebKeySet {
	s.mu.Lock()
	defer s.mu.Unlock()
	var set jose.JSONWebKeySet
	for _, k := range s.keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: k.key.Public(), KeyID: k.id, Use: "sig", Algorithm: string(jose.RS256)})
	}
	return set
}

// token answers the client credentials grant, the only one that a program uses without a person.
func (s *Server) token(w http.ResponseWriter, r *http.Request, note *Request) {
	if err := r.ParseForm(); err != nil || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		s.refuse(w, http.StatusBadRequest, "invalid_request", 900144, "The request body must contain the following parameter: 'grant_type'.")
		return
	}
	form := r.PostForm
	note.ClientID, note.Scope = form.Get("client_id"), form.Get("scope")
	if tenant := r.PathValue("tenant"); !s.known(tenant) {
		s.refuse(w, http.StatusBadRequest, "invalid_request", 90002, "Tenant '"+tenant+"' not found. Check to make sure you have the correct "+
			"tenant ID and are signing into the correct cloud. This may happen if there are no active subscriptions for the tenant.")
		return
	}
	for _, name := range []string{"grant_type", "client_id", "scope"} {
		if form.Get(name) == "" {
			s.refuse(w, http.StatusBadRequest, "invalid_request", 900144, "The request body must contain the following parameter: '"+name+"'.")
			return
		}
	}
	if grant := form.Get("grant_type"); grant != "client_credentials" {
		s.refuse(w, http.StatusBadRequest, "unsupported_grant_type", 70003, "The app requested an unsupported grant type '"+grant+"'.")
		return
	}
	id, known := s.identity(note.ClientID)
	if !known {
		s.refuse(w, http.StatusBadRequest, "unauthorized_client", 700016, "Application with identifier '"+note.ClientID+"' was not found in the "+
			"directory 'Sandbox'. This can happen if the application has not been installed by the administrator of the tenant or consented "+
			"to by any user in the tenant. You may have sent your authentication request to the wrong tenant.")
		return
	}
	resource, all := strings.CutSuffix(strings.Fields(note.Scope)[0], "/.default")
	if !all {
		s.refuse(w, http.StatusBadRequest, "invalid_scope", 1002012, "The provided value for scope "+note.Scope+" is not valid. "+
			"Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).")
		return
	}
	if !s.authenticated(w, r, id) {
		return
	}
	if resource = strings.TrimSuffix(resource, "/"); !slices.Contains(resources, resource) {
		s.refuse(w, http.StatusBadRequest, "invalid_resource", 500011, "The resource principal named "+resource+" was not found in the tenant "+
			"named Sandbox. This can happen if the application has not been installed by the administrator of the tenant.")
		return
	}
	token, life, err := s.Token(id, resource)
	if err != nil {
		s.refuse(w, http.StatusInternalServerError, "server_error", 90033, "A transient error has occurred. Please try again.")
		return
	}
	seconds := int(life.Seconds())
	answer := map[string]any{"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": token}
	if life >= 2*time.Hour {
		answer["refresh_in"] = seconds / 2
	}
	respond(w, http.StatusOK, answer)
}

// Token is a token of an identity for a resource, and how long it lives.
func (s *Server) Token(id Identity, resource string) (string, time.Duration, error) {
	s.mu.Lock()
	now, life, key := s.now(), s.life, s.keys[len(s.keys)-1]
	s.mu.Unlock()
	signer, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key.key, KeyID: key.id}}, (&jose.SignerOptions{}).WithType("JWT"),
	)
	if err != nil {
		return "", 0, fmt.Errorf("making a signer: %w", err)
	}
	token, err := jwt.Signed(signer).Claims(claims{
		Claims: jwt.Claims{
			Issuer: s.Issuer(), Subject: id.ObjectID, Audience: jwt.Audience{resource}, IssuedAt: jwt.NewNumericDate(now),
			NotBefore: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(life)),
		},
		TenantID: s.opts.Tenant, ObjectID: id.ObjectID, AppID: id.ClientID, Kind: "app", Version: "2.0", UTI: NewID(), Groups: id.Groups,
	}).Serialize()
	if err != nil {
		return "", 0, fmt.Errorf("signing a token: %w", err)
	}
	s.mint(token)
	return token, life, nil
}

// bearer is whose token a request has, checked as a resource does: signature, issuer, audience and time.
func (s *Server) bearer(r *http.Request, audience string) (Identity, error) {
	raw, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !found {
		return Identity{}, errNoToken
	}
	return s.Verify(raw, audience)
}

// Verify is whose token this is, checked as a resource does.
func (s *Server) Verify(raw, audience string) (Identity, error) {
	parsed, err := jwt.ParseSigned(raw, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return Identity{}, fmt.Errorf("reading a token: %w", err)
	}
	var c claims
	if err := parsed.Claims(s.published(), &c); err != nil {
		return Identity{}, fmt.Errorf("checking a token's signature: %w", err)
	}
	want := jwt.Expected{Issuer: s.Issuer(), AnyAudience: jwt.Audience{audience, audience + "/"}, Time: s.clock()}
	if err := c.ValidateWithLeeway(want, time.Minute); err != nil {
		return Identity{}, fmt.Errorf("checking a token: %w", err)
	}
	id, known := s.identity(c.AppID)
	if !known {
		return Identity{}, errNoToken
	}
	return id, nil
}

// refuse is an error of Entra, in its shape.
func (s *Server) refuse(w http.ResponseWriter, code int, kind string, number int, what string) {
	now, trace, correlation := s.clock().UTC().Format("2006-01-02 15:04:05Z"), NewID(), NewID()
	respond(w, code, map[string]any{
		"error": kind,
		"error_description": fmt.Sprintf("AADSTS%d: %s %s Trace ID: %s Correlation ID: %s Timestamp: %s", number, what, RawBody, trace,
			correlation, now),
		"error_codes": []int{number}, "timestamp": now, "trace_id": trace, "correlation_id": correlation,
		"error_uri": fmt.Sprintf("%s/error?code=%d", s.addresses[Entra], number),
	})
}
