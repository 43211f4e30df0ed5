package rules

import (
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta/diagnosis/facts"
)

// denial is a pod that a controller tried to create and the API server refused.
type denial struct {
	s       *facts.Snapshot
	ref     facts.Ref // of the workload
	message string
	since   time.Time
	last    time.Time // of an event: when it was said last
	set     string    // the ReplicaSet whose condition says it; "" where it is said of the workload
	ofSet   bool      // that a ReplicaSet was refused, and not a pod
	shown   facts.Evidence
	groups  []string
}

// denials collects the refusals that still hold: a workload that has all its pods was refused in the past.
func denials(s *facts.Snapshot) []*denial {
	var found []*denial
	for _, w := range s.Workloads() {
		if w.Desired < 0 || w.CountCurrent() >= w.Desired && !lacksNewSet(w) {
			continue
		}
		if d := denialOf(s, w); d != nil {
			found = append(found, d)
		}
	}
	return found
}

// lacksNewSet says that the controller could not make the ReplicaSet of the newest template; the one before has its pods.
func lacksNewSet(w *facts.Workload) bool {
	return w.Rollout != nil && slices.ContainsFunc(w.Rollout.Deployment.Status.Conditions, func(c appsv1.DeploymentCondition) bool {
		return c.Type == appsv1.DeploymentProgressing && c.Status == corev1.ConditionFalse && c.Reason == "ReplicaSetCreateError"
	})
}

func denialOf(s *facts.Snapshot, w *facts.Workload) *denial {
	for _, n := range s.Namespaces() {
		if n.Name == w.Ref.Namespace && n.DeletionTimestamp != nil { // controllers say nothing of it: their events would be refused as well
			at := n.DeletionTimestamp.Time
			shown := facts.Evidence{
				Object: facts.Ref{Kind: facts.KindNamespace, Name: n.Name},
				Field:  "metadata.deletionTimestamp",
				Quote:  "being deleted",
				At:     facts.Moment(at),
			}
			return &denial{s: s, ref: w.Ref, message: "because it is being terminated", since: at, shown: shown}
		}
	}
	for _, d := range append(deniedByStatus(s, w), deniedByEvents(s, w)...) {
		if !isHistory(s, w, d) {
			return d
		}
	}
	return nil
}

// deniedByStatus are the refusals that the conditions of a Deployment and its ReplicaSets show.
func deniedByStatus(s *facts.Snapshot, w *facts.Workload) []*denial {
	if w.Rollout == nil {
		return nil
	}
	var found []*denial
	for _, set := range w.Rollout.Sets {
		for _, c := range set.Status.Conditions {
			if c.Type == appsv1.ReplicaSetReplicaFailure && c.Status == corev1.ConditionTrue && c.Message != "" {
				d := denied(
					s,
					w,
					facts.RefOf(facts.KindReplicaSet, set),
					"status.conditions[ReplicaFailure]",
					c.Reason,
					c.Message,
					c.LastTransitionTime.Time,
				)
				d.set = set.Name
				found = append(found, d)
			}
		}
	}
	for _, c := range w.Rollout.Deployment.Status.Conditions {
		noSet := c.Type == appsv1.DeploymentProgressing && c.Reason == "ReplicaSetCreateError"
		if (noSet || c.Type == appsv1.DeploymentReplicaFailure && c.Status == corev1.ConditionTrue) && c.Message != "" {
			d := denied(s, w, w.Ref, fmt.Sprintf("status.conditions[%s]", c.Type), c.Reason, c.Message, c.LastTransitionTime.Time)
			d.ofSet = noSet
			found = append(found, d)
		}
	}
	return found
}

// deniedByEvents are the latest refusals that events about a workload and its newest ReplicaSet report.
func deniedByEvents(s *facts.Snapshot, w *facts.Workload) []*denial {
	var found []*denial
	about := []facts.Ref{w.Ref}
	if set := w.Current(); set != nil {
		about = append(about, facts.RefOf(facts.KindReplicaSet, set))
	}
	for _, ref := range about {
		if e, ok := s.Recent(ref, "FailedCreate"); ok {
			found = append(found, &denial{s: s, ref: w.Ref, message: e.Message, since: e.First, last: e.Last, shown: e.Evidence(ref)})
		}
	}
	return found
}

// isHistory says that a refusal no longer holds: its quota has room now, or a pod was created after the last attempt that was
// refused. Controllers leave a condition until their next attempt.
func isHistory(s *facts.Snapshot, w *facts.Workload, d *denial) bool {
	if d.ofSet {
		return false // pods of the ReplicaSet before say nothing about the one that can't be made
	}
	if d.set == "" && !d.last.IsZero() && hasItsPods(w) {
		return true // its controller wants no other pod: an event says what was
	}
	if fits, known := quotaFits(s, d); known {
		return fits
	}
	if !s.Knows("pods", w.Ref.Namespace) || !s.Knows("events", w.Ref.Namespace) {
		return false // a condition keeps the moment of the first refusal; only events have the last
	}
	last := facts.Latest(d.since, d.last)
	if w.Rollout != nil && d.set != "" {
		if e, ok := s.Recent(facts.Ref{Kind: facts.KindReplicaSet, Namespace: w.Ref.Namespace, Name: d.set}, "FailedCreate"); ok {
			last = facts.Latest(last, e.Last)
		}
	} else if set := w.Current(); set != nil {
		if e, ok := s.Recent(facts.RefOf(facts.KindReplicaSet, set), "FailedCreate"); ok {
			last = facts.Latest(last, e.Last)
		}
	}
	newest := w.NewestPod(d.set)
	return !last.IsZero() && newest.After(last)
}

// hasItsPods says that the newest ReplicaSet of a Deployment has the pods that it's to have by now, and that its controller was refused
// none the last time. While a rollout waits for its first pods that is fewer than the Deployment wants.
func hasItsPods(w *facts.Workload) bool {
	set := w.Current()
	if set == nil || set.Spec.Replicas == nil || set.Status.ObservedGeneration < set.Generation {
		return false
	}
	refused := slices.ContainsFunc(set.Status.Conditions, func(c appsv1.ReplicaSetCondition) bool {
		return c.Type == appsv1.ReplicaSetReplicaFailure && c.Status == corev1.ConditionTrue
	})
	return !refused && set.Status.Replicas >= *set.Spec.Replicas && *set.Spec.Replicas > 0
}

// quotaFits says whether the quota that refused pods takes one now; known is false of other refusals, and where that can't be determined.
func quotaFits(s *facts.Snapshot, d *denial) (fits, known bool) {
	refusal, is := facts.ReadQuotaRefusal(d.message)
	if !is {
		return false, false
	}
	if q := quota(s, d.ref.Namespace, refusal.Quota); q != nil {
		return refusal.Fits(q)
	}
	return false, false
}

func quota(s *facts.Snapshot, namespace, name string) *corev1.ResourceQuota {
	for _, q := range s.Quotas() {
		if q.Name == name && q.Namespace == namespace {
			return q
		}
	}
	return nil
}

func denied(s *facts.Snapshot, w *facts.Workload, object facts.Ref, field, reason, message string, since time.Time) *denial {
	return &denial{
		s: s, ref: w.Ref, message: message, since: since,
		shown: facts.Evidence{Object: object, Field: field, Quote: reason + ": " + message, At: facts.Moment(since), Count: 1},
	}
}
