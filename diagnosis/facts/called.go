package facts

import (
	"cmp"
	"fmt"
	"net"
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// products are known by their port or by words of their drivers.
var products = []struct {
	name, port string
	says       *regexp.Regexp
	variable   *regexp.Regexp // of the environment variables that usually hold the address
}{
	{
		"MongoDB", "27017", regexp.MustCompile(`(?i)mongo|bad auth|NotWritablePrimary|not authorized on \S+ to execute`),
		regexp.MustCompile(`(?i)mongo`),
	},
	{
		"PostgreSQL",
		"5432",
		regexp.MustCompile(
			`(?i)postgres|psycopg|npgsql|pgx|PG::|\bpg_|\bpq:|password authentication failed|permission denied for (?:table|relation|schema|` +
				`sequence)|too many clients already|remaining connection slots`,
		),
		regexp.MustCompile(`(?i)postgres|^PG|DATABASE`),
	},
	{
		"MySQL",
		"3306",
		regexp.MustCompile(
			`(?i)mysql|mariadb|com\.mysql|CJCommunications|Communications link failure|SQLSTATE\[HY000\] \[\d+\]|(?-i:\bER_[A-Z_]+)|Access ` +
				`denied for user`,
		),
		regexp.MustCompile(`(?i)mysql|DATABASE`),
	},
	{"Redis", "6379", regexp.MustCompile(`(?i)redis|lettuce|jedis|WRONGPASS|NOAUTH|NOPERM|READONLY You`), regexp.MustCompile(`(?i)redis`)},
	{
		"RabbitMQ", "5672", regexp.MustCompile(`(?i)amqp|rabbit|pika\.|ACCESS[_-]REFUSED|PLAIN login refused`),
		regexp.MustCompile(`(?i)amqp|rabbit`),
	},
	{"Kafka", "9092", regexp.MustCompile(`(?i)kafka|NoBrokersAvailable|\bBroker: `), regexp.MustCompile(`(?i)kafka`)},
	{
		"SQL Server",
		"1433",
		regexp.MustCompile(`(?i)SqlException|\bSQL Server|mssql|tedious|\bTDS\b`),
		regexp.MustCompile(`(?i)mssql|sqlserver|ConnectionStrings`),
	},
	{"Oracle", "1521", regexp.MustCompile(`\bORA-\d{5}|oracle\.(?:jdbc|net)|cx_Oracle|oracledb`), regexp.MustCompile(`(?i)oracle`)},
	{"Cassandra", "9042", regexp.MustCompile(`(?i)cassandra|datastax|\bcql\b|gocql`), regexp.MustCompile(`(?i)cassandra|cql`)},
	{"NATS", "4222", regexp.MustCompile(`\bnats\b`), regexp.MustCompile(`(?i)nats`)},
	{"LDAP", "636", regexp.MustCompile(`(?i)\bldaps?\b`), regexp.MustCompile(`(?i)ldap`)},
	{
		"Elasticsearch", "9200", regexp.MustCompile(`(?i)elasticsearch|opensearch|flood-stage watermark|cluster_block_exception`),
		regexp.MustCompile(`(?i)elastic|opensearch`),
	},
}

// IsLoopback says that a host is the pod itself.
func IsLoopback(host string) bool {
	if host == "" || host == "localhost" { // most findings have no host, and each is compared with each
		return host != ""
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

func splitAddress(named string) (host, port string) {
	if host, port, err := net.SplitHostPort(named); err == nil {
		return host, port
	}
	return strings.TrimPrefix(named, "_mongodb._tcp."), ""
}

// Callee is what a program called, as far as its log and its template say.
type Callee struct {
	Words   string // for the sentence
	Subject Ref
	Product string // "MongoDB"; empty when nothing tells
	Host    string // without its port; empty when nothing says
	Guessed string // why it is only probable; empty when it is known
}

// Target is what is known of it.
func (to Callee) Target() string {
	if to.Subject.Kind == KindService {
		return to.Subject.Name
	}
	return to.Product + to.Host
}

// Dependency names what the program called: a Service of the cluster, a product at an address, or only a product.
func (c *Container) Dependency(why Explanation) Callee {
	line := why.Line.Example
	host, port := splitAddress(why.Named)
	if sourceFile.MatchString(why.Named) {
		host, port = "", "" // a line of a program, such as Connection.php:829
	}
	if host == "" {
		host, port = addressIn(line)
	}
	if m := wholeName.FindStringSubmatch(line); host == "" && why.ID == "dependency-dns" && m != nil {
		host = m[1]
	}
	byURL := false
	if m := webURL.FindStringSubmatch(line); host == "" && m != nil {
		host, port, byURL = m[1], m[2], true
	}
	if m := portAlone.FindStringSubmatch(line); host == "" && port == "" && m != nil {
		port = m[1]
	}
	to := Callee{Product: productOf(port, line), Host: host}
	if byURL {
		to.Product = "" // what is called by HTTP is no database, whatever else the line names
	}
	if to.Product == "" && port == "" && !byURL {
		to.Product = c.productAround()
	}
	if host == "" && to.Product != "" {
		to.Host = c.configuredHost(to.Product)
		host = to.Host
	}
	if service, ok := c.serviceNamed(host, line); ok {
		to.Words, to.Subject = "Service "+service.Name, service
		return to
	}
	if service, ok := c.serviceBySigns(to.Product, port, why.ID); ok && host == "" {
		to.Words, to.Subject = "Service "+service.Name, service
		return to
	}
	if service, ok := c.silentOnPort(cmp.Or(
		port,
		portOf(to.Product),
	)); ok && host == "" && (why.ID == "dependency-refused" || why.ID == "dependency-timeout") {
		to.Words, to.Subject = "Service "+service.Name, service
		to.Guessed = fmt.Sprintf(
			"Its log doesn't say what it calls; Service %s is the only one on this port in %s, and it has no ready pod.",
			service.Name,
			c.Pod.Namespace,
		)
		return to
	}
	if host == "" && port == "" && to.Product == "" && why.ID != "dependency-dns" {
		if calls := c.Snapshot.CallsOf(c.Owner); len(calls) == 1 {
			service := calls[0].Service
			to.Words, to.Subject = "Service "+service.Name, service
			to.Guessed = fmt.Sprintf("Its log doesn't say what it calls; its template names only Service %s.", service.Name)
			return to
		}
	}
	if service, ok := c.silentInWords(line); ok && host == "" && to.Product == "" {
		to.Words, to.Subject = "Service "+service.Name, service
		to.Guessed = fmt.Sprintf("Its log doesn't say what it calls; the line names Service %s, which has no ready pod.", service.Name)
		return to
	}
	name := strings.Trim(host+":"+port, ":")
	if host != "" && port == "" {
		name = host
	}
	namespace := c.Pod.Namespace
	switch {
	case IsLoopback(host):
		to.Words = fmt.Sprintf("%s (the pod itself)", strings.TrimSpace(to.Product+" at "+name))
		to.Subject = Ref{KindDependency, namespace, name + " in " + c.Owner.Ref.Name}
	case to.Product != "" && name != "":
		to.Words, to.Subject = to.Product+" at "+name, Ref{KindDependency, namespace, name}
	case to.Product != "":
		to.Words, to.Subject = to.Product, Ref{KindDependency, namespace, to.Product}
	case name != "":
		to.Words, to.Subject = name, Ref{KindDependency, namespace, name}
	default:
		to.Words, to.Subject = "what "+c.Owner.Ref.Name+" calls", Ref{KindDependency, namespace, "called by " + c.Owner.Ref.Name}
	}
	return to
}

// productAround finds the product in the other lines of trouble, or in the addresses of the template, when the line that
// explains doesn't say; nothing when they name several.
func (c *Container) productAround() string {
	var texts []string
	for _, t := range c.Log.Templates {
		if t.severity >= severityWarning {
			texts = append(texts, t.Example)
		}
	}
	if found := onlyProduct(texts); found != "" {
		return found
	}
	texts = nil
	for _, env := range c.Spec.Env {
		if scheme, _, ok := strings.Cut(env.Value, "://"); ok {
			texts = append(texts, scheme)
		}
	}
	return onlyProduct(texts)
}

func onlyProduct(texts []string) string {
	found := ""
	for _, text := range texts {
		switch product := productOf("", text); product {
		case "", found:
		default:
			if found != "" {
				return ""
			}
			found = product
		}
	}
	return found
}

// addressInURL is the host of a URL, after a user and a password where there are such.
var addressInURL = regexp.MustCompile(`://(?:\S*@)?([a-zA-Z0-9][\w.-]*)`)

// configuredHost is the host that the template itself sets for a product, when it sets exactly one.
func (c *Container) configuredHost(product string) string {
	found := ""
	for _, env := range c.Spec.Env {
		m := addressInURL.FindStringSubmatch(env.Value)
		if m == nil || productOf("", strings.SplitN(env.Value, "://", 2)[0]) != product {
			continue
		}
		if found != "" && found != m[1] {
			return ""
		}
		found = m[1]
	}
	return found
}

func productOf(port, line string) string {
	for _, p := range products {
		if p.port == port {
			return p.name
		}
	}
	for _, p := range products {
		if p.says.MatchString(line) {
			return p.name
		}
	}
	return ""
}

func portOf(product string) string {
	for _, p := range products {
		if p.name == product {
			return p.port
		}
	}
	return ""
}

// serviceBySigns is the Service that the template names in a variable, when the line does not say what the program called: the one
// without a ready pod, or the one on the port of what the line is about.
func (c *Container) serviceBySigns(product, port, id string) (Ref, bool) {
	if service, ok := c.SilentInTemplate(); ok && id != "dependency-auth" && id != "dependency-full" {
		return service, true
	}
	if port = cmp.Or(port, portOf(product)); port == "" {
		return Ref{}, false
	}
	return c.onlyInTemplate(func(service Ref) bool { return onPort(c.Snapshot.index.services[service], port) })
}

// SilentInTemplate is the Service without a ready pod that the template names in a variable, when there is exactly one:
// what a program calls that doesn't say what it called.
func (c *Container) SilentInTemplate() (Ref, bool) { return c.onlyInTemplate(c.Snapshot.Silent) }

// onlyInTemplate is the only such Service that a variable of the template names; the workload's own do not count.
func (c *Container) onlyInTemplate(wanted func(Ref) bool) (Ref, bool) {
	found := Ref{}
	for _, env := range c.Spec.Env {
		for _, host := range hostInValue.FindAllString(env.Value, 8) {
			service, ok := c.Snapshot.serviceAt(host, c.Pod.Namespace)
			if !ok || service == found || !wanted(service) || c.OwnService(service) {
				continue
			}
			if found != (Ref{}) {
				return Ref{}, false
			}
			found = service
		}
	}
	return found, found != (Ref{})
}

// hostInValue are the parts of a value that may be host names.
var hostInValue = regexp.MustCompile(`[a-z0-9][a-z0-9.-]*`)

// serviceNamed finds the Service of the cluster that a line is about: at the address it complains of, or at another
// cluster name or IP that it mentions.
func (c *Container) serviceNamed(host, line string) (Ref, bool) {
	if host != "" {
		if service, ok := c.Snapshot.serviceAt(host, c.Pod.Namespace); ok {
			return service, true
		}
	}
	for _, m := range addressInURL.FindAllStringSubmatch(line, 8) {
		if service, ok := c.Snapshot.serviceAt(m[1], c.Pod.Namespace); ok {
			return service, true
		}
	}
	for _, m := range nameAndPort.FindAllStringSubmatch(line, 8) {
		if service, ok := c.Snapshot.serviceAt(m[1], c.Pod.Namespace); ok && onPort(c.Snapshot.index.services[service], m[2]) {
			return service, true
		}
	}
	for _, mentioned := range inCluster.FindAllString(line, 8) {
		if service, ok := c.Snapshot.serviceAt(mentioned, c.Pod.Namespace); ok && !c.Snapshot.resolvesNames(service) {
			return service, true
		}
	}
	return Ref{}, false
}

var (
	// inCluster is a name or IP that can only be looked up in this cluster.
	inCluster = regexp.MustCompile(`\b[a-z0-9-]+(?:\.[a-z0-9-]+)+\.svc(?:\.cluster\.local)?\b|\b\d{1,3}(?:\.\d{1,3}){3}\b`)
	// calledPatterns are the ways in which drivers say what they called when the words around differ.
	calledPatterns = regexp.MustCompile("(?:\\b(?:at|to|on|with|from|host|server|broker)[ =:]+|//|@|\\bhost=)[`'\"(\\[]*" +
		"((?:[a-zA-Z][\\w-]*(?:\\.[\\w-]+)*|\\d{1,3}(?:\\.\\d{1,3}){3}):\\d{2,5})\\b|" +
		"(?:\\bhost=['\"]?|\\b(?:host|server) (?:name )?(?:on |at )?[`'\"])([a-zA-Z0-9][\\w.-]*)|" +
		"\\b[a-z0-9-]+(?:\\.[a-z0-9-]+)+\\.svc(?:\\.cluster\\.local)?\\b")
)

// nameAndPort may be an address anywhere, such as “ZooKeeper zookeeper:2181”; a Service with that port confirms it.
var nameAndPort = regexp.MustCompile(`\b([a-z][a-z0-9-]*(?:\.[a-z0-9-]+)*):(\d{2,5})\b`)

// wholeName is a host outside of the cluster with its port, wherever a line has it.
var wholeName = regexp.MustCompile(`\b([a-zA-Z][\w-]*(?:\.[\w-]+)*\.[a-z]{2,}):\d{2,5}\b`)

// portAlone is a port whose host a driver left out.
var portAlone = regexp.MustCompile(`(?:^|[\s"'(=])\*?:(\d{2,5})\b`)

// sourceFile is a place in a program, which looks like a host and a port.
var sourceFile = regexp.MustCompile(`\.(?:[cm]?[jt]sx?|py|rb|go|java|kt|scala|rs|php|cs|exs?|erl|cpp|[ch]):\d`)

// addressIn finds the address in a line of which only the words of the failure are known.
func addressIn(line string) (host, port string) {
	m := calledPatterns.FindStringSubmatch(line)
	if m == nil || sourceFile.MatchString(m[0]) {
		return "", ""
	}
	if named := firstOf(m[1:]); named != "" {
		return splitAddress(named)
	}
	return m[0], ""
}

// ConfiguredBy says where the address of a product comes from, as far as the template says.
func (c *Container) ConfiguredBy(product string) (wording string, source Ref) {
	for _, p := range products {
		if p.name != product {
			continue
		}
		if wording, source, ok := c.variableLike(p.variable, false); ok {
			return wording, source
		}
	}
	return "the service's configuration", Ref{}
}

var credentialVariable = regexp.MustCompile(`(?i)pass|pwd|credential|secret|token`)

// CredentialsFrom says where the credentials for a product come from: the variable of that product, or else the one that holds a
// password and takes it from a Secret.
func (c *Container) CredentialsFrom(product string) (wording string, source Ref) {
	wording, source = c.ConfiguredBy(product)
	if source.Kind == KindSecret {
		return wording, source
	}
	if said, secret, ok := c.variableLike(credentialVariable, true); ok {
		return said, secret
	}
	return wording, source
}

// variableLike finds the first variable with such a name; onlySecrets leaves out what does not come from one.
func (c *Container) variableLike(named *regexp.Regexp, onlySecrets bool) (wording string, source Ref, ok bool) {
	for _, env := range c.Spec.Env {
		if !named.MatchString(env.Name) {
			continue
		}
		ref := EnvSource(env, c.Pod.Namespace)
		if ref.Kind != KindSecret && onlySecrets {
			continue
		}
		if ref != (Ref{}) {
			return fmt.Sprintf("%s (variable %s)", ref.Words(), env.Name), ref, true
		}
		return "variable " + env.Name, Ref{}, true
	}
	return "", Ref{}, false
}

// EnvSource is the Secret or ConfigMap from which a variable takes its value; the zero Ref when it is spelled out.
func EnvSource(env corev1.EnvVar, namespace string) Ref {
	switch {
	case env.ValueFrom == nil:
	case env.ValueFrom.SecretKeyRef != nil:
		return Ref{KindSecret, namespace, env.ValueFrom.SecretKeyRef.Name}
	case env.ValueFrom.ConfigMapKeyRef != nil:
		return Ref{KindConfigMap, namespace, env.ValueFrom.ConfigMapKeyRef.Name}
	}
	return Ref{}
}
