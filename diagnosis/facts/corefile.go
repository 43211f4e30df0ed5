package facts

import (
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
	for _, value := range o.Data {
		if all.Len()+len(value) < mostCorefile {
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
