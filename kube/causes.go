package kube

import (
	"context"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
)

// causes are those of each namespace, by its name.
type causes struct {
	mu  sync.Mutex
	all map[string]*causesIn
}

// causesIn are the cached ReplicaSets of a namespace with a change-cause, as they may be shown. The caches hold no values of variables, so
// what a cause quotes of them isn't known from there.
type causesIn struct {
	mu    sync.Mutex
	known map[types.UID]shownSet
	tried time.Time // when its ReplicaSets were read last
}

func (c *causes) in(namespace string) *causesIn {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all == nil {
		c.all = map[string]*causesIn{}
	}
	if c.all[namespace] == nil {
		c.all[namespace] = &causesIn{}
	}
	return c.all[namespace]
}

// shownSet is a cached ReplicaSet and what is shown of it.
type shownSet struct {
	cached, shown *appsv1.ReplicaSet
	cause         string // as it may be shown
}

// withoutQuotes are the objects of an overview with the change-causes of their ReplicaSets as they may be shown: without what any of these
// spells out. Where that isn't known and can't be read now there is no cause.
func (c *Cluster) withoutQuotes(ctx context.Context, namespace string, objects []runtime.Object) []runtime.Object {
	if c.hide == nil {
		return objects
	}
	here := c.causes.in(namespace)
	here.mu.Lock()
	defer here.mu.Unlock()
	next := map[types.UID]shownSet{}
	var unknown []*appsv1.ReplicaSet
	for _, o := range objects {
		set, ok := o.(*appsv1.ReplicaSet)
		if !ok || set.Annotations[causeAnnotation] == "" {
			continue
		}
		was, there := here.known[set.UID]
		switch {
		case there && was.cached == set:
			next[set.UID] = was
		case there && was.cached.Annotations[causeAnnotation] == set.Annotations[causeAnnotation]:
			next[set.UID] = shownSet{set, withCause(set, was.cause), was.cause}
		default:
			unknown = append(unknown, set)
		}
	}
	if len(unknown) > 0 && time.Since(here.tried) >= overviewAge {
		here.tried = time.Now()
		causes := c.readCauses(ctx, namespace, unknown)
		for _, set := range unknown {
			if cause, read := causes[set.UID]; read {
				next[set.UID] = shownSet{set, withCause(set, cause), cause}
			}
		}
	}
	here.known = next
	out := make([]runtime.Object, len(objects))
	for i, o := range objects {
		out[i] = o
		if set, ok := o.(*appsv1.ReplicaSet); ok && set.Annotations[causeAnnotation] != "" {
			if as, known := next[set.UID]; known {
				out[i] = as.shown
			} else {
				out[i] = withCause(set, "")
			}
		}
	}
	return out
}

// withCause is a ReplicaSet of the caches with another change-cause, none where that is empty. The cached one stays as it is.
func withCause(set *appsv1.ReplicaSet, cause string) *appsv1.ReplicaSet {
	out := *set
	out.Annotations = map[string]string{}
	for name, value := range set.Annotations {
		if name != causeAnnotation {
			out.Annotations[name] = value
		}
	}
	if cause != "" {
		out.Annotations[causeAnnotation] = cause
	}
	return &out
}

// readCauses reads the ReplicaSets of a namespace, passes on what those of the same Deployments spell out, and returns the change-causes of
// some of them without it.
func (c *Cluster) readCauses(ctx context.Context, namespace string, of []*appsv1.ReplicaSet) map[types.UID]string {
	var live appsv1.ReplicaSetList
	if c.List(ctx, namespace, "", &live) != nil { // it's tried again
		return nil
	}
	makers := map[types.UID]bool{}
	for _, set := range of {
		makers[makerOf(set)] = true
	}
	var specs []*corev1.PodSpec
	written := map[types.UID]string{}
	for i := range live.Items {
		if set := &live.Items[i]; makers[makerOf(set)] {
			specs = append(specs, &set.Spec.Template.Spec)
			written[set.UID] = set.Annotations[causeAnnotation]
		}
	}
	c.learn(ctx, namespace, nil, specs...)
	shown := map[types.UID]string{}
	for _, set := range of {
		if cause, found := written[set.UID]; found {
			shown[set.UID] = c.hide(cause)
		}
	}
	return shown
}

// makerOf is the Deployment of a ReplicaSet, or the ReplicaSet itself where it has none.
func makerOf(set *appsv1.ReplicaSet) types.UID {
	if owner := metav1.GetControllerOf(set); owner != nil {
		return owner.UID
	}
	return set.UID
}
