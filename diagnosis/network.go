package diagnosis

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/3astronautas/algesta/words"
)

const kindPolicy = "NetworkPolicy"

var networkRules = []Rule{
	{
		ID: "network-policy-blocks", Family: "services", Class: ClassWiring,
		Signal: "NetworkPolicies select the pods behind an Ingress or an outside Service and have no ingress rule at all, or none that admits the ingress controller. The pods are ready all the same: kubelets are exempt",
		Cause:  "a policy that denies everything without one that admits the ingress controller's namespace", Remedy: "admit the ingress controller's namespace", Source: "NetworkPolicy spec; policies add up, and what none admits is denied",
		snapshot: policyBlocks,
	},
	{
		ID: "protocol-mismatch", Family: "services", Class: ClassWiring,
		Signal: "a Service port of one protocol leads to a port number that the containers declare with another protocol only", Cause: "protocol left at its default for a UDP program, or the other way round", Remedy: "correct the protocol of the Service's port",
		Source: "Service spec.ports[].protocol against containerPort", snapshot: protocolMismatch,
	},
	{
		ID: "selector-too-wide", Family: "services", Class: ClassWiring,
		Signal: "one Service chooses ready pods of workloads that share no image repository and are named differently by their labels or declare none of its ports, or of a Job; headless Services are left out", Cause: "a selector with a label that several programs carry", Remedy: "add the label that tells the programs apart to the selector",
		Source: "Service spec.selector against the pods' labels", snapshot: selectorTooWide,
	},
}

// answer is what can be said about a policy without knowing all of the cluster.
type answer int

const (
	no answer = iota
	maybe
	yes
)

// peer is who wants to reach a pod. What is nil of it is not known.
type peer struct {
	namespace string
	labels    map[string]string
}

// policiesOn are the policies that limit who reaches a pod, or what a pod reaches.
func (s *Snapshot) policiesOn(p *corev1.Pod, way networkingv1.PolicyType) []*networkingv1.NetworkPolicy {
	var found []*networkingv1.NetworkPolicy
	for _, policy := range s.policies {
		limits := slices.Contains(policy.Spec.PolicyTypes, way)
		if len(policy.Spec.PolicyTypes) == 0 { // the API server's default
			limits = way == networkingv1.PolicyTypeIngress || len(policy.Spec.Egress) > 0
		}
		if limits && policy.Namespace == p.Namespace && selectorOf(&policy.Spec.PodSelector).Matches(labels.Set(p.Labels)) {
			found = append(found, policy)
		}
	}
	return found
}

// admits asks all policies together: one that admits is enough.
func (s *Snapshot) admits(policies []*networkingv1.NetworkPolicy, to *corev1.Pod, port int32, from peer) answer {
	best := no
	for _, policy := range policies {
		for _, rule := range policy.Spec.Ingress {
			if !admitsPort(rule.Ports, to, port, corev1.ProtocolTCP) {
				continue
			}
			if len(rule.From) == 0 {
				return yes
			}
			for _, who := range rule.From {
				best = max(best, s.isPeer(who, to.Namespace, from))
			}
		}
	}
	return best
}

// admitsPort is true also where a named port is asked for and the pod is not known.
func admitsPort(ports []networkingv1.NetworkPolicyPort, to *corev1.Pod, port int32, protocol corev1.Protocol) bool {
	if len(ports) == 0 || port == 0 {
		return true
	}
	return slices.ContainsFunc(ports, func(p networkingv1.NetworkPolicyPort) bool {
		if p.Protocol != nil && *p.Protocol != protocol || p.Protocol == nil && protocol != corev1.ProtocolTCP {
			return false
		}
		switch {
		case p.Port == nil:
			return true
		case p.Port.StrVal != "":
			return to == nil || slices.ContainsFunc(to.Spec.Containers, func(c corev1.Container) bool { return portNamed(&c, p.Port.StrVal) == port })
		case p.EndPort != nil:
			return p.Port.IntVal <= port && port <= *p.EndPort
		}
		return p.Port.IntVal == port
	})
}

func portNamed(c *corev1.Container, name string) int32 {
	if name == "" {
		return 0
	}
	for _, p := range c.Ports {
		if p.Name == name {
			return p.ContainerPort
		}
	}
	return 0
}

func (s *Snapshot) isPeer(who networkingv1.NetworkPolicyPeer, namespace string, from peer) answer {
	if who.IPBlock != nil {
		if strings.HasSuffix(who.IPBlock.CIDR, "/0") && len(who.IPBlock.Except) == 0 {
			return yes
		}
		return maybe // the addresses of pods are not looked at
	}
	of := no
	switch {
	case who.NamespaceSelector == nil && from.namespace == namespace:
		of = yes
	case who.NamespaceSelector != nil:
		of = s.inNamespace(who, from.namespace)
	}
	if of == no || who.PodSelector == nil {
		return of
	}
	chosen := selectorOf(who.PodSelector)
	switch {
	case chosen.Empty():
		return of
	case from.labels == nil:
		return maybe
	case chosen.Matches(labels.Set(from.labels)):
		return of
	}
	return no
}

// inNamespace knows one label of every namespace, its name, which the API server sets itself.
func (s *Snapshot) inNamespace(who networkingv1.NetworkPolicyPeer, namespace string) answer {
	chosen := selectorOf(who.NamespaceSelector)
	for _, n := range s.namespaces {
		if n.Name == namespace && len(n.Labels) > 0 {
			if chosen.Matches(labels.Set(n.Labels)) {
				return yes
			}
			return no
		}
	}
	if chosen.Matches(labels.Set{corev1.LabelMetadataName: namespace}) {
		return yes
	}
	requirements, _ := chosen.Requirements()
	if slices.ContainsFunc(requirements, func(r labels.Requirement) bool { return r.Key() != corev1.LabelMetadataName }) {
		return maybe
	}
	return no
}

