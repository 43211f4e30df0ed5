package kube

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// insideError says that an address isn't dialled. Its text is for the log.
type insideError struct{ what string }

func (e *insideError) Error() string { return "not going to " + e.what }

// reach is how registries and hosts are reached. An image's name is typed by people, what a registry answers is written by its operator,
// and a host by anyone who may write an Ingress: none of them may lead the bot to addresses that only it can reach.
type reach struct {
	lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	dial   func(ctx context.Context, network, address string) (net.Conn, error)
	roots  *x509.CertPool // nil means those of the system
	own    []netip.Prefix // public addresses that count as private
}

// newReach refuses, besides what is private everywhere, the networks that the configuration calls its own, those that this machine is a
// part of, and those around the API server's Service: a cluster may have public addresses for pods and Services.
func newReach(own []netip.Prefix, getenv func(string) string) reach {
	dialer := &net.Dialer{Timeout: headWithin}
	return reach{
		own: slices.Concat(own, linked(), aroundService(getenv("KUBERNETES_SERVICE_HOST"))),
		lookup: func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		},
		dial: dialer.DialContext,
	}
}

// linked are the networks of this machine's interfaces.
func linked() []netip.Prefix {
	addresses, err := net.InterfaceAddrs()
	if err != nil { // then it's in no network that it could tell
		return nil
	}
	var out []netip.Prefix
	for _, a := range addresses {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			out = append(out, p.Masked())
		}
	}
	return out
}

// aroundService are the 65,536 addresses around that of the API server's Service, which is one of the first of the range of Services. How
// large that is isn't told to a pod (kubernetes.io/docs, "Service ClusterIP allocation").
func aroundService(host string) []netip.Prefix {
	a, err := netip.ParseAddr(host)
	if err != nil {
		return nil
	}
	a = a.Unmap()
	p, err := a.Prefix(a.BitLen() - 16)
	if err != nil { // it's no prefix that couldn't be
		return nil
	}
	return []netip.Prefix{p}
}

// tokenHosts are where public registries hand out tokens, where that isn't their own host.
var tokenHosts = map[string]string{
	"index.docker.io": "auth.docker.io", "registry-1.docker.io": "auth.docker.io", "docker.io": "auth.docker.io",
	"registry.gitlab.com": "gitlab.com", "registry.hub.docker.com": "auth.docker.io",
}

// registryWay is the transport to one registry: only HTTPS, only its own host and the one that hands out its tokens, and only the addresses
// that reach allows. Whatever a redirect or a challenge names besides is refused.
type registryWay struct {
	registry RegistryConfig
	hosts    []string // host:port
	next     *http.Transport
}

// to is the transport to a registry. It uses no proxy: a proxy would look up names itself, and their addresses couldn't be checked.
func (r reach) to(registry RegistryConfig) *registryWay {
	w := &registryWay{registry: registry, hosts: []string{withPort(registry.Host)}}
	for _, host := range []string{registry.TokenHost, tokenHosts[registry.Host]} {
		if host != "" {
			w.hosts = append(w.hosts, withPort(host))
		}
	}
	w.next = &http.Transport{
		Proxy: nil, DisableKeepAlives: true, TLSHandshakeTimeout: headWithin, ResponseHeaderTimeout: headWithin, MaxResponseHeaderBytes: 64 << 10,
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: r.roots},
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return r.connect(ctx, network, address, registry.Private)
		},
	}
	return w
}

// CloseIdleConnections closes what is open.
func (w *registryWay) CloseIdleConnections() { w.next.CloseIdleConnections() }

// RoundTrip implements http.RoundTripper.
func (w *registryWay) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != "https" {
		return nil, &insideError{what: "an address without https"}
	}
	if r.URL.User != nil || !slices.Contains(w.hosts, withPort(strings.ToLower(r.URL.Host))) {
		return nil, &insideError{what: "another host than that of the registry and of its tokens"}
	}
	return w.next.RoundTrip(r)
}

func withPort(host string) string {
	if _, _, err := net.SplitHostPort(host); err == nil {
		return host
	}
	return net.JoinHostPort(strings.Trim(host, "[]"), "443")
}

