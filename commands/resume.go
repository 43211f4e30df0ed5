package commands

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/3astronautas/algesta"
)

// resume continues after a crash, a timeout or an unclear answer: it looks whether the write happened before anything else.
func (d *Dispatcher) resume(ctx context.Context, r algesta.Request) (time.Duration, error) {
	records, err := d.Store.Executions(ctx, r.ID)
	if err != nil {
		return 0, err
	}
	made, open := progressOfPlan(records)
	switch {
	case len(records) != len(r.Plan.Changes):
		return 0, fmt.Errorf("request %s is executing, but has %d records for %d changes", r.ID, len(records), len(r.Plan.Changes))
	case open == nil && made > 0 && made < len(records): // between two changes
		return d.attempt(ctx, r, made)
	case open == nil || open.State != algesta.Intended:
		return 0, fmt.Errorf("request %s is executing, but none of its writes is intended", r.ID)
	}
	e := *open
	var v algesta.Verified
	writer, err := d.verifier(e.Object)
	if err == nil {
		v, err = writer.Verify(ctx, r.Plan.Changes[e.Change], e)
	}
	switch {
	case is(err, algesta.ErrUnreachable):
		return whileUnreachable, d.waits(
			ctx, r, join(message(err), algesta.Say("I don't know yet whether the change was made. I'll check as soon as it answers.")),
		)
	case is(err, algesta.ErrUncertain):
		return 0, d.unknown(
			ctx,
			r,
			e,
			algesta.Say("I sent this change and can't tell whether it arrived: {} has been changed again since.", algesta.Name(e.Object.Name)),
		)
	case err != nil:
		return d.cannotLook(ctx, r, e, err)
	case v.Yes && e.Change == len(records)-1:
		return 0, d.applied(ctx, r, e.Change, v.Written)
	case v.Yes:
		if err := d.made(ctx, r, e.Change, v.Written); err != nil {
			return 0, err
		}
		return d.attempt(ctx, r, made+1)
	}
	if moved, err := d.unsent(ctx, r, e.Change); err != nil || !moved {
		return afterDoubt, err
	}
	if r, err = d.Store.Request(ctx, r.ID); err != nil || r.Status != algesta.Approved && r.Status != algesta.Executing {
		return 0, err
	}
	return d.attempt(ctx, r, made)
}

// cannotLook continues where the bot may not look whether the write happened (a right that was taken away, a cluster that is not in the
// configuration any more). It may be over in a moment, and it may stay so: then people have to check, and nothing waits forever.
func (d *Dispatcher) cannotLook(ctx context.Context, r algesta.Request, e algesta.Execution, err error) (time.Duration, error) {
	d.Log.Error("it can't be told whether a write happened", zap.String("command", r.ID), zap.Error(err))
	if !time.Now().Before(r.StartBy) {
		return 0, d.unknown(ctx, r, e, algesta.Say("I sent this change and can't check whether it arrived. {}", message(err)))
	}
	return whileUnreachable, d.waits(
		ctx, r, algesta.Say("{} I don't know yet whether the change was made. I'll keep checking until {}.", message(err), algesta.At(r.StartBy)),
	)
}
