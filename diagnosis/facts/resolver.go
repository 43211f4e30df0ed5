package facts

import (
	"regexp"
	"slices"
	"strings"
)

// Forward is where CoreDNS asks for names that it doesn't know itself.
type Forward struct {
	Zone   string   // whose names; "." is all others
	To     []string // addresses, or a file of them
	Source Ref      // the ConfigMap that says so
}

// forwards are those of CoreDNS' own ConfigMaps that were read, the most exact zones first.
func (s *Snapshot) forwards() []Forward {
	var found []Forward
	for _, name := range []string{"coredns-custom", "coredns"} {
		ref := Ref{KindConfigMap, "kube-system", name}
		have := s.keysOf[ref]
		if have == nil {
			continue
		}
		zone := ""
		for line := range strings.Lines(have.corefile) {
			line, _, _ = strings.Cut(line, "#")
			parts := strings.Fields(line)
			switch {
			case len(parts) == 0:
			case serverBlock.MatchString(parts[0]) && strings.HasSuffix(strings.TrimSpace(line), "{"):
				zone, _, _ = strings.Cut(parts[0], ":")
			case parts[0] == "forward" && len(parts) > 2:
				of := zone
				if parts[1] != "." {
					of = parts[1]
				}
				found = append(found, Forward{of, slices.DeleteFunc(parts[2:], func(to string) bool { return to == "{" }), ref})
			}
		}
	}
	slices.SortStableFunc(found, func(a, b Forward) int { return len(b.Zone) - len(a.Zone) })
	return found
}

var (
	// serverBlock begins what CoreDNS does with the names of a zone: "corp.example.com:53 {".
	serverBlock = regexp.MustCompile(`^(?:[\w.-]+\.?(?::\d+)?|\.:\d+)$`)
	// resolverError is a question that CoreDNS could not answer (plugin/errors): the name, and why.
	resolverError = regexp.MustCompile(`plugin/errors: -?\d+ (\S+) [A-Z]+: (.+)$`)
	// udpAnswer is whom it asked, in the words of Go's network package.
	udpAnswer = regexp.MustCompile(`(?:->|dial (?:udp|tcp) )\[?([0-9a-f.:]+?)\]?:(\d+): (?:\w+: )?(.+)$`)
)

// Unanswered is what CoreDNS' own log says of a name that it can't resolve.
type Unanswered struct {
	Container *Container
	Line      *LogLine
	Why       string  // "i/o timeout"
	Upstream  string  // the address that was asked; empty where none was
	Forward   Forward // that leads there; its zone is empty where none is known
}

// Unanswered finds in the log of the cluster's resolver that it could not answer a question, or another one that goes to the same address.
func (s *Snapshot) Unanswered(host string) (Unanswered, bool) {
	if host == "" {
		return Unanswered{}, false
	}
	var best Unanswered
	for _, p := range s.pods {
		resolves := p.Labels["k8s-app"] == "kube-dns" || strings.HasPrefix(p.Name, "coredns-")
		if p.Namespace != "kube-system" || !resolves || len(p.Spec.Containers) == 0 {
			continue
		}
		c := &Container{Snapshot: s, Pod: p, Owner: s.index.podOwner[p], Spec: &p.Spec.Containers[0]}
		c.Log = s.log(LogRequest{p.Namespace, p.Name, loudest(p), false})
		if c.Log == nil {
			continue
		}
		for _, line := range c.Log.Templates {
			m := resolverError.FindStringSubmatch(line.Example)
			if m == nil || line.count < 2 || !line.at.IsZero() && s.now.Sub(line.at) > lately {
				continue
			}
			said := Unanswered{Container: c, Line: line, Why: m[2]}
			if to := udpAnswer.FindStringSubmatch(m[2]); to != nil {
				said.Upstream, said.Why = to[1], to[3]
			}
			for _, f := range s.forwards() {
				leads := func(to string) bool { return said.Upstream != "" && hostOf(to) == said.Upstream }
				if slices.ContainsFunc(f.To, leads) && inZone(m[1], f.Zone) {
					said.Forward = f
					break
				}
			}
			asked := strings.TrimSuffix(strings.ToLower(m[1]), ".")
			if asked == strings.TrimSuffix(strings.ToLower(host), ".") {
				return said, true
			}
			if said.Forward.Zone != "" && said.Forward.Zone != "." && inZone(host, said.Forward.Zone) {
				best = said
			}
		}
	}
	return best, best.Line != nil
}

// hostOf is an address of a forward without its protocol and its port.
func hostOf(to string) string {
	_, after, found := strings.Cut(to, "://")
	if !found {
		after = to
	}
	if host, port := splitAddress(after); port != "" {
		return host
	}
	return after
}

func inZone(host, zone string) bool {
	host, zone = strings.TrimSuffix(strings.ToLower(host), "."), strings.TrimSuffix(strings.ToLower(zone), ".")
	return zone == "" || host == zone || strings.HasSuffix(host, "."+zone)
}
