package commands

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/words"
)

// vote carries out a click. Who may click is decided before anything is claimed: a wrong click uses nothing up,
// two right clicks run once.
func (d *Dispatcher) vote(ctx context.Context, in algesta.Invocation) (err error) {
	if in.Vote == nil {
		return errors.New("a click came without its button")
	}
	actor, err := d.actor(ctx, in, factsAge)
	if err != nil {
		return err
	}
	if in.Vote.Action == algesta.Run {
		return d.runOffer(ctx, in, actor, d.Redact(in.Vote.Reason))
	}
	if in.Vote.Action == algesta.Stop {
		return d.stopLive(ctx, in, actor)
	}
	r, err := d.Store.Request(ctx, in.Vote.ID)
	if err != nil {
		return err
	}
	defer func() { err = about(r.Command, err) }()
	if a := in.Vote.Action; a == algesta.Approve || a == algesta.Done || a == algesta.NotDone {
		if err := d.notShared(ctx, in, r); err != nil {
			return err
		}
	}
	switch in.Vote.Action {
	case algesta.Approve:
		return d.approve(ctx, in, r, actor, d.needs(r))
	case algesta.Deny, algesta.Cancel:
		return d.decline(ctx, in, r, actor)
	case algesta.Done, algesta.NotDone:
		return d.answerUnknown(ctx, in, r, actor)
	case algesta.Run, algesta.Stop, algesta.Fill:
	}
	return fmt.Errorf("a click has the action %q", in.Vote.Action)
}

// notShared refuses a vote where people of another company can read it: where it was given, which may be the Home tab, and where the
// request stands.
func (d *Dispatcher) notShared(ctx context.Context, in algesta.Invocation, r algesta.Request) error {
	channels := []string{in.Channel}
	if r.Command.Channel != in.Channel {
		channels = append(channels, r.Command.Channel)
	}
	for _, channel := range channels {
		place, err := d.Directory.Place(ctx, channel, placeAge)
		if err != nil {
			return fmt.Errorf("asking about the channel: %w", err)
		}
		if place.External {
			from := fromPerson(in)
			if channel != in.Channel {
				from = origin{}
			}
			return external(channelName(place, from))
		}
	}
	return nil
}

// needs are the approvals that the policy in force asks for: someone who could approve when the request was opened may not be able to now.
func (d *Dispatcher) needs(r algesta.Request) []algesta.Requirement {
	return d.Policy().Needs(d.factsOf(r))
}

// approve counts one yes. The count is taken in the transaction that holds the request.
func (d *Dispatcher) approve(
	ctx context.Context, in algesta.Invocation, r algesta.Request, actor algesta.Actor, needs []algesta.Requirement,
) error {
	if may := d.Policy().MayApprove(needs, r.Command.Actor, actor); may.Effect != algesta.Allow {
		return d.refused(may, actor)
	}
	if rule := approversSayWhy(needs); rule != "" && strings.TrimSpace(in.Vote.Reason) == "" {
		return &algesta.Error{
			Kind: algesta.ErrUsage, Message: algesta.Say("Rule \"{}\" requires a reason from everybody who approves.", rule),
			Hint: algesta.Say("Approve it again and say why: it's kept in the audit."),
		}
	}
	if no, frozen := d.Policy().FrozenBy(d.factsOf(r)); frozen { // otherwise it would be refused just before it ran
		return d.refused(no, actor)
	}
	n := d.names(ctx, needs)
	err := d.Store.Update(ctx, func(tx Tx) error {
		now := time.Now()
		r, err := tx.Locked(r.ID)
		if err != nil {
			return err
		}
		if r.Status != algesta.Pending || !now.Before(r.ExpiresAt) {
			return notMovedError{r}
		}
		fresh, err := tx.Approve(
			algesta.Approval{Request: r.ID, Approver: actor, Fingerprint: r.Fingerprint, Reason: d.Redact(in.Vote.Reason), At: now},
		)
		if err != nil {
			return err
		}
		if !fresh {
			return &algesta.Error{Kind: algesta.ErrStale, Message: algesta.Say("You already approved this. It needs one more person.")}
		}
		if err := tx.Append(entry(r.ID, "approved", actor.ID.String(), algesta.Args{
			"fingerprint": r.Fingerprint, "reason": d.Redact(in.Vote.Reason),
		})); err != nil {
			return err
		}
		approvals, err := tx.Approvals(r.ID)
		if err != nil {
			return err
		}
		return d.count(tx, in, r, approvals, needs, n, now)
	})
	if _, closed := errors.AsType[notMovedError](err); closed {
		return d.alreadyClosed(ctx, r.ID, actor)
	}
	return err
}

