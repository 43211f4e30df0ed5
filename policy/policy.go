// Package policy says who may do what, where and when, and whose yes is needed first: facts in,
// Decision out. It is pure: it must never ask Slack, a cluster or the clock, and what no rule
// allows is refused.
package policy

import (
	"slices"
	"time"

	"github.com/3astronautas/algesta"
)

// Policy is a policy file that was read and found sound. It is never changed afterwards, so any
// number of goroutines may ask it.
type Policy struct {
	bindings  []binding
	approvals []approval
	limits    []limit
	freezes   []freeze
}

// Facts are all that a decision rests on.
type Facts struct {
	Command algesta.Command // with its requester and its resolved target
	Verb    string          // the runbook's verb
	Plan    *algesta.Plan   // nil before planning
	At      time.Time       // the time of the decision, not of the request
	// Asking says that nothing will be done (can-i): a limit that cannot be judged without
	// arguments nobody typed is passed over. What really runs is decided again without it.
	Asking bool
}

// actor is the person whose rights count, the zero value where a rule asks on nobody's behalf.
func (f Facts) actor() algesta.Actor { a, _ := f.Command.Person(); return a }

func (f Facts) target() algesta.Target { return f.Command.Target }

// binding gives a role to subjects in some places.
type binding struct {
	name     string
	subjects []algesta.Subject
	role     string
	allow    []string // as the role writes it: for sentences
	verbs    verbSet
	reads    bool // some of the verbs only look
	place    place
}

// approval is a rule that asks for other people's yes.
type approval struct {
	need  algesta.Requirement
	verbs verbSet
	place place
}

// freeze forbids verbs for a while.
type freeze struct {
	name     string
	verbs    verbSet
	place    place
	from, to time.Time // to is no longer frozen
	reason   string
}

// active reports whether the freeze holds at this time.
func (z freeze) active(at time.Time) bool { return !at.Before(z.from) && at.Before(z.to) }

// verbSet are the verbs that a rule is about, families and patterns written out.
type verbSet map[string]bool

// place is where a rule holds. No clusters means every configured one.
type place struct {
	clusters, namespaces []string
}

// everywhere is how a rule names all namespaces, also of objects that are in none.
const everywhere = "*"

// covers reports whether the target is in the place. IDs are compared exactly.
func (p place) covers(t algesta.Target) bool {
	if len(p.clusters) > 0 && !slices.Contains(p.clusters, t.Cluster) {
		return false
	}
	if slices.Contains(p.namespaces, everywhere) {
		return true
	}
	return t.Namespace != "" && slices.Contains(p.namespaces, t.Namespace)
}

// meets reports whether some target may be in both places.
func (p place) meets(q place) bool {
	return overlap(p.clusters, q.clusters, len(p.clusters) == 0 || len(q.clusters) == 0) &&
		overlap(p.namespaces, q.namespaces, slices.Contains(p.namespaces, everywhere) || slices.Contains(q.namespaces, everywhere))
}

func overlap(a, b []string, all bool) bool {
	return all || slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}

// Groups are the IDs of the user groups that the policy names, in bindings, approvals and the expressions of limits, sorted. No decision
// hangs on another group, so actors need to carry no others.
func (p *Policy) Groups() []string {
	var ids []string
	collect := func(subjects []algesta.Subject) {
		for _, s := range subjects {
			if kind, id := split(s); kind == groupSubject {
				ids = append(ids, id)
			}
		}
	}
	for _, b := range p.bindings {
		collect(b.subjects)
	}
	for _, a := range p.approvals {
		collect(a.need.Approvers)
	}
	for _, l := range p.limits {
		ids = append(ids, l.groups...)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// GroupsAlone are the approvals that name user groups and no person, in the order of the file: where a workspace has no user groups, nobody
// can give them.
func (p *Policy) GroupsAlone() []string {
	var rules []string
	for _, a := range p.approvals {
		if !slices.ContainsFunc(a.need.Approvers, func(s algesta.Subject) bool { kind, _ := split(s); return kind != groupSubject }) {
			rules = append(rules, a.need.Rule)
		}
	}
	return rules
}

// Clusters are the clusters that the policy names, sorted: whoever loads it can tell a misspelt one.
func (p *Policy) Clusters() []string {
	var names []string
	for _, b := range p.bindings {
		names = append(names, b.place.clusters...)
	}
	for _, r := range p.restrictions() {
		names = append(names, r.place.clusters...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Nowhere is a namespace of a rule in which the rule restricts nothing.
type Nowhere struct {
	Rule, Namespace string // as the file has them
}

// Nowhere are the namespaces of approvals, limits and freezes that none of the targets is in, on a cluster of the rule: a misspelt one
// asks nobody and freezes nothing. Bindings aren't among them, because a misspelt one gives nothing; nor are rules about diagnose, which
// follows a cause into namespaces that no target is in. They come in the order of the file: approvals, limits, freezes.
func (p *Policy) Nowhere(targets []algesta.Target) []Nowhere {
	var out []Nowhere
	for _, r := range p.restrictions() {
		for _, namespace := range r.place.namespaces {
			only := place{clusters: r.place.clusters, namespaces: []string{namespace}}
			if namespace != everywhere && !r.verbs["diagnose"] && !slices.ContainsFunc(targets, only.covers) {
				out = append(out, Nowhere{Rule: r.name, Namespace: namespace})
			}
		}
	}
	return out
}

// restriction is what approvals, limits and freezes have in common.
type restriction struct {
	name  string
	verbs verbSet
	place place
}

func (p *Policy) restrictions() []restriction {
	var all []restriction
	for _, a := range p.approvals {
		all = append(all, restriction{a.need.Rule, a.verbs, a.place})
	}
	for _, l := range p.limits {
		all = append(all, restriction{l.name, l.verbs, l.place})
	}
	for _, z := range p.freezes {
		all = append(all, restriction{z.name, z.verbs, z.place})
	}
	return all
}
