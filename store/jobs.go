package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivertype"
	"go.uber.org/zap"
	"go.uber.org/zap/exp/zapslog"
	"go.uber.org/zap/zapcore"

	"github.com/3astronautas/algesta"
)

const (
	// jobTimeout ends a handler; it has to be shorter than rescueAfter, because River rescues by age alone.
	jobTimeout  = 8 * time.Second
	rescueAfter = 10 * time.Second
	// diagnoseTimeout ends a diagnosis of a failed change, and one look at an answer that someone follows.
	diagnoseTimeout = 30 * time.Second
	// triggerAgain is how long River waits before it reminds the runner again of work that this process has in hand.
	triggerAgain = 10 * time.Second
	// pollEvery is how often River looks for work that no process has in hand. What this process committed it knows itself.
	pollEvery = 5 * time.Second
	// maintainEvery is how often requests without a job are looked for, and River is switched on or off.
	maintainEvery = time.Minute
)

// Handler does the work of one kind for one request. It is called again after again when that is above zero, after 0.2 to 3 s on
// an error, and otherwise never. Its ctx ends after 8 s, that of a diagnosis or a
// followed answer after 30 s. It may be called once too often, also after its
// work is done: it looks at the request's status first. It is never called twice at once for one request in one process.
type Handler func(ctx context.Context, request string) (again time.Duration, err error)

// jobs is work for later. River keeps it and wakes the runner when it is due, whatever happened to the process meanwhile;
// the runner does it, at once when it was scheduled here, because its timers are exact and cost nothing.
// River's own loops cost 0.5 % of a core, so they run only while there is work whose time has come.
type jobs struct {
	store  *Store
	river  *river.Client[*sql.Tx]
	runner *runner

	mu     sync.Mutex
	cancel context.CancelFunc // nil when stopped
	ended  chan struct{}      // maintaining

	riverRuns bool // used by the goroutine that maintains, and before and after it by Start and Stop
}

// trigger is the River job: it wakes the runner for one kind of work of one request.
type trigger struct {
	Work    algesta.JobKind `json:"work"`
	Request string          `json:"request"`
}

// Kind is the name of these jobs in River's table, where those of older versions are, too.
func (trigger) Kind() string { return "alarm" }

// triggerWorker is River's worker. It hands the work to the runner, and keeps the trigger until the runner removes it.
type triggerWorker struct {
	river.WorkerDefaults[trigger]
	store *Store
}

// Work wakes the runner. A trigger that no job refers to any more is done: it ran while its job was being forgotten.
func (r *triggerWorker) Work(ctx context.Context, job *river.Job[trigger]) error {
	w := wakeup{key: key{job.Args.Work, job.Args.Request}, at: time.Now(), fromRiver: true}
	err := r.store.read.row(ctx, `SELECT turn FROM jobs WHERE kind = ? AND request = ? AND river = ?`,
		job.Args.Work, job.Args.Request, job.ID).Scan(&w.turn)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the jobs: %w", err)
	}
	next := r.store.jobs.runner.wake(w) //nolint:contextcheck // a handler lives as long as the runner, not as the trigger
	return river.JobSnooze(max(triggerAgain, time.Until(next)))
}

// NextRetry is when River tries again after an error: after 0.2 s, 0.4 s, … 3 s.
func (*triggerWorker) NextRetry(job *river.Job[trigger]) time.Time {
	return time.Now().Add(backoff(job.Attempt))
}

// backoff is the wait before the try after this many: 0.2 s, doubling, at most 3 s. Apimachinery's wait.Backoff counts its steps itself;
// here River counts them, and keeps the count when the process ends.
func backoff(tries int) time.Duration {
	return min(200*time.Millisecond<<min(max(tries-1, 0), 10), 3*time.Second)
}

