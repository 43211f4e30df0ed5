package kube

import (
	"errors"
	"net/http"
	"net/netip"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta"
)

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
	// redirects sends a client that asks for the manifest to another address.
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

// TestTheClustersOwnAddressesArePrivateAlsoWherePublic: a name that anybody may register can mean a Service or a pod there.
func TestTheClustersOwnAddressesArePrivateAlsoWherePublic(t *testing.T) {
	t.Parallel()
	n := newNetwork()
	n.serves(t, public, false, registryOf)
	n.names["registry.example.com"] = []string{public}
	goes := func(private bool, own ...netip.Prefix) error {
		r := n.reach()
		r.own = own
		conn, err := r.connect(t.Context(), "tcp", "registry.example.com:443", private)
		if err == nil {
			require.NoError(t, conn.Close())
		}
		return err
	}
	address := netip.MustParseAddr(public)
	around, err := address.Prefix(24)
	require.NoError(t, err)
	require.NoError(t, goes(false))
	_, isInside := errors.AsType[*insideError](goes(false, around))
	require.True(t, isInside)
	require.NoError(t, goes(true, around), "the configuration says that the registry is in a private network")
	_, isInside = errors.AsType[*insideError](goes(false, aroundService(public)...))
	require.True(t, isInside, "the Service of the API server is there")

	r := newReach([]netip.Prefix{around}, func(name string) string { return map[string]string{"KUBERNETES_SERVICE_HOST": "fd12::1"}[name] })
	require.True(t, r.isOwn(address))
	require.True(t, r.isOwn(netip.MustParseAddr("::ffff:"+public)))
	require.True(t, r.isOwn(netip.MustParseAddr("fd12::ab")))
	require.True(t, r.isOwn(netip.MustParseAddr("127.0.0.1")), "this machine is in that network")
	require.Empty(t, aroundService("kubernetes.default"))
}

func TestNoProxyIsUsed(t *testing.T) {
	t.Parallel()
	require.Nil(t, newReach(nil, os.Getenv).to(RegistryConfig{Host: "registry.example.com"}).next.Proxy, "a proxy would look up names itself")
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
