package runbooks

import (
	"context"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta"
)

// Bounded is a Cluster that lists a part of what there is, so that a plan costs the same in a small cluster and in a large one.
type Bounded interface {
	// ListSome fills a list with what a field selector matches, "" for all, most objects at most; more says that there are others.
	ListSome(ctx context.Context, namespace, fields string, most int, into runtime.Object) (more bool, err error)
}

// listSome reads at most so many objects where the cluster can bound a list.
func listSome(ctx context.Context, c Cluster, namespace, fields string, most int, into runtime.Object) (more bool, err error) {
	if b, ok := c.(Bounded); ok {
		return b.ListSome(ctx, namespace, fields, most, into)
	}
	return false, c.List(ctx, namespace, "", into)
}

// Cluster is one cluster as a runbook sees it. It cannot write: what plans cannot act.
// Every error is an *algesta.Error (ErrNotFound, ErrForbidden, ErrUnreachable) with a sentence for people;
// API error bodies never pass.
type Cluster interface {
	// Deployment is one live GET as the server wrote it: plans are made from it, so that a field
	// which this program's types do not know survives (design.md, decision 4).
	Deployment(ctx context.Context, w algesta.Workload) (*unstructured.Unstructured, error)
	// List fills a typed list (such as *appsv1.ReplicaSetList) by one live LIST. labels is a selector, "" for all;
	// namespace is "" for kinds without one.
	List(ctx context.Context, namespace, labels string, into runtime.Object) error
	// Workload is the Deployment with the ReplicaSets and Pods that it owns (by owner reference, not by labels alone), from the shared caches once they are
	// synced, live before. Literal values of the environment are not in it.
	Workload(ctx context.Context, w algesta.Workload) (*appsv1.Deployment, []*appsv1.ReplicaSet, []*corev1.Pod, error)
}
