package store

import (
	"context"
	"time"

	"github.com/3astronautas/algesta"
)

// openSilences are those that nobody ended and whose time isn't up, oldest first.
const openSilences = `SELECT silence FROM silences WHERE ended_at = 0 AND until > ? ORDER BY rowid`

// Silences are those that nobody ended, as of the last commit: the same slice until one comes or goes, and nobody changes it. The time of
// some of them may be up.
func (s *Store) Silences() *[]algesta.Silence { return s.silences.Load() }

// loadSilences reads what an earlier process left.
func (s *Store) loadSilences(ctx context.Context) error {
	all, err := openRecords[algesta.Silence](ctx, s.read, "silence", openSilences, ms(time.Now()))
	s.silences.Store(all)
	return err
}

// Silence keeps a silence, once: again it changes nothing.
func (t *Tx) Silence(z algesta.Silence) error {
	const insert = `INSERT INTO silences (id, silence, until) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`
	if err := keepRecord(t, "silence", z.ID, insert, z, ms(z.Until)); err != nil {
		return err
	}
	return t.publishSilences()
}

// EndSilence ends a silence before its time; ended is false where it had ended before, or there is none.
func (t *Tx) EndSilence(id string, at time.Time) (ended bool, err error) {
	n, err := t.change("ending silence "+id, `UPDATE silences SET ended_at = ? WHERE id = ? AND ended_at = 0`, ms(at), id)
	if err != nil || n == 0 {
		return false, err
	}
	return true, t.publishSilences()
}

// publishSilences publishes the silences once this is committed.
func (t *Tx) publishSilences() (err error) {
	t.effects.silences, err = openRecords[algesta.Silence](t.ctx, t, "silence", openSilences, ms(time.Now()))
	return err
}

// SilenceOf is the silence that a request made, and whether it was ended before its time; found is false where it made none.
func (s *Store) SilenceOf(ctx context.Context, request string) (z algesta.Silence, ended, found bool, err error) {
	return recordOf[algesta.Silence](ctx, s, "silence", `SELECT silence, ended_at FROM silences WHERE id = ?`, request)
}
