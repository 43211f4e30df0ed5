package store

import (
	"context"
	"database/sql"
)

// Reader lets tests look at the tables.
func (s *Store) Reader() *sql.DB { return s.read.db }

// WriterDB lets tests damage the tables; only while nothing else is written.
func (s *Store) WriterDB() *sql.DB { return s.write }

// Maintain is what happens every minute.
func (s *Store) Maintain(ctx context.Context) error { return s.jobs.maintain(ctx) }

// RiverRuns reports whether River's loops run.
func (s *Store) RiverRuns() bool { return s.jobs.riverRuns }

// Rechain makes the lines follow from each other again, as somebody would who knows how the chain is made.
func (s *Store) Rechain(ctx context.Context) error {
	all, err := list(ctx, s.read, func(row scanner) (l line, err error) {
		return l, row.Scan(&l.seq, &l.request, &l.kind, &l.actor, &l.at, &l.data, &l.prev, &l.hash)
	}, `SELECT seq, request, kind, actor, at, data, prev, hash FROM audit ORDER BY seq`)
	if err != nil {
		return err
	}
	var head Head
	for i, l := range all {
		was := l.seq
		l.seq, l.prev = int64(i+1), head.Hash
		if l.hash, err = l.sum(); err != nil {
			return err
		}
		if _, err := s.write.ExecContext(
			ctx, `UPDATE audit SET seq = ?, prev = ?, hash = ? WHERE seq = ?`, l.seq, l.prev, l.hash, was,
		); err != nil {
			return err
		}
		head = Head{Seq: l.seq, Hash: l.hash}
	}
	_, err = s.write.ExecContext(ctx, `UPDATE audit_head SET seq = ?, hash = ?`, head.Seq, head.Hash)
	return err
}

// LoseTimers makes the runner forget what it has planned, as a mistake in it would.
func (s *Store) LoseTimers() {
	r := s.jobs.runner
	r.mu.Lock()
	defer r.mu.Unlock()
	for k, t := range r.tasks {
		t.timer.Stop()
		delete(r.tasks, k)
	}
}
