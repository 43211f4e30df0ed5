package runbooks

import (
	"context"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta"
)

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
