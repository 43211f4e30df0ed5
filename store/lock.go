package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"syscall"
)

// ErrInUse says that another process works on the same file.
var ErrInUse = errors.New("another algesta already works on this file")

// lock takes the lock file for this process. Two processes on one file would each believe that the
// jobs left running are orphans, so the second one is refused. The kernel lets go of the lock when the process dies.
func lock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the path is the operator's
	if err != nil {
		return nil, fmt.Errorf("opening the lock file: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		holder, _ := io.ReadAll(io.LimitReader(f, 20))
		_ = f.Close()
		return nil, fmt.Errorf("locking %s (held by process %s): %w; stop that one first, or give this one another store",
			path, strings.TrimSpace(string(holder)), ErrInUse)
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	// The number is for people only: the lock is what counts.
	if err := f.Truncate(0); err == nil {
		_, _ = f.WriteAt(fmt.Appendf(nil, "%d\n", os.Getpid()), 0)
	}
	return f, nil
}

// hold locks the database itself, which the lock file stands beside: a link leads to the same database by another path, and a lock file can
// be removed. SQLite's own locks are of another kind, which on Linux doesn't meet this one; elsewhere the lock file has to do. The file has
// to stay open for as long as SQLite has it, because closing it would take SQLite's locks away.
func hold(f *os.File) error {
	if runtime.GOOS != "linux" {
		return nil
	}
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return fmt.Errorf("locking %s: %w, by another path; stop that one first, or give this one another store", f.Name(), ErrInUse)
	}
	if err != nil {
		return fmt.Errorf("locking %s: %w", f.Name(), err)
	}
	return nil
}
