package kube

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// ListSome fills a list, of those that List takes, page by page with what a field selector matches, "" for all, until it holds most objects.
// more says that there are others, which were not read.
func (c *Cluster) ListSome(ctx context.Context, namespace, fields string, most int, into runtime.Object) (more bool, err error) {
	resource, err := resourceOf(into)
	if err != nil {
		return false, fmt.Errorf("listing: %w", err)
	}
	options := metav1.ListOptions{FieldSelector: fields}
	for read := 0; read < most; read += onePage {
		options.Limit = int64(min(onePage, most-read))
		page, err := c.page(ctx, resource, namespace, options, into)
		if err != nil {
			return false, c.explain(attempt{verb: "list", resource: resource.Resource, namespace: namespace}, err)
		}
		if err := take(into, page, read > 0); err != nil {
			return false, fmt.Errorf("listing %s: %w", resource.Resource, err)
		}
		list, err := meta.ListAccessor(page)
		if err != nil {
			return false, fmt.Errorf("listing %s: %w", resource.Resource, err)
		}
		if options.Continue = list.GetContinue(); options.Continue == "" {
			return false, nil
		}
	}
	return true, nil
}
