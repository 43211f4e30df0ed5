package kube

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
)

// WithPods reads a Service or a Deployment of any namespace and the pods that it selects: what a diagnosis depends on elsewhere.
// ErrNotFound says that it is not there.
func (c *Cluster) WithPods(ctx context.Context, kind, namespace, name string) ([]runtime.Object, error) {
	var object runtime.Object
	var selector func() (labels.Selector, error)
	path, resource := "/api/v1", "services"
	switch kind {
	case "Service":
		service := &corev1.Service{}
		object, selector = service, func() (labels.Selector, error) { return labels.SelectorFromSet(service.Spec.Selector), nil }
	case "Deployment":
		deployment := &appsv1.Deployment{}
		path, resource = "/apis/apps/v1", "deployments"
		object, selector = deployment, func() (labels.Selector, error) { return metav1.LabelSelectorAsSelector(deployment.Spec.Selector) }
	default:
		return nil, fmt.Errorf("reading what %s %s/%s selects: only Services and Deployments are read so", kind, namespace, name)
	}
	getting, cancel := context.WithTimeout(ctx, perCall)
	defer cancel()
	if err := c.lists.Get().AbsPath(path).Namespace(namespace).Resource(resource).Name(name).Do(getting).Into(object); err != nil {
		return nil, c.explain(attempt{"get", resource, namespace, name}, err)
	}
	selected, err := selector()
	if err != nil {
		return nil, fmt.Errorf("reading the selector of %s %s/%s: %w", kind, namespace, name, err)
	}
	if selected.Empty() { // it leads to no pods of its own
		return []runtime.Object{object}, nil
	}
	pods := &corev1.PodList{}
	if err := c.List(ctx, namespace, selected.String(), pods); err != nil {
		return []runtime.Object{object}, err
	}
	return []runtime.Object{object, pods}, nil
}
