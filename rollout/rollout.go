package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/3astronautas/algesta"
)

// TemplateAnnotation is set by a Cluster on the Deployments and ReplicaSets that Workload returns: the
// algesta.TemplateHash of their templates, taken before the values were stripped.
const TemplateAnnotation = "algesta.io/template"

// Rollout is a Deployment with all that runs for it, at one moment.
type Rollout struct {
	Workload algesta.Workload
	// Deployment is nil when it does not exist (any more).
	Deployment  *appsv1.Deployment
	ReplicaSets []*appsv1.ReplicaSet
	Pods        []*corev1.Pod
	// Unread is why the pods, or the ReplicaSets, could not be read; nil when they could. What the Deployment itself
	// counts is then all that is known.
	Unread error
	// NodesComing says that the autoscaler of the nodes is adding one for a pod that has no place, by the pod's UID.
	NodesComing map[string]bool
	// Room is what decides whether more pods are taken, read when a quota refuses some; else nil.
	Room *Room
	// UnreadyNodes are the Ready conditions of nodes that are not ready and have pods of it that are not either, by name.
	UnreadyNodes map[string]corev1.NodeCondition
}

// Look reads a rollout, from the shared caches where they are warm. A Deployment that does not exist is no error: the
// Rollout's Deployment is nil.
func Look(ctx context.Context, c Cluster, w algesta.Workload) (Rollout, error) {
	d, sets, pods, err := c.Workload(ctx, w)
	if errors.Is(err, algesta.ErrNotFound) {
		return Rollout{Workload: w}, nil
	}
	if err != nil && d == nil {
		return Rollout{}, fmt.Errorf("looking at %s: %w", w.Name, err)
	}
	r := Rollout{Workload: w, Deployment: d, ReplicaSets: sets, Pods: pods, Unread: err}
	r.NodesComing = nodesComing(ctx, c, r)
	r.UnreadyNodes = unreadyNodes(ctx, c, pods)
	if strings.Contains(r.refused(), "exceeded quota") {
		r.Room = readRoom(ctx, c, w.Namespace)
	}
	return r, nil
}

// events is a Cluster that can be asked for the events with one reason.
type events interface {
	EventsOf(ctx context.Context, namespace, reason string) ([]corev1.Event, error)
}

// nodesComing finds the pods for which the cluster autoscaler is adding a node. It says so in events alone, which are
// asked for only when a pod has been without a place for a while; without the right to read them nothing is known.
func nodesComing(ctx context.Context, c Cluster, r Rollout) map[string]bool {
	waits := slices.ContainsFunc(r.Pods, func(pod *corev1.Pod) bool {
		return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
			return c.Reason == corev1.PodReasonUnschedulable && time.Since(c.LastTransitionTime.Time) > nodePatience/2
		})
	})
	from, can := c.(events)
	if !waits || !can {
		return nil
	}
	found, err := from.EventsOf(ctx, r.Workload.Namespace, "TriggeredScaleUp")
	if err != nil {
		return nil
	}
	out := map[string]bool{}
	for _, e := range found {
		out[string(e.InvolvedObject.UID)] = true
	}
	return out
}

// TemplateHash identifies the pod template that the Deployment has now.
func (r Rollout) TemplateHash() string {
	if r.Deployment == nil {
		return ""
	}
	return r.Deployment.Annotations[TemplateAnnotation]
}

// current is the ReplicaSet of the Deployment's template, nil until the controller made it. By template and not by
// revision: while the controller has not seen a change, the highest revision is the old one.
func (r Rollout) current() *appsv1.ReplicaSet {
	for _, set := range r.ReplicaSets {
		if hash := r.TemplateHash(); hash != "" && set.Annotations[TemplateAnnotation] == hash {
			return set
		}
	}
	return nil
}

// Revision is the number of the current revision, 0 when it is not known yet.
func (r Rollout) Revision() int64 {
	set := r.current()
	if set == nil {
		return 0
	}
	n, _ := strconv.ParseInt(set.Annotations[RevisionAnnotation], 10, 64)
	return n
}

// Desired is how many pods are wanted.
func (r Rollout) Desired() int32 {
	if r.Deployment == nil {
		return 0
	}
	if r.Deployment.Spec.Replicas == nil {
		return 1
	}
	return *r.Deployment.Spec.Replicas
}

// Split separates the pods of the current revision from those of older ones, by name.
func (r Rollout) Split() (fresh, old []*corev1.Pod) {
	current := r.current()
	for _, pod := range r.Pods {
		if current != nil && ownedBy(pod, current) {
			fresh = append(fresh, pod)
		} else {
			old = append(old, pod)
		}
	}
	byName := func(a, b *corev1.Pod) int { return strings.Compare(a.Name, b.Name) }
	slices.SortFunc(fresh, byName)
	slices.SortFunc(old, byName)
	return fresh, old
}

func ownedBy(pod *corev1.Pod, set *appsv1.ReplicaSet) bool {
	return slices.ContainsFunc(pod.OwnerReferences, func(o metav1.OwnerReference) bool { return o.UID == set.UID })
}

// Done reports whether the controller is finished, as `kubectl rollout status` judges.
func (r Rollout) Done() bool {
	d := r.Deployment
	if d == nil || d.Status.ObservedGeneration < d.Generation {
		return false
	}
	want := r.Desired()
	return d.Status.UpdatedReplicas == want && d.Status.Replicas == want && d.Status.AvailableReplicas == want
}

// Ready are the new and the old pods that take requests: counted, or what the controller counted where the pods cannot be read.
func (r Rollout) Ready() (fresh, old int) {
	if r.Unread != nil {
		if set := r.current(); set != nil {
			fresh = int(set.Status.ReadyReplicas)
		}
		return fresh, max(0, int(r.Deployment.Status.ReadyReplicas)-fresh)
	}
	current, before := r.Split()
	return Serving(current), Serving(before)
}

// Serving is how many of the pods take requests.
func Serving(pods []*corev1.Pod) int {
	n := 0
	for _, pod := range pods {
		if IsReady(pod) && pod.DeletionTimestamp == nil {
			n++
		}
	}
	return n
}

// condition is the Deployment's condition of this type, with the zero value where it has none.
func (r Rollout) condition(kind appsv1.DeploymentConditionType) appsv1.DeploymentCondition {
	for _, c := range r.Deployment.Status.Conditions {
		if c.Type == kind {
			return c
		}
	}
	return appsv1.DeploymentCondition{}
}

// restartWindow is how far back restarts count as news.
const restartWindow = 10 * time.Minute

// restartsSince is how often containers of the pod have restarted since then, as far as the pod tells: it keeps a counter
// and the time of the last end only. Of a pod that is older it is therefore at least this number.
func restartsSince(pod *corev1.Pod, since time.Time) int32 {
	var n int32
	for _, c := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		last := lastEnd(c)
		switch {
		case c.RestartCount == 0 || last.Before(since) && !last.IsZero():
		case pod.CreationTimestamp.After(since) || pod.CreationTimestamp.Time.Equal(since):
			n += c.RestartCount
		case !last.IsZero():
			n++
		}
	}
	return n
}

// lastEnd is when an instance of the container ended last; zero when that is not known.
func lastEnd(c corev1.ContainerStatus) time.Time {
	for _, s := range []corev1.ContainerState{c.State, c.LastTerminationState} {
		if s.Terminated != nil {
			return s.Terminated.FinishedAt.Time
		}
	}
	return time.Time{}
}
