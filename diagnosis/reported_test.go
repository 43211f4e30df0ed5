package diagnosis_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/3astronautas/algesta/diagnosis"
	"github.com/3astronautas/algesta/diagnosis/facts"
)

// callee is a ready service with an image and a port of its own.
func callee(name, image string, port int32) []runtime.Object {
	objects := service(name, 1)
	for _, o := range objects {
		switch o := o.(type) {
		case *appsv1.Deployment:
			o.Spec.Template.Spec.Containers[0].Image = image
			o.Spec.Template.Spec.Containers[0].Ports = []corev1.ContainerPort{{ContainerPort: port}}
		case *corev1.Service:
			o.Spec.Ports = []corev1.ServicePort{{Port: port, TargetPort: intstr.FromInt32(port)}}
		case *corev1.Pod:
			o.Spec.Containers[0].Image = image
			o.Spec.Containers[0].Ports = []corev1.ContainerPort{{ContainerPort: port}}
		}
	}
	return objects
}

// calling names a host in a variable of a service.
func calling(objects []runtime.Object, variable, value string) []runtime.Object {
	env := []corev1.EnvVar{{Name: variable, Value: value}}
	for _, o := range objects {
		switch o := o.(type) {
		case *appsv1.Deployment:
			o.Spec.Template.Spec.Containers[0].Env = env
		case *appsv1.ReplicaSet:
			o.Spec.Template.Spec.Containers[0].Env = env
		case *corev1.Pod:
			o.Spec.Containers[0].Env = env
		}
	}
	return objects
}

func logOf(name string) facts.LogRequest {
	return facts.LogRequest{Namespace: "production", Pod: name + "-6d4cf56db6-00000", Container: name}
}

