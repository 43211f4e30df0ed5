package dump

import (
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// clocks are the latest times seen by whose clock wrote them: a node's by its name, the API server's by "".
type clocks map[string]time.Time

func (c clocks) see(whose string, times ...metav1.Time) {
	for _, t := range times {
		if t.After(c[whose]) {
			c[whose] = t.Time
		}
	}
}

// heartbeats is how far the heartbeats of two nodes that are well may lie apart: a kubelet reports at least every five
// minutes. A node that is ahead of all others by more has a clock that is wrong.
const heartbeats = 6 * time.Minute

// lastMoment is the latest time that an object mentions: a heartbeat, a transition, an event. Times of the future that
// objects plan with (renewals, expiries, deletions) do not count, nor does a node whose clock runs ahead of two others.
func lastMoment(objects []runtime.Object) time.Time {
	seen, well := clocks{}, []string{}
	for _, object := range objects {
		if accessor, err := meta.Accessor(object); err == nil {
			seen.see("", accessor.GetCreationTimestamp())
			for _, m := range accessor.GetManagedFields() {
				if m.Time != nil {
					seen.see("", *m.Time)
				}
			}
		}
		if n, ok := object.(*corev1.Node); ok && seen.seeNode(n) {
			well = append(well, n.Name)
		}
		seen.seeOther(object)
	}
	if ahead := seen.ahead(well); ahead != "" {
		delete(seen, ahead)
	}
	var last time.Time
	for _, t := range seen {
		if t.After(last) {
			last = t
		}
	}
	return last
}

// ahead is the node whose clock is wrong: ahead of the API server and of at least two nodes that are well. Empty when
// there is none.
func (c clocks) ahead(well []string) string {
	if len(well) < 3 {
		return ""
	}
	slices.SortFunc(well, func(a, b string) int { return c[b].Compare(c[a]) })
	first, second := c[well[0]], c[well[1]]
	if first.After(second.Add(heartbeats)) && first.After(c[""].Add(heartbeats)) {
		return well[0]
	}
	return ""
}

// seeNode reads a node's heartbeats and says whether it is ready.
func (c clocks) seeNode(n *corev1.Node) bool {
	ready := false
	for _, condition := range n.Status.Conditions {
		c.see(n.Name, condition.LastHeartbeatTime)
		c.see("", condition.LastTransitionTime) // the node controller writes some of them
		ready = ready || condition.Type == corev1.NodeReady && condition.Status == corev1.ConditionTrue
	}
	return ready
}

func (c clocks) seeOther(object runtime.Object) {
	switch o := object.(type) {
	case *corev1.Event:
		c.see(o.Source.Host, o.LastTimestamp, metav1.NewTime(o.EventTime.Time))
		if o.Series != nil {
			c.see(o.Source.Host, metav1.NewTime(o.Series.LastObservedTime.Time))
		}
	case *corev1.Pod:
		for _, condition := range o.Status.Conditions {
			c.see(o.Spec.NodeName, condition.LastTransitionTime)
		}
		for i := range o.Status.ContainerStatuses {
			status := &o.Status.ContainerStatuses[i]
			if status.State.Running != nil {
				c.see(o.Spec.NodeName, status.State.Running.StartedAt)
			}
			for _, end := range []*corev1.ContainerStateTerminated{status.State.Terminated, status.LastTerminationState.Terminated} {
				if end != nil {
					c.see(o.Spec.NodeName, end.FinishedAt)
				}
			}
		}
	case *coordinationv1.Lease: // of a node, by its own clock; of a controller, by that of its node, which isn't known
		if o.Spec.RenewTime != nil && o.Namespace == corev1.NamespaceNodeLease {
			c.see(o.Name, metav1.NewTime(o.Spec.RenewTime.Time))
		}
	case *appsv1.Deployment:
		for _, condition := range o.Status.Conditions {
			c.see("", condition.LastUpdateTime, condition.LastTransitionTime)
		}
	}
}
