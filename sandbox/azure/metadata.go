package azure

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// identityToken is the token endpoint of Azure's instance metadata service: plain HTTP, a header that no redirect and no form can set, and
// numbers written as text.
func (s *Server) identityToken(w http.ResponseWriter, r *http.Request, note *Request) {
	query := r.URL.Query()
	note.ClientID, note.Scope = query.Get("client_id"), query.Get("resource")
	invalid := func(what string) {
		respond(w, http.StatusBadRequest, map[string]string{"error": "invalid_request", "error_description": what + " " + RawBody})
	}
	switch {
	case r.URL.Path != "/metadata/identity/oauth2/token":
		w.WriteHeader(http.StatusNotFound)
		return
	case r.Method != http.MethodGet:
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	case r.Header.Get("Metadata") != "true" || r.Header.Get("X-Forwarded-For") != "":
		invalid("Required metadata header not specified")
		return
	case !slices.Contains([]string{"2018-02-01", "2019-08-01"}, query.Get("api-version")):
		invalid("Invalid or missing api-version")
		return
	case note.Scope == "":
		invalid("Required query variable 'resource' is missing")
		return
	}
	s.mu.Lock()
	at := slices.IndexFunc(s.identities, func(id Identity) bool {
		return id.Managed && (note.ClientID == "" || id.ClientID == note.ClientID)
	})
	several := len(slices.DeleteFunc(slices.Clone(s.identities), func(id Identity) bool { return !id.Managed })) > 1
	var id Identity
	if at >= 0 {
		id = s.identities[at]
	}
	s.mu.Unlock()
	switch {
	case at < 0:
		invalid("Identity not found")
		return
	case note.ClientID == "" && several:
		invalid("Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the token request")
		return
	}
	resource := strings.TrimSuffix(note.Scope, "/")
	if !slices.Contains(resources, resource) {
		invalid("AADSTS500011: The resource principal named " + resource + " was not found in the tenant")
		return
	}
	token, life, err := s.Token(id, resource)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	now := s.clock()
	respond(w, http.StatusOK, map[string]string{
		"access_token": token, "client_id": id.ClientID, "expires_in": strconv.Itoa(int(life.Seconds())), "token_type": "Bearer",
		"expires_on": strconv.FormatInt(now.Add(life).Unix(), 10), "ext_expires_in": strconv.Itoa(int(life.Seconds())),
		"not_before": strconv.FormatInt(now.Unix(), 10), "resource": note.Scope,
	})
}
