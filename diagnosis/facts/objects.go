package facts

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
)

// Protects says that a PodDisruptionBudget chooses a workload or a pod that was read.
func (s *Snapshot) Protects(b *policyv1.PodDisruptionBudget) bool {
	ref := RefOf(KindBudget, b)
	for _, list := range s.index.downstream {
		if slices.Contains(list, ref) {
			return true
		}
	}
	chosen := SelectorOf(b.Spec.Selector)
	for _, p := range s.pods {
		if p.Namespace == b.Namespace && chosen.Matches(labels.Set(p.Labels)) {
			return true
		}
	}
	return false
}

// IsCertificate says that an object is a Certificate of cert-manager.
func IsCertificate(c *unstructured.Unstructured) bool {
	return c.GetKind() == KindCertificate && strings.HasPrefix(c.GetAPIVersion(), "cert-manager.io/")
}

// Text reads a string field of an unstructured object; empty when it is not there or is something else.
func Text(o *unstructured.Unstructured, path ...string) string {
	value, _, err := unstructured.NestedString(o.Object, path...)
	if err != nil {
		return ""
	}
	return value
}

// NodeCondition is a condition of a node; nil when it has none of that type.
func NodeCondition(n *corev1.Node, kind corev1.NodeConditionType) corev1.NodeCondition {
	for _, c := range n.Status.Conditions {
		if c.Type == kind {
			return c
		}
	}
	return corev1.NodeCondition{}
}

// NodeReady is true also for a node without conditions: it has only just registered.
func NodeReady(n *corev1.Node) bool {
	c := NodeCondition(n, corev1.NodeReady)
	return c.Status == corev1.ConditionTrue || c.Status == ""
}
