package commands

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout"
	"github.com/3astronautas/algesta/runbooks"
	"github.com/3astronautas/algesta/words"
)

// The pace of a follower. Changes in the cluster wake it earlier.
const (
	lookAgain = time.Second
	soakAgain = 2 * time.Second
	sayAgain  = 3 * time.Second // between two edits that only count seconds
	// laterAgain is for a rollout that was said to have failed: it may come up after all.
	laterAgain = 5 * time.Second
)

// announcement is what the follower posted last.
type announcement struct {
	said string
	at   time.Time
}

// What else is announced or timed once for a request is kept under its ID with these endings.
const (
	aboutUnreadable = " unreadable"
	aboutWaiting    = " waits"
	aboutForbidden  = " forbidden"
)

// forget drops what was noted about a request that has ended.
func (d *Dispatcher) forget(id string) {
	for _, about := range []string{"", aboutUnreadable, aboutWaiting, aboutForbidden} {
		d.announced.Delete(id + about)
	}
}

// Follow checks an applied change once, posts what is new and ends the request when the rollout has ended. It is the
// follow job: again is when to check again, 0 when it is done. It may be called by any process at any time.
func (d *Dispatcher) Follow(ctx context.Context, id string) (again time.Duration, err error) {
	r, err := d.Store.Request(ctx, id)
	if err == nil && r.Status.Ended() {
		d.forget(id)
	}
	if err != nil || r.Status != algesta.Applied && r.Status != algesta.Failed {
		return 0, err
	}
	records, err := d.Store.Executions(ctx, id)
	if err != nil {
		return 0, fmt.Errorf("following %s: %w", id, err)
	}
	if len(records) == 0 {
		return 0, fmt.Errorf("following %s: its record is missing", id)
	}
	var f rollout.Follow
	if err := json.Unmarshal(records[0].Watch, &f); err != nil {
		return 0, fmt.Errorf("reading the follower's memory: %w", err)
	}
	reader, err := d.Clusters.Reader(r.Command.Target.Cluster)
	switch {
	case err != nil && r.Status == algesta.Failed: // it has its end
		return 0, nil
	case err != nil: // it isn't in the configuration any more
		return d.clusterUnreadable(ctx, r, f, err, time.Now())
	case r.Status == algesta.Failed:
		return d.afterwards(ctx, r, followed(r), f, reader)
	}
	now := time.Now()
	p, f, err := d.ending(r).Poll(ctx, reader, followed(r), f, now)
	if err != nil {
		return d.clusterUnreadable(ctx, r, f, err, now)
	}
	return d.handlePhase(ctx, r, p, f, now)
}

// followed is the object that a request is followed by: the workload that its command is about, where its plan writes to that, and
// otherwise what is written last.
func followed(r algesta.Request) algesta.Object {
	objects := r.Plan.Objects()
	if len(objects) == 0 || slices.Contains(objects, r.Command.Target.Workload()) {
		return r.Command.Target.Workload()
	}
	return r.Plan.Changes[len(r.Plan.Changes)-1].Object
}

// endingOf is how the command of a request ends; with a rollout where the command is not known any more.
func endingOf(r algesta.Request) runbooks.Ending {
	if book, ok := runbooks.Find(r.Command.Runbook); ok && book.Changes() {
		return book.Ends
	}
	return runbooks.WithRollout()
}

// clusterUnreadable goes on while the cluster cannot be read, until the deadline.
func (d *Dispatcher) clusterUnreadable(
	ctx context.Context, r algesta.Request, f rollout.Follow, err error, now time.Time,
) (time.Duration, error) {
	deadline := f.Deadline
	if deadline.IsZero() {
		deadline = f.StartedAt.Add(startWithin)
	}
	if now.After(deadline) {
		p := rollout.Progress{
			Phase: rollout.OutOfTime,
			Why: algesta.Say(
				"The change was made, but I couldn't read {} any more, so I don't know how it ended.", algesta.Name(objectName(r.Command.Target)),
			),
		}
		return d.handlePhase(ctx, r, p, f, now)
	}
	d.Log.Warn("the rollout cannot be read", zap.String("command", r.ID), zap.Error(err))
	key := r.ID + aboutUnreadable
	if _, told := d.announced.Load(key); told {
		return soakAgain, nil
	}
	report := algesta.Report{
		Tone:  algesta.Warning,
		Title: join(message(err), algesta.Say("The change was made; I'm still watching how it comes up.")),
	}
	_, err = d.during(ctx, r.ID, []algesta.Status{algesta.Applied}, func(tx Tx, r algesta.Request) error {
		d.announced.Store(key, announcement{}) // here, so that ending the request afterwards forgets it
		d.announced.Delete(r.ID)               // the progress that this replaces has to be posted again
		return tx.Post(post(r.Command, algesta.ProgressPost, report))
	})
	if err != nil {
		d.announced.Delete(key) // it was not said
	}
	return soakAgain, err
}