// TestACallersComplaintIsExplainedByWhatItCalls has both ready. The caller is web; what it calls is named in ADDR.
func TestACallersComplaintIsExplainedByWhatItCalls(t *testing.T) {
	t.Parallel()
	type one struct {
		name, image string
		port        int32
		caller      string // said every minute until now
		callee      string
		want        string // part of the first line; empty: only the caller's complaint is told
	}
	for name, c := range map[string]one{
		"RabbitMQ's memory alarm, Spring": {
			"rabbitmq", "rabbitmq:4.0", 5672,
			`WARN 1 --- [pool-2-thread-1] c.s.shipping.Publisher : publish to exchange shipments timed out, connection blocked: low on memory`,
			`[warning] <0.389.0> memory resource limit alarm set on node rabbit@rabbitmq-0.`,
			"Service rabbitmq says of itself: “memory resource limit alarm set on node rabbit@rabbitmq-0”, so web is failing",
		},
		"an exchange that isn't there, .NET": {
			"broker", "rabbitmq:4.0", 5672,
			`fail: Shipping.Publisher[0] RabbitMQ.Client.Exceptions.OperationInterruptedException: code=404, text='NOT_FOUND - no exchange ` +
				`'shipments' in vhost '/''`,
			`[error] <0.812.0> operation basic.publish caused a channel exception not_found: no exchange 'shipments' in vhost '/'`,
			"Service broker says of itself: “operation basic.publish caused a channel exception not_found: no exchange 'shipments' in vhost '/'”",
		},
		"a broker with too few replicas, Python": {
			"kafka", "apache/kafka:3.8.0", 9092,
			`ERROR [producer] kafka.errors.NotEnoughReplicasError: [Error 19] NotEnoughReplicasError: topic orders`,
			`ERROR [ReplicaManager broker=1] Error processing append operation on partition orders-2 (kafka.server.ReplicaManager): ` +
				`org.apache.kafka.common.errors.NotEnoughReplicasException: The size of the current ISR Set(1) is insufficient to satisfy the ` +
				`min.isr requirement of 2 for partition orders-2`,
			"min.isr requirement of 2",
		},
		"a broker whose disk is full, the client knows only a timeout": {
			"kafka", "apache/kafka:3.8.0", 9092,
			`ERROR Producer - org.apache.kafka.common.errors.TimeoutException: Expiring 3 record(s) for orders-0:120000 ms has passed since ` +
				`batch creation`,
			`ERROR Error while appending records to orders-0 in dir /var/lib/kafka/data (org.apache.kafka.storage.internals.log.` +
				`LogDirFailureChannel): java.io.IOException: No space left on device`,
			"Container kafka has no disk space left, so kafka is failing although the pods are ready. That is why Service kafka says of itself",
		},
		"a database that recovers": {
			"db", "postgres:16", 5432,
			`ERROR in app: psycopg2.OperationalError: connection to server at "db" (10.0.7.7), port 5432 failed: FATAL:  the database system is ` +
				`in recovery mode`,
			`UTC [88] PANIC:  could not locate a valid checkpoint record while recovering`,
			"Service db says of itself: “could not locate a valid checkpoint record while recovering”, so web is failing",
		},
		"a table that is full, Go": {
			"orders-db", "mysql:8.4", 3306,
			`level=error msg="insert order" err="Error 1114 (HY000): The table 'orders' is full"`,
			`0 [ERROR] [MY-012592] [InnoDB] Operating system error number 28 in a file operation while extending 'orders.ibd'`,
			"Service orders-db says of itself: “Operating system error number 28 in a file operation while extending 'orders.ibd'”",
		},
		"a replica set without a primary, C++": {
			"user-mongodb", "mongo:7.0", 27017,
			`<error>: (UserHandler.h:210:Login) Failed to find user: No suitable servers found: ` +
				"`serverSelectionTimeoutMS` expired: [not primary, no replica set members available]",
			`{"s":"W","c":"REPL","id":21405,"ctx":"ReplCoord-3","msg":"Locally stored replica set configuration does not have a valid entry",` +
				`"attr":{"error":{"code":74,"codeName":"NodeNotFound","errmsg":"No host described in new configuration maps to this node"}}}`,
			"No host described in new configuration maps to this node",
		},
		"an index that is full, Java": {
			"search", "elasticsearch:8.14.0", 9200,
			`ERROR 1 --- [nio-8080-exec-1] c.s.catalogue.Indexer : ElasticsearchException: [parent] Data too large, data for ` +
				`[<http_request>] would be larger than the limit`,
			`{"log.level":"WARN","message":"[parent] Data too large, data for [<http_request>] would be [986061896/940.3mb], which is larger than ` +
				`the limit of [986061824/940.3mb]"}`,
			"Service search says of itself: “Data too large, data for",
		},
		"a gRPC server's own error, Go calls Node": {
			"paymentservice", "acr.example/payment:1.4", 50051,
			`{"severity":"error","message":"failed to charge card: could not charge the card: rpc error: code = Unknown desc = Payment request ` +
				`failed. Invalid token. app.loyalty.level=gold"}`,
			`{"level":50,"msg":"Payment request failed. Invalid token. app.loyalty.level=gold"}`,
			"Service paymentservice says of itself: “Payment request failed. Invalid token. app.loyalty.level=gold”",
		},
		"a gRPC server that says more than its caller hears": {
			"recommendation", "acr.example/recommendation:1.4", 8080,
			`ERROR failed to get recommendations: rpc error: code = Unknown desc = Exception calling application`,
			`ERROR [server.py:88] KeyError: 'model_version' while scoring`,
			"Service recommendation says of itself: “KeyError: 'model_version' while scoring”",
		},
		"a store that is sealed": {
			"vault", "hashicorp/vault:1.17", 8200,
			`ERROR Error making API request. URL: GET http://vault:8200/v1/secret/data/shop Code: 503. Errors: * Vault is sealed`,
			`[ERROR] core: barrier is sealed: unseal key lost`,
			"Service vault says of itself: “core: barrier is sealed: unseal key lost”",
		},
		"a login that the identity provider refuses": {
			"keycloak", "keycloak:25", 8080,
			`ERROR oauth2: cannot fetch token: 401 Unauthorized Response: {"error":"invalid_client"}`,
			`WARN [org.keycloak.events] type="LOGIN_ERROR", realm="shop", clientId="web", error="invalid_client_credentials"`,
			`Service keycloak says of itself: “type="LOGIN_ERROR", realm="shop", clientId="web", error="invalid_client_credentials"”`,
		},
		"nothing is said": {
			"payment", "acr.example/payment:1.4", 8080, `ERROR payment answered 500 Internal Server Error`, `INFO served POST /charge 200`, "",
		},
		"only clients go away": {
			"payment", "acr.example/payment:1.4", 8080, `ERROR payment answered 500 Internal Server Error`,
			`ERROR client disconnected before the response was written`, "",
		},
		"traces can't be sent": {
			"payment", "acr.example/payment:1.4", 8080, `ERROR payment answered 500 Internal Server Error`,
			`ERROR failed to export spans to otel-collector:4317`, "",
		},
		"another matter, and the caller doesn't name it": {
			"stock", "acr.example/stock:1.4", 8080, `ERROR could not render page: template broken`, `ERROR price rounding lost cents`, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			objects := append(calling(service("web", 1), "ADDR", fmt.Sprintf("%s:%d", c.name, c.port)), callee(c.name, c.image, c.port)...)
			s := facts.NewSnapshot(noon, objects, nil)
			about := s.Subject("web", "production")
			require.Empty(t, facts.WantedCallees(s, about), "nobody complains yet")
			s.AddLog(logOf("web"), []byte(says(c.caller, 6, 0, true)))
			require.Equal(t, []facts.LogRequest{logOf(c.name)}, facts.WantedCallees(s, about))
			s.AddLog(logOf(c.name), []byte(says(c.callee, 6, 0, true)))
			require.Empty(t, facts.WantedCallees(s, about), "it was read")
			d := diagnosis.Diagnose(s, about)
			require.NotEmpty(t, d.Chains)
			require.NotEqual(t, "high", string(d.Chains[0].Confidence), "a log is one sign")
			if c.want == "" {
				require.NotContains(t, d.Text(), "says of itself")
				return
			}
			require.Contains(t, d.Summary, c.want)
			require.Contains(t, d.Text(), "so web is failing although the pods are ready")
			quiet := facts.NewSnapshot(noon, objects, nil)
			quiet.AddLog(logOf("web"), []byte(says("INFO served GET / 200", 6, 0, true)))
			quiet.AddLog(logOf(c.name), []byte(says(c.callee, 6, 2*time.Hour, true)))
			require.Empty(t, diagnosis.Diagnose(quiet, quiet.Subject("web", "production")).Chains, "nobody complains, and it's long ago")
		})
	}
}

