package facts

import (
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Call is a Service that a workload names as a host, in its template or in a ConfigMap that it uses.
type Call struct {
	Service Ref
	Port    string // empty where nothing tells one
	Where   string // "variable STOCK_URL", "arguments of container web", "ConfigMap web-env"
}

// hostInText are the hosts of URLs, of addresses with a port, and of names of the cluster.
var hostInText = regexp.MustCompile(
	`://(?:[^/\s@'"]*@)?([a-z0-9][a-z0-9.-]*)(?::(\d{2,5}))?|(?:^|[\s@,=;'"])([a-z0-9][a-z0-9.-]*):(\d{2,5})\b` +
		`|\b([a-z0-9][a-z0-9-]*\.[a-z0-9-]+\.svc(?:\.cluster\.local)?)\b`,
)

// hostVariable are names of variables that hold nothing but a host.
var hostVariable = regexp.MustCompile(`(?i)(?:^|_)(?:HOST|HOSTNAME|ADDR|ADDRESS|SERVER|ENDPOINT|SERVICE|URL|URI|UPSTREAM|BACKEND)$`)

// hostOnly are those beside which a variable of the same beginning holds the port: DB_HOST and DB_PORT.
var hostOnly = regexp.MustCompile(`(?i)(?:HOST|HOSTNAME|ADDR|ADDRESS|SERVER)$`)

// named is a host that a text names.
type namedHost struct{ host, port, key string }

const (
	mostHosts = 16      // of one value
	mostText  = 1 << 16 // bytes of one value that are searched
	mostNamed = 128     // hosts of one ConfigMap that are kept
)

func hostsIn(text, key string) []namedHost {
	var found []namedHost
	for _, m := range hostInText.FindAllStringSubmatch(text[:min(len(text), mostText)], mostHosts) {
		found = append(found, namedHost{firstOf([]string{m[1], m[3], m[5]}), firstOf([]string{m[2], m[4]}), key})
	}
	return found
}

// hostsOf are the hosts that values name, as texts and as variables: alone in FOO_HOST, with the port in FOO_PORT. Names are in order, so
// that the same values give the same hosts.
func hostsOf(names []string, value func(string) string) []namedHost {
	var found []namedHost
	for _, name := range names {
		text := value(name)
		found = append(found, hostsIn(text, name)...)
		if hostVariable.MatchString(name) && text != "" && len(text) < 256 && !strings.ContainsAny(text, " /:\n") {
			port := ""
			if hostOnly.MatchString(name) {
				port = value(hostOnly.ReplaceAllString(name, "PORT"))
			}
			if !onlyDigits.MatchString(port) {
				port = ""
			}
			found = append(found, namedHost{strings.ToLower(text), port, name})
		}
		if len(found) >= mostNamed {
			break
		}
	}
	return found
}

var onlyDigits = regexp.MustCompile(`^\d{2,5}$`)

// CallsOf are the Services that were read and that a workload names as hosts: in its variables, its command and its arguments, and in the
// ConfigMaps that it takes variables or files from. Those that lead to the workload itself are left out. Each comes once.
func (s *Snapshot) CallsOf(w *Workload) []Call { return s.calls()[w.Ref] }

// findCalls is made once, when somebody first asks.
func (s *Snapshot) findCalls() map[Ref][]Call {
	calls := map[Ref][]Call{}
	if len(s.services) == 0 {
		return calls
	}
	for _, w := range s.index.workloads {
		if found := s.callsIn(w); len(found) > 0 {
			calls[w.Ref] = found
		}
	}
	return calls
}

func (s *Snapshot) callsIn(w *Workload) []Call {
	if w.Template == nil {
		return nil
	}
	var calls []Call
	add := func(hosts []namedHost, where func(key string) string) {
		for _, h := range hosts {
			ref, ok := s.serviceAt(strings.TrimRight(h.host, ".-"), w.Ref.Namespace)
			if !ok || slices.Contains(s.index.downstream[w.Ref], ref) ||
				slices.ContainsFunc(calls, func(c Call) bool { return c.Service == ref && (c.Port == h.port || h.port == "") }) {
				continue
			}
			calls = append(calls, Call{ref, h.port, where(h.key)})
		}
	}
	watches := slices.ContainsFunc(w.Template.Spec.Containers, func(c corev1.Container) bool { return observer.MatchString(c.Image) })
	ofMap := func(name, key string) {
		if watches {
			return // what it looks at is not what it needs
		}
		ref := Ref{KindConfigMap, w.Ref.Namespace, name}
		have := s.keysOf[ref]
		if have == nil {
			return
		}
		hosts := have.hosts
		if key != "" {
			hosts = slices.DeleteFunc(slices.Clone(hosts), func(h namedHost) bool { return h.key != key })
		}
		add(hosts, func(key string) string { return key + " of " + ref.Words() })
	}
	for i := range w.Template.Spec.Containers {
		c := &w.Template.Spec.Containers[i]
		var names []string
		for _, env := range c.Env {
			names = append(names, env.Name)
		}
		add(hostsOf(names, func(name string) string { return spelled(c.Env, name) }), func(key string) string { return "variable " + key })
		for _, text := range slices.Concat(c.Command, c.Args) {
			add(hostsIn(text, ""), func(string) string { return "arguments of container " + c.Name })
		}
		for _, env := range c.Env {
			if env.ValueFrom != nil && env.ValueFrom.ConfigMapKeyRef != nil {
				ofMap(env.ValueFrom.ConfigMapKeyRef.Name, env.ValueFrom.ConfigMapKeyRef.Key)
			}
		}
		for _, from := range c.EnvFrom {
			if from.ConfigMapRef != nil {
				ofMap(from.ConfigMapRef.Name, "")
			}
		}
	}
	for _, v := range w.Template.Spec.Volumes {
		if v.ConfigMap != nil {
			ofMap(v.ConfigMap.Name, "")
		}
	}
	return calls
}

// observer matches the images of programs that look at others: their configuration names what they watch.
var observer = regexp.MustCompile(`(?i)prometheus|grafana|alloy|otel|opentelemetry|fluent|vector|telegraf|datadog|promtail|loki|` +
	`blackbox|thanos|` +
	`victoria|vmagent|zabbix|uptime|dashboard|kiali|jaeger|homepage`)

// spelled is the value that a template spells out for a variable; the later one counts.
func spelled(list []corev1.EnvVar, name string) string {
	value := ""
	for _, env := range list {
		if env.Name == name {
			value = env.Value
		}
	}
	return value
}
