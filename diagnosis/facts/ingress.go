package facts

import (
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
)

// Backend is one way from an Ingress to a Service.
type Backend struct {
	Host, Path string
	Service    string
	Port       networkingv1.ServiceBackendPort
	Secure     bool // TLS ends at the Ingress
}

// BackendsOf are the Services to which an Ingress leads, with the host and the path of each.
func BackendsOf(i *networkingv1.Ingress) []Backend {
	var found []Backend
	if b := i.Spec.DefaultBackend; b != nil && b.Service != nil {
		found = append(found, Backend{Service: b.Service.Name, Port: b.Service.Port})
	}
	for _, rule := range i.Spec.Rules {
		if rule.HTTP == nil {
			continue
		}
		for _, path := range rule.HTTP.Paths {
			if path.Backend.Service != nil {
				found = append(found, Backend{rule.Host, path.Path, path.Backend.Service.Name, path.Backend.Service.Port, hasTLS(i, rule.Host)})
			}
		}
	}
	return found
}

// hasTLS says that the Ingress has a certificate for the host; one without hosts is for all.
func hasTLS(i *networkingv1.Ingress, host string) bool {
	_, domain, _ := strings.Cut(host, ".")
	return slices.ContainsFunc(i.Spec.TLS, func(t networkingv1.IngressTLS) bool {
		return len(t.Hosts) == 0 || slices.Contains(t.Hosts, host) || slices.Contains(t.Hosts, "*."+domain)
	})
}

const classAnnotation = "kubernetes.io/ingress.class"

// ClassName is the class of an Ingress, of its spec or of the older annotation.
func ClassName(i *networkingv1.Ingress) string {
	if i.Spec.IngressClassName != nil {
		return *i.Spec.IngressClassName
	}
	return i.Annotations[classAnnotation]
}
