package kube

import corev1 "k8s.io/api/core/v1"

// CachedPods are the pods of a namespace by name as the caches hold them, without the literal values of their environment and with what is
// known to be secret hidden in their texts. They may be a moment old, so nothing is changed by them. known is false where the caches don't
// hold them all, or the watches don't reach the cluster now.
func (c *Cluster) CachedPods(namespace string) (pods []corev1.Pod, known bool) {
	held, known := c.cache.podsOf(namespace)
	if !known || c.outage.recent() {
		return nil, false
	}
	list := corev1.PodList{Items: make([]corev1.Pod, len(held))}
	for i := range held {
		list.Items[i] = *withoutValues(&held[i])
	}
	c.hideTextsIn(&list)
	return list.Items, true
}
