package kube

import (
	"context"
	"slices"
	"strconv"
	"sync"

	"github.com/sourcegraph/conc"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"

	"github.com/3astronautas/algesta"
)

// errManyEvents is said beside the events that were read.
var errManyEvents = &algesta.Error{Kind: algesta.ErrUnreachable, Message: algesta.Say("There are more events than I read.")}

// events are those of a namespace. The server knows no order but the name's, so where they do not fit into one answer the warnings are
// read for themselves: a rollout of many pods would hide those of a service late in the alphabet. crowded says that this is likely.
func (c *Cluster) events(ctx context.Context, namespace string, crowded bool, into *corev1.EventList) error {
	var beside conc.WaitGroup
	defer beside.Wait()
	warnings := sync.OnceValues(func() (*corev1.EventList, error) { return c.warningsOf(ctx, namespace) })
	if crowded {
		beside.Go(func() { _, _ = warnings() }) // asked again below for its answer
	}
	more, err := c.pageOfEvents(ctx, namespace, "", "", into)
	if err != nil || more == "" {
		return err
	}
	into.Items = slices.DeleteFunc(into.Items, func(e corev1.Event) bool { return e.Type == corev1.EventTypeWarning })
	found, err := warnings()
	into.Items = append(into.Items, found.Items...)
	return err
}

// warningsOf are the warnings of a namespace, and errManyEvents when there are still more.
func (c *Cluster) warningsOf(ctx context.Context, namespace string) (*corev1.EventList, error) {
	all, more := &corev1.EventList{}, ""
	for range mostPages {
		page := &corev1.EventList{}
		next, err := c.pageOfEvents(ctx, namespace, "type="+corev1.EventTypeWarning, more, page)
		all.Items = append(all.Items, page.Items...)
		if err != nil || next == "" {
			return all, err
		}
		more = next
	}
	return all, errManyEvents
}

func (c *Cluster) pageOfEvents(ctx context.Context, namespace, selector, from string, into *corev1.EventList) (more string, err error) {
	ctx, cancel := context.WithTimeout(ctx, perCall)
	defer cancel()
	request := c.lists.Get().AbsPath("/api/v1").Namespace(namespace).Resource("events").Param("limit", strconv.Itoa(mostEvents))
	if selector != "" {
		request = request.Param("fieldSelector", selector)
	}
	if from != "" {
		request = request.Param("continue", from)
	}
	err = request.Do(ctx).Into(into)
	return into.Continue, c.explain(attempt{verb: "list", resource: "events", namespace: namespace}, err)
}

// EventsOf are the events of a namespace with this reason, at most mostEvents of them: a caller that polls needs no others.
func (c *Cluster) EventsOf(ctx context.Context, namespace, reason string) ([]corev1.Event, error) {
	var found corev1.EventList
	_, err := c.pageOfEvents(ctx, namespace, fields.OneTermEqualSelector("reason", reason).String(), "", &found)
	return found.Items, err
}

// nodeEvents reads what kubelets and controllers say about nodes: they say it in the namespace default, because nodes are in none.
func (o *observation) nodeEvents(ctx context.Context) {
	if o.namespace == metav1.NamespaceDefault || !o.first(eventsOfNodes) {
		return
	}
	o.work.Go(func() {
		o.slots <- struct{}{}
		defer func() { <-o.slots }()
		events := &corev1.EventList{}
		_, err := o.cluster.pageOfEvents(ctx, metav1.NamespaceDefault, "involvedObject.kind=Node", "", events)
		o.mu.Lock()
		defer o.mu.Unlock()
		if err != nil {
			o.unread[eventsOfNodes] = err
			return
		}
		o.objects = append(o.objects, events)
	})
}
