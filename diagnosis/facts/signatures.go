package facts

import (
	"regexp"
	"slices"
	"strings"
)

// signature is what a log line says when a program fails for a known reason. A group of the expression, where there is
// one, holds the name or address that matters.
type signature struct {
	id   string
	says *regexp.Regexp
}

const (
	variableName = `([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|[A-Z][A-Z0-9]{2,})`
	address      = `((?:\[[0-9a-f:]+\]|[\w.-]+):\d{2,5})`
)

// signatures are tried in this order on each line. Out of memory comes first because everything fails near it, and the
// missing variable before the database that could not be reached without it.
var signatures = []signature{
	{
		"heap-exhausted",
		regexp.MustCompile(
			`(?i)JavaScript heap out of memory|java\.lang\.OutOfMemoryError|^MemoryError\b|std::bad_alloc|runtime: out of memory|Cannot allocate ` +
				`memory|ERR_WORKER_OUT_OF_MEMORY`,
		),
	},
	{
		"missing-variable",
		regexp.MustCompile(`["']?\b` + variableName +
			`\b["']? (?:is|was|are) (?:\w+ )?(?:required|missing|not (?:set|defined|provided|configured)|undefined|unset|empty|mandatory)`),
	},
	{
		"missing-variable",
		regexp.MustCompile(`["']?\b` + variableName +
			`\b["']? (?:must be (?:set|defined|provided|configured)|(?:environment |env )?(?:variable|var) (?:is |was ` +
			`)?(?:not|missing|required|undefined)|not (?:set|defined|provided|configured|found in env)|has not been set|missing)`),
	},
	{
		"missing-variable",
		regexp.MustCompile(
			`(?i:missing|required|undefined|unset|no value for|not ` +
				`set)(?i:[^:"'=]{0,60}(?:env|variable|config|setting|secret)\w*)(?i:[^A-Z]{0,25}?)["'\x60:]?\s*["'\x60]?\b` + variableName + `\b`,
		),
	},
	{
		"missing-variable",
		regexp.MustCompile(`KeyError: ['"]` + variableName + `['"]|process\.env\.` + variableName + `|required key ` + variableName +
			` missing value|key not found: ["':]?` + variableName + `|(?:must|need to) (?:specify|set|provide) ` + variableName +
			`|resolve placeholder ['"]\$?\{?` + variableName + `|^\W*Missing required:? ` + variableName),
	},
	{
		"missing-variable",
		regexp.MustCompile(`must be a string, got ["']?undefined|secretOrPrivateKey must have a value|Strategy requires a secret or key`),
	},
	{
		"api-forbidden",
		regexp.MustCompile(`User \\?"system:serviceaccount:[\w.-]+:([\w.-]+)\\?" cannot \w+ resource \\?"[\w./-]+\\?"`),
	},
	{
		"schema-missing",
		regexp.MustCompile(
			`(?:relation "?[\w.]+"?|Table '[\w.$-]+'|column "?[\w.]+"?) (?:does not exist|doesn't exist)|no such table:? \w+|UndefinedTable|` +
				`ORA-00942|Invalid object name '[^']+'|Unknown column '[^']+'`,
		),
	},
	{
		"dependency-read-only",
		regexp.MustCompile(
			`READONLY You can't write against a read[ -]only|running with the --(?:super-)?read-only option|cannot execute [A-Z]+(?: [A-Z]+)? in ` +
				`a read-only transaction|ReadOnlySqlTransaction|SQLSTATE:? ?\[?25006|NotWritablePrimary|` +
				`not (?:master|primary) and (?:slave|secondary)Ok|NotPrimaryNoSecondaryOk|` +
				`attempt to write a readonly database|(?i:database [^|]{0,60}is (?:in )?read-only)|ORA-16000|` +
				`FORBIDDEN/\d+/(?:index|cluster) read-only|flood-stage watermark|read-only-allow-delete`,
		),
	},
	{
		"dependency-denied",
		regexp.MustCompile(
			`not authorized on \S+ to execute command[^}]{0,60}}?|permission denied for (?:table|relation|schema|sequence|database|view|function) ` +
				`\S+|[A-Z]+ command denied to user '[^']*'@'[^']*'(?: for table [^ ]+)?|NOPERM [^.]{0,80}|` +
				`The \w+ permission was denied on the object ` +
				`'[^']+'|ORA-01031|must be owner of (?:table|relation|schema) \S+|[Nn]ot authorized to access (?:topics|group)[^.]{0,60}|` +
				`(?:TOPIC|GROUP|CLUSTER)_AUTHORIZATION_FAILED|(?:Topic|Group|Cluster) authorization failed(?: \([^)]{1,80}\))?|` +
				`(?:Topic|Group|Cluster)AuthorizationException[^.]{0,80}|AuthorizationPermissionMismatch|is not authorized to perform:? [\w:]+`,
		),
	},
	{
		"dependency-no-instance",
		regexp.MustCompile(
			`No servers available for service:? ([\w.-]+)|[Nn]o instances? available for ([\w.-]+)|(?:does not|doesn't) (?:contain|have) an? ` +
				`(?:instance|available server) for (?:the )?(?:service|client):? ([\w.-]+)|[Nn]o (?:available )?(?:endpoints|` +
				`instances) (?:available )?` +
				`for (?:service )?\\?["']?([\w.-]+)|produced zero addresses|no children to pick from|no healthy upstream|upstream connect error ` +
				`or disconnect/reset`,
		),
	},
	{
		"identity-refused",
		regexp.MustCompile(
			`AADSTS\d+[^"\\]{0,160}|WorkloadIdentityCredential.{0,60}(?:unavailable|not fully configured|[Nn]o (?:client|tenant) ID|[Nn]o token ` +
				`file)[^.]{0,60}|[Nn]o (?:client ID|token file) specified\. Check pod configuration|` +
				`DefaultAzureCredential failed to (?:retrieve|acquire) a token|NoCredentialProviders|Unable to locate credentials|` +
				`[Nn]o EC2 IMDS role found|Could not load credentials from any providers|Unable to load AWS credentials|` +
				`Not authorized to perform sts:AssumeRoleWithWebIdentity|InvalidIdentityToken[^"\\]{0,80}|` +
				`(?:managed identity|ManagedIdentityCredential)[^.]{0,60}(?:not found|unavailable|no response)[^.]{0,60}|` +
				`Permission 'iam\.serviceAccounts\.getAccessToken' denied[^.]{0,60}`,
		),
	},
	{
		"dependency-allow-list",
		regexp.MustCompile(
			`(?i)(?:isn't|is not|not) (?:white|allow)-?listed|IP (?:access|allow) ?-?list|no pg_hba\.conf entry|tlsv1 alert internal error|not ` +
				`allowed to connect to this`,
		),
	},
	{
		"dependency-auth",
		regexp.MustCompile(
			`(?i)bad auth\b|Mongo\w*Error: .*Authentication failed|SCRAM.*fail|password authentication failed|Access denied for ` +
				`user|WRONGPASS|NOAUTH\b|ACCESS_REFUSED|SASL authentication failed|invalid username-password pair|authentication failed for ` +
				`user|PLAIN login refused|ER_ACCESS_DENIED_ERROR|command \w+ requires authentication|Login failed for user|ORA-01017|LDAP: error ` +
				`code 49|\b535[ ` +
				`-]5\.7\.\d|nats: Authorization Violation`,
		),
	},
	{
		"dependency-full",
		regexp.MustCompile(
			`(?i)too many (?:clients|connections)|Connection is not available, request timed out after|QueuePool limit of size|Timeout acquiring ` +
				`a connection|pool (?:is )?exhausted|Timed out fetching a new connection from the connection pool|could not obtain a connection from ` +
				`the pool|max pool size was reached|remaining connection slots|max number of clients reached|ER_CON_COUNT_ERROR`,
		),
	},
	{
		"dependency-dns",
		regexp.MustCompile(
			`(?:getaddrinfo|queryA|queryAaaa) (?:ENOTFOUND|EAI_AGAIN|ENODATA)\s+([\w.-]+)|querySrv E[A-Z]+ ([\w.-]+)|UnknownHostException:? ` +
				`([\w.-]+)|translate host name "([^"]+)"|lookup ([\w.-]+)(?: on [^ ]+)?: (?:no such host|server misbehaving|(?:read|dial) udp ` +
				`.*(?:timeout|refused)|i/o timeout)|can't find ([\w.-]+): (?:NXDOMAIN|SERVFAIL)|host not found in upstream "([\w.-]+)|bad address ` +
				`'([\w.-]+)|can't resolve '([\w.-]+)|[Cc]ould not resolve host:? ([\w.-]+)|Failed to resolve '([\w.-]+)'|[Nn]ame resolution failed ` +
				`for target (?:dns:)?/*([\w.-]+)|[Cc]onnect(?:ing)? (?:to )?([\w.-]+): getaddrinfo|DNS (?:resolution|query) failed for ` +
				`(?:dns:)?/*([\w.-]+)|` +
				`[Cc]annot resolve (?:the )?(?:host(?:name)?|address|name) ['"]?([\w.-]+)|[Nn]o address associated with host(?:name)? ([\w.-]+)`,
		),
	},
	{
		"dependency-dns",
		regexp.MustCompile(
			`(?i)Name or service not known|Temporary failure in name resolution|Name does not resolve|nodename nor servname|could not resolve ` +
				`(?:the )?(?:host|address)|\bENOTFOUND\b|\bno such host\b|no address associated with hostname|DNS resolution failed|` +
				`failed to lookup address information`,
		),
	},
	{
		"dependency-tls",
		regexp.MustCompile(
			`(?i)certificate has expired|self[- ]signed certificate|unable to (?:verify the first|get local issuer) certificate|x509: ` +
				`|CERT_HAS_EXPIRED|UNABLE_TO_VERIFY|PKIX path building failed|ERR_TLS_CERT|certificate verify failed|(?:tls|ssl)\w* handshake ` +
				`(?:fail|error)|ssl3_|tlsv1 alert|wrong version number|Hostname/IP does not match`,
		),
	},
	{"dependency-refused", regexp.MustCompile(`(?:server|Server) (?:at|on) ["']([\w.-]+)["'].*(?:[Cc]onnection refused|\(111\))`)},
	{
		"dependency-refused",
		regexp.MustCompile(`ECONNREFUSED\s+` + address + `|dial tcp ` + address +
			`: connect: connection refused|(?i:connection to (?:server at )?"?` + address + `"?.*?refused)|(?i:refused.*?\b` + address +
			`)|Failed to connect to ([\w.-]+) port \d+[^:]*: Connection refused|No listener at host ([\w.-]+)`),
	},
	{"dependency-refused", regexp.MustCompile(`\bECONNREFUSED\b|(?i:connection refused)`)},
	{
		"dependency-timeout",
		regexp.MustCompile(
			`(?:server|Server) (?:at|on) ["']([\w.-]+)["'].*(?:timed out|timeout|\(110\))|Can't reach database server at ` +
				`[\x60'"]*([\w.-]+(?::\d+)?)|Connection to node -?\d+ \(([\w.-]+)/[^)]*\) could not be established|Unable to connect to ` +
				`([\w.-]+[:/]\d{2,5})`,
		),
	},
	{
		"dependency-timeout",
		regexp.MustCompile(`ETIMEDOUT\s+` + address + `|dial tcp ` + address +
			`: (?:i/o timeout|connect: connection timed out)|(?i:connection timed out.*?\b` + address + `)|connection (?:\d+|<monitor>) to ` +
			address + ` (?:timed out|closed)`),
	},
	{
		"dependency-timeout",
		regexp.MustCompile(
			`(?i)\bETIMEDOUT\b|connect(?:ion)? (?:attempt )?timed? ?out|Server selection timed ` +
				`out|ConnectTimeoutException|ServerSelectionError|EHOSTUNREACH|ENETUNREACH|no route to host|MongoNetworkTimeoutError|Communications ` +
				`link failure|not possible to connect to the redis server|NoBrokersAvailable|brokers are down|None of the configured nodes ` +
				`(?:are|were) available|waiting for a node assignment|nats: no servers available|Could not reach any contact point|All host\(s\) ` +
				`tried for query failed|KafkaJSConnectionError|network-related or instance-specific error`,
		),
	},
	{
		"port-in-use",
		regexp.MustCompile(
			`EADDRINUSE|(?i:address already in use)|[Pp]ort \d+ (?:was|is) already in use|Failed to bind to address|Address in use`,
		),
	},
	{"disk-full", regexp.MustCompile(`ENOSPC|(?i:no space left on device)|(?i:disk quota exceeded)|` + diskAlarm)},
	{
		"file-permission",
		regexp.MustCompile(
			`EACCES|EROFS|(?i:read-only file system)|\[?Errno 13\b|os error 13\b|PermissionError|AccessDeniedException: /|` +
				`(?i:\b(?:open|openat|mkdir|mkdtemp|bind|listen|stat|lstat|unlink|rename|write|read|exec|fork/exec|chown|chmod|` +
				`access|create|touch|cp|mv|rm|cd|file|directory|log|socket)\b[^|]*(?:permission denied|operation not permitted))|` +
				`(?i:/[\w.-]+[\w./-]*['"\x60)]?[^|]{0,20}(?:permission denied|operation not permitted))|` +
				`(?i:(?:permission denied|operation not permitted)[^|\w]{0,8}/[\w.-]+)`,
		),
	},
	{
		"broken-build",
		regexp.MustCompile(
			`Cannot find (?:module|package) ['"]([^'"]+)['"]|No module named ['"]?([\w.]+)|ClassNotFoundException: ` +
				`([\w.$]+)|NoClassDefFoundError: ([\w./$]+)|error while loading shared libraries: ([^\s:]+)|ERR_MODULE_NOT_FOUND|ERR_REQUIRE_ESM`,
		),
	},
	{"broken-build", regexp.MustCompile(`^\W*(?:SyntaxError|ImportError|ReferenceError)\b|version .GLIBC_[\d.]+. not found`)},
}

