package facts

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// WorkloadsOf are the workloads that an object is one of, belongs to, is used by or leads to, sorted: of a pod its own, of a Job that a
// CronJob made the CronJob, of a Secret, ConfigMap or volume claim those whose templates name it, of a Service, Ingress, route, certificate
// or autoscaler those around it. It's empty where nothing tells.
func (s *Snapshot) WorkloadsOf(ref Ref) []Ref {
	if ref.Kind == KindPod {
		for _, p := range s.pods {
			if p.Name == ref.Name && p.Namespace == ref.Namespace {
				return []Ref{s.madeBy(s.index.podOwner[p].Ref)}
			}
		}
		return nil
	}
	if s.index.byRef[ref] != nil || ref.Kind == KindCronJob {
		return []Ref{s.madeBy(ref)}
	}
	if ref.Kind == KindReplicaSet {
		return s.ofReplicaSet(ref)
	}
	near := s.reach(ref)
	upstream := map[Ref][]Ref{}
	for from, list := range s.index.downstream {
		for _, to := range list {
			upstream[to] = append(upstream[to], from)
		}
	}
	anything := func(Ref) bool { return true }
	climb(near, upstream, upstream[ref], anything)
	for _, at := range slices.SortedFunc(maps.Keys(near), Ref.Compare) {
		if at.Kind == KindIngress || IsRoute(at.Kind) { // of a certificate: what it's for
			climb(near, upstream, upstream[at], anything)
		}
	}
	var found []Ref
	for at := range near {
		if s.index.byRef[at] != nil {
			found = append(found, s.madeBy(at))
		}
		for _, w := range s.UsersOf(at) {
			found = append(found, s.madeBy(w.Ref))
		}
		found = append(found, s.mounting(at)...)
	}
	slices.SortFunc(found, Ref.Compare)
	return slices.Compact(found)
}

// madeBy is the CronJob of a Job, or the workload itself.
func (s *Snapshot) madeBy(workload Ref) Ref {
	if workload.Kind == KindJob {
		for _, above := range s.index.downstream[workload] {
			if above.Kind == KindCronJob {
				return above
			}
		}
	}
	return workload
}

// ofReplicaSet is the Deployment whose ReplicaSet it is.
func (s *Snapshot) ofReplicaSet(set Ref) []Ref {
	for _, w := range s.index.workloads {
		if w.Rollout == nil {
			continue
		}
		for _, one := range w.Rollout.Sets {
			if RefOf(KindReplicaSet, one) == set {
				return []Ref{w.Ref}
			}
		}
	}
	return nil
}

// mounting are the workloads whose pods mount a volume claim.
func (s *Snapshot) mounting(claim Ref) []Ref {
	var found []Ref
	if claim.Kind != KindClaim {
		return nil
	}
	for _, p := range s.pods {
		if p.Namespace == claim.Namespace && slices.ContainsFunc(p.Spec.Volumes, func(v corev1.Volume) bool {
			return v.PersistentVolumeClaim != nil && v.PersistentVolumeClaim.ClaimName == claim.Name
		}) {
			found = append(found, s.madeBy(s.index.podOwner[p].Ref))
		}
	}
	return found
}
