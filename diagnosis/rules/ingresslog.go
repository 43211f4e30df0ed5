package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/3astronautas/algesta/diagnosis/facts"
)

var ingressLogRules = []Rule{
	{
		ID:     "ingress-upstream-error",
		Family: "ingress",
		Class:  ClassIngress,
		Signal: "the log of the ingress controller repeats an error for a host of the Ingress until now, although pods behind it are ready: " +
			"too big header, timed out, SSL_do_handshake, too large body, …",
		Cause:    "a limit of the proxy that is too small, a backend that is slow or speaks another protocol than the Ingress says",
		Remedy:   "set the annotation of the Ingress that the error is about, or correct the backend",
		Source:   "nginx' error log: what went wrong, and the host",
		snapshot: ingressUpstreamError,
	},
	{
		ID:     "azure-probe-path",
		Family: "ingress",
		Class:  ClassIngress,
		Signal: "on Azure, a Service of type LoadBalancer in front of an ingress controller has ports with appProtocol http or https, no " +
			"path for " +
			"the load balancer's health probe, and externalTrafficPolicy Cluster; no Ingress answers / for every host",
		Cause:    "the load balancer asks for / and gets 404, so it takes every node out",
		Remedy:   "set service.beta.kubernetes.io/azure-load-balancer-health-probe-request-path to the controller's health path",
		Source:   "cloud-provider-azure: with appProtocol http the probe is HTTP and its path is / unless an annotation says another",
		snapshot: azureProbePath,
	},
}

// upstreamErrors are nginx' own words, and what they mean for an Ingress.
var upstreamErrors = []struct {
	says         *regexp.Regexp
	means, helps string
}{
	{
		regexp.MustCompile(`upstream sent too big header`),
		"the response header of its backend is bigger than the proxy's buffer (upstream sent too big header, 502)",
		"Raise nginx.ingress.kubernetes.io/proxy-buffer-size on the Ingress, such as to 16k.",
	},
	{
		regexp.MustCompile(`upstream timed out .*while (?:reading|sending|SSL)`),
		"its backend answers slower than the proxy waits (upstream timed out, 504)",
		"Find what makes it slow; if it may take so long, raise nginx.ingress.kubernetes.io/proxy-read-timeout.",
	},
	{
		regexp.MustCompile(`upstream timed out .*while connecting`),
		"its backend does not take connections in time (upstream timed out, 504)",
		"Check the network policies in front of the pods, and whether the program listens on this port.",
	},
	{
		regexp.MustCompile(`SSL_do_handshake\(\) failed.*(?:wrong version number|unknown protocol|packet length too long)`),
		"the proxy speaks TLS to a backend that speaks plain HTTP (backend-protocol)",
		"Set nginx.ingress.kubernetes.io/backend-protocol to HTTP, or have the backend speak TLS.",
	},
	{
		regexp.MustCompile(`SSL_do_handshake\(\) failed|upstream SSL certificate`),
		"the TLS handshake of the proxy with its backend fails (502)",
		"Check the backend's certificate and the proxy-ssl annotations of the Ingress.",
	},
	{
		regexp.MustCompile(`upstream sent (?:no valid HTTP|invalid header|unexpected frame)|invalid HTTP/2 frame`),
		"its backend speaks another protocol than HTTP/1 (backend-protocol)",
		"Set nginx.ingress.kubernetes.io/backend-protocol to what the backend speaks: HTTPS or GRPC.",
	},
	{
		regexp.MustCompile(`client intended to send too large body`),
		"requests are bigger than the proxy takes (too large body, 413)",
		"Raise nginx.ingress.kubernetes.io/proxy-body-size on the Ingress.",
	},
	{
		regexp.MustCompile(`connect\(\) failed \(111`),
		"its backend refuses connections (502)",
		"See on which port the program listens, and what the Service sends to.",
	},
	{
		regexp.MustCompile(`connect\(\) failed \(113|no route to host`),
		"the proxy finds no way to its backend (no route to host, 502)",
		"Check the network plugin and the policies between the two nodes.",
	},
	{
		regexp.MustCompile(`upstream prematurely closed connection|recv\(\) failed \(104`),
		"its backend closes connections before it has answered (502)",
		"Read the backend's log; a keep-alive timeout shorter than the proxy's does the same.",
	},
	{
		regexp.MustCompile(`auth request unexpected status: (\d+)`),
		"the service that checks logins (auth-url) answers with an error",
		"Look at the service of nginx.ingress.kubernetes.io/auth-url.",
	},
	{
		regexp.MustCompile(`limiting (?:requests|connections)`),
		"requests are refused by its own rate limit (503)",
		"Raise the limit-rps or limit-connections annotation, or find who asks so often.",
	},
	{
		regexp.MustCompile(`access forbidden by rule`),
		"requests are refused by its list of addresses (whitelist-source-range, 403)",
		"Admit the address in the annotation, or keep the client's address with externalTrafficPolicy Local.",
	},
}

// leastErrors is how often an error has to come before it is told.
const leastErrors = 3

