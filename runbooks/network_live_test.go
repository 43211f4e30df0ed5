package runbooks_test

import (
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/runbooks"
	"github.com/3astronautas/algesta/sandbox/control"
)

// Pods, endpoints and Ingresses are those of a real control plane; the address is written as a controller writes it.
func TestIngressOfAClusterLeadsToItsPods(t *testing.T) {
	t.Parallel()
	w := newBrokenNamespace(t, control.ForTest(t))
	class := "nginx-" + w.namespace
	w.make(t,
		&networkingv1.IngressClass{ObjectMeta: named(class), Spec: networkingv1.IngressClassSpec{Controller: "example.com/ingress"}},
		app("api", "12345", httpPort, replicas(2)), serviceOf("api", intstr.FromInt32(3000)), ingressOf("api", class, "api", 80),
		ingressOf("lost", class, "nothing", 80),
	)
	taken, err := w.Client.NetworkingV1().Ingresses(w.namespace).Get(t.Context(), "api", metav1.GetOptions{})
	require.NoError(t, err)
	taken.Status.LoadBalancer.Ingress = []networkingv1.IngressLoadBalancerIngress{{IP: "203.0.113.7"}}
	_, err = w.Client.NetworkingV1().Ingresses(w.namespace).UpdateStatus(t.Context(), taken, metav1.UpdateOptions{})
	require.NoError(t, err)
	w.await(t, "both pods are endpoints", func() bool {
		return w.tells(t, w.asked("ingress", "ingress/api"))[0] == "api in production, address 203.0.113.7, it leads to ready endpoints"
	})
	require.Equal(t, []string{
		"production: 2 routes, 1 leads to nothing that answers",
		"host | path | leads to | endpoints ready | certificate | address | by",
		"lost.example.com | / | nothing:80 | 0 of 0 | – | – | Ingress lost (" + class + ")",
		"api.example.com | / | api:80 | 2 of 2 | – | 203.0.113.7 | Ingress api (" + class + ")",
		"Ingress lost has no address: its controller hasn't taken it yet.",
		"lost.example.com/ leads to the Service nothing, which doesn't exist, so it answers with an error (503).",
		"The Gateway API isn't installed in this cluster, so these are all.",
	}, w.tells(t, w.asked("ingress", "")))
}

// What a cluster declares decides where the bot goes: nothing else does. The name is one that no DNS has (RFC 2606).
func TestProbeOfAClusterGoesWhereItsIngressesLead(t *testing.T) {
	t.Parallel()
	w := newBrokenNamespace(t, control.ForTest(t))
	declared := ingressOf("api", "nginx-"+w.namespace, "api", 80)
	declared.Spec.Rules[0].Host = "api.algesta.invalid"
	w.make(t, declared)
	lines := w.tells(t, w.asked("probe", "host/api.algesta.invalid"))
	require.Regexp(t, `^api\.algesta\.invalid: DNS (has no such name|doesn't answer me)$`, lines[0])
	require.Contains(t, lines, "api.algesta.invalid/ leads to the Service api, which doesn't exist, so it answers with an error (503).")

	book, _ := runbooks.Find("probe")
	_, err := book.Answer(t.Context(), whole(w.bot), w.asked("probe", "host/other.algesta.invalid"))
	require.ErrorIs(t, err, algesta.ErrRefused)
}

// ownAddress is one of this machine's that isn't a loopback address: the API server's proxy goes to none of those.
func ownAddress(t *testing.T) string {
	t.Helper()
	all, err := net.InterfaceAddrs()
	require.NoError(t, err)
	for _, a := range all {
		if ip, ok := a.(*net.IPNet); ok && ip.IP.IsGlobalUnicast() && ip.IP.To4() != nil {
			return ip.IP.String()
		}
	}
	t.Skip("this machine has no address that an API server goes to")
	return ""
}

