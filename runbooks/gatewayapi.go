package runbooks

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta"
)

// gatewayGroup is the group of the Gateway API. Its kinds are read as what they are in a manifest: what is used of them is stable in v1.
const gatewayGroup = "gateway.networking.k8s.io"

// gateway is a Gateway as far as routes need it.
type gateway struct {
	Metadata struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Spec struct {
		GatewayClassName string `json:"gatewayClassName"`
		Listeners        []struct {
			Name     string `json:"name"`
			Hostname string `json:"hostname"`
			TLS      struct {
				CertificateRefs []struct {
					Name      string `json:"name"`
					Namespace string `json:"namespace"`
				} `json:"certificateRefs"`
			} `json:"tls"`
		} `json:"listeners"`
	} `json:"spec"`
	Status struct {
		Addresses []struct {
			Value string `json:"value"`
		} `json:"addresses"`
		Conditions []gatewayCondition `json:"conditions"`
	} `json:"status"`
}

type gatewayCondition struct {
	Type    string `json:"type"`
	Status  string `json:"status"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// parentRef names a Gateway, in the route's own namespace where it names none.
type parentRef struct {
	Kind        string `json:"kind"`
	Namespace   string `json:"namespace"`
	Name        string `json:"name"`
	SectionName string `json:"sectionName"`
}

type httpRoute struct {
	Metadata struct {
		Name      string `json:"name"`
		Namespace string `json:"namespace"`
	} `json:"metadata"`
	Spec struct {
		Hostnames  []string    `json:"hostnames"`
		ParentRefs []parentRef `json:"parentRefs"`
		Rules      []httpRule  `json:"rules"`
	} `json:"spec"`
	Status struct {
		Parents []struct {
			ParentRef  parentRef          `json:"parentRef"`
			Conditions []gatewayCondition `json:"conditions"`
		} `json:"parents"`
	} `json:"status"`
}

type httpRule struct {
	Matches []struct {
		Path struct {
			Type  string `json:"type"`
			Value string `json:"value"`
		} `json:"path"`
	} `json:"matches"`
	Filters     []httpFilter `json:"filters"`
	BackendRefs []struct {
		Kind      string `json:"kind"`
		Namespace string `json:"namespace"`
		Name      string `json:"name"`
		Port      int32  `json:"port"`
	} `json:"backendRefs"`
}

type httpFilter struct {
	Type string `json:"type"`
}

// readGateways are the Gateways by name. What doesn't read as one is left out.
func readGateways(items []unstructured.Unstructured) map[string]gateway {
	out := map[string]gateway{}
	for i := range items {
		var g gateway
		if runtime.DefaultUnstructuredConverter.FromUnstructured(items[i].Object, &g) == nil {
			out[g.Metadata.Name] = g
		}
	}
	return out
}

// addHTTPRoute adds what an HTTPRoute sends somewhere.
func (a *routes) addHTTPRoute(object *unstructured.Unstructured, edges map[string]gateway) {
	var h httpRoute
	if runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &h) != nil {
		return
	}
	one := route{kind: "HTTPRoute", name: h.Metadata.Name, rank: routeFine}
	var via, addresses []string
	for _, parent := range h.Spec.ParentRefs {
		edge, known := edges[parent.Name]
		if parent.Namespace != "" && parent.Namespace != h.Metadata.Namespace {
			via = append(via, "Gateway "+parent.Namespace+"/"+parent.Name)
			continue
		}
		via = append(via, "Gateway "+parent.Name)
		if !known && a.read.failed[gateways] == nil {
			one.wrong(
				routeBroken,
				algesta.Say("HTTPRoute {} is for the Gateway {}, which doesn't exist.", algesta.Name(one.name), algesta.Name(quote(parent.Name))),
			)
		}
		for _, at := range edge.Status.Addresses {
			addresses = append(addresses, at.Value)
		}
		if known {
			a.refusedBy(&one, edge)
		}
	}
	one.via, one.address = strings.Join(via, ", "), strings.Join(addresses, ", ")
	a.accepted(&one, h)
	hosts := h.Spec.Hostnames
	if len(hosts) == 0 {
		hosts = []string{""}
	}
	for _, host := range hosts {
		for _, rule := range h.Spec.Rules {
			r := one
			r.problems, r.host, r.path = slices.Clone(one.problems), host, rule.path()
			a.leadRule(&r, rule, h.Metadata.Namespace)
			a.secure(&r, secretOfGateways(h, edges, host))
			a.routes = append(a.routes, r)
		}
	}
}

// path is what a rule matches: "/v1, /v2"; everything where it says nothing.
func (h httpRule) path() string {
	var out []string
	for _, m := range h.Matches {
		path := orElse(m.Path.Value, "/")
		if m.Path.Type == "Exact" {
			path = "=" + path
		}
		out = append(out, path)
	}
	return orElse(strings.Join(slices.Compact(out), ", "), "/")
}

// leadRule adds where a rule leads. One without a backend answers 500, unless it redirects.
func (a *routes) leadRule(r *route, rule httpRule, namespace string) {
	for _, to := range rule.BackendRefs {
		port := ""
		if to.Port > 0 {
			port = fmt.Sprint(to.Port)
		}
		switch {
		case to.Kind != "" && to.Kind != "Service":
			r.backends = append(r.backends, backend{service: to.Kind + " " + to.Name, port: port})
			r.rank = min(r.rank, routeUnknown)
		case to.Namespace != "" && to.Namespace != namespace: // it may be another team's; ResolvedRefs says whether it's let in
			r.backends = append(r.backends, backend{service: to.Namespace + "/" + to.Name, port: port})
			r.rank = min(r.rank, routeUnknown)
		default:
			a.lead(r, to.Name, port)
		}
	}
	redirects := slices.ContainsFunc(rule.Filters, func(f httpFilter) bool { return f.Type == "RequestRedirect" })
	if len(rule.BackendRefs) == 0 && !redirects {
		r.wrong(routeBroken, algesta.Say("{} leads to no Service, so it answers with an error (500).", r.called()))
	}
}

// refusedBy says why a Gateway isn't served.
func (a *routes) refusedBy(r *route, edge gateway) {
	for _, c := range edge.Status.Conditions {
		if (c.Type == "Accepted" || c.Type == "Programmed") && c.Status == "False" {
			r.wrong(
				routeAiling,
				algesta.Say("Gateway {} isn't {} ({}).", algesta.Name(edge.Metadata.Name), strings.ToLower(c.Type), quote(c.Reason+because(c.Message))),
			)
		}
	}
	if len(edge.Status.Addresses) == 0 {
		r.wrong(routeAiling, algesta.Say("Gateway {} has no address: no controller of the class {} has taken it yet.",
			algesta.Name(edge.Metadata.Name), algesta.Name(quote(edge.Spec.GatewayClassName))))
	}
}

func because(message string) string {
	if message == "" {
		return ""
	}
	return ": " + strings.TrimSuffix(message, ".")
}

// accepted says what a Gateway says about the route: taken or not, and whether what it leads to may be led to (a ReferenceGrant is needed
// for another namespace).
func (a *routes) accepted(r *route, h httpRoute) {
	if len(h.Status.Parents) == 0 {
		r.wrong(routeAiling, algesta.Say("No Gateway has taken HTTPRoute {} yet.", algesta.Name(r.name)))
	}
	for _, parent := range h.Status.Parents {
		for _, c := range parent.Conditions {
			if (c.Type == "Accepted" || c.Type == "ResolvedRefs") && c.Status == "False" {
				r.wrong(routeBroken, algesta.Say("Gateway {} doesn't serve HTTPRoute {} as it should: {} is false ({}).",
					algesta.Name(quote(parent.ParentRef.Name)), algesta.Name(r.name), c.Type, quote(c.Reason+because(c.Message))))
			}
		}
	}
}

// secretOfGateways is the Secret with the certificate for a host of a route, "" where there is none or it's in another namespace.
func secretOfGateways(h httpRoute, edges map[string]gateway, host string) string {
	for _, parent := range h.Spec.ParentRefs {
		if parent.Namespace != "" && parent.Namespace != h.Metadata.Namespace {
			continue
		}
		for _, l := range edges[parent.Name].Spec.Listeners {
			if parent.SectionName != "" && parent.SectionName != l.Name || !covers(l.Hostname, host) {
				continue
			}
			for _, ref := range l.TLS.CertificateRefs {
				if ref.Namespace == "" || ref.Namespace == h.Metadata.Namespace {
					return ref.Name
				}
			}
		}
	}
	return ""
}