// Explanation is the line of a log that explains the failure.
type Explanation struct {
	ID    string
	Line  *LogLine
	Named string // the variable, host or module the line names; empty when it names none
	Said  string // the part of the line that is known
}

// Explain is the line that explains the failure, when a signature knows one.
func (v *Log) Explain() (Explanation, bool) {
	if v == nil || v.why.Line == nil {
		return Explanation{}, false
	}
	return v.why, true
}

// search finds the explaining line: the best line that a signature knows, the worst and latest lines first.
func (v *Log) search() Explanation {
	lines := slices.Clone(v.Templates)
	slices.SortStableFunc(lines, func(a, b *LogLine) int {
		if byScore := b.score(v.lines) - a.score(v.lines); byScore != 0 {
			return byScore
		}
		return b.last - a.last
	})
	for _, aside := range []bool{false, true} { // what only observes a program seldom ends it
		for _, line := range lines {
			if line.severity <= severityInfo || !line.speaksOfTrouble() || line.OfTelemetry() != aside {
				continue
			}
			if why, ok := v.explains(line); ok {
				return v.named(why, lines)
			}
		}
	}
	return Explanation{}
}

// explains asks the signatures about one line.
func (v *Log) explains(line *LogLine) (Explanation, bool) {
	for _, sign := range signatures {
		if m := sign.says.FindStringSubmatch(line.Example); m != nil {
			return Explanation{ID: sign.id, Line: line, Named: firstOf(m[1:]), Said: m[0]}, !v.overtaken(line)
		}
	}
	return Explanation{}, false
}

