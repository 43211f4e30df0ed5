package kube

import (
	"context"
	"fmt"
	"strconv"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// pageSize is how many objects one answer holds at most: kubectl's own.
const pageSize = 500

// ListSome fills a list (typed, or *unstructured.UnstructuredList with its kind set) page by page with what a field selector matches, "" for
// all, until it holds most objects. more says that there are others, which were not read.
func (c *Cluster) ListSome(ctx context.Context, namespace, fields string, most int, into runtime.Object) (more bool, err error) {
	resource, err := resourceOf(into)
	if err != nil {
		return false, fmt.Errorf("listing: %w", err)
	}
	var all []runtime.Object
	from := ""
	for len(all) < most {
		page := into.DeepCopyObject()
		options := metav1.ListOptions{FieldSelector: fields, Limit: int64(min(pageSize, most-len(all))), Continue: from}
		within, cancel := context.WithTimeout(ctx, perCall)
		if list, raw := page.(*unstructured.UnstructuredList); raw {
			var got *unstructured.UnstructuredList
			if got, err = c.raw.Resource(resource).Namespace(namespace).List(within, options); err == nil {
				*list = *got
			}
		} else {
			req := c.lists.Get().AbsPath(apiPath(resource.GroupVersion())).NamespaceIfScoped(namespace, namespace != "").Resource(resource.Resource).
				Param("limit", strconv.FormatInt(options.Limit, 10))
			if fields != "" {
				req = req.Param("fieldSelector", fields)
			}
			if from != "" {
				req = req.Param("continue", from)
			}
			err = req.Do(within).Into(page)
		}
		cancel()
		if err != nil {
			return false, c.explain(attempt{verb: "list", resource: resource.Resource, namespace: namespace}, err)
		}
		items, err := meta.ExtractList(page)
		if err != nil {
			return false, fmt.Errorf("reading a page of %s: %w", resource.Resource, err)
		}
		all = append(all, items...)
		list, err := meta.ListAccessor(page)
		if err != nil {
			return false, fmt.Errorf("reading a page of %s: %w", resource.Resource, err)
		}
		if from = list.GetContinue(); from == "" {
			break
		}
	}
	if err := meta.SetList(into, all); err != nil {
		return false, fmt.Errorf("reading %s: %w", resource.Resource, err)
	}
	return from != "", nil
}
