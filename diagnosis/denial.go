package diagnosis

import (
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// denial is a pod that a controller tried to create and the API server refused.
type denial struct {
	s       *Snapshot
	ref     Ref // of the workload
	message string
	since   time.Time
	last    time.Time // of an event: when it was said last
	set     string    // the ReplicaSet whose condition says it; "" where it is said of the workload
	ofSet   bool      // that a ReplicaSet was refused, and not a pod
	shown   Evidence
	groups  []string
}

// denials collects the refusals that still hold: a workload that has all its pods was refused in the past.
func (s *Snapshot) denials() []*denial {
	var found []*denial
	for _, w := range s.index.workloads {
		if w.desired < 0 || w.countCurrent() >= w.desired && !w.lacksNewSet() {
			continue
		}
		if d := s.denialOf(w); d != nil {
			found = append(found, d)
		}
	}
	return found
}

// lacksNewSet says that the controller could not make the ReplicaSet of the newest template; the one before has its pods.
func (w *workload) lacksNewSet() bool {
	return w.rollout != nil && slices.ContainsFunc(w.rollout.deployment.Status.Conditions, func(c appsv1.DeploymentCondition) bool {
		return c.Type == appsv1.DeploymentProgressing && c.Status == corev1.ConditionFalse && c.Reason == "ReplicaSetCreateError"
	})
}

func (s *Snapshot) denialOf(w *workload) *denial {
	for _, n := range s.namespaces {
		if n.Name == w.ref.Namespace && n.DeletionTimestamp != nil { // controllers say nothing of it: their events would be refused as well
			at := n.DeletionTimestamp.Time
			shown := Evidence{Object: Ref{Kind: KindNamespace, Name: n.Name}, Field: "metadata.deletionTimestamp", Quote: "being deleted", At: moment(at)}
			return &denial{s: s, ref: w.ref, message: "because it is being terminated", since: at, shown: shown}
		}
	}
	for _, d := range append(s.deniedByStatus(w), s.deniedByEvents(w)...) {
		if !s.isHistory(w, d) {
			return d
		}
	}
	return nil
}

// deniedByStatus are the refusals that the conditions of a Deployment and its ReplicaSets tell.
func (s *Snapshot) deniedByStatus(w *workload) []*denial {
	if w.rollout == nil {
		return nil
	}
	var found []*denial
	for _, set := range w.rollout.sets {
		for _, c := range set.Status.Conditions {
			if c.Type == appsv1.ReplicaSetReplicaFailure && c.Status == corev1.ConditionTrue && c.Message != "" {
				d := s.denied(w, refOf(KindReplicaSet, set), "status.conditions[ReplicaFailure]", c.Reason, c.Message, c.LastTransitionTime.Time)
				d.set = set.Name
				found = append(found, d)
			}
		}
	}
	for _, c := range w.rollout.deployment.Status.Conditions {
		noSet := c.Type == appsv1.DeploymentProgressing && c.Reason == "ReplicaSetCreateError"
		if (noSet || c.Type == appsv1.DeploymentReplicaFailure && c.Status == corev1.ConditionTrue) && c.Message != "" {
			d := s.denied(w, w.ref, fmt.Sprintf("status.conditions[%s]", c.Type), c.Reason, c.Message, c.LastTransitionTime.Time)
			d.ofSet = noSet
			found = append(found, d)
		}
	}
	return found
}

// deniedByEvents are the latest refusals that events about a workload and its newest ReplicaSet tell.
func (s *Snapshot) deniedByEvents(w *workload) []*denial {
	var found []*denial
	about := []Ref{w.ref}
	if set := w.current(); set != nil {
		about = append(about, refOf(KindReplicaSet, set))
	}
	for _, ref := range about {
		if e, ok := s.recent(ref, "FailedCreate"); ok {
			found = append(found, &denial{s: s, ref: w.ref, message: e.message, since: e.first, last: e.last, shown: e.evidence(ref)})
		}
	}
	return found
}

// isHistory says that a refusal no longer holds: its quota has room now, or a pod was created after the last attempt that was
// refused. Controllers leave a condition until their next attempt.
func (s *Snapshot) isHistory(w *workload, d *denial) bool {
	if d.ofSet {
		return false // pods of the ReplicaSet before say nothing about the one that can't be made
	}
	if fits, known := s.quotaFits(d); known {
		return fits
	}
	if !s.knows("pods", w.ref.Namespace) || !s.knows("events", w.ref.Namespace) {
		return false // a condition keeps the moment of the first refusal; only events tell the last
	}
	last := latest(d.since, d.last)
	if w.rollout != nil && d.set != "" {
		if e, ok := s.recent(Ref{KindReplicaSet, w.ref.Namespace, d.set}, "FailedCreate"); ok {
			last = latest(last, e.last)
		}
	} else if set := w.current(); set != nil {
		if e, ok := s.recent(refOf(KindReplicaSet, set), "FailedCreate"); ok {
			last = latest(last, e.last)
		}
	}
	newest := w.newestPod(d.set)
	return !last.IsZero() && newest.After(last)
}

// quotaFits says whether the quota that refused pods takes one now; known is false of other refusals, and where that can't be told.
func (s *Snapshot) quotaFits(d *denial) (fits, known bool) {
	refusal, is := ReadQuotaRefusal(d.message)
	if !is {
		return false, false
	}
	if q := s.quota(d.ref.Namespace, refusal.Quota); q != nil {
		return refusal.Fits(q)
	}
	return false, false
}

func (s *Snapshot) quota(namespace, name string) *corev1.ResourceQuota {
	for _, q := range s.quotas {
		if q.Name == name && q.Namespace == namespace {
			return q
		}
	}
	return nil
}

// newestPod is when the newest pod of a workload was created that is still there; with a ReplicaSet's name, of its pods.
func (w *workload) newestPod(set string) time.Time {
	var newest time.Time
	for _, p := range slices.Concat(w.pods, w.finished) {
		if owner := metav1.GetControllerOfNoCopy(p); set == "" && w.isCurrent(p) || owner != nil && owner.Name == set {
			newest = latest(newest, p.CreationTimestamp.Time)
		}
	}
	return newest
}

func (s *Snapshot) denied(w *workload, object Ref, field, reason, message string, since time.Time) *denial {
	return &denial{
		s: s, ref: w.ref, message: message, since: since,
		shown: Evidence{Object: object, Field: field, Quote: reason + ": " + message, At: moment(since), Count: 1},
	}
}
