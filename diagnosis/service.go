package diagnosis

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/3astronautas/algesta/words"
)

// sliceRef is an EndpointSlice of a Service.
type sliceRef = discoveryv1.EndpointSlice

func (x *index) addSlices(s *Snapshot) {
	for _, slice := range s.slices {
		if name := slice.Labels[discoveryv1.LabelServiceName]; name != "" {
			ref := Ref{KindService, slice.Namespace, name}
			x.endpointsOf[ref] = append(x.endpointsOf[ref], slice)
		}
	}
}

var serviceRules = []Rule{
	{
		ID: "selector-matches-nothing", Family: "services", Class: ClassWiring,
		Signal: "a Service whose selector matches no pod and no workload's template in its namespace", Cause: "a label that was renamed on one side", Remedy: "correct the selector", Source: "Service spec.selector against pod labels",
		snapshot: selectorMatchesNothing,
	},
	{
		ID: "target-port-name", Family: "services", Class: ClassWiring,
		Signal: "a named targetPort that no container of the pods declares with this protocol; the EndpointSlice then has ready addresses and no ports", Cause: "the container port was renamed or never named",
		Remedy: "name the container port as the Service does", Source: "endpointslice controller: FindPort skips what does not match", snapshot: targetPortName,
	},
	{
		ID: "target-port-number", Family: "services", Class: ClassWiring,
		Signal: "a numeric targetPort that no container declares, while the pods' probes use another port. A port that is only not declared is no fault", Cause: "the program moved to another port",
		Remedy: "set targetPort to the port that the probes use", Source: "containerPort is informational; the probe shows where the program listens", snapshot: targetPortNumber,
	},
	{
		ID: "no-ready-endpoint", Family: "services", Class: ClassEndpoints, Symptom: true,
		Signal: "a Service whose pods are all not ready", Cause: "always a symptom of its pods", Remedy: "see the cause that explains it", Source: "EndpointSlice conditions.ready, or the pods' Ready condition",
		snapshot: noReadyEndpoint,
	},
	{
		ID: "load-balancer-pending", Family: "services", Class: ClassWiring,
		Signal: "type LoadBalancer without status.loadBalancer.ingress after 3 minutes; event SyncLoadBalancerFailed", Cause: "a quota of addresses, a subnet, rights of the cloud identity", Remedy: "read the event", Source: "service controller events",
		snapshot: loadBalancerPending,
	},
}

// chooses says that the Service finds its pods by a selector: not by name, and not by slices of somebody else.
func chooses(service *corev1.Service) bool {
	return service.Spec.Type != corev1.ServiceTypeExternalName && len(service.Spec.Selector) > 0
}

func selectorMatchesNothing(s *Snapshot) []*finding {
	var found []*finding
	for _, service := range s.services {
		ref := refOf(KindService, service)
		if !s.choosesNothing(service) {
			continue
		}
		if _, missing := s.goneBehind(service); missing {
			continue // nothing is wrong with the selector
		}
		f := &finding{
			subject: ref, hits: []Ref{ref}, sure: High, level: Outage, what: fmt.Sprintf("The selector of Service %s (%s) matches no pod", service.Name, selectorText(service.Spec.Selector)),
			shown:  []Evidence{{Object: ref, Field: "spec.selector", Quote: selectorText(service.Spec.Selector)}},
			remedy: Remedy{Text: "Correct the selector, or the labels of the pods.", Command: fmt.Sprintf("kubectl edit service %s -n %s", service.Name, service.Namespace)},
		}
		if w, labels := s.nearestLabels(service); w != nil {
			f.show(Evidence{Object: w.ref, Field: "spec.template.metadata.labels", Quote: labels}, false)
			f.remedy.Text = fmt.Sprintf("Correct the selector: the pods of %s carry %s.", w.ref.Name, labels)
			if w.ref.Name == service.Name || w.called() == service.Name {
				f.hits = append(f.hits, w.ref) // who asks about the workload asks about its Service, too
			}
		}
		if len(f.shown) == 1 && !s.knows("statefulsets", service.Namespace) {
			f.sure, f.unsure = Low, "StatefulSets were not read: one that is scaled to zero may be what it chooses."
		}
		if strings.HasPrefix(service.Namespace, "kube-") {
			f.level = Latent
		}
		found = append(found, f)
	}
	return found
}

func selectorText(selector map[string]string) string {
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(selector)) {
		parts = append(parts, key+"="+selector[key])
	}
	return strings.Join(parts, ",")
}

