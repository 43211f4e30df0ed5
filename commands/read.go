package commands

import (
	"context"
	"fmt"
	"slices"

	"go.uber.org/zap"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/runbooks"
)

// read answers a command that only looks: in the channel as a card with its detail in the thread,
// or to the person alone where the bot is not a member, or people of another company read it (decision 13). Who reads the channel is asked
// when the answer is there: reading a cluster takes time.
func (d *Dispatcher) read(
	ctx context.Context, from origin, book runbooks.Runbook, c algesta.Command, decision algesta.Decision,
) error {
	if decision.Effect != algesta.Allow {
		return &algesta.Error{
			Kind:    algesta.ErrRefused,
			Message: algesta.Say("Rule \"{}\" requires approval for a read-only command; only changes can be approved.", decision.Rule),
			Hint:    algesta.Say("Ask the people who write the policy to name changes in that rule."),
		}
	}
	var (
		report algesta.Report
		alone  bool
		err    error
	)
	places := d.placesOf(ctx, book, c)
	if book.Own {
		report, alone, err = d.answerOwn(ctx, book, c)
	} else {
		report, err = d.look(ctx, book, c, places)
	}
	if err != nil {
		return err
	}
	if alone { // others read the channel, too
		return d.reply(ctx, from, c.ID, withRest(report, d.forFewer(c)), readEntry(c, true, places...))
	}
	if book.Name == "status" {
		report.Body = append(report.Body, d.frozenHere(c.Target)...)
	}
	place, err := d.Directory.Place(ctx, c.Channel, placeAge)
	if from.alone == nil {
		if err := ruleMayPost(place, err); err != nil {
			return err
		}
	}
	follows := book.Follows(c.Args) && from.alone != nil
	if d.hasSecret(c.Args) {
		report.Buttons = slices.DeleteFunc(slices.Clone(report.Buttons), func(b algesta.Button) bool {
			return b.Offer != nil && d.hasSecret(b.Offer.Args)
		})
		if follows {
			follows = false
			report.Body = append(report.Body, algesta.Block{Text: algesta.Say(
				"This is how it is now. I don't follow it: one of the values looks like a secret, and I'd have to store it.",
			)})
		}
	}
	switch {
	case err != nil:
		d.Log.Warn("an answer is shown to its author alone", zap.String("command", c.ID), zap.Error(err))
		report.Small = join(report.Small, algesta.Say("I couldn't check in Slack who reads this channel, so only you see this."))
	case place.External:
		report.Small = join(report.Small, algesta.Say("This channel is shared with another company, so only you see this."))
	}
	if err != nil || place.External || !place.Member && !place.Direct {
		report.Buttons = nil // a change could not be asked for here anyway
		if follows {
			report.Body = append(report.Body, algesta.Block{Text: algesta.Say(
				"This is how it is now. I can't follow it here, because only you see it: ask in a channel that I'm in, or in our direct messages.",
			)})
		}
		return d.reply(ctx, from, c.ID, withRest(report, algesta.Say(restElsewhere)), readEntry(c, true, places...))
	}
	if follows {
		settled, err := d.settled(ctx, book, c)
		if err != nil || len(settled) == 0 {
			return d.beginLive(ctx, from, c, report, places)
		}
		report.Body = append(report.Body, algesta.Block{Text: algesta.Say("{} There's nothing to follow.", settled)})
	}
	card, detail := cardAndDetail(report, c)
	return d.storeLate(ctx, func(tx Tx) error {
		if err := postAnswer(tx, c, card, detail, report.Buttons); err != nil {
			return err
		}
		if err := tx.Append(readEntry(c, false, places...)); err != nil {
			return err
		}
		return from.closed(tx)
	})
}

// ofMyself answers a command about the bot's own records, or about the bot.
func (d *Dispatcher) ofMyself(ctx context.Context, book runbooks.Runbook, c algesta.Command) (algesta.Report, error) {
	if book.Name != doctor {
		return d.answerAudit(ctx, c)
	}
	if d.Doctor == nil {
		return algesta.Report{}, &algesta.Error{
			Kind: algesta.ErrRefused, Message: algesta.Say("I can't check myself here."), Hint: algesta.Say("Use bot doctor in a terminal."),
		}
	}
	return d.Doctor(ctx), nil
}

// doctor is the command that checks the bot itself.
const doctor = "doctor"

// look runs a command that only looks, about places where it names none. That it may run was decided before; what the answer says about
// other namespaces is decided here.
func (d *Dispatcher) look(
	ctx context.Context, book runbooks.Runbook, c algesta.Command, places []runbooks.Place,
) (algesta.Report, error) {
	var cluster runbooks.Cluster
	var err error
	if !anywhere(book, c) {
		if cluster, err = d.Clusters.Reader(c.Target.Cluster); err != nil {
			return algesta.Report{}, fmt.Errorf("opening the cluster: %w", err)
		}
	}
	asked, err := d.input(ctx, c)
	if err != nil {
		return algesta.Report{}, err
	}
	asked.Places = places
	if !anywhere(book, c) { // the others are in Places
		asked.Allowed = d.mayRead(ctx, c, book.Verb)
	}
	report, err := book.Answer(ctx, cluster, asked)
	if err != nil {
		return algesta.Report{}, fmt.Errorf("running %s: %w", book.Name, d.gone(ctx, c, err))
	}
	return report, nil
}

// postAnswer stores an answer that everyone in the channel sees: the card, and the detail with its buttons below it.
func postAnswer(tx Tx, c algesta.Command, card, detail algesta.Report, proposed []algesta.Button) error {
	asked, _ := c.Person()
	buttons, err := StoreOffers(tx, proposed)
	if err != nil {
		return err
	}
	detail.Buttons = buttons
	if detail.File == nil {
		detail.File = restInFile(c)
	}
	shown := post(c, algesta.CardPost, card)
	shown.By = asked.ID
	if err := tx.Post(shown); err != nil {
		return err
	}
	if len(detail.Body)+len(detail.Buttons) == 0 {
		return nil
	}
	shown = post(c, algesta.DetailPost, detail)
	shown.By = asked.ID
	return tx.Post(shown)
}

// post is a message of a command, in the thread of its card.
func post(c algesta.Command, kind algesta.PostKind, r algesta.Report) algesta.Post {
	return algesta.Post{Command: c.ID, Kind: kind, Channel: c.Channel, Thread: c.Thread, About: c.Target, Report: r}
}
