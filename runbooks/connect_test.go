package runbooks_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/rand"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout/rollouttest"
	"github.com/3astronautas/algesta/runbooks"
)

// calls is the gateway, and a Service orders with one ready pod.
func calls(policies ...networkingv1.NetworkPolicy) (*still, runbooks.Cluster) {
	s := gateway()
	for _, pod := range s.pods {
		pod.Labels = map[string]string{"app": "api-gateway"}
	}
	orders := *rollouttest.Pod(1, "orders", time.Hour)
	orders.Labels, orders.Namespace = map[string]string{"app": "orders"}, "production"
	s.lists["PodList"] = []any{orders}
	svc := serviceNamed("orders", map[string]string{"app": "orders"})
	svc.Namespace = "production"
	s.lists["ServiceList"] = []any{svc, serviceNamed("lonely", map[string]string{"app": "lonely"})}
	s.lists["EndpointSliceList"] = []any{sliceOf("orders", endpointAt("10.1.0.1", orders.Name, true))}
	s.lists["NetworkPolicyList"] = []any{}
	for _, p := range policies {
		p.Namespace = "production"
		s.lists["NetworkPolicyList"] = append(s.lists["NetworkPolicyList"], p)
	}
	c := whole(s)
	c.Bounded = nil
	return s, c
}

func connects(t *testing.T, c runbooks.Cluster, to string) ([]string, error) {
	t.Helper()
	book, ok := runbooks.Find("connect")
	require.True(t, ok)
	in := input("connect", algesta.Args{"to": to})
	report, err := book.Answer(t.Context(), c, in)
	return shownLines(t, report), err
}

// egress lets the gateway out to what these rules say.
func egress(rules ...networkingv1.NetworkPolicyEgressRule) networkingv1.NetworkPolicy {
	return networkingv1.NetworkPolicy{ObjectMeta: named("out"), Spec: networkingv1.NetworkPolicySpec{
		PodSelector: metav1.LabelSelector{MatchLabels: map[string]string{"app": "api-gateway"}},
		PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeEgress}, Egress: rules,
	}}
}

func onPort(number int32, protocol corev1.Protocol, to ...networkingv1.NetworkPolicyPeer) networkingv1.NetworkPolicyEgressRule {
	port := intstr.FromInt32(number)
	return networkingv1.NetworkPolicyEgressRule{To: to, Ports: []networkingv1.NetworkPolicyPort{{Protocol: &protocol, Port: &port}}}
}

func podsOf(app string) networkingv1.NetworkPolicyPeer {
	return networkingv1.NetworkPolicyPeer{PodSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}}}
}

func TestConnectFollowsANameToReadyEndpoints(t *testing.T) {
	t.Parallel()
	_, c := calls()
	for _, to := range []string{
		"orders:80", "orders.production:80", "orders.production.svc:80",
		"orders.production.svc.cluster.local:80", "ORDERS:80",
	} {
		got, err := connects(t, c, to)
		require.NoError(t, err)
		require.Contains(t, got[0], ": nothing that I can see stops it", to)
		require.Contains(t, got, "The name is the Service orders: 10.0.9.9, ports 80→3000.")
		require.Contains(t, got, "1 of 1 endpoint ready.")
	}
	for to, want := range map[string]string{
		"nothing:80": "api-gateway in production to nothing:80: There's no Service nothing in namespace production, so the name doesn't resolve.",
		"orders:81":  "api-gateway in production to orders:81: The Service orders has no port 81, only 80→3000.",
		"lonely:80":  "api-gateway in production to lonely:80: No endpoint of the Service lonely is ready (0 in all).",
	} {
		got, err := connects(t, c, to)
		require.NoError(t, err)
		require.Equal(t, want, got[0])
	}
	for _, to := range []string{"orders", "orders:http", "orders:0", "orders:70000", "a b:80", "-x:80", "[::1:80"} {
		_, err := connects(t, c, to)
		require.ErrorIs(t, err, algesta.ErrUsage, to)
	}
	_, err := connects(t, c, "ledger.payments.svc:80")
	require.ErrorIs(t, err, algesta.ErrRefused)
}

func TestConnectJudgesTheNetworkPoliciesOfBothSides(t *testing.T) {
	t.Parallel()
	dns, anyPod := onPort(53, corev1.ProtocolUDP), networkingv1.NetworkPolicyPeer{NamespaceSelector: &metav1.LabelSelector{}}
	in := networkingv1.NetworkPolicy{ObjectMeta: named("in"), Spec: networkingv1.NetworkPolicySpec{
		PodSelector: metav1.LabelSelector{MatchLabels: map[string]string{"app": "orders"}},
		Ingress:     []networkingv1.NetworkPolicyIngressRule{{From: []networkingv1.NetworkPolicyPeer{podsOf("web")}}},
	}}
	for name, c := range map[string]struct {
		policies []networkingv1.NetworkPolicy
		to, want string
	}{
		"let out": {
			[]networkingv1.NetworkPolicy{egress(dns, onPort(3000, corev1.ProtocolTCP, podsOf("orders")))},
			"orders:80",
			"nothing that I can see stops it",
		},
		"let out to others": {
			[]networkingv1.NetworkPolicy{egress(dns, onPort(3000, corev1.ProtocolTCP, podsOf("ledger")))},
			"orders:80",
			"None lets these pods call orders:80: NetworkPolicy out.",
		},
		"on the Service's own": {
			[]networkingv1.NetworkPolicy{egress(dns, onPort(80, corev1.ProtocolTCP))},
			"orders:80",
			"None lets these pods call orders:80: NetworkPolicy out.",
		},
		"no DNS": {
			[]networkingv1.NetworkPolicy{egress(onPort(3000, corev1.ProtocolTCP))},
			"orders:80",
			"NetworkPolicy out lets no DNS questions out of these pods.",
		},
		"not let in": {[]networkingv1.NetworkPolicy{in}, "orders:80", "None admits these pods to orders:80: NetworkPolicy in."},
		"pods are not outside": {
			[]networkingv1.NetworkPolicy{egress(dns, onPort(443, corev1.ProtocolTCP, anyPod))},
			"db.example.com:443",
			"None lets these pods call db.example.com:443: NetworkPolicy out.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, cluster := calls(c.policies...)
			got, err := connects(t, cluster, c.to)
			require.NoError(t, err)
			require.Equal(t, "api-gateway in production to "+c.to+": "+c.want, got[0])
		})
	}
}

