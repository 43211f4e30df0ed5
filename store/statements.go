package store

import (
	"context"
	"database/sql"
	"sync"

	"go.uber.org/zap"
)

// statements are queries that were parsed once: parsing one costs more than running it. The queries are constants of this
// package, so there are some thirty of them.
type statements struct {
	db *sql.DB

	mu     sync.Mutex
	ready  map[string]*sql.Stmt
	wanted []string
}

func newStatements(db *sql.DB) *statements {
	return &statements{db: db, ready: map[string]*sql.Stmt{}}
}

// in is the query as part of the transaction; nil when it is not parsed yet, and then learn will.
func (s *statements) in(ctx context.Context, tx *sql.Tx, query string) *sql.Stmt {
	s.mu.Lock()
	defer s.mu.Unlock()
	ready := s.ready[query]
	if ready == nil {
		s.wanted = append(s.wanted, query)
		return nil
	}
	return tx.StmtContext(ctx, ready)
}

// learn parses what was wanted. It needs a connection, so the only one must be free: after a transaction.
func (s *statements) learn(ctx context.Context, log *zap.Logger) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, query := range s.wanted {
		if s.ready[query] != nil {
			continue
		}
		parsed, err := s.db.PrepareContext(ctx, query) // closed with the pool
		if err != nil {
			log.Warn("a query stays slow", zap.Error(err))
			continue
		}
		s.ready[query] = parsed
	}
	s.wanted = s.wanted[:0]
}

// get is the query, parsed if that can be done, on a pool that has connections to spare.
func (s *statements) get(ctx context.Context, query string) *sql.Stmt {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ready := s.ready[query]; ready != nil {
		return ready
	}
	parsed, err := s.db.PrepareContext(ctx, query) // closed with the pool
	if err != nil {
		return nil // running it says why
	}
	s.ready[query] = parsed
	return parsed
}

// query runs a query on the pool.
func (s *statements) query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if parsed := s.get(ctx, query); parsed != nil {
		return parsed.QueryContext(ctx, args...)
	}
	return s.db.QueryContext(ctx, query, args...)
}

// row runs a query of one row on the pool.
func (s *statements) row(ctx context.Context, query string, args ...any) *sql.Row {
	if parsed := s.get(ctx, query); parsed != nil {
		return parsed.QueryRowContext(ctx, args...)
	}
	return s.db.QueryRowContext(ctx, query, args...)
}

// query runs a query in the transaction.
func (t *Tx) query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if parsed := t.store.known.in(ctx, t.sql, query); parsed != nil {
		return parsed.QueryContext(ctx, args...)
	}
	return t.sql.QueryContext(ctx, query, args...)
}

// row runs a query of one row in the transaction.
func (t *Tx) row(query string, args ...any) *sql.Row {
	if parsed := t.store.known.in(t.ctx, t.sql, query); parsed != nil {
		return parsed.QueryRowContext(t.ctx, args...)
	}
	return t.sql.QueryRowContext(t.ctx, query, args...)
}

// run runs a statement in a transaction.
func (s *statements) run(ctx context.Context, tx *sql.Tx, query string, args ...any) (sql.Result, error) {
	if parsed := s.in(ctx, tx, query); parsed != nil {
		return parsed.ExecContext(ctx, args...)
	}
	return tx.ExecContext(ctx, query, args...)
}
