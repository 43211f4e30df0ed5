package runbooks_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/runbooks"
)

const apiHost = "api.example.com"

// entrance is an Ingress as the manual has it: one host, a certificate, everything to one Service.
func entrance(name, host, service string) networkingv1.Ingress {
	i := *edge(name, host, "api-tls", nil)
	i.Spec.Rules[0].HTTP.Paths[0].Backend.Service.Name = service
	i.Status.LoadBalancer.Ingress = []networkingv1.IngressLoadBalancerIngress{{IP: "203.0.113.7"}}
	return i
}

// entrances is an environment with one Ingress that is well.
func entrances(more ...any) listed {
	crt := issuedFor("api-tls", apiHost, noon.Add(-30*24*time.Hour), noon.Add(60*24*time.Hour))
	return listed{
		lists: map[string][]any{
			"IngressList": append([]any{entrance("ingress-production", apiHost, "gate")}, more...),
			"IngressClassList": {
				networkingv1.IngressClass{ObjectMeta: named("nginx"), Spec: networkingv1.IngressClassSpec{Controller: "k8s.io/ingress-nginx"}},
			},
			"ServiceList":       {serviceNamed("gate", map[string]string{"app": "gate"}), serviceNamed("empty", map[string]string{"app": "empty"})},
			"EndpointSliceList": {sliceOf("gate", endpointAt("10.1.0.1", "gate-a", true), endpointAt("10.1.0.2", "gate-b", true))},
			"CertificateList":   {crt},
		},
		instead: map[string]error{"HTTPRouteList": errNotInstalled, "GatewayList": errNotInstalled},
	}
}

// issuedFor is a Certificate that was issued.
func issuedFor(name, host string, from, until time.Time) map[string]any {
	c := certificate(name, "Issuer", "ca", host)
	c.SetNamespace("production")
	c.Object["status"] = map[string]any{
		"notBefore": from.Format(
			time.RFC3339,
		),
		"notAfter":    until.Format(time.RFC3339),
		"renewalTime": until.Add(-30 * 24 * time.Hour).Format(time.RFC3339),
		"conditions":  []any{map[string]any{"type": "Ready", "status": "True"}},
	}
	return c.Object
}

func TestIngressFollowsAHostToItsEndpoints(t *testing.T) {
	t.Parallel()
	row := apiHost + " | / | gate:80 | 2 of 2 | 60 days | 203.0.113.7 | Ingress ingress-production (nginx)"
	retired := "Class nginx: ingress-nginx has been out of support since 24 March 2026 (kubernetes.io/blog/2025/11/11/ingress-nginx-" +
		"retirement, as of 2026-01-29). Plan the move to the Gateway API."
	require.Equal(t, []string{
		"production: 1 route, it leads to ready endpoints",
		"host | path | leads to | endpoints ready | certificate | address | by", row, retired,
		"The Gateway API isn't installed in this cluster, so these are all.",
	}, tells(t, entrances(), regarding("ingress", "")))
	require.Equal(t, []string{
		"ingress-production in production, address 203.0.113.7, it leads to ready endpoints",
		"host | path | leads to | endpoints ready | certificate | address | by", row, retired,
	}, tells(t, entrances(), regarding("ingress", "ingress/ingress-production")))
	require.Equal(
		t,
		apiHost+" in production, address 203.0.113.7, it leads to ready endpoints",
		tells(t, entrances(), regarding("ingress", "host/"+apiHost))[0],
	)

	for object, want := range map[string]string{
		"ingress/gone":        "There's no Ingress or HTTPRoute gone in production.",
		"host/no.example.org": "There's no Ingress or HTTPRoute for no.example.org in production.",
	} {
		_, err := ask(t, entrances(), regarding("ingress", object))
		var known *algesta.Error
		require.ErrorAs(t, err, &known)
		require.Equal(t, want, known.Message.String())
	}
	require.Equal(t, "production: no Ingress and no HTTPRoute", tells(t, listed{}, regarding("ingress", ""))[0])
}

func TestIngressSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	lost, empty, port := entrance(
		"lost",
		"a.example.com",
		"gone",
	), entrance(
		"empty",
		"b.example.com",
		"empty",
	), entrance(
		"port",
		"c.example.com",
		"gate",
	)
	port.Spec.Rules[0].HTTP.Paths[0].Backend.Service.Port.Number = 8080
	fresh := entrance("fresh", "d.example.com", "gate")
	fresh.Status, fresh.Spec.IngressClassName = networkingv1.IngressStatus{}, new("unheard-of")
	twice := entrance("twice", apiHost, "gate")
	s := entrances(lost, empty, port, fresh, twice)
	s.lists["CertificateList"] = []any{issuedFor("api-tls", apiHost, noon.Add(-90*24*time.Hour), noon.Add(-24*time.Hour))}
	got := tells(t, s, regarding("ingress", ""))
	require.Equal(t, "production: 6 routes, 3 lead to nothing that answers", got[0])
	require.Equal(t, "a.example.com | / | gone:80 | 0 of 0 | expired 24 h ago | 203.0.113.7 | Ingress lost (nginx)", got[2])
	for _, want := range []string{
		"a.example.com/ leads to the Service gone, which doesn't exist, so it answers with an error (503).",
		"No endpoint of the Service empty is ready, so b.example.com/ answers with an error (502 or 503).",
		"c.example.com/ leads to port 8080 of the Service gate, which has only 80→3000.",
		"The certificate api-tls for a.example.com is expired.",
	} {
		require.Contains(t, got, want)
	}
	for host, want := range map[string]string{
		"d.example.com": "Ingress fresh has no address: its class unheard-of doesn't exist.",
		apiHost:         apiHost + "/ is declared twice, by Ingress ingress-production and twice: which of them answers isn't certain.",
	} {
		require.Contains(t, tells(t, s, regarding("ingress", "host/"+host)), want)
	}
}

