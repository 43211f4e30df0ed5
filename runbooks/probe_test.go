package runbooks_test

import (
	"context"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/runbooks"
)

// internet is what hosts answer, by address. What was asked is noted.
type internet struct {
	at map[string]algesta.Exchange

	mu    sync.Mutex
	asked []string
}

func (n *internet) Ask(_ context.Context, address *url.URL) algesta.Exchange {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked = append(n.asked, address.String())
	if e, ok := n.at[address.String()]; ok {
		return e
	}
	return algesta.Exchange{Fault: algesta.FaultNoName}
}

func (n *internet) Reaches(ctx context.Context, host, port string) algesta.Exchange {
	return n.Ask(ctx, &url.URL{Scheme: "tcp", Host: host + ":" + port})
}

// answering is a host that is well.
func answering(status int) algesta.Exchange {
	return algesta.Exchange{
		Addresses: []string{
			"203.0.113.7",
		},
		Lookup:    3 * time.Millisecond,
		Connect:   10 * time.Millisecond,
		Handshake: 20 * time.Millisecond,
		Wait:      30 * time.Millisecond,
		Status:    status,
		FirstLine: `{"status":"ok"}`,
		Certificate: &algesta.PeerCertificate{
			Names: []string{
				apiHost,
			},
			Issuer:    "Let's Encrypt R11",
			NotBefore: noon.Add(-30 * 24 * time.Hour),
			NotAfter:  noon.Add(60 * 24 * time.Hour),
		},
	}
}

func moved(status int, to string) algesta.Exchange {
	return algesta.Exchange{Addresses: []string{"203.0.113.7"}, Status: status, Location: to}
}

func (n *internet) tells(t *testing.T, s listed, object, path string) ([]string, error) {
	t.Helper()
	book, ok := runbooks.Find("probe")
	require.True(t, ok)
	in := regarding("probe", object)
	if path != "" {
		in.Command.Args = algesta.Args{"path": path}
	}
	report, err := book.Answer(t.Context(), runbooks.Cluster{Reader: s, Prober: n}, in)
	return shownLines(t, report), err
}

func TestProbeTellsDNSRedirectCertificateAndStatus(t *testing.T) {
	t.Parallel()
	n := &internet{at: map[string]algesta.Exchange{
		"http://" + apiHost + "/health": moved(308, "https://"+apiHost+"/health"), "https://" + apiHost + "/health": answering(200),
	}}
	got, err := n.tells(t, entrances(), "host/"+apiHost, "/health")
	require.NoError(t, err)
	require.Equal(t, []string{
		apiHost + ": answers 200 OK in 60 ms",
		"DNS: 203.0.113.7 (3 ms), the address of its route",
		"http: 308 Permanent Redirect to https://" + apiHost + "/health",
		"https: 200 OK (connection 10 ms, TLS 20 ms, answer 30 ms)",
		"certificate: for " + apiHost + ", by Let's Encrypt R11, until 2027-01-21 12:00 UTC (in 60 days)",
		`first line: {"status":"ok"}`,
		"As seen from where I run: from elsewhere it may look different.",
	}, got)
	got, err = n.tells(t, entrances(), "", "/health")
	require.NoError(t, err)
	require.Equal(t, []string{
		"production: 1 host, nothing is wrong", "host | state | time | certificate until",
		apiHost + " | answers 200 OK | 60 ms | 2027-01-21 12:00 UTC (in 60 days)",
	}, got[:3])
}

func TestProbeGoesToNoHostThatNothingDeclares(t *testing.T) {
	t.Parallel()
	s := entrances(
		entrance("any", "", "gate"), entrance("top", "*.com", "gate"), entrance("below", "*.shop.example.com", "gate"),
		entrance("country", "*.co.uk", "gate"), entrance("host", "*.github.io", "gate"),
	)
	for _, host := range []string{
		"metadata.google.internal", "evil.com", "example.org", "shop.example.com.evil.org", "evil.co.uk", "evil.github.io",
	} {
		n := &internet{}
		_, err := n.tells(t, s, "host/"+host, "")
		require.ErrorIs(t, err, algesta.ErrRefused, host)
		require.ErrorContains(t, err, "I only go to hosts that one declares", host)
		require.Empty(t, n.asked, host)
	}
	n := &internet{}
	_, err := n.tells(t, s, "host/a.shop.example.com", "")
	require.NoError(t, err)
	require.Len(t, n.asked, 2)

	for _, path := range []string{"health", "//evil.org/", "/x\x7f"} {
		_, err := n.tells(t, s, "host/"+apiHost, path)
		require.ErrorIs(t, err, algesta.ErrUsage, path)
	}
	unread := entrances()
	unread.instead["IngressList"] = forbidden("ingresses")
	n = &internet{}
	got, err := n.tells(t, unread, "host/"+apiHost, "")
	require.NoError(t, err)
	require.Equal(t, "I couldn't check which hosts are declared in production.", got[0])
	require.Empty(t, n.asked)
}