// The API server's own proxy asks a program of this test's, which is at the address of a pod.
func TestHealthIsAskedThroughTheAPIServer(t *testing.T) {
	t.Parallel()
	address := ownAddress(t)
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", net.JoinHostPort(address, "0"))
	require.NoError(t, err)
	program := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path != "/health" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = w.Write([]byte(`{"path":"` + r.URL.Path + `"}`))
	})}
	done := make(chan struct{})
	go func() { defer close(done); _ = program.Serve(listener) }() // ends with Close
	t.Cleanup(func() { require.NoError(t, program.Close()); <-done })
	port := listener.Addr().(*net.TCPAddr).Port

	w := newBrokenNamespace(t, control.ForTest(t))
	ready := corev1.PodCondition{Type: corev1.PodReady, Status: corev1.ConditionTrue}
	for name, at := range map[string]int{"fine": port, "deaf": 9} {
		w.make(t, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"app": name}}, Spec: corev1.PodSpec{
			SchedulerName: "nobody", // no kubelet writes its status but this test
			Containers:    []corev1.Container{{Name: "app", Image: registry + "12345", Ports: []corev1.ContainerPort{{ContainerPort: int32(at)}}}},
		}})
		pod, err := w.Client.CoreV1().Pods(w.namespace).Get(t.Context(), name, metav1.GetOptions{})
		require.NoError(t, err)
		pod.Status = corev1.PodStatus{
			Phase: corev1.PodRunning, PodIP: address, PodIPs: []corev1.PodIP{{IP: address}}, Conditions: []corev1.PodCondition{ready},
		}
		_, err = w.Client.CoreV1().Pods(w.namespace).UpdateStatus(t.Context(), pod, metav1.UpdateOptions{})
		require.NoError(t, err)
	}
	got := w.tells(t, w.asked("health", "pod/fine"))
	require.Equal(t, "Pod fine in production: 1 of 1 pod answers /health as expected", got[0])
	require.Regexp(t, `^fine \| 200 OK \| \d+ ms \| \{"path":"/health"\}$`, got[2])
	other := w.asked("health", "pod/fine")
	other.Command.Args = algesta.Args{"path": "/readyz"}
	require.Regexp(t, `^fine \| 503 Service Unavailable \| \d+ ms \| \{"path":"/readyz"\}$`, w.tells(t, other)[2])
	require.Regexp(t, `^deaf \| nothing listens there \(connection refused\) \| \d+ ms \| –$`, w.tells(t, w.asked("health", "pod/deaf"))[2])

	env := w.tells(t, w.asked("env", "pod/fine"))
	require.Equal(t, "Pod fine in production: 0 variables", env[0])
}

// Services, endpoints and policies are those of a real control plane; nothing there enforces them, and nothing is connected.
func TestConnectOfAClusterReadsItsWiring(t *testing.T) {
	t.Parallel()
	w := newBrokenNamespace(t, control.ForTest(t))
	shut := closed("caller", networkingv1.PolicyTypeEgress)
	w.make(
		t,
		app("orders", "12345", httpPort),
		serviceOf("orders", intstr.FromInt32(3000)),
		app("free", "12345"),
		app("caller", "12345"),
		shut,
	)
	connect := func(from, to string) []string {
		in := w.asked("connect", "")
		in.Command.Target.Service, in.Command.Target.Name, in.Command.Target.Object = from, from, ""
		in.Workload, in.Command.Args = in.Command.Target.Workload(), algesta.Args{"to": to}
		return w.tells(t, in)
	}
	w.await(t, "orders is ready and the callers have pods", func() bool {
		return connect("free", "orders:80")[0] == "free in production to orders:80: nothing that I can see stops it" &&
			strings.HasPrefix(connect("caller", "orders:80")[0], "caller in production to orders:80: ")
	})
	require.Equal(
		t,
		"caller in production to orders:80: NetworkPolicy caller lets no DNS questions out of these pods.",
		connect("caller", "orders:80")[0],
	)
	require.Contains(t, connect("caller", "orders:80"), "None lets these pods call orders:80: NetworkPolicy caller.")
	require.Contains(
		t,
		connect("free", "db.algesta.invalid:27017"),
		"I didn't look at db.algesta.invalid from here: I only go to hosts that a plain "+
			"variable or a ConfigMap of the workload names, and what Secrets hold isn't searched.",
	)
}
