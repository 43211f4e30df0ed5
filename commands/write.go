package commands

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout"
	"github.com/3astronautas/algesta/runbooks"
)

// perChange is how much time there has to be for one more change in this run of the job. Where there is less, the next run continues,
// through every check.
const perChange = 4 * time.Second

// write makes the changes of a plan that are left, in their order, after made of them. The intent of each is committed before it is sent;
// without the record there is no write. One that did not certainly happen is the last. Just before each, Slack and the policy are asked
// once more: reading the cluster takes time.
func (d *Dispatcher) write(
	ctx context.Context,
	r algesta.Request,
	book runbooks.Runbook,
	rest algesta.Plan,
	made int,
) (time.Duration, error) {
	if len(rest.Changes)+made != len(r.Plan.Changes) {
		return 0, fmt.Errorf("the plan of %s has %d changes, %d were approved", r.ID, len(rest.Changes)+made, len(r.Plan.Changes))
	}
	var watch, before []byte
	if made == 0 {
		watch, before = d.before(ctx, r, rest)
	}
	for i, change := range rest.Changes {
		n := made + i
		if due, bounded := ctx.Deadline(); i > 0 && bounded && time.Until(due) < perChange {
			return time.Millisecond, nil
		}
		writer, err := d.writer(change.Object.Cluster, book, r.Command.Requester)
		switch {
		case is(err, algesta.ErrForbidden): // the cluster knows whoever asked no more
			return d.notApplied(ctx, r, n, err)
		case err != nil:
			return 0, fmt.Errorf("opening the cluster: %w", err)
		}
		written, err := writer.Apply(ctx, change, algesta.Operation(r.ID, n), func(ctx context.Context, in algesta.Intent) error {
			now, err := d.askNow(ctx, r)
			if err != nil {
				return fmt.Errorf("%w: %w", errMovedOn, err)
			}
			return d.intend(ctx, r, n, in, before, watch, func(frozen []algesta.Freeze) bool {
				p := now
				p.policy = now.policy.With(frozen)
				_, refused := p.refused(r, book, rest, time.Now())
				return !refused && now.policy == d.Policy() // one that was loaded meanwhile may know other groups of these people
			})
		})
		switch {
		case err != nil:
			return d.notApplied(ctx, r, n, err)
		case n == len(r.Plan.Changes)-1:
			return 0, d.applied(ctx, r, n, written)
		}
		if err := d.made(ctx, r, n, written); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

// before is the health of the workload before the write, and what the follower starts from.
func (d *Dispatcher) before(ctx context.Context, r algesta.Request, p algesta.Plan) (watch, before []byte) {
	f := rollout.Begin(p, d.Soak)
	reader, err := d.Clusters.Reader(r.Command.Target.Cluster)
	if err == nil {
		f.Before, err = d.ending(r).Before(ctx, reader, followed(r), time.Now())
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

// errMovedOn says that a request may not be written any more when its intent is to be recorded. It never reaches a person.
var errMovedOn = errors.New("the request may not be written any more")

// intend records what is about to be sent, by which change of the plan it is. The first record moves the request to executing, keeps the
// objects of the whole plan to it and ends the follow of older changes to them, all in one transaction (decision 3). allowed asks the
// policy once more, in the transaction.
func (d *Dispatcher) intend(
	ctx context.Context,
	r algesta.Request,
	n int,
	i algesta.Intent,
	before, watch []byte,
	allowed func(frozen []algesta.Freeze) bool,
) error {
	return d.Store.Update(ctx, func(tx Tx) error {
		now := time.Now()
		e := record(r, n, now)
		e.UID, e.ResourceVersion, e.Generation, e.PatchHash = i.UID, i.ResourceVersion, i.Generation, i.PatchHash
		e.State, e.Attempts = algesta.Intended, 1
		if n == 0 {
			e.Before, e.Watch = before, watch
		}
		locked, err := tx.Locked(r.ID)
		if err != nil {
			return err
		}
		frozen, err := tx.Freezes()
		if err != nil {
			return err
		}
		if !locked.StartBy.IsZero() && now.After(locked.StartBy) || !allowed(frozen) { // meanwhile, or it was taken back
			return errMovedOn
		}
		if locked.Status == algesta.Executing {
			return d.intendNext(tx, r, e)
		}
		if locked.Status != algesta.Approved || n > 0 {
			return errMovedOn
		}
		all := []algesta.Execution{e}
		for later := 1; later < len(r.Plan.Changes); later++ {
			all = append(all, record(r, later, now))
		}
		blocker, err := tx.Intend(all...)
		if err != nil {
			return err
		}
		if blocker != "" {
			return errBlocked
		}
		_, moved, err := d.move(tx, step{
			id: r.ID, from: []algesta.Status{algesta.Approved}, to: algesta.Executing, kind: "intended", data: intentData(r, e), also: d.endOlder,
		})
		if err == nil && !moved {
			err = errMovedOn
		}
		return err
	})
}

// record is the record of a change whose turn has not come.
func record(r algesta.Request, n int, now time.Time) algesta.Execution {
	c := r.Plan.Changes[n]
	return algesta.Execution{
		Request:   r.ID,
		Change:    n,
		Operation: algesta.Operation(r.ID, n),
		Verb:      c.Verb,
		Object:    c.Object,
		UID:       c.UID,
		State:     algesta.Planned,
		StartedAt: now,
	}
}

// intendNext records a write of a request that is being written: a later try, whose new resourceVersion replaces the old one, or the next
// change of the plan.
func (d *Dispatcher) intendNext(tx Tx, r algesta.Request, e algesta.Execution) error {
	if settled, err := tx.Settle(e, algesta.Intended); err != nil || settled {
		return err
	}
	settled, err := tx.Settle(e, algesta.Planned)
	if err == nil && !settled {
		return fmt.Errorf("the record of change %d of %s is neither planned nor an intent", e.Change+1, r.ID)
	}
	if err != nil {
		return err
	}
	return tx.Append(algesta.Entry{Request: r.ID, Kind: "intended", At: e.StartedAt, Data: intentData(r, e)})
}

// intentData is what the audit keeps of a write before it is sent.
func intentData(r algesta.Request, e algesta.Execution) algesta.Args {
	data := algesta.Args{
		"object":          e.Object.String(),
		"verb":            string(e.Verb),
		"uid":             e.UID,
		"resourceVersion": e.ResourceVersion,
		"patch":           e.PatchHash,
	}
	if len(r.Plan.Changes) > 1 {
		data["change"], data["of"] = e.Change+1, len(r.Plan.Changes)
	}
	return data
}

// endOlder ends the follow of older changes to the objects of the plan: this one replaces what they did.
func (d *Dispatcher) endOlder(tx Tx, r algesta.Request) error {
	for _, o := range r.Plan.Objects() {
		older, err := followedWriters(tx, o, r.ID)
		if err != nil {
			return err
		}
		for _, old := range older {
			if err := d.endFollow(tx, r, old); err != nil {
				return err
			}
		}
	}
	return nil
}

// followedWriters are the requests that are still followed and wrote to the object. What is about it and wrote to another, such as its
// autoscaler, isn't replaced by a write to this one.
func followedWriters(tx Tx, o algesta.Object, except string) ([]algesta.Request, error) {
	all, err := tx.Followed(o, except)
	return slices.DeleteFunc(all, func(r algesta.Request) bool { return !slices.Contains(r.Plan.Objects(), o) }), err
}

// endFollow ends the follow of one change that another replaces.
func (d *Dispatcher) endFollow(tx Tx, by, old algesta.Request) error {
	when, err := replacedWhen(tx, old)
	if err != nil {
		return err
	}
	_, _, err = d.move(tx, step{
		id: old.ID, from: []algesta.Status{algesta.Applied}, to: algesta.Superseded,
		note: "was replaced by " + by.ID + " of " + by.Command.Called() + " " + when + ".",
		also: func(tx Tx, o algesta.Request) error {
			return tx.Edit(
				lastProgress(o, algesta.Neutral, algesta.Say("{} replaced this {}. Its own thread shows how it continues.", algesta.Name(by.ID), when)),
			)
		},
	})
	return err
}

// replacedWhen says how far a change had come that another replaces: its pods were all there and only watched, or not yet.
func replacedWhen(tx Tx, old algesta.Request) (string, error) {
	watch, err := tx.Watch(old.ID)
	if err != nil || len(watch) == 0 {
		return beforeFinished, err
	}
	var f rollout.Follow
	if err := json.Unmarshal(watch, &f); err != nil {
		return "", fmt.Errorf("reading the follower's memory: %w", err)
	}
	if f.SteadyAt.IsZero() {
		return beforeFinished, nil
	}
	return "after all its pods had come up, while I was still watching them", nil
}

// beforeFinished is when a change is replaced whose pods are not all there.
const beforeFinished = "before it had finished"

// confirm notes in a record that its write is in the cluster.
func confirm(e *algesta.Execution, w algesta.Written) {
	e.State, e.AppliedVersion, e.AppliedGeneration, e.AppliedAt = algesta.Confirmed, w.ResourceVersion, w.Generation, time.Now()
}

// recordOf is the record of one change of a request.
func (d *Dispatcher) recordOf(ctx context.Context, request string, change int) (algesta.Execution, error) {
	records, err := d.Store.Executions(ctx, request)
	if err != nil {
		return algesta.Execution{}, err
	}
	for _, e := range records {
		if e.Change == change {
			return e, nil
		}
	}
	return algesta.Execution{}, fmt.Errorf("the write of change %d of %s has no record", change+1, request)
}

// applied records that the last write of a plan is in the cluster and hands over to the follower.
func (d *Dispatcher) applied(ctx context.Context, r algesta.Request, change int, w algesta.Written) error {
	e, err := d.recordOf(ctx, r.ID, change)
	if err != nil {
		return err
	}
	confirm(&e, w)
	watch, err := d.watchFrom(ctx, r, e)
	if err != nil {
		return err
	}
	_, err = d.step(ctx, step{
		id: r.ID, from: []algesta.Status{algesta.Executing}, to: algesta.Applied, record: &e, was: algesta.Intended, data: madeData(r, change, w),
		also: func(tx Tx, _ algesta.Request) error {
			if err := tx.Remember(r.ID, watch); err != nil {
				return err
			}
			return tx.Schedule(algesta.FollowJob, r.ID, e.AppliedAt)
		},
	})
	return err
}

// watchFrom is what the follower starts from once all is written; last is the last record. What is followed is the workload that the
// command is about, so the generation is that of the write to it.
func (d *Dispatcher) watchFrom(ctx context.Context, r algesta.Request, last algesta.Execution) ([]byte, error) {
	records, err := d.Store.Executions(ctx, r.ID)
	if err != nil {
		return nil, err
	}
	var f rollout.Follow
	if err := json.Unmarshal(records[0].Watch, &f); err != nil {
		return nil, fmt.Errorf("reading the follower's memory: %w", err)
	}
	f.Generation, f.StartedAt, f.ChangedAt = last.AppliedGeneration, last.AppliedAt, last.AppliedAt
	for _, e := range records {
		if e.Object == followed(r) && e.State == algesta.Confirmed && last.Object != e.Object {
			f.Generation = e.AppliedGeneration
		}
	}
	return encode(f), nil
}

// notApplied classifies the errors of a write: to be verified, or certainly not done, and then to be repeated from the start or ended.
func (d *Dispatcher) notApplied(ctx context.Context, r algesta.Request, change int, err error) (time.Duration, error) {
	d.Log.Warn("the write did not go through", zap.String("command", r.ID), zap.Int("change", change+1), zap.Error(err))
	switch {
	case errors.Is(err, errBlocked), errors.Is(err, errMovedOn): // from the start: it says why
		return afterDoubt, nil
	case is(err, algesta.ErrUncertain):
		return afterDoubt, nil
	case !is(err, algesta.ErrUnreachable, algesta.ErrConflict, algesta.ErrForbidden, algesta.ErrInvalid, algesta.ErrNotFound):
		return 0, err
	}
	if change > 0 {
		r.Status = algesta.Executing
	}
	if _, err := d.unsent(ctx, r, change); err != nil {
		return 0, err
	}
	switch {
	case is(err, algesta.ErrUnreachable):
		return d.notPlanned(ctx, r, err)
	case is(err, algesta.ErrConflict) && change == 0:
		return 0, d.conflict(ctx, r)
	}
	return 0, d.fail(ctx, r, sentence(err))
}

// unsent takes back the record of a write that certainly didn't happen. After the first one the request is approved again and no more than
// that, so it can be cancelled, and whatever sends it next passes every check again; a later one is planned again, and whatever sends
// that does the same.
// moved is false where there was no such record.
func (d *Dispatcher) unsent(ctx context.Context, r algesta.Request, change int) (moved bool, err error) {
	records, err := d.Store.Executions(ctx, r.ID)
	if err != nil {
		return false, err
	}
	_, open := progressOfPlan(records)
	if open == nil || open.State != algesta.Intended || open.Change != change {
		return false, nil
	}
	if change > 0 {
		open.State = algesta.Planned
		return d.during(ctx, r.ID, []algesta.Status{algesta.Executing}, func(tx Tx, r algesta.Request) error {
			if settled, err := tx.Settle(*open, algesta.Intended); err != nil || !settled {
				return err
			}
			return tx.Append(algesta.Entry{Request: r.ID, Kind: "not sent", At: time.Now(), Data: intentData(r, *open)})
		})
	}
	open.State = algesta.NotDoneX
	return d.step(ctx, step{
		id: r.ID, from: []algesta.Status{algesta.Executing}, to: algesta.Approved, record: open, was: algesta.Intended, kind: "not sent",
	})
}
