package diagnosis

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/3astronautas/algesta/words"
)

const nginxSource = "ingress-nginx: 503 without endpoints, 404 from the default backend, its own certificate where the Secret is missing"

var ingressRules = []Rule{
	{
		ID: "ingress-class", Family: "ingress", Class: ClassIngress,
		Signal: "spec.ingressClassName (or the old annotation) names no IngressClass; or none is named and no class is the default", Cause: "a mistyped class; a controller that was removed", Remedy: "name a class that exists",
		Source: "IngressClass objects; annotation ingressclass.kubernetes.io/is-default-class", snapshot: ingressClass,
	},
	{
		ID: "ingress-backend-missing", Family: "ingress", Class: ClassIngress,
		Signal: "a backend names a Service that is not in the namespace", Cause: "the Service was renamed or deleted", Remedy: "correct the backend", Source: nginxSource, snapshot: ingressBackendMissing,
	},
	{
		ID: "ingress-backend-port", Family: "ingress", Class: ClassIngress,
		Signal: "a backend names a port (number or name) that its Service does not have", Cause: "the Service's port was changed", Remedy: "correct the port of the backend", Source: nginxSource, snapshot: ingressBackendPort,
	},
	{
		ID: "ingress-backend-down", Family: "ingress", Class: ClassBackend, Symptom: true,
		Signal: "a backend's Service has no ready pod", Cause: "always a symptom of the Service or its pods", Remedy: "see the cause that explains it", Source: nginxSource, snapshot: ingressBackendDown,
	},
	{
		ID: "ingress-tls-secret", Family: "ingress", Class: ClassTLS,
		Signal: "spec.tls names a Secret that is missing, is not of type kubernetes.io/tls, or holds no certificate", Cause: "the certificate was never issued; the Secret was deleted or made by hand", Remedy: "have the certificate issued again",
		Source: nginxSource, snapshot: ingressTLSSecret,
	},
	{
		ID: "ingress-host-certificate", Family: "ingress", Class: ClassTLS,
		Signal: "the certificate in the TLS Secret does not cover a host of the Ingress, or has expired", Cause: "a host was added without renewing; another Certificate writes the same Secret", Remedy: "issue the certificate for every host",
		Source: "subject alternative names of tls.crt", snapshot: ingressHostCertificate,
	},
	{
		ID: "ingress-no-address", Family: "ingress", Class: ClassIngress,
		Signal: "status.loadBalancer.ingress is empty for more than 5 minutes although its class exists", Cause: "the ingress controller is down, or its load balancer has no address", Remedy: "look at the ingress controller", Source: "Ingress status",
		snapshot: ingressNoAddress,
	},
	{
		ID: "ingress-duplicate", Family: "ingress", Class: ClassIngress, Risk: true,
		Signal: "two Ingresses of one class claim the same host and path", Cause: "a copy that was not removed", Remedy: "keep one of them", Source: "ingress-nginx: the older one wins", snapshot: ingressDuplicate,
	},
}

// backend is one way from an Ingress to a Service.
type backend struct {
	host, path string
	service    string
	port       networkingv1.ServiceBackendPort
	secure     bool // TLS ends at the Ingress
}

func backendsOf(i *networkingv1.Ingress) []backend {
	var found []backend
	if b := i.Spec.DefaultBackend; b != nil && b.Service != nil {
		found = append(found, backend{service: b.Service.Name, port: b.Service.Port})
	}
	for _, rule := range i.Spec.Rules {
		if rule.HTTP == nil {
			continue
		}
		for _, path := range rule.HTTP.Paths {
			if path.Backend.Service != nil {
				found = append(found, backend{rule.Host, path.Path, path.Backend.Service.Name, path.Backend.Service.Port, hasTLS(i, rule.Host)})
			}
		}
	}
	return found
}

func (b backend) at() string {
	if b.host == "" {
		return "every host"
	}
	if !b.secure {
		return "http://" + b.host + b.path
	}
	return "https://" + b.host + b.path
}

// hasTLS says that the Ingress has a certificate for the host; one without hosts is for all.
func hasTLS(i *networkingv1.Ingress, host string) bool {
	_, domain, _ := strings.Cut(host, ".")
	return slices.ContainsFunc(i.Spec.TLS, func(t networkingv1.IngressTLS) bool {
		return len(t.Hosts) == 0 || slices.Contains(t.Hosts, host) || slices.Contains(t.Hosts, "*."+domain)
	})
}

const classAnnotation = "kubernetes.io/ingress.class"

func className(i *networkingv1.Ingress) string {
	if i.Spec.IngressClassName != nil {
		return *i.Spec.IngressClassName
	}
	return i.Annotations[classAnnotation]
}

