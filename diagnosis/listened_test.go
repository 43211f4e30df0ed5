package diagnosis_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta/diagnosis"
	"github.com/3astronautas/algesta/diagnosis/facts"
)

// TestWhatAReadyLogMeans has the only pod of web ready, calling Service api, and its log say something again and again.
func TestWhatAReadyLogMeans(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		line string
		want string // part of the first line; empty: it's healthy
	}{
		"a client that speaks no TLS":        {`ERROR http: TLS handshake error from 10.224.0.9:41122: EOF`, ""},
		"a client that hangs up":             {`ERROR write tcp 10.244.1.9:8080->10.244.0.1:51230: write: broken pipe`, ""},
		"a request that its client canceled": {`ERROR request failed: context canceled`, ""},
		"MySQL's note about a client": {`405 [Note] [MY-010914] [Server] Aborted connection 405 to db: 'ts' (Got an error ` +
			`reading communication packets).`, ""},
		"traces that can't be sent": {`ERROR otel-collector:4317: connect: connection refused`, ""},
		"a program whose name has otel in it": {
			`ERROR otel::shipping: GET http://api:80/quote: connection refused`,
			"Service api refuses connections",
		},
		"a namespace whose name has otel in it": {
			`ERROR GET http://api.production.svc:80: connection refused in otel-demo`,
			"Service api refuses connections",
		},
		"an address beyond the cluster": {
			`ERROR Post "https://tax.example.com/v2": x509: certificate has expired`,
			"The TLS connection to tax.example.com fails: the certificate has expired",
		},
		"gRPC that finds no name": {`ERROR DNS resolution failed for warehouse:8080: C-ares status is not ARES_SUCCESS: ` +
			`Domain name not found`, "The name of warehouse cannot be resolved"},
		"Rust that finds no name": {`ERROR reqwest::Error { url: "http://warehouse:8080/q", error: "failed to lookup address ` +
			`information" }`, "there is no Service warehouse in namespace production"},
		"Thrift that finds no name": {
			`<warning>: Failed to connect warehouse: getaddrinfo() -2: Name or service not known`,
			"The name of warehouse cannot be resolved",
		},
		"Kafka's library that may not read": {
			`ERROR Fetch from broker 1 failed: Broker: Topic authorization failed (orders [0])`,
			"Kafka denies access: “Topic authorization failed (orders [0])”",
		},
		"a user whom the database doesn't admit": {
			`ERROR FATAL: password authentication failed for user "billing"`,
			"PostgreSQL rejects the credentials of user billing",
		},
		"Azure, which knows no such federation": {
			`ERROR AADSTS700213: No matching federated identity record found`,
			"Entra ID refuses the identity of web: “AADSTS700213: No matching",
		},
		"Azure, which knows no such application": {
			`ERROR AADSTS700016: Application with identifier '1' was not found`,
			"Entra ID refuses the identity of web: “AADSTS700016: Application",
		},
		"AWS, whose role trusts somebody else": {
			`ERROR AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity`, "AWS refuses the identity of web",
		},
		"a driver's words on .NET's second line": {
			"fail: Shop.Cart.Store[0]\n      RedisServerException: READONLY You can't write against a read only replica.", "Redis takes no writes",
		},
		"Elasticsearch, whose disk is nearly full": {
			"ERROR cluster_block_exception: index [p] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark]",
			"Elasticsearch takes no writes: it is read-only, because its disk is nearly full",
		},
		"RabbitMQ, which knows no such login": {
			"ERROR com.rabbitmq.client.AuthenticationFailureException: ACCESS_REFUSED - Login was refused using PLAIN",
			"RabbitMQ rejects the credentials",
		},
		"a warning on .NET's second line": {"warn: Shop.Cart.Store[0]\n      cache is cold", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := facts.NewSnapshot(noon, append(service("web", 1), service("api", 1)...), nil)
			about := s.Subject("web", "production")
			s.AddLog(facts.WantedLogs(s, about)[0], []byte(strings.Repeat("served GET / 200\n", 30)+strings.Repeat(c.line+"\n", 12)))
			d := diagnosis.Diagnose(s, about)
			if c.want == "" {
				require.Empty(t, d.Chains, d.Text())
				return
			}
			require.Contains(t, d.Summary, c.want)
		})
	}
}

