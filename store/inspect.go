package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"

	"github.com/pressly/goose/v3"
)

// Condition is what a store is like, without opening it for work.
type Condition struct {
	There bool // there is a file; else the first start makes it
	Head  Head // the end of its audit, which is whole
	// Later says that a later version of the bot wrote it, so that this one refuses it.
	Later bool
	// Earlier says that an earlier version wrote it, so that the next start brings it up to date.
	Earlier bool
}

// Inspect looks at the store at address, whether or not a bot works on it, and changes nothing. ErrAuditBroken says that the audit isn't
// what was written.
func Inspect(ctx context.Context, address string) (Condition, error) {
	path, err := fileOf(address)
	if err != nil {
		return Condition{}, fmt.Errorf("looking at the store: %w", err)
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return Condition{}, nil
	}
	if err := isDatabase(path); err != nil {
		return Condition{}, fmt.Errorf("looking at the store: %w", err)
	}
	db, err := pool(path, 1, url.Values{"mode": {"ro"}, "_pragma": {"busy_timeout(5000)", "query_only(1)"}})
	if err != nil {
		return Condition{}, fmt.Errorf("looking at the store: %w", err)
	}
	defer func() { _ = db.Close() }() // it was only read
	out := Condition{There: true}
	at, newest, err := versions(ctx, db)
	if err != nil {
		return Condition{}, fmt.Errorf("looking at the store: %w", err)
	}
	out.Later, out.Earlier = at > newest, at < newest
	if out.Later || out.Earlier {
		return out, nil // its tables may be others
	}
	out.Head, err = verify(ctx, db, nil)
	return out, err
}

// versions are the version of a file and the newest one that this bot knows.
func versions(ctx context.Context, db *sql.DB) (at, newest int64, err error) {
	ours, err := fs.Sub(migrations, "migrations/sqlite")
	if err != nil {
		return 0, 0, fmt.Errorf("reading migrations: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, ours)
	if err != nil {
		return 0, 0, fmt.Errorf("reading migrations: %w", err)
	}
	known := provider.ListSources()
	if len(known) == 0 {
		return 0, 0, errors.New("there are no migrations")
	}
	if err := db.QueryRowContext(ctx, `SELECT COALESCE(MAX(version_id), 0) FROM goose_db_version`).Scan(&at); err != nil {
		return 0, 0, fmt.Errorf("reading the version of the store: %w", err)
	}
	return at, known[len(known)-1].Version, nil
}
