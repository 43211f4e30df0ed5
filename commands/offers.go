package commands

import (
	"context"
	"time"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/runbooks"
)

// offerLives is how long a proposed command may be clicked: a button of last month is not advice.
const offerLives = 24 * time.Hour

// withIDs gives the commands that a report proposes their IDs and returns them for the store.
func withIDs(r *algesta.Report) []algesta.Offer {
	var offers []algesta.Offer
	for i := range r.Buttons {
		b := &r.Buttons[i]
		if b.Offer == nil {
			continue
		}
		o := *b.Offer
		o.ID, o.ExpiresAt = algesta.NewOfferID(), time.Now().Add(offerLives)
		b.Action, b.ID, b.Offer = algesta.Run, o.ID, nil
		if b.Confirm == nil {
			b.Confirm = confirmOffer(b.Label, o)
		}
		offers = append(offers, o)
	}
	return offers
}

func storeOffers(tx Tx, offers []algesta.Offer) error {
	for _, o := range offers {
		if err := tx.Offer(o); err != nil {
			return err
		}
	}
	return nil
}

// runOffer carries out a proposed command as a new command of whoever clicked: through policy, plan and approval as if typed.
func (d *Dispatcher) runOffer(ctx context.Context, in algesta.Invocation, actor algesta.Actor) error {
	o, ok, err := d.Store.Offer(ctx, in.Vote.ID)
	if err != nil {
		return err
	}
	if !ok || time.Now().After(o.ExpiresAt) {
		if err := d.Store.Update(ctx, func(tx Tx) error { return tx.DropButton(in.Vote.ID) }); err != nil {
			return err
		}
		return &algesta.Error{
			Kind: algesta.ErrStale, Message: algesta.Say("This button is too old to be used."),
			Hint: algesta.Say("Type the command, so that it is planned with what is true now."),
		}
	}
	book, ok := runbooks.Find(o.Runbook)
	if !ok {
		return &algesta.Error{Kind: algesta.ErrStale, Message: algesta.Say("I do not know the command of this button any more. Nothing was run.")}
	}
	return d.start(ctx, in, book, algesta.Command{
		ID: algesta.NewCommandID(), Actor: actor, Runbook: book.Name, Target: o.Target, Args: o.Args,
		At: in.At, Channel: in.Channel, // a new card, not a reply: people have to see it
	})
}