// chosenByTemplate says that a workload's template would match: it is scaled to zero or cannot create pods.
func (s *Snapshot) chosenByTemplate(service *corev1.Service) bool {
	return slices.ContainsFunc(s.index.workloads, func(w *workload) bool {
		return w.template != nil && w.ref.Namespace == service.Namespace && matches(service.Spec.Selector, w.template.Labels)
	})
}

// nearestLabels finds the workload that was probably meant: it shares a telling label with the selector, or is named like the Service. A
// workload that has a Service of its own and is another program, or that shares only what others share as well (an environment, a team), was
// not: whoever followed that advice would send requests to the wrong program.
func (s *Snapshot) nearestLabels(service *corev1.Service) (found *workload, labels string) {
	best := 0
	for _, w := range s.index.workloads {
		if w.ref.Namespace != service.Namespace || w.template == nil {
			continue
		}
		score := 0
		have := map[string]string{}
		named := w.ref.Name == service.Name || w.called() == service.Name
		for key, value := range service.Spec.Selector {
			got, ok := w.template.Labels[key]
			identity := slices.Contains(identityLabels, key)
			switch {
			case ok && got == value && (identity || s.telling(w, key)):
				score += 4
				named = named || identity
			case ok && got != value && words.NearestName(value, []string{got}) != "" && (identity || s.telling(w, key)):
				score += 2
			}
			if ok {
				have[key] = got
			}
		}
		if w.ref.Name == service.Name {
			score += 3
		}
		if score > best && (named || !s.servedElsewhere(w, service)) {
			best, found, labels = score, w, selectorText(have)
			if labels == "" {
				labels = selectorText(w.template.Labels)
			}
		}
	}
	return found, labels
}

// telling says that no other workload of the namespace carries the label with the value that this one has.
func (s *Snapshot) telling(w *workload, key string) bool {
	return !slices.ContainsFunc(s.index.workloads, func(other *workload) bool {
		return other != w && other.ref.Namespace == w.ref.Namespace && other.template != nil && other.called() != w.called() && other.template.Labels[key] == w.template.Labels[key]
	})
}

// servedElsewhere says that another Service leads to the workload.
func (s *Snapshot) servedElsewhere(w *workload, service *corev1.Service) bool {
	return slices.ContainsFunc(s.services, func(other *corev1.Service) bool {
		return other != service && other.Namespace == w.ref.Namespace && chooses(other) && matches(other.Spec.Selector, w.template.Labels)
	})
}

