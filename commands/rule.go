package commands

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/words"
)

// RuleCommand is what a rule asks for, with the place where its answer goes.
type RuleCommand struct {
	// Rule is the name of the rule; For is the person on whose behalf it asks, zero where there is nobody (algesta.Rule).
	Rule string
	For  algesta.PersonID
	// Runbook is a command that only looks, by its name, Target what it is about, as the catalogue resolved it, and Args its arguments.
	Runbook string
	Target  algesta.Target
	Args    algesta.Args
	// Channel is where the answer is posted as a card with its detail below it, Thread the thread there, "" for a card of its own. Everyone
	// who reads the channel sees what the rule may read.
	Channel, Thread string
	// Stored runs in the transaction that stores the answer: a source that keeps its events removes this one there, so that it is answered
	// once even after a crash. nil does nothing.
	Stored func(Tx) error
}

// HandleRule answers what a rule asks for: it's the entry point for everything that no person typed, as Handle is for what people type. The
// policy decides as for a person: it refuses every change, and every read that it doesn't give the rule (or the person on whose behalf it
// asks). A button of the answer is a command of the person who clicks it.
//
// id is the ID of the command: the card says it, and the audit line names the rule under it. Where it ends with an error nothing was
// posted and Stored didn't run; the caller may ask again, but an *algesta.Error of the kind ErrRefused stays as long as the policy does.
func (d *Dispatcher) HandleRule(ctx context.Context, asks RuleCommand) (id string, err error) {
	// As for a person, a shutdown does not cut work short that has begun.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), d.handleWithin)
	defer cancel()
	c := algesta.Command{
		ID: algesta.NewCommandID(), Requester: algesta.AskedByRule(algesta.Rule{Name: asks.Rule}), Runbook: asks.Runbook, Target: asks.Target,
		Args: asks.Args, At: time.Now(), Channel: asks.Channel, Thread: asks.Thread,
	}
	err = d.guard("what a rule asks for", c.ID, func() error { return d.startRule(ctx, &c, asks) })
	if err == nil {
		return c.ID, nil
	}
	d.Log.Warn("what a rule asked for was not answered", zap.String("command", c.ID), zap.String("rule", asks.Rule), zap.Error(err))
	return c.ID, errors.Join(err, d.storeLate(ctx, func(tx Tx) error { return tx.Append(d.refusedRule(c, err)) }))
}

// startRule starts the command with what is known now of the person on whose behalf it is asked for.
func (d *Dispatcher) startRule(ctx context.Context, c *algesta.Command, asks RuleCommand) error {
	if asks.For != (algesta.PersonID{}) {
		person, err := d.Directory.Actor(ctx, asks.For, factsAge)
		c.Rule.For = &person // a stranger, where nobody can be asked
		if err != nil {
			return fmt.Errorf("asking on whose behalf the rule asks: %w", err)
		}
	}
	book, ok := d.find(c.Runbook)
	if !ok {
		return fmt.Errorf("there is no runbook %q", c.Runbook)
	}
	c.Runbook = book.Name
	from := origin{closed: asks.Stored}
	if from.closed == nil {
		from.closed = func(Tx) error { return nil }
	}
	return d.start(ctx, from, book, *c)
}

// ruleMayPost refuses a place in which a rule can't answer: it has nobody to answer privately. unknown is the error where Slack
// doesn't say what the place is.
func ruleMayPost(p Place, unknown error) error {
	switch {
	case unknown != nil:
		return fmt.Errorf("asking about the channel: %w", unknown)
	case p.External:
		return &algesta.Error{
			Kind: algesta.ErrRefused,
			Message: algesta.Say(
				"{} is shared with another company, so nothing that a rule found is posted there.", words.Capital(placeName(p)),
			),
		}
	case !p.Member && !p.Direct:
		return &algesta.Error{
			Kind: algesta.ErrRefused, Message: algesta.Say("I'm not in {}, so nothing that a rule found can be posted there.", placeName(p)),
		}
	}
	return nil
}

// refusedRule is the audit line of what a rule asked for and didn't get.
func (d *Dispatcher) refusedRule(c algesta.Command, err error) algesta.Entry {
	line := readEntry(c, false)
	line.Kind = "failed"
	if known, ok := errors.AsType[*algesta.Error](err); ok {
		line.Kind, line.Data["error"] = "refused", string(known.Kind)
	}
	line.Data["reason"] = d.excerpt(message(err).String())
	return line
}
