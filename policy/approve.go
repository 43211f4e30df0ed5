package policy

import (
	"slices"
	"strings"

	"github.com/3astronautas/algesta"
)

// Missing is one approval rule that is not met yet.
type Missing struct {
	Rule      string
	Lacks     int // people
	Approvers []algesta.Subject
}

// Needs are the approval rules that a command has to meet, whoever asks for it. A request that waits is held to those of the policy in
// force, not to those of the day on which it was asked for.
func (p *Policy) Needs(f Facts) []algesta.Requirement { return p.needs(f) }

// MayApprove says whether the voter's yes would count for a request with these needs. Allow names the rule it counts for.
// The voter has to be as fresh as the directory can tell (design.md, decision 11).
func (p *Policy) MayApprove(needs []algesta.Requirement, requester, voter algesta.Actor) algesta.Decision {
	if refusal, ok := standing(voter); !ok {
		return refusal
	}
	if len(needs) == 0 {
		return refuse("", algesta.Say("This needs no approval."), algesta.Say("The policy was changed: ask for it again."))
	}
	if voter.ID == requester.ID && !selfApproval(needs) {
		return refuse(
			needs[0].Rule, algesta.Say("You can't approve your own request. Ask {}.", someone("someone else", others(needs, requester))), nil,
		)
	}
	for _, n := range needs {
		if among(voter, n.Approvers) {
			return algesta.Decision{Effect: algesta.Allow, Rule: n.Rule, Reason: algesta.Say("Rule \"{}\" lets you approve it.", n.Rule)}
		}
	}
	return refuse(needs[0].Rule, algesta.Say("You can't approve this (rule \"{}\").", needs[0].Rule),
		algesta.Say("{} can.", someone("Someone", approvers(needs))))
}

// others are the approvers without the one who asked, where that is named alone.
func others(needs []algesta.Requirement, requester algesta.Actor) []algesta.Subject {
	return slices.DeleteFunc(approvers(needs), func(s algesta.Subject) bool {
		return !strings.HasPrefix(string(s), "group:") && among(requester, []algesta.Subject{s})
	})
}

// MayDeny says whether the voter may deny a request with these needs: any of its approvers. Whoever asked
// cancels instead (decision 12).
func (p *Policy) MayDeny(needs []algesta.Requirement, voter algesta.Actor) algesta.Decision {
	if refusal, ok := standing(voter); !ok {
		return refusal
	}
	for _, n := range needs {
		if among(voter, n.Approvers) {
			return algesta.Decision{Effect: algesta.Allow, Rule: n.Rule, Reason: algesta.Say("Rule \"{}\" lets you deny it.", n.Rule)}
		}
	}
	return refuse("", algesta.Say("You can't deny this."), algesta.Say("Anyone who may approve it can deny it; the requester can cancel it."))
}

// MayAnswer says whether someone's word counts about a change whose outcome nobody knows: that of the requester, of anyone who may
// approve it, and of anyone who may ask for the same. f holds the command with its requester, and its verb. A freeze does not count:
// nothing is changed by an answer.
func (p *Policy) MayAnswer(needs []algesta.Requirement, f Facts, voter algesta.Actor) algesta.Decision {
	if refusal, ok := standing(voter); !ok {
		return refusal
	}
	asked := f.Command.Requester
	if voter.ID == asked.Actor.ID {
		return algesta.Decision{Effect: algesta.Allow, Reason: algesta.Say("You asked for it.")}
	}
	for _, n := range needs {
		if among(voter, n.Approvers) {
			return algesta.Decision{Effect: algesta.Allow, Rule: n.Rule, Reason: algesta.Say("Rule \"{}\" lets you approve it.", n.Rule)}
		}
	}
	f.Command.Requester = algesta.AskedBy(voter)
	if b, ok := p.bindingFor(f); ok {
		return algesta.Decision{Effect: algesta.Allow, Rule: b.name, Reason: algesta.Say("Rule \"{}\" lets you ask for the same.", b.name)}
	}
	return refuse(
		"", algesta.Say("You can't answer this."), algesta.Say("{} can, or {}.", asked.Called(), someone("someone", p.Answerers(needs, f))),
	)
}

// Answerers are those who may answer besides the requester, each once: the approvers, and anyone who may ask for the same.
func (p *Policy) Answerers(needs []algesta.Requirement, f Facts) []algesta.Subject {
	all := approvers(needs)
	for _, b := range p.bindings {
		if !b.verbs[f.Verb] || !b.place.covers(f.target()) {
			continue
		}
		for _, s := range b.subjects {
			if !slices.Contains(all, s) && !isRule(s) {
				all = append(all, s)
			}
		}
	}
	return all
}

// Missing are the rules that these approvals do not meet yet, in the order of needs; none means that the request may run.
// A person counts once per rule, by the rights in the Approval's own Actor: hand in fresh ones, of this fingerprint only.
// Reasons are the caller's business.
func (p *Policy) Missing(needs []algesta.Requirement, requester algesta.Actor, approvals []algesta.Approval) []Missing {
	self := selfApproval(needs)
	var missing []Missing
	for _, n := range needs {
		counted := map[algesta.PersonID]bool{}
		for _, a := range approvals {
			voter := a.Approver
			if voter.Standing != algesta.Member || voter.ID == requester.ID && !self || !among(voter, n.Approvers) {
				continue
			}
			counted[voter.ID] = true
		}
		if lacks := max(1, n.Count) - len(counted); lacks > 0 {
			missing = append(missing, Missing{Rule: n.Rule, Lacks: lacks, Approvers: n.Approvers})
		}
	}
	return missing
}

// selfApproval reports whether every rule lets the requester approve; no rule at all does not.
func selfApproval(needs []algesta.Requirement) bool {
	return len(needs) > 0 && !slices.ContainsFunc(needs, func(n algesta.Requirement) bool { return !n.RequesterMayApprove })
}

// approvers are the subjects of all needs, each once.
func approvers(needs []algesta.Requirement) []algesta.Subject {
	var all []algesta.Subject
	for _, n := range needs {
		for _, s := range n.Approvers {
			if !slices.Contains(all, s) {
				all = append(all, s)
			}
		}
	}
	return all
}
