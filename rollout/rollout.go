package rollout

import (
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta"
)

// TemplateAnnotation is set by a Cluster on the Deployments and ReplicaSets that Workload returns: the
// algesta.TemplateHash of their templates, taken before the values were stripped.
const TemplateAnnotation = "algesta.io/template"

// Rollout is a Deployment, StatefulSet or DaemonSet with all that runs for it, at one moment.
type Rollout struct {
	Workload algesta.Object
	// Controller is nil when the object does not exist (any more).
	Controller *Controller
	Pods       []*corev1.Pod
	// Unread is why the pods, or the ReplicaSets, could not be read; nil when they could. What the controller counts is then
	// all that is known.
	Unread error
	// NodesComing says that the autoscaler of the nodes is adding one for a pod that has no place, by the pod's UID.
	NodesComing map[string]bool
	// Room is what decides whether more pods are taken, read when a quota refuses some; else nil.
	Room *Room
	// UnreadyNodes are the Ready conditions of nodes that are not ready and have pods of it that are not either, by name.
	UnreadyNodes map[string]corev1.NodeCondition
}

// TemplateHash identifies the pod template that the workload has now.
func (r Rollout) TemplateHash() string {
	if r.Controller == nil {
		return ""
	}
	return r.Controller.TemplateHash
}

// Revision is the number of the current revision, 0 when it is not known.
func (r Rollout) Revision() int64 { return r.Controller.Revision }

// Desired is how many pods are wanted.
func (r Rollout) Desired() int32 {
	if r.Controller == nil {
		return 0
	}
	return r.Controller.Desired
}

// Split separates the pods of the current revision from those of older ones, by name.
func (r Rollout) Split() (fresh, old []*corev1.Pod) {
	for _, pod := range r.Pods {
		if r.Controller.current(pod) {
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

// Done reports whether the controller is finished.
func (r Rollout) Done() bool { return r.Controller != nil && r.Controller.Done() }

// Ready are the new and the old pods that take requests: counted, or what the controller counted where the pods cannot be read.
func (r Rollout) Ready() (fresh, old int) {
	if r.Unread != nil {
		fresh = int(r.Controller.ReadyNew)
		return fresh, max(0, int(r.Controller.Ready)-fresh)
	}
	current, before := r.Split()
	return Serving(current), Serving(before)
}

// up is how many of the wanted pods are there: new ones, and as many old ones as may stay.
func (r Rollout) up() int {
	fresh, old := r.Ready()
	return min(fresh+min(old, r.Controller.kept()), int(r.Desired()))
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

// restartWindow is how far back restarts count as news.
const restartWindow = 10 * time.Minute

// restartsSince is how often containers of the pod have restarted since then, as far as the pod's status shows: it keeps a counter
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