// What is hidden can't be found out by asking for connections to it: it's neither confirmed nor given to DNS.
func TestConnectSearchesNothingThatIsHidden(t *testing.T) {
	t.Parallel()
	hidden := "walrus" + rand.String(8) + ".garden.lantern"
	n := &internet{at: map[string]algesta.Exchange{"tcp://" + hidden + ":22": {Addresses: []string{"203.0.113.8"}}}}
	s, c := calls()
	c.Prober = n
	s.lists["ConfigMapList"] = []any{corev1.ConfigMap{ObjectMeta: named("places"), Data: map[string]string{"password": hidden}}}
	main := &s.deployment.Spec.Template.Spec.Containers[0]
	for name, set := range map[string]func(){
		"a literal":             func() { main.Env = []corev1.EnvVar{plain("DB_PASSWORD", hidden)} },
		"a key":                 func() { main.Env = []corev1.EnvVar{fromMap("X1", "places", "password")} },
		"a variable":            func() { main.Env = []corev1.EnvVar{fromMap("DB_PASSWORD", "places", "password")} },
		"a URL with a password": func() { main.Env = []corev1.EnvVar{plain("URL", "postgres://app:"+hidden+"@db/x")} },
		"all of a ConfigMap's keys": func() {
			main.Env, main.EnvFrom = nil, []corev1.EnvFromSource{{ConfigMapRef: &corev1.ConfigMapEnvSource{
				LocalObjectReference: corev1.LocalObjectReference{Name: "places"},
			}}}
		},
	} {
		set()
		got, err := connects(t, c, hidden+":22")
		require.NoError(t, err, name)
		require.Contains(t, fmt.Sprint(got), "I didn't look at "+hidden, name)
	}
}

// An outside host is gone to only where the workload itself names it.
func TestConnectGoesOnlyToHostsThatTheWorkloadNames(t *testing.T) {
	t.Parallel()
	open := algesta.Exchange{Addresses: []string{"203.0.113.8"}, Connect: 9 * time.Millisecond}
	n := &internet{at: map[string]algesta.Exchange{
		"tcp://db.example.com:27017":   open,
		"tcp://cache.example.com:6379": {Fault: algesta.FaultTimedOut},
		"tcp://inside.example.com:80":  {Fault: algesta.FaultInside},
	}}
	s, c := calls()
	c.Prober = n
	s.lists["ConfigMapList"] = []any{corev1.ConfigMap{ObjectMeta: named("places"), Data: map[string]string{"cache": "cache.example.com:6379"}}}
	main := &s.deployment.Spec.Template.Spec.Containers[0]
	main.Env = []corev1.EnvVar{
		plain(
			"DB",
			"mongodb://db.example.com:27017/x",
		),
		fromMap("CACHE", "places", "cache"),
		fromSecret("URI", "mongodb-credentials", "uri"),
		plain("IN", "http://inside.example.com"),
	}
	for to, want := range map[string]string{
		"db.example.com:27017": "Seen from where I run, which isn't where the pods are: the port is open (9 ms), at 203.0.113.8.",
		"inside.example.com:80": "Seen from where I run, which isn't where the pods are: it has an address of a private network or of this " +
			"machine, and I don't go there.",
		"cluster.mongodb.net:27": "I didn't look at cluster.mongodb.net from here: I only go to hosts that a plain variable or a ConfigMap " +
			"of the workload names, and what Secrets hold isn't searched.",
	} {
		got, err := connects(t, c, to)
		require.NoError(t, err)
		require.Contains(t, got, want)
	}
	got, err := connects(t, c, "cache.example.com:6379")
	require.NoError(t, err)
	require.Contains(t, got[0], "it doesn't answer in time")

	n.asked = nil
	for _, to := range []string{
		"evil-db.example.com:1", "example.com:27017", "b.example.com:1",
		"db.example.com.evil.org:1", "169.254.169.254:80", "[::1]:80", "10.0.0.1:22",
	} {
		_, err := connects(t, c, to)
		require.NoError(t, err, to)
	}
	require.Empty(t, n.asked)
}

func TestConnectSaysWhatItCouldNotCheck(t *testing.T) {
	t.Parallel()
	for kind, want := range map[string]string{
		"ServiceList": "Whether the Service orders exists couldn't be checked.", "EndpointSliceList": "Its endpoints couldn't be checked.",
		"NetworkPolicyList": "Couldn't check networkpolicies: I don't have permission to read NetworkPolicyList.",
	} {
		s, c := calls()
		s.forbidden[kind] = true
		got, err := connects(t, c, "orders:80")
		require.NoError(t, err)
		require.Equal(t, "api-gateway in production to orders:80: nothing that I can see stops it, but not all could be checked", got[0])
		require.Contains(t, got, want)
	}
}