// absolute is a host as DNS is asked for it and nothing else: in a pod a name without the final dot is first looked for below the cluster's
// own domains, so "gate.shop" would be the Service gate of the namespace shop (resolv.conf(5), ndots and search). An address stays.
func absolute(host string) string {
	if _, err := netip.ParseAddr(host); err == nil || strings.HasSuffix(host, ".") {
		return host
	}
	return host + "."
}

// ofCluster reports whether a name is one that only the cluster knows: of a Service or a pod, or without a domain.
func ofCluster(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if _, err := netip.ParseAddr(host); err == nil {
		return false
	}
	labels := strings.Split(host, ".")
	return len(labels) == 1 || slices.Contains(labels, "svc") || strings.HasSuffix(host, ".cluster.local")
}

// connect looks the name up, checks every address that it has, and dials one of those that it checked: looked up a second time, the name
// might mean another address.
func (r reach) connect(ctx context.Context, network, address string, private bool) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("reading an address: %w", err)
	}
	var addresses []netip.Addr
	if literal, err := netip.ParseAddr(host); err == nil {
		addresses = []netip.Addr{literal}
	} else {
		if !private { // a private registry is named by the configuration, perhaps as the cluster knows it
			if ofCluster(host) {
				return nil, &insideError{what: "a name that only the cluster knows"}
			}
			host = absolute(host)
		}
		if addresses, err = r.lookup(ctx, host); err != nil {
			return nil, fmt.Errorf("looking up a host: %w", err)
		}
	}
	for _, a := range addresses {
		if inside(a, private) || !private && r.isOwn(a) {
			return nil, &insideError{what: "an address of this machine or of a private network"}
		}
	}
	failed := errors.New("the host has no address")
	for _, a := range addresses {
		each, cancel := context.WithTimeout(ctx, max(headWithin/time.Duration(len(addresses)), headWithin/4))
		var conn net.Conn
		if conn, failed = r.dial(each, network, net.JoinHostPort(a.Unmap().String(), port)); failed == nil {
			cancel()
			return conn, nil
		}
		cancel()
	}
	return nil, fmt.Errorf("connecting: %w", failed)
}

// Addresses that mean something inside a machine, a network or a cloud. Sources: the IANA special-purpose registries, and the providers'
// own documents for the addresses of their metadata services.
var (
	neverRanges = prefixes(
		"0.0.0.0/8",
		"127.0.0.0/8",
		"169.254.0.0/16",
		"192.0.0.0/24",
		"192.0.2.0/24",
		"192.88.99.0/24",
		"198.18.0.0/15",
		"198.51.100.0/24",
		"203.0.113.0/24",
		"224.0.0.0/4",
		"240.0.0.0/4",
		"168.63.129.16/32",   // Azure: DNS, DHCP and health of the platform
		"100.100.100.200/32", // Alibaba Cloud: metadata
		"192.0.0.192/32",     // Oracle Cloud: metadata
		"::/96",
		"64:ff9b::/96",
		"64:ff9b:1::/48",
		"100::/64",
		"2001::/23",
		"2001:db8::/32",
		"2002::/16",
		"3fff::/20",
		"5f00::/16",
		"fe80::/10",
		"fec0::/10",
		"ff00::/8",
		"fd00:ec2::/32", // AWS: metadata, DNS and time
		"fd20:ce::/32",  // Google Cloud: metadata
	)
	privateRanges = prefixes("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
)

func prefixes(texts ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		out[i] = netip.MustParsePrefix(text)
	}
	return out
}

// isOwn reports whether a public address counts as private.
func (r reach) isOwn(a netip.Addr) bool {
	a = a.Unmap()
	return slices.ContainsFunc(r.own, func(p netip.Prefix) bool { return p.Contains(a) })
}

// inside reports whether an address isn't dialled: never those of the machine, the link and the platform; private ones where the
// configuration says that the registry is there.
func inside(a netip.Addr, private bool) bool {
	if a.Zone() != "" || !a.IsValid() {
		return true
	}
	a = a.Unmap() // ::ffff:127.0.0.1 is 127.0.0.1
	in := func(p netip.Prefix) bool { return p.Contains(a) }
	return slices.ContainsFunc(neverRanges, in) || !private && slices.ContainsFunc(privateRanges, in)
}