func ingressUpstreamError(s *facts.Snapshot) []*Finding {
	var found []*Finding
	for _, i := range s.Ingresses() {
		seen := map[string]bool{}
		for _, b := range facts.BackendsOf(i) {
			if b.Host == "" || seen[b.Host] {
				continue
			}
			seen[b.Host] = true
			if f := hostError(s, i, b.Host); f != nil {
				found = append(found, f)
			}
		}
	}
	return found
}

func hostError(s *facts.Snapshot, i *networkingv1.Ingress, host string) *Finding {
	for _, e := range s.Proxied(host) {
		at := slices.IndexFunc(upstreamErrors, func(known struct {
			says         *regexp.Regexp
			means, helps string
		},
		) bool {
			return known.says.MatchString(e.Says)
		})
		if at < 0 || e.Count < leastErrors {
			continue
		}
		ref := facts.RefOf(facts.KindIngress, i)
		f := &Finding{
			Subject: ref, Key: host, Hits: []facts.Ref{ref}, Sure: Medium, Level: Degraded,
			Unsure: "Only the ingress controller's log says so; other requests may get through.",
			What:   fmt.Sprintf("Ingress %s: %s", i.Name, upstreamErrors[at].means),
			Shown:  []facts.Evidence{e.Evidence()},
			Remedy: Remedy{Text: upstreamErrors[at].helps, Command: fmt.Sprintf("kubectl describe ingress %s -n %s", i.Name, i.Namespace)},
		}
		for _, b := range facts.BackendsOf(i) {
			if b.Host == host {
				f.Hits = append(f.Hits, facts.Ref{Kind: facts.KindService, Namespace: i.Namespace, Name: b.Service})
			}
		}
		return f
	}
	return nil
}

const azurePrefix = "service.beta.kubernetes.io/"

// answersNotFound matches the images of ingress controllers that answer 404 where no rule fits.
var answersNotFound = regexp.MustCompile(`ingress-nginx|nginx-ingress|(?:^|/)traefik\b|(?:^|/)kong\b|haproxy-ingress|kubernetes-ingress`)

func azureProbePath(s *facts.Snapshot) []*Finding {
	if !s.OnAzure() {
		return nil
	}
	var found []*Finding
	for _, service := range s.Services() {
		ref := facts.RefOf(facts.KindService, service)
		pods := s.Behind(ref)
		if service.Spec.Type != corev1.ServiceTypeLoadBalancer || len(pods) == 0 || !isController(pods[0]) ||
			service.Spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal || probesOtherwise(service) ||
			slices.ContainsFunc(pods, s.Serves) || answersEverything(s, pods[0]) {
			continue
		}
		f := &Finding{
			Subject: ref, Hits: []facts.Ref{ref}, Sure: Medium, Level: Outage,
			Unsure: "It may answer / well for every host.",
			What: fmt.Sprintf("Azure's load balancer of Service %s probes path / of the ingress controller, which answers 404: no health-probe "+
				"path "+
				"is set", service.Name),
			Shown: []facts.Evidence{
				{Object: ref, Field: "spec.ports[].appProtocol", Quote: "http, and no annotation for the health probe"},
			},
			Remedy: Remedy{
				Text: "Set the annotation " + azurePrefix + "azure-load-balancer-health-probe-request-path to the controller's health path " +
					"(/healthz of " +
					"ingress-nginx).",
				Command: fmt.Sprintf("kubectl annotate service %s -n %s %sazure-load-balancer-health-probe-request-path=/healthz", service.Name,
					service.Namespace, azurePrefix),
			},
		}
		for _, i := range s.Ingresses() {
			f.Hits = append(f.Hits, facts.RefOf(facts.KindIngress, i))
		}
		found = append(found, f)
	}
	return found
}

func isController(p *corev1.Pod) bool {
	return slices.ContainsFunc(p.Spec.Containers, func(c corev1.Container) bool { return answersNotFound.MatchString(c.Image) })
}

// probesOtherwise says that the load balancer does not ask for path / by HTTP: no port asks for HTTP, or an annotation says another.
func probesOtherwise(service *corev1.Service) bool {
	for key := range service.Annotations {
		if strings.HasPrefix(key, azurePrefix) && strings.Contains(key, "health-probe") {
			return true
		}
	}
	return !slices.ContainsFunc(service.Spec.Ports, func(port corev1.ServicePort) bool {
		return port.AppProtocol != nil && (strings.EqualFold(*port.AppProtocol, "http") || strings.EqualFold(*port.AppProtocol, "https"))
	})
}

// answersEverything says that an Ingress, or the controller's own default backend, answers / for every host.
func answersEverything(s *facts.Snapshot, controller *corev1.Pod) bool {
	for i := range controller.Spec.Containers {
		for _, arg := range controller.Spec.Containers[i].Args {
			if strings.Contains(arg, "default-backend") {
				return true
			}
		}
	}
	return slices.ContainsFunc(s.Ingresses(), func(i *networkingv1.Ingress) bool {
		everything := func(b facts.Backend) bool { return b.Host == "" && b.Path == "/" }
		return i.Spec.DefaultBackend != nil || slices.ContainsFunc(facts.BackendsOf(i), everything)
	})
}