func newJobs(s *Store) (*jobs, error) {
	j := &jobs{store: s, runner: newRunner(s)}
	workers := river.NewWorkers()
	river.AddWorker(workers, &triggerWorker{store: s})
	var err error
	j.river, err = river.NewClient(riversqlite.New(s.write), &river.Config{
		Queues:               map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 100}},
		Workers:              workers,
		JobTimeout:           jobTimeout,
		RescueStuckJobsAfter: rescueAfter,
		PollOnly:             true,
		FetchPollInterval:    pollEvery,
		Logger:               riverLog(s.log.Named("river")),
	})
	if err != nil {
		return nil, fmt.Errorf("preparing River: %w", err)
	}
	return j, nil
}

// riverLog passes River's warnings and errors to the bot's log. The rest is noise about every poll.
func riverLog(log *zap.Logger) *slog.Logger {
	core := log.Core()
	if quiet, err := zapcore.NewIncreaseLevelCore(core, zap.WarnLevel); err == nil { // otherwise it is quieter already
		core = quiet
	}
	return slog.New(zapslog.NewHandler(core, zapslog.WithName(log.Name()), zapslog.AddStacktraceAt(math.MaxInt)))
}

// Schedule makes the job run at or after this time, once per kind and request: an earlier time than the one planned
// replaces it, a later one does not. This process does it as soon as the transaction is committed and the time has come.
func (t *Tx) Schedule(kind algesta.JobKind, request string, at time.Time) error {
	var old struct{ at, turn, river int64 }
	// River's numbers are used again after a job was deleted: the trigger has to be for this work, and alive.
	err := t.row(`SELECT j.at, j.turn, COALESCE(r.id, 0) FROM jobs j LEFT JOIN river_job r ON r.id = j.river
		AND r.args ->> 'request' = j.request AND r.args ->> 'work' = j.kind AND r.state NOT IN ('completed', 'cancelled', 'discarded')
		WHERE j.kind = ? AND j.request = ?`, kind, request).Scan(&old.at, &old.turn, &old.river)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("looking for the %s job of %s: %w", kind, request, err)
	}
	// A turn is never used twice, not even after the row was deleted: finish relies on it.
	turn := max(old.turn+1, time.Now().UnixMicro())
	if old.river != 0 && old.at <= ms(at) {
		at = moment(old.at)
	} else {
		if old.river, err = t.insertTrigger(kind, request, at, old.river); err != nil {
			return fmt.Errorf("scheduling the %s job of %s: %w", kind, request, err)
		}
	}
	t.effects.wakeups = append(t.effects.wakeups, wakeup{key: key{kind, request}, at: at, turn: turn})
	return t.exec("scheduling the "+string(kind)+" job of "+request, `INSERT INTO jobs (kind, request, at, turn, river) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (kind, request) DO UPDATE SET at = excluded.at, turn = excluded.turn, river = excluded.river`,
		kind, request, ms(at), turn, old.river)
}

// insertTrigger puts a new trigger in the place of the old one and returns its number. One that is just running stays.
func (t *Tx) insertTrigger(kind algesta.JobKind, request string, at time.Time, old int64) (int64, error) {
	if old != 0 {
		kept, err := t.deleteTrigger(old)
		if err != nil || kept {
			return old, err
		}
	}
	result, err := t.store.jobs.river.InsertTx(t.ctx, t.sql, trigger{Work: kind, Request: request}, &river.InsertOpts{ScheduledAt: at})
	if err != nil {
		return 0, fmt.Errorf("inserting River's job: %w", err)
	}
	return result.Job.ID, nil
}

// deleteTrigger removes River's job; kept says that it is running right now.
func (t *Tx) deleteTrigger(id int64) (kept bool, err error) {
	_, err = t.store.jobs.river.JobDeleteTx(t.ctx, t.sql, id)
	switch {
	case errors.Is(err, rivertype.ErrJobRunning):
		return true, nil
	case err == nil, errors.Is(err, rivertype.ErrNotFound):
		return false, nil
	}
	return false, fmt.Errorf("deleting River's job: %w", err)
}