// TestWhatACalleeSaidLongAgoExplainsNothing has the caller complain now.
func TestWhatACalleeSaidLongAgoExplainsNothing(t *testing.T) {
	t.Parallel()
	const complaint = "ERROR could not store session: OOM command not allowed when used memory > 'maxmemory'."
	for name, log := range map[string]string{
		"an hour before": says("WARNING out of memory, maxmemory reached", 5, time.Hour, true),
		"an alarm that was cleared": says("[warning] <0.1.0> memory resource limit alarm set on node rabbit@a", 1, 4*time.Minute, true) +
			says("[warning] <0.1.0> memory resource limit alarm cleared on node rabbit@a", 1, 2*time.Minute, true),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := facts.NewSnapshot(noon, append(calling(service("web", 1), "ADDR", "store:80"), service("store", 1)...), nil)
			s.AddLog(logOf("web"), []byte(says(complaint, 6, 0, true)))
			s.AddLog(logOf("store"), []byte(log))
			d := diagnosis.Diagnose(s, s.Subject("web", "production"))
			require.NotContains(t, d.Text(), "says of itself", d.Text())
		})
	}
}

// TestFewLogsOfCalleesAreWanted has one program name ten others.
func TestFewLogsOfCalleesAreWanted(t *testing.T) {
	t.Parallel()
	var hosts []string
	var objects []runtime.Object
	for name := range strings.SplitSeq("alpha beta gamma delta epsilon zeta theta kappa lambda sigma", " ") {
		objects = append(objects, service(name, 3)...)
		hosts = append(hosts, name+":80")
	}
	s := facts.NewSnapshot(noon, append(objects, calling(service("web", 2), "ADDRS", strings.Join(hosts, ","))...), nil)
	s.AddLog(logOf("web"), []byte(says("ERROR lambda answered 500", 6, 0, true)+says("ERROR order rejected", 6, 0, true)))
	wanted := facts.WantedCallees(s, s.Subject("web", "production"))
	require.Len(t, wanted, facts.MaxCalleeLogs)
	require.Equal(t, logOf("lambda"), wanted[0], "what the line names comes first")
}

