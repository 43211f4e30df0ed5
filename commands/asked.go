package commands

import (
	"bytes"
	"context"
	"time"

	"github.com/3astronautas/algesta"
)

// askedError says that the same was asked for already, and nothing was written yet. It never reaches a person.
type askedError struct{ by algesta.Request }

// Error implements error.
func (e askedError) Error() string { return "the same was asked for as " + e.by.ID }

// askedAlready is an askedError where the same change is asked for already: the same command typed twice, or an Undo that two people
// clicked. The approvers are asked once.
func askedAlready(tx Tx, key string, c algesta.Command) error {
	open, err := tx.Unwritten(c.Target.Workload())
	if err != nil {
		return err
	}
	for _, r := range open {
		if r.Key != key && sameCommand(r.Command, c) {
			return askedError{r}
		}
	}
	return nil
}

// sameCommand reports whether two commands ask for the same, whoever asks.
func sameCommand(a, b algesta.Command) bool {
	return a.Runbook == b.Runbook && a.Target.Workload() == b.Target.Workload() && (len(a.Args)+len(b.Args) == 0 || bytes.Equal(encode(a.Args), encode(b.Args)))
}

// tellAsked says who asked for the same, how it stands and where it is.
func (d *Dispatcher) tellAsked(ctx context.Context, r algesta.Request, c algesta.Command) error {
	by := r.Command.Actor.Name
	if r.Command.Actor.ID == c.Actor.ID {
		by = "You"
	}
	stands := algesta.Say("it waits for approval")
	if r.Status != algesta.Pending {
		stands = algesta.Say("it was approved and runs as soon as it can")
	}
	hint := algesta.Say("It is {}.", algesta.Name(r.ID))
	if channel, ts, err := d.Store.CardOf(ctx, r.ID); err == nil && ts != "" {
		if at := d.Directory.Link(ctx, channel, ts); at != "" {
			hint = algesta.Say("It is {}: {}", algesta.Name(r.ID), algesta.Span{Kind: algesta.Link, ID: at, Text: "see its thread"})
		}
	}
	return &algesta.Error{
		Kind: algesta.ErrStale, Hint: hint,
		Message: algesta.Say("{} asked for the same {} ago; {}.", by, span(time.Since(r.CreatedAt)), stands),
	}
}
