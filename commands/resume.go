package commands

import (
	"context"
	"fmt"
	"time"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/runbooks"
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
		return 0, d.unknown(ctx, r, e)
	case err != nil:
		return 0, fmt.Errorf("looking whether %s was written: %w", r.ID, err)
	case v.Yes:
		return 0, d.applied(ctx, r, v.Written)
	}
	return d.again(ctx, r)
}

// again sends a write that certainly has not happened, if the plan is still what was approved.
func (d *Dispatcher) again(ctx context.Context, r algesta.Request) (time.Duration, error) {
	book, ok := runbooks.Find(r.Command.Runbook)
	if !ok {
		return 0, d.fail(ctx, r, algesta.Say("I do not know this command any more."))
	}
	p, err := d.plan(ctx, book, r.Command)
	if is(err, algesta.ErrUnreachable) {
		return whileUnreachable, nil
	}
	if err != nil {
		return 0, d.notDone(ctx, r, func(tx Tx) error {
			_, e := d.endIn(tx, r.ID, []algesta.Status{algesta.Executing}, algesta.Failed, stopped(sentence(err)), algesta.Bad)
			return e
		})
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

// unknown ends the automatic part: nobody can tell whether the write happened, so a person has to.
func (d *Dispatcher) unknown(ctx context.Context, r algesta.Request, e algesta.Execution) error {
	e.State = algesta.Doubtful
	return d.Store.Update(ctx, func(tx Tx) error {
		if settled, err := tx.Settle(e, algesta.Intended); err != nil || !settled {
			return err
		}
		moved, ok, err := tx.Move(algesta.Move{ID: r.ID, From: []algesta.Status{algesta.Executing}, To: algesta.Unknown, Note: "may or may not have happened"})
		if err != nil || !ok {
			return err
		}
		if err := tx.Append(algesta.Entry{Request: r.ID, Kind: "unknown", At: time.Now()}); err != nil {
			return err
		}
		if err := tx.Post(post(r.Command, algesta.CardPost, cardOf(moved, nil, nil))); err != nil {
			return err
		}
		end := ended(moved, algesta.Warning, algesta.Say("I sent this change and cannot tell whether it arrived: {} was changed again since. I will not send it twice, and nothing else is written to it until one of you answers.", algesta.Name(r.Command.Target.Name)))
		end.Buttons = []algesta.Button{
			{Label: "It happened", Action: algesta.Done, ID: r.ID},
			{Label: "It did not happen", Action: algesta.NotDone, ID: r.ID},
		}
		return tx.Post(post(r.Command, algesta.EndPost, end))
	})
}