// handlePhase posts what is new and decides how to continue.
func (d *Dispatcher) handlePhase(
	ctx context.Context, r algesta.Request, p rollout.Progress, f rollout.Follow, now time.Time,
) (time.Duration, error) {
	if p.Phase == rollout.Moving || p.Phase == rollout.Complete {
		return d.progress(ctx, r, p, f, now)
	}
	p = d.withheld(ctx, r, p)
	switch p.Phase {
	case rollout.Moving, rollout.Complete: // above
	case rollout.Settled:
		return 0, d.finish(ctx, r, algesta.Succeeded, endTone(r, p), p, f, d.good(r, p))
	case rollout.Broken:
		return laterAgain, d.finish(ctx, r, algesta.Failed, algesta.Bad, p, f, d.bad(r, p)) // its diagnosis is a job of its own
	case rollout.Overtaken:
		o := d.note(overtakenNote+" "+p.Why.String(), p)
		if len(r.Plan.Keep) > 0 {
			o.said = o.said.Then("{}", r.Plan.Keep)
		} else if t := r.Command.Target; t.Service != "" || t.Workload().Name != "" {
			o.said = o.said.Then("To see how it is now: {}", algesta.Name(d.Bot.Typed("status", typedAs(t), t.Environment)))
		}
		return 0, d.finish(ctx, r, algesta.Superseded, algesta.Neutral, p, f, o)
	case rollout.Gone:
		return 0, d.finish(ctx, r, algesta.Failed, algesta.Bad, p, f, d.note("ended: "+p.Why.String(), p))
	case rollout.OutOfTime:
		return 0, d.finish(
			ctx,
			r,
			algesta.TimedOut,
			algesta.Warning,
			p,
			f,
			d.note("isn't finished: "+p.Why.String()+" The change stays; I've stopped watching.", p),
		)
	}
	return 0, fmt.Errorf("following %s: the phase %q is not known", r.ID, p.Phase)
}

// progress edits the progress message and, less often, the card: on a change at once, on the passing of seconds seldom.
func (d *Dispatcher) progress(
	ctx context.Context, r algesta.Request, p rollout.Progress, f rollout.Follow, now time.Time,
) (time.Duration, error) {
	again := lookAgain
	if p.Phase == rollout.Complete {
		again = soakAgain
		if left := f.SteadyAt.Add(f.Soak).Sub(now); left > 0 && left < again {
			again = left
		}
	}
	said := fmt.Sprint(p.Phase, p.Ready, p.Of, f.Mark, len(p.Alert) > 0, f.SteadyAt.UnixMilli())
	last, told := d.announced.Load(r.ID)
	if told {
		if l := last.(announcement); l.said == said && (now.Sub(l.at) < sayAgain || p.Phase == rollout.Complete) {
			return again, nil
		}
	}
	p = d.withheld(ctx, r, p) // not before: while nothing is posted nobody has to be asked who reads it, and commands need the answers
	going, err := d.during(ctx, r.ID, []algesta.Status{algesta.Applied}, func(tx Tx, r algesta.Request) error {
		d.announced.Store(r.ID, announcement{said: said, at: now}) // here, so that ending the request afterwards forgets it
		d.announced.Delete(r.ID + aboutUnreadable)                 // the next time it has to be posted again
		if err := tx.Remember(r.ID, encode(f)); err != nil {
			return err
		}
		if err := tx.Post(post(r.Command, algesta.ProgressPost, progressOf(p))); err != nil {
			return err
		}
		card := cardOf(r, nil, nil)
		card.Title = algesta.Say("{} · {}", r.Plan.Doing, p.Short) // it has a colon of its own
		if p.Phase == rollout.Complete {
			card.Tone, card.Title = algesta.Good, algesta.Say("{} · {}", r.Plan.Done, p.Short)
		}
		if len(p.Alert) > 0 {
			card.Tone, card.Title = algesta.Warning, algesta.Say("{}. {}", card.Title, p.Alert)
		}
		c := post(r.Command, algesta.CardPost, card)
		c.Final = p.Phase == rollout.Complete
		return tx.Post(c)
	})
	if err != nil {
		d.announced.Delete(r.ID) // it was not said
		return 0, err
	}
	if !going { // it ended, or was replaced, while the cluster was read
		return 0, nil
	}
	return again, nil
}

