package incidents

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

// silence is one of Luis, from noon on.
func silenceOf(what algesta.Target, d time.Duration) algesta.Silence {
	return algesta.Silence{
		ID: "c-1", Target: what, By: algesta.Actor{Name: "Luis"}, Reason: "we move its database", From: noon, Until: noon.Add(d),
	}
}

// TestASilenceKeepsNewCardsBackAndTellsWhatLasts: of a service, of its environment, and of another service.
func TestASilenceKeepsNewCardsBackAndTellsWhatLasts(t *testing.T) {
	t.Parallel()
	orders := secretLacksKey("ms-orders").About
	for name, c := range map[string]struct {
		z     algesta.Silence
		cards int // within the time of the silence
	}{
		"of the service":      {silenceOf(orders, 10*time.Minute), 0},
		"of the environment":  {silenceOf(place, 10*time.Minute), 0},
		"of another service":  {silenceOf(secretLacksKey("ms-payments").About, 10*time.Minute), 1},
		"of another incident": {algesta.Silence{Incident: "i-other", Target: orders, From: noon, Until: noon.Add(10 * time.Minute)}, 1},
		"one that is over":    {silenceOf(orders, -time.Second), 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRun(quick)
			r.Silence([]algesta.Silence{c.z})
			r.lasts(9*time.Minute, []algesta.Signal{crash("ms-orders")}, broken)
			require.Equal(t, c.cards, r.cards)
			require.Equal(t, 1-c.cards, r.heldBack().silent, "it is counted")
			r.lasts(2*time.Minute, []algesta.Signal{crash("ms-orders")}, broken)
			require.Equal(t, 1, r.cards, "what lasts is told when the silence is over")
			require.Zero(t, r.heldBack().silent)
		})
	}
}

// TestASnoozeSaysNothingMoreAndIsSaidToBeOver: its card goes on, and the end of the snooze is told where the trouble lasts.
func TestASnoozeSaysNothingMoreAndIsSaidToBeOver(t *testing.T) {
	t.Parallel()
	r := newRun(quick)
	r.lasts(time.Minute, []algesta.Signal{crash("ms-orders")}, broken)
	i := r.only(t)
	z := silenceOf(i.About, time.Hour)
	z.Incident = i.ID
	r.Silence([]algesta.Silence{z})
	worse := func(s algesta.Signal) Found {
		f := secretLacksKey(s.Name)
		f.Key.Name, f.Cause.Sentence = "other-secret", "Secret other-secret is missing."
		return f
	}
	r.lasts(10*time.Minute, []algesta.Signal{crash("ms-orders")}, worse)
	require.Empty(t, r.said, "not even another cause")
	card := text(Card(r.only(t), Past{}))
	require.Contains(t, card, "other-secret", "the card is kept up to date")
	require.Contains(t, card, "Silenced until 2026-11-22 13:00 UTC, by Luis: “we move its database”")
	r.lasts(time.Hour, []algesta.Signal{crash("ms-orders")}, worse)
	require.Equal(t, []string{"The silence is over, and this isn't: Secret mongodb-credentials has no key uri"}, r.said)
	require.NotContains(t, text(Card(r.only(t), Past{})), "Silenced until")
	require.Equal(t, 1, r.cards)
}

// TestWhatEndsDuringASnoozeIsNoReply: the card says it.
func TestWhatEndsDuringASnoozeIsNoReply(t *testing.T) {
	t.Parallel()
	r := newRun(quick)
	r.lasts(time.Minute, []algesta.Signal{crash("ms-orders")}, broken)
	r.Silence([]algesta.Silence{silenceOf(r.only(t).About, time.Hour)})
	r.lasts(5*time.Minute, nil, well)
	require.Equal(t, algesta.IncidentResolved, r.only(t).State)
	require.Empty(t, r.said)
}

// daily begins at a time of the day.
type daily struct{ at time.Duration }

// Next implements Schedule.
func (d daily) Next(t time.Time) time.Time {
	next := t.Truncate(24 * time.Hour).Add(d.at)
	for !next.After(t) {
		next = next.Add(24 * time.Hour)
	}
	return next
}

func TestMaintenanceIsASilenceOfTheConfiguration(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		m      Maintenance
		silent bool
	}{
		"once, and now":             {Maintenance{From: noon.Add(-time.Hour), Until: noon.Add(time.Hour)}, true},
		"once, and over":            {Maintenance{From: noon.Add(-time.Hour), Until: noon}, false},
		"once, and not yet":         {Maintenance{From: noon.Add(time.Second), Until: noon.Add(time.Hour)}, false},
		"every day, and now":        {Maintenance{Schedule: daily{11 * time.Hour}, For: 2 * time.Hour}, true},
		"every day, from now on":    {Maintenance{Schedule: daily{12 * time.Hour}, For: 2 * time.Hour}, true},
		"every day, and over":       {Maintenance{Schedule: daily{10 * time.Hour}, For: 2 * time.Hour}, false},
		"of this environment":       {Maintenance{Environments: []string{"production"}, From: noon, Until: noon.Add(time.Hour)}, true},
		"of another environment":    {Maintenance{Environments: []string{"staging"}, From: noon, Until: noon.Add(time.Hour)}, false},
		"a schedule without an end": {Maintenance{Schedule: daily{11 * time.Hour}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.m.Name = "patching"
			z, in := c.m.silence("production", noon)
			require.Equal(t, c.silent, in)
			if in {
				require.Equal(t, "maintenance: patching", z.Reason)
				require.True(t, z.Until.After(noon))
			}
		})
	}
	r := newRun(Config{
		Wait: quick.Wait, Settle: quick.Settle, Routes: quick.Routes,
		Maintenance: []Maintenance{{Name: "patching", From: noon, Until: noon.Add(10 * time.Minute)}},
	})
	r.lasts(9*time.Minute, []algesta.Signal{crash("ms-orders")}, broken)
	require.Zero(t, r.cards)
	r.lasts(3*time.Minute, []algesta.Signal{crash("ms-orders")}, broken)
	require.Equal(t, 1, r.cards)
}
