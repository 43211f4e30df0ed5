package kube_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/kube"
)

func TestTheRegistryIsAskedByHead(t *testing.T) {
	t.Parallel()
	registry := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/v2/":
			w.WriteHeader(http.StatusOK)
		case r.Method != http.MethodHead:
			w.WriteHeader(http.StatusMethodNotAllowed)
		case strings.HasSuffix(r.URL.Path, "/api-gateway/manifests/12345"):
			w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
			w.Header().Set("Content-Length", "2")
			w.Header().Set("Docker-Content-Digest", "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a")
		case strings.Contains(r.URL.Path, "/private/"):
			w.WriteHeader(http.StatusUnauthorized)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(registry.Close)
	host := strings.TrimPrefix(registry.URL, "http://")
	c, err := kube.OpenREST("sandbox", &rest.Config{Host: "127.0.0.1:1"})
	require.NoError(t, err)
	cases := map[string]struct {
		image string
		kind  error
	}{
		"it is there":                       {host + "/api-gateway:12345", nil},
		"it is not there":                   {host + "/api-gateway:12346", algesta.ErrNotFound},
		"credentials are wanted":            {host + "/private/api-gateway:1", algesta.ErrForbidden},
		"nobody answers":                    {"127.0.0.1:1/api-gateway:1", algesta.ErrUnreachable},
		"what is no image is not looked up": {"UPPER case:bar:baz", algesta.ErrInvalid},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			digest, err := c.Image(t.Context(), tc.image)
			if tc.kind == nil {
				require.NoError(t, err)
				require.Equal(t, "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a", digest)
				return
			}
			require.ErrorIs(t, err, tc.kind)
		})
	}
}
