package runbooks_test

import (
	"testing"

	"github.com/stretchr/testify/require"
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
