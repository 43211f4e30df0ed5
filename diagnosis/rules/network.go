package rules

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/words"
)

const kindPolicy = "NetworkPolicy"

var networkRules = []Rule{
	{
		ID:     "network-policy-blocks",
		Family: "services",
		Class:  ClassWiring,
		Signal: "NetworkPolicies select the pods behind an Ingress or an outside Service and have no ingress rule at all, or none that " +
			"admits the ingress controller. The pods are ready all the same: kubelets are exempt",
		Cause:    "a policy that denies everything without one that admits the ingress controller's namespace",
		Remedy:   "allow the ingress controller's namespace",
		Source:   "NetworkPolicy spec; policies add up, and what none admits is denied",
		snapshot: policyBlocks,
	},
	{
		ID:       "protocol-mismatch",
		Family:   "services",
		Class:    ClassWiring,
		Signal:   "a Service port of one protocol leads to a port number that the containers declare with another protocol only",
		Cause:    "protocol left at its default for a UDP program, or the other way round",
		Remedy:   "correct the protocol of the Service's port",
		Source:   "Service spec.ports[].protocol against containerPort",
		snapshot: protocolMismatch,
	},
	{
		ID:     "selector-too-wide",
		Family: "services",
		Class:  ClassWiring,
		Signal: "one Service chooses ready pods of workloads that share no image repository and are named differently by their labels or " +
			"declare none of its ports, or of a Job; headless Services are left out",
		Cause:    "a selector with a label that several programs carry",
		Remedy:   "add the label that tells the programs apart to the selector",
		Source:   "Service spec.selector against the pods' labels",
		snapshot: selectorTooWide,
	},
}

// controllerOfClass is who sends an Ingress's requests to the pods; false where that is not known, or where they come
// from a node's own address, which policies treat differently.
func controllerOfClass(s *facts.Snapshot, class string) (facts.Peer, bool) {
	managed := isManagedNginx(s, class)
	for _, p := range s.Pods() {
		name := p.Labels["app.kubernetes.io/name"]
		if name != "ingress-nginx" && (!managed || p.Namespace != "app-routing-system" || p.Labels["app"] != "nginx") {
			continue
		}
		if component := p.Labels["app.kubernetes.io/component"]; component != "" && !strings.Contains(component, "controller") ||
			facts.PodFinished(p) {
			continue
		}
		return facts.Peer{Namespace: p.Namespace, Labels: p.Labels}, !p.Spec.HostNetwork
	}
	return facts.Peer{Namespace: "app-routing-system"}, managed
}

func policyBlocks(s *facts.Snapshot) []*Finding {
	if len(s.NetworkPolicies()) == 0 {
		return nil
	}
	found := eachBackend(s, func(ref facts.Ref, i *networkingv1.Ingress, _ facts.Backend, service *corev1.Service) *Finding {
		if service == nil {
			return nil
		}
		controller, known := controllerOfClass(s, facts.ClassName(i))
		return blocksService(s, service, ref, controller, known)
	})
	for _, service := range s.Services() {
		if service.Spec.Type == corev1.ServiceTypeLoadBalancer || service.Spec.Type == corev1.ServiceTypeNodePort {
			if f := blocksService(s, service, facts.RefOf(facts.KindService, service), facts.Peer{}, false); f != nil {
				found = append(found, f)
			}
		}
	}
	return found
}

// blocksService says that the policies keep from a Service's pods what comes from outside.
func blocksService(s *facts.Snapshot, service *corev1.Service, front facts.Ref, from facts.Peer, known bool) *Finding {
	pods := s.Behind(facts.RefOf(facts.KindService, service))
	if !facts.HasSelector(service) || len(pods) == 0 {
		return nil
	}
	policies := s.PoliciesOn(pods[0], networkingv1.PolicyTypeIngress)
	if len(policies) == 0 || pods[0].Spec.HostNetwork {
		return nil
	}
	rules := 0
	for _, policy := range policies {
		rules += len(policy.Spec.Ingress)
	}
	f := &Finding{
		Subject: facts.RefOf(kindPolicy, policies[0]),
		Hits:    []facts.Ref{facts.RefOf(facts.KindService, service)},
		Sure:    Medium,
		Level:   Outage,
		Since:   newestOf(policies),
		Unsure:  "I don't read the network plugin's own kinds of policies; one of them may allow it.",
		Remedy: Remedy{
			Text:    "Allow the ingress controller's namespace.",
			Command: fmt.Sprintf("kubectl edit networkpolicy %s -n %s", policies[0].Name, policies[0].Namespace),
		},
	}
	if !s.Enforced() {
		f.Unsure = "I don't know whether the cluster enforces network policies."
		if s.Age(f.Since) > 24*time.Hour {
			f.Level = Latent // somebody would have noticed
		}
	}
	switch {
	case rules == 0:
		f.What = fmt.Sprintf(
			"%s %s lets nobody reach the pods of Service %s, which %s leads to",
			kindPolicy,
			policies[0].Name,
			service.Name,
			front.Words(),
		)
	case known && s.Reachable(service, policies, pods[0], from) == facts.No:
		f.What = fmt.Sprintf(
			"%s %s does not let the ingress controller (namespace %s) reach the pods of Service %s",
			kindPolicy,
			policies[0].Name,
			from.Namespace,
			service.Name,
		)
	default:
		return nil
	}
	for _, policy := range policies {
		f.show(
			facts.Evidence{
				Object: facts.RefOf(kindPolicy, policy),
				Field:  "spec.ingress",
				Quote:  words.Count(len(policy.Spec.Ingress), "rule") + " for " + podsWords(policy),
			},
			false,
		)
	}
	return f
}

// newestOf is when the policies last became stricter or looser, as far as that is known.
func newestOf(policies []*networkingv1.NetworkPolicy) time.Time {
	var changed time.Time
	for _, policy := range policies {
		changed = facts.Latest(changed, policy.CreationTimestamp.Time, specChanged(policy))
	}
	return changed
}

func podsWords(policy *networkingv1.NetworkPolicy) string {
	if wording := facts.SelectorText(policy.Spec.PodSelector.MatchLabels); wording != "" {
		return "pods with " + wording
	}
	return "all pods of the namespace"
}
