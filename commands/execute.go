package commands

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/policy"
	"github.com/3astronautas/algesta/runbooks"
)

// The pauses of the execute job.
const (
	whileUnreachable = 5 * time.Second // the cluster or Slack does not answer
	whileBlocked     = time.Second     // another write to the same workload is under way
	afterDoubt       = time.Second     // before looking whether a write happened
	// roleTime is how long a refusal may last before it is believed: an API server that has just started refuses everything
	// until it has read its roles.
	roleTime = 20 * time.Second
)

// errBlocked says that another write to the workload is intended or doubtful. It never reaches a person.
var errBlocked = errors.New("another write to this workload is under way")

// Execute carries out an approved request, once. It is the execute job and safe to repeat at any point: what the
// record and the cluster say decides what is left to do. again is when to call it again, 0 when it is done.
func (d *Dispatcher) Execute(ctx context.Context, id string) (again time.Duration, err error) {
	r, err := d.Store.Request(ctx, id)
	if err != nil {
		return 0, err
	}
	switch r.Status {
	case algesta.Approved:
		if !r.StartBy.IsZero() && time.Now().After(r.StartBy) {
			note := "was approved, but could not start within " + span(startWithin) + ". Nothing was changed. Ask for it again."
			return 0, d.end(ctx, id, []algesta.Status{algesta.Approved}, algesta.Stale, note, algesta.Neutral)
		}
		return d.attempt(ctx, r)
	case algesta.Executing:
		return d.resume(ctx, r)
	case algesta.Pending, algesta.Applied, algesta.Succeeded, algesta.Failed, algesta.TimedOut, algesta.Rejected,
		algesta.Cancelled, algesta.Expired, algesta.Superseded, algesta.Stale, algesta.Unknown:
	}
	return 0, nil
}

// attempt plans again, asks the policy again and writes if both still say what was approved.
func (d *Dispatcher) attempt(ctx context.Context, r algesta.Request) (time.Duration, error) {
	book, ok := runbooks.Find(r.Command.Runbook)
	if !ok {
		return 0, d.fail(ctx, r, algesta.Say("I do not know this command any more."))
	}
	var (
		p         algesta.Plan
		requester algesta.Actor
		approvals []algesta.Approval
		asking    errgroup.Group
		dirErr    error
	)
	asking.Go(func() (err error) { p, err = d.plan(ctx, book, r.Command); return err })
	asking.Go(func() error { requester, approvals, dirErr = d.freshPeople(ctx, r); return nil })
	if err := asking.Wait(); err != nil {
		return d.notPlanned(ctx, r, err)
	}
	if dirErr != nil { // Slack unreachable = no, but not for ever: until StartBy
		d.Log.Warn("people could not be checked before the execution", zap.String("command", r.ID), zap.Error(dirErr))
		return whileUnreachable, d.waits(ctx, r, algesta.Say("Slack does not tell me whether the approval still counts. I wait and try again."))
	}
	if len(p.Changes) == 0 {
		return 0, d.supersede(ctx, r, book)
	}
	c := r.Command
	c.Actor = requester
	if no, refused := d.stillAllowed(r, book, c, &p, approvals); refused {
		return 0, d.refuseNow(ctx, r, no)
	}
	fingerprint, err := p.Fingerprint(r.Command)
	if err != nil {
		return 0, err
	}
	if fingerprint != r.Fingerprint {
		return 0, d.supersede(ctx, r, book)
	}
	return d.write(ctx, r, p)
}

// freshPeople are the requester and the approvals with what Slack says of their people now.
func (d *Dispatcher) freshPeople(ctx context.Context, r algesta.Request) (algesta.Actor, []algesta.Approval, error) {
	approvals, err := d.Store.Approvals(ctx, r.ID)
	if err != nil {
		return algesta.Actor{}, nil, err
	}
	requester, err := d.freshActor(ctx, r.Command.Actor.ID, r.UpdatedAt)
	if err != nil {
		return algesta.Actor{}, nil, fmt.Errorf("asking about the requester: %w", err)
	}
	for i := range approvals {
		if approvals[i].Approver, err = d.freshActor(ctx, approvals[i].Approver.ID, r.UpdatedAt); err != nil {
			return algesta.Actor{}, nil, fmt.Errorf("asking about an approver: %w", err)
		}
	}
	return requester, approvals, nil
}