func ingressClass(s *Snapshot) []*finding {
	if !s.knows("ingressclasses", "") || len(s.classes) == 0 && len(s.ingresses) == 0 {
		return nil
	}
	var names []string
	hasDefault := false
	for _, c := range s.classes {
		names = append(names, c.Name)
		hasDefault = hasDefault || c.Annotations[networkingv1.AnnotationIsDefaultIngressClass] == "true"
	}
	var found []*finding
	for _, i := range s.ingresses {
		name := className(i)
		ref := refOf(KindIngress, i)
		f := &finding{
			subject: ref, hits: []Ref{ref}, sure: High, level: Outage,
			remedy: Remedy{Text: "Set ingressClassName to a class that exists.", Command: fmt.Sprintf("kubectl edit ingress %s -n %s", i.Name, i.Namespace)},
			shown:  []Evidence{{Object: ref, Field: "spec.ingressClassName", Quote: name}, {Object: Ref{Kind: "IngressClass", Name: strings.Join(names, ",")}, Field: "metadata.name", Quote: "the classes are " + words.Few(names, 4)}},
		}
		switch {
		case slices.Contains(names, name), name == "" && hasDefault:
			continue
		case name == "":
			f.what = fmt.Sprintf("Ingress %s names no class and no class is the default, so no controller serves it", i.Name)
			f.shown[0].Quote = "not set"
		case i.Spec.IngressClassName == nil:
			continue // the old annotation is matched by controllers themselves and needs no IngressClass
		default:
			f.what = fmt.Sprintf("Ingress %s names class %s, which does not exist, so no controller serves it", i.Name, name)
			if near := words.NearestName(name, names); near != "" {
				f.remedy.Text = fmt.Sprintf("Set ingressClassName to %s.", near)
			}
		}
		if len(names) == 0 {
			f.shown[1] = Evidence{Object: ref, Field: "ingressclasses", Quote: "there is no IngressClass"}
		}
		found = append(found, f)
	}
	return found
}

// eachBackend calls look once for every Service that an Ingress leads to.
func (s *Snapshot) eachBackend(look func(ref Ref, i *networkingv1.Ingress, b backend, service *corev1.Service) *finding) []*finding {
	var found []*finding
	for _, i := range s.ingresses {
		seen := map[string]bool{}
		for _, b := range backendsOf(i) {
			key := b.service + "/" + b.port.Name + fmt.Sprint(b.port.Number)
			if seen[key] {
				continue
			}
			seen[key] = true
			service := s.index.services[Ref{KindService, i.Namespace, b.service}]
			if f := look(refOf(KindIngress, i), i, b, service); f != nil {
				found = append(found, f)
			}
		}
	}
	return found
}

func ingressBackendMissing(s *Snapshot) []*finding {
	return s.eachBackend(func(ref Ref, i *networkingv1.Ingress, b backend, service *corev1.Service) *finding {
		if service != nil || !s.knows("services", i.Namespace) {
			return nil
		}
		f := &finding{
			subject: ref, key: b.service, hits: []Ref{ref}, sure: High, level: Outage,
			what:   fmt.Sprintf("Ingress %s leads to Service %s, which does not exist; %s answers 503", i.Name, b.service, b.at()),
			shown:  []Evidence{{Object: ref, Field: "spec.rules[].http.paths[].backend", Quote: b.service}},
			remedy: Remedy{Text: "Correct the backend, or create the Service.", Command: fmt.Sprintf("kubectl edit ingress %s -n %s", i.Name, i.Namespace)},
		}
		var names []string
		for _, known := range s.services {
			if known.Namespace == i.Namespace {
				names = append(names, known.Name)
			}
		}
		if near := words.NearestName(b.service, names); near != "" {
			f.remedy.Text = fmt.Sprintf("Correct the backend: there is a Service %s.", near)
		}
		return f
	})
}

func ingressBackendPort(s *Snapshot) []*finding {
	return s.eachBackend(func(ref Ref, i *networkingv1.Ingress, b backend, service *corev1.Service) *finding {
		if service == nil || service.Spec.Type == corev1.ServiceTypeExternalName {
			return nil
		}
		var have []string
		for _, p := range service.Spec.Ports {
			if b.port.Name != "" && p.Name == b.port.Name || b.port.Name == "" && p.Port == b.port.Number {
				return nil
			}
			have = append(have, strings.TrimSpace(fmt.Sprintf("%d %s", p.Port, p.Name)))
		}
		want := b.port.Name
		if want == "" {
			want = fmt.Sprint(b.port.Number)
		}
		return &finding{
			subject: ref, key: b.service + "/" + want, hits: []Ref{ref}, sure: High, level: Outage,
			what: fmt.Sprintf("Ingress %s leads to port %s of Service %s, which has no such port; %s answers 503", i.Name, want, b.service, b.at()),
			shown: []Evidence{
				{Object: ref, Field: "spec.rules[].http.paths[].backend.service.port", Quote: want},
				{Object: refOf(KindService, service), Field: "spec.ports", Quote: words.Few(have, 4)},
			},
			remedy: Remedy{Text: "Correct the port of the backend.", Command: fmt.Sprintf("kubectl edit ingress %s -n %s", i.Name, i.Namespace)},
		}
	})
}

