package commands

import (
	"context"
	"time"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands/grammar"
)

// undo does what the Undo button below the end of the last change of a service does, and uses that button up.
func (d *Dispatcher) undo(ctx context.Context, in algesta.Invocation, actor algesta.Actor, p grammar.Parsed) error {
	target, err := d.resolve(ctx, actor, grammar.Undo, p)
	if err != nil {
		return err
	}
	asked := algesta.Command{Actor: actor, Runbook: grammar.Undo.Name, Target: target}
	o, err := d.wayBack(ctx, target, actor)
	if err != nil {
		return about(asked, err)
	}
	reason := d.Redact(p.Reason)
	if o.ID == "" { // it has no end yet, or one without a button
		return d.runProposed(ctx, in, actor, o, reason)
	}
	in.Vote = &algesta.Vote{Action: algesta.Run, ID: o.ID}
	return d.runOffer(ctx, in, actor, reason)
}

// wayBack is the offer to undo the last change of the bot to the target, without an ID where no button has it. An error says why there is
// none, and what to type instead.
func (d *Dispatcher) wayBack(ctx context.Context, t algesta.Target, actor algesta.Actor) (algesta.Offer, error) {
	where := algesta.Say("{} in {}", algesta.Name(t.Service), t.Environment)
	instead := algesta.Say("To go back to an earlier version: {}", algesta.Name(d.Bot.Typed("rollback", t.Service, t.Environment)))
	none := func(why algesta.Text) error {
		return &algesta.Error{Kind: algesta.ErrStale, Message: why, Hint: instead}
	}
	blocker, err := d.Store.Blocker(ctx, []algesta.Object{t.Workload()}, "")
	if err != nil {
		return algesta.Offer{}, err
	}
	if blocker != "" {
		return algesta.Offer{}, none(
			algesta.Say("Whether my last change of {} ({}) happened isn't known yet, so I can't undo it.", where, algesta.Name(blocker)),
		)
	}
	last, found, err := d.Store.LastChange(ctx, t.Workload())
	if err != nil {
		return algesta.Offer{}, err
	}
	if !found || time.Since(last.UpdatedAt) > offerLives {
		return algesta.Offer{}, none(algesta.Say("I changed nothing of {} in the last 24 hours, so there is nothing to undo.", where))
	}
	if last.Plan.Undo == nil {
		return algesta.Offer{}, none(algesta.Say("My last change of {}, {}, can't be undone.", where, algesta.Name(last.ID)))
	}
	if last.Status == algesta.Applied &&
		last.Command.Args.String("undoes") != "" { // in a hurry it is typed twice, and forward is where nobody wants to go
		return algesta.Offer{}, d.tellAsked(ctx, last, actor, "the same")
	}
	o, found, err := d.Store.UndoOf(ctx, last.ID)
	if err != nil || found {
		return o, err
	}
	return *last.Plan.Undo, nil
}
