package main

import (
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/3astronautas/algesta/sandbox/control"
	"github.com/3astronautas/algesta/sandbox/platform"
)

// breakable is between the bot and the API server, and can break the connection of one write before it arrives.
type breakable struct {
	server *httptest.Server
	broken sync.RWMutex           // while a connection breaks nothing passes, so that the bot doesn't check too early
	next   atomic.Pointer[func()] // what happens while the connection of the next write breaks; nil: nothing breaks
}

// newBreakable starts one for the API server of a kubeconfig.
func newBreakable(t *testing.T, kubeconfig string) (b *breakable, through string) {
	t.Helper()
	cfg, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	require.NoError(t, err)
	transport, err := rest.TransportFor(rest.AnonymousClientConfig(cfg))
	require.NoError(t, err)
	to, err := url.Parse(cfg.Host)
	require.NoError(t, err)
	quiet := log.New(io.Discard, "", 0)
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }, Transport: transport, ErrorLog: quiet,
		FlushInterval: -1, // watches have to arrive at once
	}
	b = &breakable{}
	b.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPatch && r.URL.Query().Get("dryRun") == "" {
			if meanwhile := b.next.Swap(nil); meanwhile != nil {
				b.broken.Lock()
				(*meanwhile)()
				b.broken.Unlock()
				panic(http.ErrAbortHandler) // closes the connection without an answer
			}
		}
		b.broken.RLock()
		b.broken.RUnlock() //nolint:staticcheck // waiting is all
		proxy.ServeHTTP(w, r)
	}))
	b.server.Config.ErrorLog = quiet
	b.server.StartTLS()
	t.Cleanup(func() {
		b.server.CloseClientConnections()
		b.server.Close()
	})
	cfg.Host, cfg.CAFile = b.server.URL, ""
	cfg.CAData = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: b.server.Certificate().Raw})
	through = filepath.Join(t.TempDir(), "kubeconfig")
	require.NoError(t, control.WriteKubeconfig(through, cfg, platform.ClusterProduction))
	return b, through
}
