package store

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/3astronautas/algesta"
)

// How many handlers run at the same time: of what changes and follows, and beside it of what only helps people. Those may take long, and
// many come at once when many changes fail at once.
const (
	atOnce      = 16
	helpsAtOnce = 8
)

const (
	// mostBegun is how often work that an earlier process left is started without finishing: then it counts as what crashes the process, and
	// is given up. Giving it up is tried as often.
	mostBegun = 3
	// leftAlone is how long work is left alone that can't even be given up.
	leftAlone = time.Minute
)

// key names one piece of work.
type key struct {
	kind    algesta.JobKind
	request string
}

// wakeup says when a piece of work is to be done.
type wakeup struct {
	key  key
	at   time.Time
	turn int64 // how often it was scheduled
	// off says that it needn't be done any more.
	off bool
	// fromRiver says that its trigger ran: it counts only when nobody here has the work in hand.
	fromRiver bool
	// left says that an earlier process had it in hand, or was to have.
	left bool
}

// task is a piece of work that this process has in hand.
type task struct {
	at      time.Time
	timer   *time.Timer
	plans   int // how often the timer was set
	turn    int64
	busy    bool // its handler runs, or waits for a free place
	again   bool // it was woken while it was busy
	failing int  // errors in a row
	left    bool // by an earlier process, and it has not returned in this one
}

// runner does work at its time: one handler at a time for one key, atOnce and helpsAtOnce in all.
type runner struct {
	store    *Store
	handlers map[algesta.JobKind]Handler
	places   chan struct{}
	helps    chan struct{}

	mu    sync.Mutex
	open  bool
	ctx   context.Context //nolint:containedctx // of all handlers, from start to stop
	end   context.CancelFunc
	tasks map[key]*task
	busy  sync.WaitGroup
}

func newRunner(s *Store) *runner {
	return &runner{store: s, places: make(chan struct{}, atOnce), helps: make(chan struct{}, helpsAtOnce), tasks: map[key]*task{}}
}

func (r *runner) start(ctx context.Context) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ctx, r.end = context.WithCancel(context.WithoutCancel(ctx)) // Stop says when handlers are cancelled
	r.open = true
}

// stop starts nothing new and waits for what runs; when ctx ends it cancels that.
func (r *runner) stop(ctx context.Context) {
	r.mu.Lock()
	r.open = false
	for k, t := range r.tasks {
		if t.timer != nil {
			t.timer.Stop()
		}
		delete(r.tasks, k)
	}
	r.mu.Unlock()
	cancel := context.AfterFunc(ctx, r.end)
	r.busy.Wait()
	cancel()
	r.end()
}

// wake plans the work and says when it will be done. While its handler runs it is done again after that.
func (r *runner) wake(w wakeup) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.open {
		return w.at
	}
	t := r.tasks[w.key]
	if w.off {
		r.forget(w, t)
		return w.at
	}
	if t == nil {
		t = &task{turn: w.turn, left: w.left}
		r.tasks[w.key] = t
		r.plan(w.key, t, w.at)
		return t.at
	}
	if w.fromRiver {
		return t.at
	}
	t.turn = max(t.turn, w.turn)
	switch {
	case t.busy && (!t.again || w.at.Before(t.at)):
		t.again, t.at = true, w.at
	case !t.busy && w.at.Before(t.at):
		r.plan(w.key, t, w.at)
	}
	return t.at
}

// forget takes planned work back, unless it was scheduled again meanwhile. What runs is not disturbed.
func (r *runner) forget(w wakeup, t *task) {
	if t == nil || t.turn > w.turn {
		return
	}
	t.again = false
	if !t.busy {
		t.timer.Stop()
		delete(r.tasks, w.key)
	}
}

// plan sets the timer of a task that is not busy.
func (r *runner) plan(k key, t *task, at time.Time) {
	if t.timer != nil {
		t.timer.Stop()
	}
	t.at = at
	t.plans++
	plan := t.plans
	t.timer = time.AfterFunc(time.Until(at), func() {
		r.mu.Lock()
		// A timer that went off while it was being replaced must not begin the work.
		mine := r.open && r.tasks[k] == t && !t.busy && t.plans == plan
		if mine {
			t.busy = true
			r.busy.Add(1)
		}
		turn := t.turn
		r.mu.Unlock()
		if mine {
			r.do(k, t, turn)
		}
	})
}

