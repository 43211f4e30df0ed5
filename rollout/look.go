package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/3astronautas/algesta"
)

// Look reads the rollout of a Deployment, a StatefulSet or a DaemonSet; of a Deployment from the shared caches where they are warm. An
// object that doesn't exist is no error: the Rollout's Controller is nil.
func Look(ctx context.Context, c Cluster, w algesta.Object) (Rollout, error) {
	var r Rollout
	var err error
	switch w.Kind {
	case "StatefulSet":
		r, err = lookAtStatefulSet(ctx, c, w)
	case "DaemonSet":
		r, err = lookAtDaemonSet(ctx, c, w)
	default:
		r, err = lookAtDeployment(ctx, c, w)
	}
	if errors.Is(err, algesta.ErrNotFound) {
		return Rollout{Workload: w}, nil
	}
	if err != nil {
		return Rollout{}, fmt.Errorf("looking at %s: %w", w.Name, err)
	}
	if r.Controller == nil {
		return r, nil
	}
	r.NodesComing = nodesComing(ctx, c, r)
	r.UnreadyNodes = unreadyNodes(ctx, c, r.Pods)
	if strings.Contains(r.refused(), "exceeded quota") {
		r.Room = readRoom(ctx, c, w.Namespace)
	}
	return r, nil
}

func lookAtDeployment(ctx context.Context, c Cluster, w algesta.Object) (Rollout, error) {
	d, sets, pods, err := c.Workload(ctx, w)
	if d == nil {
		return Rollout{Workload: w}, err
	}
	controller := OfDeployment(d, sets)
	return Rollout{Workload: w, Controller: &controller, Pods: pods, Unread: err}, nil
}

func lookAtStatefulSet(ctx context.Context, c Cluster, w algesta.Object) (Rollout, error) {
	var sets appsv1.StatefulSetList
	if err := c.List(ctx, w.Namespace, "", &sets); err != nil {
		return Rollout{}, err
	}
	i := slices.IndexFunc(sets.Items, func(s appsv1.StatefulSet) bool { return s.Name == w.Name })
	if i < 0 {
		return Rollout{Workload: w}, nil
	}
	controller, err := OfStatefulSet(&sets.Items[i])
	return withPods(ctx, c, Rollout{Workload: w, Controller: &controller}, sets.Items[i].Spec.Selector), err
}

func lookAtDaemonSet(ctx context.Context, c Cluster, w algesta.Object) (Rollout, error) {
	var sets appsv1.DaemonSetList
	if err := c.List(ctx, w.Namespace, "", &sets); err != nil {
		return Rollout{}, err
	}
	i := slices.IndexFunc(sets.Items, func(s appsv1.DaemonSet) bool { return s.Name == w.Name })
	if i < 0 {
		return Rollout{Workload: w}, nil
	}
	controller, err := OfDaemonSet(&sets.Items[i])
	r := withPods(ctx, c, Rollout{Workload: w, Controller: &controller}, sets.Items[i].Spec.Selector)
	r.Controller.hash = r.currentHash(ctx, c, sets.Items[i].Spec.Selector)
	return r, err
}

// currentHash is the hash of a DaemonSet's current revision, "" where it isn't known. Its controller takes pods for current by that, too:
// those that are left of a revision to which someone went back have the generation of their own time. It's on every pod that was made since
// the change; before the first one the revisions tell.
func (r Rollout) currentHash(ctx context.Context, c Cluster, selector *metav1.LabelSelector) string {
	d := r.Controller
	for _, pod := range r.Pods {
		if d.current(pod) {
			return pod.Labels[appsv1.ControllerRevisionHashLabelKey]
		}
	}
	chosen, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil || d.Observed < d.Generation || d.Updated == 0 {
		return ""
	}
	var kept appsv1.ControllerRevisionList
	if err := c.List(ctx, r.Workload.Namespace, chosen.String(), &kept); err != nil {
		return "" // its controller's counts are told in any case
	}
	newest, hash := int64(0), ""
	for i := range kept.Items {
		owner := metav1.GetControllerOf(&kept.Items[i])
		if owner != nil && owner.UID == d.UID && kept.Items[i].Revision > newest {
			newest, hash = kept.Items[i].Revision, kept.Items[i].Labels[appsv1.ControllerRevisionHashLabelKey]
		}
	}
	return hash
}

// withPods reads the pods that the controller owns, and why it may not make one that it lacks. By owner reference and not by labels
// alone: selectors may overlap.
func withPods(ctx context.Context, c Cluster, r Rollout, selector *metav1.LabelSelector) Rollout {
	chosen, err := metav1.LabelSelectorAsSelector(selector)
	var pods corev1.PodList
	if err == nil {
		err = c.List(ctx, r.Workload.Namespace, chosen.String(), &pods)
	}
	r.Unread = err
	for i := range pods.Items {
		if ownedBy(&pods.Items[i], r.Controller.UID) {
			r.Pods = append(r.Pods, &pods.Items[i])
		}
	}
	if r.Controller.Made < r.Controller.Wanted {
		r.Controller.Refusal = lastRefusal(eventsOf(ctx, c, r.Workload.Namespace, "FailedCreate"), r.Controller.UID)
	}
	return r
}

// lastRefusal is the newest event that says why the controller could not make a pod; a ReplicaSet has a condition for that.
func lastRefusal(found []corev1.Event, uid types.UID) string {
	var last *corev1.Event
	for i := range found {
		e := &found[i]
		if e.InvolvedObject.UID == uid && (last == nil || lastTime(e).After(lastTime(last))) {
			last = e
		}
	}
	if last == nil {
		return ""
	}
	return orElse(last.Message, "the API server refused")
}

func lastTime(e *corev1.Event) time.Time {
	if e.Series != nil {
		return e.Series.LastObservedTime.Time
	}
	if !e.LastTimestamp.IsZero() {
		return e.LastTimestamp.Time
	}
	return e.EventTime.Time
}

func ownedBy(pod *corev1.Pod, uid types.UID) bool {
	owner := metav1.GetControllerOf(pod)
	return owner != nil && owner.UID == uid
}

// eventsOf are the events with one reason; none where they cannot be read, or the cluster cannot be asked.
func eventsOf(ctx context.Context, c Cluster, namespace, reason string) []corev1.Event {
	if c.Events == nil {
		return nil
	}
	found, err := c.Events.EventsOf(ctx, namespace, reason)
	if err != nil {
		return nil
	}
	return found
}

// nodesComing finds the pods for which the cluster autoscaler is adding a node. It says so in events alone, which are
// asked for only when a pod has been without a place for a while; without the right to read them nothing is known.
func nodesComing(ctx context.Context, c Cluster, r Rollout) map[string]bool {
	waits := slices.ContainsFunc(r.Pods, func(pod *corev1.Pod) bool {
		return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
			return c.Reason == corev1.PodReasonUnschedulable && time.Since(c.LastTransitionTime.Time) > nodePatience/2
		})
	})
	if !waits {
		return nil
	}
	out := map[string]bool{}
	for _, e := range eventsOf(ctx, c, r.Workload.Namespace, "TriggeredScaleUp") {
		out[string(e.InvolvedObject.UID)] = true
	}
	return out
}