// telemetry are words about traces and metrics that a program sends away: it works without them.
var telemetry = regexp.MustCompile(
	`(?i)\botel[-_. ]?(?:col\b|collector|agent|export|sdk|trac|metric|span)|otlp|opentelemetry|jaeger|zipkin|telemetry|statsd|datadog|` +
		`ddtrace|newrelic|sentry|elastic ?apm|apm-server|` +
		`export(?:er|ing)? (?:failed|spans|traces|metrics|batch)|export (?:of )?(?:spans|traces|metrics)|pushgateway`,
)

// OfTelemetry says that a line is about traces or metrics that can't be sent.
func (t *LogLine) OfTelemetry() bool { return telemetry.MatchString(t.Example) }

// named prefers the line that says the same and names whom: "Caused by: Connection refused" follows the line with the host.
func (v *Log) named(why Explanation, lines []*LogLine) Explanation {
	if why.Named != "" || !strings.HasPrefix(why.Line.Example, "Caused by") {
		return why
	}
	for _, line := range lines {
		if line.severity < severityError || v.overtaken(line) {
			continue
		}
		for _, sign := range signatures {
			if sign.id != why.ID {
				continue
			}
			if m := sign.says.FindStringSubmatch(line.Example); m != nil && firstOf(m[1:]) != "" {
				return Explanation{ID: why.ID, Line: line, Named: firstOf(m[1:]), Said: m[0]}
			}
		}
	}
	return why
}

