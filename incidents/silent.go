package incidents

import (
	"slices"
	"time"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/words"
)

// Schedule says when something begins next.
type Schedule interface {
	// Next is the first time after t, zero where there is none.
	Next(t time.Time) time.Time
}

// Maintenance is a time in which nobody is told of new incidents, because the configuration says so: once, From until Until, or again and
// again, by a Schedule and For how long each time.
type Maintenance struct {
	Name         string
	Environments []string // empty for all
	From, Until  time.Time
	Schedule     Schedule // nil for a single time
	For          time.Duration
}

// silence is the window that an environment is in, as a silence.
func (m Maintenance) silence(environment string, now time.Time) (z algesta.Silence, in bool) {
	if len(m.Environments) > 0 && !slices.Contains(m.Environments, environment) {
		return z, false
	}
	from, until := m.From, m.Until
	if m.Schedule != nil {
		from = m.Schedule.Next(now.Add(-m.For))
		until = from.Add(m.For)
	}
	if from.IsZero() || now.Before(from) || !now.Before(until) {
		return z, false
	}
	return algesta.Silence{By: algesta.Actor{Name: "the configuration"}, Reason: "maintenance: " + m.Name, From: from, Until: until}, true
}

// silence is what keeps an incident silent now, the one that ends last. One that isn't open yet has no ID.
func (b *Book) silence(i algesta.Incident, now time.Time) (last algesta.Silence, silent bool) {
	consider := func(z algesta.Silence) {
		if !silent || z.Until.After(last.Until) {
			last, silent = z, true
		}
	}
	for _, z := range b.silences {
		if z.Covers(i, now) && (!i.Shared || z.Incident != "") { // it may be of an environment that isn't silenced
			consider(z)
		}
	}
	for _, m := range b.cfg.Maintenance {
		if z, in := m.silence(i.About.Environment, now); in {
			consider(z)
		}
	}
	return last, silent
}

// Silence takes over what people don't want to be told of.
func (b *Book) Silence(all []algesta.Silence) { b.silences = all }

// silenceMoved reports whether an incident has become silent, or has stopped being it.
func (b *Book) silenceMoved(i algesta.Incident, now time.Time) bool {
	z, silent := b.silence(i, now)
	return silent != (i.Silence != nil) || silent && !z.Until.Equal(i.Silence.Until)
}

// quiet brings what an incident says of its silence up to date. One that lasts longer than its silence is told in a reply.
func (d *draft) quiet(i algesta.Incident) algesta.Incident {
	if !d.silenceMoved(i, d.now) {
		return i
	}
	z, silent := d.silence(i, d.now)
	if silent {
		i.Silence = &z
		d.change(i).event(d.now, "silenced", words.Cited(z.Reason))
		return i
	}
	i.Silence = nil
	c := d.change(i)
	c.event(d.now, "unsilenced", "")
	if _, over := quietSince(i); !over {
		d.note(c, algesta.Warning, algesta.Say("The silence is over, and this isn't: {}", algesta.Dated(i.Cause.What)))
	}
	return c.Incident
}
