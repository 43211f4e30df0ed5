package kube

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/3astronautas/algesta"
)

// The bounds of one list. A page is what kubectl asks for; all of it is a cluster of Kubernetes' own limit of pods per node (110) on
// 45 nodes, at some 10 KB each.
const (
	onePage     = 500
	mostObjects = 10 * onePage
)

// errManyObjects is the cause of the error that comes with a list which was not read to its end.
var errManyObjects = errors.New("there are more objects than are read")

// List fills a list live, page by page. It takes typed lists, *unstructured.UnstructuredList with its kind set (contents as
// the server wrote them), and *metav1.PartialObjectMetadataList with its kind set (names without contents). It reads at most 5,000
// objects; where there are more it keeps those and returns an *algesta.Error that says so: nothing may be concluded about the rest. What
// the pods of a selection spell out, and what the Secrets hold that they name, is passed to Config.SecretValues before anyone gets the
// list.
func (c *Cluster) List(ctx context.Context, namespace, labels string, into runtime.Object) error {
	resource, err := resourceOf(into)
	if err != nil {
		return fmt.Errorf("listing: %w", err)
	}
	more, err := c.pages(ctx, resource, namespace, metav1.ListOptions{LabelSelector: labels}, mostObjects, into)
	if labels != "" { // a list of everything would make the redactor forget the rest
		c.learnList(ctx, namespace, into)
	}
	c.hideTextsIn(into)
	if err != nil || !more {
		return err
	}
	return &algesta.Error{
		Kind: algesta.ErrUnreachable, Err: errManyObjects,
		Message: algesta.Say("There are more than {} {}, so I didn't check all of them.", strconv.Itoa(mostObjects), resource.Resource),
	}
}

// ListSome fills a list as List does, with what a field selector matches, "" for all, until it holds most objects, 5,000 at the most. more
// says that there are others, which were not read. What is known to be secret is hidden in it as List does; of an object that is selected
// by its name, what it spells out is passed on first.
func (c *Cluster) ListSome(ctx context.Context, namespace, fields string, most int, into runtime.Object) (more bool, err error) {
	resource, err := resourceOf(into)
	if err != nil {
		return false, fmt.Errorf("listing: %w", err)
	}
	more, err = c.pages(ctx, resource, namespace, metav1.ListOptions{FieldSelector: fields}, min(most, mostObjects), into)
	if strings.Contains(fields, "metadata.name=") {
		c.learnList(ctx, namespace, into)
	}
	c.hideTextsIn(into)
	return more, err
}

// pages fills a list with what the options select, page by page, and asks for most objects in all. more says that there are others. It
// counts what it asks for, not what it gets, so that it ends whatever the server sends.
func (c *Cluster) pages(
	ctx context.Context, resource schema.GroupVersionResource, namespace string, options metav1.ListOptions, most int, into runtime.Object,
) (more bool, err error) {
	for asked := 0; asked < most; asked += onePage {
		options.Limit = int64(min(onePage, most-asked))
		page, err := c.page(ctx, resource, namespace, options, into)
		if err != nil {
			return false, c.explain(attempt{verb: "list", resource: resource.Resource, namespace: namespace}, err)
		}
		if err := take(into, page, asked > 0); err != nil {
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

// page is the part of a list that the options name, as an object of the type of like.
func (c *Cluster) page(
	ctx context.Context, resource schema.GroupVersionResource, namespace string, options metav1.ListOptions, like runtime.Object,
) (runtime.Object, error) {
	ctx, cancel := context.WithTimeout(ctx, perCall)
	defer cancel()
	switch like.(type) {
	case *unstructured.UnstructuredList:
		return c.raw.Resource(resource).Namespace(namespace).List(ctx, options)
	case *metav1.PartialObjectMetadataList:
		return c.meta.Resource(resource).Namespace(namespace).List(ctx, options)
	}
	page, ok := reflect.TypeAssert[runtime.Object](reflect.New(reflect.TypeOf(like).Elem()))
	if !ok {
		return nil, fmt.Errorf("%T is no list", like)
	}
	req := c.lists.Get().AbsPath(apiPath(resource.GroupVersion())).NamespaceIfScoped(namespace, namespace != "").Resource(resource.Resource).
		Param("limit", strconv.FormatInt(options.Limit, 10))
	for name, value := range map[string]string{
		"labelSelector": options.LabelSelector, "fieldSelector": options.FieldSelector, "continue": options.Continue,
	} {
		if value != "" {
			req = req.Param(name, value)
		}
	}
	return page, req.Do(ctx).Into(page)
}

// take makes the page the list, or adds its objects to those of the list.
func take(into, page runtime.Object, add bool) error {
	all, err := itemsOf(into)
	if err != nil {
		return err
	}
	more, err := itemsOf(page)
	if err != nil {
		return err
	}
	if add {
		all.Set(reflect.AppendSlice(all, more))
		return nil
	}
	reflect.ValueOf(into).Elem().Set(reflect.ValueOf(page).Elem())
	return nil
}

// itemsOf is the slice of a list's objects.
func itemsOf(list runtime.Object) (reflect.Value, error) {
	items, err := meta.GetItemsPtr(list)
	if err != nil {
		return reflect.Value{}, fmt.Errorf("finding the objects of a %T: %w", list, err)
	}
	return reflect.ValueOf(items).Elem(), nil
}