func ingressBackendDown(s *Snapshot) []*finding {
	return s.eachBackend(func(ref Ref, i *networkingv1.Ingress, b backend, service *corev1.Service) *finding {
		if service == nil || !chooses(service) || !s.knows("pods", i.Namespace) {
			return nil
		}
		pods := s.index.behind[refOf(KindService, service)]
		if solves(i) || len(pods) == 0 && (s.age(service.CreationTimestamp.Time) < 2*time.Minute || s.changing(service)) {
			return nil
		}
		if slices.ContainsFunc(pods, podReady) || slices.ContainsFunc(pods, func(p *corev1.Pod) bool { return s.age(p.CreationTimestamp.Time) < 2*time.Minute }) {
			return nil
		}
		return &finding{
			subject: ref, key: b.service, hits: []Ref{refOf(KindService, service)}, sure: Low, level: Outage, unsure: "I do not know why; this is what I saw.",
			what:  fmt.Sprintf("Ingress %s: %s answers 503, because Service %s has no ready endpoint", i.Name, b.at(), b.service),
			shown: []Evidence{{Object: ref, Field: "spec.rules[].http.paths[].backend", Quote: b.service}},
		}
	})
}

func ingressTLSSecret(s *Snapshot) []*finding {
	var found []*finding
	for _, i := range s.ingresses {
		for _, tls := range i.Spec.TLS {
			secret := Ref{KindSecret, i.Namespace, tls.SecretName}
			have := s.keysOf[secret]
			if tls.SecretName == "" || have == nil && !s.lacks(secret) {
				continue
			}
			var wording string
			switch {
			case have == nil && s.beingIssued(secret):
				continue
			case have == nil:
				wording = "does not exist"
			case !have.known:
				continue
			case have.kind != "" && have.kind != corev1.SecretTypeTLS:
				wording = fmt.Sprintf("is of type %s, not kubernetes.io/tls", have.kind)
			case !have.names[corev1.TLSCertKey] || !have.names[corev1.TLSPrivateKeyKey]:
				wording = "lacks tls.crt or tls.key"
			case have.badPair:
				wording = "holds no valid certificate"
			default:
				continue
			}
			ref := refOf(KindIngress, i)
			f := &finding{
				subject: ref, key: tls.SecretName, hits: []Ref{secret}, sure: High, level: Degraded,
				what:   fmt.Sprintf("TLS Secret %s of Ingress %s %s, so %s shows a certificate that browsers reject", tls.SecretName, i.Name, wording, hostsWords(tls.Hosts)),
				shown:  []Evidence{{Object: ref, Field: "spec.tls[].secretName", Quote: tls.SecretName + " " + wording}},
				remedy: Remedy{Text: "Have the certificate issued again.", Command: fmt.Sprintf("kubectl describe certificate -n %s", i.Namespace)},
			}
			if s.knows("certificates", i.Namespace) && !s.certificateFor(secret) {
				issuer := i.Annotations["cert-manager.io/cluster-issuer"] + i.Annotations["cert-manager.io/issuer"]
				quote := "no Certificate writes this Secret"
				if issuer == "" {
					quote += ", and the Ingress has no annotation cert-manager.io/cluster-issuer"
				}
				f.show(Evidence{Object: secret, Field: "certificates", Quote: quote}, false)
				if meant := mistypedIssuer(i.Annotations); issuer == "" && meant != "" {
					f.show(Evidence{Object: ref, Field: "metadata.annotations", Quote: meant + ", which cert-manager does not know"}, false)
					f.remedy = Remedy{Text: "Correct the annotation to cert-manager.io/cluster-issuer or cert-manager.io/issuer.", Command: fmt.Sprintf("kubectl edit ingress %s -n %s", i.Name, i.Namespace)}
				}
			}
			found = append(found, f)
		}
	}
	return found
}

// solves says that cert-manager made the Ingress for the minutes in which it proves a name; the challenge says how it goes.
func solves(i *networkingv1.Ingress) bool {
	return i.Labels["acme.cert-manager.io/http01-solver"] == "true"
}