// count moves the request on when nobody is missing any more, and shows who still is when someone is.
func (d *Dispatcher) count(
	tx Tx, in algesta.Invocation, r algesta.Request, approvals []algesta.Approval, needs []algesta.Requirement, n names, now time.Time,
) error {
	by := make([]algesta.Actor, len(approvals))
	for i, a := range approvals {
		by[i] = a.Approver
	}
	missing := d.Policy().Missing(needs, r.Command.Actor, approvals)
	move := algesta.Move{ID: r.ID, From: []algesta.Status{algesta.Pending}, To: algesta.Pending, By: by}
	if len(missing) == 0 {
		move.To, move.StartBy = algesta.Approved, now.Add(startWithin)
	}
	r, moved, err := tx.Move(move)
	if err != nil {
		return err
	}
	if !moved {
		return notMovedError{r}
	}
	if err := d.show(tx, r, cardOf(r, missing, n), planOf(r, missing, n, nil)); err != nil {
		return err
	}
	if len(missing) == 0 {
		if err := d.updateDirect(tx, r); err != nil {
			return err
		}
		if err := tx.Schedule(algesta.ExecuteJob, r.ID, now); err != nil {
			return err
		}
	}
	return tx.Answered(in.Key)
}

// decline ends a pending request: any approver denies, the requester cancels.
func (d *Dispatcher) decline(ctx context.Context, in algesta.Invocation, r algesta.Request, actor algesta.Actor) error {
	own := actor.ID == r.Command.Actor.ID
	to, verb, note := algesta.Rejected, "denied", "was denied by "+actor.Called()+". Nothing was changed."
	switch {
	case in.Vote.Action == algesta.Cancel && !own:
		return &algesta.Error{
			Kind: algesta.ErrRefused, Message: algesta.Say("Only {}, who asked for this, can cancel it.", r.Command.Called()),
			Hint: algesta.Say("Approvers can deny it."),
		}
	case own: // denying one's own request is cancelling it
		to, verb, note = algesta.Cancelled, "cancelled", "was cancelled by "+actor.Called()+". Nothing was changed."
	default:
		if may := d.Policy().MayDeny(d.needs(r), actor); may.Effect != algesta.Allow {
			return d.refused(may, actor)
		}
		rule, why := reasonAsked(r), strings.TrimRight(strings.TrimSpace(d.Redact(in.Vote.Reason)), ".!")
		if rule != "" && why == "" {
			return &algesta.Error{
				Kind: algesta.ErrUsage, Message: algesta.Say("Rule \"{}\" requires a reason.", rule),
				Hint: algesta.Say("Deny it again and say why: it's shown in the thread."),
			}
		}
		switch {
		case why == "":
		case d.overheard(ctx, r.Command.Channel): // since it was asked for
			note = fmt.Sprintf("was denied by %s, who can say why: others may read this channel. Nothing was changed.", actor.Called())
		default:
			note = fmt.Sprintf("was denied by %s (%s). Nothing was changed.", actor.Called(), quote(why))
		}
	}
	s := step{
		id:    r.ID,
		to:    to,
		note:  note,
		by:    []algesta.Actor{actor},
		kind:  verb,
		actor: actor,
		data:  algesta.Args{"reason": d.Redact(in.Vote.Reason)},
		from:  []algesta.Status{algesta.Pending, algesta.Approved}, // nothing was sent
		also:  func(tx Tx, _ algesta.Request) error { return tx.Answered(in.Key) },
	}
	switch moved, err := d.step(ctx, s); {
	case err != nil:
		return err
	case moved:
		return nil
	}
	if taken, err := d.takeBack(ctx, in, r.ID, actor); err != nil || taken {
		return err
	}
	return d.alreadyClosed(ctx, r.ID, actor)
}

