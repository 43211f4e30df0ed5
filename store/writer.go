package store

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"
)

const (
	// batchTime is how long a transaction may collect updates before it's committed.
	batchTime = 10 * time.Millisecond
	// batchTimeWithIntake is how long once envelopes are in it, whose senders wait for their ack.
	batchTimeWithIntake = 3 * time.Millisecond
)

// writer is the one goroutine that begins and commits transactions. A commit waits for the disk (about 2 ms), so it carries
// everything that is waiting: all envelopes first, then updates one after another, each in a savepoint of its own.
type writer struct {
	store *Store
	wake  chan struct{}
	ended chan struct{}

	mu      sync.Mutex
	closed  bool
	intakes []*intake
	updates []*update
}

func newWriter(s *Store) *writer {
	return &writer{store: s, wake: make(chan struct{}, 1), ended: make(chan struct{})}
}

// run commits until stop; then it finishes what is waiting.
func (w *writer) run(ctx context.Context) {
	defer close(w.ended)
	for range w.wake {
		for w.waiting() {
			w.commit(ctx)
		}
		if w.isClosed() {
			return
		}
	}
}

// stop refuses new work, and returns when the waiting work is committed.
func (w *writer) stop() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.nudge()
	<-w.ended
}

func (w *writer) nudge() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *writer) isClosed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.closed && len(w.intakes) == 0 && len(w.updates) == 0
}

func (w *writer) waiting() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.intakes) > 0 || len(w.updates) > 0
}

func (w *writer) addIntake(in *intake) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return ErrClosed
	}
	w.intakes = append(w.intakes, in)
	w.nudge()
	return nil
}

func (w *writer) addUpdate(u *update) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return ErrClosed
	}
	w.updates = append(w.updates, u)
	w.nudge()
	return nil
}

// abandon takes an update back; false when its turn has come already.
func (w *writer) abandon(u *update) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, waiting := range w.updates {
		if waiting == u {
			w.updates = append(w.updates[:i], w.updates[i+1:]...)
			return true
		}
	}
	return false
}

func (w *writer) takeIntakes() []*intake {
	w.mu.Lock()
	defer w.mu.Unlock()
	taken := w.intakes
	w.intakes = nil
	return taken
}

func (w *writer) takeUpdate() *update {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.updates) == 0 {
		return nil
	}
	u := w.updates[0]
	w.updates[0] = nil
	w.updates = w.updates[1:]
	return u
}

// batch is one transaction on its way to the disk.
type batch struct {
	tx      *sql.Tx
	intakes []*intake
	updates []*update
	broken  error // the transaction cannot go on
}

// commit carries what is waiting to the disk and releases everyone who waits for it.
func (w *writer) commit(ctx context.Context) {
	b := &batch{}
	if b.tx, b.broken = w.store.write.BeginTx(ctx, nil); b.broken != nil {
		b.broken = fmt.Errorf("beginning a transaction: %w", b.broken)
	}
	w.collect(ctx, b)
	if b.broken == nil {
		if err := b.tx.Commit(); err != nil {
			b.broken = fmt.Errorf("committing: %w", err)
		}
	} else if b.tx != nil {
		_ = b.tx.Rollback() // the cause is in b.broken
	}
	if b.broken != nil {
		w.store.log.Error("a transaction was lost", zap.Error(b.broken))
	}
	w.release(b) //nolint:contextcheck // a handler lives as long as the runner, not as a commit
	w.store.known.learn(ctx, w.store.log)
}

// collect runs what is waiting inside the transaction until the time for one commit is over.
func (w *writer) collect(ctx context.Context, b *batch) {
	end := time.Now().Add(batchTime)
	for {
		if fresh := w.takeIntakes(); len(fresh) > 0 {
			if len(b.intakes) == 0 {
				end = time.Now().Add(batchTimeWithIntake)
			}
			b.intakes = append(b.intakes, fresh...)
			b.keep(ctx, w.store.known, fresh)
		}
		if len(b.updates) > 0 && time.Now().After(end) {
			return
		}
		u := w.takeUpdate()
		if u == nil {
			return
		}
		b.updates = append(b.updates, u)
		b.take(u)
	}
}

// take lets one update have its turn, on the goroutine of its caller.
func (b *batch) take(u *update) {
	if b.broken != nil {
		return
	}
	u.turn <- b.tx
	if broken := <-u.back; broken != nil {
		b.broken = broken
	}
}

// release reports the points of the crash matrix, wakes who has work now, and lets the callers go on.
func (w *writer) release(b *batch) {
	if b.broken == nil {
		if len(b.intakes) > 0 {
			w.store.observe("inbox-committed")
		}
		var news effects
		for _, u := range b.updates {
			w.store.observe(u.effects.point)
			news.add(u.effects)
		}
		w.store.announce(news)
	}
	for _, in := range b.intakes {
		if b.broken == nil && in.fresh {
			w.store.arrivals.add(in.invocation)
		}
		in.done <- b.broken
	}
	for _, u := range b.updates {
		if b.broken != nil {
			close(u.turn)
		}
		u.done <- b.broken
	}
}
