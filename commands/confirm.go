package commands

import (
	"context"
	"fmt"
	"strings"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/words"
)

// Every button that changes something asks first, because a phone takes a tap where none was meant. The question names the service, the
// environment and what becomes what, as the plan's title does: "Rollback of api-gateway in production (12345 → 12344)".

// planned is what people are told of a click on a proposed command.
const planned = "It's planned as if you typed it: it waits for approval if the policy requires one, and runs at once " +
	"if not."

// confirmApprove asks an approver.
func confirmApprove(r algesta.Request) *algesta.Confirm {
	then := "It runs at once."
	if len(r.Needs) > 1 || len(r.Needs) == 1 && r.Needs[0].Count > 1 {
		then = "It runs as soon as everyone required has approved."
	}
	return &algesta.Confirm{
		Title: "Approve this change?", Yes: "Approve", No: "Not now", Text: fmt.Sprintf("%s. %s", r.Plan.Title, then),
	}
}

// confirmDeny asks before a request ends for all who wait for it.
func confirmDeny(r algesta.Request) *algesta.Confirm {
	return &algesta.Confirm{
		Title: "Deny this change?", Yes: "Deny", No: "Not now",
		Text: fmt.Sprintf("%s. The request ends for everyone, and nothing is changed.", r.Plan.Title),
	}
}

// confirmCancel asks before a request is taken back.
func confirmCancel(r algesta.Request) *algesta.Confirm {
	return &algesta.Confirm{
		Title: "Cancel this change?", Yes: "Cancel the change", No: "Keep it",
		Text: fmt.Sprintf("%s. The request ends here, and nothing is changed.", r.Plan.Title),
	}
}

// offersUndo reports whether the end of a request has an Undo button. One that brings back what never came up would be a trap; typed, undo
// says why not.
func offersUndo(r algesta.Request) bool { return r.Plan.Undo != nil && !r.Plan.Undo.ToFailed }

// undoButton offers the way back from what this request did.
func undoButton(r algesta.Request, style string) algesta.Button {
	o := r.Plan.Undo
	text := fmt.Sprintf("Undo of %s for%s%s. %s", r.ID, targetWords(o.Target), moves(*o), planned)
	if o.Moves == "" || o.Target.Service == "" && o.Target.Workload().Name == "" { // nothing says what it does but its own title
		text = fmt.Sprintf("Undo of %s: %s. %s", r.ID, r.Plan.Title, planned)
	}
	return algesta.Button{Label: "Undo", Offer: o, Style: style, Confirm: &algesta.Confirm{
		Title: "Undo this change?", Yes: "Undo", No: "Not now",
		Text: text,
	}}
}

// moves is what becomes what, in parentheses, as a plan's title says it.
func moves(o algesta.Offer) string {
	if o.Moves == "" {
		return ""
	}
	return " (" + o.Moves + ")"
}

// movesIn is what becomes what by a plan's title, "" where the title doesn't say it.
func movesIn(title algesta.Text) string {
	said := title.String()
	from, to := strings.LastIndexByte(said, '('), strings.LastIndexByte(said, ')')
	if from < 0 || to < from || !strings.Contains(said[from:to], becomes) {
		return ""
	}
	return said[from+1 : to]
}

// becomes stands between what was and what is to be, in titles of plans and in what a button says.
const becomes = " → "

// withoutUnit is what becomes what without the word that not every title has.
func withoutUnit(moves string) string {
	return strings.TrimSuffix(strings.TrimSuffix(moves, "s"), " pod")
}

// asSaid refuses a click whose plan isn't what its dialog said: someone who isn't asked again would have agreed to something else. What is
// approved by others is seen by them.
func (d *Dispatcher) asSaid(ctx context.Context, from origin, r algesta.Request) error {
	if !from.clicked || from.offer == "" || r.Status != algesta.Approved {
		return nil
	}
	o, found, err := d.Store.Offer(ctx, from.offer)
	if err != nil || !found {
		return err
	}
	now := movesIn(r.Plan.Title)
	if now == "" || !strings.Contains(o.Moves, becomes) || withoutUnit(now) == withoutUnit(o.Moves) {
		return nil
	}
	return &algesta.Error{
		Kind: algesta.ErrStale,
		Message: algesta.Say(
			"{} was changed after this button was made. The button said {}, and now it would be: {}. Nothing was run.",
			algesta.Name(objectName(r.Command.Target)), o.Moves, r.Plan.Title,
		),
		Hint: algesta.Say("Type the command instead, if you want that."),
	}
}

// confirmOffer asks before a proposed command begins. Where nobody knows yet what becomes what, its plan will say it.
func confirmOffer(label string, o algesta.Offer) *algesta.Confirm {
	what := words.Capital(o.Runbook) + targetWords(o.Target) + moves(o)
	if o.Runbook == "rollback" {
		what = fmt.Sprintf("Roll back %s in %s%s", typedAs(o.Target), o.Target.Environment, moves(o))
		if o.Moves == "" {
			what += " to the last version that was healthy"
		}
	}
	return &algesta.Confirm{Title: label + "?", Text: what + ". " + planned, Yes: label, No: "Not now"}
}
