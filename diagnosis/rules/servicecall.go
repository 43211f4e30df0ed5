package rules

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/words"
)

// callNotLocalRule is about Services that keep calls on the node of the caller.
var callNotLocalRule = Rule{
	ID:     "call-not-local",
	Family: "services",
	Class:  ClassWiring,
	Signal: "a workload names a Service whose internalTrafficPolicy is Local, and a ready pod of it is on a node without a pod of the " +
		"Service",
	Cause:    "internalTrafficPolicy Local for what doesn't run on every node",
	Remedy:   "set internalTrafficPolicy to Cluster, or run a pod of it on each node",
	Source:   "Service spec.internalTrafficPolicy: with Local, calls on a node without an endpoint are dropped",
	snapshot: callNotLocal,
}

func callNotLocal(s *facts.Snapshot) []*Finding {
	var found []*Finding
	for _, w := range s.Workloads() {
		for _, call := range s.CallsOf(w) {
			service := s.Service(call.Service)
			nodes := nodesWithout(s, w, service)
			if len(nodes) == 0 {
				continue
			}
			found = append(found, &Finding{
				Subject: call.Service, Key: w.Ref.String(), Hits: []facts.Ref{w.Ref}, Sure: Medium, Level: Degraded,
				Unsure: "It may not use this address.",
				What: fmt.Sprintf("Service %s keeps calls on their node (internalTrafficPolicy Local), and %s, where %s runs, %s no pod of it",
					service.Name, words.Few(nodes, 2), w.Ref.Name, words.Verb(len(nodes), "has", "have")),
				Shown: []facts.Evidence{
					{Object: call.Service, Field: "spec.internalTrafficPolicy", Quote: "Local"},
					{Object: w.Ref, Field: call.Where, Quote: service.Name},
				},
				Remedy: Remedy{
					Text:    "Set internalTrafficPolicy to Cluster, or run a pod of it on each node.",
					Command: fmt.Sprintf("kubectl edit service %s -n %s", service.Name, service.Namespace),
				},
			})
		}
	}
	return found
}

// newNode is how long pods of a DaemonSet may take to run on a node that has joined.
const newNode = 5 * time.Minute

// nodesWithout are the nodes with ready pods of a workload from which a Service that keeps calls on their node can't be reached, while it
// can be from others.
func nodesWithout(s *facts.Snapshot, w *facts.Workload, service *corev1.Service) []string {
	if service == nil || service.Spec.InternalTrafficPolicy == nil ||
		*service.Spec.InternalTrafficPolicy != corev1.ServiceInternalTrafficPolicyLocal || !facts.HasSelector(service) {
		return nil
	}
	serving := map[string]bool{}
	for _, p := range s.Behind(facts.RefOf(facts.KindService, service)) {
		serving[p.Spec.NodeName] = true // one that isn't ready is told by itself
	}
	var nodes []string
	for _, p := range w.Pods {
		n := s.Node(p.Spec.NodeName)
		if n != nil && s.Age(n.CreationTimestamp.Time) < newNode {
			continue // a DaemonSet may not have got there yet
		}
		if facts.PodReady(p) && len(serving) > 0 && !serving[p.Spec.NodeName] && !slices.Contains(nodes, p.Spec.NodeName) {
			nodes = append(nodes, p.Spec.NodeName)
		}
	}
	slices.Sort(nodes)
	return nodes
}

// whereItLeads adds to a call that fails what is known of the Service that was called: an address that people set by hand, a port that it
// hasn't, calls that stay on their node.
func whereItLeads(c *facts.Container, f *Finding, to facts.Callee) {
	s := c.Snapshot
	service := s.Service(to.Subject)
	if service == nil || to.Subject.Kind != facts.KindService {
		return
	}
	if len(nodesWithout(s, c.Owner, service)) > 0 {
		f.Because = to.Subject
		return
	}
	if call, ports, ok := portOfNone(s, c.Owner, service); ok {
		f.What = fmt.Sprintf("%s calls %s:%s (%s), and Service %s has %s %s", c.Owner.Ref.Words(), service.Name, call.Port, call.Where,
			service.Name, words.Verb(len(ports), "only port", "only the ports"), words.Few(ports, 4))
		f.Sure, f.Unsure = Medium, "It may not use this address."
		f.several.what = ""
		f.show(facts.Evidence{Object: c.Owner.Ref, Field: call.Where, Quote: service.Name + ":" + call.Port}, false)
		f.Remedy = Remedy{
			Text:    "Correct the port in " + call.Where + ".",
			Command: fmt.Sprintf("kubectl get service %s -n %s -o yaml", service.Name, service.Namespace),
		}
		return
	}
	if facts.HasSelector(service) || service.Spec.Type == corev1.ServiceTypeExternalName {
		return
	}
	addresses := byHandAddresses(s, to.Subject)
	if len(addresses) == 0 {
		if s.Knows("endpointslices", service.Namespace) {
			f.What += ": it has no selector, and nobody gave it an address"
		}
		return
	}
	f.What += fmt.Sprintf(": it leads to %s, which %s set by hand", words.Few(addresses, 2), words.Verb(len(addresses), "was", "were"))
	f.show(facts.Evidence{Object: to.Subject, Field: "endpoints", Quote: words.Few(addresses, 4)}, false)
	f.Remedy = Remedy{
		Text: fmt.Sprintf("Check that %s is still the right address and answers; it's set in the Endpoints or EndpointSlice of the Service.",
			addresses[0]),
		Command: fmt.Sprintf("kubectl get endpointslices -n %s -l kubernetes.io/service-name=%s", service.Namespace, service.Name),
	}
}

// byHandAddresses are the addresses in the EndpointSlices of a Service that are no pod's, with their port.
func byHandAddresses(s *facts.Snapshot, service facts.Ref) []string {
	var found []string
	for _, slice := range s.SlicesOf(service) {
		for _, e := range slice.Endpoints {
			if e.TargetRef != nil {
				continue
			}
			for _, address := range e.Addresses {
				if len(slice.Ports) == 1 && slice.Ports[0].Port != nil {
					address += ":" + strconv.Itoa(int(*slice.Ports[0].Port))
				}
				if !slices.Contains(found, address) {
					found = append(found, address)
				}
			}
		}
	}
	return found
}

// portOfNone is a call of a headless Service on a port that neither it nor its pods declare: such a Service has no ports of its own, so
// this alone is no fault.
func portOfNone(s *facts.Snapshot, w *facts.Workload, service *corev1.Service) (call facts.Call, ports []string, ok bool) {
	ref := facts.RefOf(facts.KindService, service)
	pods := s.Behind(ref)
	if service.Spec.ClusterIP != corev1.ClusterIPNone || len(pods) == 0 {
		return facts.Call{}, nil, false
	}
	add := func(port int32) {
		if said := strconv.Itoa(int(port)); !slices.Contains(ports, said) {
			ports = append(ports, said)
		}
	}
	for _, p := range service.Spec.Ports {
		add(p.Port)
	}
	declared := false
	for i := range pods[0].Spec.Containers {
		for _, p := range pods[0].Spec.Containers[i].Ports {
			declared = true
			add(p.ContainerPort)
		}
	}
	for _, call := range s.CallsOf(w) {
		if call.Service == ref && call.Port != "" && declared && !slices.Contains(ports, call.Port) {
			return call, ports, true
		}
	}
	return facts.Call{}, nil, false
}