// withSidecar puts Istio's sidecar into the pods of a service.
func withSidecar(objects []runtime.Object) []runtime.Object {
	for _, o := range objects {
		if p, ok := o.(*corev1.Pod); ok {
			p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: "istio-proxy", Image: "istio/proxyv2:1.27"})
			p.Status.ContainerStatuses = append(p.Status.ContainerStatuses, corev1.ContainerStatus{
				Name: "istio-proxy", Ready: true, State: p.Status.ContainerStatuses[0].State,
			})
		}
	}
	return objects
}

func peerAuthentication(namespace, mode string, selector map[string]any) runtime.Object {
	spec := map[string]any{"mtls": map[string]any{"mode": mode}}
	if selector != nil {
		spec["selector"] = map[string]any{"matchLabels": selector}
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "security.istio.io/v1", "kind": "PeerAuthentication", "metadata": map[string]any{"name": "strict", "namespace": namespace},
		"spec": spec,
	}}
}

// TestAResetIsToldAsMutualTLSOnlyWhereTheMeshDemandsIt has web call ledger, whose pods have a sidecar.
func TestAResetIsToldAsMutualTLSOnlyWhereTheMeshDemandsIt(t *testing.T) {
	t.Parallel()
	const demanded = "PeerAuthentication strict (production) demands mutual TLS for Service ledger, and web has no sidecar"
	const reset = "ERROR POST http://ledger:80/entries failed: Error: read ECONNRESET"
	for name, c := range map[string]struct {
		log      string
		caller   []runtime.Object
		policies []runtime.Object
		want     string // of the first line; empty: nothing of mutual TLS
	}{
		"of the namespace": {reset, service("web", 1), []runtime.Object{peerAuthentication("production", "STRICT", nil)}, demanded},
		"of these pods": {reset, service("web", 1), []runtime.Object{
			peerAuthentication("production", "STRICT", map[string]any{"app": "ledger"}),
		}, demanded},
		"of the whole mesh": {
			reset,
			service("web", 1),
			[]runtime.Object{peerAuthentication("istio-system", "STRICT", nil)},
			"PeerAuthentication strict (istio-system) demands mutual TLS for Service ledger",
		},
		"Go's end of file": {
			`ERROR Post "http://ledger:80/entries": EOF`, service("web", 1),
			[]runtime.Object{peerAuthentication("production", "STRICT", nil)},
			demanded,
		},
		"none was read": {reset, service("web", 1), nil, "Service ledger is called without mutual TLS: web has no sidecar of the mesh"},
		"of other pods": {reset, service("web", 1), []runtime.Object{
			peerAuthentication("production", "STRICT", map[string]any{"app": "other"}),
		}, ""},
		"permissive":          {reset, service("web", 1), []runtime.Object{peerAuthentication("production", "PERMISSIVE", nil)}, ""},
		"the caller is in it": {reset, withSidecar(service("web", 1)), []runtime.Object{peerAuthentication("production", "STRICT", nil)}, ""},
		"another error": {
			"ERROR POST http://ledger:80/entries failed: 500", service("web", 1),
			[]runtime.Object{peerAuthentication("production", "STRICT", nil)},
			"",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			objects := append(calling(c.caller, "LEDGER", "http://ledger:80"), withSidecar(service("ledger", 1))...)
			s := facts.NewSnapshot(noon, append(objects, c.policies...), nil)
			s.AddLog(logOf("web"), []byte(says(c.log, 6, 0, true)))
			d := diagnosis.Diagnose(s, s.Subject("web", "production"))
			if c.want == "" {
				require.NotContains(t, d.Text(), "mutual TLS")
				return
			}
			require.Contains(t, d.Summary, c.want)
		})
	}
}

