package kube

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

const theDigest = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"

// network is a small internet: names, and what listens at their addresses. What is dialled is noted.
type network struct {
	names map[string][]string         // addresses by name; the next of several lookups takes the next
	at    map[string]*httptest.Server // by address
	roots *x509.CertPool

	mu     sync.Mutex
	looked map[string]int
	dialed []string
}

func newNetwork() *network {
	return &network{names: map[string][]string{}, at: map[string]*httptest.Server{}, roots: x509.NewCertPool(), looked: map[string]int{}}
}

// serves answers at an address, by TLS for example.com and *.example.com, or without it.
func (n *network) serves(t *testing.T, address string, plain bool, h http.HandlerFunc) {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	if plain {
		s.Start()
	} else {
		s.StartTLS()
		n.roots.AddCert(s.Certificate())
	}
	t.Cleanup(s.Close)
	n.at[address] = s
}

func (n *network) reach() reach {
	return reach{
		roots: n.roots,
		lookup: func(_ context.Context, host string) ([]netip.Addr, error) {
			n.mu.Lock()
			defer n.mu.Unlock()
			if rooted, ok := strings.CutSuffix(host, "."); ok {
				host = rooted
			} else if len(n.names[host+".svc.cluster.local"]) > 0 { // as the search list of a pod has it
				host += ".svc.cluster.local"
			}
			all := n.names[host]
			if len(all) == 0 {
				return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
			}
			next := all[min(n.looked[host], len(all)-1)]
			n.looked[host]++
			var out []netip.Addr
			for a := range strings.SplitSeq(next, ",") {
				out = append(out, netip.MustParseAddr(a))
			}
			return out, nil
		},
		dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			n.mu.Lock()
			n.dialed = append(n.dialed, address)
			n.mu.Unlock()
			host, _, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			s, ok := n.at[host]
			if !ok {
				return nil, fmt.Errorf("nothing listens at %s", address)
			}
			return (&net.Dialer{}).DialContext(ctx, network, s.Listener.Addr().String())
		},
	}
}

// asks opens a cluster whose API server has these pods, in the small internet.
func (n *network) asks(t *testing.T, pods []corev1.Pod, registries ...RegistryConfig) *Cluster {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v1/namespaces/production/pods" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		b, err := (&corev1.PodList{Items: pods}).Marshal()
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		unknown := append([]byte("k8s\x00"), protobufOf(b)...)
		w.Header().Set("Content-Type", "application/vnd.kubernetes.protobuf")
		_, _ = w.Write(unknown)
	}))
	t.Cleanup(server.Close)
	c, err := open(Config{Name: "sandbox", Version: "test", Registries: registries}, &rest.Config{Host: server.URL})
	require.NoError(t, err)
	c.reach = n.reach()
	return c
}

// protobufOf wraps a v1 PodList as the API server does (runtime.Unknown).
func protobufOf(raw []byte) []byte {
	kind := []byte{0x0a, 0x02, 'v', '1', 0x12, 0x07, 'P', 'o', 'd', 'L', 'i', 's', 't'}
	out := append([]byte{0x0a, byte(len(kind))}, kind...)
	out = append(out, 0x12)
	for n := len(raw); ; n >>= 7 {
		if n < 0x80 {
			out = append(out, byte(n))
			break
		}
		out = append(out, byte(n)|0x80)
	}
	return append(out, raw...)
}

func podOf(image string, running bool) corev1.Pod {
	p := corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name:      "x",
			Namespace: "production",
		},
		Spec:   corev1.PodSpec{Containers: []corev1.Container{{Name: "x", Image: image}}},
		Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{Name: "x"}}},
	}
	if running {
		p.Status.ContainerStatuses[0].State.Running = &corev1.ContainerStateRunning{}
	}
	return p
}

// registryOf answers as a registry does that wants no token.
func registryOf(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/v2/":
	case r.Method != http.MethodHead:
		w.WriteHeader(http.StatusMethodNotAllowed)
	case strings.HasSuffix(r.URL.Path, "/api-gateway/manifests/12345"):
		w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
		w.Header().Set("Content-Length", "2")
		w.Header().Set("Docker-Content-Digest", theDigest)
	case strings.Contains(r.URL.Path, "/private/"):
		w.WriteHeader(http.StatusUnauthorized)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// wantsToken answers as a registry does that sends to a realm for a token, and takes that token alone.
func wantsToken(realm string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer a-token" {
			w.Header().Set("WWW-Authenticate", `Bearer realm="`+realm+`",service="registry"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		registryOf(w, r)
	}
}

func givesToken(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(`{"token":"a-token"}`))
}

const public, elsewhere = "8.8.8.8", "9.9.9.9"