// TestADatabaseTellsOfItsClients has a database refuse a client again and again, and say so in its log.
func TestADatabaseTellsOfItsClients(t *testing.T) {
	t.Parallel()
	const refused = `FATAL: password authentication failed for user "billing"`
	objects := append(service("web", 1), service("postgres", 1)...)
	for _, o := range objects {
		if p, ok := o.(*corev1.Pod); ok && strings.HasPrefix(p.Name, "postgres") {
			p.Spec.Containers[0].Image = "postgres:16.4"
		}
	}
	s := facts.NewSnapshot(noon, objects, nil)
	about := facts.Ref{Kind: facts.KindNamespace, Name: "production"}
	read := func(wanted ...string) diagnosis.Diagnosis {
		for _, r := range facts.WantedLogs(s, about) {
			for _, name := range wanted {
				if strings.HasPrefix(r.Pod, name) {
					s.AddLog(r, []byte(says(refused, 5, time.Minute, true)))
				}
			}
		}
		return diagnosis.Diagnose(s, about)
	}
	alone := read("postgres")
	require.Equal(t, "Service postgres rejects the credentials of user billing (its own log says so).", alone.Summary)
	require.Len(t, alone.Chains, 1)
	both := read("web", "postgres")
	require.Contains(t, both.Summary, "so web is failing although the pods are ready")
	require.Len(t, both.Chains, 1, "the one that asks is told, and not the one that refuses\n%s", both.Text())
}

// TestPodsThatAskOtherResolversCannotCallServices has web name Service api, and its pods ask other resolvers for it.
func TestPodsThatAskOtherResolversCannotCallServices(t *testing.T) {
	t.Parallel()
	own := func(addresses ...string) *corev1.PodDNSConfig { return &corev1.PodDNSConfig{Nameservers: addresses} }
	for name, c := range map[string]struct {
		policy  corev1.DNSPolicy
		config  *corev1.PodDNSConfig
		network bool
		value   string
		want    string
	}{
		"the node's": {
			corev1.DNSDefault, nil, false, "http://api",
			"Deployment web cannot resolve the name of Service api: dnsPolicy Default",
		},
		"some of the internet":   {corev1.DNSNone, own("8.8.8.8"), false, "http://api", "dnsPolicy None sends its questions to 8.8.8.8"},
		"another private one":    {corev1.DNSNone, own("10.0.0.99"), false, "http://api", "dnsPolicy None sends its questions to 10.0.0.99"},
		"the cluster's":          {corev1.DNSNone, own("10.0.0.10"), false, "http://api", ""},
		"the cache of the node":  {corev1.DNSNone, own("169.254.20.10"), false, "http://api", ""},
		"no resolver at all":     {corev1.DNSNone, nil, false, "http://api", ""},
		"the usual one":          {corev1.DNSClusterFirst, nil, false, "http://api", ""},
		"only hosts outside":     {corev1.DNSDefault, nil, false, "https://api.example.com", ""},
		"the node's own network": {corev1.DNSDefault, nil, true, "http://api", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			web, dns := service("web", 1), service("kube-dns", 1)
			for _, o := range dns {
				switch o := o.(type) {
				case *corev1.Service:
					o.Namespace, o.Spec.ClusterIP, o.Spec.ClusterIPs = "kube-system", "10.0.0.10", []string{"10.0.0.10"}
				case *corev1.Pod:
					o.Namespace = "kube-system"
				}
			}
			template := &web[0].(*appsv1.Deployment).Spec.Template.Spec
			template.Containers[0].Env = []corev1.EnvVar{{Name: "STOCK_URL", Value: c.value}}
			p := &web[len(web)-1].(*corev1.Pod).Spec
			p.DNSPolicy, p.DNSConfig, p.HostNetwork = c.policy, c.config, c.network
			d := diagnosis.Diagnose(facts.NewSnapshot(noon, append(append(web, service("api", 1)...), dns[2:]...), nil),
				facts.Ref{Kind: facts.KindDeployment, Namespace: "production", Name: "web"})
			if c.want == "" {
				require.Empty(t, d.Chains, d.Text())
				return
			}
			require.Contains(t, d.Summary, c.want)
		})
	}
}
