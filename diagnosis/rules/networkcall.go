package rules

import (
	"fmt"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/words"
)

// networkContainerRules come before the rules about dependencies: what does not answer may be healthy, and only a policy
// in the way.
var networkContainerRules = []Rule{
	{
		ID:     "network-policy-denies-call",
		Family: "dependencies",
		Class:  ClassDependency,
		Signal: "the log of the failing instance says that a name cannot be resolved or that nothing answers in time, and " +
			"NetworkPolicies let nothing out of the pod, no DNS questions out, or do not admit it to the Service that it calls",
		Cause:     "a policy that denies everything without one that admits this call",
		Remedy:    "allow the call in the policies on both sides",
		Source:    "NetworkPolicy spec; policies add up, and what none admits is denied",
		container: deniedCall,
	},
}

// dnsPorts are where pods ask for names: of CoreDNS, and of OpenShift's pods behind their Service.
var dnsPorts = []int32{53, 5353}

func deniedCall(c *facts.Container) *Finding {
	why, ok := c.Log.Explain()
	if !ok || len(c.Snapshot.NetworkPolicies()) == 0 || c.Pod.Spec.HostNetwork ||
		why.ID != "dependency-timeout" && why.ID != "dependency-dns" {
		return nil
	}
	policy, what := denyingPolicy(c, why)
	if policy == nil {
		return nil
	}
	ref := facts.RefOf(kindPolicy, policy)
	f := dependencyFinding(c, why, ref, what, "Allow the call in the policies on both sides.", facts.Ref{})
	f.show(
		facts.Evidence{
			Object: ref,
			Field:  "spec",
			Quote: fmt.Sprintf(
				"%s in and %s out for %s",
				words.Count(len(policy.Spec.Ingress), "rule"),
				words.Count(len(policy.Spec.Egress), "rule"),
				podsWords(policy),
			),
		},
		false,
	)
	f.Remedy = Remedy{
		Text:    "Allow the call in the policies on both sides.",
		Command: fmt.Sprintf("kubectl edit networkpolicy %s -n %s", ref.Name, ref.Namespace),
	}
	f.Sure, f.Unsure = Medium, "I don't read the network plugin's own kinds of policies; one of them may allow it."
	if !c.Snapshot.Enforced() {
		f.Unsure = "I don't know whether the cluster enforces network policies."
	}
	return f
}

// denyingPolicy finds the policy that is in the way of a call, and says how.
func denyingPolicy(c *facts.Container, why facts.Explanation) (policy *networkingv1.NetworkPolicy, what string) {
	out := c.Snapshot.PoliciesOn(c.Pod, networkingv1.PolicyTypeEgress)
	rules := 0
	for _, policy := range out {
		rules += len(policy.Spec.Egress)
	}
	name := c.Owner.Ref.Name
	switch {
	case len(out) > 0 && rules == 0:
		return out[0], fmt.Sprintf("%s %s lets nothing out of the pods of %s", kindPolicy, out[0].Name, name)
	case why.ID == "dependency-dns":
		asks := func(port int32) bool {
			return c.Snapshot.LetsOut(out, nil, port, corev1.ProtocolUDP, facts.Peer{}) != facts.No
		}
		if len(out) > 0 && !slices.ContainsFunc(dnsPorts, asks) {
			return out[0], fmt.Sprintf("%s %s lets no DNS questions out of the pods of %s", kindPolicy, out[0].Name, name)
		}
		return nil, ""
	}
	return blockedCall(c.Snapshot, c.Pod, c.Owner.Ref.Name, facts.Call{Service: c.Dependency(why).Subject})
}

// blockedCall finds the policy that is in the way of a pod's call of a Service: on the side of what is called, or on its own.
func blockedCall(s *facts.Snapshot, p *corev1.Pod, name string, call facts.Call) (policy *networkingv1.NetworkPolicy, what string) {
	service, pods := s.Service(call.Service), s.Behind(call.Service)
	if service == nil || len(pods) == 0 || p.Spec.HostNetwork || pods[0].Spec.HostNetwork {
		return nil, ""
	}
	if only := portCalled(service, call.Port); only != nil {
		service = only
	}
	in := s.PoliciesOn(pods[0], networkingv1.PolicyTypeIngress)
	if len(in) > 0 && s.Reachable(service, in, pods[0], facts.Peer{Namespace: p.Namespace, Labels: p.Labels}) == facts.No {
		return in[0], fmt.Sprintf("%s %s does not let the pods of %s reach Service %s", kindPolicy, in[0].Name, name, service.Name)
	}
	out, way := s.PoliciesOn(p, networkingv1.PolicyTypeEgress), facts.No
	side := facts.Peer{Namespace: pods[0].Namespace, Labels: pods[0].Labels}
	for _, port := range service.Spec.Ports {
		way = max(way, s.LetsOut(out, pods[0], facts.TargetOn(port, pods[0]), corev1.ProtocolTCP, side))
	}
	if len(out) > 0 && way == facts.No {
		return out[0], fmt.Sprintf("%s %s does not let the pods of %s call Service %s", kindPolicy, out[0].Name, name, service.Name)
	}
	return nil, ""
}

// portCalled is the Service with only the port that is called; nil where that isn't known.
func portCalled(service *corev1.Service, port string) *corev1.Service {
	for _, p := range service.Spec.Ports {
		if strconv.Itoa(int(p.Port)) == port {
			only := service.DeepCopy()
			only.Spec.Ports = []corev1.ServicePort{p}
			return only
		}
	}
	return nil
}
