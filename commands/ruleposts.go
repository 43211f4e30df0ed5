package commands

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/runbooks"
)

// LookAsRule lets a rule read on its own where the policy gives it the command that it names, which has to be read-only: look is called
// with the cluster of the target, and with what else that command may read. It posts nothing. The caller posts what was found with
// PostAsRule, and reports a refusal itself: the same rule may ask again every minute.
func (d *Dispatcher) LookAsRule(
	ctx context.Context, asks RuleCommand, look func(ctx context.Context, c runbooks.Cluster, in runbooks.Input) error,
) error {
	ctx, cancel := context.WithTimeout(ctx, d.handleWithin)
	defer cancel()
	return d.guard("what a rule looks at", asks.Rule, func() error {
		book, c, err := d.ruleMayLook(ctx, asks)
		if err != nil {
			return err
		}
		cluster, err := d.Clusters.Reader(c.Target.Cluster)
		if err != nil {
			return fmt.Errorf("opening the cluster: %w", err)
		}
		in, err := d.input(ctx, c)
		if err != nil {
			return err
		}
		in.Allowed = d.mayRead(ctx, c, book.Verb)
		return look(ctx, cluster, in)
	})
}

// PostAsRule stores what a rule posts on its own in the channel of asks: store writes its messages and its record, in one
// transaction with the audit line, which names the rule. id is what the messages belong to, in place of a command's ID; data is added to
// the line. The policy is asked again, and so is who reads the channel. Where it ends with an error nothing was stored.
func (d *Dispatcher) PostAsRule(ctx context.Context, id string, asks RuleCommand, data algesta.Args, store func(Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, d.handleWithin)
	defer cancel()
	return d.guard("what a rule tells", id, func() error {
		_, c, err := d.ruleMayLook(ctx, asks)
		if err != nil {
			return err
		}
		c.ID = id
		place, err := d.Directory.Place(ctx, c.Channel, placeAge)
		if err := ruleMayPost(place, err); err != nil {
			return err
		}
		return d.storeLate(ctx, func(tx Tx) error {
			if err := store(tx); err != nil {
				return err
			}
			line := readEntry(c, false)
			maps.Copy(line.Data, data)
			return tx.Append(line)
		})
	})
}

// ruleMayLook asks the policy whether a rule may use a command that only looks.
func (d *Dispatcher) ruleMayLook(ctx context.Context, asks RuleCommand) (runbooks.Runbook, algesta.Command, error) {
	c := algesta.Command{
		Requester: algesta.AskedByRule(algesta.Rule{Name: asks.Rule}), Runbook: asks.Runbook, Target: asks.Target, Args: asks.Args,
		At: time.Now(), Channel: asks.Channel, Thread: asks.Thread,
	}
	book, ok := d.find(asks.Runbook)
	switch {
	case !ok:
		return book, c, fmt.Errorf("there is no runbook %q", asks.Runbook)
	case book.Changes():
		return book, c, fmt.Errorf("the runbook %q changes something, and a rule only looks", asks.Runbook)
	}
	decision := d.decideAnywhere(ctx, book, c, false)
	if decision.Effect != algesta.Allow {
		return book, c, d.refused(decision, c.Actor)
	}
	return book, c, nil
}
