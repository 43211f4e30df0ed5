package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
)

// probed asks a health server 20 times and returns its last status.
func probed(t *testing.T, h health, path string) (status int) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- h.serve(ctx, l) }()
	defer func() { cancel(); require.NoError(t, <-done) }()
	for range 20 {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+l.Addr().String()+path, http.NoBody)
		require.NoError(t, err)
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		status = resp.StatusCode
		require.NoError(t, resp.Body.Close())
	}
	return status
}

func TestProbesWriteNothing(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/healthz", "/readyz"} {
		writes := 0
		h := health{
			writable: func(context.Context) error { writes++; return nil }, sockets: func() (int, int) { return 2, 0 },
			clusters: func() map[string]clusterHealth { return nil }, lost: func(context.Context) int { return 0 },
			unapproved: func() []string { return nil }, registry: newRegistry(nil), log: zap.NewNop(),
		}
		status := probed(t, h, path)
		require.Equal(t, http.StatusOK, status)
		require.Equal(t, 1, writes, "the check of the start, whoever asks 20 times")
	}
}

func TestReadyzTellsStrangersNoNames(t *testing.T) {
	t.Parallel()
	for from, want := range map[string]bool{
		"127.0.0.1:4711": true, "[::1]:4711": true, "[::ffff:127.0.0.1]:4711": true,
		"127.0.0.6:4711": false, "10.0.0.7:4711": false, "[fe80::1%eth0]:4711": false, "": false,
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost:8080/readyz", http.NoBody)
		r.RemoteAddr = from
		require.Equal(t, want, local(r), from)
	}
	for name, came := range map[string]func(*http.Request){
		"X-Forwarded-For": nil, "Forwarded": nil, "Via": nil, "X-Real-Ip": nil, "X-Envoy-External-Address": nil, "L5d-Client-Id": nil,
		"X-Request-Id": nil, "Traceparent": nil, "X-Amzn-Trace-Id": nil, "X-Remote-User": nil,
		"a name of the cluster":  func(r *http.Request) { r.Host = "algesta.algesta.svc:8080" },
		"the address of the pod": func(r *http.Request) { r.Host = "10.0.0.7:8080" },
		"no host":                func(r *http.Request) { r.Host = "" },
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1:8080/readyz", http.NoBody)
		r.RemoteAddr = "127.0.0.1:4711"
		r.Header.Set("User-Agent", "curl/8.5.0")
		r.Header.Set("Sec-Fetch-Mode", "navigate")
		require.True(t, local(r))
		if came == nil {
			came = func(r *http.Request) { r.Header.Set(name, "10.0.0.9") }
		}
		came(r)
		require.False(t, local(r), "through a proxy in the pod: %s", name)
	}
	for _, host := range []string{"localhost", "localhost:8080", "[::1]:8080", "[::1]", "127.0.0.1"} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", http.NoBody)
		r.RemoteAddr, r.Host = "[::1]:4711", host
		require.True(t, local(r), host)
	}
	h := health{
		writable: func(context.Context) error { return nil }, sockets: func() (int, int) { return 2, 0 },
		clusters: func() map[string]clusterHealth {
			return map[string]clusterHealth{"aks-production": {Access: "inCluster"}}
		},
		lost:       func(context.Context) int { return 3 },
		unapproved: func() []string { return []string{"a second person"} }, log: zap.NewNop(),
	}
	check := &storeCheck{}
	check.check(t.Context(), h.writable)
	for from, want := range map[string]string{
		"10.0.0.7:4711": `{"messages":{"ok":false},"ok":true}`,
		"127.0.0.1:4711": `{"approvals":{"nobodyCanGive":["a second ` +
			`person"],"ok":false},"clusters":{"aks-production":{"access":"inCluster","answers":false,"synced":` +
			`false}},"messages":{"lost":3,"ok":false},"ok":true,"otherSockets":0,"sockets":2}`,
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost:8080/readyz", http.NoBody)
		r.RemoteAddr = from
		w := httptest.NewRecorder()
		h.ready(w, r, check)
		require.JSONEq(t, want, w.Body.String())
	}
}

func TestPulseThatStopsIsNotHealthy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		broken := false
		writable := func(ctx context.Context) error {
			if broken {
				return errors.New("disk full")
			}
			return ctx.Err()
		}
		check := &storeCheck{}
		require.ErrorIs(t, check.last(), errNotChecked)
		check.check(ctx, writable)
		require.NoError(t, check.last())
		done := make(chan struct{})
		go func() { defer close(done); check.keep(ctx, writable) }()
		broken = true
		time.Sleep(checkEvery + time.Second)
		require.EqualError(t, check.last(), "disk full")
		broken = false
		time.Sleep(checkEvery)
		require.NoError(t, check.last())
		cancel()
		<-done
		time.Sleep(checkAge)
		require.ErrorIs(t, check.last(), errNotChecked)
	})
}