func TestProbeFollowsARedirectToADeclaredHostAlone(t *testing.T) {
	t.Parallel()
	s := entrances(entrance("www", "www.example.com", "gate"))
	n := &internet{at: map[string]algesta.Exchange{
		"http://" + apiHost + "/": moved(
			301,
			"https://"+apiHost+"/",
		),
		"https://" + apiHost + "/":          moved(302, "https://www.example.com/in?code=1"),
		"https://www.example.com/in?code=1": moved(302, "https://login.example.org/?token=abc"),
	}}
	got, err := n.tells(t, s, "host/"+apiHost, "")
	require.NoError(t, err)
	require.Contains(t, got, "https: 302 Found (connection 0 ms, TLS 0 ms, answer 0 ms), after a redirect to https://www.example.com/in?…"+
		", redirects to https://login.example.org/?…, which I didn't follow")
	require.NotContains(t, n.asked, "https://login.example.org/?token=abc")

	loop := &internet{at: map[string]algesta.Exchange{"https://" + apiHost + "/": moved(302, "/")}}
	_, err = loop.tells(t, entrances(), "host/"+apiHost, "")
	require.NoError(t, err)
	require.Len(t, loop.asked, 5, "once without TLS, once with it, and three redirects")
	for _, to := range []string{
		"http://" + apiHost + "/", "https://" + apiHost + ":8443/",
		"https://u:p@" + apiHost + "/", "ftp://" + apiHost + "/",
	} {
		n := &internet{at: map[string]algesta.Exchange{"https://" + apiHost + "/": moved(302, to)}}
		_, err = n.tells(t, entrances(), "host/"+apiHost, "")
		require.NoError(t, err)
		require.Len(t, n.asked, 2, to)
	}
}

func TestProbeSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	other, bad := answering(200), answering(200)
	other.Certificate.NotAfter = noon.Add(5 * 24 * time.Hour)
	bad.Certificate.Problem = "it is for other names"
	elsewhere := answering(200)
	elsewhere.Addresses = []string{"198.18.0.1"}
	for name, c := range map[string]struct {
		seen        algesta.Exchange
		title, also string
	}{
		"no name": {algesta.Exchange{Fault: algesta.FaultNoName}, ": DNS has no such name", "DNS: DNS has no such name"},
		"a private host": {
			algesta.Exchange{Addresses: []string{"10.0.0.4"}, Fault: algesta.FaultInside},
			": it has an address of a private network or of this machine, and I don't go there", "DNS: 10.0.0.4 (0 ms); its route has 203.0.113.7",
		},
		"an error": {answering(503), ": answers 503 Service Unavailable in 60 ms", "DNS: 203.0.113.7 (3 ms), the address of its route"},
		"not found": {
			answering(404), ": answers 404 Not Found in 60 ms",
			"404 comes from the program, or from the controller where no path of a route fits. /algesta ingress " + apiHost + " production",
		},
		"a bad name": {bad, ": answers 200 OK in 60 ms, but its certificate isn't right: it is for other " +
			"names", "https: 200 OK (connection 10 ms, TLS 20 ms, answer 30 ms)"},
		"an old one": {other, ": answers 200 OK in 60 ms", "Another certificate is on the wire than api-tls has: that one lasts until " +
			"2027-01-21 12:00 UTC (in 60 days). The controller hasn't taken it up."},
		"another address": {elsewhere, ": answers 200 OK in 60 ms", "DNS: 198.18.0.1 (3 ms); its route has 203.0.113.7"},
		"nobody listening": {
			algesta.Exchange{Addresses: []string{"203.0.113.7"}, Fault: algesta.FaultRefused},
			": nothing listens there (connection refused)",
			"https: nothing listens there (connection refused)",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := &internet{
				at: map[string]algesta.Exchange{"http://" + apiHost + "/": moved(308, "https://"+apiHost+"/"), "https://" + apiHost + "/": c.seen},
			}
			got, err := n.tells(t, entrances(), "host/"+apiHost, "")
			require.NoError(t, err)
			require.Equal(t, apiHost+c.title, got[0])
			require.Contains(t, got, c.also)
		})
	}
	plain := &internet{at: map[string]algesta.Exchange{"http://" + apiHost + "/": answering(200), "https://" + apiHost + "/": answering(200)}}
	got, err := plain.tells(t, entrances(), "host/"+apiHost, "")
	require.NoError(t, err)
	require.Equal(t, apiHost+": answers 200 OK in 60 ms, but HTTP doesn't lead to HTTPS", got[0])
}