// takeBack makes sure that a write that may or may not have been sent isn't sent again. taken is false where there is
// no such write.
func (d *Dispatcher) takeBack(ctx context.Context, in algesta.Invocation, id string, actor algesta.Actor) (taken bool, err error) {
	return d.during(ctx, id, []algesta.Status{algesta.Executing}, func(tx Tx, _ algesta.Request) error {
		move := algesta.Move{
			ID: id, From: []algesta.Status{algesta.Executing}, To: algesta.Executing, StartBy: time.Now(),
			Note: "was cancelled by " + actor.Called() + ".",
		}
		if _, _, err := tx.Move(move); err != nil {
			return err
		}
		if err := tx.Append(entry(id, "taken back", actor.ID.String(), nil)); err != nil {
			return err
		}
		told := algesta.Say(
			"I can't tell yet whether this was sent before you clicked. If it wasn't, it ends as cancelled; if it was, its thread " +
				"says how it goes on.",
		)
		if err := tx.Post(fromPerson(in).alone.answer(algesta.NewCommandID(), algesta.Report{Tone: algesta.Waiting, Title: told})); err != nil {
			return err
		}
		return tx.Answered(in.Key)
	})
}

// alreadyClosed tells someone that they clicked too late. The buttons that should not be there any more are taken away once more: the
// edit that did so may have been lost.
func (d *Dispatcher) alreadyClosed(ctx context.Context, id string, by algesta.Actor) error {
	var r algesta.Request
	err := d.Store.Update(ctx, func(tx Tx) (err error) {
		if r, err = tx.Locked(id); err != nil || !viewOf(r.Status).plan {
			return err
		}
		return tx.Post(planPost(r, planOf(r, nil, nil, nil)))
	})
	if err != nil {
		return err
	}
	return closedError(r, time.Now(), by)
}

// closedError tells someone that they clicked too late.
func closedError(r algesta.Request, now time.Time, by algesta.Actor) *algesta.Error {
	when := ago(now.Sub(r.UpdatedAt))
	say := func(format string, args ...any) *algesta.Error {
		return &algesta.Error{Kind: algesta.ErrStale, Message: algesta.Say(format, args...)}
	}
	switch r.Status {
	case algesta.Approved, algesta.Executing, algesta.Applied:
		if len(r.DecidedBy) == 0 {
			return say("This is already running.")
		}
		return say("{} approved this {}; it's running.", you(r.DecidedBy, by), ago(now.Sub(r.DecidedAt)))
	case algesta.Failed: // a write that was never made fails, too
		return say("This failed {}. Its thread says why.", when)
	case algesta.Succeeded, algesta.TimedOut:
		return say("This was done {}. Its thread says how it ended.", when)
	case algesta.Rejected:
		if len(r.DecidedBy) == 0 {
			return say("This was refused {}, just before it ran. Nothing was changed; its thread says why.", when)
		}
		return say("{} denied this {}. Nothing was changed.", you(r.DecidedBy, by), when)
	case algesta.Cancelled:
		return say("{} cancelled this {}. Nothing was changed.", you(r.DecidedBy, by), when)
	case algesta.Superseded:
		return say("This ended {}; {}.", when, overtaken(r.Note))
	case algesta.Stale:
		return say("This was approved but couldn't start in time. Nothing was changed; ask for it again.")
	case algesta.Unknown:
		return say("I don't know whether this happened. Someone has to check and answer its last message.")
	case algesta.Pending, algesta.Expired:
	}
	return say("This expired before you clicked. Nothing was changed; ask for it again to get a fresh plan.")
}

// you are the people's names, but "You" for the reader.
func you(people []algesta.Actor, reader algesta.Actor) string {
	said := make([]string, 0, len(people))
	for _, p := range people {
		if p.ID == reader.ID {
			said = slices.Insert(said, 0, "You")
		} else {
			said = append(said, p.Called())
		}
	}
	return words.List(said)
}
