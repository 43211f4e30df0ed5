package facts

import (
	"regexp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// Proxied is an error of an ingress controller about requests for one host, which its log repeats.
type Proxied struct {
	Host     string
	Says     string    // what nginx says, without who asked for what, redacted
	Upstream string    // the address that it called, empty where it called none
	Count    int       // how often it came
	Last     time.Time // when it came last; zero where the log tells no times
	pod      Ref
}

// nginxError is a line of nginx' error log: what it says, then who asked for what, and for which host.
var nginxError = regexp.MustCompile(
	`\[(?:error|` +
		`crit)\] \d+#\d+: \*\d+ (.+?), client: [^,]+, server: .*?, request: "[^"]*"(?:, (?:sub)?upstream: "([^"]*)")?.*?, host: "([^"]+)"`,
)

// mostProxied is how many errors of hosts are kept of one log.
const mostProxied = 200

// proxiedFor stands in every error of nginx about a request for a host.
const proxiedFor = ", host: "

// noteProxied keeps an error of nginx by its host: lines that differ in their host alone would be one group.
func (v *Log) noteProxied(e logEntry) {
	if !strings.Contains(e.text, proxiedFor) {
		return
	}
	m := nginxError.FindStringSubmatch(e.text)
	if m == nil {
		return
	}
	upstream := m[2]
	if _, rest, ok := strings.Cut(upstream, "://"); ok {
		upstream, _, _ = strings.Cut(rest, "/")
	}
	at := slices.IndexFunc(v.proxied, func(p Proxied) bool { return p.Host == m[3] && template(p.Says) == template(m[1]) })
	if at < 0 {
		if len(v.proxied) >= mostProxied {
			return
		}
		v.proxied = append(v.proxied, Proxied{Host: m[3], Says: m[1], pod: Ref{KindPod, v.request.Namespace, v.request.Pod}})
		at = len(v.proxied) - 1
	}
	p := &v.proxied[at]
	p.Count++
	p.Upstream, p.Last = upstream, Latest(p.Last, e.at)
}

// Evidence quotes the error.
func (p Proxied) Evidence() Evidence {
	return Evidence{Object: p.pod, Field: "log of the ingress " +
		"controller", Quote: p.Says + ", host: " + p.Host, At: Moment(p.Last), Count: p.Count}
}

// served is a request that nginx answered well, in its access log.
var served = regexp.MustCompile(`" [23]\d\d \d+ "`)

// Proxied are the errors that ingress controllers lately wrote about a host, the most frequent first: of all their logs that were read.
func (s *Snapshot) Proxied(host string) []Proxied {
	var found []Proxied
	for _, p := range s.pods {
		for i := range p.Spec.Containers {
			held := s.logs[LogRequest{p.Namespace, p.Name, p.Spec.Containers[i].Name, false}]
			if !held.proxies {
				continue
			}
			for _, e := range held.read().proxied {
				if e.Host == host && (e.Last.IsZero() || s.now.Sub(e.Last) <= lately) {
					found = append(found, e)
				}
			}
		}
	}
	slices.SortStableFunc(found, func(a, b Proxied) int { return b.Count - a.Count })
	return found
}

// Serves says that the log of a pod shows requests that were answered well.
func (s *Snapshot) Serves(p *corev1.Pod) bool {
	for i := range p.Spec.Containers {
		if log := s.log(LogRequest{p.Namespace, p.Name, p.Spec.Containers[i].Name, false}); log != nil &&
			slices.ContainsFunc(log.Templates, func(t *LogLine) bool { return served.MatchString(t.Example) }) {
			return true
		}
	}
	return false
}

// OnAzure says that the cluster's nodes are machines of Azure.
func (s *Snapshot) OnAzure() bool {
	return s.setting.AKS || slices.ContainsFunc(s.nodes, func(n *corev1.Node) bool { return strings.HasPrefix(n.Spec.ProviderID, "azure://") })
}
