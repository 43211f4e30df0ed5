package store_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/store"
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
	path := filepath.Join(tb.TempDir(), "algesta.db")
	require.NoError(tb, os.WriteFile(path, empty(), 0o600))
	return open(tb, path)
}

// empty is the file of an empty store, made once: the migrations take longer than most tests.
var empty = sync.OnceValue(func() []byte {
	dir, err := os.MkdirTemp("", "algesta")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "algesta.db")
	s, err := store.Open(context.Background(), "file:"+path, zap.NewNop())
	if err == nil {
		err = s.Close(context.Background())
	}
	if err != nil {
		panic(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		panic(err)
	}
	return b
})

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

var (
	dana  = algesta.Actor{ID: algesta.PersonID{Team: "T0ALGESTA", User: "U0DANA"}, Name: "dana", Standing: algesta.Member}
	carla = algesta.Actor{ID: algesta.PersonID{Team: "T0ALGESTA", User: "U0CARLA"}, Name: "carla", Standing: algesta.Member}
	eli   = algesta.Actor{ID: algesta.PersonID{Team: "T0ALGESTA", User: "U0ELI"}, Name: "eli", Standing: algesta.Member}
	noon  = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
)

var gateway = algesta.Target{
	Service: "api-gateway", Environment: "production", Cluster: "aks-algesta-production",
	Namespace: "production", Name: "api-gateway-production",
}

// pending is a request that waits for approval.
func pending(id string) algesta.Request {
	return algesta.Request{
		ID: id, Key: "cmd:" + id, Fingerprint: "f1", Status: algesta.Pending, Version: 1,
		Command: algesta.Command{
			ID: id, Actor: dana, Runbook: "rollback", Target: gateway, At: noon, Channel: "C0OPS",
			Args: algesta.Args{"revision": int64(41), "force": true, "why": "<b>&"},
		},
		Plan: algesta.Plan{
			Summary: algesta.Say("Roll back {} to revision 41", algesta.Name("api-gateway-production")),
			Figures: map[string]int64{"pods": 4},
			Changes: []algesta.Change{{Workload: gateway.Workload(), UID: "u1", Verb: "patch", Resource: "deployments.apps"}},
		},
		Needs:     []algesta.Requirement{{Rule: "production", Approvers: []algesta.Subject{"group:S0LEADS"}, Count: 2, ExpiresAfter: time.Hour}},
		ExpiresAt: noon.Add(time.Hour), CreatedAt: noon, UpdatedAt: noon,
	}
}

// execution is the record of the request's write.
func execution(request string) algesta.Execution {
	return algesta.Execution{
		Request: request, Operation: algesta.Operation(request), Workload: gateway.Workload(), UID: "u1",
		ResourceVersion: "100", Generation: 7, PatchHash: "h1", State: algesta.Intended, Attempts: 1,
		StartedAt: noon, Deadline: noon.Add(10 * time.Minute), Before: []byte(`{"ready":4}`),
	}
}

// count is the number that a query answers.
func count(tb testing.TB, s *store.Store, query string) (n int) {
	tb.Helper()
	require.NoError(tb, s.Reader().QueryRowContext(context.Background(), query).Scan(&n))
	return n
}

// zapNop is a log for stores that are opened many times.
func zapNop() *zap.Logger { return zap.NewNop() }
