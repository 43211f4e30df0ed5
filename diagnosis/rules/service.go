package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/words"
)

var serviceRules = []Rule{
	{
		ID:       "selector-matches-nothing",
		Family:   "services",
		Class:    ClassWiring,
		Signal:   "a Service whose selector matches no pod and no workload's template in its namespace",
		Cause:    "a label that was renamed on one side",
		Remedy:   "correct the selector",
		Source:   "Service spec.selector against pod labels",
		snapshot: selectorMatchesNothing,
	},
	{
		ID:     "target-port-name",
		Family: "services",
		Class:  ClassWiring,
		Signal: "a named targetPort that no container of the pods declares with this protocol; the EndpointSlice then has ready " +
			"addresses and no ports",
		Cause:    "the container port was renamed or never named",
		Remedy:   "name the container port as the Service does",
		Source:   "endpointslice controller: FindPort skips what does not match",
		snapshot: targetPortName,
	},
	{
		ID:     "target-port-number",
		Family: "services",
		Class:  ClassWiring,
		Signal: "a numeric targetPort that no container declares, while the pods' probes use another port. A port that is only not " +
			"declared is no fault",
		Cause:    "the program moved to another port",
		Remedy:   "set targetPort to the port that the probes use",
		Source:   "containerPort is informational; the probe shows where the program listens",
		snapshot: targetPortNumber,
	},
	{
		ID:       "no-ready-endpoint",
		Family:   "services",
		Class:    ClassEndpoints,
		Symptom:  true,
		Signal:   "a Service whose pods are all not ready",
		Cause:    "always a symptom of its pods",
		Remedy:   "see the cause that explains it",
		Source:   "EndpointSlice conditions.ready, or the pods' Ready condition",
		snapshot: noReadyEndpoint,
	},
	{
		ID:       "load-balancer-pending",
		Family:   "services",
		Class:    ClassWiring,
		Signal:   "type LoadBalancer without status.loadBalancer.ingress after 3 minutes; event SyncLoadBalancerFailed",
		Cause:    "a quota of addresses, a subnet, rights of the cloud identity",
		Remedy:   "read the event",
		Source:   "service controller events",
		snapshot: loadBalancerPending,
	},
}

func selectorMatchesNothing(s *facts.Snapshot) []*Finding {
	var found []*Finding
	for _, service := range s.Services() {
		ref := facts.RefOf(facts.KindService, service)
		if !s.ChoosesNothing(service) {
			continue
		}
		if _, missing := s.GoneBehind(service); missing {
			continue // nothing is wrong with the selector
		}
		f := &Finding{
			Subject: ref,
			Hits:    []facts.Ref{ref},
			Sure:    High,
			Level:   Outage,
			What:    fmt.Sprintf("The selector of Service %s (%s) matches no pod", service.Name, facts.SelectorText(service.Spec.Selector)),
			Shown:   []facts.Evidence{{Object: ref, Field: "spec.selector", Quote: facts.SelectorText(service.Spec.Selector)}},
			Remedy: Remedy{
				Text:    "Correct the selector, or the labels of the pods.",
				Command: fmt.Sprintf("kubectl edit service %s -n %s", service.Name, service.Namespace),
			},
		}
		if w, labels := s.NearestLabels(service); w != nil {
			f.show(facts.Evidence{Object: w.Ref, Field: "spec.template.metadata.labels", Quote: labels}, false)
			f.Remedy.Text = fmt.Sprintf("Correct the selector: the pods of %s carry %s.", w.Ref.Name, labels)
			if w.Ref.Name == service.Name || w.Called() == service.Name {
				f.Hits = append(f.Hits, w.Ref) // a question about the workload is about its Service, too
			}
		}
		if len(f.Shown) == 1 && !s.Knows("statefulsets", service.Namespace) {
			f.Sure, f.Unsure = Low, "StatefulSets weren't read: one that is scaled to zero may be what it selects."
		}
		if strings.HasPrefix(service.Namespace, "kube-") {
			f.Level = Latent
		}
		found = append(found, f)
	}
	return found
}

