package commands

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/runbooks"
	"github.com/3astronautas/algesta/words"
)

// liveEnd is how a follow ends.
type liveEnd struct {
	said  algesta.Text  // why
	asOf  bool          // it says how old the answer is that stays
	empty bool          // what was shown may not be shown any more
	kept  bool          // its messages stay as they are: they can't be edited
	reply bool          // whoever asked is told in a new message, because an edit notifies nobody
	again bool          // it's offered to follow it again
	by    algesta.Actor // who stopped it
	read  []runbooks.Place
}

// timeOver is the end of a follow whose time is up. Where the bot was away meanwhile, or couldn't read, it's told how old the answer is.
func timeOver(l algesta.LiveAnswer) liveEnd {
	said := algesta.Say("I followed this for {}.", words.Span(liveFor))
	if len(l.Trouble) > 0 {
		said = algesta.Say("{} I tried until {}.", l.Trouble, algesta.At(l.Until))
	}
	return liveEnd{said: said, asOf: true, again: true}
}

// mayStay takes what is shown out of a followed answer that ends, where whoever asked may not read it any more, another company reads
// along, or nobody can tell: nothing looks at it again.
func (d *Dispatcher) mayStay(ctx context.Context, l algesta.LiveAnswer, end liveEnd) liveEnd {
	if book, known := d.find(l.Command.Runbook); known {
		end.read = d.placesOf(ctx, book, l.Command)
	}
	if end.empty || end.kept {
		return end
	}
	asked, _ := l.Command.Person()
	unsure := algesta.Say("I couldn't check in Slack who may read this, so what it showed is gone.")
	book, known := d.find(l.Command.Runbook)
	actor, err := d.Directory.Actor(ctx, asked.ID, livePersonAge)
	place, noPlace := d.Directory.Place(ctx, l.Command.Channel, whileMoving)
	var why algesta.Text
	switch {
	case !known || err != nil || noPlace != nil:
		d.Log.Warn("who may read a followed answer could not be checked at its end", zap.String("command", l.Command.ID),
			zap.Error(errors.Join(err, noPlace)))
		why = unsure
	case place.External:
		why = algesta.Say("This channel is shared with another company, so what it showed is gone.")
	default:
		l.Command.Requester, l.Command.At = algesta.AskedBy(actor), time.Now()
		no, withdrawn := d.liveWithdrawn(ctx, book, l.Command)
		if !withdrawn {
			return end
		}
		why = join(algesta.Say("{} may not read this any more, so what it showed is gone.", actor.Called()), no)
	}
	end.said, end.empty, end.asOf, end.again = join(end.said, why), true, false, false
	return end
}

// endLive leaves a followed answer as it is where it may stay, and says why it ends.
func (d *Dispatcher) endLive(ctx context.Context, l algesta.LiveAnswer, end liveEnd) error {
	end = d.mayStay(ctx, l, end)
	return d.storeLate(ctx, func(tx Tx) error { return endLiveIn(tx, l, end) })
}

// endLiveIn does so inside a transaction. It does nothing where the answer was brought up to date or ended meanwhile: whoever did that
// decides how it goes on.
func endLiveIn(tx Tx, l algesta.LiveAnswer, end liveEnd) error {
	l.EndedAt = time.Now()
	if end.asOf {
		end.said = algesta.Say("{} As of {}:", end.said, algesta.AtSecond(l.ShownAt))
	}
	if end.empty {
		l.Shown = algesta.Report{Title: algesta.Say("{}{}", words.Capital(l.Command.Runbook), targetWords(l.Command.Target))}
	}
	if saved, err := tx.SaveLive(l); err != nil || !saved {
		return err
	}
	line := readEntry(l.Command, false, end.read...)
	line.Kind, line.Actor, line.Data["note"] = "follow ended", "", end.said.String()
	if end.by.ID.User != "" {
		line.Actor = end.by.ID.String()
	}
	if err := tx.Append(line); err != nil {
		return err
	}
	if !end.kept {
		if err := postLastLive(tx, l, end); err != nil {
			return err
		}
	}
	if !end.reply {
		return nil
	}
	told := algesta.Report{Title: join(end.said, algesta.Text{algesta.Mention(l.Command.Actor)})}
	if !end.kept {
		told.Tone, told.Title = l.Shown.Tone, join(algesta.Say("{}.", l.Shown.Title), told.Title)
	}
	reply := post(l.Command, algesta.EndPost, told)
	reply.By = l.Command.Actor.ID
	return tx.Post(reply)
}

