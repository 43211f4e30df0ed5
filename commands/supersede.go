package commands

import (
	"context"
	"errors"
	"time"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/runbooks"
	"github.com/3astronautas/algesta/words"
)

// conflict deals with an object that is not what people saw: the request is superseded by one with a fresh plan.
func (d *Dispatcher) conflict(ctx context.Context, r algesta.Request) error {
	book, ok := d.find(r.Command.Runbook)
	if !ok {
		return d.fail(ctx, r, algesta.Say("I don't know this command any more."))
	}
	return d.supersede(ctx, r, book)
}

// different ends a request whose plan, made again as p, is not what was approved.
func (d *Dispatcher) different(ctx context.Context, r algesta.Request, book runbooks.Runbook, p algesta.Plan) error {
	if r.Status != algesta.Executing {
		return d.supersede(ctx, r, book)
	}
	if len(p.Nothing) > 0 {
		return d.stop(ctx, r, p.Nothing)
	}
	return d.stop(ctx, r, algesta.Say("What's left is no longer what was approved."))
}

// supersede ends a request whose plan is no longer the one that was approved, says what differs, and opens a linked
// request of the same person. Old approvals do not carry over (decision 6). Where nobody would have to approve another effect, it isn't
// opened: nobody has seen what it would do, so a button asks whether it's still meant.
func (d *Dispatcher) supersede(ctx context.Context, r algesta.Request, book runbooks.Runbook) error {
	c := r.Command
	c.ID, c.At = algesta.NewCommandID(), time.Now()
	next, err := d.prepare(ctx, "instead of "+r.ID, book, c, r.Glass == nil && len(r.Needs) > 0)
	var known *algesta.Error
	if err != nil && !errors.As(err, &known) {
		return err
	}
	s := step{id: r.ID, from: []algesta.Status{algesta.Approved}, to: algesta.Superseded, note: changedNote(c)}
	switch {
	case err != nil: // it cannot even be asked for again
		s.note += " A new plan isn't possible: " + sentence(err).String()
	case len(next.nothing) > 0:
		s.note += " " + next.nothing.String()
		s.spent = isUndo(c)
	case next.request.Status == algesta.Approved && !r.Plan.SameEffect(next.request.Plan):
		s.note += " Now it would be: " + next.request.Plan.Title.String() + "."
		s.buttons = []algesta.Button{askAgainButton(next.request)}
	default:
		s.note += " The new plan is " + next.request.ID + "."
		next.request.Previous = r.ID
		s.also = func(tx Tx, _ algesta.Request) error {
			why := algesta.Say(
				"{} changed after {} was requested, so none of it was run. {}", algesta.Name(objectName(c.Target)), algesta.Name(r.ID),
				difference(r.Plan, next.request.Plan),
			)
			if err := d.open(tx, next, why); err != nil {
				return err
			}
			return tx.Release(r.ID, next.request.ID) // anyone who clicks its button is told about the new one
		}
	}
	_, err = d.step(ctx, s)
	return err
}

// askAgainButton offers what a request would do by the plan of now.
func askAgainButton(r algesta.Request) algesta.Button {
	o := &algesta.Offer{Runbook: r.Command.Runbook, Target: r.Command.Target, Args: r.Command.Args, Moves: movesIn(r.Plan.Title)}
	return algesta.Button{Label: "Ask again", Offer: o, Confirm: &algesta.Confirm{
		Title: "Ask for it as it is now?", Text: r.Plan.Title.String() + ". " + planned, Yes: "Ask again", No: "Not now",
	}}
}

func changedNote(c algesta.Command) string {
	return "was not run, because " + objectName(c.Target) + " changed after this was planned. Nothing was changed."
}

// difference says which rows of the card are not what they were. That time has passed since is no difference.
func difference(old, now algesta.Plan) algesta.Text {
	was := map[string]algesta.Text{}
	for _, f := range old.Facts {
		was[f.Label] = f.Value
	}
	var out algesta.Text
	for _, f := range now.Facts {
		if before, ok := was[f.Label]; ok && f.Value.Differs(before) {
			out = join(out, algesta.Say("{} is now {}; it was {}.", words.Capital(f.Label), f.Value, before))
		}
	}
	if len(out) == 0 {
		return algesta.Say("This is the new plan.")
	}
	return out
}
