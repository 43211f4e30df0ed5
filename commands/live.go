package commands

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"time"

	"go.uber.org/zap"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/runbooks"
	"github.com/3astronautas/algesta/words"
)

// The bounds of answers that people follow.
const (
	// liveFor is how long one is brought up to date. Its message stands in a channel where others read on; who wants more clicks once.
	liveFor = 10 * time.Minute
	// liveEvery is the pause between two looks, and livePace the least for each that is followed at the same time: Slack takes 50 edits a
	// minute, of which the sender leaves 26 to what isn't an end.
	liveEvery = 5 * time.Second
	livePace  = 2500 * time.Millisecond
	// liveAges is how often a message is edited in which only ages and what is used are new.
	liveAges = 30 * time.Second
	// livePersonAge is the greatest age of what is known of whoever follows: Slack answers twenty questions about user groups in a minute.
	livePersonAge = time.Minute

	livePerPerson  = 3
	livePerChannel = 5
	liveInAll      = 12
)

// beginLive answers a command whose answer is to be followed: as any answer, and with the promise to bring it up to date.
func (d *Dispatcher) beginLive(
	ctx context.Context, from origin, c algesta.Command, shown algesta.Report, places []runbooks.Place,
) error {
	now := time.Now()
	l := algesta.LiveAnswer{Command: c, From: now, Until: now.Add(liveFor), Shown: asFollowed(shown), ShownAt: now}
	return d.storeLate(ctx, func(tx Tx) error {
		open, err := tx.LiveAnswers()
		if err != nil {
			return err
		}
		if err := liveRoom(open, c); err != nil {
			return err
		}
		saved, err := tx.SaveLive(l)
		if err != nil {
			return err
		}
		if !saved {
			return fmt.Errorf("following %s: %w", c.ID, algesta.ErrTaken)
		}
		if err := postLive(tx, l); err != nil {
			return err
		}
		line := readEntry(c, false, places...)
		line.Data["note"] = "followed until " + l.Until.UTC().Format("15:04 UTC") + " at most"
		if err := tx.Append(line); err != nil {
			return err
		}
		if err := tx.Schedule(algesta.LiveJob, c.ID, now.Add(livePause(len(open)+1))); err != nil {
			return err
		}
		return from.closed(tx)
	})
}

// liveRoom refuses one more than a person, a channel or the bot may have at a time.
func liveRoom(open []algesta.LiveAnswer, c algesta.Command) error {
	var own, here int
	for _, l := range open {
		if l.Command.Actor.ID == c.Actor.ID {
			own++
		}
		if l.Command.Channel == c.Channel {
			here++
		}
	}
	var no algesta.Text
	switch {
	case own >= livePerPerson:
		no = algesta.Say("You're following {} already, the most for one person.", words.Count(own, "answer"))
	case here >= livePerChannel:
		no = algesta.Say("{} are followed in this channel already, the most for one channel.", words.Count(here, "answer"))
	case len(open) >= liveInAll:
		no = algesta.Say(
			"I'm following {} already, the most at a time: Slack takes only so many edits a minute.", words.Count(len(open), "answer"),
		)
	default:
		return nil
	}
	return &algesta.Error{
		Kind: algesta.ErrRefused, Message: no,
		Hint: algesta.Say("Stop one of them with the button below it, or ask without -f or -w to see how it is now."),
	}
}

// livePause is the pause between two looks while this many answers are followed.
func livePause(open int) time.Duration { return max(liveEvery, time.Duration(open)*livePace) }

// settled says that nothing more is to be expected of what a command is about; empty while there is.
func (d *Dispatcher) settled(ctx context.Context, book runbooks.Runbook, c algesta.Command) (algesta.Text, error) {
	if book.Settled == nil || anywhere(book, c) {
		return nil, nil
	}
	cluster, err := d.Clusters.Reader(c.Target.Cluster)
	if err != nil {
		return nil, fmt.Errorf("opening the cluster: %w", err)
	}
	in, err := d.input(ctx, c)
	if err != nil {
		return nil, err
	}
	return book.Settled(ctx, cluster, in)
}

// Live looks once at what someone follows and brings the answer up to date, or ends it. It is the live job; it may be called by any process
// at any time. Before it shows anything it asks the policy and Slack again: whether whoever asked may still read this, and who reads along.
func (d *Dispatcher) Live(ctx context.Context, id string) (again time.Duration, err error) {
	l, found, err := d.Store.LiveAnswer(ctx, id)
	if err != nil || !found || !l.Open() {
		return 0, err
	}
	lost, err := d.Store.LostPosts(ctx, id)
	if err != nil {
		return 0, err
	}
	if len(lost) > 0 { // somebody deleted it, or it can't be posted: there's nothing to bring up to date
		return 0, d.endLive(ctx, l, liveEnd{
			said: algesta.Say("I can't edit the answer above any more, so I've stopped following it."), reply: true, kept: true,
		})
	}
	open, err := d.Store.OpenLiveAnswers(ctx)
	if err != nil {
		return 0, err
	}
	now := time.Now()
	if !now.Before(l.Until) {
		return 0, d.endLive(ctx, l, timeOver(l))
	}
	next, end, err := d.liveLook(ctx, l, now)
	switch {
	case err != nil:
		return 0, err
	case end != nil:
		return 0, d.endLive(ctx, next, *end)
	}
	going, err := d.updateLive(ctx, l, next)
	if err != nil || !going {
		return 0, err
	}
	return min(livePause(open), time.Until(l.Until)+time.Millisecond), nil
}

