package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/3astronautas/algesta"
)

// Tx is one write transaction. It is valid until the function given to Update returns.
type Tx struct {
	ctx     context.Context //nolint:containedctx // a Tx lives as long as one call
	store   *Store
	sql     *sql.Tx
	effects effects
}

// effects are what others have to know once a transaction is committed.
type effects struct {
	outbox  bool   // something is to be sent
	point   string // of the crash matrix
	wakeups []wakeup
	frozen  *[]algesta.Freeze // the freezes that haven't ended; nil where they are as before
	broken  *[]algesta.BreakGlass
	// silences are those that nobody ended; nil where they are as before.
	silences *[]algesta.Silence
}

func (e *effects) add(more effects) {
	e.outbox = e.outbox || more.outbox
	e.wakeups = append(e.wakeups, more.wakeups...)
	if more.frozen != nil {
		e.frozen = more.frozen
	}
	if more.broken != nil {
		e.broken = more.broken
	}
	if more.silences != nil {
		e.silences = more.silences
	}
}

// update is one call of Update on its way through the writer.
type update struct {
	turn    chan *sql.Tx // the writer hands over the transaction; closed when there is none to be had
	back    chan error   // the caller gives it back; an error says that the whole transaction is broken
	done    chan error   // it is committed
	effects effects      // set before back
}

// Update runs f in one write transaction and returns after its commit is on the disk. An error of f undoes what f wrote
// and nothing else, and is returned as it is. Other updates may share the commit, so f must be quick, make no network
// call, not call the store itself, and not keep the Tx. When ctx ends before f began, f is not run;
// after that the commit is waited for, because nobody could know what became of it.
func (s *Store) Update(ctx context.Context, f func(*Tx) error) error {
	u := &update{turn: make(chan *sql.Tx), back: make(chan error), done: make(chan error, 1)}
	if err := s.writer.addUpdate(u); err != nil {
		return fmt.Errorf("updating the store: %w", err)
	}
	var tx *sql.Tx
	select {
	case tx = <-u.turn:
	case <-ctx.Done():
		if s.writer.abandon(u) {
			return fmt.Errorf("waiting for a turn to write: %w", ctx.Err())
		}
		tx = <-u.turn
	}
	if tx == nil {
		return fmt.Errorf("updating the store: %w", <-u.done)
	}
	err := u.run(&Tx{ctx: context.WithoutCancel(ctx), store: s, sql: tx, effects: effects{point: "update-committed"}}, f)
	lost := <-u.done
	if err != nil {
		return err
	}
	if lost != nil {
		return fmt.Errorf("updating the store: %w", lost)
	}
	return nil
}

// run calls f inside a savepoint and gives the transaction back, also when f panics or ends its goroutine.
func (u *update) run(tx *Tx, f func(*Tx) error) (err error) {
	err = errors.New("an update did not return")
	var broken error
	defer func() {
		if broken == nil && err != nil {
			broken = errors.Join(tx.exec("undoing an update", `ROLLBACK TO one`), tx.exec("undoing an update", `RELEASE one`))
		}
		u.back <- broken
	}()
	if broken = tx.exec("beginning an update", `SAVEPOINT one`); broken != nil {
		return broken
	}
	if err = f(tx); err != nil {
		return err
	}
	if broken = tx.exec("ending an update", `RELEASE one`); broken != nil {
		return broken
	}
	u.effects = tx.effects
	return nil
}

// announce passes on what became durable.
func (s *Store) announce(news effects) {
	if news.frozen != nil {
		s.frozen.Store(news.frozen)
	}
	if news.broken != nil {
		s.broken.Store(news.broken)
	}
	if news.silences != nil {
		s.silences.Store(news.silences)
	}
	if news.outbox {
		s.outbox.wake()
	}
	for _, w := range news.wakeups {
		s.jobs.runner.wake(w)
	}
}

// exec runs a statement whose count does not matter.
func (t *Tx) exec(doing, query string, args ...any) error {
	_, err := t.change(doing, query, args...)
	return err
}

// change runs a statement and counts the rows that it changed.
func (t *Tx) change(doing, query string, args ...any) (int64, error) {
	result, err := t.store.known.run(t.ctx, t.sql, query, args...)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", doing, err)
	}
	n, err := result.RowsAffected()
	if err != nil {
		return 0, fmt.Errorf("%s: %w", doing, err)
	}
	return n, nil
}