// outcome is how a followed change ended, in words: the card's note, and the reply in the thread.
type outcome struct {
	note string
	said algesta.Text
	next []algesta.Button
}

// good is the end of a rollout that came up.
func (d *Dispatcher) good(r algesta.Request, p rollout.Progress) outcome {
	o := outcome{
		note: fmt.Sprintf("%d of %d ready after %s · %s", p.Ready, p.Of, words.Span(p.Took), p.Verdict),
		said: algesta.Say(
			"{}. {} after {}. {}: {}.", r.Plan.Done, allReady(p.Of), words.Span(p.Took), words.Capital(string(p.Verdict)), p.Compare,
		),
	}
	if len(p.Alert) > 0 {
		o.said = join(o.said, p.Alert)
	}
	switch {
	case p.NoPods:
		o.note = "done at once"
		if p.Took >= time.Second {
			o.note = "done after " + words.Span(p.Took)
		}
		o.said = join(algesta.Say("{}.", r.Plan.Done), p.Result)
	case p.Of == 0:
		o.note = algesta.NoPods + " any more · " + words.Span(p.Took)
		o.said = algesta.Say("{}. None of its pods run any more.", r.Plan.Done)
		if scales, _ := rollout.Scales(r.Plan); !scales {
			o.note = algesta.NoPods + " ran · " + words.Span(p.Took)
			o.said = algesta.Say("{}. It's scaled to 0 pods, so none ran and I couldn't see whether this version comes up.", r.Plan.Done)
		}
	}
	if offersUndo(r) {
		o.next = append(o.next, undoButton(r, ""))
	}
	return o
}

// allReady is "All 4 pods were ready".
func allReady(n int) string {
	switch n {
	case 1:
		return "Its pod was ready"
	case 2:
		return "Both pods were ready"
	}
	return fmt.Sprintf("All %d pods were ready", n)
}

// bad is the end of a rollout that cannot come up, or came up and cannot stay so. The bot undoes nothing on its own.
func (d *Dispatcher) bad(r algesta.Request, p rollout.Progress) outcome {
	how := "failed and was not undone"
	if p.CameUp {
		how = "came up, crashed afterwards and was not undone"
	}
	o := outcome{note: how + ": " + p.Why.String(), said: join(algesta.Say("{} {}. {}", r.Plan.Title, how, p.Why), p.Serving)}
	if p.Blocked != "" { // an undo alone wouldn't go on either
		deletes := d.Bot.Typed("pod delete", p.Blocked, r.Command.Target.Environment)
		o.said = o.said.Then("To go on: {}", algesta.Name(deletes))
	}
	if offersUndo(r) {
		o.next = append(o.next, undoButton(r, "primary"))
	}
	return o
}

// note is any other end, in one sentence.
func (d *Dispatcher) note(note string, p rollout.Progress) outcome {
	return outcome{note: note, said: join(algesta.Say("{}", note), p.Serving)}
}

// finish ends a followed request: the card, the progress, the reply that mentions the people it concerns.
func (d *Dispatcher) finish(
	ctx context.Context, r algesta.Request, to algesta.Status, tone algesta.Tone, p rollout.Progress, f rollout.Follow, o outcome,
) error {
	said := o.said
	if to != algesta.Succeeded && to != algesta.Failed {
		said = algesta.Say("{} {}", r.Plan.Title, said)
	}
	_, err := d.step(ctx, step{
		id: r.ID, from: []algesta.Status{algesta.Applied}, to: to, note: o.note, said: said, tone: tone, buttons: o.next,
		also: func(tx Tx, r algesta.Request) error {
			if p.Phase == rollout.Broken {
				if err := tx.Schedule(algesta.DiagnoseJob, r.ID, time.Now()); err != nil {
					return err
				}
				if err := tx.Remember(r.ID, encode(f)); err != nil { // what is needed to see whether it comes up after all
					return err
				}
			}
			if tone != algesta.Good && to == algesta.Succeeded {
				card := cardOf(r, nil, nil)
				card.Tone = tone
				if err := tx.Post(cardPost(r, card)); err != nil {
					return err
				}
			}
			if len(p.Line) == 0 { // nothing can be counted any more
				return tx.Edit(lastProgress(r, tone, p.Why))
			}
			last := post(r.Command, algesta.ProgressPost, progressOf(p))
			last.Report.Tone, last.Final = tone, true
			if p.NoPods { // the end says what was reached: where no progress was posted, none is missed
				if to == algesta.Succeeded {
					last.Report = algesta.Report{Tone: tone, Title: algesta.Say("Done after {}.", words.Span(p.Took))}
				}
				return tx.Edit(last)
			}
			return tx.Post(last)
		},
	})
	return err
}
