package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/words"
)

const nginxSource = "ingress-nginx: 503 without endpoints, 404 from the default backend, its own certificate where the Secret is missing"

var ingressRules = []Rule{
	{
		ID:       "ingress-class",
		Family:   "ingress",
		Class:    ClassIngress,
		Signal:   "spec.ingressClassName (or the old annotation) names no IngressClass; or none is named and no class is the default",
		Cause:    "a mistyped class; a controller that was removed",
		Remedy:   "name a class that exists",
		Source:   "IngressClass objects; annotation ingressclass.kubernetes.io/is-default-class",
		snapshot: ingressClass,
	},
	{
		ID:       "ingress-backend-missing",
		Family:   "ingress",
		Class:    ClassIngress,
		Signal:   "a backend names a Service that is not in the namespace",
		Cause:    "the Service was renamed or deleted",
		Remedy:   "correct the backend",
		Source:   nginxSource,
		snapshot: ingressBackendMissing,
	},
	{
		ID:       "ingress-backend-port",
		Family:   "ingress",
		Class:    ClassIngress,
		Signal:   "a backend names a port (number or name) that its Service does not have",
		Cause:    "the Service's port was changed",
		Remedy:   "correct the port of the backend",
		Source:   nginxSource,
		snapshot: ingressBackendPort,
	},
	{
		ID:       "ingress-backend-down",
		Family:   "ingress",
		Class:    ClassBackend,
		Symptom:  true,
		Signal:   "a backend's Service has no ready pod",
		Cause:    "always a symptom of the Service or its pods",
		Remedy:   "see the cause that explains it",
		Source:   nginxSource,
		snapshot: ingressBackendDown,
	},
	{
		ID:       "ingress-tls-secret",
		Family:   "ingress",
		Class:    ClassTLS,
		Signal:   "spec.tls names a Secret that is missing, is not of type kubernetes.io/tls, or holds no certificate",
		Cause:    "the certificate was never issued; the Secret was deleted or made by hand",
		Remedy:   "have the certificate issued again",
		Source:   nginxSource,
		snapshot: ingressTLSSecret,
	},
	{
		ID:       "ingress-host-certificate",
		Family:   "ingress",
		Class:    ClassTLS,
		Signal:   "the certificate in the TLS Secret does not cover a host of the Ingress, or has expired",
		Cause:    "a host was added without renewing; another Certificate writes the same Secret",
		Remedy:   "issue the certificate for every host",
		Source:   "subject alternative names of tls.crt",
		snapshot: ingressHostCertificate,
	},
	{
		ID:       "ingress-no-address",
		Family:   "ingress",
		Class:    ClassIngress,
		Signal:   "status.loadBalancer.ingress is empty for more than 5 minutes although its class exists",
		Cause:    "the ingress controller is down, or its load balancer has no address",
		Remedy:   "look at the ingress controller",
		Source:   "Ingress status",
		snapshot: ingressNoAddress,
	},
	{
		ID:       "ingress-duplicate",
		Family:   "ingress",
		Class:    ClassIngress,
		Risk:     true,
		Signal:   "two Ingresses of one class claim the same host and path",
		Cause:    "a copy that was not removed",
		Remedy:   "keep one of them",
		Source:   "ingress-nginx: the older one wins",
		snapshot: ingressDuplicate,
	},
}

func at(b facts.Backend) string {
	if b.Host == "" {
		return "every host"
	}
	if !b.Secure {
		return "http://" + b.Host + b.Path
	}
	return "https://" + b.Host + b.Path
}

func ingressClass(s *facts.Snapshot) []*Finding {
	if !s.Knows("ingressclasses", "") || len(s.IngressClasses()) == 0 && len(s.Ingresses()) == 0 {
		return nil
	}
	var names []string
	hasDefault := false
	for _, c := range s.IngressClasses() {
		names = append(names, c.Name)
		hasDefault = hasDefault || c.Annotations[networkingv1.AnnotationIsDefaultIngressClass] == "true"
	}
	var found []*Finding
	for _, i := range s.Ingresses() {
		name := facts.ClassName(i)
		ref := facts.RefOf(facts.KindIngress, i)
		f := &Finding{
			Subject: ref, Hits: []facts.Ref{ref}, Sure: High, Level: Outage,
			Remedy: Remedy{
				Text:    "Set ingressClassName to a class that exists.",
				Command: fmt.Sprintf("kubectl edit ingress %s -n %s", i.Name, i.Namespace),
			},
			Shown: []facts.Evidence{
				{Object: ref, Field: "spec.ingressClassName", Quote: name},
				{
					Object: facts.Ref{Kind: "IngressClass", Name: strings.Join(names, ",")},
					Field:  "metadata.name",
					Quote:  "the classes are " + words.Few(names, 4),
				},
			},
		}
		switch {
		case slices.Contains(names, name), name == "" && hasDefault:
			continue
		case name == "":
			f.What = fmt.Sprintf("Ingress %s names no class and no class is the default, so no controller serves it", i.Name)
			f.Shown[0].Quote = "not set"
		case i.Spec.IngressClassName == nil:
			continue // the old annotation is matched by controllers themselves and needs no IngressClass
		default:
			f.What = fmt.Sprintf("Ingress %s names class %s, which does not exist, so no controller serves it", i.Name, name)
			if near := words.NearestName(name, names); near != "" {
				f.Remedy.Text = fmt.Sprintf("Set ingressClassName to %s.", near)
			}
		}
		if len(names) == 0 {
			f.Shown[1] = facts.Evidence{Object: ref, Field: "ingressclasses", Quote: "there is no IngressClass"}
		}
		found = append(found, f)
	}
	return found
}

