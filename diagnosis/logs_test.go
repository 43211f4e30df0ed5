package diagnosis_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta/diagnosis"
	"github.com/3astronautas/algesta/diagnosis/facts"
)

func withLog(tb testing.TB, log []byte) diagnosis.Diagnosis {
	tb.Helper()
	s := facts.NewSnapshot(noon, failing(service("orders", 1), 2), nil)
	wanted := facts.WantedLogs(s, facts.Ref{})
	require.Equal(
		tb,
		[]facts.LogRequest{{Namespace: "production", Pod: "orders-6d4cf56db6-00000", Container: "orders", Previous: true}},
		wanted,
	)
	s.AddLog(wanted[0], log)
	return diagnosis.Diagnose(s, facts.Ref{})
}

func TestLogsOfEveryForm(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ log, rule, quote string }{
		"pino": {
			`{"level":50,"time":1,"msg":"boom","err":{"type":"MongoServerError","message":"bad auth : Authentication failed."}}`, "dependency-auth",
			"boom: MongoServerError: bad auth : Authentication failed.",
		},
		"zap": {
			`{"level":"fatal","ts":1.5,"msg":"dial tcp 10.9.8.7:5432: connect: connection refused"}`, "dependency-refused",
			"dial tcp 10.9.8.7:5432: connect: connection refused",
		},
		"a right that Vault denies": {"2026-11-12T14:21:40.121Z [ERROR] agent: auth handler returned error: Code: 403. Errors: " +
			"permission denied", "program-error", ""},
		"a right that PostgreSQL denies":  {`ERROR: permission denied for table orders`, "dependency-denied", ""},
		"a file that Python may not open": {"PermissionError: [Errno 13] Permission denied: '/data/x'", "file-permission", ""},
		"a file that Go may not open":     {"open /data/x: permission denied", "file-permission", ""},
		"a port that Go may not use":      {"listen tcp :80: bind: permission denied", "file-permission", ""},
		"a place in PHP is no address": {
			`production.ERROR: SQLSTATE[HY000] [2002] Connection refused at /app/vendor/laravel/Connection.php:829`, "dependency-refused", "",
		},
		"structlog": {
			`{"event":"dial tcp 10.9.8.7:5432: connect: connection refused","level":"error","timestamp":"x"}`, "dependency-refused",
			"dial tcp 10.9.8.7:5432: connect: connection refused",
		},
		"Serilog": {
			`{"@t":"2026-03-10T11:59:00Z","@mt":"Host ended","@l":"Fatal","@x":"System.InvalidOperationException: Environment variable ` +
				`'LICENSE_KEY' is not set.\n   at A.B()"}`,
			"missing-variable", "Host ended: System.InvalidOperationException: Environment variable 'LICENSE_KEY' is not set.",
		},
		"Microsoft's console": {
			`{"EventId":0,"LogLevel":"Critical","Category":"Host","Message":"start","Exception":"Npgsql.NpgsqlException: Failed to connect to ` +
				`10.9.8.7:5432 ---> Connection refused"}`,
			"dependency-refused", "",
		},
		"Rust's tracing": {
			`{"timestamp":"x","level":"ERROR","fields":{"message":"boot","error":"Connection refused (os error 111)"},"target":"app::db"}`,
			"dependency-refused", "boot: Connection refused (os error 111)",
		},
		"an address in its own field": {
			`{"level":"error","msg":"session","error":"x509: certificate has expired or is not yet valid: current time 2026-03-10T11:59:00Z is ` +
				`before 2026-03-11T00:00:00Z","endpoint":"gw.example.com:8883"}`,
			"dependency-tls", "",
		},
		"logfmt": {
			`time=2026-03-10T11:59:00Z level=error msg="dial failed" err="lookup db.example.com: no such host"`, "dependency-dns",
			"dial failed: lookup db.example.com: no such host",
		},
		"klog": {
			`E0310 11:59:00.123456       1 main.go:42] listen tcp :8080: bind: address already in use`, "port-in-use",
			"listen tcp :8080: bind: address already in use",
		},
		"kubectl's timestamps": {
			`2026-03-10T11:59:00.123456789Z Error: Cannot find module 'express'`, "broken-build", "Error: Cannot find module 'express'",
		},
		"colours": {"\x1b[31mError:\x1b[0m JWT_SECRET is required", "missing-variable", "Error: JWT_SECRET is required"},
		"Python": {"Traceback (most recent call last):\n  File \"/app/main.py\", line 3\nKeyError: " +
			"'MONGODB_URI'", "missing-variable", "KeyError: 'MONGODB_URI'"},
		"Java, with its cause": {"Exception in thread \"main\" java.lang.IllegalStateException: start\n\tat " +
			"a.B.c(B.java:1)\nCaused by: java.net.UnknownHostException: db.example.com", "dependency-dns", "Caused by: " +
			"java.net.UnknownHostException: db.example.com"},
		"Go's envconfig":               {"2026/03/10 11:59:00 required key DATABASE_DSN missing value", "missing-variable", ""},
		"Joi":                          {`Error: Config validation error: "JWT_SECRET" is required`, "missing-variable", ""},
		"a list of missing variables":  {"Missing required environment variables: MONGODB_URI, JWT_SECRET", "missing-variable", ""},
		"BusyBox in an init container": {"nc: bad address 'mongo.example.com'", "dependency-dns", ""},
		"curl": {"curl: (7) Failed to connect to db.example.com port 5432 after 3 ms: Connection " +
			"refused", "dependency-refused", ""},
		"mongoose without an address": {
			"MongooseError: The `uri` parameter to `openUri()` must be a string, got \"undefined\".", "missing-variable", "",
		},
		"a JWT library without its key": {"Error: secretOrPrivateKey must have a value", "missing-variable", ""},
		"the last words count": {
			"Error: connect ECONNREFUSED 10.9.8.7:27017\n" + strings.Repeat("connected, all is well\n", 30) + "FATAL ERROR: JavaScript heap out " +
				"of memory",
			"heap-exhausted", "",
		},
		"a line that is only news stays": {`{"level":30,"msg":"recovered from ECONNREFUSED 10.9.8.7:27017"}`, "program-error", ""},
		"no error at all":                {"0 errors, failover ok\nready", "program-error", ""},
		"nothing":                        {"", "program-error", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := withLog(t, []byte(test.log))
			require.Equal(t, test.rule, d.Chains[0].Rule, d.Text())
			if test.quote != "" {
				require.Equal(t, test.quote, d.Chains[0].Evidence[0].Quote)
			}
		})
	}
}