// mistypedIssuer is an annotation that was meant to name an issuer; empty when there is none.
func mistypedIssuer(annotations map[string]string) string {
	for _, key := range slices.Sorted(maps.Keys(annotations)) {
		if words.Nearest(key, []string{"cert-manager.io/cluster-issuer", "cert-manager.io/issuer", "certmanager.k8s.io/cluster-issuer"}) != "" {
			return key
		}
	}
	return ""
}

func hostsWords(hosts []string) string {
	if len(hosts) == 0 {
		return "it"
	}
	return words.Few(slices.Compact(slices.Clone(hosts)), 4)
}

func ingressHostCertificate(s *Snapshot) []*finding {
	var found []*finding
	for _, i := range s.ingresses {
		for _, tls := range i.Spec.TLS {
			have := s.keysOf[Ref{KindSecret, i.Namespace, tls.SecretName}]
			if have == nil || have.certificate == nil {
				continue
			}
			secret := Ref{KindSecret, i.Namespace, tls.SecretName}
			f := &finding{
				subject: refOf(KindIngress, i), key: tls.SecretName, hits: []Ref{secret}, sure: High, level: Outage,
				remedy: Remedy{Text: "Issue the certificate again for every host.", Command: fmt.Sprintf("cmctl renew %s -n %s", tls.SecretName, i.Namespace)},
			}
			if s.now.After(have.certificate.NotAfter) {
				f.what = fmt.Sprintf("The certificate of %s expired %s ago", hostsWords(tls.Hosts), words.Span(s.age(have.certificate.NotAfter)))
				f.since = have.certificate.NotAfter
				f.shown = []Evidence{{Object: secret, Field: "tls.crt notAfter", Quote: have.certificate.NotAfter.UTC().Format(time.RFC3339), At: moment(have.certificate.NotAfter)}}
				found = append(found, f)
				continue
			}
			for _, host := range tls.Hosts {
				if have.certificate.VerifyHostname(host) == nil {
					continue
				}
				f.what = fmt.Sprintf("The certificate in Secret %s does not cover %s", tls.SecretName, host)
				f.shown = []Evidence{{Object: secret, Field: "tls.crt", Quote: "it covers " + words.Few(have.certificate.DNSNames, 4)}}
				found = append(found, f)
				break
			}
		}
	}
	return found
}

func ingressNoAddress(s *Snapshot) []*finding {
	var found []*finding
	for _, i := range s.ingresses {
		if solves(i) || len(i.Status.LoadBalancer.Ingress) > 0 || s.age(i.CreationTimestamp.Time) < 5*time.Minute {
			continue
		}
		if name := className(i); s.knows("ingressclasses", "") && !slices.ContainsFunc(s.classes, func(c *networkingv1.IngressClass) bool {
			return c.Name == name || name == "" && c.Annotations[networkingv1.AnnotationIsDefaultIngressClass] == "true"
		}) {
			continue // the rule about classes says more
		}
		ref := refOf(KindIngress, i)
		found = append(found, &finding{
			subject: ref, hits: []Ref{ref}, sure: Medium, level: Degraded, unsure: "Some controllers do not write an address.", since: i.CreationTimestamp.Time,
			what:   fmt.Sprintf("Ingress %s has no address: its controller has not taken it", i.Name),
			shown:  []Evidence{{Object: ref, Field: "status.loadBalancer.ingress", Quote: "empty", At: moment(i.CreationTimestamp.Time)}},
			remedy: Remedy{Text: "Look at the ingress controller and the address of its load balancer.", Command: fmt.Sprintf("kubectl describe ingress %s -n %s", i.Name, i.Namespace)},
		})
	}
	return found
}

func ingressDuplicate(s *Snapshot) []*finding {
	type place struct{ class, host, path string }
	first := map[place]*networkingv1.Ingress{}
	var found []*finding
	for _, i := range s.ingresses {
		for _, b := range backendsOf(i) {
			if b.host == "" {
				continue
			}
			at := place{className(i), b.host, b.path}
			other := first[at]
			if other == nil {
				first[at] = i
				continue
			}
			if other == i {
				continue
			}
			ref := refOf(KindIngress, i)
			found = append(found, &finding{
				subject: ref, key: b.host + b.path, hits: []Ref{ref, refOf(KindIngress, other)}, sure: High, level: Latent,
				what:   fmt.Sprintf("Ingresses %s and %s both claim %s%s; the older one wins", other.Name, i.Name, b.host, b.path),
				shown:  []Evidence{{Object: ref, Field: "spec.rules", Quote: b.host + b.path}, {Object: refOf(KindIngress, other), Field: "spec.rules", Quote: b.host + b.path}},
				remedy: Remedy{Text: "Keep one of them.", Command: "kubectl get ingress -A"},
			})
		}
	}
	return found
}
