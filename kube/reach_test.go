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

	"github.com/3astronautas/algesta"
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

func TestTheRegistryIsAskedByHead(t *testing.T) {
	t.Parallel()
	n := newNetwork()
	n.serves(t, public, false, registryOf)
	n.names["registry.example.com"] = []string{public}
	c := n.asks(t, []corev1.Pod{podOf("registry.example.com/api-gateway:12344", true)})
	cases := map[string]struct {
		image string
		kind  error
	}{
		"it is there":                       {"registry.example.com/api-gateway:12345", nil},
		"it is not there":                   {"registry.example.com/api-gateway:12346", algesta.ErrNotFound},
		"credentials are wanted":            {"registry.example.com/private/api-gateway:1", algesta.ErrForbidden},
		"what is no image is not looked up": {"UPPER case:bar:baz", algesta.ErrInvalid},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			digest, err := c.Image(t.Context(), "production", tc.image)
			if tc.kind == nil {
				require.NoError(t, err)
				require.Equal(t, theDigest, digest)
				return
			}
			require.ErrorIs(t, err, tc.kind)
		})
	}
}

func TestARegistryThatNothingRunsFromIsNotAsked(t *testing.T) {
	t.Parallel()
	for name, pods := range map[string][]corev1.Pod{
		"nothing runs": nil, "what runs comes from elsewhere": {podOf("other.example.com/api-gateway:1", true)},
		"its pods never started": {podOf("registry.example.com/api-gateway:1", false)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNetwork()
			n.serves(t, public, false, registryOf)
			n.names["registry.example.com"] = []string{public}
			_, err := n.asks(t, pods).Image(t.Context(), "production", "registry.example.com/api-gateway:12345")
			require.ErrorIs(t, err, algesta.ErrRefused)
			require.Empty(t, n.looked, "not even its name is looked up")
			require.Empty(t, n.dialed)

			digest, err := n.asks(
				t, pods, RegistryConfig{Host: "registry.example.com"},
			).Image(
				t.Context(), "production", "registry.example.com/api-gateway:12345",
			)
			require.NoError(t, err, "the configuration allows it")
			require.Equal(t, theDigest, digest)
		})
	}
}

func TestNoImageNameLeadsInside(t *testing.T) {
	t.Parallel()
	for _, address := range []string{
		"127.0.0.1", "127.8.8.8", "0.0.0.0", "::", "::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "169.254.169.254", "169.254.1.1",
		"fe80::1", "168.63.129.16",
		"100.100.100.200", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254", "224.0.0.1", "ff02::1", "255.255.255.255", "64:ff9b::a9fe:a9fe",
		"2002:7f00:1::",
	} {
		for _, private := range []bool{false, true} {
			n := newNetwork()
			n.names["registry.example.com"] = []string{address}
			n.serves(t, address, false, registryOf)
			c := n.asks(t, nil, RegistryConfig{Host: "registry.example.com", Private: private})
			_, err := c.Image(t.Context(), "production", "registry.example.com/api-gateway:12345")
			require.ErrorIs(t, err, algesta.ErrRefused, "%s, private: %t", address, private)
			require.Empty(t, n.dialed, address)
		}
	}
}

func TestAnAddressInAnImageNameIsCheckedAsWell(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"127.0.0.1:8443", "169.254.169.254", "[::1]:8443", "[fd00:ec2::254]:443", "10.0.0.8:5000"} {
		n := newNetwork()
		_, err := n.asks(t, nil, RegistryConfig{Host: host}).Image(t.Context(), "production", host+"/api-gateway:12345")
		require.Error(t, err, host)
		require.Empty(t, n.dialed, host)
	}
}

func TestAPrivateRegistryHasToBeNamedAsOne(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"10.0.0.8", "172.16.0.8", "192.168.0.8", "100.64.0.8", "fd12:3456::8"} {
		n := newNetwork()
		n.names["registry.example.com"] = []string{address}
		n.serves(t, address, false, registryOf)
		pods := []corev1.Pod{podOf("registry.example.com/api-gateway:1", true)}
		_, err := n.asks(t, pods).Image(t.Context(), "production", "registry.example.com/api-gateway:12345")
		require.ErrorIs(t, err, algesta.ErrRefused, address)
		require.Empty(t, n.dialed, address)
		digest, err := n.asks(
			t, pods, RegistryConfig{Host: "registry.example.com", Private: true},
		).Image(
			t.Context(), "production", "registry.example.com/api-gateway:12345",
		)
		require.NoError(t, err, address)
		require.Equal(t, theDigest, digest)
	}
}

func TestANameThatMeansAnotherAddressTheSecondTimeIsCheckedEachTime(t *testing.T) {
	t.Parallel()
	n := newNetwork()
	n.names["registry.example.com"] = []string{public, "127.0.0.1"}
	n.serves(t, public, false, registryOf)
	n.serves(t, "127.0.0.1", false, registryOf)
	c := n.asks(t, nil, RegistryConfig{Host: "registry.example.com"})
	_, err := c.Image(t.Context(), "production", "registry.example.com/api-gateway:12345")
	require.ErrorIs(t, err, algesta.ErrRefused)
	require.Equal(t, []string{public + ":443"}, n.dialed, "each connection goes to the address that was checked")

	// One bad address among good ones is enough.
	n = newNetwork()
	n.names["registry.example.com"] = []string{public + ",127.0.0.1"}
	n.serves(t, public, false, registryOf)
	_, err = n.asks(
		t, nil, RegistryConfig{Host: "registry.example.com"},
	).Image(
		t.Context(), "production", "registry.example.com/api-gateway:12345",
	)
	require.ErrorIs(t, err, algesta.ErrRefused)
	require.Empty(t, n.dialed)
}

