package rules

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta/diagnosis/facts"
)

func protocolMismatch(s *facts.Snapshot) []*Finding {
	var found []*Finding
	for _, service := range s.Services() {
		pods := s.Behind(facts.RefOf(facts.KindService, service))
		if !facts.HasSelector(service) || len(pods) == 0 {
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
			ref := facts.RefOf(facts.KindService, service)
			found = append(found, &Finding{
				Subject: ref,
				Key:     fmt.Sprint(port.Port, want),
				Hits:    []facts.Ref{ref},
				Sure:    Medium,
				Level:   Outage,
				Unsure:  "A program may listen on a port that it doesn't declare.",
				What: fmt.Sprintf(
					"Port %d of Service %s speaks %s, but its pods declare port %d for %s only",
					port.Port,
					service.Name,
					want,
					target,
					declared[0],
				),
				Shown: []facts.Evidence{
					{Object: ref, Field: "spec.ports[].protocol", Quote: string(want)},
					{
						Object: facts.RefOf(facts.KindPod, pods[0]),
						Field:  "spec.containers[].ports",
						Quote:  fmt.Sprintf("%d %s", target, declared[0]),
						Count:  len(pods),
					},
				},
				Remedy: Remedy{
					Text:    fmt.Sprintf("Set the protocol of the port to %s.", declared[0]),
					Command: fmt.Sprintf("kubectl edit service %s -n %s", service.Name, service.Namespace),
				},
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

func selectorTooWide(s *facts.Snapshot) []*Finding {
	var found []*Finding
	for _, service := range s.Services() {
		ref := facts.RefOf(facts.KindService, service)
		if !facts.HasSelector(service) || service.Spec.ClusterIP == corev1.ClusterIPNone {
			continue
		}
		main, other := differentPrograms(s, service)
		if other == nil {
			continue
		}
		found = append(found, &Finding{
			Subject: ref, Hits: []facts.Ref{ref}, Sure: Medium, Level: Degraded, Unsure: "Both may be meant to answer.",
			What: fmt.Sprintf(
				"The selector of Service %s also selects pods of %s, so some requests reach the wrong program",
				service.Name,
				s.Owner(other).Ref.Words(),
			),
			Shown: []facts.Evidence{
				{Object: ref, Field: "spec.selector", Quote: facts.SelectorText(service.Spec.Selector)},
				{Object: facts.RefOf(facts.KindPod, main), Field: "spec.containers[].image", Quote: main.Spec.Containers[0].Image},
				{Object: facts.RefOf(facts.KindPod, other), Field: "spec.containers[].image", Quote: other.Spec.Containers[0].Image},
			},
			Remedy: Remedy{
				Text:    fmt.Sprintf("Add a label to the selector that only the pods of %s carry.", s.Owner(main).Ref.Name),
				Command: fmt.Sprintf("kubectl edit service %s -n %s", service.Name, service.Namespace),
			},
		})
	}
	return found
}

// differentPrograms finds two ready pods of different programs behind a Service; the first is of the workload that serves.
func differentPrograms(s *facts.Snapshot, service *corev1.Service) (main, other *corev1.Pod) {
	for _, p := range s.Behind(facts.RefOf(facts.KindService, service)) {
		if !facts.PodReady(p) || len(p.Spec.Containers) == 0 || !getsRequests(service, p) {
			continue
		}
		isJob := s.Owner(p).Ref.Kind == facts.KindJob
		switch {
		case main == nil && !isJob:
			main = p
		case main == nil, s.Owner(p) == s.Owner(main):
		case isJob:
			other = p
		case answers(service, p) && !answers(service, main): // one image may hold several programs
			main, other = p, main
		case answers(service, main) && !answers(service, p):
			other = p
		case !answersOn(service, p) && answersOn(service, main) && differentRole(main, p):
			other = p
		case !answersOn(service, main) && answersOn(service, p) && differentRole(main, p):
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
		return len(protocolsOf(p, facts.TargetOn(port, p))) > 0
	})
}

// answersOn says that a pod declares a port that the Service sends to.
func answersOn(service *corev1.Service, p *corev1.Pod) bool {
	return len(declaredPorts(p)) > 0 && answers(service, p)
}

// differentRole says that two pods of one image do different work: a label or what they are started with says so.
func differentRole(a, b *corev1.Pod) bool {
	for _, key := range []string{"app.kubernetes.io/component", "component", "role", "tier", "app.kubernetes.io/name", "app", "k8s-app"} {
		if a.Labels[key] != b.Labels[key] {
			return true
		}
	}
	first, second := &a.Spec.Containers[0], &b.Spec.Containers[0]
	return !slices.Equal(first.Command, second.Command) || !slices.Equal(first.Args, second.Args)
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
