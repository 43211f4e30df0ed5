// Package policy says who may do what, where and when, and whose yes is needed first: facts in,
// Decision out. It is pure: it must never ask Slack, a cluster or the clock, and what no rule
// allows is refused.
package policy

import (
	"maps"
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
	glass     *BreakGlass // nil: nobody breaks a glass
	broken    []algesta.BreakGlass
	commands  []algesta.ListedCommand // that may be run in pods; none: exec is off
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
	// Glass is the broken glass that the request rests on: no other one counts. "" is any.
	Glass string
	// Approved says that the request rests on approvals: no broken glass counts.
	Approved bool
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
	asked    *algesta.Freeze // the freeze that somebody asked for; nil for one of the file
}

// holds reports whether a freeze is about a command.
func (z freeze) holds(f Facts) bool {
	if !z.verbs[f.Verb] || !z.active(f.At) {
		return false
	}
	if z.asked != nil {
		return z.asked.Covers(f.target(), f.Plan)
	}
	return z.place.covers(f.target())
}

// Frozen is a freeze that is in force, of the file or asked for, as people are told of it.
type Frozen struct {
	Name       string // of the file's rule, or "c-…" for one that somebody asked for
	Clusters   []string
	Namespaces []string // "*" means all
	Verbs      []string // sorted
	Until      time.Time
	Reason     string
	Asked      *algesta.Freeze // nil for one of the file
}

// With is the policy with freezes that people asked for, in the place of those that it had. It is a new value: the policy itself is never
// changed.
func (p *Policy) With(asked []algesta.Freeze) *Policy {
	out := *p
	out.freezes = nil
	for _, z := range p.freezes {
		if z.asked == nil {
			out.freezes = append(out.freezes, z)
		}
	}
	for _, a := range asked {
		out.freezes = append(out.freezes, freeze{
			name: a.ID, verbs: frozenVerbs(), place: place{clusters: []string{a.Target.Cluster}, namespaces: []string{a.Target.Namespace}},
			from: a.From, to: a.Until, reason: a.Reason, asked: &a,
		})
	}
	return &out
}

// frozenVerbs are what a freeze that someone asked for forbids: every change but those that end a freeze or make another.
func frozenVerbs() verbSet {
	out := verbSet{}
	for v, family := range algesta.Verbs() {
		if family == algesta.Changes && !aboutFreezes[v] {
			out[v] = true
		}
	}
	return out
}

// aboutFreezes are verbs that change no cluster and say what else may be changed, or told. A freeze of every change isn't about them:
// nobody could end one that was a mistake, freeze more, or snooze what is known already. A rule of the file that names them holds all the
// same.
var aboutFreezes = map[string]bool{"freeze": true, "unfreeze": true, algesta.BreakGlassVerb: true, "silence": true}

// FrozenNow are the freezes that are in force and about a place that the actor may read something in, in the order of the file, and after
// them those that were asked for, in theirs.
func (p *Policy) FrozenNow(a algesta.Actor, at time.Time) []Frozen {
	if _, ok := standing(a); !ok {
		return nil
	}
	var out []Frozen
	for _, z := range p.freezes {
		var readable []place
		for _, b := range p.bindings {
			if b.reads && b.place.meets(z.place) && among(a, b.subjects) {
				readable = append(readable, b.place)
			}
		}
		if z.active(at) && len(readable) > 0 {
			shown := z.shown()
			shown.Clusters, shown.Namespaces = z.place.within(readable)
			out = append(out, shown)
		}
	}
	return out
}

// FrozenFor are the freezes in force that forbid some change of a target.
func (p *Policy) FrozenFor(t algesta.Target, at time.Time) []Frozen {
	var out []Frozen
	for _, z := range p.freezes {
		here := z.place.covers(t)
		if z.asked != nil {
			here = z.asked.Covers(t, nil)
		}
		if z.active(at) && here {
			out = append(out, z.shown())
		}
	}
	return out
}

func (z freeze) shown() Frozen {
	return Frozen{
		Name: z.name, Clusters: z.place.clusters, Namespaces: z.place.namespaces, Verbs: slices.Sorted(maps.Keys(z.verbs)), Until: z.to,
		Reason: z.reason, Asked: z.asked,
	}
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

// within are the clusters and namespaces of a place that one of the others has, too: of those there is nothing to hide.
func (p place) within(others []place) (clusters, namespaces []string) {
	for _, o := range others {
		for _, c := range p.clusters {
			if len(o.clusters) == 0 || slices.Contains(o.clusters, c) {
				clusters = append(clusters, c)
			}
		}
		for _, n := range p.namespaces {
			if n == everywhere || slices.Contains(o.namespaces, everywhere) || slices.Contains(o.namespaces, n) {
				namespaces = append(namespaces, n)
			}
		}
	}
	slices.Sort(clusters)
	slices.Sort(namespaces)
	return slices.Compact(clusters), slices.Compact(namespaces)
}

func overlap(a, b []string, all bool) bool {
	return all || slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}

// Groups are the IDs of the user groups that the policy names, in bindings, approvals and the expressions of limits, sorted. No decision
// depends on another group, so actors need to carry no others.
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

// People are the subjects of bindings, and the approvers, that are people: "user:U…" and e-mail addresses, each once, sorted.
func (p *Policy) People() []algesta.Subject {
	var all []algesta.Subject
	collect := func(subjects []algesta.Subject) {
		for _, s := range subjects {
			if kind, _ := split(s); kind == userSubject || kind == emailSubject {
				all = append(all, s)
			}
		}
	}
	for _, b := range p.bindings {
		collect(b.subjects)
	}
	for _, a := range p.approvals {
		collect(a.need.Approvers)
	}
	slices.Sort(all)
	return slices.Compact(all)
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

// Clusters are the clusters that the policy names, sorted: so that a misspelt one can be found.
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
	Elsewhere       bool   // the rule holds in another of its namespaces
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
				out = append(out, Nowhere{Rule: r.name, Namespace: namespace, Elsewhere: slices.ContainsFunc(targets, r.place.covers)})
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
		if z.asked != nil { // nobody wrote it into the file
			continue
		}
		all = append(all, restriction{z.name, z.verbs, z.place})
	}
	return all
}
