package azure

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// Image is a tag of a repository of the registry.
type Image struct {
	Repository, Tag string
	Pushed          time.Time
}

// Digest is that of its manifest, made up.
func (i Image) Digest() string {
	sum := sha256.Sum256([]byte(i.Repository + ":" + i.Tag))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// RegistryID is the resource that Pull is assigned for.
const RegistryID = "/registry"

// refreshToken is what the registry gave for a token of Entra.
type refreshToken struct {
	who Identity
	end time.Time
}

// registryClaims are those of the registry's own access tokens.
type registryClaims struct {
	jwt.Claims
	Access []registryAccess `json:"access"`
}

type registryAccess struct {
	Kind    string   `json:"type"`
	Name    string   `json:"name"`
	Actions []string `json:"actions"`
}

// exchange gives a refresh token for a token of Entra.
func (s *Server) exchange(w http.ResponseWriter, r *http.Request, note *Request) {
	form, ok := s.registryForm(w, r, "access_token")
	if !ok {
		return
	}
	who, err := s.Verify(form("access_token"), registryAud)
	if err != nil {
		unauthorized(w)
		return
	}
	note.ClientID = who.ClientID
	token := hex.EncodeToString(random(32))
	s.mint(token)
	s.mu.Lock()
	s.refresh[token] = refreshToken{who: who, end: s.now().Add(3 * time.Hour)}
	s.mu.Unlock()
	respond(w, http.StatusOK, map[string]string{"refresh_token": token})
}

// registryToken gives an access token for a refresh token, with what of the scope its owner may do.
func (s *Server) registryToken(w http.ResponseWriter, r *http.Request, note *Request) {
	form, ok := s.registryForm(w, r, "refresh_token")
	if !ok {
		return
	}
	note.Scope = form("scope")
	s.mu.Lock()
	from, known := s.refresh[form("refresh_token")]
	now, key := s.now(), s.keys[len(s.keys)-1]
	s.mu.Unlock()
	if !known || from.end.Before(now) {
		unauthorized(w)
		return
	}
	note.ClientID = from.who.ClientID
	c := registryClaims{Claims: jwt.Claims{
		Issuer: "Azure Container Registry", Audience: jwt.Audience{s.RegistryHost()}, Subject: from.who.ClientID,
		Expiry: jwt.NewNumericDate(now.Add(75 * time.Minute)), NotBefore: jwt.NewNumericDate(now), ID: NewID(),
	}}
	for scope := range strings.FieldsSeq(note.Scope) {
		parts := strings.SplitN(scope, ":", 3)
		if len(parts) == 3 && from.who.has(RegistryID, Pull) {
			c.Access = append(c.Access, registryAccess{Kind: parts[0], Name: parts[1], Actions: strings.Split(parts[2], ",")})
		}
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key.key, KeyID: key.id}}, nil)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	token, err := jwt.Signed(signer).Claims(c).Serialize()
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	s.mint(token)
	respond(w, http.StatusOK, map[string]string{"access_token": token})
}

// registryForm reads the form of a token request and checks what every one has.
func (s *Server) registryForm(w http.ResponseWriter, r *http.Request, grant string) (func(string) string, bool) {
	if r.ParseForm() != nil || r.PostForm.Get("grant_type") != grant || r.PostForm.Get(grant) == "" ||
		r.PostForm.Get("service") != s.RegistryHost() {
		registryError(w, http.StatusBadRequest, "UNSUPPORTED", "the request's form is not as documented")
		return nil, false
	}
	return r.PostForm.Get, true
}

// pull answers the part of the distribution API that says whether a manifest is there.
func (s *Server) pull(w http.ResponseWriter, r *http.Request, note *Request) {
	rest := strings.TrimPrefix(r.URL.Path, "/v2/")
	if rest == "" {
		s.challenge(w, "")
		return
	}
	repository, reference, found := strings.Cut(rest, "/manifests/")
	if !found || r.Method != http.MethodHead && r.Method != http.MethodGet {
		registryError(w, http.StatusMethodNotAllowed, "UNSUPPORTED", "The operation is unsupported.")
		return
	}
	if !s.may(w, r, note, repository, "pull") {
		return
	}
	image, ok := s.image(w, repository, reference)
	if !ok {
		return
	}
	w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
	w.Header().Set("Content-Length", "2")
	w.Header().Set("Docker-Content-Digest", image.Digest())
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodGet {
		_, _ = w.Write([]byte("{}"))
	}
}

