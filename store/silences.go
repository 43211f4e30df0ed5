package store

import (
	"context"
	"fmt"
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
	all, err := list(ctx, s.read, scanRecord[algesta.Silence], openSilences, ms(time.Now()))
	if err != nil {
		return fmt.Errorf("reading the silences: %w", err)
	}
	s.silences.Store(&all)
	return nil
}

// Silence keeps a silence, once: again it changes nothing.
func (t *Tx) Silence(z algesta.Silence) error {
	text, err := encode(z)
	if err != nil {
		return fmt.Errorf("storing silence %s: %w", z.ID, err)
	}
	if err := t.exec("storing silence "+z.ID, `INSERT INTO silences (id, silence, until) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`,
		z.ID, text, ms(z.Until)); err != nil {
		return err
	}
	return t.tellSilences()
}

// EndSilence ends a silence before its time; ended is false where it had ended before, or there is none.
func (t *Tx) EndSilence(id string, at time.Time) (ended bool, err error) {
	n, err := t.change("ending silence "+id, `UPDATE silences SET ended_at = ? WHERE id = ? AND ended_at = 0`, ms(at), id)
	if err != nil || n == 0 {
		return false, err
	}
	return true, t.tellSilences()
}

// tellSilences has others know of the silences once this is committed.
func (t *Tx) tellSilences() error {
	all, err := list(t.ctx, t, scanRecord[algesta.Silence], openSilences, ms(time.Now()))
	if err != nil {
		return fmt.Errorf("reading the silences: %w", err)
	}
	t.effects.silences = &all
	return nil
}

// SilenceOf is the silence that a request made, and whether it was ended before its time; found is false where it made none.
func (s *Store) SilenceOf(ctx context.Context, request string) (z algesta.Silence, ended, found bool, err error) {
	return recordOf[algesta.Silence](ctx, s, "silence", `SELECT silence, ended_at FROM silences WHERE id = ?`, request)
}
