package azure

import (
	"encoding/json"
	"io"
	"log"
	"net/http"
	"strings"
)

// page is what a broken server, or a proxy in between, answers. It holds what must never reach anybody.
const page = "<!DOCTYPE html><html><body>raw-body-of-azure</body></html>"

// RawBody is a text of every answer that is no answer of the service itself, and of every long error: no person and no log should see it.
const RawBody = "raw-body-of-azure"

func silent() *log.Logger { return log.New(io.Discard, "", 0) }

// handlers are the services. Each has an address of its own.
func (s *Server) handlers() map[Part]http.Handler {
	entra, registry := http.NewServeMux(), http.NewServeMux()
	entra.Handle("GET /{tenant}/v2.0/.well-known/openid-configuration", s.part(Entra, s.discovery))
	entra.Handle("GET /{tenant}/discovery/v2.0/keys", s.part(Entra, s.publicKeys))
	entra.Handle("POST /{tenant}/oauth2/v2.0/token", s.part(Entra, s.token))
	registry.Handle("POST /oauth2/exchange", s.part(Registry, s.exchange))
	registry.Handle("POST /oauth2/token", s.part(Registry, s.registryToken))
	registry.Handle("/v2/", s.part(Registry, s.pull))
	registry.Handle("GET /acr/v1/", s.part(Registry, s.tags))
	return map[Part]http.Handler{
		Entra: entra, Registry: registry, Manager: s.part(Manager, s.manage), Metadata: s.part(Metadata, s.identityToken),
	}
}

// noted writes down the status of an answer.
type noted struct {
	http.ResponseWriter
	request *Request
}

func (n noted) WriteHeader(code int) {
	n.request.Code = code
	n.ResponseWriter.WriteHeader(code)
}

func (n noted) Write(b []byte) (int, error) {
	if n.request.Code == 0 {
		n.request.Code = http.StatusOK
	}
	return n.ResponseWriter.Write(b)
}

// part serves one service: its fault, or its answer, and notes what was asked.
func (s *Server) part(part Part, answer func(w http.ResponseWriter, r *http.Request, note *Request)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
		note := Request{Part: part, Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery, Authorized: r.Header.Get("Authorization") != ""}
		defer func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.requests = append(s.requests, note)
		}()
		s.mu.Lock()
		fault, to := s.faults[part], s.redirect
		s.mu.Unlock()
		w.Header().Set("Date", s.clock().UTC().Format(http.TimeFormat))
		recorded := noted{ResponseWriter: w, request: &note}
		if fault == None {
			answer(recorded, r, &note)
			return
		}
		if part == Entra && r.Method == http.MethodPost && r.ParseForm() == nil {
			note.ClientID, note.Scope = r.PostForm.Get("client_id"), r.PostForm.Get("scope")
		}
		s.fail(recorded, r, fault, to)
	})
}

// fail does what a fault is.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, fault Fault, to string) {
	switch fault {
	case Reset:
		panic(http.ErrAbortHandler)
	case Hang:
		select {
		case <-r.Context().Done():
		case <-s.done:
		}
		return
	case Redirect:
		http.Redirect(w, r, strings.TrimSuffix(to, "/")+r.URL.RequestURI(), http.StatusTemporaryRedirect) //nolint:gosec // the test's own address
		return
	case None, Down, Throttled, Garbage:
	}
	w.Header().Set("Content-Type", "text/html")
	switch fault {
	case Throttled:
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
	case Down:
		w.WriteHeader(http.StatusServiceUnavailable)
	case None, Garbage, Reset, Hang, Redirect:
	}
	_, _ = io.WriteString(w, page)
}

func respond(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store, no-cache")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body) // the caller may have gone
}
