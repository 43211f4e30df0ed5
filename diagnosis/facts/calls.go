package facts

import (
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Silent says that a Service was read and that no ready pod is behind it.
func (s *Snapshot) Silent(ref Ref) bool {
	service := s.index.services[ref]
	return service != nil && HasSelector(service) && s.Knows("pods", ref.Namespace) && !slices.ContainsFunc(s.index.behind[ref], PodReady)
}

// ClusterDNS is the Service that resolves names for the pods, when it does not answer. Its pods carry k8s-app=kube-dns
// on every platform, whatever runs in them.
func (s *Snapshot) ClusterDNS() []Ref {
	return s.silentWith(func(service *corev1.Service) bool {
		return service.Namespace == "kube-system" && (service.Name == "kube-dns" || service.Spec.Selector["k8s-app"] == "kube-dns")
	})
}

// resolvesNames says that a Service is a resolver: a program that cannot resolve a name says which one it asked.
func (s *Snapshot) resolvesNames(ref Ref) bool {
	return slices.ContainsFunc(s.index.services[ref].Spec.Ports, func(p corev1.ServicePort) bool { return p.Port == 53 })
}

// MetricsService is what is behind the metrics API, when it does not answer.
func (s *Snapshot) MetricsService() []Ref {
	return s.silentWith(func(service *corev1.Service) bool {
		return service.Namespace == "kube-system" && (service.Name == "metrics-server" || service.Spec.Selector["k8s-app"] == "metrics-server")
	})
}

func (s *Snapshot) silentWith(wanted func(*corev1.Service) bool) []Ref {
	var refs []Ref
	for _, service := range s.services {
		if ref := RefOf(KindService, service); wanted(service) && s.Silent(ref) {
			refs = append(refs, ref)
		}
	}
	return refs
}

// webhookURL is how the API server names the Service of a webhook that it could not call.
var webhookURL = regexp.MustCompile(`https://([a-z0-9-]+)\.([a-z0-9-]+)\.svc\b`)

// WebhookService is the Service of a webhook that the API server could not call, by the URL in its message.
func WebhookService(message string) (Ref, bool) {
	m := webhookURL.FindStringSubmatch(message)
	if m == nil {
		return Ref{}, false
	}
	return Ref{KindService, m[2], m[1]}, true
}

// serviceAt finds the Service behind a cluster name, the name of a pod of a headless Service, a cluster IP, or the IP of
// a pod.
func (s *Snapshot) serviceAt(host, namespace string) (Ref, bool) {
	if net.ParseIP(host) != nil {
		return s.serviceWithIP(host)
	}
	for _, ref := range clusterNames(host, namespace) {
		if s.index.services[ref] != nil {
			return ref, true
		}
	}
	return Ref{}, false
}

// ServiceNamed is the Service that was read and that a host means from a namespace; an address is none.
func (s *Snapshot) ServiceNamed(host, namespace string) (Ref, bool) {
	if host == "" || net.ParseIP(host) != nil {
		return Ref{}, false
	}
	return s.serviceAt(host, namespace)
}

// clusterNames are the Services that a name may stand for, by the search path of a pod in that namespace.
func clusterNames(host, namespace string) []Ref {
	parts := strings.Split(strings.TrimSuffix(strings.TrimSuffix(host, "."), ".svc.cluster.local"), ".")
	switch {
	case len(parts) == 2: // service.namespace, or pod.service
		return []Ref{{KindService, parts[1], parts[0]}, {KindService, namespace, parts[1]}}
	case len(parts) >= 4 && parts[3] == "svc": // pod.service.namespace.svc
		return []Ref{{KindService, parts[2], parts[1]}}
	case len(parts) >= 3 && parts[2] == "svc": // service.namespace.svc
		return []Ref{{KindService, parts[1], parts[0]}}
	case len(parts) >= 3: // pod.service.namespace
		return []Ref{{KindService, parts[2], parts[1]}}
	}
	return []Ref{{KindService, namespace, parts[0]}}
}

func (s *Snapshot) serviceWithIP(ip string) (Ref, bool) {
	for _, service := range s.services {
		if service.Spec.ClusterIP == ip || slices.Contains(service.Spec.ClusterIPs, ip) {
			return RefOf(KindService, service), true
		}
	}
	for _, service := range s.services {
		ref := RefOf(KindService, service)
		if slices.ContainsFunc(s.index.behind[ref], func(p *corev1.Pod) bool { return p.Status.PodIP == ip && !p.Spec.HostNetwork }) {
			return ref, true
		}
	}
	return Ref{}, false
}

// Elsewhere says where a Service of this short name is, when the pod's own namespace has none.
func (s *Snapshot) Elsewhere(host, namespace string) string {
	if strings.Contains(host, ".") || !s.Knows("services", namespace) || s.index.services[Ref{KindService, namespace, host}] != nil {
		return ""
	}
	for _, service := range s.services {
		if service.Name == host {
			return service.Namespace
		}
	}
	return ""
}

// ServiceBeyond is the Service of another namespace that a whole cluster name says.
func ServiceBeyond(host, namespace string) (Ref, bool) {
	if !isClusterName(host) {
		return Ref{}, false
	}
	ref := clusterNames(host, namespace)[0]
	return ref, ref.Namespace != namespace
}

func isClusterName(host string) bool {
	return strings.HasSuffix(strings.TrimSuffix(host, "."), ".svc.cluster.local") || strings.HasSuffix(host, ".svc")
}

// Absent says that a name is that of a Service of this cluster which was looked for and is not there.
func (s *Snapshot) Absent(host, namespace string) (Ref, bool) {
	if net.ParseIP(host) != nil || host == "" {
		return Ref{}, false
	}
	if strings.Contains(host, ".") && !isClusterName(host) {
		return Ref{}, false
	}
	ref := clusterNames(host, namespace)[0]
	return ref, s.index.services[ref] == nil && s.index.namespaces[ref.Namespace] && s.Knows("services", ref.Namespace)
}

// OwnService says that a Service leads to this very workload: it is silent because the workload is, and never why.
func (c *Container) OwnService(ref Ref) bool {
	return slices.Contains(c.Snapshot.index.downstream[c.Owner.Ref], ref)
}

var (
	// waitedFor are the hosts in the ways in which scripts wait: nc -z db 5432, wait-for-it db:5432, nslookup db, pg_isready -h db,
	// http://api/health.
	waitedFor = regexp.MustCompile(
		`(?:\bnslookup|\bgetent hosts|\bping|\bdig|\bhost|\s-h|--host(?:name)?)[ ` +
			`=]+["']?([a-z0-9][a-z0-9.-]*)|://([a-z0-9][a-z0-9.-]*)|\b([a-z][a-z0-9.-]*)(?::| ` +
			`+)\d{2,5}\b|\b([a-z0-9][a-z0-9-]*(?:\.[a-z0-9-]+)*\.svc)\b`,
	)
	// waitingWords are the hosts in what such scripts print.
	waitingWords = regexp.MustCompile(
		`(?i:wait(?:ing)? (?:for|on)|connect(?:ing)? to|reach(?:ing)?)(?: (?:the|service|host|database|db|server|broker))*[ ` +
			`=:]+["'\x60]?([a-z0-9][a-z0-9.-]*)`,
	)
)

// Awaited is the Service without a ready pod that an init container waits for, when its command, its variables and its last words
// name exactly one.
func (c *Container) Awaited() (Ref, bool) {
	var hosts []string
	add := func(says *regexp.Regexp, text string) {
		for _, m := range says.FindAllStringSubmatch(text, 16) {
			hosts = append(hosts, firstOf(m[1:]))
		}
	}
	for _, text := range slices.Concat(c.Spec.Command, c.Spec.Args) {
		add(waitedFor, text)
	}
	for _, env := range c.Spec.Env {
		add(waitedFor, env.Value)
		hosts = append(hosts, env.Value)
	}
	if last, ok := c.Log.LastWords(); ok {
		add(waitedFor, last.Example)
		add(waitingWords, last.Example)
	}
	found := Ref{}
	for _, host := range hosts {
		service, ok := c.Snapshot.serviceAt(strings.TrimRight(host, ".-"), c.Pod.Namespace)
		if !ok || service == found || !c.Snapshot.Silent(service) || c.OwnService(service) {
			continue
		}
		if found != (Ref{}) {
			return Ref{}, false
		}
		found = service
	}
	return found, found != (Ref{})
}

// onPort says that a Service has a port of this number.
func onPort(service *corev1.Service, port string) bool {
	return slices.ContainsFunc(service.Spec.Ports, func(p corev1.ServicePort) bool { return strconv.Itoa(int(p.Port)) == port })
}

// silentOnPort is the Service of the pod's namespace on a port, when it is the only one there and no ready pod is behind it: what a
// program most likely calls that only says the port, and whose address can't be read.
func (c *Container) silentOnPort(port string) (Ref, bool) {
	found := Ref{}
	for _, service := range c.Snapshot.services {
		if service.Namespace != c.Pod.Namespace || !onPort(service, port) {
			continue
		}
		ref := RefOf(KindService, service)
		if service.Spec.ClusterIP == corev1.ClusterIPNone && found != (Ref{}) && c.sameBehind(ref, found) {
			continue
		}
		if found != (Ref{}) && !c.sameBehind(ref, found) {
			return Ref{}, false
		}
		found = ref
	}
	return found, found != (Ref{}) && c.Snapshot.Silent(found) && !c.OwnService(found)
}

// sameBehind says that two Services lead to the same pods, as the headless one of a StatefulSet beside the other.
func (c *Container) sameBehind(a, b Ref) bool {
	return len(c.Snapshot.index.behind[a]) > 0 && slices.Equal(c.Snapshot.index.behind[a], c.Snapshot.index.behind[b])
}

// callWords are those of programs that did not get through, whatever their library.
var callWords = regexp.MustCompile(
	`(?i)connect|\bdial|unreachable|\breach|no servers|unavailable|not available|time[d-]? ?out|closed ` +
		`?channel|socket|network|handshake|\bE?AI_AGAIN|refused`,
)

// FailedCall is the Service without a ready pod that an error is about: the line names it, or it speaks of a call and the template names
// exactly one.
func (c *Container) FailedCall(line string) (Ref, bool) {
	host, _ := addressIn(line)
	if service, ok := c.serviceNamed(host, line); ok && c.Snapshot.Silent(service) && !c.OwnService(service) {
		return service, true
	}
	if host != "" || !callWords.MatchString(line) {
		return Ref{}, false
	}
	return c.SilentInTemplate()
}
