package commands

import (
	"context"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/words"
)

// The bounds of what the home page of a person lists.
const (
	mostToApprove = 8
	mostListed    = 10
)

// Home is what a person sees of the bot without asking for anything: what waits for their approval, with the whole plan and its buttons,
// what runs, what was changed lately, and the way to a form. Of what others asked for it shows what the policy lets the person read, where
// that was asked for in public. It never fails: what can't be read is shown as a sentence. Times are moments, so that it stays as it is
// until something happens.
func (d *Dispatcher) Home(ctx context.Context, in algesta.Invocation) []algesta.Report {
	leave, ok := d.looks.enter(ctx, in.Person, func() {})
	if !ok {
		return []algesta.Report{{Tone: algesta.Warning, Title: algesta.Say("I'm busy. Open this tab again in a moment.")}}
	}
	defer leave()
	actor, err := d.actor(ctx, in, factsAge)
	if err != nil {
		r := explain(err, "")
		return []algesta.Report{{Title: r.Title, Body: r.Body}}
	}
	out := []algesta.Report{{
		Title:   algesta.Say("Hi {}. What do you need?", actor.Called()),
		Buttons: []algesta.Button{{Label: "Run a command", Action: algesta.Fill, ID: "help", Style: "primary"}},
	}}
	alive, err := d.Store.Alive(ctx)
	if err != nil {
		d.Log.Error("a home page without what is open", zap.Error(err))
		return append(out, algesta.Report{Tone: algesta.Warning, Title: algesta.Say("Couldn't read what's open. Nothing was changed.")})
	}
	out = append(out, d.toApprove(ctx, actor, alive)...)
	out = append(out, d.running(ctx, actor, alive), d.lately(ctx, actor))
	return append(out, algesta.Report{Title: algesta.Say(
		"Type {} in a channel, or {} for every command; in a thread, say {}. Before anything is changed I show what, and ask who may approve.",
		algesta.Name(d.Bot.Slash()), algesta.Name(d.Bot.Typed("help")), algesta.Name(d.Bot.Mentioned("logs")),
	)})
}

// toApprove are the plans that the person may approve or deny, oldest first.
func (d *Dispatcher) toApprove(ctx context.Context, actor algesta.Actor, alive []algesta.Request) []algesta.Report {
	var mine []algesta.Request
	for _, r := range alive {
		if r.Status == algesta.Pending && time.Now().Before(r.ExpiresAt) && d.mayDecide(r, actor) {
			mine = append(mine, r)
		}
	}
	if len(mine) == 0 {
		return []algesta.Report{{Tone: algesta.Good, Title: algesta.Say("Nothing waits for your approval.")}}
	}
	head := algesta.Report{
		Tone: algesta.Waiting, Title: algesta.Say("{} for your approval.", words.Plural(len(mine), "request waits", "requests wait")),
	}
	if len(mine) > mostToApprove {
		head.Small = algesta.Say("The oldest {} are shown.", mostToApprove)
	}
	out := []algesta.Report{head}
	for _, r := range mine[:min(len(mine), mostToApprove)] {
		needs := d.needs(r)
		plan := planOf(r, d.Policy().Missing(needs, r.Command.Actor, d.approved(ctx, r)), d.names(ctx, needs), d.heldNow(r))
		plan.Small = algesta.Say( // a plan isn't made again for each look at it
			"{} · requested by {}, as it was {} · expires {}", plan.Small, r.Command.Said(), algesta.At(r.Command.At), algesta.At(r.ExpiresAt),
		)
		plan.Small = d.linked(ctx, plan.Small, r)
		plan.Buttons = slices.DeleteFunc(plan.Buttons, func(b algesta.Button) bool { return b.Action == algesta.Cancel })
		out = append(out, plan)
	}
	return out
}

// mayDecide reports whether the person could approve a request now, and hasn't yet.
func (d *Dispatcher) mayDecide(r algesta.Request, actor algesta.Actor) bool {
	if slices.ContainsFunc(r.DecidedBy, func(a algesta.Actor) bool { return a.ID == actor.ID }) {
		return false
	}
	return d.Policy().MayApprove(d.needs(r), r.Command.Actor, actor).Effect == algesta.Allow
}

// approved are the approvals of a request so far; none where they can't be read.
func (d *Dispatcher) approved(ctx context.Context, r algesta.Request) []algesta.Approval {
	all, err := d.Store.Approvals(ctx, r.ID)
	if err != nil {
		d.Log.Warn("a home page without the approvals of a request", zap.String("command", r.ID), zap.Error(err))
	}
	return all
}

// running are the changes that are under way, and what the person asked for and waits.
func (d *Dispatcher) running(ctx context.Context, actor algesta.Actor, alive []algesta.Request) algesta.Report {
	var list []algesta.Text
	more := 0
	for _, r := range alive {
		if r.Status == algesta.Pending && !asksFor(r, actor) || !d.mayKnow(ctx, actor, r) {
			continue
		}
		if len(list) == mostListed {
			more++
			continue
		}
		list = append(list, d.linked(ctx, algesta.Say("{}: {}", r.Plan.Title, standing(r)), r))
	}
	return listed(algesta.Say("Nothing that you may see is running."), algesta.Say("Running now, and requested by you:"), list, more)
}