var (
	recovered = regexp.MustCompile(
		`(?i)\b(?:re)?connected\b|connection (?:re-?)?(?:established|restored|opened)|successfully (?:re)?connect`,
	)
	cleared     = regexp.MustCompile(`alarm cleared|[Ff]ree disk space is sufficient`) // RabbitMQ's
	stillAway   = regexp.MustCompile(`(?i)\bnot (?:yet )?(?:re)?connected|could not|cannot|failed|refused`)
	namedErrors = regexp.MustCompile(`\b[A-Z]\w*(?:Error|Exception)\b|\bpanic:`)
)

// overtaken says that what a line complains of had passed: the program said later that it was connected, or it only
// warned and then failed of an error with a name of its own.
func (v *Log) overtaken(line *LogLine) bool {
	product := productOf("", line.Example)
	return slices.ContainsFunc(v.Templates, func(t *LogLine) bool {
		if t.last <= line.last {
			return false
		}
		if alarms.MatchString(line.Example) {
			return cleared.MatchString(t.Example)
		}
		if other := productOf("", t.Example); product != "" && other != "" && other != product {
			return false
		}
		if recovered.MatchString(t.Example) && !stillAway.MatchString(t.Example) {
			return true
		}
		return line.severity <= severityWarning && t.severity > severityWarning && namedErrors.MatchString(t.Example) &&
			!strings.HasPrefix(t.Example, "Caused by")
	})
}

func firstOf(groups []string) string {
	for _, g := range groups {
		if g != "" {
			return g
		}
	}
	return ""
}
