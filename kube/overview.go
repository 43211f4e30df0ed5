package kube

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/sourcegraph/conc"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/3astronautas/algesta"
)

// overviewAge is how old the lists of an overview may be that no cache holds: some five lists for each namespace in that time.
const overviewAge = 30 * time.Second

// overviews are the lists that no cache holds, by namespace.
type overviews struct {
	mu  sync.Mutex
	all map[string]*overview
}

type overview struct {
	at      time.Time
	objects []runtime.Object
	unread  map[string]error
}

// errCold says that the caches do not hold a kind now.
var errCold = &algesta.Error{
	Kind: algesta.ErrUnreachable, Message: algesta.Say("I don't have a complete view of this cluster right now."),
}

// Overview is what there is in a namespace, cheaply enough to ask every other second: Deployments, ReplicaSets and pods from the caches,
// and nodes, quotas, autoscalers, endpoints and certificates as they were within the last 30 s. unread names the kinds that are not known
// now, with an *algesta.Error each: about those nothing may be concluded. What the objects point to is shared and must not be changed. A
// kind that is not installed is no trouble: there is none of it. What change-causes quote of a template is hidden in them; where that isn't
// known they are left out.
func (c *Cluster) Overview(ctx context.Context, namespace string) (objects []runtime.Object, unread map[string]error) {
	unread = map[string]error{}
	space, watching := c.cache.spaces[namespace]
	for _, resource := range []string{"deployments", "replicasets", "pods"} {
		switch {
		case !watching || c.outage.recent():
			unread[resource] = errCold
		case c.cache.isRefused(namespace, resource):
			unread[resource] = &algesta.Error{
				Kind: algesta.ErrForbidden, Message: algesta.Say("I don't have permission to watch {} in {}.", resource, namespace),
			}
		case !space.kinds()[resource].HasSynced():
			unread[resource] = errCold
		default:
			for _, o := range space.kinds()[resource].GetStore().List() {
				if object, ok := o.(runtime.Object); ok {
					objects = append(objects, object)
				}
			}
		}
	}
	if unread["replicasets"] != nil && unread["pods"] == nil { // whose pods they are isn't known
		unread["pods"] = unread["replicasets"]
	}
	lists := c.overviews.of(ctx, c, namespace)
	maps.Copy(unread, lists.unread)
	return append(c.withoutQuotes(ctx, namespace, objects), lists.objects...), unread
}

// of are the lists of a namespace, read again where they are too old, also where they could not be read.
func (g *overviews) of(ctx context.Context, c *Cluster, namespace string) *overview {
	g.mu.Lock()
	known := g.all[namespace]
	g.mu.Unlock()
	if known != nil && time.Since(known.at) < overviewAge {
		return known
	}
	fresh := &overview{at: time.Now(), unread: map[string]error{}}
	certificates := custom(schema.GroupVersionKind{Group: certManager, Version: "v1", Kind: "CertificateList"})
	var reading conc.WaitGroup
	var mu sync.Mutex
	for resource, into := range map[string]runtime.Object{
		"nodes": &corev1.NodeList{}, "resourcequotas": &corev1.ResourceQuotaList{},
		"horizontalpodautoscalers": &autoscalingv2.HorizontalPodAutoscalerList{}, "certificates": certificates,
		"endpointslices": &discoveryv1.EndpointSliceList{},
	} {
		reading.Go(func() {
			where := namespace
			if resource == "nodes" {
				where = ""
			}
			err := c.List(ctx, where, "", into)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				fresh.objects = append(fresh.objects, into)
			case resource == "certificates" && errors.Is(err, algesta.ErrNotFound):
			default:
				fresh.unread[resource] = err
			}
		})
	}
	reading.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.all == nil {
		g.all = map[string]*overview{}
	}
	g.all[namespace] = fresh
	return fresh
}
