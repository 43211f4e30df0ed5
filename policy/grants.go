package policy

import (
	"maps"
	"slices"

	"github.com/3astronautas/algesta"
)

// Grant is what one binding gives an actor.
type Grant struct {
	Binding    string   // the rule's name
	Role       string   // the role's name
	Allow      []string // as the role writes it: "read", "rollback", "cert.*"
	Verbs      []string // every verb, families written out, sorted
	Clusters   []string // none means every configured one
	Namespaces []string // "*" means all
	Asks       []Ask    // the approvals that some of the verbs need there
}

// Ask is an approval rule as it concerns a Grant.
type Ask struct {
	Rule       string
	Verbs      []string // of the grant's, sorted
	Namespaces []string // of the rule
	Approvers  []algesta.Subject
	Count      int
}

// Grants are what the policy gives the actor, in the order of the file. Accounts that are no full member have none.
func (p *Policy) Grants(a algesta.Actor) []Grant {
	if _, ok := standing(a); !ok {
		return nil
	}
	var grants []Grant
	for _, b := range p.bindings {
		if !among(a, b.subjects) {
			continue
		}
		grants = append(grants, Grant{
			Binding: b.name, Role: b.role, Allow: slices.Clone(b.allow), Verbs: slices.Sorted(maps.Keys(b.verbs)),
			Clusters: slices.Clone(b.place.clusters), Namespaces: slices.Clone(b.place.namespaces), Asks: p.asks(b),
		})
	}
	return grants
}

// asks are the approval rules that meet the binding in some verb and place.
func (p *Policy) asks(b binding) []Ask {
	var asks []Ask
	for _, a := range p.approvals {
		var verbs []string
		for v := range a.verbs {
			if b.verbs[v] {
				verbs = append(verbs, v)
			}
		}
		if len(verbs) == 0 || !a.place.meets(b.place) {
			continue
		}
		slices.Sort(verbs)
		asks = append(asks, Ask{
			Rule: a.need.Rule, Verbs: verbs, Namespaces: slices.Clone(a.place.namespaces),
			Approvers: slices.Clone(a.need.Approvers), Count: a.need.Count,
		})
	}
	return asks
}

// Approves are the approval rules that count the actor's yes, in the order of the file.
func (p *Policy) Approves(a algesta.Actor) []Ask {
	if _, ok := standing(a); !ok {
		return nil
	}
	var asks []Ask
	for _, rule := range p.approvals {
		if among(a, rule.need.Approvers) {
			asks = append(asks, Ask{
				Rule: rule.need.Rule, Verbs: slices.Sorted(maps.Keys(rule.verbs)), Namespaces: slices.Clone(rule.place.namespaces),
				Approvers: slices.Clone(rule.need.Approvers), Count: rule.need.Count,
			})
		}
	}
	return asks
}

// Visible reports whether the actor may read anything about the target: only then may its name be suggested to them.
func (p *Policy) Visible(a algesta.Actor, t algesta.Target) bool {
	if _, ok := standing(a); !ok {
		return false
	}
	return slices.ContainsFunc(p.bindings, func(b binding) bool { return b.reads && b.place.covers(t) && among(a, b.subjects) })
}
