package commands

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/3astronautas/algesta"
)

// The time of the diagnosis of a rollout that did not come up.
const (
	// diagnoseWithin is how long one may take; the job has a little more, to store the answer.
	diagnoseWithin = 25 * time.Second
	// diagnoseUntil is how long after the end it is tried again; later nobody waits for it any more.
	diagnoseUntil = 3 * time.Minute
	// diagnoseAgain is the pause before another try.
	diagnoseAgain = 5 * time.Second
	// storeWithin bounds the storing of an answer whose own time is up.
	storeWithin = 5 * time.Second
)

// Diagnose adds what is wrong to the thread of a change that did not come up. It is the diagnose job: a courtesy, not an obligation, so it
// is given up after a few minutes, and where another change has replaced this one: again is when to call it again, 0 when it is done.
func (d *Dispatcher) Diagnose(ctx context.Context, id string) (again time.Duration, err error) {
	r, err := d.Store.Request(ctx, id)
	if err != nil || r.Status != algesta.Failed {
		return 0, err
	}
	if time.Since(r.UpdatedAt) > diagnoseUntil { // before it's tried: one that ends the process is not tried at every start
		return 0, nil
	}
	place, err := d.freshPlace(ctx, r)
	if err == nil && place.External { // since it was asked for: what is read is for its author alone there
		return 0, nil
	}
	var asked algesta.Command
	var report algesta.Report
	if err == nil {
		asked, report, err = d.diagnosis(ctx, r)
	}
	if err == nil { // reading took its time
		place, err = d.freshPlace(ctx, r)
	}
	if err != nil {
		d.Log.Warn("no diagnosis of the failed change", zap.String("command", r.ID), zap.Error(err))
		return d.diagnoseAgain, nil
	}
	if place.External {
		return 0, nil
	}
	if offersUndo(r) { // the end has its button: one is enough, and nothing else takes back what was done
		report.Buttons = nil
	}
	ctx, cancel := storing(ctx)
	defer cancel()
	_, err = d.during(ctx, r.ID, []algesta.Status{algesta.Failed}, func(tx Tx, r algesta.Request) error {
		newer, err := followedWriters(tx, followed(r), r.ID)
		if err != nil || len(newer) > 0 { // what was found is no longer true
			return err
		}
		shown := report
		if shown.Buttons, err = StoreOffers(tx, report.Buttons); err != nil {
			return err
		}
		if err := tx.Post(post(r.Command, algesta.DiagnosePost, shown)); err != nil {
			return err
		}
		return tx.Append(readEntry(asked, false))
	})
	return 0, err
}

// diagnosis looks at the workload of a change and says as which command. It is asked for by a rule, on behalf of the person who asked for
// the change, so it reads what that person may read now.
func (d *Dispatcher) diagnosis(ctx context.Context, r algesta.Request) (algesta.Command, algesta.Report, error) {
	book, ok := d.find("diagnose")
	if !ok {
		return algesta.Command{}, algesta.Report{}, fmt.Errorf("there is no runbook %q", "diagnose")
	}
	ctx, cancel := context.WithTimeout(ctx, d.diagnoseWithin)
	defer cancel()
	requester, err := d.freshActor(ctx, r.Command.Actor.ID, r.UpdatedAt)
	if err != nil {
		return algesta.Command{}, algesta.Report{}, fmt.Errorf("asking about the requester: %w", err)
	}
	c := r.Command
	c.Requester = algesta.AskedByRule(algesta.Rule{Name: algesta.RolloutFailed, For: &requester})
	c.Runbook, c.Args, c.At = book.Name, nil, time.Now()
	if !d.allows(c, book.Verb) {
		return c, algesta.Report{}, fmt.Errorf("%s may not %s there", requester.ID, book.Verb)
	}
	report, err := d.look(ctx, book, c, nil)
	return c, report, err
}
