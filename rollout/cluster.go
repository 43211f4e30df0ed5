// Package rollout is what a rollout is, how far it is, how it ends, and why a pod of it doesn't run. Look reads one; Judge and
// all that follows from it use nothing but what was read. It writes nothing, and it must never know a runbook, Slack, the
// store or the policy.
package rollout

import (
	"context"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta"
)

// Lister lists objects. Its errors, and those of the interfaces below, are *algesta.Errors with a sentence for people.
type Lister interface {
	// List fills a typed list by one live LIST. labels is a selector, "" for all; namespace is "" for kinds without one.
	List(ctx context.Context, namespace, labels string, into runtime.Object) error
}

// Cluster is what Look reads a rollout from.
type Cluster struct {
	Reader
	Events Events // nil where the cluster can't be asked for events
	Stops  Stops  // nil where the pods have to be listed
}

// Stops knows from its caches which pods stop: while a quota refuses pods it's asked every second.
type Stops interface {
	// LastStop is when the grace period of the namespace's last stopping pod ends, zero when none stops; known says that the caches are
	// filled.
	LastStop(namespace string) (at time.Time, known bool)
}

// Events can be asked for the events of a namespace with one reason.
type Events interface {
	EventsOf(ctx context.Context, namespace, reason string) ([]corev1.Event, error)
}

// Reader reads a rollout.
type Reader interface {
	Lister
	// Workload is the Deployment with the ReplicaSets and Pods that it owns, which may be some seconds old. TemplateAnnotation is on the
	// first two. A Deployment beside an error means that what it owns could not be read.
	Workload(ctx context.Context, w algesta.Object) (*appsv1.Deployment, []*appsv1.ReplicaSet, []*corev1.Pod, error)
}

// Getter reads a Deployment as the server wrote it.
type Getter interface {
	Deployment(ctx context.Context, w algesta.Object) (*unstructured.Unstructured, error)
}
