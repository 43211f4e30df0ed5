package facts

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// Answer is what can be said about a policy without knowing all of the cluster.
type Answer int

// No: it is kept out. Maybe: what was read doesn't say. Yes: it gets through.
const (
	No Answer = iota
	Maybe
	Yes
)

// Peer is who wants to reach a pod. What is nil of it is not known.
type Peer struct {
	Namespace string
	Labels    map[string]string
}

// PoliciesOn are the policies that limit who reaches a pod, or what a pod reaches.
func (s *Snapshot) PoliciesOn(p *corev1.Pod, way networkingv1.PolicyType) []*networkingv1.NetworkPolicy {
	var found []*networkingv1.NetworkPolicy
	for _, policy := range s.policies {
		limits := slices.Contains(policy.Spec.PolicyTypes, way)
		if len(policy.Spec.PolicyTypes) == 0 { // the API server's default
			limits = way == networkingv1.PolicyTypeIngress || len(policy.Spec.Egress) > 0
		}
		if limits && policy.Namespace == p.Namespace && SelectorOf(&policy.Spec.PodSelector).Matches(labels.Set(p.Labels)) {
			found = append(found, policy)
		}
	}
	return found
}

// admits asks all policies together: one that admits is enough.
func (s *Snapshot) admits(policies []*networkingv1.NetworkPolicy, to *corev1.Pod, port int32, from Peer) Answer {
	best := No
	for _, policy := range policies {
		for _, rule := range policy.Spec.Ingress {
			if !AdmitsPort(rule.Ports, to, port, corev1.ProtocolTCP) {
				continue
			}
			if len(rule.From) == 0 {
				return Yes
			}
			for _, who := range rule.From {
				best = max(best, s.IsPeer(who, to.Namespace, from))
			}
		}
	}
	return best
}

// LetsOut asks all policies of the caller together: one that lets out is enough. Without a namespace of the other side only the port is
// judged.
func (s *Snapshot) LetsOut(
	policies []*networkingv1.NetworkPolicy, to *corev1.Pod, port int32, protocol corev1.Protocol, side Peer,
) Answer {
	best := No
	for _, policy := range policies {
		for _, rule := range policy.Spec.Egress {
			if !AdmitsPort(rule.Ports, to, port, protocol) {
				continue
			}
			if len(rule.To) == 0 || side.Namespace == "" {
				return Yes
			}
			for _, who := range rule.To {
				best = max(best, s.IsPeer(who, policy.Namespace, side))
			}
		}
	}
	return best
}

// LetsOutside asks all policies of the caller whether it may call an address outside the cluster. Which address that is doesn't matter.
func (s *Snapshot) LetsOutside(policies []*networkingv1.NetworkPolicy, port int32) Answer {
	best := No
	for _, policy := range policies {
		for _, rule := range policy.Spec.Egress {
			if !AdmitsPort(rule.Ports, nil, port, corev1.ProtocolTCP) {
				continue
			}
			if len(rule.To) == 0 {
				return Yes
			}
			for _, who := range rule.To {
				if who.IPBlock != nil { // selectors mean pods alone
					best = max(best, s.IsPeer(who, policy.Namespace, Peer{}))
				}
			}
		}
	}
	return best
}

// AdmitsPort is true also where a named port is asked for and the pod is not known.
func AdmitsPort(ports []networkingv1.NetworkPolicyPort, to *corev1.Pod, port int32, protocol corev1.Protocol) bool {
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
			return to == nil ||
				slices.ContainsFunc(to.Spec.Containers, func(c corev1.Container) bool { return portNamed(&c, p.Port.StrVal) == port })
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

// IsPeer says whether one side of a connection is meant by the peers of a rule of a policy.
func (s *Snapshot) IsPeer(who networkingv1.NetworkPolicyPeer, namespace string, from Peer) Answer {
	if who.IPBlock != nil {
		if strings.HasSuffix(who.IPBlock.CIDR, "/0") && len(who.IPBlock.Except) == 0 {
			return Yes
		}
		return Maybe // the addresses of pods are not considered
	}
	of := No
	switch {
	case who.NamespaceSelector == nil && from.Namespace == namespace:
		of = Yes
	case who.NamespaceSelector != nil:
		of = s.inNamespace(who, from.Namespace)
	}
	if of == No || who.PodSelector == nil {
		return of
	}
	chosen := SelectorOf(who.PodSelector)
	switch {
	case chosen.Empty():
		return of
	case from.Labels == nil:
		return Maybe
	case chosen.Matches(labels.Set(from.Labels)):
		return of
	}
	return No
}

// inNamespace knows one label of every namespace, its name, which the API server sets itself.
func (s *Snapshot) inNamespace(who networkingv1.NetworkPolicyPeer, namespace string) Answer {
	chosen := SelectorOf(who.NamespaceSelector)
	for _, n := range s.namespaces {
		if n.Name == namespace && len(n.Labels) > 0 {
			if chosen.Matches(labels.Set(n.Labels)) {
				return Yes
			}
			return No
		}
	}
	if chosen.Matches(labels.Set{corev1.LabelMetadataName: namespace}) {
		return Yes
	}
	requirements, _ := chosen.Requirements()
	if slices.ContainsFunc(requirements, func(r labels.Requirement) bool { return r.Key() != corev1.LabelMetadataName }) {
		return Maybe
	}
	return No
}

// Enforced says that something in the cluster is known to enforce policies. Without such a thing they are only stored.
func (s *Snapshot) Enforced() bool {
	return slices.ContainsFunc(s.pods, func(p *corev1.Pod) bool {
		return slices.Contains([]string{"calico-node", "cilium", "azure-npm", "antrea", "weave-net"}, p.Labels["k8s-app"])
	})
}

// Reachable asks for every port of the Service; one that is admitted is enough.
func (s *Snapshot) Reachable(service *corev1.Service, policies []*networkingv1.NetworkPolicy, to *corev1.Pod, from Peer) Answer {
	best := No
	for _, port := range service.Spec.Ports {
		best = max(best, s.admits(policies, to, TargetOn(port, to), from))
	}
	return best
}

// TargetOn is the number of the container port that a Service's port leads to; zero when it is not known.
func TargetOn(port corev1.ServicePort, to *corev1.Pod) int32 {
	target := port.TargetPort.IntVal
	if port.TargetPort.StrVal == "" && target == 0 {
		return port.Port
	}
	for i := range to.Spec.Containers {
		target = max(target, portNamed(&to.Spec.Containers[i], port.TargetPort.StrVal))
	}
	return target
}
