package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/3astronautas/algesta"
)

func scanLive(row scanner) (l algesta.LiveAnswer, err error) {
	var body string
	var version int64
	if err = row.Scan(&body, &version); err != nil {
		return l, err
	}
	err = decode(body, &l)
	l.Version = version
	return l, err
}

// SaveLive stores an answer that someone follows and that is new (its Version is 0), or its new content where its Version is still that of
// the store. saved is false where someone else was quicker, or another has its ID.
func (t *Tx) SaveLive(l algesta.LiveAnswer) (saved bool, err error) {
	doing := "storing the followed answer " + l.Command.ID
	body, err := encode(l)
	if err != nil {
		return false, fmt.Errorf("%s: %w", doing, err)
	}
	var n int64
	if l.Version == 0 {
		n, err = t.change(doing, `INSERT INTO live_answers (id, body, version, ended_at) VALUES (?, ?, 1, ?) ON CONFLICT DO NOTHING`,
			l.Command.ID, body, ms(l.EndedAt))
		return n == 1, err
	}
	n, err = t.change(doing, `UPDATE live_answers SET body = ?, version = version + 1, ended_at = ? WHERE id = ? AND version = ?`,
		body, ms(l.EndedAt), l.Command.ID, l.Version)
	return n == 1, err
}

// LiveAnswers are those that are followed, as this transaction sees them, in no order.
func (t *Tx) LiveAnswers() ([]algesta.LiveAnswer, error) {
	all, err := list(t.ctx, t, scanLive, `SELECT body, version FROM live_answers WHERE ended_at = 0`)
	if err != nil {
		return nil, fmt.Errorf("reading the followed answers: %w", err)
	}
	return all, nil
}

// LiveAnswer is the followed answer of a command, also when it has ended; found is false where there is none.
func (s *Store) LiveAnswer(ctx context.Context, command string) (l algesta.LiveAnswer, found bool, err error) {
	l, err = scanLive(s.read.row(ctx, `SELECT body, version FROM live_answers WHERE id = ?`, command))
	if errors.Is(err, sql.ErrNoRows) {
		return algesta.LiveAnswer{}, false, nil
	}
	if err != nil {
		return algesta.LiveAnswer{}, false, fmt.Errorf("reading the followed answer %s: %w", command, err)
	}
	return l, true, nil
}

// OpenLiveAnswers is how many answers are followed.
func (s *Store) OpenLiveAnswers(ctx context.Context) (n int, err error) {
	if err := s.read.row(ctx, `SELECT COUNT(*) FROM live_answers WHERE ended_at = 0`).Scan(&n); err != nil {
		return 0, fmt.Errorf("counting the followed answers: %w", err)
	}
	return n, nil
}

// followLost gives every answer that is followed and has no job one again: it would stand there with a promise that nobody keeps.
func (t *Tx) followLost() error {
	ids, err := list(t.ctx, t, func(row scanner) (id string, err error) { return id, row.Scan(&id) },
		`SELECT id FROM live_answers WHERE ended_at = 0
		AND NOT EXISTS (SELECT 1 FROM jobs WHERE kind = ? AND request = live_answers.id)`, algesta.LiveJob)
	if err != nil {
		return fmt.Errorf("looking for followed answers without a job: %w", err)
	}
	for _, id := range ids {
		t.store.log.Warn("a followed answer had no job", zap.String("command", id))
		if err := t.Schedule(algesta.LiveJob, id, time.Now()); err != nil {
			return err
		}
	}
	return nil
}