// postLastLive shows the answer as it stays.
func postLastLive(tx Tx, l algesta.LiveAnswer, end liveEnd) (err error) {
	card, detail := cardAndDetail(l.Shown, l.Command)
	detail.Tone, detail.Small = algesta.Neutral, detail.Title
	detail.Title, detail.Push, detail.Buttons = end.said, nil, nil
	detail = withRest(detail, algesta.Say(restUnfollow))
	if end.again {
		if detail.Buttons, err = StoreOffers(tx, []algesta.Button{followAgain(l.Command)}); err != nil {
			return err
		}
	}
	return postBoth(tx, l.Command, card, detail, true)
}

// postLive stores the messages of an answer that is followed: the card, and the detail that is edited.
func postLive(tx Tx, l algesta.LiveAnswer) error {
	card, detail := cardAndDetail(l.Shown, l.Command)
	card.Small = algesta.Say("{} · followed until {}", card.Small, algesta.At(l.Until))
	detail.Small = detail.Title // a second sentence of the answer
	detail.Tone = algesta.Running
	detail.Title = algesta.Say("Following until {}. As of {}:", algesta.At(l.Until), algesta.AtSecond(l.ShownAt))
	if len(l.Trouble) > 0 {
		detail.Tone = algesta.Warning
		detail.Title = algesta.Say(
			"{} I keep trying until {}. As of {}:", l.Trouble, algesta.At(l.Until), algesta.AtSecond(l.ShownAt),
		)
	}
	detail = withRest(detail, algesta.Say(restUnfollow)) // a file would be of one moment
	detail.Buttons = []algesta.Button{{Label: "Stop", Action: algesta.Stop, ID: l.Command.ID}}
	return postBoth(tx, l.Command, card, detail, false)
}

func postBoth(tx Tx, c algesta.Command, card, detail algesta.Report, final bool) error {
	for _, p := range []algesta.Post{post(c, algesta.CardPost, card), post(c, algesta.DetailPost, detail)} {
		p.By, p.Final = c.Actor.ID, final
		if err := tx.Post(p); err != nil {
			return err
		}
	}
	return nil
}

// followAgain offers the same command once more.
func followAgain(c algesta.Command) algesta.Button {
	o := &algesta.Offer{Runbook: c.Runbook, Target: c.Target, Args: c.Args}
	return algesta.Button{Label: "Follow again", Offer: o, Confirm: &algesta.Confirm{
		Title: "Follow it again?", Yes: "Follow", No: "Not now",
		Text: fmt.Sprintf("%s%s, in a new message, for %s.", words.Capital(c.Runbook), targetWords(c.Target), words.Span(liveFor)),
	}}
}

// stopLive is the click that ends a follow: of whoever asked, and of everyone who may read the same.
func (d *Dispatcher) stopLive(ctx context.Context, in algesta.Invocation, actor algesta.Actor) error {
	over := &algesta.Error{Kind: algesta.ErrStale, Message: algesta.Say("I've stopped following this already.")}
	l, found, err := d.Store.LiveAnswer(ctx, in.Vote.ID)
	if err != nil {
		return err
	}
	if !found || !l.Open() {
		return over
	}
	if c := l.Command; c.Actor.ID != actor.ID {
		book, ok := d.find(c.Runbook)
		c.Requester, c.At = algesta.AskedBy(actor), time.Now()
		if _, withdrawn := d.liveWithdrawn(ctx, book, c); !ok || withdrawn {
			return about(l.Command, &algesta.Error{
				Kind: algesta.ErrRefused, Message: algesta.Say("Only {}, or someone who may read the same, can stop this.", l.Command.Called()),
			})
		}
	}
	end := d.mayStay(ctx, l, liveEnd{
		said: algesta.Say("{} stopped it after {}.", actor.Called(), words.Span(time.Since(l.From))), asOf: true, by: actor,
	})
	return d.storeLate(ctx, func(tx Tx) error {
		open, err := tx.LiveAnswers() // as it is now: it may have been brought up to date meanwhile
		if err != nil {
			return err
		}
		i := slices.IndexFunc(open, func(o algesta.LiveAnswer) bool { return o.Command.ID == l.Command.ID })
		if i < 0 {
			return over
		}
		if err := endLiveIn(tx, open[i], end); err != nil {
			return err
		}
		return tx.Answered(in.Key)
	})
}

// abandonLive ends a follow whose look goes wrong again and again.
func (d *Dispatcher) abandonLive(ctx context.Context, id string, why algesta.Text) error {
	l, found, err := d.Store.LiveAnswer(ctx, id)
	if err != nil || !found || !l.Open() {
		return err
	}
	return d.endLive(ctx, l, liveEnd{said: join(why, algesta.Say("I've stopped following this."))})
}
