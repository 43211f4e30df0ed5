package commands

import (
	"context"
	"fmt"
	"time"

	"github.com/3astronautas/algesta"
)

// AboutPolicy tells those who run the bot, in their channel, that the policy file can't be loaded, and why, or, with a nil error, that it
// can again. What is told of one such time belongs to one id: a new reason replaces the one before, and the end is a reply below it. An
// error says that it wasn't told: because the bot isn't in the channel, another company reads along, or nobody can tell.
func (d *Dispatcher) AboutPolicy(ctx context.Context, channel, id string, failed error) error {
	place, err := d.Directory.Place(ctx, channel, placeAge)
	switch {
	case err != nil:
		return fmt.Errorf("asking about the admin channel: %w", err)
	case place.External:
		return fmt.Errorf("the admin channel %s is shared with another company", channel)
	case !place.Member:
		return fmt.Errorf("the bot isn't in the admin channel %s", channel)
	}
	card := algesta.Post{Command: id, Kind: algesta.CardPost, Channel: channel}
	end := algesta.Post{Command: id, Kind: algesta.EndPost, Channel: channel, Report: algesta.Report{
		Tone: algesta.Good, Title: algesta.Say("The policy file was loaded again at {} and is in force.", algesta.AtSecond(time.Now())),
	}}
	if failed != nil {
		card.Report = algesta.Report{
			Tone: algesta.Bad, Title: algesta.Say("The policy file can't be loaded. The policy before it stays in force."),
			Body: []algesta.Block{{Pre: d.excerpt(failed.Error())}, {Text: algesta.Say("Correct the file: I look at it every few seconds.")}},
		}
		return d.Store.Update(ctx, func(tx Tx) error { return tx.Post(card) })
	}
	return d.Store.Update(ctx, func(tx Tx) error { return tx.Post(end) })
}