// eachBackend calls look once for every Service that an Ingress leads to.
func eachBackend(
	s *facts.Snapshot,
	look func(ref facts.Ref, i *networkingv1.Ingress, b facts.Backend, service *corev1.Service) *Finding,
) []*Finding {
	var found []*Finding
	for _, i := range s.Ingresses() {
		seen := map[string]bool{}
		for _, b := range facts.BackendsOf(i) {
			key := b.Service + "/" + b.Port.Name + fmt.Sprint(b.Port.Number)
			if seen[key] {
				continue
			}
			seen[key] = true
			service := s.Service(facts.Ref{Kind: facts.KindService, Namespace: i.Namespace, Name: b.Service})
			if f := look(facts.RefOf(facts.KindIngress, i), i, b, service); f != nil {
				found = append(found, f)
			}
		}
	}
	return found
}

func ingressBackendMissing(s *facts.Snapshot) []*Finding {
	return eachBackend(s, func(ref facts.Ref, i *networkingv1.Ingress, b facts.Backend, service *corev1.Service) *Finding {
		if service != nil || !s.Knows("services", i.Namespace) {
			return nil
		}
		f := &Finding{
			Subject: ref, Key: b.Service, Hits: []facts.Ref{ref}, Sure: High, Level: Outage,
			What:  fmt.Sprintf("Ingress %s leads to Service %s, which does not exist; %s answers 503", i.Name, b.Service, at(b)),
			Shown: []facts.Evidence{{Object: ref, Field: "spec.rules[].http.paths[].backend", Quote: b.Service}},
			Remedy: Remedy{
				Text:    "Correct the backend, or create the Service.",
				Command: fmt.Sprintf("kubectl edit ingress %s -n %s", i.Name, i.Namespace),
			},
		}
		missing := facts.Ref{Kind: facts.KindService, Namespace: i.Namespace, Name: b.Service}
		f.Hits = append(f.Hits, missing)
		if w := s.MeantBy(missing); w != nil { // it must not be called healthy: no request gets there
			f.Hits = append(f.Hits, w.Ref)
		}
		var names []string
		for _, known := range s.Services() {
			if known.Namespace == i.Namespace {
				names = append(names, known.Name)
			}
		}
		if near := words.NearestName(b.Service, names); near != "" {
			f.Remedy.Text = fmt.Sprintf("Correct the backend: there is a Service %s.", near)
		}
		return f
	})
}

func ingressBackendPort(s *facts.Snapshot) []*Finding {
	return eachBackend(s, func(ref facts.Ref, i *networkingv1.Ingress, b facts.Backend, service *corev1.Service) *Finding {
		if service == nil || service.Spec.Type == corev1.ServiceTypeExternalName {
			return nil
		}
		var have, named []string
		for _, p := range service.Spec.Ports {
			if b.Port.Name != "" && p.Name == b.Port.Name || b.Port.Name == "" && p.Port == b.Port.Number {
				return nil
			}
			have, named = append(have, strings.TrimSpace(fmt.Sprintf("%d %s", p.Port, p.Name))), append(named, fmt.Sprint(p.Port))
			if p.Name != "" {
				named[len(named)-1] += " (" + p.Name + ")"
			}
		}
		ports := "port"
		if len(named) != 1 {
			ports = "ports"
		}
		want := b.Port.Name
		if want == "" {
			want = fmt.Sprint(b.Port.Number)
		}
		return &Finding{
			Subject: ref, Key: b.Service + "/" + want, Hits: []facts.Ref{ref}, Sure: High, Level: Outage,
			What: fmt.Sprintf("Ingress %s leads to port %s of Service %s, which has only %s %s; %s answers 503", i.Name, want, b.Service,
				ports, words.Few(named, 2), at(b)),
			Shown: []facts.Evidence{
				{Object: ref, Field: "spec.rules[].http.paths[].backend.service.port", Quote: want},
				{Object: facts.RefOf(facts.KindService, service), Field: "spec.ports", Quote: words.Few(have, 4)},
			},
			Remedy: Remedy{Text: "Correct the port of the backend.", Command: fmt.Sprintf("kubectl edit ingress %s -n %s", i.Name, i.Namespace)},
		}
	})
}

