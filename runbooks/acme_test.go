package runbooks_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// certificateAuthority is an ACME server as far as cert-manager gets in a cluster that nobody reaches: accounts, orders, and
// challenges that stay pending. A host that starts with "limited" is over its limit; the order of one that starts with
// "refused" is invalid. Signatures are not checked.
func certificateAuthority(t *testing.T) *httptest.Server {
	t.Helper()
	routes := http.NewServeMux()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Replay-Nonce", "nonce")
		routes.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	answer := func(w http.ResponseWriter, status int, body map[string]any) {
		w.Header().Set("Content-Type", "application/json")
		if status >= http.StatusBadRequest {
			w.Header().Set("Content-Type", "application/problem+json")
		}
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(body) // the client may have gone
	}
	routes.HandleFunc("/directory", func(w http.ResponseWriter, _ *http.Request) {
		answer(
			w,
			http.StatusOK,
			map[string]any{
				"newNonce":   server.URL + "/nonce",
				"newAccount": server.URL + "/accounts",
				"newOrder":   server.URL + "/orders",
				"revokeCert": server.URL + "/revoke",
				"keyChange":  server.URL + "/key",
			},
		)
	})
	routes.HandleFunc("/nonce", func(http.ResponseWriter, *http.Request) {})
	account := func(w http.ResponseWriter, status int) {
		w.Header().Set("Location", server.URL+"/accounts/1")
		answer(w, status, map[string]any{"status": "valid", "orders": server.URL + "/accounts/1/orders"})
	}
	routes.HandleFunc("/accounts", func(w http.ResponseWriter, _ *http.Request) { account(w, http.StatusCreated) })
	routes.HandleFunc("/accounts/1", func(w http.ResponseWriter, _ *http.Request) { account(w, http.StatusOK) })
	order := func(w http.ResponseWriter, status int, host string) {
		body := map[string]any{
			"status": "pending", "identifiers": []any{map[string]any{"type": "dns", "value": host}},
			"authorizations": []any{server.URL + "/authorizations/" + host}, "finalize": server.URL + "/finalize/" + host,
		}
		if strings.HasPrefix(host, "refused") {
			body["status"] = "invalid"
			body["error"] = map[string]any{
				"type":   "urn:ietf:params:acme:error:caa",
				"detail": "CAA record for " + host + " prevents issuance",
				"status": http.StatusForbidden,
			}
		}
		w.Header().Set("Location", server.URL+"/orders/"+host)
		answer(w, status, body)
	}
	routes.HandleFunc("/orders", func(w http.ResponseWriter, r *http.Request) {
		host := wantedHost(r)
		if strings.HasPrefix(host, "limited") {
			answer(
				w,
				http.StatusTooManyRequests,
				map[string]any{
					"type":   "urn:ietf:params:acme:error:rateLimited",
					"detail": "too many certificates (5) already issued for this exact set of identifiers in the last 168h0m0s",
					"status": http.StatusTooManyRequests,
				},
			)
			return
		}
		order(w, http.StatusCreated, host)
	})
	routes.HandleFunc("/orders/{host}", func(w http.ResponseWriter, r *http.Request) { order(w, http.StatusOK, r.PathValue("host")) })
	challenge := func(host string) map[string]any {
		return map[string]any{"type": "http-01", "url": server.URL + "/challenges/" + host, "token": "token-of-" + host, "status": "pending"}
	}
	routes.HandleFunc("/authorizations/{host}", func(w http.ResponseWriter, r *http.Request) {
		host := r.PathValue("host")
		answer(
			w,
			http.StatusOK,
			map[string]any{"status": "pending", "identifier": map[string]any{"type": "dns", "value": host}, "challenges": []any{challenge(host)}},
		)
	})
	routes.HandleFunc("/challenges/{host}", func(w http.ResponseWriter, r *http.Request) {
		answer(w, http.StatusOK, challenge(r.PathValue("host")))
	})
	return server
}

// wantedHost is the first host of a new order.
func wantedHost(r *http.Request) string {
	var signed struct {
		Payload string `json:"payload"`
	}
	var order struct {
		Identifiers []struct {
			Value string `json:"value"`
		} `json:"identifiers"`
	}
	if err := json.NewDecoder(r.Body).Decode(&signed); err != nil {
		return ""
	}
	payload, err := base64.RawURLEncoding.DecodeString(signed.Payload)
	if err != nil || json.Unmarshal(payload, &order) != nil || len(order.Identifiers) == 0 {
		return ""
	}
	return order.Identifiers[0].Value
}