func targetPortName(s *Snapshot) []*finding {
	var found []*finding
	for _, service := range s.services {
		ref := refOf(KindService, service)
		pods := s.index.behind[ref]
		if !chooses(service) || len(pods) == 0 {
			continue
		}
		for _, port := range service.Spec.Ports {
			name := port.TargetPort.StrVal
			if name == "" || slices.ContainsFunc(pods, func(p *corev1.Pod) bool { return hasPort(p, name, port.Protocol) }) {
				continue
			}
			declared := declaredPorts(pods[0])
			f := &finding{
				subject: ref, key: name, hits: []Ref{ref}, sure: High, level: Outage,
				what: fmt.Sprintf("Port %d of Service %s leads to port name %s, which its pods do not have", port.Port, service.Name, name),
				shown: []Evidence{
					{Object: ref, Field: "spec.ports[].targetPort", Quote: name},
					{Object: refOf(KindPod, pods[0]), Field: "spec.containers[].ports", Quote: words.Few(declared, 4), Count: len(pods)},
				},
				remedy: Remedy{Text: "Name the container port as the Service does, or set targetPort to its number.", Command: fmt.Sprintf("kubectl edit service %s -n %s", service.Name, service.Namespace)},
			}
			if len(declared) == 0 {
				f.shown[1].Quote = "no port is declared"
			}
			for _, slice := range s.index.endpointsOf[ref] {
				if len(slice.Endpoints) > 0 && len(slice.Ports) == 0 {
					f.show(Evidence{Object: refOf("EndpointSlice", slice), Field: "ports", Quote: fmt.Sprintf("%d %s and no ports", len(slice.Endpoints), words.Verb(len(slice.Endpoints), "address", "addresses"))}, false)
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

func targetPortNumber(s *Snapshot) []*finding {
	var found []*finding
	for _, service := range s.services {
		ref := refOf(KindService, service)
		pods := s.index.behind[ref]
		if !chooses(service) || len(pods) == 0 {
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
			found = append(found, &finding{
				subject: ref, key: fmt.Sprint(target), hits: []Ref{ref}, sure: Medium, level: Outage, unsure: "A program may listen on a port that it does not declare.",
				what: fmt.Sprintf("Service %s sends to port %d, but its pods declare and answer on port %d", service.Name, target, probed),
				shown: []Evidence{
					{Object: ref, Field: "spec.ports[].targetPort", Quote: fmt.Sprint(target)},
					{Object: refOf(KindPod, pods[0]), Field: "spec.containers[].ports", Quote: words.Few(declaredPorts(pods[0]), 4), Count: len(pods)},
				},
				remedy: Remedy{
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
	if !podReady(p) {
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

func noReadyEndpoint(s *Snapshot) []*finding {
	var found []*finding
	for _, service := range s.services {
		ref := refOf(KindService, service)
		pods := s.index.behind[ref]
		if !chooses(service) || service.Spec.PublishNotReadyAddresses || !s.knows("pods", service.Namespace) {
			continue
		}
		if slices.ContainsFunc(pods, podReady) || len(pods) == 0 && (!s.shouldServe(service) || s.changing(service)) {
			continue
		}
		if !slices.ContainsFunc(pods, func(p *corev1.Pod) bool { return s.age(p.CreationTimestamp.Time) > 2*time.Minute }) && len(pods) > 0 {
			continue // all of them are just starting
		}
		wording := "none of its " + words.Count(len(pods), "pod") + " is ready"
		switch len(pods) {
		case 0:
			wording = "it has no pods"
		case 1:
			wording = "its only pod is not ready"
		}
		found = append(found, &finding{
			subject: ref, pods: pods, sure: Low, level: Outage, unsure: "I do not know why; this is what I saw.",
			what:   fmt.Sprintf("Service %s has no ready endpoint: %s", service.Name, wording),
			shown:  []Evidence{{Object: ref, Field: "endpoints", Quote: "0 ready", Count: len(pods)}},
			remedy: Remedy{Text: "Look at the pods behind it.", Command: fmt.Sprintf("kubectl get pods -n %s -l %s", service.Namespace, selectorText(service.Spec.Selector))},
		})
	}
	return found
}

// shouldServe says that a workload that the Service chooses has no pods at all: they cannot be created, or it is scaled
// to zero. Without such a workload the selector is at fault, which is another rule's matter.
func (s *Snapshot) shouldServe(service *corev1.Service) bool {
	return slices.ContainsFunc(s.index.workloads, func(w *workload) bool {
		return w.template != nil && len(w.pods) == 0 && w.ref.Kind != KindJob && w.ref.Namespace == service.Namespace && matches(service.Spec.Selector, w.template.Labels)
	})
}

// changing says that the pods behind the Service are just being replaced by others.
func (s *Snapshot) changing(service *corev1.Service) bool {
	return slices.ContainsFunc(s.index.workloads, func(w *workload) bool {
		return w.template != nil && w.desired != 0 && w.ref.Namespace == service.Namespace && s.draining(w) && matches(service.Spec.Selector, w.template.Labels)
	})
}

func loadBalancerPending(s *Snapshot) []*finding {
	var found []*finding
	for _, service := range s.services {
		if service.Spec.Type != corev1.ServiceTypeLoadBalancer || len(service.Status.LoadBalancer.Ingress) > 0 || s.age(service.CreationTimestamp.Time) < 3*time.Minute {
			continue
		}
		ref := refOf(KindService, service)
		f := &finding{
			subject: ref, hits: []Ref{ref}, sure: High, level: Outage, since: service.CreationTimestamp.Time,
			what:   fmt.Sprintf("Service %s has no address: its load balancer was not set up", service.Name),
			shown:  []Evidence{{Object: ref, Field: "status.loadBalancer.ingress", Quote: "empty", At: moment(service.CreationTimestamp.Time)}},
			remedy: Remedy{Text: "Read the service's events: a quota of addresses, the subnet or the cluster's rights.", Command: fmt.Sprintf("kubectl describe service %s -n %s", service.Name, service.Namespace)},
		}
		if e, ok := s.recent(ref, "SyncLoadBalancerFailed", "CreatingLoadBalancerFailed", "UnAvailableLoadBalancer"); ok {
			f.show(e.evidence(ref), false)
		}
		found = append(found, f)
	}
	return found
}