func ingressBackendDown(s *facts.Snapshot) []*Finding {
	return eachBackend(s, func(ref facts.Ref, i *networkingv1.Ingress, b facts.Backend, service *corev1.Service) *Finding {
		if service == nil || !facts.HasSelector(service) || !s.Knows("pods", i.Namespace) {
			return nil
		}
		pods := s.Behind(facts.RefOf(facts.KindService, service))
		if solves(i) || len(pods) == 0 && (s.Age(service.CreationTimestamp.Time) < 2*time.Minute || s.Changing(service)) {
			return nil
		}
		if slices.ContainsFunc(pods, facts.PodReady) ||
			slices.ContainsFunc(pods, func(p *corev1.Pod) bool { return s.Age(p.CreationTimestamp.Time) < 2*time.Minute }) {
			return nil
		}
		return &Finding{
			Subject: ref,
			Key:     b.Service,
			Hits:    []facts.Ref{facts.RefOf(facts.KindService, service)},
			Sure:    Low,
			Level:   Outage,
			Unsure:  "I don't know why; this is what I saw.",
			What:    fmt.Sprintf("Ingress %s: %s answers 503, because Service %s has no ready endpoint", i.Name, at(b), b.Service),
			Shown:   []facts.Evidence{{Object: ref, Field: "spec.rules[].http.paths[].backend", Quote: b.Service}},
		}
	})
}

func ingressNoAddress(s *facts.Snapshot) []*Finding {
	var found []*Finding
	for _, i := range s.Ingresses() {
		if solves(i) || len(i.Status.LoadBalancer.Ingress) > 0 || s.Age(i.CreationTimestamp.Time) < 5*time.Minute {
			continue
		}
		if name := facts.ClassName(i); s.Knows("ingressclasses", "") &&
			!slices.ContainsFunc(s.IngressClasses(), func(c *networkingv1.IngressClass) bool {
				return c.Name == name || name == "" && c.Annotations[networkingv1.AnnotationIsDefaultIngressClass] == "true"
			}) {
			continue // the rule about classes says more
		}
		ref := facts.RefOf(facts.KindIngress, i)
		found = append(found, &Finding{
			Subject: ref,
			Hits:    []facts.Ref{ref},
			Sure:    Medium,
			Level:   Degraded,
			Unsure:  "Some controllers don't write an address.",
			Since:   i.CreationTimestamp.Time,
			What:    fmt.Sprintf("Ingress %s has no address: its controller has not picked it up", i.Name),
			Shown: []facts.Evidence{
				{Object: ref, Field: "status.loadBalancer.ingress", Quote: "empty", At: facts.Moment(i.CreationTimestamp.Time)},
			},
			Remedy: Remedy{
				Text:    "Look at the ingress controller and the address of its load balancer.",
				Command: fmt.Sprintf("kubectl describe ingress %s -n %s", i.Name, i.Namespace),
			},
		})
	}
	return found
}

func ingressDuplicate(s *facts.Snapshot) []*Finding {
	type place struct{ class, host, path string }
	first := map[place]*networkingv1.Ingress{}
	var found []*Finding
	for _, i := range s.Ingresses() {
		for _, b := range facts.BackendsOf(i) {
			if b.Host == "" {
				continue
			}
			at := place{facts.ClassName(i), b.Host, b.Path}
			other := first[at]
			if other == nil {
				first[at] = i
				continue
			}
			if other == i {
				continue
			}
			ref := facts.RefOf(facts.KindIngress, i)
			found = append(found, &Finding{
				Subject: ref, Key: b.Host + b.Path, Hits: []facts.Ref{ref, facts.RefOf(facts.KindIngress, other)}, Sure: High, Level: Latent,
				What: fmt.Sprintf("Ingresses %s and %s both claim %s%s; the older one wins", other.Name, i.Name, b.Host, b.Path),
				Shown: []facts.Evidence{
					{Object: ref, Field: "spec.rules", Quote: b.Host + b.Path},
					{Object: facts.RefOf(facts.KindIngress, other), Field: "spec.rules", Quote: b.Host + b.Path},
				},
				Remedy: Remedy{Text: "Keep one of them.", Command: "kubectl get ingress -A"},
			})
		}
	}
	return found
}