// freshActor is the person with what Slack says now, and nothing from before the approval. Slack answers a few such questions in a minute only: what was asked
// for just now counts as now, and where Slack does not answer, what is not too old for a vote is not too old here (decision 11).
func (d *Dispatcher) freshActor(ctx context.Context, id algesta.PersonID, approved time.Time) (algesta.Actor, error) {
	a, err := d.Directory.Actor(ctx, id, max(0, min(justNow, time.Since(approved))))
	if err != nil {
		return d.Directory.Actor(ctx, id, factsAge)
	}
	return a, nil
}

// stillAllowed asks the policy in force now: the requester's right, freezes, limits and whether the approvals still count.
func (d *Dispatcher) stillAllowed(r algesta.Request, book runbooks.Runbook, c algesta.Command, p *algesta.Plan, approvals []algesta.Approval) (no algesta.Text, refused bool) {
	decision := d.Policy().Decide(policy.Facts{Command: c, Verb: book.Verb, Plan: p, At: time.Now()})
	if decision.Effect == algesta.Refuse {
		return join(decision.Reason, decision.Hint), true
	}
	valid := approvals[:0:0]
	for _, a := range approvals {
		if a.Fingerprint == r.Fingerprint {
			valid = append(valid, a)
		}
	}
	if missing := d.Policy().Missing(decision.Needs, c.Actor, valid); len(missing) > 0 {
		return algesta.Say("The approval of {} does not count any more: who may approve has changed (rule \"{}\").", who(d.uncounted(decision.Needs, c.Actor, approvals)), missing[0].Rule), true
	}
	return nil, false
}

// uncounted are those whose yes does not count any more; all of them where each still may, but not for everything that is needed.
func (d *Dispatcher) uncounted(needs []algesta.Requirement, requester algesta.Actor, approvals []algesta.Approval) []algesta.Actor {
	var all, lost []algesta.Actor
	for _, a := range approvals {
		all = append(all, a.Approver)
		if d.Policy().MayApprove(needs, requester, a.Approver).Effect != algesta.Allow {
			lost = append(lost, a.Approver)
		}
	}
	if len(lost) == 0 {
		return all
	}
	return lost
}

// refuseNow ends a request that the policy refuses at the last moment.
func (d *Dispatcher) refuseNow(ctx context.Context, r algesta.Request, no algesta.Text) error {
	return d.Store.Update(ctx, func(tx Tx) error {
		move := algesta.Move{ID: r.ID, From: []algesta.Status{algesta.Approved}, To: algesta.Rejected, By: []algesta.Actor{}, Note: "was refused just before it ran. Nothing was changed."}
		moved, ok, err := tx.Move(move)
		if err != nil || !ok {
			return err
		}
		if err := tx.Append(algesta.Entry{Request: r.ID, Kind: "refused", At: time.Now(), Data: algesta.Args{"reason": no.String()}}); err != nil {
			return err
		}
		if err := d.show(tx, moved, cardOf(moved, nil, nil), planOf(moved, nil, nil, nil)); err != nil {
			return err
		}
		moved.DecidedBy = r.DecidedBy // they are told, too
		end := post(r.Command, algesta.EndPost, ended(moved, algesta.Neutral, algesta.Say("{} {} {}", r.Plan.Title, moved.Note, no)))
		end.Final = true
		return tx.Post(end)
	})
}

// notPlanned deals with a plan that could not be made: wait for the cluster, or end.
func (d *Dispatcher) notPlanned(ctx context.Context, r algesta.Request, err error) (time.Duration, error) {
	if is(err, algesta.ErrUnreachable) {
		return whileUnreachable, d.waits(ctx, r, join(message(err), algesta.Say("Nothing was changed. I try again until {}.", algesta.At(r.StartBy))))
	}
	if is(err, algesta.ErrForbidden) {
		now := time.Now()
		first, _ := d.looks.LoadOrStore(r.ID+aboutForbidden, look{at: now})
		if now.Sub(first.(look).at) < roleTime {
			return whileBlocked, nil
		}
	}
	if _, known := errors.AsType[*algesta.Error](err); !known {
		return 0, err // the job is tried again
	}
	return 0, d.fail(ctx, r, sentence(err))
}

