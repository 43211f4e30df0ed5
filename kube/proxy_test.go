package kube

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"github.com/3astronautas/algesta"
)

func TestThroughTheProxyNoPathLeadsUpAndNoRedirectIsFollowed(t *testing.T) {
	t.Parallel()
	var asked, elsewhere atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	t.Cleanup(other.Close)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.Header.Get("Authorization") != "Bearer t" || r.URL.Path != "/api/v1/namespaces/production/pods/api:3000/proxy/health" {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		http.Redirect(w, r, other.URL, http.StatusFound)
	}))
	t.Cleanup(server.Close)
	c, err := open(Config{Name: "sandbox", Version: "test"}, &rest.Config{Host: server.URL, BearerToken: "t"})
	require.NoError(t, err)
	for _, path := range []string{
		"", "health", "/../../secrets", "/a/../b", "/.", "/..", "/a/..", "/%2e%2e/x", "/a%2fb",
		"/a\\b", "//evil", "/a//b", "/a#b", "/a b", "/a?b=/../c", "/a\n",
	} {
		_, err := c.Proxy(t.Context(), "pods", "production", "api", "3000", path, false)
		require.ErrorIs(t, err, algesta.ErrInvalid, path)
	}
	require.Zero(t, asked.Load())
	got, err := c.Proxy(t.Context(), "pods", "production", "api", "3000", "/health", false)
	require.NoError(t, err)
	require.Equal(t, http.StatusFound, got.Status)
	require.Equal(t, other.URL, got.Location)
	require.Zero(t, elsewhere.Load(), "the credentials went nowhere else")
}