// lately are the changes that ended last.
func (d *Dispatcher) lately(ctx context.Context, actor algesta.Actor) algesta.Report {
	ended, err := d.Store.Ended(ctx, 5*mostListed)
	if err != nil {
		d.Log.Error("a home page without what has ended", zap.Error(err))
		return algesta.Report{Tone: algesta.Warning, Title: algesta.Say("Couldn't read what was changed lately.")}
	}
	var list []algesta.Text
	for _, r := range ended {
		if len(list) < mostListed && slices.Contains(changed, r.Status) && d.mayKnow(ctx, actor, r) {
			said := algesta.Say("{}: {}, {}", r.Plan.Title, standing(r), algesta.AtDay(r.UpdatedAt))
			if d.over(r, time.Now()) { // the request's last moment is that of its beginning
				said = algesta.Say("{}: it's over", r.Plan.Title)
			}
			list = append(list, d.linked(ctx, said, r))
		}
	}
	return listed(algesta.Say("Nothing that you may see was changed lately."), algesta.Say("Recent changes:"), list, 0)
}

// over reports whether a request made something that ends by itself, such as a freeze, and that has ended: what its title says until when
// may have been ended sooner.
func (d *Dispatcher) over(r algesta.Request, now time.Time) bool {
	var lasts bool
	switch r.Command.Runbook {
	case "freeze":
		lasts = slices.ContainsFunc(*d.Store.Frozen(), func(z algesta.Freeze) bool { return z.ID == r.ID && now.Before(z.Until) })
	case "silence", "snooze":
		lasts = slices.ContainsFunc(*d.Store.Silences(), func(z algesta.Silence) bool { return z.ID == r.ID && now.Before(z.Until) })
	case algesta.BreakGlassVerb:
		lasts = slices.ContainsFunc(*d.Store.Broken(), func(b algesta.BreakGlass) bool { return b.ID == r.ID && now.Before(b.Until) })
	default:
		return false
	}
	return !lasts
}

// listed is a list with its head, or one sentence where it's empty.
func listed(none, head algesta.Text, list []algesta.Text, more int) algesta.Report {
	if len(list) == 0 {
		return algesta.Report{Title: none}
	}
	r := algesta.Report{Title: head, Body: []algesta.Block{{List: list}}}
	if more > 0 {
		r.Body = append(r.Body, algesta.Block{Text: algesta.Say("… {} more", more)})
	}
	return r
}

// asksFor reports whether the person asked for it.
func asksFor(r algesta.Request, actor algesta.Actor) bool {
	by, ok := r.Command.Person()
	return ok && by.ID == actor.ID
}

// mayKnow reports whether a person may know of a request: one that they asked for or decided, or one about what they may read that was
// asked for in public. A channel that Slack says nothing about doesn't count as public.
func (d *Dispatcher) mayKnow(ctx context.Context, actor algesta.Actor, r algesta.Request) bool {
	if asksFor(r, actor) || slices.ContainsFunc(r.DecidedBy, func(a algesta.Actor) bool { return a.ID == actor.ID }) {
		return true
	}
	if !d.Policy().Visible(actor, r.Command.Target) {
		return false
	}
	place, err := d.Directory.Place(ctx, r.Command.Channel, factsAge)
	return err == nil && place.Public
}

// linked is a text with the way to the thread of a request behind it, where Slack gives one.
func (d *Dispatcher) linked(ctx context.Context, t algesta.Text, r algesta.Request) algesta.Text {
	channel, ts, err := d.Store.CardOf(ctx, r.ID)
	if err != nil || ts == "" {
		return algesta.Say("{} · {}", t, algesta.Name(r.ID))
	}
	at := d.Directory.Link(ctx, channel, ts)
	if at == "" {
		return algesta.Say("{} · {}", t, algesta.Name(r.ID))
	}
	return algesta.Say("{} · {}", t, algesta.Span{Kind: algesta.Link, ID: at, Text: "its thread"})
}

// Changes wakes after a commit that opened a request or moved one, or ended what one made: what someone sees of them may have changed. One
// wake-up may stand for many.
func (d *Dispatcher) Changes() <-chan struct{} { return d.changes }

// watchedStore wakes changes after the commits that open or move a request, or end what one made.
type watchedStore struct {
	Store
	changes chan struct{}
}

// Update implements Store.
func (s watchedStore) Update(ctx context.Context, f func(Tx) error) error {
	moved := false
	if err := s.Store.Update(ctx, func(tx Tx) error { return f(watchedTx{tx, &moved}) }); err != nil {
		return err
	}
	if moved {
		select {
		case s.changes <- struct{}{}:
		default:
		}
	}
	return nil
}

// watchedTx notes that a request was opened or moved, or what it made was ended.
type watchedTx struct {
	Tx
	moved *bool
}

// Create implements RequestTx.
func (t watchedTx) Create(r algesta.Request) error {
	*t.moved = true
	return t.Tx.Create(r)
}

// Thaw implements FreezeTx.
func (t watchedTx) Thaw(id string, at time.Time) (bool, error) {
	*t.moved = true
	return t.Tx.Thaw(id, at)
}

// EndGlass implements GlassTx.
func (t watchedTx) EndGlass(id string, at time.Time) (bool, error) {
	*t.moved = true
	return t.Tx.EndGlass(id, at)
}

// EndSilence implements SilenceTx.
func (t watchedTx) EndSilence(id string, at time.Time) (bool, error) {
	*t.moved = true
	return t.Tx.EndSilence(id, at)
}

// Move implements RequestTx.
func (t watchedTx) Move(m algesta.Move) (algesta.Request, bool, error) {
	*t.moved = true
	return t.Tx.Move(m)
}
