package commands

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/3astronautas/algesta"
)

const (
	// panicsAllowed is how often in a row the job of a change that was sent may panic before people are told that they have to look.
	panicsAllowed = 3
	// afterPanic is the pause before a job that panicked is tried again: the mistake may hang on what the cluster answered.
	afterPanic = 2 * time.Second
	// afterHelpless is the pause where not even the end of a request could be told.
	afterHelpless = time.Minute
)

// guard does a piece of work. Its panic is logged with its stack, counted, and becomes an error that tells people nothing else.
func (d *Dispatcher) guard(work, id string, f func() error) (err error) {
	if caught := d.Panics.Catch(func() { err = f() }); caught != nil {
		d.Log.Error("panic", zap.String("work", work), zap.String("command", id), zap.Error(caught))
		return fmt.Errorf("%s panicked: the log has its stack", work)
	}
	return err
}

// Job is work for a request, at its time: again is when to do it again, 0 when it is done.
type Job func(ctx context.Context, request string) (again time.Duration, err error)

// Jobs are what the store has to do at the times that the dispatcher gives it. One that panics does not do so for ever: what was
// not sent ends, and of what was sent people are told to look.
func (d *Dispatcher) Jobs() map[algesta.JobKind]Job {
	jobs := map[algesta.JobKind]Job{
		algesta.ExpireJob: d.Expire, algesta.ExecuteJob: d.Execute, algesta.FollowJob: d.Follow,
		algesta.DiagnoseJob: d.Diagnose, algesta.LostJob: d.Lost, algesta.AskJob: d.Ask, algesta.RemindJob: d.Remind,
	}
	for kind, job := range jobs {
		jobs[kind] = d.guarded(kind, job)
	}
	return jobs
}

func (d *Dispatcher) guarded(kind algesta.JobKind, job Job) Job {
	return func(ctx context.Context, id string) (again time.Duration, err error) {
		caught := d.Panics.Catch(func() { again, err = job(ctx, id) })
		if caught == nil {
			d.panicked.Delete(id)
			return again, err
		}
		d.Log.Error("panic", zap.String("job", string(kind)), zap.String("command", id), zap.Error(caught))
		before, _ := d.panicked.Load(id)
		times, _ := before.(int)
		d.panicked.Store(id, times+1)
		err = d.guard("ending a job that panicked", id, func() error { again, err = d.afterPanic(ctx, id, times+1); return err })
		if err != nil {
			d.Log.Error("a job that panicked could not be ended", zap.String("command", id), zap.Error(err))
			return afterHelpless, nil
		}
		if again == 0 {
			d.panicked.Delete(id)
		}
		return again, nil
	}
}

// afterPanic ends a request whose job panicked, or has it tried again where something may have been written.
func (d *Dispatcher) afterPanic(ctx context.Context, id string, times int) (again time.Duration, err error) {
	r, err := d.Store.Request(ctx, id)
	if is(err, algesta.ErrUnknownName) {
		return 0, nil // the message of a command that only reads: there is nothing to end
	}
	if err != nil {
		return 0, err
	}
	switch r.Status {
	case algesta.Pending:
		return afterHelpless, nil // nobody can approve it after its time, whether this is said or not
	case algesta.Approved: // nothing was sent: the intent moves the status in its own transaction
		return 0, d.fail(ctx, r, algesta.Say("Something went wrong on my side. Quote {}.", algesta.Name(id)))
	case algesta.Executing, algesta.Applied:
		if times < panicsAllowed {
			return afterPanic, nil
		}
	case algesta.Succeeded, algesta.Failed, algesta.TimedOut, algesta.Rejected, algesta.Cancelled, algesta.Expired, algesta.Superseded,
		algesta.Stale, algesta.Unknown:
		return 0, nil
	}
	if r.Status == algesta.Applied {
		note := "was made, but something went wrong on my side while I watched it, so I do not know how it ended. Quote " + id + "."
		_, err := d.step(ctx, step{id: id, from: []algesta.Status{algesta.Applied}, to: algesta.TimedOut, note: note})
		return 0, err
	}
	e, _, err := d.Store.Execution(ctx, id)
	if err != nil {
		return 0, err
	}
	return 0, d.unknown(ctx, r, e, algesta.Say("Something went wrong on my side while I sent this change, so I cannot tell whether it arrived (quote {}).", algesta.Name(id)))
}
