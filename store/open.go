package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	_ "modernc.org/sqlite" // registers the driver "sqlite"

	"github.com/3astronautas/algesta"
)

// readers is how many queries may read at once. They never wait for the writer, nor it for them.
const readers = 4

// ErrClosed is what every call answers after Close.
var ErrClosed = errors.New("the store is closed")

// truncateWithin bounds the emptying of the write-ahead log.
const truncateWithin = 5 * time.Second

// Store is the durable state on one SQLite file. All methods may be called from any goroutine.
type Store struct {
	// Observe, when set before Start and the first write, is called with what just became durable: "inbox-committed",
	// "update-committed", "delivered". A caller that waits for that commit is released after it returned.
	Observe func(point string)
	// Panics, when set before Start, counts the panics of handlers.
	Panics *algesta.Panics

	log   *zap.Logger
	lock  *os.File
	file  *os.File    // the database, locked as well
	write *sql.DB     // one connection: SQLite has one writer
	known *statements // of write
	read  *statements // a pool that cannot write

	writer   *writer
	arrivals *arrivals
	outbox   *waker
	jobs     *jobs
	frozen   atomic.Pointer[[]algesta.Freeze]
	broken   atomic.Pointer[[]algesta.BreakGlass]
	silences atomic.Pointer[[]algesta.Silence]
	earlier  int64 // the last envelope of the process before
	close    sync.Once
}

// Open opens the store at address, "file:/var/lib/algesta/algesta.db", and creates or migrates it. It needs a local disk: SQLite's
// locks and its log do not work on NFS. A second process on the same file gets ErrInUse, whatever path leads to it.
func Open(ctx context.Context, address string, log *zap.Logger) (*Store, error) {
	path, err := fileOf(address)
	if err != nil {
		return nil, fmt.Errorf("opening the store: %w", err)
	}
	locked, err := lock(path + ".lock")
	if err != nil {
		return nil, fmt.Errorf("opening the store: %w", err)
	}
	s := &Store{log: log, lock: locked, arrivals: newArrivals(), outbox: newWaker()}
	if err := s.open(ctx, path); err != nil {
		err = fmt.Errorf("opening the store %s: %w", path, err)
		return nil, errors.Join(err, s.closeFile()) //nolint:contextcheck // it ends although ctx has ended
	}
	s.writer = newWriter(s)
	go s.writer.run(context.WithoutCancel(ctx))
	go s.arrivals.run()
	s.outbox.wake() // what the process before did not send
	return s, nil
}

// fileOf is the path in an address.
func fileOf(address string) (string, error) {
	path, found := strings.CutPrefix(address, "file:")
	if !found || path == "" {
		return "", fmt.Errorf("the address %q does not look like file:/var/lib/algesta/algesta.db", address)
	}
	return path, nil
}

// open opens the two pools and prepares the file.
func (s *Store) open(ctx context.Context, path string) error {
	// SQLite would let everyone on the machine read it; its other files take over these rights.
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the path is the operator's
	if err != nil {
		return fmt.Errorf("creating the file: %w", err)
	}
	s.file = file
	if err := hold(file); err != nil {
		return err
	}
	if s.write, err = pool(path, 1, url.Values{"_txlock": {"immediate"}, "_pragma": {
		"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)",
		"secure_delete(1)", // what people typed is forgotten, not only unlinked
	}}); err != nil {
		return err
	}
	if err := migrate(ctx, s.write); err != nil {
		return err
	}
	if err := sweep(ctx, s.write); err != nil {
		return err
	}
	s.known = newStatements(s.write)
	read, err := pool(path, readers, url.Values{"mode": {"ro"}, "_pragma": {"busy_timeout(5000)", "query_only(1)"}})
	if err != nil {
		return err
	}
	s.read = newStatements(read)
	if err := errors.Join(s.loadFreezes(ctx), s.loadGlass(ctx)); err != nil {
		return err
	}
	if err := s.loadSilences(ctx); err != nil {
		return err
	}
	if s.jobs, err = newJobs(s); err != nil {
		return err
	}
	if err := s.read.row(ctx, `SELECT COALESCE(MAX(id), 0) FROM inbox`).Scan(&s.earlier); err != nil {
		return fmt.Errorf("reading the inbox: %w", err)
	}
	return nil
}

// pool opens up to n connections that are kept until the end.
func pool(path string, n int, options url.Values) (*sql.DB, error) {
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+options.Encode())
	if err != nil {
		return nil, fmt.Errorf("opening the database: %w", err)
	}
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	return db, nil
}

// Close stops the jobs, finishes what is being written, closes Arrivals and the file, and lets the next process in.
// What Receive and Update acknowledged is on disk. ctx bounds the wait for running jobs.
func (s *Store) Close(ctx context.Context) error {
	var err error
	s.close.Do(func() {
		err = s.Stop(ctx)
		s.writer.stop()
		s.arrivals.stop()
		s.outbox.stop()
		err = errors.Join(err, s.closeFile()) //nolint:contextcheck // it ends although the caller has ended
	})
	return err
}

// truncate empties the write-ahead log, which else keeps what was deleted until it's written over. A reader may be in the way: then the
// next time does it.
func (s *Store) truncate(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, truncateWithin)
	defer cancel()
	if _, err := s.write.ExecContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`); err != nil {
		return fmt.Errorf("emptying the log of the store: %w", err)
	}
	return nil
}

// letGo closes the file, then the lock, in this order.
func (s *Store) closeFile() error {
	var errs []error
	if s.read != nil {
		errs = append(errs, s.read.db.Close())
	}
	if s.write != nil {
		errs = append(errs, s.truncate(context.Background()), s.write.Close())
	}
	if s.file != nil {
		errs = append(errs, s.file.Close())
	}
	return errors.Join(append(errs, s.lock.Close())...)
}

// observe reports a point of the crash matrix.
func (s *Store) observe(point string) {
	if s.Observe != nil && point != "" {
		s.Observe(point)
	}
}

// ms is a time as the tables keep it.
func ms(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// moment is the time that the tables keep as n.
func moment(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMilli(n).UTC()
}

// unknownName is the error for an ID that nothing has.
func unknownName(id string) error {
	return &algesta.Error{
		Kind:    algesta.ErrUnknownName,
		Message: algesta.Say("I know no request {}.", algesta.Name(id)),
		Hint:    algesta.Say("Look at the card for its ID."),
	}
}
