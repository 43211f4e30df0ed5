package rules

import (
	"fmt"
	"strings"

	autoscalingv2 "k8s.io/api/autoscaling/v2"

	"github.com/3astronautas/algesta/diagnosis/facts"
)

// noExternalMetrics is about the adapter that serves external or custom metrics; metrics-server has no part in it.
func noExternalMetrics(h *autoscalingv2.HorizontalPodAutoscaler, c autoscalingv2.HorizontalPodAutoscalerCondition, named string) *Finding {
	kind, group := "external", "external.metrics.k8s.io"
	if strings.HasPrefix(named, "custom") {
		kind, group = "custom", "custom.metrics.k8s.io"
	}
	by := "its adapter"
	if kind == "external" && strings.HasPrefix(h.Name, "keda-hpa-") {
		by = "KEDA's metrics server"
	}
	f := scalerFinding(
		h,
		c,
		fmt.Sprintf("The %s metrics API (%s) does not answer, so %s %s cannot scale", kind, by, facts.KindAutoscaler, h.Name),
		Remedy{
			Text:    fmt.Sprintf("Bring %s back, which serves %s; metrics-server isn't concerned.", by, group),
			Command: "kubectl get apiservice v1beta1." + group,
		},
	)
	f.Subject = facts.Ref{Kind: "APIService", Name: "v1beta1." + group}
	return f
}

// withoutRequest says which container of which pod lacks a request that the autoscaler computes with.
func withoutRequest(s *facts.Snapshot, h *autoscalingv2.HorizontalPodAutoscaler, m []string) (what string, remedy Remedy) {
	resource, container, pod := m[1], m[2], m[3]
	if pod == "" {
		resource, container = m[4], m[5]
	}
	what = fmt.Sprintf("%s %s cannot compute: container %s has no %s request", facts.KindAutoscaler, h.Name, container, resource)
	remedy = Remedy{Text: fmt.Sprintf("Set a %s request for container %s.", resource, container)}
	target := facts.TargetOf(h)
	for _, p := range s.Pods() {
		if p.Name != pod || p.Namespace != h.Namespace || s.Owner(p).Ref == target {
			continue
		}
		what = fmt.Sprintf("%s %s cannot compute: pod %s, which its target's selector chooses, has no %s request in container %s",
			facts.KindAutoscaler, h.Name, pod, resource, container)
		remedy.Text = fmt.Sprintf("Take the labels of %s off pod %s, or delete it if it has done its work.", target.Words(), pod)
	}
	return what, remedy
}
