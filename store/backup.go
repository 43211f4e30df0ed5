package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
)

// Backup writes a copy of the store at address into a new file, whether or not a bot works on it, and returns the end of the audit in the
// copy. The copy is of one moment, is as private as the store (0600), and was read back: its pages and its audit are whole. Nothing of the
// store is changed. A file that is there already is never overwritten.
func Backup(ctx context.Context, address, to string) (head Head, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("backing the store up: %w", err)
		}
	}()
	path, err := fileOf(address)
	if err != nil {
		return Head{}, err
	}
	if err := isDatabase(path); err != nil {
		return Head{}, err
	}
	if _, err := os.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
		return Head{}, fmt.Errorf("%s is there already: name a new file", to)
	}
	// An unfinished copy never has the name of a finished one. SQLite writes into an empty file, which is private from its first byte.
	half, err := os.CreateTemp(filepath.Dir(to), "."+filepath.Base(to)+".*")
	if err != nil {
		return Head{}, fmt.Errorf("making the file: %w", err)
	}
	defer func() { err = errors.Join(err, removed(half.Name())) }()
	if err := half.Close(); err != nil {
		return Head{}, fmt.Errorf("making the file: %w", err)
	}
	if err := copyInto(ctx, path, half.Name()); err != nil {
		return Head{}, err
	}
	if head, err = readBack(ctx, half.Name()); err != nil {
		return Head{}, fmt.Errorf("reading the copy back: %w", err)
	}
	if err := synced(half.Name()); err != nil {
		return Head{}, fmt.Errorf("writing the copy to the disk: %w", err)
	}
	if err := os.Link(half.Name(), to); err != nil { // unlike a rename it overwrites nothing
		return Head{}, fmt.Errorf("naming the copy: %w", err)
	}
	return head, synced(filepath.Dir(to))
}

// copyInto has SQLite write everything that is committed now into an empty file.
func copyInto(ctx context.Context, from, to string) error {
	db, err := pool(from, 1, url.Values{"mode": {"ro"}, "_pragma": {"busy_timeout(5000)"}})
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // it was only read
	if _, err := db.ExecContext(ctx, `VACUUM INTO ?`, to); err != nil {
		return fmt.Errorf("copying the store: %w", err)
	}
	return nil
}

// readBack checks the pages and the audit of a copy.
func readBack(ctx context.Context, path string) (Head, error) {
	db, err := pool(path, 1, url.Values{"mode": {"ro"}, "_pragma": {"query_only(1)"}})
	if err != nil {
		return Head{}, err
	}
	defer func() { _ = db.Close() }() // it was only read
	var found string
	if err := db.QueryRowContext(ctx, `PRAGMA integrity_check(1)`).Scan(&found); err != nil {
		return Head{}, err
	}
	if found != "ok" {
		return Head{}, errors.New("the database isn't whole")
	}
	return verify(ctx, db, nil)
}

// synced returns when a file, or a folder with its names, is on the disk.
func synced(path string) error {
	f, err := os.Open(path) //nolint:gosec // the path is the operator's
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// removed takes a file away, if it's there.
func removed(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