// tags answers the registry's own API of tags: GET /acr/v1/<repository>/_tags?n=5&orderby=timedesc.
func (s *Server) tags(w http.ResponseWriter, r *http.Request, note *Request) {
	repository, found := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, "/acr/v1/"), "/_tags")
	if !found {
		registryError(w, http.StatusNotFound, "NAME_UNKNOWN", "repository name not known to registry")
		return
	}
	if !s.may(w, r, note, repository, "metadata_read") {
		return
	}
	s.mu.Lock()
	var images []Image
	for _, image := range s.images {
		if image.Repository == repository {
			images = append(images, image)
		}
	}
	s.mu.Unlock()
	if len(images) == 0 {
		registryError(w, http.StatusNotFound, "NAME_UNKNOWN", "repository \""+repository+"\" is not found")
		return
	}
	slices.SortFunc(images, func(a, b Image) int { return strings.Compare(a.Tag, b.Tag) })
	if r.URL.Query().Get("orderby") == "timedesc" {
		slices.SortStableFunc(images, func(a, b Image) int { return b.Pushed.Compare(a.Pushed) })
	}
	n := 100
	if most, err := strconv.Atoi(r.URL.Query().Get("n")); err == nil && most > 0 {
		n = min(n, most)
	}
	list := []map[string]any{}
	for _, image := range images[:min(n, len(images))] {
		at := image.Pushed.UTC().Format("2006-01-02T15:04:05.0000000Z")
		list = append(list, map[string]any{"name": image.Tag, "digest": image.Digest(), "createdTime": at, "lastUpdateTime": at, "signed": false})
	}
	respond(w, http.StatusOK, map[string]any{"registry": s.RegistryHost(), "imageName": repository, "tags": list})
}

// may reports whether a request has an access token for an action on a repository, and refuses it where it hasn't.
func (s *Server) may(w http.ResponseWriter, r *http.Request, note *Request, repository, action string) bool {
	raw, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !found {
		s.challenge(w, "repository:"+repository+":"+action)
		return false
	}
	var c registryClaims
	parsed, err := jwt.ParseSigned(raw, []jose.SignatureAlgorithm{jose.RS256})
	if err == nil {
		err = parsed.Claims(s.published(), &c)
	}
	if err != nil || c.Validate(jwt.Expected{AnyAudience: jwt.Audience{s.RegistryHost()}, Time: s.clock()}) != nil {
		s.challenge(w, "repository:"+repository+":"+action)
		return false
	}
	note.ClientID = c.Subject
	for _, a := range c.Access {
		if a.Kind == "repository" && a.Name == repository && slices.Contains(a.Actions, action) {
			return true
		}
	}
	registryError(w, http.StatusForbidden, "DENIED", "requested access to the resource is denied "+RawBody)
	return false
}

func (s *Server) image(w http.ResponseWriter, repository, reference string) (Image, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := false
	for _, image := range s.images {
		if image.Repository != repository {
			continue
		}
		if known = true; image.Tag == reference || image.Digest() == reference {
			return image, true
		}
	}
	if known {
		registryError(w, http.StatusNotFound, "MANIFEST_UNKNOWN", "manifest tagged by \""+reference+"\" is not found "+RawBody)
	} else {
		registryError(w, http.StatusNotFound, "NAME_UNKNOWN", "repository \""+repository+"\" is not found "+RawBody)
	}
	return Image{}, false
}

// challenge says where to get a token.
func (s *Server) challenge(w http.ResponseWriter, scope string) {
	value := `Bearer realm="` + s.addresses[Registry] + `/oauth2/token",service="` + s.RegistryHost() + `"`
	if scope != "" {
		value += `,scope="` + scope + `"`
	}
	w.Header().Set("WWW-Authenticate", value)
	unauthorized(w)
}

func unauthorized(w http.ResponseWriter) {
	registryError(w, http.StatusUnauthorized, "UNAUTHORIZED", "authentication required, visit https://aka.ms/acr/authorization for more "+
		"information. "+RawBody)
}

func registryError(w http.ResponseWriter, code int, name, what string) {
	respond(w, code, map[string]any{"errors": []map[string]string{{"code": name, "message": what}}})
}
