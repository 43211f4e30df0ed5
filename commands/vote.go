package commands

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/3astronautas/algesta"
)

// vote carries out a click. Who may click is decided before anything is claimed: a wrong click burns nothing,
// two right clicks run once.
func (d *Dispatcher) vote(ctx context.Context, in algesta.Invocation) error {
	if in.Vote == nil {
		return errors.New("a click came without its button")
	}
	actor, err := d.actor(ctx, in, factsAge)
	if err != nil {
		return err
	}
	if in.Vote.Action == algesta.Run {
		return d.runOffer(ctx, in, actor)
	}
	r, err := d.Store.Request(ctx, in.Vote.ID)
	if err != nil {
		return err
	}
	switch in.Vote.Action {
	case algesta.Approve:
		return d.approve(ctx, in, r, actor)
	case algesta.Deny, algesta.Cancel:
		return d.decline(ctx, in, r, actor)
	case algesta.Done, algesta.NotDone:
		return d.resolveUnknown(ctx, in, r, actor)
	case algesta.Run:
	}
	return fmt.Errorf("a click has the action %q", in.Vote.Action)
}

// approve counts one yes. The count is taken in the transaction that holds the request.
func (d *Dispatcher) approve(ctx context.Context, in algesta.Invocation, r algesta.Request, actor algesta.Actor) error {
	if may := d.Policy().MayApprove(r.Needs, r.Command.Actor, actor); may.Effect != algesta.Allow {
		return refused(may)
	}
	n := d.names(ctx, r.Needs)
	return d.Store.Update(ctx, func(tx Tx) error {
		now := time.Now()
		r, err := tx.Locked(r.ID)
		if err != nil {
			return err
		}
		if r.Status != algesta.Pending || !now.Before(r.ExpiresAt) {
			return alreadyClosed(r, now)
		}
		fresh, err := tx.Approve(algesta.Approval{Request: r.ID, Approver: actor, Fingerprint: r.Fingerprint, Reason: d.Redact(in.Vote.Reason), At: now})
		if err != nil {
			return err
		}
		if !fresh {
			return &algesta.Error{Kind: algesta.ErrStale, Message: algesta.Say("You approved this already. It needs somebody else as well.")}
		}
		if err := tx.Append(entry(r.ID, "approved", actor, algesta.Args{"fingerprint": r.Fingerprint})); err != nil {
			return err
		}
		approvals, err := tx.Approvals(r.ID)
		if err != nil {
			return err
		}
		return d.count(tx, in, r, approvals, n, now)
	})
}

// count moves the request on when nobody is missing any more, and shows who still is when somebody is.
func (d *Dispatcher) count(tx Tx, in algesta.Invocation, r algesta.Request, approvals []algesta.Approval, n names, now time.Time) error {
	by := make([]algesta.Actor, len(approvals))
	for i, a := range approvals {
		by[i] = a.Approver
	}
	missing := d.Policy().Missing(r.Needs, r.Command.Actor, approvals)
	move := algesta.Move{ID: r.ID, From: []algesta.Status{algesta.Pending}, To: algesta.Pending, By: by}
	if len(missing) == 0 {
		move.To, move.StartBy = algesta.Approved, now.Add(startWithin)
	}
	r, moved, err := tx.Move(move)
	if err != nil {
		return err
	}
	if !moved {
		return alreadyClosed(r, now)
	}
	if err := d.show(tx, r, cardOf(r, missing, n), planOf(r, missing, n, nil)); err != nil {
		return err
	}
	if len(missing) == 0 {
		if err := tx.Schedule(algesta.ExecuteJob, r.ID, now); err != nil {
			return err
		}
	}
	return tx.Answered(in.Key)
}

// show brings the card and the plan up to date.
func (d *Dispatcher) show(tx Tx, r algesta.Request, card, plan algesta.Report) error {
	c := post(r.Command, algesta.CardPost, card)
	c.Final = r.Status.Ended()
	if err := tx.Post(c); err != nil {
		return err
	}
	p := post(r.Command, algesta.PlanPost, plan)
	p.Final = len(plan.Buttons) == 0
	return tx.Post(p)
}