// unschedule forgets the job, whether it is there or not.
func (t *Tx) unschedule(kind algesta.JobKind, request string) error {
	return t.finish(key{kind, request}, 1<<62)
}

// finish forgets the job unless it was scheduled again after this turn.
func (t *Tx) finish(k key, turn int64) error {
	var id int64
	err := t.row(`DELETE FROM jobs WHERE kind = ? AND request = ? AND turn <= ? RETURNING COALESCE(
		(SELECT r.id FROM river_job r WHERE r.id = jobs.river AND r.args ->> 'request' = jobs.request AND r.args ->> 'work' = jobs.kind), 0)`,
		k.kind, k.request, turn).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("forgetting the %s job of %s: %w", k.kind, k.request, err)
	}
	t.effects.wakeups = append(t.effects.wakeups, wakeup{key: k, turn: turn, off: true})
	if id == 0 {
		return nil
	}
	// One that is running right now runs once more in 10 s and then finds nothing to do.
	_, err = t.deleteTrigger(id)
	return err
}

// begun notes that this work is started, and returns how often it was started without finishing, this time included.
func (s *Store) begun(ctx context.Context, k key) (n int, err error) {
	err = s.Update(ctx, func(t *Tx) error {
		err := t.row(`UPDATE jobs SET begun = begun + 1 WHERE kind = ? AND request = ? RETURNING begun`, k.kind, k.request).Scan(&n)
		if errors.Is(err, sql.ErrNoRows) { // it was done meanwhile, and the handler finds nothing to do
			return nil
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("noting that the %s job of %s begins: %w", k.kind, k.request, err)
	}
	return n, nil
}

// returned notes that this work finished, whether it has to be done again or not.
func (s *Store) returned(ctx context.Context, k key) error {
	return s.Update(ctx, func(t *Tx) error {
		return t.exec("noting that the "+string(k.kind)+" job of "+k.request+" returned",
			`UPDATE jobs SET begun = 0 WHERE kind = ? AND request = ?`, k.kind, k.request)
	})
}

// Jobs is how much work is planned or being done: for metrics.
func (s *Store) Jobs(ctx context.Context) (n int, err error) {
	if err := s.read.row(ctx, `SELECT COUNT(*) FROM jobs`).Scan(&n); err != nil {
		return 0, fmt.Errorf("counting the jobs: %w", err)
	}
	return n, nil
}

// Work sets who does which work, and, by their kinds' GivenUp, who ends work that crashed the process
// each time it was started. It is called once, before Start.
func (s *Store) Work(handlers map[algesta.JobKind]Handler) { s.jobs.runner.handlers = handlers }

// Start starts the work: first what an earlier process left, then what is scheduled. Requests that should have a job and
// have none get one, now and every minute. It runs until Stop or Close, also after ctx ended.
func (s *Store) Start(ctx context.Context) error {
	j := s.jobs
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.cancel != nil {
		return errors.New("starting the jobs: they are running")
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	j.runner.start(ctx)
	err := j.wakeAll(ctx)
	if err == nil {
		err = j.maintain(ctx)
	}
	if err != nil {
		cancel()
		j.runner.stop(ctx)
		return fmt.Errorf("starting the jobs: %w", err)
	}
	j.cancel, j.ended = cancel, make(chan struct{})
	go j.keepMaintaining(ctx)
	return nil
}

// Stop lets running handlers finish until ctx ends, then cancels them, and returns when all have returned. What was not done
// is done after the next Start.
func (s *Store) Stop(ctx context.Context) error {
	j := s.jobs
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.cancel == nil {
		return nil
	}
	j.cancel()
	<-j.ended
	var err error
	if j.riverRuns {
		// River's workers only wake the runner, so this is quick, and the file must not be closed before it.
		err = j.river.StopAndCancel(context.WithoutCancel(ctx))
		j.riverRuns = false
	}
	j.runner.stop(ctx)
	j.cancel = nil
	if err != nil {
		return fmt.Errorf("stopping River: %w", err)
	}
	return nil
}

// keepMaintaining maintains every minute, until ctx ends.
func (j *jobs) keepMaintaining(ctx context.Context) {
	defer close(j.ended)
	tick := time.NewTicker(maintainEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := j.maintain(ctx); err != nil && ctx.Err() == nil {
				j.store.log.Error("maintaining the jobs", zap.Error(err))
			}
		case <-ctx.Done():
			return
		}
	}
}

// maintain looks for requests without a job, and lets River run exactly while there is work whose time has come: either it takes
// longer than a moment, or the runner has lost it.
func (j *jobs) maintain(ctx context.Context) error {
	if err := j.store.Reconcile(ctx); err != nil {
		return err
	}
	var n int
	err := j.store.read.row(ctx, `SELECT COUNT(*) FROM jobs WHERE at <= ?`, ms(time.Now())).Scan(&n)
	switch {
	case err != nil:
		return fmt.Errorf("reading the jobs: %w", err)
	case n > 0 && !j.riverRuns:
		if err := j.river.Start(ctx); err != nil {
			return fmt.Errorf("starting River: %w", err)
		}
		j.riverRuns = true
	case n == 0 && j.riverRuns:
		if err := j.river.Stop(ctx); err != nil {
			return fmt.Errorf("stopping River: %w", err)
		}
		j.riverRuns = false
	}
	return nil
}

// wakeAll hands the runner what is scheduled, so that it does not wait for River to find it.
func (j *jobs) wakeAll(ctx context.Context) error {
	all, err := list(ctx, j.store.read, func(row scanner) (r wakeup, err error) {
		var at int64
		err = row.Scan(&r.key.kind, &r.key.request, &at, &r.turn)
		r.at, r.left = moment(at), true
		return r, err
	}, `SELECT kind, request, at, turn FROM jobs`)
	if err != nil {
		return fmt.Errorf("reading the jobs: %w", err)
	}
	for _, r := range all {
		j.runner.wake(r) //nolint:contextcheck // a handler lives as long as the runner
	}
	return nil
}

// Reconcile gives every request that has not ended and has no living job the one that its status calls for: a job can be
// lost, by an operator or by River. Start does it, and then every minute.
func (s *Store) Reconcile(ctx context.Context) error {
	return s.Update(ctx, func(t *Tx) error {
		type orphan struct {
			id, status string
			expiresAt  int64
		}
		orphans, err := list(t.ctx, t, func(row scanner) (o orphan, err error) {
			return o, row.Scan(&o.id, &o.status, &o.expiresAt)
		}, `SELECT id, status, expires_at FROM requests q WHERE status IN ('pending', 'approved', 'executing', 'applied') AND NOT EXISTS (
			SELECT 1 FROM jobs j JOIN river_job r ON r.id = j.river
			WHERE j.request = q.id AND j.kind = CASE q.status WHEN 'pending' THEN 'expire' WHEN 'applied' THEN 'follow' ELSE 'execute' END
			AND r.args ->> 'request' = j.request AND r.args ->> 'work' = j.kind AND r.state NOT IN ('completed', 'cancelled', 'discarded'))`)
		if err != nil {
			return fmt.Errorf("looking for requests without a job: %w", err)
		}
		for _, o := range orphans {
			kind, at := algesta.ExecuteJob, time.Now()
			switch algesta.Status(o.status) {
			case algesta.Pending:
				kind, at = algesta.ExpireJob, moment(o.expiresAt)
			case algesta.Applied:
				kind = algesta.FollowJob
			default:
			}
			s.log.Warn("a request had no job", zap.String("command", o.id), zap.String("job", string(kind)))
			if err := t.Schedule(kind, o.id, at); err != nil {
				return err
			}
		}
		return t.followLost()
	})
}