// waits says once in the card why an approved request has not begun.
func (d *Dispatcher) waits(ctx context.Context, r algesta.Request, why algesta.Text) error {
	if _, told := d.looks.LoadOrStore(r.ID+aboutWaiting, look{}); told {
		return nil
	}
	card := cardOf(r, nil, nil)
	card.Tone, card.Small = algesta.Waiting, algesta.Say("{} · {}", why, card.Small)
	return d.Store.Update(ctx, func(tx Tx) error { return tx.Post(post(r.Command, algesta.CardPost, card)) })
}

// fail ends a request of which nothing was written.
func (d *Dispatcher) fail(ctx context.Context, r algesta.Request, why algesta.Text) error {
	from := []algesta.Status{algesta.Approved, algesta.Executing}
	return d.end(ctx, r.ID, from, algesta.Failed, stopped(why), algesta.Bad)
}

// write applies the plan's change. The intent is committed before every patch; without the record there is no patch.
func (d *Dispatcher) write(ctx context.Context, r algesta.Request, p algesta.Plan) (time.Duration, error) {
	if len(p.Changes) != 1 {
		return 0, fmt.Errorf("the plan of %s has %d changes, one is supported", r.ID, len(p.Changes))
	}
	change := p.Changes[0]
	writer, err := d.Clusters.Writer(change.Workload.Cluster)
	if err != nil {
		return 0, fmt.Errorf("opening the cluster: %w", err)
	}
	watch, before := d.before(ctx, r, p)
	written, err := writer.Apply(ctx, change, algesta.Operation(r.ID), func(ctx context.Context, i algesta.Intent) error {
		return d.intend(ctx, r, change, i, before, watch)
	})
	if err == nil {
		return 0, d.applied(ctx, r, written)
	}
	return d.notApplied(ctx, r, err)
}

// before is the health of the workload before the write, and what the follower will start from.
func (d *Dispatcher) before(ctx context.Context, r algesta.Request, p algesta.Plan) (watch, before []byte) {
	f := runbooks.Begin(p, d.Soak)
	reader, err := d.Clusters.Reader(r.Command.Target.Cluster)
	if err == nil {
		var now runbooks.Rollout
		if now, err = runbooks.Look(ctx, reader, r.Command.Target.Workload()); err == nil {
			f.Before = runbooks.HealthOf(now, time.Now())
		}
	}
	if err != nil { // the verdict will say "not compared"
		d.Log.Warn("the health before the write could not be read", zap.String("command", r.ID), zap.Error(err))
	}
	return encode(f), encode(f.Before)
}

// encode writes a value that always has a JSON form.
func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("encoding %T: %v", v, err))
	}
	return b
}

// intend records what is about to be sent. The first record moves the request to executing and ends the follow of an
// older change to the same workload, all in one transaction (decision 3).
func (d *Dispatcher) intend(ctx context.Context, r algesta.Request, c algesta.Change, i algesta.Intent, before, watch []byte) error {
	return d.Store.Update(ctx, func(tx Tx) error {
		now := time.Now()
		e := algesta.Execution{
			Request: r.ID, Operation: algesta.Operation(r.ID), Workload: c.Workload, UID: i.UID, ResourceVersion: i.ResourceVersion,
			Generation: i.Generation, PatchHash: i.PatchHash, State: algesta.Intended, Attempts: 1, StartedAt: now, Before: before, Watch: watch,
		}
		locked, err := tx.Locked(r.ID)
		if err != nil {
			return err
		}
		switch locked.Status {
		case algesta.Executing: // a later try: the new resourceVersion replaces the old one
			settled, err := tx.Settle(e, algesta.Intended)
			if err == nil && !settled {
				err = fmt.Errorf("the record of %s is no longer an intent", r.ID)
			}
			return err
		case algesta.Approved:
		default:
			return fmt.Errorf("request %s is %s, not approved", r.ID, locked.Status)
		}
		blocker, err := tx.Intend(e)
		if err != nil {
			return err
		}
		if blocker != "" {
			return errBlocked
		}
		moved, ok, err := tx.Move(algesta.Move{ID: r.ID, From: []algesta.Status{algesta.Approved}, To: algesta.Executing})
		if err != nil || !ok {
			return errors.Join(err, errors.New("the request moved on before its intent was recorded"))
		}
		if err := tx.Append(algesta.Entry{Request: r.ID, Kind: "intended", At: now, Data: algesta.Args{
			"workload": c.Workload.String(), "uid": i.UID, "resourceVersion": i.ResourceVersion, "patch": i.PatchHash,
		}}); err != nil {
			return err
		}
		return d.endOlder(tx, moved)
	})
}