// decline ends a pending request: any approver denies, the requester cancels.
func (d *Dispatcher) decline(ctx context.Context, in algesta.Invocation, r algesta.Request, actor algesta.Actor) error {
	own := actor.ID == r.Command.Actor.ID
	to, verb, note := algesta.Rejected, "denied", "was denied by "+actor.Name+". Nothing was changed."
	switch {
	case in.Vote.Action == algesta.Cancel && !own:
		return &algesta.Error{
			Kind: algesta.ErrRefused, Message: algesta.Say("Only {} may cancel this, because {} asked for it.", r.Command.Actor.Name, r.Command.Actor.Name),
			Hint: algesta.Say("Approvers can deny it."),
		}
	case own: // denying one's own request is cancelling it
		to, verb, note = algesta.Cancelled, "cancelled", "was cancelled by "+actor.Name+". Nothing was changed."
	default:
		if may := d.Policy().MayDeny(r.Needs, actor); may.Effect != algesta.Allow {
			return refused(may)
		}
		if why := strings.Join(strings.Fields(d.Redact(in.Vote.Reason)), " "); why != "" {
			note = fmt.Sprintf("was denied by %s (“%s”). Nothing was changed.", actor.Name, strings.TrimRight(why, ".!"))
		}
	}
	return d.Store.Update(ctx, func(tx Tx) error {
		r, moved, err := tx.Move(algesta.Move{ID: r.ID, From: []algesta.Status{algesta.Pending}, To: to, By: []algesta.Actor{actor}, Note: note})
		if err != nil {
			return err
		}
		if !moved {
			return alreadyClosed(r, time.Now())
		}
		if err := tx.Append(entry(r.ID, verb, actor, algesta.Args{"reason": d.Redact(in.Vote.Reason)})); err != nil {
			return err
		}
		if err := d.close(tx, r, algesta.Neutral); err != nil {
			return err
		}
		return tx.Answered(in.Key)
	})
}

// close says the end of a request everywhere: the card, the plan without its buttons, and a new reply that
// mentions whoever it concerns.
func (d *Dispatcher) close(tx Tx, r algesta.Request, tone algesta.Tone) error {
	if err := d.show(tx, r, cardOf(r, nil, nil), planOf(r, nil, nil, nil)); err != nil {
		return err
	}
	end := post(r.Command, algesta.EndPost, ended(r, tone, algesta.Say("{} {}", r.Plan.Title, r.Note)))
	end.Final = true
	return tx.Post(end)
}

// alreadyClosed tells whoever clicked too late what happened instead.
func alreadyClosed(r algesta.Request, now time.Time) *algesta.Error {
	ago := span(now.Sub(r.UpdatedAt))
	say := func(format string, args ...any) *algesta.Error {
		return &algesta.Error{Kind: algesta.ErrStale, Message: algesta.Say(format, args...)}
	}
	switch r.Status {
	case algesta.Approved, algesta.Executing, algesta.Applied:
		if len(r.DecidedBy) == 0 {
			return say("This is running already.")
		}
		return say("{} approved this {} ago; it is running.", who(r.DecidedBy), ago)
	case algesta.Succeeded, algesta.Failed, algesta.TimedOut:
		return say("This was carried out {} ago. Its thread says how it ended.", ago)
	case algesta.Rejected:
		return say("{} denied this {} ago. Nothing was changed.", who(r.DecidedBy), ago)
	case algesta.Cancelled:
		return say("{} cancelled this {} ago. Nothing was changed.", who(r.DecidedBy), ago)
	case algesta.Superseded:
		return say("This was replaced {} ago. Nothing of it will run.", ago)
	case algesta.Stale:
		return say("This was approved but could not start in time. Nothing was changed; ask for it again.")
	case algesta.Unknown:
		return say("I do not know whether this happened. Somebody has to look and answer its last message.")
	case algesta.Pending, algesta.Expired:
	}
	return say("This expired before you clicked. Nothing was changed; ask for it again to get a fresh plan.")
}

// resolveUnknown takes a person's word for an execution whose outcome could not be told.
func (d *Dispatcher) resolveUnknown(ctx context.Context, in algesta.Invocation, r algesta.Request, actor algesta.Actor) error {
	own := actor.ID == r.Command.Actor.ID
	if may := d.Policy().MayApprove(r.Needs, r.Command.Actor, actor); may.Effect != algesta.Allow && !own {
		return &algesta.Error{Kind: algesta.ErrRefused, Message: algesta.Say("Only {} or somebody who may approve this can answer.", r.Command.Actor.Name)}
	}
	e, ok, err := d.Store.Execution(ctx, r.ID)
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("request %s has no execution", r.ID)
	}
	to, state, note := algesta.Failed, algesta.NotDoneX, "did not happen, says "+actor.Name+". Nothing was changed."
	if in.Vote.Action == algesta.Done {
		to, state, note = algesta.Succeeded, algesta.Confirmed, "happened, says "+actor.Name
	}
	return d.Store.Update(ctx, func(tx Tx) error {
		r, moved, err := tx.Move(algesta.Move{ID: r.ID, From: []algesta.Status{algesta.Unknown}, To: to, Note: note})
		if err != nil {
			return err
		}
		if !moved {
			return alreadyClosed(r, time.Now())
		}
		e.State = state
		if _, err := tx.Settle(e, algesta.Doubtful); err != nil {
			return err
		}
		if err := tx.Append(entry(r.ID, "answered "+string(in.Vote.Action), actor, nil)); err != nil {
			return err
		}
		if err := d.close(tx, r, algesta.Neutral); err != nil {
			return err
		}
		return tx.Answered(in.Key)
	})
}
