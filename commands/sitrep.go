package commands

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/words"
)

// lastChanges bounds how many ended requests are looked through for the last one that a sitrep may name.
const lastChanges = 50

// changed are the ends of requests that changed something.
var changed = []algesta.Status{algesta.Succeeded, algesta.Failed, algesta.TimedOut}

// sitrep answers how things stand, in five lines: what is wrong, the worst of it, what changes, what waits or was changed last, and what is
// held. Everyone in the channel reads it, so it names no change that was asked for where they may not read along; alone says that it's for
// its author, because it tells of an incident of which the channel isn't told.
func (d *Dispatcher) sitrep(ctx context.Context, c algesta.Command) (r algesta.Report, alone bool, err error) {
	open, _, err := d.incidentsOf(ctx, c)
	if err != nil {
		return r, false, err
	}
	alive, err := d.Store.Alive(ctx)
	if err != nil {
		return r, false, fmt.Errorf("reading what runs: %w", err)
	}
	ended, err := d.Store.Ended(ctx, lastChanges)
	if err != nil {
		return r, false, fmt.Errorf("reading what was changed: %w", err)
	}
	where := "all environments that you can read"
	if c.Target.Environment != "" {
		where = c.Target.Environment
	}
	r = algesta.Report{Tone: algesta.Good, Title: algesta.Say("{}: no incident is open", words.Capital(where))}
	worst := algesta.Say("Wrong: nothing that I watch")
	if len(open) > 0 {
		r.Tone = incidentTone(open[0])
		r.Title = algesta.Say("{}: {}", words.Capital(where), words.Plural(len(open), "incident is open", "incidents are open"))
		worst = algesta.Say(
			"Worst: {} {}, since {} ({})", calledIncident(open[0]), "("+howBad(open[0].Cause)+")", algesta.AtDay(open[0].Began()),
			d.incidentLink(ctx, open[0]),
		)
	}
	running, waiting := d.sitrepRequests(ctx, c, alive)
	last := "nothing by me"
	ended = slices.DeleteFunc(ended, func(r algesta.Request) bool { return !slices.Contains(changed, r.Status) || !r.Plan.TouchesCluster() })
	if done := d.sitrepKnown(ctx, c, ended); len(done) > 0 {
		last = fmt.Sprintf(
			"%s by %s, %s: %s", done[0].Plan.Title, done[0].Command.Called(), algesta.AtDay(done[0].UpdatedAt).Text, standing(done[0]),
		)
	}
	r.Body = []algesta.Block{{List: []algesta.Text{
		worst,
		algesta.Say("Changing: {} · waiting for approval: {}", titles(running), titles(waiting)),
		algesta.Say("Last change: {}", algesta.Dated(last)),
		algesta.Say("Frozen or silenced: {}", d.held(ctx, c)),
	}}}
	seen, at := d.noticed(ctx, c)
	if len(seen) > 0 {
		r.Body[0].List = append(r.Body[0].List, seen)
		if r.Tone == algesta.Good {
			r.Tone = algesta.Warning
		}
	}
	if broken := d.brokenNow(ctx, c); len(broken) > 0 {
		r.Body[0].List = append(r.Body[0].List, broken...)
	}
	if alone = d.toldElsewhere(ctx, c, slices.Concat(open, at)); alone {
		r.Small = algesta.Say("Incidents of this aren't told in this channel, so only you see this.")
	}
	return r, alone, nil
}

// toldElsewhere reports whether one of these incidents isn't told in the channel of a command, which others read: neither is its card
// there, nor do the incidents of its environment go there. One that may be of another environment, or has its cause elsewhere, is told
// where its card is.
func (d *Dispatcher) toldElsewhere(ctx context.Context, c algesta.Command, open []algesta.Incident) bool {
	told := func(i algesta.Incident) bool {
		there := i.Shared || len(i.Elsewhere) > 0 || i.Key.Namespace != "" && i.Key.Namespace != i.About.Namespace
		return i.Channel == c.Channel || !there && d.Routed != nil && d.Routed(i.About.Environment, c.Channel)
	}
	if !slices.ContainsFunc(open, func(i algesta.Incident) bool { return !told(i) }) {
		return false
	}
	place, err := d.Directory.Place(ctx, c.Channel, factsAge)
	return err != nil || !place.Direct
}

