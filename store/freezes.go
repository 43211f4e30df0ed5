package store

import (
	"context"
	"time"

	"github.com/3astronautas/algesta"
)

// openFreezes are those that haven't ended, oldest first. One whose time is up forbids nothing, and is among them until it's ended.
const openFreezes = `SELECT freeze FROM freezes WHERE ended_at = 0 ORDER BY rowid`

// Frozen are the freezes that haven't ended, as of the last commit: the same slice until one comes or goes, and nobody changes it.
func (s *Store) Frozen() *[]algesta.Freeze { return s.frozen.Load() }

// loadFreezes reads what an earlier process left.
func (s *Store) loadFreezes(ctx context.Context) error {
	all, err := openRecords[algesta.Freeze](ctx, s.read, "freeze", openFreezes)
	s.frozen.Store(all)
	return err
}

// Freezes are those that haven't ended, as this transaction sees them.
func (t *Tx) Freezes() ([]algesta.Freeze, error) {
	all, err := openRecords[algesta.Freeze](t.ctx, t, "freeze", openFreezes)
	if err != nil {
		return nil, err
	}
	return *all, nil
}

// Freeze keeps a freeze, once: again it changes nothing.
func (t *Tx) Freeze(z algesta.Freeze) error {
	const insert = `INSERT INTO freezes (id, freeze, until) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`
	if err := keepRecord(t, "freeze", z.ID, insert, z, ms(z.Until)); err != nil {
		return err
	}
	return t.publishFreezes()
}

// Thaw ends a freeze; ended is false where it had ended before, or there is none.
func (t *Tx) Thaw(id string, at time.Time) (ended bool, err error) {
	n, err := t.change("ending freeze "+id, `UPDATE freezes SET ended_at = ? WHERE id = ? AND ended_at = 0`, ms(at), id)
	if err != nil || n == 0 {
		return false, err
	}
	return true, t.publishFreezes()
}

// publishFreezes publishes the freezes once this is committed.
func (t *Tx) publishFreezes() error {
	all, err := t.Freezes()
	t.effects.frozen = &all
	return err
}

// FreezeOf is the freeze that a request made, and whether it has ended; found is false where it made none.
func (s *Store) FreezeOf(ctx context.Context, request string) (z algesta.Freeze, ended, found bool, err error) {
	return recordOf[algesta.Freeze](ctx, s, "freeze", `SELECT freeze, ended_at FROM freezes WHERE id = ?`, request)
}
