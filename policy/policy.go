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
	Command algesta.Command // with its actor and its resolved target
	Verb    string          // the runbook's verb
	Plan    *algesta.Plan   // nil before planning
	At      time.Time       // the time of the decision, not of the request
	// Asking says that nothing will be done (can-i): a limit that cannot be judged without
	// arguments nobody typed is passed over. What really runs is decided again without it.
	Asking bool
}

// actor and target are what most rules look at.
func (f Facts) actor() algesta.Actor   { return f.Command.Actor }
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

// Groups are the IDs of the user groups that the policy names, sorted: nobody needs to know of others.
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
	slices.Sort(ids)
	return slices.Compact(ids)
}

// Clusters are the clusters that the policy names, sorted: whoever loads it can tell a misspelt one.
func (p *Policy) Clusters() []string { return p.places(func(p place) []string { return p.clusters }) }

// Namespaces are the namespaces that the policy names, sorted, without "*".
func (p *Policy) Namespaces() []string {
	names := p.places(func(p place) []string { return p.namespaces })
	return slices.DeleteFunc(names, func(n string) bool { return n == everywhere })
}

func (p *Policy) places(of func(place) []string) []string {
	var names []string
	for _, b := range p.bindings {
		names = append(names, of(b.place)...)
	}
	for _, a := range p.approvals {
		names = append(names, of(a.place)...)
	}
	for _, l := range p.limits {
		names = append(names, of(l.place)...)
	}
	for _, z := range p.freezes {
		names = append(names, of(z.place)...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
