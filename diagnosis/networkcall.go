package diagnosis

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/3astronautas/algesta/words"
)

// networkContainerRules come before the rules about dependencies: what does not answer may be healthy, and only a policy
// in the way.
var networkContainerRules = []Rule{
	{
		ID: "network-policy-denies-call", Family: "dependencies", Class: ClassDependency,
		Signal: "the log of the failing instance says that a name cannot be resolved or that nothing answers in time, and NetworkPolicies let nothing out of the pod, no DNS questions out, or do not admit it to the Service that it calls",
		Cause:  "a policy that denies everything without one that admits this call", Remedy: "admit the call in the policies of both sides", Source: "NetworkPolicy spec; policies add up, and what none admits is denied",
		container: deniedCall,
	},
}

// dnsPorts are where pods ask for names: of CoreDNS, and of OpenShift's pods behind their Service.
var dnsPorts = []int32{53, 5353}

func deniedCall(c *instance) *finding {
	why, ok := c.log.explain()
	if !ok || len(c.s.policies) == 0 || c.pod.Spec.HostNetwork || why.id != "dependency-timeout" && why.id != "dependency-dns" {
		return nil
	}
	policy, what := c.denial(why)
	if policy == nil {
		return nil
	}
	ref := refOf(kindPolicy, policy)
	f := c.dependencyFinding(why, ref, what, "Admit the call in the policies of both sides.", Ref{})
	f.show(Evidence{Object: ref, Field: "spec", Quote: fmt.Sprintf("%s in and %s out for %s", words.Count(len(policy.Spec.Ingress), "rule"), words.Count(len(policy.Spec.Egress), "rule"), podsWords(policy))}, false)
	f.remedy = Remedy{Text: "Admit the call in the policies of both sides.", Command: fmt.Sprintf("kubectl edit networkpolicy %s -n %s", ref.Name, ref.Namespace)}
	f.sure, f.unsure = Medium, "Policies of the network plugin's own kinds are not read, and may admit it."
	if !c.s.enforced() {
		f.unsure = "Whether the cluster enforces network policies is not known."
	}
	return f
}

// denial finds the policy that is in the way of a call, and says how.
func (c *instance) denial(why explanation) (policy *networkingv1.NetworkPolicy, what string) {
	out := c.s.policiesOn(c.pod, networkingv1.PolicyTypeEgress)
	rules := 0
	for _, policy := range out {
		rules += len(policy.Spec.Egress)
	}
	name := c.owner.ref.Name
	switch {
	case len(out) > 0 && rules == 0:
		return out[0], fmt.Sprintf("%s %s lets nothing out of the pods of %s", kindPolicy, out[0].Name, name)
	case why.id == "dependency-dns":
		asks := func(port int32) bool { return c.s.letsOut(out, nil, port, corev1.ProtocolUDP, peer{}) != no }
		if len(out) > 0 && !slices.ContainsFunc(dnsPorts, asks) {
			return out[0], fmt.Sprintf("%s %s lets no DNS questions out of the pods of %s", kindPolicy, out[0].Name, name)
		}
		return nil, ""
	}
	called := c.dependency(why).subject
	service, pods := c.s.index.services[called], c.s.index.behind[called]
	if service == nil || len(pods) == 0 {
		return nil, ""
	}
	in := c.s.policiesOn(pods[0], networkingv1.PolicyTypeIngress)
	if len(in) > 0 && c.s.reachable(service, in, pods[0], peer{c.pod.Namespace, c.pod.Labels}) == no {
		return in[0], fmt.Sprintf("%s %s does not admit the pods of %s to Service %s", kindPolicy, in[0].Name, name, service.Name)
	}
	way := no
	for _, port := range service.Spec.Ports {
		way = max(way, c.s.letsOut(out, pods[0], targetOn(port, pods[0]), corev1.ProtocolTCP, peer{pods[0].Namespace, pods[0].Labels}))
	}
	if len(out) > 0 && way == no {
		return out[0], fmt.Sprintf("%s %s does not let the pods of %s call Service %s", kindPolicy, out[0].Name, name, service.Name)
	}
	return nil, ""
}

// letsOut asks all policies of the caller together. Without a namespace of the other side only the port is judged.
func (s *Snapshot) letsOut(policies []*networkingv1.NetworkPolicy, to *corev1.Pod, port int32, protocol corev1.Protocol, side peer) answer {
	best := no
	for _, policy := range policies {
		for _, rule := range policy.Spec.Egress {
			if !admitsPort(rule.Ports, to, port, protocol) {
				continue
			}
			if len(rule.To) == 0 || side.namespace == "" {
				return yes
			}
			for _, who := range rule.To {
				best = max(best, s.isPeer(who, policy.Namespace, side))
			}
		}
	}
	return best
}
