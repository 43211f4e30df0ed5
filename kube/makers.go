package kube

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// MakersOf are the kinds of what has this name and owns pods in a namespace, such as "StatefulSet", each once. The caches alone are asked:
// none is known where they aren't filled, and of what has no pods.
func (c *Cluster) MakersOf(namespace, name string) []string {
	pods, cached := c.cache.podsOf(namespace)
	if !cached {
		return nil
	}
	var kinds []string
	for _, pod := range pods {
		if owner := metav1.GetControllerOfNoCopy(&pod); owner != nil && owner.Name == name && !slices.Contains(kinds, owner.Kind) {
			kinds = append(kinds, owner.Kind)
		}
	}
	slices.Sort(kinds)
	return kinds
}