func TestARegistryLeadsNowhereElse(t *testing.T) {
	t.Parallel()
	// redirects sends whoever asks for the manifest to another address.
	redirects := func(to string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/v2/" {
				return
			}
			http.Redirect(w, r, to, http.StatusTemporaryRedirect)
		}
	}
	cases := map[string]http.HandlerFunc{
		"a redirect inside":                   redirects("https://127.0.0.1/latest/meta-data"),
		"a redirect to the metadata service":  redirects("http://169.254.169.254/latest/meta-data"),
		"a redirect to another host":          redirects("https://other.example.com/v2/api-gateway/manifests/12345"),
		"a redirect to the same without TLS":  redirects("http://registry.example.com/v2/api-gateway/manifests/12345"),
		"a redirect to another port":          redirects("https://registry.example.com:8443/v2/api-gateway/manifests/12345"),
		"a redirect with a password":          redirects("https://user:password@registry.example.com/v2/api-gateway/manifests/12345"),
		"a realm inside":                      wantsToken("https://127.0.0.1/token"),
		"a realm at the metadata service":     wantsToken("http://169.254.169.254/token"),
		"a realm without TLS":                 wantsToken("http://registry.example.com/token"),
		"a realm on a host that is not named": wantsToken("https://other.example.com/token"),
	}
	for name, answer := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNetwork()
			asked := make(chan string, 16)
			note := func(w http.ResponseWriter, r *http.Request) { asked <- r.Host + r.URL.Path; givesToken(w, r) }
			n.names["registry.example.com"], n.names["other.example.com"] = []string{public}, []string{elsewhere}
			n.serves(t, public, false, answer)
			n.serves(t, elsewhere, false, note)
			n.serves(t, "127.0.0.1", false, note)
			n.serves(t, "169.254.169.254", true, note)
			_, err := n.asks(
				t, nil, RegistryConfig{Host: "registry.example.com"},
			).Image(
				t.Context(), "production", "registry.example.com/api-gateway:12345",
			)
			require.Error(t, err)
			require.NotErrorIs(t, err, algesta.ErrNotFound, "nothing is known of the image")
			require.Empty(t, asked)
			for _, address := range n.dialed {
				require.Equal(t, public+":443", address)
			}
		})
	}
}

func TestATokenComesFromTheRegistryOrTheHostThatIsNamedForIt(t *testing.T) {
	t.Parallel()
	n := newNetwork()
	n.names["registry.example.com"], n.names["auth.example.com"] = []string{public}, []string{elsewhere}
	n.serves(t, public, false, wantsToken("https://auth.example.com/token"))
	seen := make(chan string, 4)
	n.serves(t, elsewhere, false, func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Header.Get("Authorization")
		givesToken(w, r)
	})
	c := n.asks(t, nil, RegistryConfig{Host: "registry.example.com", TokenHost: "auth.example.com"})
	digest, err := c.Image(t.Context(), "production", "registry.example.com/api-gateway:12345")
	require.NoError(t, err)
	require.Equal(t, theDigest, digest)
	require.Empty(t, <-seen, "no credentials go to the host of the tokens")

	n = newNetwork()
	n.names["registry.example.com"] = []string{public}
	n.serves(t, public, false, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/token" {
			givesToken(w, r)
			return
		}
		wantsToken("https://registry.example.com/token")(w, r)
	})
	_, err = n.asks(
		t, nil, RegistryConfig{Host: "registry.example.com"},
	).Image(
		t.Context(), "production", "registry.example.com/api-gateway:12345",
	)
	require.NoError(t, err)
}

func TestNoProxyIsUsed(t *testing.T) {
	t.Parallel()
	require.Nil(t, newReach().to(RegistryConfig{Host: "registry.example.com"}).next.Proxy, "a proxy would look up names itself")
}

func TestARegistryIsConfiguredByItsHostAlone(t *testing.T) {
	t.Parallel()
	for host, ok := range map[string]bool{
		"registry.example.com": true, "registry.example.com:5000": true, "docker.io": true, "": false, "https://registry.example.com": false,
		"registry.example.com/team": false, "user@registry.example.com": false,
	} {
		require.Equal(t, ok, RegistryConfig{Host: host}.Validate() == nil, host)
	}
	require.Error(t, RegistryConfig{Host: "registry.example.com", TokenHost: "https://auth.example.com"}.Validate())
	require.Equal(t, "index.docker.io", RegistryConfig{Host: "docker.io"}.asked())
}

func TestNothingIsAskedWithoutTLS(t *testing.T) {
	t.Parallel()
	n := newNetwork()
	n.names["registry.example.com"] = []string{public}
	n.serves(t, public, true, registryOf)
	way := n.reach().to(RegistryConfig{Host: "registry.example.com"})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodHead, "http://registry.example.com/v2/", http.NoBody)
	require.NoError(t, err)
	answer, err := way.RoundTrip(r)
	if err == nil {
		require.NoError(t, answer.Body.Close())
	}
	var inside *insideError
	require.ErrorAs(t, err, &inside)
	require.Empty(t, n.dialed)
}

func TestNoPasswordOfAnAddressIsSent(t *testing.T) {
	t.Parallel()
	n := newNetwork()
	n.names["registry.example.com"] = []string{public}
	n.serves(t, public, false, registryOf)
	way := n.reach().to(RegistryConfig{Host: "registry.example.com"})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodHead, "https://somebody:something@registry.example.com/v2/", http.NoBody)
	require.NoError(t, err)
	answer, err := way.RoundTrip(r)
	if err == nil {
		require.NoError(t, answer.Body.Close())
	}
	var inside *insideError
	require.ErrorAs(t, err, &inside)
	require.Empty(t, n.dialed)
}
