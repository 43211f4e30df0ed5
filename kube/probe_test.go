package kube

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

func (n *network) asksHost(t *testing.T, hidden, address string) algesta.Exchange {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	c := n.asks(t, nil)
	c.hide = func(s string) string { return strings.ReplaceAll(s, hidden, "‹redacted›") }
	return c.Ask(t.Context(), u)
}

func TestAHostIsAskedOnceAndNothingIsFollowed(t *testing.T) {
	t.Parallel()
	n := newNetwork()
	n.names["api.example.com"], n.names["other.example.com"] = []string{"203.0.114.7"}, []string{"203.0.114.8"}
	asked, agent, carried := 0, "", ""
	n.serves(t, "203.0.114.7", false, func(w http.ResponseWriter, r *http.Request) {
		asked++
		agent, carried = r.Header.Get("User-Agent"), carried+r.Header.Get("Cookie")+r.Header.Get("Authorization")
		if r.URL.Path == "/moved" {
			http.Redirect(w, r, "https://other.example.com/", http.StatusFound)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte("\n{\"status\":\"ok\",\"key\":\"hunter2hunter2\"}\nmore"))
	})
	got := n.asksHost(t, "hunter2hunter2", "https://api.example.com/health")
	require.Equal(t, algesta.NoFault, got.Fault)
	require.Equal(t, []string{"203.0.114.7"}, got.Addresses)
	require.Equal(t, http.StatusOK, got.Status)
	require.JSONEq(t, `{"status":"ok","key":"‹redacted›"}`, got.FirstLine)
	require.Empty(t, got.Certificate.Problem)
	require.Contains(t, got.Certificate.Names, "*.example.com")
	require.True(t, got.Certificate.NotAfter.After(time.Now()))

	moved := n.asksHost(t, "-", "https://api.example.com/moved")
	require.Equal(t, http.StatusFound, moved.Status)
	require.Equal(t, "https://other.example.com/", moved.Location)
	require.Equal(t, 2, asked)
	require.Equal(t, "algesta", agent)
	require.Empty(t, carried)
	require.Equal(t, []string{"203.0.114.7:443", "203.0.114.7:443"}, n.dialed, "nothing else was gone to")
}

func TestAHostThatLeadsInsideIsNotGoneTo(t *testing.T) {
	t.Parallel()
	for _, address := range []string{
		"127.0.0.1", "10.0.0.5", "169.254.169.254", "168.63.129.16", "192.168.1.1", "::1", "fd00:ec2::254", "::ffff:10.0.0.1",
		"203.0.114.7,10.0.0.5",
	} {
		n := newNetwork()
		n.names["api.example.com"] = []string{address}
		got := n.asksHost(t, "-", "http://api.example.com/")
		require.Equal(t, algesta.FaultInside, got.Fault, address)
		require.Empty(t, n.dialed, address)
		require.Zero(t, got.Status)
		require.Equal(t, algesta.FaultInside, n.asks(t, nil).Reaches(t.Context(), "api.example.com", "27017").Fault)
		require.Empty(t, n.dialed, address)
	}
	rebinds := newNetwork()
	rebinds.names["api.example.com"] = []string{"203.0.114.7", "127.0.0.1"}
	rebinds.serves(t, "203.0.114.7", true, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	require.Equal(t, http.StatusNoContent, rebinds.asksHost(t, "-", "http://api.example.com/").Status)
	require.Equal(t, 1, rebinds.looked["api.example.com"], "a name that means something else the second time isn't looked up twice")
}

// A name is looked up as it's written: it's neither a Service of some namespace, by the search list of a pod, nor is one asked for.
func TestANameOfTheClusterIsNotLookedUp(t *testing.T) {
	t.Parallel()
	n := newNetwork()
	n.names["gate.shop.svc.cluster.local"] = []string{"203.0.114.20"}
	n.names["api.example.com.svc.cluster.local"] = []string{"203.0.114.20"}
	n.names["api.example.com"] = []string{"203.0.114.21"}
	n.names["gate"] = []string{"203.0.114.20"}
	require.Equal(t, algesta.FaultNoName, n.asks(t, nil).Reaches(t.Context(), "gate.shop", "80").Fault)
	require.Equal(t, []string{"203.0.114.21"}, n.asks(t, nil).Reaches(t.Context(), "api.example.com", "80").Addresses)
	for _, host := range []string{
		"gate", "gate.shop.svc", "pod-0.gate.shop.svc", "gate.shop.svc.cluster.local", "GATE.shop.svc.cluster.local.",
	} {
		seen := n.asks(t, nil).Reaches(t.Context(), host, "80")
		require.Equal(t, algesta.FaultInside, seen.Fault, host)
		require.Empty(t, seen.Addresses, host)
		_, err := n.reach().connect(t.Context(), "tcp", host+":443", false)
		require.ErrorContains(t, err, "a name that only the cluster knows", host)
	}
}

func TestWhatStandsInTheWayOfAHostIsToldApart(t *testing.T) {
	t.Parallel()
	n := newNetwork()
	require.Equal(t, algesta.FaultNoName, n.asksHost(t, "-", "http://gone.example.com/").Fault)

	n.names["plain.example.com"] = []string{"203.0.114.9"}
	n.serves(t, "203.0.114.9", true, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "image/png")
		_, _ = w.Write([]byte("binary"))
	})
	require.Equal(t, algesta.FaultNoTLS, n.asksHost(t, "-", "https://plain.example.com/").Fault)
	require.Empty(t, n.asksHost(t, "-", "http://plain.example.com/").FirstLine, "what is no text isn't shown")
	require.Equal(t, algesta.NoFault, n.asks(t, nil).Reaches(t.Context(), "plain.example.com", "9999").Fault)

	n.names["shop.test"] = []string{"203.0.114.10"}
	n.serves(t, "203.0.114.10", false, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = w.Write([]byte(strings.Repeat("x", 5000) + " end\n"))
	})
	got := n.asksHost(t, "-", "https://shop.test/")
	require.Equal(t, "it is for other names", got.Certificate.Problem)
	require.LessOrEqual(t, len(got.FirstLine), answerBytes)

	const known = "walrus-garden-lantern"
	n.names["long.test"] = []string{"203.0.114.12"}
	n.serves(t, "203.0.114.12", true, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "/x?next="+known)
		w.Header().Set("Content-Type", "text/plain")
		_, _ = w.Write([]byte("\nit says " + strings.Repeat(" ", answerBytes-24) + known + " and more"))
	})
	got = n.asksHost(t, known, "http://long.test/")
	require.Equal(t, "it says …", got.FirstLine, "what is cut ends before the value")
	require.Equal(t, "/x?next=‹redacted›", got.Location)

	n.names["dead.example.com"] = []string{"203.0.114.11"}
	n.serves(t, "203.0.114.11", true, func(http.ResponseWriter, *http.Request) {})
	n.at["203.0.114.11"].Close()
	require.Equal(t, algesta.FaultRefused, n.asksHost(t, "-", "http://dead.example.com/").Fault)
}