// endOlder ends the follow of older changes to the workload: this one replaces what they did.
func (d *Dispatcher) endOlder(tx Tx, r algesta.Request) error {
	older, err := tx.Followed(r.Command.Target.Workload(), r.ID)
	if err != nil {
		return err
	}
	for _, o := range older {
		note := "was replaced by " + r.ID + " of " + r.Command.Actor.Name + " before it had finished. I follow that one now."
		if _, err := d.endIn(tx, o.ID, []algesta.Status{algesta.Applied}, algesta.Superseded, note, algesta.Neutral); err != nil {
			return err
		}
	}
	return nil
}

// applied records that the write is in the cluster and hands over to the follower.
func (d *Dispatcher) applied(ctx context.Context, r algesta.Request, w algesta.Written) error {
	e, ok, err := d.Store.Execution(ctx, r.ID)
	if err != nil || !ok {
		return errors.Join(err, fmt.Errorf("the write of %s has no record", r.ID))
	}
	now := time.Now()
	var f runbooks.Follow
	if err := json.Unmarshal(e.Watch, &f); err != nil {
		return fmt.Errorf("reading the follower's memory: %w", err)
	}
	f.Generation, f.StartedAt, f.ChangedAt = w.Generation, now, now
	e.State, e.AppliedVersion, e.AppliedGeneration, e.AppliedAt, e.Watch = algesta.Confirmed, w.ResourceVersion, w.Generation, now, encode(f)
	return d.Store.Update(ctx, func(tx Tx) error {
		settled, err := tx.Settle(e, algesta.Intended)
		if err != nil || !settled {
			return err
		}
		moved, ok, err := tx.Move(algesta.Move{ID: r.ID, From: []algesta.Status{algesta.Executing}, To: algesta.Applied})
		if err != nil || !ok {
			return err
		}
		if err := tx.Append(algesta.Entry{Request: r.ID, Kind: "applied", At: now, Data: algesta.Args{"resourceVersion": w.ResourceVersion, "generation": w.Generation}}); err != nil {
			return err
		}
		if err := tx.Post(post(r.Command, algesta.CardPost, cardOf(moved, nil, nil))); err != nil {
			return err
		}
		return tx.Schedule(algesta.FollowJob, r.ID, now)
	})
}

// notApplied sorts the errors of a write: certainly not done, to be repeated, or to be verified.
func (d *Dispatcher) notApplied(ctx context.Context, r algesta.Request, err error) (time.Duration, error) {
	d.Log.Warn("the write did not go through", zap.String("command", r.ID), zap.Error(err))
	switch {
	case errors.Is(err, errBlocked):
		return whileBlocked, d.waits(ctx, r, algesta.Say("Another change to {} is being written. This one follows.", algesta.Name(r.Command.Target.Name)))
	case is(err, algesta.ErrUncertain):
		return afterDoubt, nil
	case is(err, algesta.ErrUnreachable):
		return d.notPlanned(ctx, r, err)
	case is(err, algesta.ErrConflict):
		return 0, d.conflict(ctx, r)
	case is(err, algesta.ErrForbidden, algesta.ErrInvalid, algesta.ErrNotFound):
		return 0, d.notDone(ctx, r, func(tx Tx) error {
			_, err := d.endIn(tx, r.ID, []algesta.Status{algesta.Approved, algesta.Executing}, algesta.Failed,
				stopped(sentence(err)), algesta.Bad)
			return err
		})
	}
	return 0, err
}

// notDone settles the record, if there is one, as certainly not written, and goes on in the same transaction.
func (d *Dispatcher) notDone(ctx context.Context, r algesta.Request, then func(Tx) error) error {
	e, recorded, err := d.Store.Execution(ctx, r.ID)
	if err != nil {
		return err
	}
	return d.Store.Update(ctx, func(tx Tx) error {
		if recorded {
			e.State = algesta.NotDoneX
			if _, err := tx.Settle(e, algesta.Intended); err != nil {
				return err
			}
		}
		return then(tx)
	})
}
