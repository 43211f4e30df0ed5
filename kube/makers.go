package kube

import (
	"cmp"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/3astronautas/algesta"
)

// MakersIn are what owns the pods of a namespace, each once, by kind and name. The caches alone are asked: none is known where they aren't
// filled, and of what has no pods.
func (c *Cluster) MakersIn(namespace string) []algesta.Object {
	pods, cached := c.cache.podsOf(namespace)
	if !cached {
		return nil
	}
	var makers []algesta.Object
	for i := range pods {
		if owner := metav1.GetControllerOfNoCopy(&pods[i]); owner != nil {
			makers = append(makers, algesta.Object{Kind: owner.Kind, Namespace: namespace, Name: owner.Name})
		}
	}
	slices.SortFunc(makers, func(a, b algesta.Object) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name)) })
	return slices.Compact(makers)
}