// TestARefusedLoginNamesItsUserFromEitherLog has web's credentials refused by db.
func TestARefusedLoginNamesItsUserFromEitherLog(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ image, caller, callee, want string }{
		"the caller's": {
			"mysql:8.4", `ERROR java.sql.SQLException: Access denied for user 'shop'@'10.0.0.7' to database 'orders' at db:80`, "",
			"Service db rejects the credentials of user shop for database orders, so web",
		},
		"the database's": {
			"mongo:7.0", `ERROR MongoServerError: Authentication failed. db:80`,
			`{"s":"I","c":"ACCESS","id":5286307,"ctx":"conn9","msg":"Failed to authenticate","attr":{"mechanism":"SCRAM-SHA-256","user":"rate",` +
				`"error":"UserNotFound: Could not find user \"rate\" for db \"admin\""}}`,
			"Service db rejects the credentials; its log says “Failed to authenticate: UserNotFound: Could not find user \"rate\" for db " +
				"\"admin\"”, so web",
		},
		"the broker's": {
			"rabbitmq:4.0", `ERROR AmqpException: ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. amqp://db:80`,
			`[error] <0.712.0> PLAIN login refused: user 'shipping' - invalid credentials`,
			"Service db rejects the credentials; its log says “PLAIN login refused: user 'shipping' - invalid credentials”, so web",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := facts.NewSnapshot(noon, append(calling(service("web", 1), "DB", "db:80"), callee("db", c.image, 80)...), nil)
			s.AddLog(logOf("web"), []byte(says(c.caller, 6, 0, true)))
			s.AddLog(logOf("db"), []byte(says(c.callee, 6, 0, true)))
			d := diagnosis.Diagnose(s, s.Subject("web", "production"))
			require.Contains(t, d.Text(), c.want)
		})
	}
}

// TestWhatBothSidesTellOfUsersIsNoFailure has both logs speak of the same, which is everyday.
func TestWhatBothSidesTellOfUsersIsNoFailure(t *testing.T) {
	t.Parallel()
	served := says("INFO served GET /orders 200", 40, 0, true)
	for name, c := range map[string]struct{ caller, callee string }{
		"cards that are declined": {
			says("WARN payment refused order 4711: card_declined", 12, 0, true), says("WARN charge declined: card_declined", 12, 0, true),
		},
		"passwords that are wrong": {
			served + says("ERROR login at api failed: invalid password", 3, 0, true),
			says("WARN authentication failed: invalid password", 30, 0, true),
		},
		"a consumer that was rebalanced": {
			served + says("WARN Offset commit failed: The coordinator is not available.", 2, 4*time.Minute, true),
			says("INFO [GroupCoordinator 1]: Member api-1 in group api has failed, removing it from the group", 2, 4*time.Minute, true),
		},
		"a client that asks too often": {
			served + says("WARN api answered 429 Too Many Requests, retrying", 6, 0, true),
			says("WARN rate limit exceeded for client web", 6, 0, true),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := facts.NewSnapshot(noon, append(calling(service("web", 1), "API", "http://api:80"), service("api", 1)...), nil)
			s.AddLog(logOf("web"), []byte(c.caller))
			s.AddLog(logOf("api"), []byte(c.callee))
			require.Empty(t, diagnosis.Diagnose(s, s.Subject("web", "production")).Chains)
		})
	}
}

// Whoever can write a line of a log chooses no namespace: a log of another one is wanted only where the caller's own configuration names
// that Service. Whether it may be read is the policy's to say (runbooks).
func TestALogOfAnotherNamespaceIsWantedOnlyWhereItIsConfigured(t *testing.T) {
	t.Parallel()
	elsewhere := service("ledger", 1)
	for _, o := range elsewhere {
		o.(metav1.Object).SetNamespace("finance")
	}
	const host = "ledger.finance.svc.cluster.local:80"
	for _, configured := range []bool{false, true} {
		web := service("web", 1)
		if configured {
			web = calling(web, "LEDGER", host)
		}
		s := facts.NewSnapshot(noon, append(slices.Clone(elsewhere), web...), nil)
		s.AddLog(logOf("web"), []byte(says("ERROR "+host+" answered 500", 6, 0, true)))
		var of []string
		for _, w := range facts.WantedCallees(s, s.Subject("web", "production")) {
			of = append(of, w.Namespace)
		}
		if configured {
			require.Equal(t, []string{"finance"}, of)
		} else {
			require.Empty(t, of, "its log alone names it")
		}
	}
}
