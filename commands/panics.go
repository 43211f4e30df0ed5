package commands

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/3astronautas/algesta"
)

const (
	// panicsAllowed is how often in a row the job of a change that was sent may panic before people are asked to check.
	panicsAllowed = 3
	// afterPanic is the pause before a job that panicked is tried again: the bug may depend on what the cluster answered.
	afterPanic = 2 * time.Second
	// afterHelpless is the pause where not even the end of a request could be posted.
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

// piece is one piece of work: a job of a request.
type piece struct {
	kind    algesta.JobKind
	request string
}

// Jobs are what the store has to do at the times that the dispatcher gives it, and what ends each job that can't be done: one that
// panics, or ends the process, doesn't do so forever. A change that was not sent ends; if it was sent, people are asked to check.
func (d *Dispatcher) Jobs() map[algesta.JobKind]Job {
	jobs := map[algesta.JobKind]Job{}
	for kind, job := range map[algesta.JobKind]Job{
		algesta.ExpireJob: d.Expire, algesta.ExecuteJob: d.Execute, algesta.FollowJob: d.Follow,
		algesta.DiagnoseJob: d.Diagnose, algesta.LostJob: d.Lost, algesta.AskJob: d.Ask, algesta.RemindJob: d.Remind,
		algesta.ThawJob: d.Thaw, algesta.LiveJob: d.Live,
		algesta.GlassJob: d.EndGlass,
	} {
		jobs[kind] = d.guarded(kind, job)
		jobs[kind.GivenUp()] = func(ctx context.Context, id string) (again time.Duration, err error) {
			caught := d.guard("giving up a job", id, func() error { again, err = d.giveUp(ctx, piece{kind, id}, restarted(id)); return err })
			return again, caught
		}
	}
	return jobs
}

func (d *Dispatcher) guarded(kind algesta.JobKind, job Job) Job {
	return func(ctx context.Context, id string) (again time.Duration, err error) {
		p := piece{kind, id}
		caught := d.Panics.Catch(func() { again, err = job(ctx, id) })
		if caught == nil {
			d.panicked.Delete(p)
			return again, err
		}
		d.Log.Error("panic", zap.String("job", string(kind)), zap.String("command", id), zap.Error(caught))
		before, _ := d.panicked.Load(p)
		times, _ := before.(int)
		times++
		d.panicked.Store(p, times)
		err = d.guard("ending a job that panicked", id, func() error { again, err = d.afterPanic(ctx, p, times); return err })
		if err != nil {
			d.Log.Error("a job that panicked could not be ended", zap.String("command", id), zap.Error(err))
			return afterHelpless, nil
		}
		if again == 0 {
			d.panicked.Delete(p)
		}
		return again, nil
	}
}

// afterPanic has a job that panicked tried again where something may have been written, or where giving it up would end nothing, and gives
// it up where it was tried often enough.
func (d *Dispatcher) afterPanic(ctx context.Context, p piece, times int) (again time.Duration, err error) {
	if p.kind == algesta.LiveJob && times < panicsAllowed {
		return afterPanic, nil
	}
	r, err := d.Store.Request(ctx, p.request)
	if is(err, algesta.ErrUnknownName) {
		return d.giveUp(ctx, p, panicking(p.request)) // of a command that only reads
	}
	if err != nil {
		return 0, err
	}
	unsent := p.kind == algesta.ExecuteJob && r.Status == algesta.Approved
	if times < panicsAllowed && !unsent && !r.Status.Ended() {
		return afterPanic, nil
	}
	return d.giveUp(ctx, p, panicking(p.request))
}

// failing is how it is said that a request can't go on: before it was sent, while it was, and while it was watched.
type failing struct {
	unsent, sending algesta.Text
	watching        string // follows the title of the plan
}

func panicking(id string) failing {
	return failing{
		unsent: algesta.Say("Something went wrong on my side. Reference: {}.", algesta.Name(id)),
		sending: algesta.Say(
			"Something went wrong on my side while I sent this change, so I can't tell whether it arrived (reference: {}).", algesta.Name(id),
		),
		watching: "was made, but something went wrong on my side while I watched it, so I don't know how it ended. Reference: " + id + ".",
	}
}

func restarted(id string) failing {
	return failing{
		unsent: algesta.Say("I was restarted again and again while preparing it, so I gave up. Reference: {}.", algesta.Name(id)),
		sending: algesta.Say(
			"I was restarted again and again while I sent this change, so I can't tell whether it arrived (reference: {}).", algesta.Name(id),
		),
		watching: "was made, but I was restarted again and again while I watched it, so I don't know how it ended. Check it yourself. " +
			"Reference: " + id + ".",
	}
}

// giveUp ends a request by the job that can't go on, if it is the one that the request waits for. What was not sent is not sent any
// more; if it may have been, people have to check; a job that only helps is dropped.
func (d *Dispatcher) giveUp(ctx context.Context, p piece, why failing) (again time.Duration, err error) {
	if p.kind == algesta.LiveJob {
		return 0, d.abandonLive(ctx, p.request, why.unsent)
	}
	r, err := d.Store.Request(ctx, p.request)
	if is(err, algesta.ErrUnknownName) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	switch {
	case p.kind == algesta.ExpireJob && r.Status == algesta.Pending:
		return 0, d.expireSilently(ctx, r)
	case p.kind == algesta.ExecuteJob && r.Status == algesta.Approved: // nothing was sent: the intent moves the status in its own transaction
		return 0, d.fail(ctx, r, why.unsent)
	case p.kind == algesta.ExecuteJob && r.Status == algesta.Executing:
		records, err := d.Store.Executions(ctx, p.request)
		if err != nil {
			return 0, err
		}
		_, open := progressOfPlan(records)
		if open == nil { // between two changes
			return 0, d.stop(ctx, r, why.unsent)
		}
		return 0, d.unknown(ctx, r, *open, why.sending)
	case p.kind == algesta.FollowJob && r.Status == algesta.Applied:
		_, err := d.step(ctx, step{id: p.request, from: []algesta.Status{algesta.Applied}, to: algesta.TimedOut, note: why.watching})
		return 0, err
	}
	return 0, nil
}
