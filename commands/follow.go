package commands

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/runbooks"
)

// The pace of a follower. Changes in the cluster wake it earlier.
const (
	lookAgain = time.Second
	soakAgain = 2 * time.Second
	sayAgain  = 3 * time.Second // between two edits that only count seconds
)

// look is what the follower last told.
type look struct {
	mark string
	at   time.Time
}

// What else is told or timed once a request stands under its ID with these endings.
const (
	aboutBlind     = " blind"
	aboutWaiting   = " waits"
	aboutForbidden = " forbidden"
)

// forget drops what was noted about a request that has ended.
func (d *Dispatcher) forget(id string) {
	for _, about := range []string{"", aboutBlind, aboutWaiting, aboutForbidden} {
		d.looks.Delete(id + about)
	}
}

// Follow looks at an applied change once, tells what is new and ends the request when the rollout has ended. It is the
// follow job: again is when to look again, 0 when it is done. It may be called by any process at any time.
func (d *Dispatcher) Follow(ctx context.Context, id string) (again time.Duration, err error) {
	r, err := d.Store.Request(ctx, id)
	if err != nil || r.Status != algesta.Applied {
		return 0, err
	}
	e, ok, err := d.Store.Execution(ctx, id)
	if err != nil || !ok {
		return 0, fmt.Errorf("following %s: its record is missing: %w", id, err)
	}
	var f runbooks.Follow
	if err := json.Unmarshal(e.Watch, &f); err != nil {
		return 0, fmt.Errorf("reading the follower's memory: %w", err)
	}
	reader, err := d.Clusters.Reader(r.Command.Target.Cluster)
	if err != nil {
		return 0, fmt.Errorf("opening the cluster: %w", err)
	}
	rollout, err := runbooks.Look(ctx, reader, r.Command.Target.Workload())
	now := time.Now()
	if err != nil && !is(err, algesta.ErrNotFound) {
		return d.blind(ctx, r, f, err, now)
	}
	p, f := runbooks.Judge(rollout, f, now)
	return d.tell(ctx, r, p, f, now)
}

// blind goes on while the cluster cannot be read, until the deadline.
func (d *Dispatcher) blind(ctx context.Context, r algesta.Request, f runbooks.Follow, err error, now time.Time) (time.Duration, error) {
	deadline := f.Deadline
	if deadline.IsZero() {
		deadline = f.StartedAt.Add(startWithin)
	}
	if now.After(deadline) {
		p := runbooks.Progress{Phase: runbooks.OutOfTime, Why: algesta.Say("The change was made, but I could not read {} any more, so I do not know how it ended.", algesta.Name(r.Command.Target.Name))}
		return d.tell(ctx, r, p, f, now)
	}
	d.Log.Warn("the rollout cannot be read", zap.String("command", r.ID), zap.Error(err))
	if _, told := d.looks.LoadOrStore(r.ID+aboutBlind, look{}); told {
		return soakAgain, nil
	}
	report := algesta.Report{Tone: algesta.Warning, Title: join(message(err), algesta.Say("The change was made; I go on looking how it comes up."))}
	return soakAgain, d.Store.Update(ctx, func(tx Tx) error { return tx.Post(post(r.Command, algesta.ProgressPost, report)) })
}

// tell says what is new and decides how to go on.
func (d *Dispatcher) tell(ctx context.Context, r algesta.Request, p runbooks.Progress, f runbooks.Follow, now time.Time) (time.Duration, error) {
	switch p.Phase {
	case runbooks.Moving, runbooks.Complete:
		return d.progress(ctx, r, p, f, now)
	case runbooks.Settled:
		return 0, d.finish(ctx, r, algesta.Succeeded, algesta.Good, p, d.good(r, p))
	case runbooks.Broken:
		if err := d.finish(ctx, r, algesta.Failed, algesta.Bad, p, d.bad(r, p)); err != nil {
			return 0, err
		}
		return 0, d.diagnose(ctx, r)
	case runbooks.Overtaken:
		return 0, d.finish(ctx, r, algesta.Superseded, algesta.Neutral, p, d.note("was overtaken: "+p.Why.String(), p))
	case runbooks.Gone:
		return 0, d.finish(ctx, r, algesta.Failed, algesta.Bad, p, d.note("ended: "+p.Why.String(), p))
	case runbooks.OutOfTime:
		return 0, d.finish(ctx, r, algesta.TimedOut, algesta.Warning, p, d.note("is not finished: "+p.Why.String()+" The change stands; I stopped watching.", p))
	}
	return 0, fmt.Errorf("following %s: the phase %q is not known", r.ID, p.Phase)
}

// progress edits the progress message and, less often, the card: on a change at once, on the passing of seconds seldom.
func (d *Dispatcher) progress(ctx context.Context, r algesta.Request, p runbooks.Progress, f runbooks.Follow, now time.Time) (time.Duration, error) {
	again := lookAgain
	if p.Phase == runbooks.Complete {
		again = soakAgain
		if left := f.CompleteAt.Add(f.Soak).Sub(now); left > 0 && left < again {
			again = left
		}
	}
	mark := fmt.Sprint(p.Phase, p.Ready, p.Of, f.Mark)
	last, told := d.looks.Load(r.ID)
	if told {
		if l := last.(look); l.mark == mark && (now.Sub(l.at) < sayAgain || p.Phase == runbooks.Complete) {
			return again, nil
		}
	}
	err := d.Store.Update(ctx, func(tx Tx) error {
		if err := tx.Remember(r.ID, encode(f)); err != nil {
			return err
		}
		if err := tx.Post(post(r.Command, algesta.ProgressPost, progressOf(p))); err != nil {
			return err
		}
		card := cardOf(r, nil, nil)
		card.Title = algesta.Say("{}: {}", r.Plan.Doing, p.Short)
		if p.Phase == runbooks.Complete {
			card.Tone, card.Title = algesta.Good, algesta.Say("{}: {}", r.Plan.Done, p.Short)
		}
		c := post(r.Command, algesta.CardPost, card)
		c.Final = p.Phase == runbooks.Complete
		return tx.Post(c)
	})
	if err != nil {
		return 0, err
	}
	d.looks.Store(r.ID, look{mark: mark, at: now})
	return again, nil
}

