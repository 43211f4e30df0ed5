package commands

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/3astronautas/algesta"
)

// offerLives is how long a proposed command may be clicked: a button from last month is no longer good advice.
const offerLives = 24 * time.Hour

// StoreOffers stores the commands that buttons propose and returns the buttons with their IDs. One that is taken is drawn again.
func StoreOffers(tx Tx, proposed []algesta.Button) ([]algesta.Button, error) {
	buttons := slices.Clone(proposed)
	for i := range buttons {
		b := &buttons[i]
		if b.Offer == nil {
			continue
		}
		o := *b.Offer
		o.MadeAt = time.Now()
		o.ExpiresAt = o.MadeAt.Add(offerLives)
		var err error = algesta.ErrTaken
		for n := 0; n < draws && errors.Is(err, algesta.ErrTaken); n++ {
			o.ID = algesta.NewOfferID()
			err = tx.Offer(o)
		}
		if err != nil {
			return nil, fmt.Errorf("proposing %s: %w", o.Runbook, err)
		}
		b.Action, b.ID, b.Offer = algesta.Run, o.ID, nil
		if b.Confirm == nil {
			b.Confirm = confirmOffer(b.Label, o)
		}
	}
	return buttons, nil
}

// runOffer carries out a proposed command as a new command of the person who clicked, or typed what it proposes: through policy, plan and
// approval as if typed.
func (d *Dispatcher) runOffer(ctx context.Context, in algesta.Invocation, actor algesta.Actor, reason string) error {
	o, ok, err := d.Store.Offer(ctx, in.Vote.ID)
	if err != nil {
		return err
	}
	if ok && o.Request != "" {
		err := d.Store.Update(ctx, func(tx Tx) error { // the edit that took the button away may have been lost
			_, err := tx.Use(o.ID, o.Request)
			return err
		})
		if err != nil {
			return err
		}
		return d.alreadyUsed(ctx, o.Request, actor, in.Channel)
	}
	if !ok || time.Now().After(o.ExpiresAt) {
		if err := d.dropButton(ctx, in.Vote.ID); err != nil {
			return err
		}
		return &algesta.Error{
			Kind: algesta.ErrStale, Message: algesta.Say("This button is too old to use."),
			Hint: algesta.Say("Type the command instead, so that it's planned with the current state."),
		}
	}
	return d.runProposed(ctx, in, actor, o, reason)
}

// runProposed starts the command of an offer.
func (d *Dispatcher) runProposed(ctx context.Context, in algesta.Invocation, actor algesta.Actor, o algesta.Offer, reason string) error {
	book, ok := d.find(o.Runbook)
	if !ok {
		return &algesta.Error{Kind: algesta.ErrStale, Message: algesta.Say("I don't know this button's command any more. Nothing was run.")}
	}
	c := algesta.Command{
		ID: algesta.NewCommandID(), Requester: algesta.AskedBy(actor), Runbook: book.Name, Target: o.Target, Args: o.Args, Reason: reason,
		At: in.At, Channel: in.Channel, // a click makes a new card, not a reply: people have to see it
	}
	if in.Kind == algesta.Mentioned { // someone who typed it in a thread expects the answer there
		c.Thread = in.Thread
	}
	return d.start(ctx, fromPerson(in), book, c)
}

func (d *Dispatcher) dropButton(ctx context.Context, id string) error {
	return d.Store.Update(ctx, func(tx Tx) error { return tx.DropButton(id) })
}

// usedError says that another click on the same offer was quicker. It never reaches a person.
type usedError struct{ by string }

// Error implements error.
func (e usedError) Error() string { return "the offer was used for " + e.by }

// useUp takes the button of an offer away from its messages, in the transaction that opens the request: a usedError where another
// click did so already.
func useUp(tx Tx, offer, request string) error {
	by, err := tx.Use(offer, request)
	if err == nil && by != "" {
		return usedError{by}
	}
	return err
}
