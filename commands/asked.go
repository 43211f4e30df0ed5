package commands

import (
	"bytes"
	"context"
	"strings"
	"time"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/words"
)

// askedError says that the same was asked for already and has not ended. It never reaches a person.
type askedError struct{ by algesta.Request }

// Error implements error.
func (e askedError) Error() string { return "the same was asked for as " + e.by.ID }

// askedAlready is an askedError where the same change is asked for already and has not ended: the same command typed twice, or an Undo that
// two people clicked. The approvers are asked once. One that is still being followed counts, too: a rollback that is typed twice in a hurry
// would otherwise go forward again, to the version that people wanted to get away from. What waits and would leave the cluster in the same
// state is the same in other words: an undo and a rollback to one version, an autoscaler that is named itself and by its service.
func askedAlready(tx Tx, key string, asked algesta.Request) error {
	c := asked.Command
	open, err := tx.Unwritten(c.Target.Workload(), asked.Plan.Objects())
	if err != nil {
		return err
	}
	followed, err := tx.Followed(c.Target.Workload(), c.ID)
	if err != nil {
		return err
	}
	for _, r := range open {
		if asked.Glass != nil && r.Status == algesta.Pending { // it can't wait for the approval that the other one waits for
			continue
		}
		if r.Key != key && (sameCommand(r.Command, c) || r.Plan.SameEffect(asked.Plan)) {
			return askedError{r}
		}
	}
	for _, r := range followed {
		if r.Key != key && sameCommand(r.Command, c) {
			return askedError{r}
		}
	}
	return nil
}

// sameCommand reports whether two commands ask for the same, whoever asks.
func sameCommand(a, b algesta.Command) bool {
	return a.Runbook == b.Runbook && a.Target.Workload() == b.Target.Workload() && a.Target.Object == b.Target.Object &&
		(len(a.Args)+len(b.Args) == 0 || bytes.Equal(encode(a.Args), encode(b.Args)))
}

// alreadyUsed tells someone who clicks an offer that it was used before.
func (d *Dispatcher) alreadyUsed(ctx context.Context, id string, reader algesta.Actor, here string) error {
	r, err := d.Store.Request(ctx, id)
	if err != nil {
		return err
	}
	return d.alreadyAsked(ctx, r, reader, here, "this")
}

// alreadyAsked says who asked for it, what state it's in and, where the reader may know, where it is: in here, the channel they're in, too.
// what is how the reader calls it: "this", "the same".
func (d *Dispatcher) alreadyAsked(ctx context.Context, r algesta.Request, reader algesta.Actor, here, what string) error {
	hint := algesta.Say("It's {}.", algesta.Name(r.ID))
	if channel, ts, err := d.Store.CardOf(ctx, r.ID); err == nil && ts != "" && d.mayGoTo(ctx, reader, r, here) {
		if at := d.Directory.Link(ctx, channel, ts); at != "" {
			hint = algesta.Say("It's {}: {}", algesta.Name(r.ID), algesta.Span{Kind: algesta.Link, ID: at, Text: "see its thread"})
		}
	}
	by := asker(r.Command.Requester)
	if r.Command.Rule == nil && r.Command.Actor.ID == reader.ID {
		by = "You"
	}
	return &algesta.Error{
		Kind: algesta.ErrStale,
		Hint: hint,
		Message: algesta.Say(
			"{} asked for {} {}; {}.", by, what, ago(time.Since(r.CreatedAt)), standing(r),
		),
	}
}

// mayGoTo reports whether someone may be led to the thread of a request: they may know of it, decide about it, or are in its channel.
func (d *Dispatcher) mayGoTo(ctx context.Context, reader algesta.Actor, r algesta.Request, here string) bool {
	return r.Command.Channel == here || d.mayKnow(ctx, reader, r) ||
		d.Policy().MayApprove(d.needs(r), r.Command.Actor, reader).Effect == algesta.Allow
}

// asker is the requester as the subject of a sentence.
func asker(r algesta.Requester) string {
	if r.Rule != nil {
		return words.Capital(r.Called())
	}
	return r.Called() // a name keeps its letters
}

// overtakenNote begins the note of a change that ran and that something outside of the bot changed again.
const overtakenNote = "didn't last."

// overtaken is how a change was superseded, by its note: a newer request came before it or after it, or something else changed it again.
func overtaken(note string) string {
	if how, _, _ := strings.Cut(note, ". "); how != "" && !strings.HasPrefix(note, overtakenNote) {
		return "it " + strings.TrimSuffix(how, ".")
	}
	return "someone else or an autoscaler changed it again"
}

// standing is the state of a request, as half a sentence.
func standing(r algesta.Request) string {
	switch r.Status {
	case algesta.Pending:
		return "it's waiting for approval"
	case algesta.Approved:
		if len(r.DecidedBy) == 0 {
			return "it runs as soon as it can"
		}
		return "it's approved and runs as soon as it can"
	case algesta.Executing, algesta.Applied:
		return "it's running"
	case algesta.Succeeded, algesta.TimedOut:
		return "it's done"
	case algesta.Failed:
		return "it failed"
	case algesta.Unknown:
		return "it isn't known yet whether it happened"
	case algesta.Superseded:
		return overtaken(r.Note)
	case algesta.Rejected:
		if len(r.DecidedBy) == 0 {
			return "it was refused just before it ran"
		}
		return "it was denied by " + who(r.DecidedBy)
	case algesta.Cancelled:
		return "it was cancelled"
	case algesta.Expired:
		return "nobody approved it in time"
	case algesta.Stale:
		return "it couldn't start in time"
	}
	return "it is " + string(r.Status)
}