// outcome is how a followed change ended, in words: the card's note, and the reply in the thread.
type outcome struct {
	note string
	said algesta.Text
	next []algesta.Button
}

// good is the end of a rollout that came up.
func (d *Dispatcher) good(r algesta.Request, p runbooks.Progress) outcome {
	o := outcome{
		note: fmt.Sprintf("%d of %d ready after %s · %s", p.Ready, p.Of, span(p.Took), p.Verdict),
		said: algesta.Say("{}. {} after {}, {}. {}.", r.Plan.Done, allReady(p.Of), span(p.Took), p.Compare, capital(string(p.Verdict))),
	}
	if p.Of == 0 {
		o.note = "no pods any more · " + span(p.Took)
		o.said = algesta.Say("{}. No pod of it runs any more.", r.Plan.Done)
	}
	if r.Plan.Undo != nil {
		o.next = append(o.next, algesta.Button{Label: "Undo", Offer: r.Plan.Undo})
	}
	return o
}

// allReady is "All 4 pods are ready".
func allReady(n int) string {
	switch n {
	case 1:
		return "Its pod is ready"
	case 2:
		return "Both pods are ready"
	}
	return fmt.Sprintf("All %d pods are ready", n)
}

// bad is the end of a rollout that cannot come up.
func (d *Dispatcher) bad(r algesta.Request, p runbooks.Progress) outcome {
	o := outcome{
		note: "stopped: " + p.Why.String(),
		said: join(algesta.Say("{} did not come up. {}", r.Plan.Title, p.Why), p.Serving),
	}
	if r.Plan.Undo != nil {
		o.next = append(o.next, algesta.Button{Label: "Undo", Offer: r.Plan.Undo, Style: "primary"})
	}
	return o
}

// note is any other end, in one sentence.
func (d *Dispatcher) note(note string, p runbooks.Progress) outcome {
	return outcome{note: note, said: algesta.Say("{}", note).Then("{}", p.Serving)}
}

// finish ends a followed request: the card, the progress, the reply that mentions whoever it concerns.
func (d *Dispatcher) finish(ctx context.Context, r algesta.Request, to algesta.Status, tone algesta.Tone, p runbooks.Progress, o outcome) error {
	err := d.Store.Update(ctx, func(tx Tx) error {
		moved, ok, err := tx.Move(algesta.Move{ID: r.ID, From: []algesta.Status{algesta.Applied}, To: to, Note: o.note})
		if err != nil || !ok {
			return err
		}
		if err := tx.Append(algesta.Entry{Request: r.ID, Kind: string(to), At: time.Now(), Data: algesta.Args{"note": o.note}}); err != nil {
			return err
		}
		if err := d.show(tx, moved, cardOf(moved, nil, nil), planOf(moved, nil, nil, nil)); err != nil {
			return err
		}
		if len(p.Line) > 0 {
			last := progressOf(p)
			last.Tone = tone
			if err := tx.Post(post(r.Command, algesta.ProgressPost, last)); err != nil {
				return err
			}
		}
		said := o.said
		if to != algesta.Succeeded && to != algesta.Failed {
			said = algesta.Say("{} {}", r.Plan.Title, said)
		}
		report := ended(moved, tone, said)
		report.Buttons = o.next
		if err := storeOffers(tx, withIDs(&report)); err != nil {
			return err
		}
		end := post(r.Command, algesta.EndPost, report)
		end.Final = true
		return tx.Post(end)
	})
	d.forget(r.ID)
	return err
}

// diagnose adds what is wrong to the thread of a change that did not come up. It is a help, not a duty: an error is logged.
func (d *Dispatcher) diagnose(ctx context.Context, r algesta.Request) error {
	book, ok := runbooks.Find("diagnose")
	if !ok {
		return nil
	}
	reader, err := d.Clusters.Reader(r.Command.Target.Cluster)
	if err != nil {
		return fmt.Errorf("opening the cluster: %w", err)
	}
	c := r.Command
	c.Runbook, c.Args, c.At = book.Name, nil, time.Now()
	if c.Actor, err = d.Directory.Actor(ctx, c.Actor.ID, factsAge); err != nil || !d.allows(c, book.Verb) {
		d.Log.Warn("no diagnosis of the failed change: its requester is not known to have the right", zap.String("command", r.ID), zap.Error(err))
		return nil
	}
	report, err := book.Answer(ctx, reader, runbooks.Input{Command: c, Workload: c.Target.Workload(), Allowed: d.mayRead(ctx, c, book.Verb)})
	if err != nil {
		d.Log.Warn("no diagnosis of the failed change", zap.String("command", r.ID), zap.Error(err))
		return nil
	}
	offers := withIDs(&report)
	return d.Store.Update(ctx, func(tx Tx) error {
		if err := storeOffers(tx, offers); err != nil {
			return err
		}
		return tx.Post(post(r.Command, algesta.DiagnosePost, report))
	})
}