func targetPortName(s *facts.Snapshot) []*Finding {
	var found []*Finding
	for _, service := range s.Services() {
		ref := facts.RefOf(facts.KindService, service)
		pods := s.Behind(ref)
		if !facts.HasSelector(service) || len(pods) == 0 {
			continue
		}
		for _, port := range service.Spec.Ports {
			name := port.TargetPort.StrVal
			if name == "" || slices.ContainsFunc(pods, func(p *corev1.Pod) bool { return hasPort(p, name, port.Protocol) }) {
				continue
			}
			declared := declaredPorts(pods[0])
			f := &Finding{
				Subject: ref, Key: name, Hits: []facts.Ref{ref}, Sure: High, Level: Outage,
				What: fmt.Sprintf("Port %d of Service %s leads to port name %s, which its pods do not have", port.Port, service.Name, name),
				Shown: []facts.Evidence{
					{Object: ref, Field: "spec.ports[].targetPort", Quote: name},
					{Object: facts.RefOf(facts.KindPod, pods[0]), Field: "spec.containers[].ports", Quote: words.Few(declared, 4), Count: len(pods)},
				},
				Remedy: Remedy{
					Text:    "Name the container port as the Service does, or set targetPort to its number.",
					Command: fmt.Sprintf("kubectl edit service %s -n %s", service.Name, service.Namespace),
				},
			}
			if len(declared) == 0 {
				f.Shown[1].Quote = "no port is declared"
			}
			for _, slice := range s.SlicesOf(ref) {
				if len(slice.Endpoints) > 0 && len(slice.Ports) == 0 {
					f.show(
						facts.Evidence{
							Object: facts.RefOf("EndpointSlice", slice),
							Field:  "ports",
							Quote:  fmt.Sprintf("%d %s and no ports", len(slice.Endpoints), words.Verb(len(slice.Endpoints), "address", "addresses")),
						},
						false,
					)
				}
			}
			found = append(found, f)
		}
	}
	return found
}

func hasPort(p *corev1.Pod, name string, protocol corev1.Protocol) bool {
	if protocol == "" {
		protocol = corev1.ProtocolTCP
	}
	has := func(containers []corev1.Container, onlySidecars bool) bool {
		for i := range containers {
			if onlySidecars && containers[i].RestartPolicy == nil {
				continue
			}
			for _, port := range containers[i].Ports {
				if port.Name == name && (port.Protocol == protocol || port.Protocol == "" && protocol == corev1.ProtocolTCP) {
					return true
				}
			}
		}
		return false
	}
	return has(p.Spec.Containers, false) || has(p.Spec.InitContainers, true)
}

func declaredPorts(p *corev1.Pod) []string {
	var wording []string
	for i := range p.Spec.Containers {
		for _, port := range p.Spec.Containers[i].Ports {
			wording = append(wording, strings.TrimSpace(fmt.Sprintf("%d %s", port.ContainerPort, port.Name)))
		}
	}
	return wording
}

func targetPortNumber(s *facts.Snapshot) []*Finding {
	var found []*Finding
	for _, service := range s.Services() {
		ref := facts.RefOf(facts.KindService, service)
		pods := s.Behind(ref)
		if !facts.HasSelector(service) || len(pods) == 0 {
			continue
		}
		for _, port := range service.Spec.Ports {
			target := port.TargetPort.IntVal
			if port.TargetPort.StrVal != "" {
				continue
			}
			if target == 0 {
				target = port.Port
			}
			probed := probedElsewhere(pods[0], target)
			if probed == 0 {
				continue
			}
			found = append(found, &Finding{
				Subject: ref,
				Key:     fmt.Sprint(target),
				Hits:    []facts.Ref{ref},
				Sure:    Medium,
				Level:   Outage,
				Unsure:  "A program may listen on a port that it doesn't declare.",
				What:    fmt.Sprintf("Service %s sends to port %d, but its pods declare and answer on port %d", service.Name, target, probed),
				Shown: []facts.Evidence{
					{Object: ref, Field: "spec.ports[].targetPort", Quote: fmt.Sprint(target)},
					{
						Object: facts.RefOf(facts.KindPod, pods[0]),
						Field:  "spec.containers[].ports",
						Quote:  words.Few(declaredPorts(pods[0]), 4),
						Count:  len(pods),
					},
				},
				Remedy: Remedy{
					Text:    fmt.Sprintf("Set targetPort of Service %s to %d.", service.Name, probed),
					Command: fmt.Sprintf("kubectl edit service %s -n %s", service.Name, service.Namespace),
				},
			})
		}
	}
	return found
}

// probedElsewhere is the port on which the ready pod's only serving container is probed, when it declares ports and
// target is none of them. Zero when nothing can be said.
func probedElsewhere(p *corev1.Pod, target int32) int32 {
	if !facts.PodReady(p) {
		return 0
	}
	probed := int32(0)
	for i := range p.Spec.Containers {
		c := &p.Spec.Containers[i]
		if len(c.Ports) == 0 || declares(c, target) {
			return 0
		}
		for _, probe := range []*corev1.Probe{c.ReadinessProbe, c.LivenessProbe} {
			if probe == nil {
				continue
			}
			port := probePort(probe, c)
			if port == target {
				return 0
			}
			if declares(c, port) {
				probed = port
			}
		}
	}
	return probed
}

