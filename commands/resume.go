package commands

import (
	"context"
	"fmt"
	"time"

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
	writer, err := d.Clusters.Writer(e.Workload.Cluster)
	if err != nil {
		return 0, fmt.Errorf("opening the cluster: %w", err)
	}
	if len(r.Plan.Changes) != 1 {
		return 0, fmt.Errorf("the stored plan of %s has %d changes", r.ID, len(r.Plan.Changes))
	}
	v, err := writer.Verify(ctx, r.Plan.Changes[0], e)
	switch {
	case is(err, algesta.ErrUnreachable):
		return whileUnreachable, d.waits(ctx, r, join(message(err), algesta.Say("I do not know yet whether the change was made. I look as soon as it answers.")))
	case is(err, algesta.ErrUncertain):
		return 0, d.unknown(ctx, r, e, algesta.Say("I sent this change and cannot tell whether it arrived: {} was changed again since.", algesta.Name(r.Command.Target.Name)))
	case err != nil:
		return 0, fmt.Errorf("looking whether %s was written: %w", r.ID, err)
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
