package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/3astronautas/algesta"
)

// intake is one envelope on its way into the inbox.
type intake struct {
	invocation algesta.Invocation
	envelope   string
	fresh      bool
	taken      bool       // by something else with its key
	done       chan error // it is committed
}

// Receive keeps an invocation and returns once it is on the disk, so that the transport may acknowledge it. fresh is false when
// one with the same Key was kept before: acknowledge that too, and do nothing more. Where that one had another Digest the error is
// ErrTaken: tell that to the person. On any other error do not acknowledge.
// Envelopes go ahead of every other write and share their commits. A fresh one comes out of Arrivals.
func (s *Store) Receive(ctx context.Context, v algesta.Invocation) (fresh bool, err error) {
	if v.Key == "" {
		return false, errors.New("receiving an invocation: it has no key")
	}
	envelope, err := encode(v)
	if err != nil {
		return false, fmt.Errorf("receiving invocation %s: %w", v.Key, err)
	}
	in := &intake{invocation: v, envelope: envelope, done: make(chan error, 1)}
	if err := s.writer.addIntake(in); err != nil {
		return false, fmt.Errorf("receiving invocation %s: %w", v.Key, err)
	}
	select {
	case err = <-in.done:
	case <-ctx.Done(): // it may be kept nevertheless: then its redelivery is not fresh, and the invocation is not lost
		return false, fmt.Errorf("receiving invocation %s: %w", v.Key, ctx.Err())
	}
	if err != nil {
		return false, fmt.Errorf("receiving invocation %s: %w", v.Key, err)
	}
	if in.taken {
		return false, fmt.Errorf("receiving invocation %s: something else was kept with its key: %w", v.Key, algesta.ErrTaken)
	}
	return in.fresh, nil
}

// keep writes envelopes into the inbox.
func (b *batch) keep(ctx context.Context, known *statements, intakes []*intake) {
	for _, in := range intakes {
		if b.broken != nil {
			return
		}
		result, err := known.run(ctx, b.tx, `INSERT INTO inbox (key, envelope, digest) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`,
			in.invocation.Key, in.envelope, in.invocation.Digest)
		if err != nil {
			b.broken = fmt.Errorf("writing the inbox: %w", err)
			return
		}
		n, err := result.RowsAffected()
		b.broken, in.fresh = err, n == 1
		if err == nil && !in.fresh && in.invocation.Digest != "" {
			b.broken = b.compare(ctx, in)
		}
	}
}

// compare finds out whether what was kept with the key of an envelope is something else. A row of before digests were kept has none.
func (b *batch) compare(ctx context.Context, in *intake) error {
	err := b.tx.QueryRowContext(ctx, `SELECT digest NOT IN ('', ?2) FROM inbox WHERE key = ?1`, in.invocation.Key, in.invocation.Digest).
		Scan(&in.taken)
	if err != nil {
		return fmt.Errorf("reading the inbox: %w", err)
	}
	return nil
}

// Arrivals hands out the fresh invocations in the order of their commits, each once. It is closed by Close. A slow reader
// holds nobody up: what waits here is in the inbox too, and after a restart it is among Unanswered.
func (s *Store) Arrivals() <-chan algesta.Invocation { return s.arrivals.out }

// Unanswered are the invocations that an earlier process received and did not answer, oldest first. Every call counts as a start, which
// is on the disk before any of them is worked on.
func (s *Store) Unanswered(ctx context.Context) ([]algesta.Invocation, error) {
	err := s.Update(ctx, func(tx *Tx) error {
		return tx.exec("counting the start", `UPDATE inbox SET starts = starts + 1 WHERE done_at = 0 AND id <= ?`, s.earlier)
	})
	if err != nil {
		return nil, err
	}
	open, err := list(ctx, s.read, func(row scanner) (v algesta.Invocation, err error) {
		var text string
		var starts int
		if err = row.Scan(&text, &starts); err != nil {
			return v, err
		}
		err = decode(text, &v)
		v.Starts = starts
		return v, err
	}, `SELECT envelope, starts FROM inbox WHERE done_at = 0 AND id <= ? ORDER BY id`, s.earlier)
	if err != nil {
		return nil, fmt.Errorf("reading the inbox: %w", err)
	}
	return open, nil
}

// Answered closes an invocation of the inbox and forgets its envelope: the key alone identifies a redelivery.
// A key that is not open is no error, so that every way of asking may close what it came from.
func (t *Tx) Answered(key string) error {
	return t.exec("closing invocation "+key, `UPDATE inbox SET done_at = ?, envelope = NULL WHERE key = ? AND done_at = 0`,
		ms(time.Now()), key)
}

// arrivals is a queue without an end between the writer, which may never wait, and the dispatcher.
type arrivals struct {
	out   chan algesta.Invocation
	wake  chan struct{}
	halt  chan struct{}
	ended chan struct{}

	mu    sync.Mutex
	queue []algesta.Invocation
}

func newArrivals() *arrivals {
	return &arrivals{
		out: make(chan algesta.Invocation), wake: make(chan struct{}, 1),
		halt: make(chan struct{}), ended: make(chan struct{}),
	}
}

func (a *arrivals) add(v algesta.Invocation) {
	a.mu.Lock()
	a.queue = append(a.queue, v)
	a.mu.Unlock()
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

func (a *arrivals) take() []algesta.Invocation {
	a.mu.Lock()
	defer a.mu.Unlock()
	taken := a.queue
	a.queue = nil
	return taken
}

// run hands out the queue until stop. What is left then is still open in the inbox.
func (a *arrivals) run() {
	defer close(a.ended)
	defer close(a.out)
	for {
		for _, v := range a.take() {
			select {
			case a.out <- v:
			case <-a.halt:
				return
			}
		}
		select {
		case <-a.wake:
		case <-a.halt:
			return
		}
	}
}

func (a *arrivals) stop() {
	close(a.halt)
	<-a.ended
}
