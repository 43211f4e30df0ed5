package e2e

import (
	"bytes"
	"encoding/pem"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// moment is when a request is held.
type moment int

const (
	beforeWork moment = iota // it arrived and is not passed on
	afterWork                // it's done and its answer is not given back
	answered                 // its answer was given back
)

// gate is between the bot and a server and can hold single requests, so that a test can kill the bot at a named point.
type gate struct {
	URL string
	CA  []byte // PEM; nil where the gate speaks plain HTTP

	mu   sync.Mutex
	held []*hold
}

// hold is one request to be held.
type hold struct {
	match   func(*http.Request) bool
	at      moment
	arrived chan struct{} // closed when the request is held
	release chan struct{} // closed by the test: what is held goes on
}

// newGate opens a gate before a server. A transport makes it a TLS gate with a certificate of its own.
func newGate(t *testing.T, target string, transport http.RoundTripper) *gate {
	t.Helper()
	to, err := url.Parse(target)
	require.NoError(t, err)
	g := &gate{}
	proxy := &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(to) },
		Transport:     transport,
		FlushInterval: -1, // watches have to arrive at once
		ErrorHandler:  func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	server := httptest.NewUnstartedServer(g.around(proxy))
	server.Config.ErrorLog = discard()
	if transport == nil {
		server.Start()
	} else {
		server.StartTLS()
		g.CA = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	}
	t.Cleanup(func() {
		g.open()
		server.CloseClientConnections()
		server.Close()
	})
	g.URL = server.URL
	return g
}

// hold makes the next request that matches stand still.
func (g *gate) hold(at moment, match func(*http.Request) bool) *hold {
	h := &hold{match: match, at: at, arrived: make(chan struct{}), release: make(chan struct{})}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held = append(g.held, h)
	return h
}

// wait waits until the request is held.
func (h *hold) wait(t *testing.T) {
	t.Helper()
	select {
	case <-h.arrived:
	case <-time.After(patience):
		require.Fail(t, "the request that was to be held never came")
	}
}

// open lets everything pass.
func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, h := range g.held {
		close(h.release)
	}
	g.held = nil
}

// take is the hold that this request is meant by.
func (g *gate) take(r *http.Request) *hold {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, h := range g.held {
		select {
		case <-h.arrived:
			continue
		default:
		}
		if h.match(r) {
			return h
		}
	}
	return nil
}

func (g *gate) around(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := g.take(r)
		if h != nil { // a server notices that a client is gone only once it has read all of the request
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		switch {
		case h == nil:
			next.ServeHTTP(w, r)
		case h.at == beforeWork:
			close(h.arrived)
			select {
			case <-h.release:
				next.ServeHTTP(w, r)
			case <-r.Context().Done(): // the client is gone: it was never passed on
			}
		case h.at == afterWork:
			answer := httptest.NewRecorder()
			next.ServeHTTP(answer, r)
			close(h.arrived)
			select {
			case <-h.release:
			case <-r.Context().Done():
				return
			}
			maps.Copy(w.Header(), answer.Header())
			w.WriteHeader(answer.Code)
			w.Write(answer.Body.Bytes()) //nolint:errcheck // the client may be gone
		case h.at == answered:
			next.ServeHTTP(w, r)
			close(h.arrived)
		}
	})
}

// isPatch matches a real patch of a Deployment, not a dry run.
func isPatch(r *http.Request) bool {
	return r.Method == http.MethodPatch && r.URL.Query().Get("dryRun") == ""
}

// isCall matches the nth call of a method of Slack's, counted from one.
func isCall(method string, nth int) func(*http.Request) bool {
	return func(r *http.Request) bool { // called under the gate's lock
		if r.URL.Path == "/api/"+method {
			nth--
			return nth == 0
		}
		return false
	}
}
