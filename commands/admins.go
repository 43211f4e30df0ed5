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
	if failed == nil {
		return d.toAdmins(ctx, algesta.Post{Command: id, Kind: algesta.EndPost, Channel: channel, Report: algesta.Report{
			Tone: algesta.Good, Title: algesta.Say("The policy file was loaded again at {} and is in force.", algesta.At(time.Now())),
		}})
	}
	return d.toAdmins(ctx, algesta.Post{Command: id, Kind: algesta.CardPost, Channel: channel, Report: algesta.Report{
		Tone: algesta.Bad, Title: algesta.Say("The policy file can't be loaded. The policy before it stays in force."),
		Body: []algesta.Block{{Pre: d.excerpt(failed.Error())}, {Text: algesta.Say("Correct the file: I look at it every few seconds.")}},
	}})
}

// AboutIncidents tells those who run the bot, in their channel, that nothing about incidents can be posted in another one, and why, or,
// with a nil error, that it can again. One such time has one id, and an error means the same as that of AboutPolicy.
func (d *Dispatcher) AboutIncidents(ctx context.Context, channel, id, incidents string, failed error) error {
	where := algesta.Span{Kind: algesta.Channel, ID: incidents, Text: "#" + incidents}
	if failed == nil {
		return d.toAdmins(ctx, algesta.Post{Command: id, Kind: algesta.EndPost, Channel: channel, Report: algesta.Report{
			Tone: algesta.Good, Title: algesta.Say("Incidents are posted in {} again.", where),
		}})
	}
	return d.toAdmins(ctx, algesta.Post{Command: id, Kind: algesta.CardPost, Channel: channel, Report: algesta.Report{
		Tone: algesta.Bad, Title: algesta.Say("I can't post incidents in {}, so nobody is told about them there.", where),
		Body: []algesta.Block{{Text: message(failed)}, {Text: algesta.Say(
			"Invite me to it (an archived channel has to be unarchived first), or route incidents elsewhere in the configuration. " +
				"I keep trying, and what is still wrong by then is posted.",
		)}},
	}})
}

// toAdmins posts in the channel of those who run the bot.
func (d *Dispatcher) toAdmins(ctx context.Context, p algesta.Post) error {
	place, err := d.Directory.Place(ctx, p.Channel, placeAge)
	switch {
	case err != nil:
		return fmt.Errorf("asking about the admin channel: %w", err)
	case place.External:
		return fmt.Errorf("the admin channel %s is shared with another company", p.Channel)
	case !place.Member:
		return fmt.Errorf("the bot isn't in the admin channel %s", p.Channel)
	}
	return d.Store.Update(ctx, func(tx Tx) error { return tx.Post(p) })
}
