package facts

import (
	autoscalingv2 "k8s.io/api/autoscaling/v2"
)

// ScalerCondition is a condition of an autoscaler; the zero one when it has none of that type.
func ScalerCondition(
	h *autoscalingv2.HorizontalPodAutoscaler,
	kind autoscalingv2.HorizontalPodAutoscalerConditionType,
) autoscalingv2.HorizontalPodAutoscalerCondition {
	for _, c := range h.Status.Conditions {
		if c.Type == kind {
			return c
		}
	}
	return autoscalingv2.HorizontalPodAutoscalerCondition{}
}

// TargetOf is what an autoscaler scales.
func TargetOf(h *autoscalingv2.HorizontalPodAutoscaler) Ref {
	return Ref{h.Spec.ScaleTargetRef.Kind, h.Namespace, h.Spec.ScaleTargetRef.Name}
}
