package diagnosis

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

func protocolMismatch(s *Snapshot) []*finding {
	var found []*finding
	for _, service := range s.services {
		pods := s.index.behind[refOf(KindService, service)]
		if !chooses(service) || len(pods) == 0 {
			continue
		}
		for _, port := range service.Spec.Ports {
			target := port.TargetPort.IntVal
			if target == 0 && port.TargetPort.StrVal == "" {
				target = port.Port
			}
			want := protocolOr(port.Protocol)
			declared := protocolsOf(pods[0], target)
			if target == 0 || len(declared) == 0 || slices.Contains(declared, want) {
				continue
			}
			ref := refOf(KindService, service)
			found = append(found, &finding{
				subject: ref, key: fmt.Sprint(port.Port, want), hits: []Ref{ref}, sure: Medium, level: Outage, unsure: "A program may listen on what it does not declare.",
				what: fmt.Sprintf("Port %d of Service %s speaks %s, but its pods declare port %d for %s only", port.Port, service.Name, want, target, declared[0]),
				shown: []Evidence{
					{Object: ref, Field: "spec.ports[].protocol", Quote: string(want)},
					{Object: refOf(KindPod, pods[0]), Field: "spec.containers[].ports", Quote: fmt.Sprintf("%d %s", target, declared[0]), Count: len(pods)},
				},
				remedy: Remedy{Text: fmt.Sprintf("Set the protocol of the port to %s.", declared[0]), Command: fmt.Sprintf("kubectl edit service %s -n %s", service.Name, service.Namespace)},
			})
		}
	}
	return found
}

func protocolOr(p corev1.Protocol) corev1.Protocol {
	if p == "" {
		return corev1.ProtocolTCP
	}
	return p
}

func protocolsOf(p *corev1.Pod, port int32) []corev1.Protocol {
	var found []corev1.Protocol
	for i := range p.Spec.Containers {
		for _, declared := range p.Spec.Containers[i].Ports {
			if declared.ContainerPort == port {
				found = append(found, protocolOr(declared.Protocol))
			}
		}
	}
	return found
}

func selectorTooWide(s *Snapshot) []*finding {
	var found []*finding
	for _, service := range s.services {
		ref := refOf(KindService, service)
		if !chooses(service) || service.Spec.ClusterIP == corev1.ClusterIPNone {
			continue
		}
		main, other := s.strangers(service)
		if other == nil {
			continue
		}
		found = append(found, &finding{
			subject: ref, hits: []Ref{ref}, sure: Medium, level: Degraded, unsure: "Both may be meant to answer.",
			what:  fmt.Sprintf("The selector of Service %s also chooses pods of %s, so some requests reach the wrong program", service.Name, s.index.podOwner[other].ref.words()),
			shown: []Evidence{{Object: ref, Field: "spec.selector", Quote: selectorText(service.Spec.Selector)}, {Object: refOf(KindPod, main), Field: "spec.containers[].image", Quote: main.Spec.Containers[0].Image}, {Object: refOf(KindPod, other), Field: "spec.containers[].image", Quote: other.Spec.Containers[0].Image}},
			remedy: Remedy{
				Text:    fmt.Sprintf("Add a label to the selector that only the pods of %s carry.", s.index.podOwner[main].ref.Name),
				Command: fmt.Sprintf("kubectl edit service %s -n %s", service.Name, service.Namespace),
			},
		})
	}
	return found
}

// strangers finds two ready pods of different programs behind a Service; the first is of the workload that serves.
func (s *Snapshot) strangers(service *corev1.Service) (main, other *corev1.Pod) {
	for _, p := range s.index.behind[refOf(KindService, service)] {
		if !podReady(p) || len(p.Spec.Containers) == 0 || !getsRequests(service, p) {
			continue
		}
		isJob := s.index.podOwner[p].ref.Kind == KindJob
		switch {
		case main == nil && !isJob:
			main = p
		case main == nil, s.index.podOwner[p] == s.index.podOwner[main]:
		case isJob:
			other = p
		case !shareImage(main, p) && answers(service, p) && !answers(service, main):
			main, other = p, main
		case !shareImage(main, p) && (programLabel(main) != programLabel(p) || answers(service, main) != answers(service, p)):
			other = p
		}
	}
	if main == nil {
		return nil, nil
	}
	return main, other
}

// getsRequests says that the pod has every named port of the Service: an endpoint without it is left out.
func getsRequests(service *corev1.Service, p *corev1.Pod) bool {
	return !slices.ContainsFunc(service.Spec.Ports, func(port corev1.ServicePort) bool {
		return port.TargetPort.StrVal != "" && !hasPort(p, port.TargetPort.StrVal, port.Protocol)
	})
}

// answers is false where the pod declares ports, and none that the Service sends to.
func answers(service *corev1.Service, p *corev1.Pod) bool {
	return len(declaredPorts(p)) == 0 || slices.ContainsFunc(service.Spec.Ports, func(port corev1.ServicePort) bool {
		return len(protocolsOf(p, targetOn(port, p))) > 0
	})
}

// programLabel is what a pod says that it is; two colours or tracks of one program say the same.
func programLabel(p *corev1.Pod) string {
	for _, key := range []string{"app.kubernetes.io/name", "app", "k8s-app"} {
		if value := p.Labels[key]; value != "" {
			return value
		}
	}
	return ""
}

// shareImage says that two pods run one program, such as two versions of it side by side.
func shareImage(a, b *corev1.Pod) bool {
	for i := range a.Spec.Containers {
		for j := range b.Spec.Containers {
			if repository(a.Spec.Containers[i].Image) == repository(b.Spec.Containers[j].Image) {
				return true
			}
		}
	}
	return false
}

// repository is the name of an image without registry, tag and digest: a copy in another registry is the same program.
func repository(image string) string {
	name, _, _ := strings.Cut(image[strings.LastIndex(image, "/")+1:], "@")
	name, _, _ = strings.Cut(name, ":")
	return name
}
