package commands

import (
	"context"
	"strings"
	"time"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands/grammar"
	"github.com/3astronautas/algesta/policy"
	"github.com/3astronautas/algesta/runbooks"
)

// undo does what the Undo button below the end of the last change of a service does, and uses that button up.
func (d *Dispatcher) undo(ctx context.Context, in algesta.Invocation, actor algesta.Actor, p grammar.Parsed, where thread) error {
	target, err := d.resolve(ctx, actor, grammar.Undo, p)
	if err != nil {
		return err
	}
	asked := algesta.Command{Requester: algesta.AskedBy(actor), Runbook: grammar.Undo.Name, Target: target}
	if err := d.mayKnowOf(target, actor); err != nil {
		return about(asked, err)
	}
	if err := d.undoesAnother(ctx, p, where, target); err != nil {
		return about(asked, err)
	}
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

// isUndo reports whether a command takes back what a request did.
func isUndo(c algesta.Command) bool { return c.Args.String("undoes") != "" }

// chooses says what to type for someone who wants a certain state, and not whatever was there before.
func (d *Dispatcher) chooses(runbook string, t algesta.Target) algesta.Text {
	if runbook == "scale" {
		return algesta.Say(
			"Name the number of pods that you want: {}",
			algesta.Name(d.Bot.Typed("scale", typedAs(t), t.Environment)+" replicas=<number>"),
		)
	}
	return algesta.Say(
		"Name the version that you want: {} or {}", algesta.Name(d.Bot.Typed("deploy", typedAs(t), t.Environment)+" <tag>"),
		algesta.Name(d.Bot.Typed("rollback", typedAs(t), t.Environment)+" --to-revision=<number>"),
	)
}

// intoFailure refuses a typed undo whose plan goes back to a version that failed the last time that the bot rolled it out. Someone who
// clicks the button was asked, and told what changes to what; someone who types it wasn't, and it may need no approval.
func (d *Dispatcher) intoFailure(ctx context.Context, from origin, r algesta.Request) error {
	if from.clicked || !isUndo(r.Command) || !r.Plan.WritesTemplate() {
		return nil
	}
	known, err := d.input(ctx, r.Command)
	if err != nil {
		return err
	}
past:
	for _, past := range known.Past { // newest first
		if past.Template != r.Plan.Template || past.NoPods {
			continue
		}
		switch past.Status {
		case algesta.Succeeded:
			break past
		case algesta.Failed, algesta.TimedOut:
			t := r.Command.Target
			return &algesta.Error{
				Kind: algesta.ErrRefused,
				Message: algesta.Say(
					"That would bring back a version that failed the last time I watched it ({}, {}): {} Nothing was run.", algesta.Name(past.Request),
					algesta.AtDay(past.At), strings.TrimSuffix(d.Redact(past.Note), ".")+".",
				),
				Hint: d.chooses(r.Command.Runbook, t),
			}
		case algesta.Pending, algesta.Approved, algesta.Executing, algesta.Applied, algesta.Rejected, algesta.Cancelled, algesta.Expired,
			algesta.Superseded, algesta.Stale, algesta.Unknown: // they say nothing about the version
		}
	}
	if was := known.Undone; was != nil && was.Undo != nil && was.Undo.ToFailed {
		return &algesta.Error{
			Kind: algesta.ErrRefused,
			Message: algesta.Say(
				"That would bring back a version of which no pod ran when {} replaced it. Nothing was run.",
				algesta.Name(r.Command.Args.String("undoes")),
			),
			Hint: d.chooses(r.Command.Runbook, r.Command.Target),
		}
	}
	return nil
}

// mayKnowOf refuses whoever may neither read nor change anything of a target: before it's known what an undo would do, the policy can't be
// asked about that, and what the last change was is told on the way.
func (d *Dispatcher) mayKnowOf(t algesta.Target, actor algesta.Actor) error {
	if d.Policy().Visible(actor, t) {
		return nil
	}
	asked := policy.Facts{
		Command: algesta.Command{Requester: algesta.AskedBy(actor), Runbook: grammar.Undo.Name, Target: t}, At: time.Now(), Asking: true,
	}
	books := d.Books
	if books == nil {
		books = runbooks.All()
	}
	for _, b := range books {
		if asked.Verb = b.Verb; b.Changes() && d.Policy().Decide(asked).Effect != algesta.Refuse {
			return nil
		}
	}
	asked.Verb = "rollback"
	return d.refused(d.Policy().Decide(asked), actor)
}

// wayBack is the offer to undo the last change of the bot to the target, without an ID where no button has it. An error says why there is
// none, and what to type instead.
func (d *Dispatcher) wayBack(ctx context.Context, t algesta.Target, actor algesta.Actor) (algesta.Offer, error) {
	if err := d.mayKnowOf(t, actor); err != nil {
		return algesta.Offer{}, err
	}
	where := algesta.Say("{} in {}", algesta.Name(typedAs(t)), t.Environment)
	instead := algesta.Say("To go back to an earlier version: {}", algesta.Name(d.Bot.Typed("rollback", typedAs(t), t.Environment)))
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
	if last.Status == algesta.Executing || last.Status == algesta.Unknown { // it may have written to another object than the workload
		return algesta.Offer{}, none(
			algesta.Say("Whether my last change of {} ({}) happened isn't known yet, so I can't undo it.", where, algesta.Name(last.ID)),
		)
	}
	if last.Plan.Undo == nil && (last.Command.Runbook == "restart" || !last.Plan.WritesTemplate()) { // an earlier version isn't the way back
		return algesta.Offer{}, &algesta.Error{
			Kind: algesta.ErrStale,
			Message: algesta.Say(
				"My last change of {}, {} ({}), changed no version, so there's nothing to go back to.", where, algesta.Name(last.ID),
				last.Plan.Title,
			),
			Hint: algesta.Say("To see how it is now: {}", algesta.Name(d.Bot.Typed("status", typedAs(t), t.Environment))),
		}
	}
	if last.Plan.Undo == nil {
		return algesta.Offer{}, none(algesta.Say("My last change of {}, {}, can't be undone.", where, algesta.Name(last.ID)))
	}
	if isUndo(last.Command) { // in a hurry it's typed twice, and nobody wants to go forward again
		if last.Status == algesta.Applied {
			return algesta.Offer{}, d.alreadyAsked(ctx, last, actor, "", "the same")
		}
		return algesta.Offer{}, &algesta.Error{
			Kind: algesta.ErrRefused,
			Message: algesta.Say(
				"My last change of {}, {}, was an undo itself. To undo that would go forward again{}. Nothing was run.", where, algesta.Name(last.ID),
				moves(*last.Plan.Undo),
			),
			Hint: d.chooses(last.Plan.Undo.Runbook, t),
		}
	}
	o, found, err := d.Store.UndoOf(ctx, last.ID)
	if err != nil || found {
		return o, err
	}
	return *last.Plan.Undo, nil
}
