package diagnosis

import (
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

const driverSource = "the error texts of the drivers (Node.js and MongoDB, PostgreSQL, MySQL, Redis, Go, Java, Python) in the container's log"

var dependencyRules = []Rule{
	{
		ID: "dependency-auth", Family: "dependencies", Class: ClassDependency,
		Signal: "the log of the failing instance: bad auth, Authentication failed, password authentication failed, WRONGPASS, …",
		Cause:  "a credential that was rotated or is wrong in the Secret", Remedy: "correct the credential in the Secret, then restart", Source: driverSource,
		container: dependencyRule("dependency-auth", func(to string) string { return to + " rejects the credentials" },
			"Check the credentials in %s, then restart the service."),
	},
	{
		ID: "dependency-allow-list", Family: "dependencies", Class: ClassDependency,
		Signal: "the log of the failing instance: IP not whitelisted, no pg_hba.conf entry, tlsv1 alert internal error (MongoDB Atlas)",
		Cause:  "the cluster's outgoing address is not on the database's allow list", Remedy: "add the cluster's outgoing address to the allow list", Source: driverSource,
		container: dependencyRule("dependency-allow-list", func(to string) string { return to + " does not admit the cluster's address" },
			"Add the cluster's outgoing address to the database's allow list."),
	},
	{
		ID: "dependency-full", Family: "dependencies", Class: ClassDependency,
		Signal: "the log of the failing instance: too many connections, too many clients", Cause: "more pods or bigger pools than the database admits; leaked connections",
		Remedy: "scale down or make the pools smaller; raise the database's limit", Source: driverSource,
		container: dependencyRule("dependency-full", func(to string) string { return to + " has no connections left" },
			"Run fewer pods or smaller connection pools, or raise the database's limit."),
	},
	{
		ID: "dependency-dns", Family: "dependencies", Class: ClassDependency,
		Signal: "the log of the failing instance: getaddrinfo ENOTFOUND or EAI_AGAIN, querySrv ENOTFOUND, no such host, UnknownHostException",
		Cause:  "a host name that is wrong or lacks its namespace; DNS is down", Remedy: "correct the host name in the configuration; look at CoreDNS when several names fail", Source: driverSource,
		container: dependencyRule("dependency-dns", func(to string) string { return "The name of " + to + " cannot be resolved" },
			"Check the host name in %s; if several names fail, look at CoreDNS."),
	},
	{
		ID: "dependency-tls", Family: "dependencies", Class: ClassDependency,
		Signal: "the log of the failing instance: certificate has expired, self-signed certificate, x509:, handshake failure, …",
		Cause:  "an expired or unknown certificate on the other side; TLS where there is none", Remedy: "renew the certificate, or give the service the authority that signed it", Source: driverSource,
		container: dependencyRule("dependency-tls", func(to string) string { return "The TLS connection to " + to + " fails" },
			"Check the certificate of the other side and the authority that the service trusts."),
	},
	{
		ID: "dependency-refused", Family: "dependencies", Class: ClassDependency,
		Signal: "the log of the failing instance: ECONNREFUSED, connection refused", Cause: "nothing listens there: the other side is down, or the host or port is wrong",
		Remedy: "see whether the other side runs; correct host and port", Source: driverSource,
		container: dependencyRule("dependency-refused", func(to string) string { return to + " refuses connections" },
			"See whether it runs, and check host and port in %s."),
	},
	{
		ID: "dependency-timeout", Family: "dependencies", Class: ClassDependency,
		Signal: "the log of the failing instance: ETIMEDOUT, i/o timeout, Server selection timed out, EHOSTUNREACH", Cause: "a firewall or network policy, an allow list, a host that is down",
		Remedy: "check the way there: firewall, allow list, network policy", Source: driverSource,
		container: dependencyRule("dependency-timeout", func(to string) string { return to + " does not answer" },
			"Check the way there: firewall, allow list and network policies; then host and port in %s."),
	},
}

// products are known by their port or by words of their drivers.
var products = []struct {
	name, port string
	says       *regexp.Regexp
	variable   *regexp.Regexp // of the environment variables that usually hold the address
}{
	{"MongoDB", "27017", regexp.MustCompile(`(?i)mongo|bad auth`), regexp.MustCompile(`(?i)mongo`)},
	{"PostgreSQL", "5432", regexp.MustCompile(`(?i)postgres|\bpg_|\bpq:|password authentication failed|too many clients already|remaining connection slots`), regexp.MustCompile(`(?i)postgres|^PG|DATABASE`)},
	{"MySQL", "3306", regexp.MustCompile(`(?i)mysql|mariadb|ER_[A-Z_]+|Access denied for user`), regexp.MustCompile(`(?i)mysql|DATABASE`)},
	{"Redis", "6379", regexp.MustCompile(`(?i)redis|WRONGPASS|NOAUTH`), regexp.MustCompile(`(?i)redis`)},
	{"RabbitMQ", "5672", regexp.MustCompile(`(?i)amqp|rabbit`), regexp.MustCompile(`(?i)amqp|rabbit`)},
	{"Kafka", "9092", regexp.MustCompile(`(?i)kafka`), regexp.MustCompile(`(?i)kafka`)},
}

// dependencyRule reads the log. The subject is what the services share, so that the same words in two of them make one
// finding about it and not two about them.
func dependencyRule(id string, words func(to string) string, fix string) func(*instance) *finding {
	return func(c *instance) *finding {
		why, ok := c.log.explain()
		if !ok || why.id != id {
			return nil
		}
		host, port := splitAddress(why.named)
		to, subject, product := c.dependency(host, port, why.line.example)
		from, source := c.configuredBy(product)
		if strings.Contains(fix, "%s") {
			fix := fmt.Sprintf(fix, from)
			return c.dependencyFinding(why, subject, words(to), fix, source)
		}
		return c.dependencyFinding(why, subject, words(to), fix, source)
	}
}

func (c *instance) dependencyFinding(why explanation, subject Ref, what, fix string, source Ref) *finding {
	f := &finding{subject: subject, what: upperFirst(what), shown: []Evidence{c.logEvidence(why.line)}, sure: High, effect: notReady}
	if c.crashing {
		f.effect = keepCrashing
		if c.died != nil {
			f.since = earliest(c.died.StartedAt.Time)
			f.show(c.endEvidence(), false)
		}
	}
	if source != (Ref{}) {
		f.show(Evidence{Object: source, Field: "spec.containers[].env", Quote: "the address comes from " + source.words()}, false)
	}
	f.remedy = Remedy{Text: fix}
	if c.newlyBroken() {
		f.remedy = c.rollbackOr(fix)
		f.sure, f.unsure = Medium, "The pods of the revision before still work, so its configuration may be what changed."
	}
	if strings.HasPrefix(fix, "Check the credentials") && f.remedy.Command == "" {
		f.remedy = c.owner.command("restart", fix)
	}
	if f.remedy.Command == "" {
		f.remedy.Command = fmt.Sprintf("kubectl logs %s -c %s -n %s", c.pod.Name, c.spec.Name, c.pod.Namespace)
		if c.crashing {
			f.remedy.Command += " --previous"
		}
	}
	return f
}

func splitAddress(named string) (host, port string) {
	if host, port, err := net.SplitHostPort(named); err == nil {
		return host, port
	}
	return strings.TrimPrefix(named, "_mongodb._tcp."), ""
}

// dependency names what the program called: a Service of the cluster, a product at an address, or only a product.
func (c *instance) dependency(host, port, line string) (words string, subject Ref, product string) {
	for _, p := range products {
		if p.port == port || p.says.MatchString(line) {
			product = p.name
			break
		}
	}
	if service, ok := c.s.serviceAt(host, c.pod.Namespace); ok {
		return "Service " + service.Name, service, product
	}
	name := strings.Trim(host+":"+port, ":")
	if host != "" && port == "" {
		name = host
	}
	switch ip := net.ParseIP(host); {
	case host == "localhost", ip != nil && ip.IsLoopback():
		return fmt.Sprintf("%s (the pod itself)", strings.TrimSpace(product+" at "+name)), Ref{KindDependency, c.pod.Namespace, name + " in " + c.owner.ref.Name}, product
	case product != "" && name != "":
		return product + " at " + name, Ref{KindDependency, c.pod.Namespace, name}, product
	case product != "":
		return product, Ref{KindDependency, c.pod.Namespace, product}, product
	case name != "":
		return name, Ref{KindDependency, c.pod.Namespace, name}, ""
	}
	return "what " + c.owner.ref.Name + " calls", Ref{KindDependency, c.pod.Namespace, "called by " + c.owner.ref.Name}, ""
}

// serviceAt finds the Service behind a cluster name, the name of a pod of a headless Service, or a cluster IP.
func (s *Snapshot) serviceAt(host, namespace string) (Ref, bool) {
	if host == "" {
		return Ref{}, false
	}
	parts := strings.Split(strings.TrimSuffix(strings.TrimSuffix(host, "."), ".svc.cluster.local"), ".")
	candidates := []Ref{{KindService, namespace, parts[0]}}
	if len(parts) >= 2 { // service.namespace, or pod.service
		candidates = []Ref{{KindService, parts[1], parts[0]}, {KindService, namespace, parts[1]}}
	}
	if len(parts) >= 3 { // service.namespace.svc, or pod.service.namespace
		candidates = []Ref{{KindService, parts[2], parts[1]}}
		if parts[2] == "svc" {
			candidates = []Ref{{KindService, parts[1], parts[0]}}
		}
	}
	for _, ref := range candidates {
		if s.index.services[ref] != nil {
			return ref, true
		}
	}
	for _, service := range s.services {
		if service.Spec.ClusterIP == host || slices.Contains(service.Spec.ClusterIPs, host) {
			return refOf(KindService, service), true
		}
	}
	return Ref{}, false
}

// configuredBy says where the address of a product comes from, as far as the template tells.
func (c *instance) configuredBy(product string) (words string, source Ref) {
	for _, p := range products {
		if p.name != product {
			continue
		}
		for _, env := range c.spec.Env {
			if !p.variable.MatchString(env.Name) {
				continue
			}
			if ref := envSource(env, c.pod.Namespace); ref != (Ref{}) {
				return fmt.Sprintf("%s (variable %s)", ref.words(), env.Name), ref
			}
			return "variable " + env.Name, Ref{}
		}
	}
	return "the service's configuration", Ref{}
}

func envSource(env corev1.EnvVar, namespace string) Ref {
	switch {
	case env.ValueFrom == nil:
	case env.ValueFrom.SecretKeyRef != nil:
		return Ref{KindSecret, namespace, env.ValueFrom.SecretKeyRef.Name}
	case env.ValueFrom.ConfigMapKeyRef != nil:
		return Ref{KindConfigMap, namespace, env.ValueFrom.ConfigMapKeyRef.Name}
	}
	return Ref{}
}
