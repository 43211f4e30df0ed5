package runbooks_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout/rollouttest"
	"github.com/3astronautas/algesta/runbooks"
)

func serviceNamed(name string, selector map[string]string) corev1.Service {
	return corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.ServiceSpec{
		Type: corev1.ServiceTypeClusterIP, ClusterIP: "10.0.9.9", Selector: selector,
		Ports: []corev1.ServicePort{{Port: 80, TargetPort: intstr.FromInt32(3000)}},
	}}
}

func sliceOf(service string, endpoints ...discoveryv1.Endpoint) discoveryv1.EndpointSlice {
	return discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Name:   service + "-x",
			Labels: map[string]string{discoveryv1.LabelServiceName: service},
		},
		Endpoints: endpoints,
	}
}

func endpointAt(address, pod string, ready bool) discoveryv1.Endpoint {
	return discoveryv1.Endpoint{
		Addresses: []string{
			address,
		},
		TargetRef:  &corev1.ObjectReference{Kind: "Pod", Name: pod},
		Conditions: discoveryv1.EndpointConditions{Ready: &ready},
	}
}

// wired is an environment with a Service that leads to two pods of which one crashes, and one that leads nowhere.
func wired() *still {
	s := gateway()
	crashing := rollouttest.Crashing(rollouttest.Pod(3, "b", time.Hour), 7, noon)
	fine := rollouttest.Pod(3, "a", time.Hour)
	for _, p := range []*corev1.Pod{fine, crashing} {
		p.Labels = map[string]string{"app": "api-gateway", "pod-template-hash": "hash3"}
		p.OwnerReferences[0].Name = "api-gateway-production-hash3"
	}
	s.lists["PodList"] = []any{*fine, *crashing}
	s.lists["ServiceList"] = []any{
		serviceNamed(
			"api-gateway-production",
			map[string]string{"app": "api-gateway"},
		),
		serviceNamed("lonely", map[string]string{"app": "lonely"}),
		corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Name: "out"},
			Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: "db.example.com"},
		},
	}
	s.lists["EndpointSliceList"] = []any{sliceOf(
		"api-gateway-production", endpointAt("10.1.0.1", fine.Name, true), endpointAt("10.1.0.2", crashing.Name, false),
	)}
	return s
}

func TestServicesPutTheWorstFirst(t *testing.T) {
	t.Parallel()
	want := []string{
		"production: 1 of 3 services without a ready endpoint",
		"service | type | address | ports | endpoints ready | leads to",
		"lonely | ClusterIP | 10.0.9.9 | 80→3000 | 0 of 0 | –",
		"api-gateway-production | ClusterIP | 10.0.9.9 | 80→3000 | 1 of 2 | api-gateway-production",
		"out | ExternalName | db.example.com | – | – | –",
	}
	require.Equal(t, want, asked(t, wired(), "services", "namespace", nil))
	require.Equal(t, want, asked(t, wired(), "endpoints", "namespace", nil))
}

func TestEndpointsSayWhyAPodTakesNoRequests(t *testing.T) {
	t.Parallel()
	crashing := rollouttest.Pod(3, "b", time.Hour).Name
	for _, name := range []string{"service/api-gateway-production", "service/api-gateway"} {
		require.Equal(t, []string{
			"api-gateway-production in production: 1 of 2 endpoints ready",
			"type: ClusterIP", "address: 10.0.9.9", "ports: 80→3000", "selector: app=api-gateway", "leads to: api-gateway-production",
			"pod | address | takes requests | why not | node",
			crashing + " | 10.1.0.2 | no | crashing (CrashLoopBackOff) | –",
			rollouttest.Pod(3, "a", time.Hour).Name + " | 10.1.0.1 | yes | – | –",
		}, asked(t, wired(), "endpoints", name, nil))
	}
	lonely := asked(t, wired(), "endpoints", "service/lonely", nil)
	require.Equal(t, "lonely in production has no endpoints", lonely[0])
	require.Equal(t, "No pod has the labels that it selects: app=lonely.", lonely[len(lonely)-1])

	book, _ := runbooks.Find("services")
	_, err := book.Answer(t.Context(), whole(wired()), about("services", "service/gone", nil))
	require.ErrorIs(t, err, algesta.ErrNotFound)
}

func TestWhatOfServicesMayNotBeReadIsSaid(t *testing.T) {
	t.Parallel()
	without := func(kind string) *still { s := wired(); s.forbidden[kind] = true; return s }
	const noRight = " (no permission to read them)."

	require.Equal(t, []string{"I couldn't check the services of production: I don't have permission to read them."},
		asked(t, without("ServiceList"), "services", "namespace", nil))
	require.Equal(t, []string{"I couldn't check the services of production: I don't have permission to read them."},
		asked(t, without("ServiceList"), "endpoints", "service/lonely", nil))

	got := asked(t, without("EndpointSliceList"), "services", "namespace", nil)
	require.Equal(t, "production: 3 services", got[0])
	require.Contains(t, got, "lonely | ClusterIP | 10.0.9.9 | 80→3000 | not checked | –")
	require.Equal(t, "Couldn't check endpoints"+noRight, got[len(got)-1])
	require.Equal(
		t,
		"lonely in production: I couldn't check its endpoints",
		asked(t, without("EndpointSliceList"), "endpoints", "service/lonely", nil)[0],
	)

	got = asked(t, without("PodList"), "endpoints", "service/lonely", nil)
	require.Equal(t, []string{"I couldn't check which pods its selector matches.", "Couldn't check pods" + noRight}, got[len(got)-2:])
}
