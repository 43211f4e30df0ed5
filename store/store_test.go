package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/store"
	"github.com/3astronautas/algesta/store/storetest"
)

func TestMain(m *testing.M) {
	if crashing() {
		return
	}
	goleak.VerifyTestMain(m)
}

// waitFor bounds every wait of these tests.
const waitFor = 10 * time.Second

// open opens a store that is closed at the end of the test.
func open(tb testing.TB, path string) *store.Store {
	tb.Helper()
	s, err := store.Open(context.Background(), "file:"+path, zaptest.NewLogger(tb, zaptest.Level(zap.WarnLevel)))
	require.NoError(tb, err)
	tb.Cleanup(func() { closeStore(tb, s) })
	return s
}

func closeStore(tb testing.TB, s *store.Store) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), waitFor)
	defer cancel()
	require.NoError(tb, s.Close(ctx))
}

// fresh opens an empty store.
func fresh(tb testing.TB) *store.Store {
	tb.Helper()
	return open(tb, storetest.EmptyFile(tb))
}

// update runs f in a transaction that has to succeed.
func update(tb testing.TB, s *store.Store, f func(*store.Tx) error) {
	tb.Helper()
	require.NoError(tb, s.Update(context.Background(), f))
}

// next is what comes out of a channel.
func next[T any](tb testing.TB, c <-chan T) T {
	tb.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(waitFor):
		require.FailNow(tb, "nothing came")
		panic("unreachable")
	}
}

// What these tests store: the suite's own fixtures.
var (
	pending   = storetest.Pending
	execution = storetest.Execution
	typed     = storetest.Typed
	dana      = pending("").Command.Actor
	noon      = pending("").CreatedAt
)

// count is the number that a query answers.
func count(tb testing.TB, s *store.Store, query string) (n int) {
	tb.Helper()
	require.NoError(tb, s.Reader().QueryRowContext(context.Background(), query).Scan(&n))
	return n
}

// zapNop is a log for stores that are opened many times.
func zapNop() *zap.Logger { return zap.NewNop() }

func receive(tb testing.TB, s *store.Store, v algesta.Invocation) bool {
	tb.Helper()
	isFresh, err := s.Receive(context.Background(), v)
	require.NoError(tb, err)
	return isFresh
}

func schedule(tb testing.TB, s *store.Store, kind algesta.JobKind, request string, at time.Time) {
	tb.Helper()
	update(tb, s, func(tx *store.Tx) error { return tx.Schedule(kind, request, at) })
}
