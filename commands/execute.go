package commands

import (
	"context"
	"errors"
	"time"

	"github.com/sourcegraph/conc"
	"go.uber.org/zap"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/words"
)

// The pauses of the execute job.
const (
	whileUnreachable = 5 * time.Second // the cluster or Slack does not answer
	whileBlocked     = time.Minute     // another write to one of the same objects is under way; its end wakes those who wait
	whileForbidden   = 2 * time.Second // the API server refuses, and may not have read its roles yet
	afterDoubt       = time.Second     // before looking whether a write happened
	// roleTime is how long a refusal may last before it is believed: an API server that has just started refuses everything
	// until it has read its roles.
	roleTime = 20 * time.Second
)

// errBlocked says that another request keeps one of the objects to itself. It never reaches a person.
var errBlocked = errors.New("another write to one of the objects is under way")

// Execute carries out an approved request, once. It is the execute job and safe to repeat at any point: what the
// record and the cluster say decides what is left to do. again is when to call it again, 0 when it is done.
func (d *Dispatcher) Execute(ctx context.Context, id string) (again time.Duration, err error) {
	r, err := d.Store.Request(ctx, id)
	if err != nil {
		return 0, err
	}
	switch r.Status {
	case algesta.Approved:
		return d.attempt(ctx, r, 0)
	case algesta.Executing:
		return d.resume(ctx, r)
	case algesta.Succeeded, algesta.Failed, algesta.TimedOut, algesta.Rejected, algesta.Cancelled, algesta.Expired, algesta.Superseded,
		algesta.Stale:
		d.forget(id)
	case algesta.Pending, algesta.Applied, algesta.Unknown:
	}
	return 0, nil
}

// attempt is the only way to a write, the first time and every time after one that certainly did not happen: it may still start, there
// is a place to report to, the plan is made again, the policy is asked again, and only what was approved is written. made is how many of
// the plan's changes are in the cluster already; where that is not none, whatever speaks against the rest stops it.
func (d *Dispatcher) attempt(ctx context.Context, r algesta.Request, made int) (time.Duration, error) {
	if !r.StartBy.IsZero() && time.Now().After(r.StartBy) {
		return 0, d.tooLate(ctx, r)
	}
	switch blocker, err := d.Store.Blocker(ctx, r.Plan.Objects(), r.ID); { // before anything is asked of the cluster or of Slack
	case err != nil:
		return 0, err
	case blocker != "":
		return d.blocked(ctx, r, blocker)
	}
	if told, again, err := d.announceFirst(ctx, r); err != nil || !told {
		return again, err
	}
	book, ok := d.find(r.Command.Runbook)
	if !ok {
		return 0, d.fail(ctx, r, algesta.Say("I don't know this command any more."))
	}
	var (
		p        algesta.Plan
		now      permit
		slackErr error
		planErr  error
		asking   conc.WaitGroup
	)
	asking.Go(func() { p, planErr = d.plan(ctx, book, r.Command) })
	asking.Go(func() { now, slackErr = d.askNow(ctx, r) })
	asking.Wait()
	if slackErr == nil {
		if no, refused := now.refusedThere(); refused {
			return 0, d.refuseNow(ctx, r, no)
		}
	}
	if planErr != nil {
		return d.notPlanned(ctx, r, planErr)
	}
	d.announced.Delete(r.ID + aboutForbidden) // the next refusal is the first of its kind
	if slackErr != nil {                      // Slack unreachable = no, but not forever: until StartBy
		d.Log.Warn("people could not be checked before the execution", zap.String("command", r.ID), zap.Error(slackErr))
		return whileUnreachable, d.waits(
			ctx, r, algesta.Say("I couldn't look people up in Slack, so I can't check whether this is still allowed. I'll keep "+
				"trying until {}.", algesta.At(r.StartBy)),
		)
	}
	if len(p.Changes) == 0 {
		return 0, d.different(ctx, r, book, p)
	}
	if no, refused := now.refused(r, book, p, time.Now()); refused {
		return 0, d.refuseNow(ctx, r, no)
	}
	rest, ok, err := approved(r, p, made)
	if err != nil {
		return 0, err
	}
	if !ok {
		return 0, d.different(ctx, r, book, p)
	}
	return d.write(ctx, r, book, rest, made)
}

// approved is what is left to write of an approved plan, which was made again as p, after made of its changes. ok is false where p is not
// what was approved.
func approved(r algesta.Request, p algesta.Plan, made int) (rest algesta.Plan, ok bool, err error) {
	if made > 0 {
		rest, ok = r.Plan.Rest(p, made)
		return rest, ok, nil
	}
	fingerprint, err := p.Fingerprint(r.Command)
	return p, fingerprint == r.Fingerprint, err
}

