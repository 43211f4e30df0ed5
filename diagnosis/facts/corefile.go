package facts

import (
	"cmp"
	"maps"
	"net"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// mostCorefile bounds the part of CoreDNS' configuration that is kept, in bytes.
const mostCorefile = 64 << 10

// corefileOf is what is kept of CoreDNS' own ConfigMaps: how it answers isn't secret, and decides whether names are found.
func corefileOf(o *corev1.ConfigMap) string {
	if o.Namespace != "kube-system" || o.Name != "coredns" && o.Name != "coredns-custom" {
		return ""
	}
	var all strings.Builder
	for _, name := range slices.Sorted(maps.Keys(o.Data)) {
		if value := o.Data[name]; all.Len()+len(value) < mostCorefile {
			all.WriteString(value + "\n")
		}
	}
	return all.String()
}

// Corefile are the plugins of CoreDNS' configuration, each with its block on one line: "template ANY ANY svc.cluster.local { rcode
// NXDOMAIN }". Those of all server blocks are in one list; none where it wasn't read.
func (s *Snapshot) Corefile(ref Ref) []string {
	have := s.keysOf[ref]
	if have == nil || have.corefile == "" {
		return nil
	}
	var plugins []string
	open := 0
	for line := range strings.Lines(have.corefile) {
		line, _, _ = strings.Cut(line, "#")
		line = strings.Join(strings.Fields(line), " ")
		inside := open > 1
		open += strings.Count(line, "{") - strings.Count(line, "}")
		switch {
		case line == "":
		case inside && len(plugins) > 0:
			plugins[len(plugins)-1] += " " + line
		case open >= 1 && !strings.HasSuffix(line, ":53 {"):
			plugins = append(plugins, line)
		}
	}
	return plugins
}

// Forward is a part of the names that CoreDNS asks other servers about.
type Forward struct {
	Zone    string   // "." for all that no longer zone has
	Servers []string // addresses without their port; a file such as /etc/resolv.conf is left out
	Source  Ref      // the ConfigMap that says so
}

// Forwards are the servers that CoreDNS' configuration names; none where it was not read, or names none but the node's own.
func (s *Snapshot) Forwards() []Forward {
	var found []Forward
	for _, name := range []string{"coredns", "coredns-custom"} {
		source := Ref{KindConfigMap, "kube-system", name}
		have := s.keysOf[source]
		if have == nil {
			continue
		}
		zones, open := []string{"."}, 0 // an override stands in the block of all names
		for line := range strings.Lines(have.corefile) {
			line, _, _ = strings.Cut(line, "#")
			fields := strings.Fields(line)
			if open == 0 && len(fields) > 1 && fields[len(fields)-1] == "{" && !strings.HasPrefix(fields[0], "forward") {
				zones = nil
				for _, zone := range fields[:len(fields)-1] {
					host, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimSuffix(zone, ","), "dns://"), ":")
					zones = append(zones, host)
				}
			}
			if len(fields) > 2 && (fields[0] == "forward" || fields[0] == "proxy") {
				found = append(found, forwardsOf(zones, fields[1], fields[2:], source)...)
			}
			open += strings.Count(line, "{") - strings.Count(line, "}")
			if open <= 0 {
				zones, open = []string{"."}, 0
			}
		}
	}
	return found
}

func forwardsOf(zones []string, from string, to []string, source Ref) []Forward {
	var servers []string
	for _, server := range to {
		server = strings.TrimPrefix(strings.TrimPrefix(server, "tls://"), "dns://")
		if host, _, err := net.SplitHostPort(server); err == nil {
			server = host
		}
		if net.ParseIP(server) != nil {
			servers = append(servers, server)
		}
	}
	if len(servers) == 0 {
		return nil
	}
	var found []Forward
	for _, zone := range zones {
		if from != "." {
			zone = strings.TrimSuffix(from, ".")
		}
		found = append(found, Forward{cmp.Or(strings.Trim(zone, "."), "."), servers, source})
	}
	return found
}

// ForwardOf is the part of the forwarded names that a host is in, the longest zone first; ok is false where there is none.
func (s *Snapshot) ForwardOf(host string) (f Forward, ok bool) {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	for _, candidate := range s.Forwards() {
		in := candidate.Zone == "." || host == candidate.Zone || strings.HasSuffix(host, "."+candidate.Zone)
		if in && (!ok || f.Zone == "." || candidate.Zone != "." && len(candidate.Zone) > len(f.Zone)) {
			f, ok = candidate, true
		}
	}
	return f, ok
}
