package e2e

import (
	"slices"

	"github.com/stretchr/testify/require"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/3astronautas/algesta/sandbox/platform"
)

// autoscale gives a Deployment an autoscaler. There are no metrics in the sandbox: it keeps the pods within its range.
func (w *world) autoscale(name string, least, most int32) {
	w.Helper()
	_, err := w.cluster.Client.AutoscalingV2().HorizontalPodAutoscalers(
		w.production,
	).Create(
		w.Context(),
		&autoscalingv2.HorizontalPodAutoscaler{
			ObjectMeta: metav1.ObjectMeta{Name: name + "-hpa"},
			Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
				ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: name},
				MinReplicas:    &least, MaxReplicas: most,
				Metrics: []autoscalingv2.MetricSpec{{Type: autoscalingv2.ResourceMetricSourceType, Resource: &autoscalingv2.ResourceMetricSource{
					Name:   corev1.ResourceCPU,
					Target: autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: ptr.To[int32](70)},
				}}},
			},
		},
		metav1.CreateOptions{},
	)
	require.NoError(w, err)
}

// without are the bot's rights but for one kind of object.
func without(resource string) []rbacv1.PolicyRule {
	var rules []rbacv1.PolicyRule
	for _, r := range platform.BotRules() {
		r.Resources = slices.DeleteFunc(slices.Clone(r.Resources), func(s string) bool { return s == resource })
		if len(r.Resources) > 0 {
			rules = append(rules, r)
		}
	}
	return rules
}

// withoutVerb are the bot's rights but for one verb.
func withoutVerb(verb string) []rbacv1.PolicyRule {
	var rules []rbacv1.PolicyRule
	for _, r := range platform.BotRules() {
		r.Verbs = slices.DeleteFunc(slices.Clone(r.Verbs), func(s string) bool { return s == verb })
		if len(r.Verbs) > 0 {
			rules = append(rules, r)
		}
	}
	return rules
}
