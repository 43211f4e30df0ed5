package rules

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/words"
)

// greenCallRules look at what ready workloads name as the hosts that they call, without any log.
var greenCallRules = []Rule{
	{
		ID:     "call-port-missing",
		Family: "services",
		Class:  ClassWiring,
		Signal: "a variable, an argument or a ConfigMap of a workload names a Service of the cluster with a port that this Service does " +
			"not have",
		Cause:    "the port of the container was taken for the Service's, or the Service's port was changed",
		Remedy:   "correct the address of the caller, or the Service's port",
		Source:   "Service spec.ports against the caller's template; headless and external Services have no ports of their own",
		snapshot: callPortMissing,
	},
	{
		ID:       "call-denied-by-policy",
		Family:   "services",
		Class:    ClassWiring,
		Signal:   "a workload names a Service of the cluster as a host, and NetworkPolicies on either side do not admit this call",
		Cause:    "a policy that was written without this caller",
		Remedy:   "allow the call in the policies on both sides",
		Source:   "NetworkPolicy spec; policies add up, and what none admits is denied",
		snapshot: callDeniedByPolicy,
	},
	{
		ID:       "call-unresolvable",
		Family:   "services",
		Class:    ClassWiring,
		Signal:   "a workload names a Service of the cluster as a host, and its dnsPolicy asks other resolvers than the cluster's",
		Cause:    "dnsPolicy Default or None, where ClusterFirst is needed",
		Remedy:   "set dnsPolicy to ClusterFirst",
		Source:   "Pod spec.dnsPolicy and dnsConfig: only the cluster's DNS knows the names of Services",
		snapshot: callUnresolvable,
	},
	callNotLocalRule,
	{
		ID:       "listens-elsewhere",
		Family:   "services",
		Class:    ClassWiring,
		Signal:   "the log of a ready pod says that it listens on one port, or on the pod's own loopback alone, and its Service sends to another",
		Cause:    "the program's port was changed or never set; it listens on localhost",
		Remedy:   "set targetPort to the port that the program says, or have the program listen on 0.0.0.0",
		Source:   "the program's own log; without a probe nobody else asks the port",
		snapshot: listensOnOtherPort,
	},
}

func callPortMissing(s *facts.Snapshot) []*Finding {
	var found []*Finding
	for _, w := range s.Workloads() {
		for _, call := range s.CallsOf(w) {
			service := s.Service(call.Service)
			if call.Port == "" || w.Ready == 0 || !facts.HasSelector(service) || service.Spec.ClusterIP == corev1.ClusterIPNone ||
				hasServicePort(service, call.Port) {
				continue
			}
			var have []string
			for _, p := range service.Spec.Ports {
				have = append(have, strconv.Itoa(int(p.Port)))
			}
			found = append(found, &Finding{
				Subject: w.Ref, Key: call.Service.Name + ":" + call.Port, Hits: []facts.Ref{w.Ref}, Sure: Medium, Level: Degraded,
				Unsure: "It may not use this address.",
				What: fmt.Sprintf("%s calls %s:%s (%s), and Service %s has %s %s", w.Ref.Words(), service.Name, call.Port, call.Where, service.Name,
					words.Verb(len(have), "only port", "only the ports"), words.Few(have, 4)),
				Shown: []facts.Evidence{
					{Object: w.Ref, Field: call.Where, Quote: service.Name + ":" + call.Port},
					{Object: call.Service, Field: "spec.ports[].port", Quote: words.Few(have, 4)},
				},
				Remedy: Remedy{
					Text:    "Correct the port in " + call.Where + ", or give the Service that port.",
					Command: fmt.Sprintf("kubectl get service %s -n %s -o yaml", service.Name, service.Namespace),
				},
			})
		}
	}
	return found
}

func hasServicePort(service *corev1.Service, port string) bool {
	return slices.ContainsFunc(service.Spec.Ports, func(p corev1.ServicePort) bool { return strconv.Itoa(int(p.Port)) == port })
}

func callDeniedByPolicy(s *facts.Snapshot) []*Finding {
	if len(s.NetworkPolicies()) == 0 {
		return nil
	}
	var found []*Finding
	for _, w := range s.Workloads() {
		at := slices.IndexFunc(w.Pods, facts.PodReady)
		if at < 0 {
			continue
		}
		for _, call := range s.CallsOf(w) {
			policy, what := blockedCall(s, w.Pods[at], w.Ref.Name, call)
			if policy == nil {
				continue
			}
			ref := facts.RefOf(kindPolicy, policy)
			f := &Finding{
				Subject: ref, Key: w.Ref.Name + " " + call.Service.Name, Hits: []facts.Ref{w.Ref}, Sure: Medium, Level: Degraded,
				Since:  newestOf([]*networkingv1.NetworkPolicy{policy}),
				Unsure: "I don't read the network plugin's own kinds of policies; one of them may allow it.",
				What:   what + ", which it names in " + call.Where,
				Shown: []facts.Evidence{
					{Object: ref, Field: "spec", Quote: fmt.Sprintf("%s in and %s out for %s", words.Count(len(policy.Spec.Ingress), "rule"),
						words.Count(len(policy.Spec.Egress), "rule"), podsWords(policy))},
					{Object: w.Ref, Field: call.Where, Quote: call.Service.Name},
				},
				Remedy: Remedy{
					Text:    "Allow the call in the policies on both sides.",
					Command: fmt.Sprintf("kubectl edit networkpolicy %s -n %s", ref.Name, ref.Namespace),
				},
			}
			if !s.Enforced() {
				f.Unsure = "I don't know whether the cluster enforces network policies."
				if s.Age(f.Since) > 24*time.Hour {
					f.Level = Latent // somebody would have noticed
				}
			}
			found = append(found, f)
		}
	}
	return found
}