func TestLogsAreRedactedAndBounded(t *testing.T) {
	t.Parallel()
	d := withLog(
		t,
		[]byte("Error: cannot reach mongodb://app:kestrel42@db.example.com:27017/x: connect ECONNREFUSED 10.9.8.7:27017 <!channel>"),
	)
	require.NotContains(t, d.Text(), "kestrel42")
	require.Contains(t, d.Text(), "mongodb://‹redacted›@db.example.com")

	huge := append(bytes.Repeat([]byte("x"), 5<<20), "\nError: listen EADDRINUSE :::3000\n"...)
	d = withLog(t, huge)
	require.Equal(t, "port-in-use", d.Chains[0].Rule)
	require.Less(t, len(d.Text()), 10_000)

	var many strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&many, "ERROR kind%c%c failed for order %d\n", 'a'+i%26, 'a'+i/26%26, i)
	}
	d = withLog(t, []byte(many.String()))
	require.LessOrEqual(t, len(d.Chains[0].Evidence), 6, "at most five templates and the end of the container")
}

func FuzzLog(f *testing.F) {
	for _, seed := range []string{
		"", "\x00\xff", `{"level":`, "E0310 11:59:00.1 1 a] b", "level=error msg=", "Error: X_Y is required", strings.Repeat("a", 5000),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, log []byte) {
		d := withLog(t, log)
		require.Len(t, d.Chains, 1)
		require.NotContains(t, d.Text(), "\x1b")
		require.NotContains(t, d.Text(), "\x00")
		require.Less(t, len(d.Text()), 20_000)
	})
}

func TestATracebackEndsWithItsErrorWhateverItsName(t *testing.T) {
	t.Parallel()
	d := withLog(t, []byte("Traceback (most recent call last):\n  File \"/app/wsgi.py\", line 12, in <module>\n    application = get()\n"+
		"django.core.exceptions.ImproperlyConfigured: The SECRET_KEY setting must not be empty.\n[2026-11-12 14:22:11 +0000] [1] [ERROR] "+
		"Reason: Worker failed to boot."))
	require.Equal(
		t,
		"The program in container orders ends with exit code 1 after “django.core.exceptions.ImproperlyConfigured: The SECRET_KEY setting "+
			"must not be empty”, so every pod of orders keeps crashing.",
		d.Summary,
	)
}
