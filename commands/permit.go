package commands

import (
	"context"
	"fmt"
	"time"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/policy"
	"github.com/3astronautas/algesta/runbooks"
)

// permit is what a write rests on: the policy in force, the place to report to, and the people who asked for it and approved it, as Slack
// describes them now. The policy is taken before Slack is asked, because an actor carries only the user groups that this policy names.
type permit struct {
	policy    *policy.Policy
	bot       algesta.Handle // how people call the bot
	place     Place
	requester algesta.Actor
	approvals []algesta.Approval
}

// askNow asks Slack about everything that a write rests on. Nothing that was known before counts: where Slack can't be asked, nothing is
// written.
func (d *Dispatcher) askNow(ctx context.Context, r algesta.Request) (p permit, err error) {
	p.policy, p.bot = d.Policy(), d.Bot
	if p.place, err = d.freshPlace(ctx, r); err != nil {
		return p, err
	}
	p.requester, p.approvals, err = d.freshPeople(ctx, r)
	return p, err
}

// freshPlace is the place to report to as Slack sees it now, or just now, and nothing from before the approval.
func (d *Dispatcher) freshPlace(ctx context.Context, r algesta.Request) (Place, error) {
	p, err := d.Directory.Place(ctx, r.Command.Channel, max(0, min(justNow, time.Since(r.UpdatedAt))))
	if err != nil {
		return Place{}, fmt.Errorf("asking about the place to report to: %w", err)
	}
	return p, nil
}

// placeName is how an end names the place that it can't be posted in.
func placeName(p Place) string {
	if p.Name == "" {
		return "the channel"
	}
	return "#" + p.Name
}

// freshPeople are the requester and the approvals with what Slack says of their people now.
func (d *Dispatcher) freshPeople(ctx context.Context, r algesta.Request) (algesta.Actor, []algesta.Approval, error) {
	approvals, err := d.Store.Approvals(ctx, r.ID)
	if err != nil {
		return algesta.Actor{}, nil, err
	}
	requester, err := d.freshActor(ctx, r.Command.Actor.ID, r.UpdatedAt)
	if err != nil {
		return algesta.Actor{}, nil, fmt.Errorf("asking about the requester: %w", err)
	}
	for i := range approvals {
		if approvals[i].Approver, err = d.freshActor(ctx, approvals[i].Approver.ID, r.UpdatedAt); err != nil {
			return algesta.Actor{}, nil, fmt.Errorf("asking about an approver: %w", err)
		}
	}
	return requester, approvals, nil
}

// freshActor is the person with what Slack says now, and nothing from before the approval. Slack answers a few such questions in a minute
// only: what was asked for just now counts as now, so that ten executions at once ask once.
func (d *Dispatcher) freshActor(ctx context.Context, id algesta.PersonID, approved time.Time) (algesta.Actor, error) {
	return d.Directory.Actor(ctx, id, max(0, min(justNow, time.Since(approved))))
}

// refusedThere says why nothing may be changed from the place that it would be reported to.
func (p permit) refusedThere() (no algesta.Text, refused bool) {
	switch {
	case p.place.External:
		return external(placeName(p.place)).Message, true
	case !p.place.Member && !p.place.Direct:
		no := algesta.Say("I'm not in {} any more, so nobody would see how it ends.", placeName(p.place))
		return no.Then("Invite me again and ask again."), true
	}
	return nil, false
}

// refused asks the policy whether this plan may be written at this time: the requester's right, freezes, limits and whether the approvals
// still count. It asks nobody else.
func (p permit) refused(r algesta.Request, book runbooks.Runbook, plan algesta.Plan, at time.Time) (no algesta.Text, refused bool) {
	if no, refused := p.refusedThere(); refused {
		return no, true
	}
	c := r.Command
	c.Actor = p.requester
	decision := p.policy.Decide(rests(policy.Facts{Command: c, Verb: book.Verb, Plan: &plan, At: at}, r))
	if decision.Effect == algesta.Refuse {
		return join(decision.Reason, hintOf(p.bot, decision)), true
	}
	if r.Glass != nil && decision.Effect == algesta.NeedsApproval && len(p.approvals) == 0 {
		over := glassOver()
		return join(over.Message, over.Hint), true
	}
	valid := p.approvals[:0:0]
	for _, a := range p.approvals {
		if a.Fingerprint == r.Fingerprint {
			valid = append(valid, a)
		}
	}
	if missing := p.policy.Missing(decision.Needs, c.Actor, valid); len(missing) > 0 {
		return algesta.Say(
			"The approval by {} no longer counts: who may approve has changed (rule \"{}\").", who(p.uncounted(decision.Needs)),
			missing[0].Rule,
		), true
	}
	return nil, false
}

// uncounted are those whose approval no longer counts; all of them where each still may, but not for everything that is needed.
func (p permit) uncounted(needs []algesta.Requirement) []algesta.Actor {
	var all, lost []algesta.Actor
	for _, a := range p.approvals {
		all = append(all, a.Approver)
		if p.policy.MayApprove(needs, p.requester, a.Approver).Effect != algesta.Allow {
			lost = append(lost, a.Approver)
		}
	}
	if len(lost) == 0 {
		return all
	}
	return lost
}
