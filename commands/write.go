package commands

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout"
	"github.com/3astronautas/algesta/runbooks"
)

// write applies the plan's change. The intent is committed before every patch; without the record there is no patch. Just before each,
// Slack and the policy are asked once more: reading the cluster takes its time.
func (d *Dispatcher) write(ctx context.Context, r algesta.Request, book runbooks.Runbook, p algesta.Plan) (time.Duration, error) {
	if len(p.Changes) != 1 {
		return 0, fmt.Errorf("the plan of %s has %d changes, one is supported", r.ID, len(p.Changes))
	}
	change := p.Changes[0]
	writer, err := d.Clusters.Writer(change.Object.Cluster)
	if err != nil {
		return 0, fmt.Errorf("opening the cluster: %w", err)
	}
	watch, before := d.before(ctx, r, p)
	written, err := writer.Apply(ctx, change, algesta.Operation(r.ID), func(ctx context.Context, i algesta.Intent) error {
		now, err := d.askNow(ctx, r)
		if err != nil {
			return fmt.Errorf("%w: %w", errMovedOn, err)
		}
		return d.intend(ctx, r, change, i, before, watch, func() bool {
			_, refused := now.refused(r, book, p, time.Now())
			return !refused && now.policy == d.Policy() // one that was loaded meanwhile may know other groups of these people
		})
	})
	if err == nil {
		return 0, d.applied(ctx, r, written)
	}
	return d.notApplied(ctx, r, err)
}

// before is the health of the workload before the write, and what the follower will start from.
func (d *Dispatcher) before(ctx context.Context, r algesta.Request, p algesta.Plan) (watch, before []byte) {
	f := rollout.Begin(p, d.Soak)
	reader, err := d.Clusters.Reader(r.Command.Target.Cluster)
	if err == nil {
		f.Before, err = d.ending(r).Before(ctx, reader, p.Changes[0].Object, time.Now())
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

// intend records what is about to be sent. The first record moves the request to executing and ends the follow of an
// older change to the same workload, all in one transaction (decision 3). allowed asks the policy once more, in the transaction.
func (d *Dispatcher) intend(
	ctx context.Context, r algesta.Request, c algesta.Change, i algesta.Intent, before, watch []byte, allowed func() bool,
) error {
	return d.Store.Update(ctx, func(tx Tx) error {
		now := time.Now()
		e := algesta.Execution{
			Request: r.ID, Operation: algesta.Operation(r.ID), Object: c.Object, UID: i.UID, ResourceVersion: i.ResourceVersion,
			Generation: i.Generation, PatchHash: i.PatchHash, State: algesta.Intended, Attempts: 1, StartedAt: now, Before: before, Watch: watch,
		}
		locked, err := tx.Locked(r.ID)
		if err != nil {
			return err
		}
		if !locked.StartBy.IsZero() && now.After(locked.StartBy) || !allowed() { // meanwhile, or it was taken back
			return errMovedOn
		}
		if locked.Status == algesta.Executing { // a later try: the new resourceVersion replaces the old one
			settled, err := tx.Settle(e, algesta.Intended)
			if err == nil && !settled {
				err = fmt.Errorf("the record of %s is no longer an intent", r.ID)
			}
			return err
		}
		if locked.Status != algesta.Approved {
			return errMovedOn
		}
		blocker, err := tx.Intend(e)
		if err != nil {
			return err
		}
		if blocker != "" {
			return errBlocked
		}
		_, moved, err := d.move(tx, step{
			id: r.ID, from: []algesta.Status{algesta.Approved}, to: algesta.Executing, kind: "intended",
			data: algesta.Args{"workload": c.Object.String(), "uid": i.UID, "resourceVersion": i.ResourceVersion, "patch": i.PatchHash},
			also: d.endOlder,
		})
		if err == nil && !moved {
			err = errMovedOn
		}
		return err
	})
}

// endOlder ends the follow of older changes to the workload: this one replaces what they did.
func (d *Dispatcher) endOlder(tx Tx, r algesta.Request) error {
	older, err := tx.Followed(r.Command.Target.Workload(), r.ID)
	if err != nil {
		return err
	}
	for _, o := range older {
		note := "was replaced by " + r.ID + " of " + r.Command.Actor.Called() + " before it had finished."
		_, _, err := d.move(tx, step{
			id: o.ID, from: []algesta.Status{algesta.Applied}, to: algesta.Superseded, note: note,
			also: func(tx Tx, o algesta.Request) error {
				return tx.Edit(
					lastProgress(
						o, algesta.Neutral, algesta.Say("{} replaced this before it had finished. Its own thread shows how it goes on.", algesta.Name(r.ID)),
					),
				)
			},
		})
		if err != nil {
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
	var f rollout.Follow
	if err := json.Unmarshal(e.Watch, &f); err != nil {
		return fmt.Errorf("reading the follower's memory: %w", err)
	}
	f.Generation, f.StartedAt, f.ChangedAt = w.Generation, now, now
	e.State, e.AppliedVersion, e.AppliedGeneration, e.AppliedAt, e.Watch = algesta.Confirmed, w.ResourceVersion, w.Generation, now, encode(f)
	_, err = d.step(ctx, step{
		id: r.ID, from: []algesta.Status{algesta.Executing}, to: algesta.Applied, record: &e, was: algesta.Intended,
		data: algesta.Args{"resourceVersion": w.ResourceVersion, "generation": w.Generation},
		also: func(tx Tx, _ algesta.Request) error { return tx.Schedule(algesta.FollowJob, r.ID, now) },
	})
	return err
}

// notApplied sorts the errors of a write: to be verified, or certainly not done, and then to be repeated from the start or ended.
func (d *Dispatcher) notApplied(ctx context.Context, r algesta.Request, err error) (time.Duration, error) {
	d.Log.Warn("the write did not go through", zap.String("command", r.ID), zap.Error(err))
	switch {
	case errors.Is(err, errBlocked), errors.Is(err, errMovedOn): // from the start: it says why
		return afterDoubt, nil
	case is(err, algesta.ErrUncertain):
		return afterDoubt, nil
	case !is(err, algesta.ErrUnreachable, algesta.ErrConflict, algesta.ErrForbidden, algesta.ErrInvalid, algesta.ErrNotFound):
		return 0, err
	}
	if _, err := d.unsent(ctx, r); err != nil {
		return 0, err
	}
	switch {
	case is(err, algesta.ErrUnreachable):
		return d.notPlanned(ctx, r, err)
	case is(err, algesta.ErrConflict):
		return 0, d.conflict(ctx, r)
	}
	return 0, d.fail(ctx, r, sentence(err))
}

// unsent takes the record of a write back that certainly did not happen: the request is approved again and no more than that, so it can
// be cancelled, and whatever sends it next passes every check again. moved is false where there was no such record.
func (d *Dispatcher) unsent(ctx context.Context, r algesta.Request) (moved bool, err error) {
	e, recorded, err := d.Store.Execution(ctx, r.ID)
	if err != nil || !recorded || e.State != algesta.Intended {
		return false, err
	}
	e.State = algesta.NotDoneX
	return d.step(ctx, step{
		id: r.ID, from: []algesta.Status{algesta.Executing}, to: algesta.Approved, record: &e, was: algesta.Intended, kind: "not sent",
	})
}
