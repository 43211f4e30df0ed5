package commands

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout"
	"github.com/3astronautas/algesta/runbooks"
)

// afterwards keeps checking, silently, a rollout that was reported as failed: when it comes up after all and stays so,
// the thread says that the verdict was wrong. It ends with the deadline, and with the next change.
func (d *Dispatcher) afterwards(
	ctx context.Context, r algesta.Request, object algesta.Object, f rollout.Follow, c runbooks.Cluster,
) (time.Duration, error) {
	now := time.Now()
	if f.BrokenAt.IsZero() || now.After(f.Deadline) {
		return 0, nil
	}
	before := f.Mark + f.SteadyAt.String()
	p, f, err := d.ending(r).Poll(ctx, c, object, f, now)
	if err != nil {
		d.Log.Warn("the rollout cannot be read", zap.String("command", r.ID), zap.Error(err))
		return laterAgain, nil
	}
	switch p.Phase {
	case rollout.Settled:
		return 0, d.correct(ctx, r, p, f)
	case rollout.Moving, rollout.Complete:
		if f.Mark+f.SteadyAt.String() == before {
			return laterAgain, nil
		}
		_, err := d.during(
			ctx, r.ID, []algesta.Status{algesta.Failed}, func(tx Tx, r algesta.Request) error { return tx.Remember(r.ID, encode(f)) },
		)
		return laterAgain, err
	case rollout.Broken, rollout.Overtaken, rollout.Gone, rollout.OutOfTime:
	}
	return 0, nil
}

// correct takes a verdict back: the card, the reply that said it, and a new reply to the people it concerns.
func (d *Dispatcher) correct(ctx context.Context, r algesta.Request, p rollout.Progress, f rollout.Follow) error {
	p = d.withheld(ctx, r, p)
	o := d.good(r, p)
	_, err := d.step(ctx, step{
		id: r.ID, from: []algesta.Status{algesta.Failed}, to: algesta.Succeeded, note: o.note, kind: "corrected",
		data: algesta.Args{"note": o.note, "said": r.Note}, tone: algesta.Neutral,
		said: algesta.Say("{} {} I said that too early: it came up after all.", r.Plan.Title, r.Note),
		also: func(tx Tx, moved algesta.Request) error {
			if err := tx.Remember(r.ID, encode(f)); err != nil {
				return err
			}
			report := ended(moved, endTone(r, p), algesta.Say("Correction: I said too early that this failed. {}", o.said))
			var err error
			if report.Buttons, err = StoreOffers(tx, o.next); err != nil {
				return err
			}
			right := post(r.Command, algesta.VerdictPost, report)
			right.Final = true
			return tx.Post(right)
		},
	})
	return err
}

// endTone is the tone of an end: a version that no pod ran is neither good nor bad.
func endTone(r algesta.Request, p rollout.Progress) algesta.Tone {
	if scales, _ := rollout.Scales(r.Plan); p.Of == 0 && !p.NoPods && !scales {
		return algesta.Neutral
	}
	return toneOf(p)
}

// toneOf is the tone of a rollout that came up: a state worse than before isn't a success.
func toneOf(p rollout.Progress) algesta.Tone {
	if p.Verdict == rollout.Worse || len(p.Alert) > 0 {
		return algesta.Warning
	}
	return algesta.Good
}
