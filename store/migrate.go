package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
)

//go:embed migrations
var migrations embed.FS

// migrate brings our tables and River's up to date.
func migrate(ctx context.Context, db *sql.DB) error {
	ours, err := fs.Sub(migrations, "migrations/sqlite")
	if err != nil {
		return fmt.Errorf("reading migrations: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, ours)
	if err != nil {
		return fmt.Errorf("reading migrations: %w", err)
	}
	known := provider.ListSources()
	switch at, err := provider.GetDBVersion(ctx); {
	case err != nil:
		return fmt.Errorf("reading the version of the store: %w", err)
	case len(known) > 0 && at > known[len(known)-1].Version:
		return fmt.Errorf("the file is of version %d and was written by a later version of the bot, which this one can't read", at)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrating the store: %w", err)
	}
	rivers, err := rivermigrate.New(riversqlite.New(db), &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return fmt.Errorf("reading River's migrations: %w", err)
	}
	if _, err := rivers.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("migrating River's tables: %w", err)
	}
	return nil
}

// sweep frees what a killed process left behind in River's tables: its running jobs would wait for the rescuer (17 s) and its
// leadership for the end of the lease (15 s). Only a process that holds the lock may do this, and never on a shared database.
// It knows River's tables, so it stays in this one function, with a test, at River's pinned version (durable.md, section 2).
func sweep(ctx context.Context, db *sql.DB) error {
	// River's own format of times: text in UTC with milliseconds.
	now := time.Now().UTC().Format("2006-01-02 15:04:05.000")
	if _, err := db.ExecContext(ctx, `UPDATE river_job SET state = 'available', scheduled_at = ? WHERE state = 'running'`, now); err != nil {
		return fmt.Errorf("freeing the jobs of the process before: %w", err)
	}
	if _, err := db.ExecContext(ctx, `DELETE FROM river_leader`); err != nil {
		return fmt.Errorf("freeing the leadership of the process before: %w", err)
	}
	return nil
}
