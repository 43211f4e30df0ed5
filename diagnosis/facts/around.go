package facts

import (
	"maps"
	"slices"
)

// Surroundings are the objects that a question is about: the subject, what depends on it and what it depends on.
type Surroundings struct {
	Everything bool
	refs       map[Ref]bool
	Node       string // the question is about this node and the pods on it
	namespace  string // the question is about a whole namespace
}

// Around are the objects that a question about the subject concerns.
func (s *Snapshot) Around(subject Ref) Surroundings {
	var near Surroundings
	switch subject.Kind {
	case "":
		near.Everything = true
		return near
	case KindNamespace:
		near.namespace = subject.Name
		near.refs = map[Ref]bool{subject: true}
		return near
	case KindNode:
		near.Node = subject.Name
		near.refs = map[Ref]bool{subject: true}
		return near
	case KindPod:
		for _, p := range s.pods {
			if p.Name == subject.Name && p.Namespace == subject.Namespace {
				near.refs = s.neighbours(s.index.podOwner[p].Ref)
				near.refs[subject] = true
				return near
			}
		}
	}
	near.refs = s.neighbours(subject)
	return near
}

// neighbours are what depends on the object, what it depends on, and the certificates of the ingresses in front of it.
func (s *Snapshot) neighbours(ref Ref) map[Ref]bool {
	upstream := map[Ref][]Ref{}
	for from, list := range s.index.downstream {
		for _, to := range list {
			upstream[to] = append(upstream[to], from)
		}
	}
	refs := s.reach(ref)
	if ref.Kind == KindService || ref.Kind == KindIngress || ref.Kind == KindCertificate || ref.Kind == KindSecret ||
		ref.Kind == KindGateway || IsRoute(ref.Kind) || ref.Kind == KindAutoscaler || ref.Kind == KindBudget || ref.Kind == KindCronJob {
		climb(refs, upstream, upstream[ref], func(Ref) bool { return true })
	}
	for _, at := range slices.SortedFunc(maps.Keys(refs), Ref.Compare) {
		if at.Kind == KindIngress || IsRoute(at.Kind) {
			climb(refs, upstream, upstream[at], func(r Ref) bool {
				return r.Kind == KindSecret || r.Kind == KindCertificate || r.Kind == KindGateway
			})
		}
	}
	if ref.Kind != KindIngress && ref.Kind != KindCertificate && ref.Namespace != "" {
		for _, q := range s.quotas {
			if q.Namespace == ref.Namespace {
				refs[RefOf(KindQuota, q)] = true
			}
		}
		refs[Ref{Kind: KindNamespace, Name: ref.Namespace}] = true
	}
	return refs
}

func climb(refs map[Ref]bool, upstream map[Ref][]Ref, from []Ref, wanted func(Ref) bool) {
	for _, ref := range from {
		if !refs[ref] && wanted(ref) {
			refs[ref] = true
			climb(refs, upstream, upstream[ref], wanted)
		}
	}
}

// Has says that an object is among them.
func (n Surroundings) Has(ref Ref) bool {
	return n.Everything || n.refs[ref] || n.namespace != "" && ref.Namespace == n.namespace
}