func noReadyEndpoint(s *facts.Snapshot) []*Finding {
	var found []*Finding
	for _, service := range s.Services() {
		ref := facts.RefOf(facts.KindService, service)
		pods := s.Behind(ref)
		if !facts.HasSelector(service) || service.Spec.PublishNotReadyAddresses || !s.Knows("pods", service.Namespace) {
			continue
		}
		if slices.ContainsFunc(pods, facts.PodReady) || len(pods) == 0 && (!shouldServe(s, service) || s.Changing(service)) {
			continue
		}
		if !slices.ContainsFunc(pods, func(p *corev1.Pod) bool { return s.Age(p.CreationTimestamp.Time) > 2*time.Minute }) && len(pods) > 0 {
			continue // all of them are just starting
		}
		wording := "none of its " + words.Count(len(pods), "pod") + " is ready"
		switch len(pods) {
		case 0:
			wording = "it has no pods"
		case 1:
			wording = "its only pod is not ready"
		}
		found = append(found, &Finding{
			Subject: ref, Pods: pods, Sure: Low, Level: Outage, Unsure: "I don't know why; this is what I saw.",
			What:  fmt.Sprintf("Service %s has no ready endpoint: %s", service.Name, wording),
			Shown: []facts.Evidence{{Object: ref, Field: "endpoints", Quote: "0 ready", Count: len(pods)}},
			Remedy: Remedy{
				Text:    "Look at the pods behind it.",
				Command: fmt.Sprintf("kubectl get pods -n %s -l %s", service.Namespace, facts.SelectorText(service.Spec.Selector)),
			},
		})
	}
	return found
}

// shouldServe says that a workload that the Service chooses has no pods at all: they cannot be created, or it is scaled
// to zero. Without such a workload the selector is at fault, which is for another rule.
func shouldServe(s *facts.Snapshot, service *corev1.Service) bool {
	return slices.ContainsFunc(s.Workloads(), func(w *facts.Workload) bool {
		return w.Template != nil && len(w.Pods) == 0 && w.Ref.Kind != facts.KindJob && w.Ref.Namespace == service.Namespace &&
			facts.Matches(service.Spec.Selector, w.Template.Labels)
	})
}

func loadBalancerPending(s *facts.Snapshot) []*Finding {
	var found []*Finding
	for _, service := range s.Services() {
		if service.Spec.Type != corev1.ServiceTypeLoadBalancer || len(service.Status.LoadBalancer.Ingress) > 0 ||
			s.Age(service.CreationTimestamp.Time) < 3*time.Minute {
			continue
		}
		ref := facts.RefOf(facts.KindService, service)
		f := &Finding{
			Subject: ref, Hits: []facts.Ref{ref}, Sure: High, Level: Outage, Since: service.CreationTimestamp.Time,
			What: fmt.Sprintf("Service %s has no address: its load balancer was not set up", service.Name),
			Shown: []facts.Evidence{
				{Object: ref, Field: "status.loadBalancer.ingress", Quote: "empty", At: facts.Moment(service.CreationTimestamp.Time)},
			},
			Remedy: Remedy{
				Text:    "Read the service's events: a quota of addresses, the subnet or the cluster's rights.",
				Command: fmt.Sprintf("kubectl describe service %s -n %s", service.Name, service.Namespace),
			},
		}
		if e, ok := s.Recent(ref, "SyncLoadBalancerFailed", "CreatingLoadBalancerFailed", "UnAvailableLoadBalancer"); ok {
			f.show(e.Evidence(ref), false)
			f.What = because(s, fmt.Sprintf("Service %s has no address", service.Name), e.Message)
			f.Remedy.Text = balancerRemedies.against(s, e.Message, f.Remedy.Text)
		}
		found = append(found, f)
	}
	return found
}

// balancerRemedies help against what the cloud says of a load balancer.
var balancerRemedies = remedies{
	facts.TroubleExpired: "Renew the credentials of the cluster's identity in the cloud.",
	facts.TroubleRights:  "Give the cluster's identity the right on the network that the message names.",
	facts.TroubleLimit:   "Raise the quota of the subscription, or delete addresses that nobody uses.",
	facts.TroubleFull:    "Make the subnet bigger, or free addresses in it.",
	facts.TroubleMissing: "Create what the message names, or correct the service's annotations.",
}
