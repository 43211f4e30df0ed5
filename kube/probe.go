package kube

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/3astronautas/algesta"
)

// The bounds of one request to a host.
const (
	askWithin   = 5 * time.Second
	answerBytes = 4 << 10 // of its body, which is read for its first line
)

// Ask asks an address once, by GET without credentials, cookies or a body, and follows nothing. The name is looked up once, each of its
// addresses is checked, and one of those is dialled: addresses of the machine, the link, the platform and private networks are not dialled
// at all. A certificate that can't be trusted is reported and the request sent nevertheless, since nothing secret is in it. It takes 5
// seconds at most.
func (c *Cluster) Ask(ctx context.Context, address *url.URL) algesta.Exchange {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	port := address.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[address.Scheme]
	}
	raw, seen := c.reach.reaches(ctx, address.Hostname(), port)
	if raw == nil {
		return seen
	}
	defer func() { _ = raw.Close() }()
	conn := raw
	if address.Scheme == "https" {
		if conn = c.reach.secured(ctx, raw, address.Hostname(), &seen); conn == nil {
			return seen
		}
	}
	c.question(ctx, conn, address, &seen)
	return seen
}

// Reaches connects to a port of a host and hangs up at once, under the same rules as Ask.
func (c *Cluster) Reaches(ctx context.Context, host, port string) algesta.Exchange {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	conn, seen := c.reach.reaches(ctx, host, port)
	if conn != nil {
		_ = conn.Close()
	}
	return seen
}

// reaches looks a host up and connects to one of its addresses. The connection is nil where there is a fault.
func (r reach) reaches(ctx context.Context, host, port string) (net.Conn, algesta.Exchange) {
	seen := algesta.Exchange{}
	began := time.Now()
	if ofCluster(host) {
		seen.Fault = algesta.FaultInside
		return nil, seen
	}
	addresses, err := r.lookup(ctx, absolute(host))
	seen.Lookup = time.Since(began)
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns) && dns.IsNotFound, err == nil && len(addresses) == 0:
		seen.Fault = algesta.FaultNoName
		return nil, seen
	case err != nil:
		seen.Fault = algesta.FaultNoLookup
		return nil, seen
	}
	for _, a := range addresses {
		seen.Addresses = append(seen.Addresses, a.Unmap().String())
		if inside(a, false) {
			seen.Fault = algesta.FaultInside
		}
	}
	if seen.Fault != algesta.NoFault {
		return nil, seen
	}
	for _, a := range addresses {
		began = time.Now()
		var conn net.Conn
		// The address is dialled, not the name: looked up again, the name might mean another.
		if conn, err = r.connect(ctx, "tcp", net.JoinHostPort(a.Unmap().String(), port), false); err == nil {
			seen.Connect = time.Since(began)
			return conn, seen
		}
	}
	seen.Fault = faultOf(err, algesta.FaultNoAnswer)
	return nil, seen
}

// faultOf is the fault that an error of the network is.
func faultOf(err error, otherwise algesta.Fault) algesta.Fault {
	var network net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return algesta.FaultRefused
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return algesta.FaultTimedOut
	}
	return otherwise
}

// secured shakes hands and notes the certificate; nil where that fails.
func (r reach) secured(ctx context.Context, conn net.Conn, host string, seen *algesta.Exchange) net.Conn {
	began := time.Now()
	//nolint:gosec // an untrusted certificate is what people look for; it's verified below, and nothing secret is sent
	secure := tls.Client(conn, &tls.Config{ServerName: host, InsecureSkipVerify: true, MinVersion: tls.VersionTLS12})
	err := secure.HandshakeContext(ctx)
	seen.Handshake = time.Since(began)
	if err != nil {
		seen.Fault = faultOf(err, algesta.FaultNoTLS)
		return nil
	}
	shown := secure.ConnectionState().PeerCertificates
	if len(shown) == 0 {
		return secure
	}
	between := x509.NewCertPool()
	for _, c := range shown[1:] {
		between.AddCert(c)
	}
	_, err = shown[0].Verify(x509.VerifyOptions{DNSName: host, Roots: r.roots, Intermediates: between})
	issuer := shown[0].Issuer.CommonName
	if len(shown[0].Issuer.Organization) > 0 {
		issuer = strings.TrimSpace(shown[0].Issuer.Organization[0] + " " + issuer)
	}
	seen.Certificate = &algesta.PeerCertificate{
		Names: shown[0].DNSNames, Issuer: issuer, NotBefore: shown[0].NotBefore, NotAfter: shown[0].NotAfter, Problem: untrusted(err),
	}
	return secure
}

// untrusted says in words why a certificate isn't to be trusted, "" where it is.
func untrusted(err error) string {
	var name x509.HostnameError
	var authority x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &name):
		return "it is for other names"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "it has expired or isn't valid yet"
	case errors.As(err, &authority):
		return "it isn't signed by a trusted authority"
	}
	return "it can't be verified"
}

// question sends the GET over a connection and notes the answer.
func (c *Cluster) question(ctx context.Context, conn net.Conn, address *url.URL, seen *algesta.Exchange) {
	dial := func(context.Context, string, string) (net.Conn, error) { return conn, nil }
	way := &http.Transport{
		Proxy: nil, DisableKeepAlives: true, DialContext: dial, DialTLSContext: dial, MaxResponseHeaderBytes: 64 << 10,
	}
	defer way.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), http.NoBody)
	if err != nil {
		seen.Fault = algesta.FaultNoAnswer
		return
	}
	req.Header.Set("User-Agent", "algesta")
	began := time.Now()
	answer, err := way.RoundTrip(req) // a client would follow
	seen.Wait = time.Since(began)
	if err != nil {
		seen.Fault = faultOf(err, algesta.FaultNoAnswer)
		return
	}
	defer func() { _ = answer.Body.Close() }()
	seen.Status, seen.Location = answer.StatusCode, c.hides.Values(answer.Header.Get("Location"))
	if c.hide != nil {
		seen.Location = c.hide(seen.Location)
	}
	seen.FirstLine = c.firstLine(answer.Header.Get("Content-Type"), answer.Body)
}

// firstLine is the first line of a textual body that isn't empty, with the values that are known hidden; "" for anything else.
func (c *Cluster) firstLine(kind string, body io.Reader) string {
	kind, _, _ = strings.Cut(strings.ToLower(kind), ";")
	kind = strings.TrimSpace(kind)
	if !strings.HasPrefix(kind, "text/") && !strings.HasSuffix(kind, "json") {
		return ""
	}
	head, err := io.ReadAll(io.LimitReader(body, answerBytes+1)) // what came is shown
	ended := err == nil && len(head) <= answerBytes
	for whole := range strings.Lines(string(head[:min(len(head), answerBytes)])) {
		line := strings.TrimSpace(whole)
		if line == "" {
			continue
		}
		if !ended && !strings.HasSuffix(whole, "\n") { // half a value can't be recognized: it ends with a blank
			line = strings.TrimSpace(strings.TrimRight(line[:max(0, strings.LastIndexAny(line, " \t"))], " \t") + " …")
		}
		line = c.hides.String(line)
		if c.hide != nil {
			line = c.hide(line)
		}
		return line
	}
	return ""
}