// blocked waits for another write to one of its objects. It is woken by the end of that, and checks again in time to say that it's too
// late.
func (d *Dispatcher) blocked(ctx context.Context, r algesta.Request, blocker string) (time.Duration, error) {
	why := algesta.Say("Another change to {} is running ({}). This one comes next.", named(r.Plan.Objects()), algesta.Name(blocker))
	if other, err := d.Store.Request(ctx, blocker); err == nil && other.Status == algesta.Unknown {
		why = algesta.Say(
			"It isn't known whether {} happened. Someone has to answer its last message before this one runs.", algesta.Name(blocker),
		)
	}
	return max(time.Second, min(whileBlocked, time.Until(r.StartBy))), d.waits(ctx, r, why)
}

// tooLate ends a request that was approved and may not start any more: its time is up, or someone took it back while nobody knew
// whether it had been sent.
func (d *Dispatcher) tooLate(ctx context.Context, r algesta.Request) error {
	if r.Status == algesta.Executing {
		if r.Note != "" {
			return d.stop(ctx, r, algesta.Say("It {}", r.Note))
		}
		return d.stop(ctx, r, algesta.Say("It couldn't continue within {}.", words.Span(startWithin)))
	}
	s := step{id: r.ID, from: []algesta.Status{algesta.Approved}, to: algesta.Stale}
	s.note = "was approved, but couldn't start within " + words.Span(startWithin) + ". Nothing was changed. Ask for it again."
	if r.Note != "" {
		s.to, s.note = algesta.Cancelled, r.Note+" "+unchanged
	}
	_, err := d.step(ctx, s)
	return err
}

// refuseNow ends a request that the policy refuses at the last moment.
func (d *Dispatcher) refuseNow(ctx context.Context, r algesta.Request, no algesta.Text) error {
	if r.Status == algesta.Executing {
		return d.stop(ctx, r, no)
	}
	const note = "was refused just before it ran. Nothing was changed."
	_, err := d.step(ctx, step{
		id: r.ID, from: []algesta.Status{algesta.Approved}, to: algesta.Rejected, note: note,
		by: []algesta.Actor{}, mention: r.DecidedBy, // nobody denied it; those who approved are told, too
		kind: "refused", data: algesta.Args{"reason": no.String()},
		said: algesta.Say("{} {} {}", r.Plan.Title, note, no),
	})
	return err
}

// notPlanned deals with a plan that could not be made: wait for the cluster, or end.
func (d *Dispatcher) notPlanned(ctx context.Context, r algesta.Request, err error) (time.Duration, error) {
	if is(err, algesta.ErrUnreachable) {
		return whileUnreachable, d.waits(
			ctx,
			r,
			join(message(err), algesta.Say("{} I'll keep trying until {}.", unsaid(r), algesta.At(r.StartBy))),
		)
	}
	if is(err, algesta.ErrForbidden) {
		now := time.Now()
		first, _ := d.announced.LoadOrStore(r.ID+aboutForbidden, announcement{at: now})
		if now.Sub(first.(announcement).at) < roleTime {
			return whileForbidden, nil
		}
	}
	if _, known := errors.AsType[*algesta.Error](err); !known {
		return 0, err // the job is tried again
	}
	return 0, d.fail(ctx, r, sentence(err))
}

// unsaid is what people want to know first about a request that waits for the cluster.
func unsaid(r algesta.Request) string {
	if r.Status == algesta.Executing {
		return "Not all of it was done."
	}
	return unchanged
}

// waits says in the card why an approved request has not begun, once for each reason, and gives the plan a button to take it back.
func (d *Dispatcher) waits(ctx context.Context, r algesta.Request, why algesta.Text) error {
	key, now := r.ID+aboutWaiting, announcement{said: why.String(), at: time.Now()}
	if last, told := d.announced.Load(key); told && last.(announcement).said == now.said {
		return nil
	}
	_, err := d.during(ctx, r.ID, []algesta.Status{algesta.Approved, algesta.Executing}, func(tx Tx, r algesta.Request) error {
		d.announced.Store(key, now) // here, so that ending the request afterwards forgets it
		card := cardOf(r, nil, nil)
		card.Tone, card.Small = algesta.Waiting, algesta.Say("{} · {}", why, card.Small)
		plan := planOf(r, nil, nil, nil)
		plan.Buttons = []algesta.Button{cancelButton(r)}
		return d.show(tx, r, card, plan)
	})
	if err != nil {
		d.announced.Delete(key) // it was not said
	}
	return err
}

// fail ends a request of which nothing was written.
func (d *Dispatcher) fail(ctx context.Context, r algesta.Request, why algesta.Text) error {
	if r.Status == algesta.Executing {
		return d.stop(ctx, r, why)
	}
	_, err := d.step(ctx, step{id: r.ID, from: []algesta.Status{algesta.Approved}, to: algesta.Failed, note: stopped(why)})
	return err
}
