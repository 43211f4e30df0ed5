package store

import (
	"context"
	"fmt"
	"time"

	"github.com/3astronautas/algesta"
)

// openGlass are the broken glasses that haven't ended, oldest first. One whose time is up allows nothing, and stands among them until it's
// ended.
const openGlass = `SELECT glass FROM glasses WHERE ended_at = 0 ORDER BY rowid`

// Broken are the broken glasses that haven't ended, as of the last commit: the same slice until one comes or goes, and nobody changes it.
func (s *Store) Broken() *[]algesta.BreakGlass { return s.broken.Load() }

// loadGlass reads what an earlier process left.
func (s *Store) loadGlass(ctx context.Context) error {
	all, err := openRecords[algesta.BreakGlass](ctx, s.read, "break-glass record", openGlass)
	s.broken.Store(all)
	return err
}

// BreakGlass keeps a broken glass, once: again it changes nothing.
func (t *Tx) BreakGlass(b algesta.BreakGlass) error {
	const insert = `INSERT INTO glasses (id, glass) VALUES (?, ?) ON CONFLICT DO NOTHING`
	if err := keepRecord(t, "break-glass", b.ID, insert, b); err != nil {
		return err
	}
	return t.publishGlass()
}

// EndGlass ends a broken glass; ended is false where it had ended before, or there is none.
func (t *Tx) EndGlass(id string, at time.Time) (ended bool, err error) {
	n, err := t.change("ending the broken glass "+id, `UPDATE glasses SET ended_at = ? WHERE id = ? AND ended_at = 0`, ms(at), id)
	if err != nil || n == 0 {
		return false, err
	}
	return true, t.publishGlass()
}

// publishGlass publishes the broken glasses once this is committed.
func (t *Tx) publishGlass() (err error) {
	t.effects.broken, err = openRecords[algesta.BreakGlass](t.ctx, t, "break-glass record", openGlass)
	return err
}

// GlassOf is the broken glass that a request made, and whether it has ended; found is false where it made none.
func (s *Store) GlassOf(ctx context.Context, request string) (b algesta.BreakGlass, ended, found bool, err error) {
	return recordOf[algesta.BreakGlass](ctx, s, "the broken glass", `SELECT glass, ended_at FROM glasses WHERE id = ?`, request)
}

// Under is how many requests were opened under a broken glass.
func (s *Store) Under(ctx context.Context, glass string) (n int, err error) {
	err = s.read.row(ctx, `SELECT COUNT(*) FROM requests WHERE glass <> '' AND glass ->> 'id' = ?1 AND id <> ?1`, glass).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("counting what went under the broken glass %s: %w", glass, err)
	}
	return n, nil
}
