package runbooks

import (
	"context"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout"
)

// Cluster is one cluster as a runbook sees it: one field for each thing that it can be asked. What is nil can't be asked of this cluster,
// and a runbook then says that it couldn't check. The Reader is nil only for a command that is about no cluster. It can't write: what plans
// can't act. Every error is an *algesta.Error (ErrNotFound, ErrForbidden, ErrUnreachable) with a sentence for people; API error bodies
// never pass.
type Cluster struct {
	Reader
	Bounded  Bounded
	Cached   PodCache
	Events   rollout.Events
	Stops    rollout.Stops
	Observer Observer
	Finder   Finder
	Keys     KeyReader
	Registry Registry
	Logs     Logs
	Secrets  SecretLister
	Prober   Prober
	Proxier  Proxier
	Access   Access
	// AKS says that it is a cluster of Azure Kubernetes Service.
	AKS bool
}

// Everything is a value that can be asked everything that a runbook asks.
type Everything interface {
	Reader
	Bounded
	PodCache
	rollout.Events
	rollout.Stops
	Observer
	Finder
	KeyReader
	Registry
	Logs
	SecretLister
	Prober
	Proxier
	Access
}

// AllOf is the Cluster of a value that can be asked everything.
func AllOf(v Everything) Cluster {
	return Cluster{
		Reader:   v,
		Bounded:  v,
		Cached:   v,
		Events:   v,
		Stops:    v,
		Observer: v,
		Finder:   v,
		Keys:     v,
		Registry: v,
		Logs:     v,
		Secrets:  v,
		Prober:   v,
		Proxier:  v,
		Access:   v,
	}
}

// Rollout is what a rollout is read from.
func (c Cluster) Rollout() rollout.Cluster {
	return rollout.Cluster{Reader: c.Reader, Events: c.Events, Stops: c.Stops}
}

// Bounded lists part of what there is, so that a plan costs the same in a small cluster and in a large one.
type Bounded interface {
	// ListSome fills a list with what a field selector matches, "" for all, most objects at most; more says that there are others.
	ListSome(ctx context.Context, namespace, fields string, most int, into runtime.Object) (more bool, err error)
}

// PodCache holds the pods of namespaces by watching them.
type PodCache interface {
	// CachedPods are the pods of a namespace by name, a moment old at most; known is false where they aren't all held, or the watches don't
	// reach the cluster now.
	CachedPods(namespace string) (pods []corev1.Pod, known bool)
}

// mostLivePods is how many pods a look lists live: what one page of the API holds. A namespace with more of them is read from the cache, so
// that a look costs the same there.
const mostLivePods = 500

// listPods reads the pods of a namespace for a look, live where they fit into one page. A plan reads all of them live, and so does a look
// that shows labels: the cached ones say no more what has to be hidden there.
func listPods(ctx context.Context, c Cluster, in Input, namespace string, into *corev1.PodList) listed {
	const what = "pods"
	labels := selectorArg.Text(in)
	if labels != "" || in.Command.Args.Bool(labelsArg.Name) || c.Bounded == nil || c.Cached == nil {
		return listAll(ctx, c, namespace, labels, what, into)
	}
	more, err := c.Bounded.ListSome(ctx, namespace, "", mostLivePods, into)
	if err != nil || !more {
		return listed{what: what, err: err}
	}
	if pods, known := c.Cached.CachedPods(namespace); known {
		into.Items = pods
		return listed{what: what}
	}
	return listAll(ctx, c, namespace, labels, what, into)
}

// listSome reads at most so many objects where the cluster can bound a list, and all where it cannot.
func listSome(ctx context.Context, c Cluster, namespace, fields string, most int, into runtime.Object) (more bool, err error) {
	if c.Bounded != nil {
		return c.Bounded.ListSome(ctx, namespace, fields, most, into)
	}
	return false, c.List(ctx, namespace, "", into)
}

// Reader reads what every plan and most answers are made from.
type Reader interface {
	// Deployment is one live GET as the server wrote it: plans are made from it, so that a field
	// which this program's types do not know survives (design.md, decision 4).
	Deployment(ctx context.Context, w algesta.Object) (*unstructured.Unstructured, error)
	// List fills a typed list (such as *appsv1.ReplicaSetList) by one live LIST. labels is a selector, "" for all;
	// namespace is "" for kinds without one.
	List(ctx context.Context, namespace, labels string, into runtime.Object) error
	// Workload is the Deployment with the ReplicaSets and Pods that it owns (by owner reference, not by labels alone), from the shared caches
	// once they are synced, live before. Literal values of the environment are not in it.
	Workload(ctx context.Context, w algesta.Object) (*appsv1.Deployment, []*appsv1.ReplicaSet, []*corev1.Pod, error)
}