// liveLook is the answer as it is now, and how the follow ends where it does.
func (d *Dispatcher) liveLook(ctx context.Context, l algesta.LiveAnswer, now time.Time) (algesta.LiveAnswer, *liveEnd, error) {
	asked, _ := l.Command.Person()
	book, ok := d.find(l.Command.Runbook)
	if !ok {
		return l, &liveEnd{said: algesta.Say("I don't know this command any more, so I've stopped.")}, nil
	}
	actor, err := d.Directory.Actor(ctx, asked.ID, livePersonAge)
	if err != nil {
		why := algesta.Say("I couldn't look {} up in Slack, so I couldn't check whether this may still be shown.", asked.Called())
		return d.liveTrouble(l, why, err)
	}
	l.Command.Requester, l.Command.At = algesta.AskedBy(actor), now
	if no, withdrawn := d.liveWithdrawn(ctx, book, l.Command); withdrawn {
		return l, &liveEnd{said: join(algesta.Say("I've stopped, because {} may not read this any more.", actor.Called()), no), empty: true}, nil
	}
	settled, err := d.settled(ctx, book, l.Command)
	if err == nil {
		l.Shown, err = d.look(ctx, book, l.Command, d.placesOf(ctx, book, l.Command))
		l.Shown = asFollowed(l.Shown)
	}
	switch {
	case is(err, algesta.ErrUnreachable, algesta.ErrForbidden):
		return d.liveTrouble(l, message(err), err)
	case err != nil:
		if _, known := errors.AsType[*algesta.Error](err); !known {
			return l, nil, err // the job is tried again
		}
		return l, &liveEnd{said: join(algesta.Say("I've stopped."), message(err))}, nil
	}
	if book.Name == "status" {
		l.Shown.Body = append(l.Shown.Body, d.frozenHere(l.Command.Target)...)
	}
	place, err := d.Directory.Place(ctx, l.Command.Channel, whileMoving)
	switch {
	case err != nil:
		return d.liveTrouble(l, algesta.Say("I couldn't check in Slack who reads this channel."), err)
	case place.External:
		return l, &liveEnd{said: algesta.Say("I've stopped, because this channel is shared with another company."), empty: true}, nil
	case !place.Member && !place.Direct:
		return l, &liveEnd{said: algesta.Say("I'm not in the channel any more."), kept: true}, nil
	}
	l.ShownAt, l.Trouble = now, nil
	if len(settled) > 0 {
		return l, &liveEnd{said: settled, reply: true}, nil
	}
	return l, nil, nil
}

// liveWithdrawn asks the policy once more.
func (d *Dispatcher) liveWithdrawn(ctx context.Context, book runbooks.Runbook, c algesta.Command) (no algesta.Text, withdrawn bool) {
	decision := d.decideAnywhere(ctx, book, c, false)
	return decision.Reason, decision.Effect != algesta.Allow
}

// liveTrouble leaves what is shown as it is, and says why.
func (d *Dispatcher) liveTrouble(was algesta.LiveAnswer, why algesta.Text, err error) (algesta.LiveAnswer, *liveEnd, error) {
	d.Log.Warn("a followed answer is not brought up to date", zap.String("command", was.Command.ID), zap.Error(err))
	was.Trouble = why
	return was, nil, nil
}

// updateLive shows what is new. going is false where it ended meanwhile.
func (d *Dispatcher) updateLive(ctx context.Context, was, now algesta.LiveAnswer) (going bool, err error) {
	if now.Trouble != nil && len(was.Trouble) > 0 && !now.Trouble.Differs(was.Trouble) {
		return true, nil
	}
	if now.Trouble == nil && len(was.Trouble) == 0 && nothingNew(was.Shown, now.Shown) && now.ShownAt.Sub(was.ShownAt) < liveAges {
		return true, nil
	}
	if now.Trouble != nil { // nothing new was read
		now.Shown, now.ShownAt = was.Shown, was.ShownAt
	}
	err = d.storeLate(ctx, func(tx Tx) error {
		if going, err = tx.SaveLive(now); err != nil || !going {
			return err
		}
		return postLive(tx, now)
	})
	return going && err == nil, err
}

// restless are the parts of an answer that are always new: ages ("41 s", "3 min 5 s", "2 days"), and what is used ("87m", "394Mi").
var restless = regexp.MustCompile(`\b\d+ (?:ms|s|min|h|d|days?)\b(?: ago)?|just now|\b\d+ %|\b\d+m\b|\b[\d.]+[KMG]i\b`)

// nothingNew reports whether two answers differ in nothing but that.
func nothingNew(a, b algesta.Report) bool { return rested(a) == rested(b) }

func rested(r algesta.Report) string {
	r.Buttons, r.File = nil, nil
	b, err := json.Marshal(r)
	if err != nil { // it never is
		return ""
	}
	return restless.ReplaceAllString(string(b), "…")
}