// enforced says that something in the cluster is known to enforce policies. Without such a thing they are only stored.
func (s *Snapshot) enforced() bool {
	return slices.ContainsFunc(s.pods, func(p *corev1.Pod) bool {
		return slices.Contains([]string{"calico-node", "cilium", "azure-npm", "antrea", "weave-net"}, p.Labels["k8s-app"])
	})
}

// controllerOfClass is who sends an Ingress's requests to the pods; false where that is not known, or where they come
// from a node's own address, which policies treat differently.
func (s *Snapshot) controllerOfClass(class string) (peer, bool) {
	managed := s.isManagedNginx(class)
	for _, p := range s.pods {
		name := p.Labels["app.kubernetes.io/name"]
		if name != "ingress-nginx" && (!managed || p.Namespace != "app-routing-system" || p.Labels["app"] != "nginx") {
			continue
		}
		if component := p.Labels["app.kubernetes.io/component"]; component != "" && !strings.Contains(component, "controller") || over(p) {
			continue
		}
		return peer{p.Namespace, p.Labels}, !p.Spec.HostNetwork
	}
	return peer{namespace: "app-routing-system"}, managed
}

func policyBlocks(s *Snapshot) []*finding {
	if len(s.policies) == 0 {
		return nil
	}
	found := s.eachBackend(func(ref Ref, i *networkingv1.Ingress, _ backend, service *corev1.Service) *finding {
		if service == nil {
			return nil
		}
		controller, known := s.controllerOfClass(className(i))
		return s.blocksService(service, ref, controller, known)
	})
	for _, service := range s.services {
		if service.Spec.Type == corev1.ServiceTypeLoadBalancer || service.Spec.Type == corev1.ServiceTypeNodePort {
			if f := s.blocksService(service, refOf(KindService, service), peer{}, false); f != nil {
				found = append(found, f)
			}
		}
	}
	return found
}

// blocksService says that the policies keep from a Service's pods what comes from outside.
func (s *Snapshot) blocksService(service *corev1.Service, front Ref, from peer, known bool) *finding {
	pods := s.index.behind[refOf(KindService, service)]
	if !chooses(service) || len(pods) == 0 {
		return nil
	}
	policies := s.policiesOn(pods[0], networkingv1.PolicyTypeIngress)
	if len(policies) == 0 || pods[0].Spec.HostNetwork {
		return nil
	}
	rules := 0
	for _, policy := range policies {
		rules += len(policy.Spec.Ingress)
	}
	f := &finding{
		subject: refOf(kindPolicy, policies[0]), hits: []Ref{refOf(KindService, service)}, sure: Medium, level: Outage, since: newestOf(policies),
		unsure: "Policies of the network plugin's own kinds are not read, and may admit it.",
		remedy: Remedy{Text: "Admit the ingress controller's namespace.", Command: fmt.Sprintf("kubectl edit networkpolicy %s -n %s", policies[0].Name, policies[0].Namespace)},
	}
	if !s.enforced() {
		f.unsure = "Whether the cluster enforces network policies is not known."
		if s.age(f.since) > 24*time.Hour {
			f.level = Latent // somebody would have noticed
		}
	}
	switch {
	case rules == 0:
		f.what = fmt.Sprintf("%s %s admits nobody to the pods of Service %s, which %s leads to", kindPolicy, policies[0].Name, service.Name, front.words())
	case known && s.reachable(service, policies, pods[0], from) == no:
		f.what = fmt.Sprintf("%s %s does not admit the ingress controller (namespace %s) to the pods of Service %s", kindPolicy, policies[0].Name, from.namespace, service.Name)
	default:
		return nil
	}
	for _, policy := range policies {
		f.show(Evidence{Object: refOf(kindPolicy, policy), Field: "spec.ingress", Quote: words.Count(len(policy.Spec.Ingress), "rule") + " for " + podsWords(policy)}, false)
	}
	return f
}

// newestOf is when the policies last became stricter or looser, as far as that is known.
func newestOf(policies []*networkingv1.NetworkPolicy) time.Time {
	var changed time.Time
	for _, policy := range policies {
		changed = latest(changed, policy.CreationTimestamp.Time, specChanged(policy))
	}
	return changed
}

func podsWords(policy *networkingv1.NetworkPolicy) string {
	if wording := selectorText(policy.Spec.PodSelector.MatchLabels); wording != "" {
		return "pods with " + wording
	}
	return "all pods of the namespace"
}

// reachable asks for every port of the Service; one that is admitted is enough.
func (s *Snapshot) reachable(service *corev1.Service, policies []*networkingv1.NetworkPolicy, to *corev1.Pod, from peer) answer {
	best := no
	for _, port := range service.Spec.Ports {
		best = max(best, s.admits(policies, to, targetOn(port, to), from))
	}
	return best
}

// targetOn is the number of the container port that a Service's port leads to; zero when it is not known.
func targetOn(port corev1.ServicePort, to *corev1.Pod) int32 {
	target := port.TargetPort.IntVal
	if port.TargetPort.StrVal == "" && target == 0 {
		return port.Port
	}
	for i := range to.Spec.Containers {
		target = max(target, portNamed(&to.Spec.Containers[i], port.TargetPort.StrVal))
	}
	return target
}
