package commands

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/3astronautas/algesta"
)

// resume goes on after a crash, a timeout or an unclear answer: it looks whether the write happened before anything else.
func (d *Dispatcher) resume(ctx context.Context, r algesta.Request) (time.Duration, error) {
	e, ok, err := d.Store.Execution(ctx, r.ID)
	if err != nil {
		return 0, err
	}
	if !ok || e.State != algesta.Intended {
		return 0, fmt.Errorf("request %s is executing but its record is %q", r.ID, e.State)
	}
	if len(r.Plan.Changes) != 1 {
		return 0, fmt.Errorf("the stored plan of %s has %d changes", r.ID, len(r.Plan.Changes))
	}
	var v algesta.Verified
	writer, err := d.Clusters.Writer(e.Object.Cluster)
	if err == nil {
		v, err = writer.Verify(ctx, r.Plan.Changes[0], e)
	}
	switch {
	case is(err, algesta.ErrUnreachable):
		return whileUnreachable, d.waits(
			ctx, r, join(message(err), algesta.Say("I do not know yet whether the change was made. I look as soon as it answers.")),
		)
	case is(err, algesta.ErrUncertain):
		return 0, d.unknown(
			ctx, r, e,
			algesta.Say("I sent this change and cannot tell whether it arrived: {} was changed again since.", algesta.Name(r.Command.Target.Name)),
		)
	case err != nil:
		return d.cannotLook(ctx, r, e, err)
	case v.Yes:
		return 0, d.applied(ctx, r, v.Written)
	}
	if moved, err := d.unsent(ctx, r); err != nil || !moved {
		return afterDoubt, err
	}
	if r, err = d.Store.Request(ctx, r.ID); err != nil || r.Status != algesta.Approved {
		return 0, err
	}
	return d.attempt(ctx, r)
}

// cannotLook goes on where the bot may not look whether the write happened (a right that was taken away, a cluster that is not in the
// configuration any more). It may be over in a moment, and it may stay so: then people have to look, and nothing waits for ever.
func (d *Dispatcher) cannotLook(ctx context.Context, r algesta.Request, e algesta.Execution, err error) (time.Duration, error) {
	d.Log.Error("it can't be told whether a write happened", zap.String("command", r.ID), zap.Error(err))
	if !time.Now().Before(r.StartBy) {
		return 0, d.unknown(ctx, r, e, algesta.Say("I sent this change and can't look whether it arrived. {}", message(err)))
	}
	return whileUnreachable, d.waits(
		ctx, r, algesta.Say("{} I don't know yet whether the change was made. I look again until {}.", message(err), algesta.At(r.StartBy)),
	)
}
