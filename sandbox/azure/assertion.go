package azure

import (
	"context"
	"crypto/sha1" //nolint:gosec // x5t is one (RFC 7515, 4.1.7)
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// assertionType is the one kind of client assertion (RFC 7523).
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// Exchange is the audience of the tokens that Entra takes from other issuers.
const Exchange = "api://AzureADTokenExchange"

// Federation is a federated credential: whose tokens of another issuer are taken for the identity's own.
type Federation struct {
	Issuer   string // exactly, with its trailing slash if it has one
	Subject  string // such as system:serviceaccount:algesta:algesta
	Audience string // Exchange when empty
	// Keys are the issuer's, as its JWKS has them.
	Keys func(ctx context.Context) (jose.JSONWebKeySet, error)
}

var errNoToken = errors.New("no token of anybody who is known")

// authenticated checks how the client proves who it is, and refuses it where it doesn't.
func (s *Server) authenticated(w http.ResponseWriter, r *http.Request, id Identity) bool {
	form := r.PostForm
	secret, assertion := form.Get("client_secret"), form.Get("client_assertion")
	switch {
	case secret != "" && assertion != "" || secret == "" && assertion == "":
		s.deny(w, 7000218,
			"The request body must contain the following parameter: 'client_assertion' or 'client_secret'.")
	case secret != "" && (id.Secret == "" || secret != id.Secret):
		s.deny(w, 7000215, "Invalid client secret provided. Ensure the secret being sent in the request "+
			"is the client secret value, not the client secret ID, for a secret added to app '"+id.ClientID+"'.")
	case secret != "" && id.SecretExpired:
		s.deny(w, 7000222, "The provided client secret keys for app '"+id.ClientID+"' are expired. "+
			"Visit the Azure portal to create new keys for your app.")
	case secret != "":
		return true
	case form.Get("client_assertion_type") != assertionType:
		s.refuse(w, http.StatusBadRequest, "invalid_request", 900144,
			"The request body must contain the following parameter: 'client_assertion_type'.")
	default:
		return s.asserted(w, r, id, assertion)
	}
	return false
}

// asserted checks a client assertion: of the client's own certificate, or of an issuer that is federated.
func (s *Server) asserted(w http.ResponseWriter, r *http.Request, id Identity, raw string) bool {
	parsed, err := jwt.ParseSigned(raw, []jose.SignatureAlgorithm{jose.RS256, jose.PS256, jose.ES256})
	var c jwt.Claims
	if err == nil {
		err = parsed.UnsafeClaimsWithoutVerification(&c) // it says who is to verify it
	}
	if err != nil {
		s.deny(w, 50027, "JWT token is invalid or malformed.")
		return false
	}
	if c.Issuer == id.ClientID {
		return s.certified(w, id, parsed)
	}
	return s.federated(w, r, id, parsed, c)
}

// certified checks an assertion that the client signed with its certificate.
func (s *Server) certified(w http.ResponseWriter, id Identity, parsed *jwt.JSONWebToken) bool {
	header := parsed.Headers[0].ExtraHeaders
	thumbprint, _ := header["x5t"].(string)
	newer, _ := header["x5t#S256"].(string)
	at := slices.IndexFunc(id.Certificates, func(cert *x509.Certificate) bool {
		old, long := sha1.Sum(cert.Raw), sha256.Sum256(cert.Raw) //nolint:gosec // x5t is one
		return thumbprintOf(thumbprint, old[:]) || thumbprintOf(newer, long[:])
	})
	if at < 0 {
		s.deny(w, 700027, "The certificate with identifier used to sign the client assertion is not "+
			"registered on application. [Reason - The key was not found.]")
		return false
	}
	var c jwt.Claims
	if err := parsed.Claims(id.Certificates[at].PublicKey, &c); err != nil {
		s.deny(w, 700027, "Client assertion failed signature validation.")
		return false
	}
	endpoint := s.addresses[Entra] + "/" + s.opts.Tenant + "/oauth2/v2.0/token"
	want := jwt.Expected{AnyAudience: jwt.Audience{endpoint}, Subject: id.ClientID, Time: s.clock()}
	switch err := c.ValidateWithLeeway(want, 5*time.Minute); {
	case errors.Is(err, jwt.ErrInvalidAudience):
		s.deny(w, 700023, "Client assertion audience claim does not match Realm issuer.")
	case err != nil || c.ID == "":
		s.outsideItsTime(w, c)
	default:
		return true
	}
	return false
}

// federated checks an assertion of another issuer. It has to match one federated credential exactly.
func (s *Server) federated(w http.ResponseWriter, r *http.Request, id Identity, parsed *jwt.JSONWebToken, c jwt.Claims) bool {
	issuers := slices.DeleteFunc(slices.Clone(id.Federations), func(f Federation) bool { return f.Issuer != c.Issuer })
	if len(issuers) == 0 {
		s.deny(w, 700211, "No matching federated identity record found for presented assertion issuer '"+
			c.Issuer+"'. Please check your federated identity credential Subject, Audience and Issuer against the presented assertion.")
		return false
	}
	subjects := slices.DeleteFunc(issuers, func(f Federation) bool { return f.Subject != c.Subject })
	if len(subjects) == 0 {
		s.deny(w, 700213, "No matching federated identity record found for presented assertion subject '"+
			c.Subject+"'. Please check your federated identity credential Subject, Audience and Issuer against the presented assertion.")
		return false
	}
	f := subjects[0]
	if f.Audience == "" {
		f.Audience = Exchange
	}
	if !c.Audience.Contains(f.Audience) {
		s.deny(w, 700212, fmt.Sprintf("No matching federated identity record found for presented assertion "+
			"audience '%s'. Please check your federated identity credential Subject, Audience and Issuer against the presented "+
			"assertion.", c.Audience))
		return false
	}
	keys, err := f.Keys(r.Context())
	if err == nil {
		err = parsed.Claims(keys, &c)
	}
	if err != nil {
		s.deny(w, 50027, "JWT token is invalid or malformed.")
		return false
	}
	if c.ValidateWithLeeway(jwt.Expected{Time: s.clock()}, time.Minute) != nil {
		s.outsideItsTime(w, c)
		return false
	}
	return true
}

// deny refuses who the client says to be.
func (s *Server) deny(w http.ResponseWriter, number int, what string) {
	s.refuse(w, http.StatusUnauthorized, "invalid_client", number, what)
}

func (s *Server) outsideItsTime(w http.ResponseWriter, c jwt.Claims) {
	s.deny(w, 700024, fmt.Sprintf("Client assertion is not within its valid time range. "+
		"Current time: %s, assertion valid from %s, expiry time of assertion %s.", s.clock().UTC().Format(time.RFC3339), c.NotBefore.Time(),
		c.Expiry.Time()))
}

// thumbprintOf reports whether a header holds a thumbprint: in base64url, as RFC 7515 has it, or in base64, as Microsoft's library
// writes it.
func thumbprintOf(header string, sum []byte) bool {
	return header != "" && (header == base64.RawURLEncoding.EncodeToString(sum) || header == base64.StdEncoding.EncodeToString(sum))
}