// Noticed is something wrong that is seen now and has no card yet.
type Noticed struct {
	Place algesta.Target // the environment in which it's seen
	Thing string         // what it is about: "Deployment api-gateway-production"
	Since time.Time
}

// mostNoticed is how many things without a card are named.
const mostNoticed = 3

// noticed names what is wrong and has no card yet, "" where that is nothing that may be told; at are the incidents that it will be, with
// nothing but their places.
func (d *Dispatcher) noticed(ctx context.Context, c algesta.Command) (said algesta.Text, at []algesta.Incident) {
	if d.Noticed == nil {
		return nil, nil
	}
	var things []string
	for _, n := range d.Noticed() {
		thing := fmt.Sprintf("%s in %s", n.Thing, n.Place.Environment)
		if d.mayTellOf(ctx, c, n.Place) && !slices.Contains(things, thing) {
			things, at = append(things, thing), append(at, algesta.Incident{About: n.Place})
		}
	}
	if len(things) == 0 {
		return nil, nil
	}
	return algesta.Say("Noticed, no card yet: {}", words.Few(things, mostNoticed)), at
}

// sitrepRequests are the changes that run, and those that wait for an approval.
func (d *Dispatcher) sitrepRequests(ctx context.Context, c algesta.Command, alive []algesta.Request) (running, waiting []algesta.Request) {
	for _, r := range d.sitrepKnown(ctx, c, alive) {
		if r.Status == algesta.Pending {
			waiting = append(waiting, r)
			continue
		}
		running = append(running, r)
	}
	return running, waiting
}

// sitrepKnown are the requests that may be named where the sitrep stands: asked for in the same channel, or in public.
func (d *Dispatcher) sitrepKnown(ctx context.Context, c algesta.Command, all []algesta.Request) []algesta.Request {
	var out []algesta.Request
	for _, r := range all {
		if !d.mayTellOf(ctx, c, r.Command.Target) {
			continue
		}
		if r.Command.Channel != c.Channel {
			place, err := d.Directory.Place(ctx, r.Command.Channel, factsAge)
			if err != nil || !place.Public {
				continue
			}
		}
		out = append(out, r)
	}
	return out
}

// titles names the first of some requests, and how many others there are.
func titles(all []algesta.Request) algesta.Text {
	switch len(all) {
	case 0:
		return algesta.Say("nothing")
	case 1:
		return all[0].Plan.Title
	}
	return algesta.Say("{} and {} more", all[0].Plan.Title, len(all)-1)
}

// brokenNow are the people who change something without approvals now.
func (d *Dispatcher) brokenNow(ctx context.Context, c algesta.Command) []algesta.Text {
	var out []algesta.Text
	for _, b := range *d.Store.Broken() {
		if c.At.Before(b.Until) && d.mayTellOf(ctx, c, b.Target) {
			out = append(out, algesta.Say(
				"Break-glass: {} may change {} without approvals until {}", b.By.Called(), b.What(), algesta.AtDay(b.Until),
			))
		}
	}
	return out
}

// held is what is frozen and what is silenced now.
func (d *Dispatcher) held(ctx context.Context, c algesta.Command) algesta.Text {
	var parts []algesta.Text
	for _, z := range d.Policy().FrozenNow(c.Actor, time.Now()) {
		if z.Asked == nil || d.mayTellOf(ctx, c, z.Asked.Target) {
			parts = append(parts, algesta.Say("{} frozen until {}", frozenPlace(z), algesta.AtDay(z.Until)))
		}
	}
	for _, z := range *d.Store.Silences() {
		if d.silences(ctx, z, c.At) && d.mayTellOf(ctx, c, z.Target) {
			parts = append(parts, algesta.Say("{} silenced until {}", z.What(), algesta.AtDay(z.Until)))
		}
	}
	if len(parts) == 0 {
		return algesta.Say("nothing")
	}
	out := parts[0]
	for _, p := range parts[1:min(len(parts), 3)] {
		out = algesta.Say("{} · {}", out, p)
	}
	if more := len(parts) - 3; more > 0 {
		out = algesta.Say("{} · {} more", out, more)
	}
	return out
}