func TestWhatOfRoutesMayNotBeReadIsNeverMissing(t *testing.T) {
	t.Parallel()
	without := func(kind, resource string) []string {
		s := entrances()
		s.instead[kind] = forbidden(resource)
		return tells(t, s, regarding("ingress", ""))
	}
	require.Contains(
		t,
		without("ServiceList", "services"),
		apiHost+" | / | gate:80 | not checked | 60 days | 203.0.113.7 | Ingress ingress-production (nginx)",
	)
	require.Equal(t, "production: 1 route, not all of it could be checked", without("EndpointSliceList", "endpointslices")[0])
	require.Contains(
		t,
		without("CertificateList", "certificates"),
		apiHost+" | / | gate:80 | 2 of 2 | not checked | 203.0.113.7 | Ingress ingress-production (nginx)",
	)
	require.Contains(t, without("HTTPRouteList", "httproutes"), "Couldn't check httproutes: I don't have permission to read httproutes.")

	s := entrances()
	s.instead["IngressList"] = forbidden("ingresses")
	require.Equal(
		t,
		[]string{"I couldn't check the ingresses in production.", "I don't have permission to read ingresses."},
		tells(t, s, regarding("ingress", "")),
	)
	require.Equal(t, "I couldn't check the ingresses in production.", tells(t, s, regarding("ingress", "ingress/ingress-production"))[0])
}

// gatewayAPI is a Gateway with TLS, and a route of it for a host.
func gatewayAPI(conditions ...any) (edge, route map[string]any) {
	edge = map[string]any{
		"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": map[string]any{"name": "edge", "namespace": "production"},
		"spec": map[string]any{"gatewayClassName": "approuting-istio", "listeners": []any{map[string]any{
			"name": "https", "port": int64(443), "protocol": "HTTPS", "hostname": "*.example.com",
			"tls": map[string]any{"certificateRefs": []any{map[string]any{"name": "api-tls"}}},
		}}},
		"status": map[string]any{"addresses": []any{map[string]any{"type": "IPAddress", "value": "203.0.113.9"}}, "conditions": []any{}},
	}
	route = map[string]any{
		"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": map[string]any{"name": "api", "namespace": "production"},
		"spec": map[string]any{
			"parentRefs": []any{map[string]any{"name": "edge"}}, "hostnames": []any{"new.example.com"},
			"rules": []any{map[string]any{
				"matches":     []any{map[string]any{"path": map[string]any{"type": "PathPrefix", "value": "/v1"}}},
				"backendRefs": []any{map[string]any{"name": "gate", "port": int64(80)}},
			}},
		},
		"status": map[string]any{"parents": []any{map[string]any{"parentRef": map[string]any{"name": "edge"}, "conditions": conditions}}},
	}
	return edge, route
}

func TestIngressReadsTheGatewayAPI(t *testing.T) {
	t.Parallel()
	installed := func(edge, route map[string]any) listed {
		s := entrances()
		s.instead = nil
		s.lists["IngressList"], s.lists["GatewayList"], s.lists["HTTPRouteList"] = nil, []any{edge}, []any{route}
		return s
	}
	s := installed(gatewayAPI(map[string]any{"type": "Accepted", "status": "True"}))
	require.Equal(t, []string{
		"production: 1 route, it leads to ready endpoints",
		"host | path | leads to | endpoints ready | certificate | address | by",
		"new.example.com | /v1 | gate:80 | 2 of 2 | 60 days | 203.0.113.9 | HTTPRoute api (Gateway edge)",
	}, tells(t, s, regarding("ingress", "")))

	refused := installed(
		gatewayAPI(map[string]any{"type": "ResolvedRefs", "status": "False", "reason": "RefNotPermitted", "message": "no ReferenceGrant"}),
	)
	require.Contains(t, tells(t, refused, regarding("ingress", "")),
		"Gateway edge doesn't serve HTTPRoute api as it should: ResolvedRefs is false (RefNotPermitted: no ReferenceGrant).")

	edge, route := gatewayAPI()
	delete(route, "status")
	s = installed(edge, route)
	s.lists["GatewayList"] = nil
	got := tells(t, s, regarding("ingress", "host/new.example.com"))
	require.Contains(t, got, "HTTPRoute api is for the Gateway edge, which doesn't exist.")
	require.Contains(t, got, "No Gateway has taken HTTPRoute api yet.")
}

func TestNothingOfAnIngressIsShownRaw(t *testing.T) {
	t.Parallel()
	nasty := entrance("nasty", apiHost, "gate")
	secret := "ghp_" + "0123456789abcdefghijABCDEFGHIJ456789"
	nasty.Spec.Rules[0].HTTP.Paths[0].Path = "/hook/" + secret
	book, _ := runbooks.Find("ingress")
	report, err := book.Answer(t.Context(), runbooks.Cluster{Reader: entrances(nasty)}, regarding("ingress", ""))
	require.NoError(t, err)
	for _, line := range shownLines(t, report) {
		require.NotContains(t, line, secret)
	}
}