// do runs the handler when there is a free place, and plans what comes after it.
func (r *runner) do(k key, t *task, turn int64) {
	defer r.busy.Done()
	places := r.placesOf(k.kind)
	select {
	case places <- struct{}{}:
	case <-r.ctx.Done():
		return
	}
	again, err := r.attempt(k, t)
	<-places
	if err != nil && r.ctx.Err() == nil {
		r.store.log.Warn("job will be tried again", zap.String("job", string(k.kind)), zap.String("command", k.request), zap.Error(err))
	}
	if r.next(k, t, again, err) {
		r.finish(k, turn)
	}
}

// placesOf are those that this kind of work shares.
func (r *runner) placesOf(kind algesta.JobKind) chan struct{} {
	switch kind {
	case algesta.DiagnoseJob, algesta.AskJob, algesta.RemindJob, algesta.LiveJob:
		return r.helps
	case algesta.ExecuteJob, algesta.FollowJob, algesta.ExpireJob, algesta.LostJob, algesta.ThawJob, algesta.GlassJob:
	}
	return r.places
}

// timeoutOf is how long one run of this kind of work may take. River's own limit does not matter here: its workers only wake the runner.
func timeoutOf(kind algesta.JobKind) time.Duration {
	switch kind {
	case algesta.DiagnoseJob, algesta.LiveJob: // they read logs, and nothing else waits for them
		return diagnoseTimeout
	case algesta.ExecuteJob, algesta.FollowJob, algesta.ExpireJob, algesta.LostJob, algesta.ThawJob, algesta.GlassJob, algesta.AskJob,
		algesta.RemindJob:
	}
	return jobTimeout
}

// attempt does a piece of work once. That work which an earlier process left begins is on the disk before it does, and taken back when
// it has returned: a memory that runs out and a panic in a goroutine of a library end the process, and would at every start.
func (r *runner) attempt(k key, t *task) (again time.Duration, err error) {
	kind := k.kind
	if t.left {
		begun, err := r.store.begun(r.ctx, k)
		switch {
		case err != nil:
			return 0, err
		case begun > 2*mostBegun:
			r.store.log.Error("a job that ends the process can't be given up", zap.String("job", string(k.kind)), zap.String("command", k.request))
			return leftAlone, nil
		case begun > mostBegun:
			kind = k.kind.GivenUp()
			r.store.log.Error("a job ends the process and is given up", zap.String("job", string(k.kind)), zap.String("command", k.request))
		}
	}
	again, err = r.call(kind, k.request)
	if t.left && kind == k.kind {
		t.left = false
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.ctx), jobTimeout) // one that was cancelled has returned, too
		defer cancel()
		if err := r.store.returned(ctx, k); err != nil { // then a later process counts this one
			r.store.log.Warn(
				"that a job returned can't be noted", zap.String("job", string(k.kind)), zap.String("command", k.request), zap.Error(err),
			)
		}
	}
	return again, err
}

// call runs the handler once, for at most the time of its kind. A panic is an error of this job, not the end of the bot.
func (r *runner) call(kind algesta.JobKind, request string) (again time.Duration, err error) {
	handler := r.handlers[kind]
	if handler == nil {
		return triggerAgain, fmt.Errorf("there is no handler for %q", kind)
	}
	ctx, cancel := context.WithTimeout(r.ctx, timeoutOf(kind))
	defer cancel()
	if caught := r.store.Panics.Catch(func() { again, err = handler(ctx, request) }); caught != nil {
		return 0, caught
	}
	return again, err
}

// next plans the next run; done says that there is none.
func (r *runner) next(k key, t *task, again time.Duration, err error) (done bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t.busy = false
	if !r.open || r.tasks[k] != t {
		return false
	}
	at := time.Now().Add(again)
	if err == nil {
		t.failing = 0
	} else {
		t.failing++
		at = time.Now().Add(backoff(t.failing))
	}
	woken := t.again
	t.again = false
	if woken && (again == 0 && err == nil || t.at.Before(at)) {
		at = t.at
	}
	if !woken && again <= 0 && err == nil {
		delete(r.tasks, k)
		return true
	}
	r.plan(k, t, at)
	return false
}

// finish removes the trigger of work that is done. When that does not succeed the trigger runs again, and the handler
// finds nothing to do.
func (r *runner) finish(k key, turn int64) {
	if err := r.store.Update(r.ctx, func(t *Tx) error { return t.finish(k, turn) }); err != nil && r.ctx.Err() == nil {
		r.store.log.Warn("a finished job stays", zap.String("job", string(k.kind)), zap.String("command", k.request), zap.Error(err))
	}
}
