package store

import (
	"context"
	"database/sql"
)

// Reader lets tests look at the tables.
func (s *Store) Reader() *sql.DB { return s.read.db }

// WriterDB lets tests damage the tables; only while nothing else is written.
func (s *Store) WriterDB() *sql.DB { return s.write }

// Tend is what happens every minute.
func (s *Store) Tend(ctx context.Context) error { return s.jobs.tend(ctx) }

// RiverRuns reports whether River's loops run.
func (s *Store) RiverRuns() bool { return s.jobs.riverRuns }

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