// callUnresolvable tells of pods that can't resolve the names of Services which their template names. With hostNetwork many call by address
// and never ask, so these are left to their logs.
func callUnresolvable(s *facts.Snapshot) []*Finding {
	var found []*Finding
	for _, w := range s.Workloads() {
		at := slices.IndexFunc(w.Pods, facts.PodReady)
		if at < 0 || w.Pods[at].Spec.HostNetwork {
			continue
		}
		p := w.Pods[at]
		other := otherResolver(p)
		if other == "" || p.Spec.DNSPolicy == corev1.DNSNone && asksCluster(s, p) {
			continue
		}
		calls := s.CallsOf(w)
		if len(calls) == 0 {
			continue
		}
		var named []string
		for _, call := range calls {
			if !slices.Contains(named, call.Service.Name) {
				named = append(named, call.Service.Name)
			}
		}
		found = append(found, &Finding{
			Subject: w.Ref, Hits: []facts.Ref{w.Ref}, Sure: Medium, Level: Degraded, Unsure: "That resolver may know these names, too.",
			What: fmt.Sprintf("%s cannot resolve the %s %s: %s", w.Ref.Words(),
				words.Verb(len(named), "name of Service", "names of Services"), words.Few(named, 2), other),
			Shown: []facts.Evidence{
				{Object: w.Ref, Field: "spec.template dnsPolicy", Quote: string(p.Spec.DNSPolicy)},
				{Object: w.Ref, Field: calls[0].Where, Quote: calls[0].Service.Name},
			},
			Remedy: Remedy{
				Text:    "Set dnsPolicy to ClusterFirst.",
				Command: fmt.Sprintf("kubectl edit %s -n %s", w.Ref, w.Ref.Namespace),
			},
		})
	}
	return found
}

// asksCluster says that a pod with resolvers of its own may ask the cluster's DNS all the same: by its address, or by that of the node's
// cache. An address of the internet is neither.
func asksCluster(s *facts.Snapshot, p *corev1.Pod) bool {
	if p.Spec.DNSConfig == nil {
		return true // it can't be told
	}
	return slices.ContainsFunc(p.Spec.DNSConfig.Nameservers, func(address string) bool {
		ip, err := netip.ParseAddr(address)
		if err != nil || !ip.IsPrivate() {
			return err != nil || ip.IsLinkLocalUnicast() || ip.IsLoopback()
		}
		return !s.Knows("services", "kube-system") || slices.ContainsFunc(s.Services(), func(service *corev1.Service) bool {
			return service.Namespace == "kube-system" && slices.Contains(service.Spec.ClusterIPs, address)
		})
	})
}

func listensOnOtherPort(s *facts.Snapshot) []*Finding {
	var found []*Finding
	for _, service := range s.Services() {
		ref := facts.RefOf(facts.KindService, service)
		pods := s.Behind(ref)
		if !facts.HasSelector(service) || len(pods) == 0 || len(pods[0].Spec.Containers) != 1 {
			continue // another container may be the one that is asked
		}
		c := s.Listen(s.Owner(pods[0]))
		if c == nil || len(c.Log.Listens()) != 1 {
			continue
		}
		said := c.Log.Listens()[0]
		targets, asked := targetsOf(service, pods[0])
		if len(targets) == 0 || slices.ContainsFunc(targets, func(port int32) bool { return probesPort(c.Spec, port) }) {
			continue // a probe gets through
		}
		hears := slices.ContainsFunc(targets, func(port int32) bool { return int(port) == said.Port })
		if hears && !said.Self {
			continue
		}
		f := &Finding{
			Subject: ref, Hits: []facts.Ref{ref, c.Owner.Ref}, Sure: Medium, Level: Outage,
			Unsure: "The program may listen on more ports than it says.",
			What: fmt.Sprintf("Service %s sends to port %s, but %s says that it listens on %d", service.Name, asked, c.Owner.Ref.Name,
				said.Port),
			Shown: []facts.Evidence{
				{Object: facts.RefOf(facts.KindPod, c.Pod), Field: "log of " + c.Words(), Quote: said.Says},
				{Object: ref, Field: "spec.ports[].targetPort", Quote: asked},
			},
			Remedy: Remedy{
				Text:    fmt.Sprintf("Set targetPort of Service %s to %d, or the program's port to %s.", service.Name, said.Port, asked),
				Command: fmt.Sprintf("kubectl edit service %s -n %s", service.Name, service.Namespace),
			},
		}
		if said.Self {
			f.What = fmt.Sprintf("%s says that it listens on port %d of the pod's own loopback (localhost) alone, so Service %s does not get there",
				c.Owner.Ref.Name, said.Port, service.Name)
			f.Remedy.Text = "Have the program listen on 0.0.0.0."
		}
		found = append(found, f)
	}
	return found
}

// targetsOf are the ports of a pod that a Service sends to, those that are known, and the same in words.
func targetsOf(service *corev1.Service, p *corev1.Pod) (targets []int32, asked string) {
	var said []string
	for _, port := range service.Spec.Ports {
		if protocolOr(port.Protocol) != corev1.ProtocolTCP {
			return nil, ""
		}
		if target := facts.TargetOn(port, p); target > 0 {
			targets, said = append(targets, target), append(said, strconv.Itoa(int(target)))
		}
	}
	return targets, words.Few(said, 4)
}

// probesPort says that the kubelet asks a container on this port.
func probesPort(c *corev1.Container, port int32) bool {
	for _, probe := range []*corev1.Probe{c.ReadinessProbe, c.LivenessProbe, c.StartupProbe} {
		if probe != nil && probePort(probe, c) == port {
			return true
		}
	}
	return false
}
