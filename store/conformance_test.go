package store_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands"
	"github.com/3astronautas/algesta/store"
	"github.com/3astronautas/algesta/store/storetest"
)

// engine gives the store to the suite, as the bot gives it to commands.
type engine struct{ *store.Store }

// Update implements commands.Store.
func (e engine) Update(ctx context.Context, f func(commands.Tx) error) error {
	return e.Store.Update(ctx, func(tx *store.Tx) error { return f(tx) })
}

// openEngine opens the file of a place; where there is none, it takes an empty store that has its tables already.
func openEngine(tb testing.TB, place string) storetest.Store {
	tb.Helper()
	path := filepath.Join(place, "algesta.db")
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		storetest.WriteEmpty(tb, path)
	}
	s, err := store.Open(context.Background(), "file:"+path, zapNop())
	require.NoError(tb, err)
	return engine{s}
}

// brokenBy names the fault of the engine that a child process of these tests holds to the suite.
const brokenBy = "ALGESTA_STORE_BROKEN_BY"

func TestSQLiteKeepsEveryPromise(t *testing.T) {
	t.Parallel()
	open := storetest.Open(openEngine)
	if fault, broken := faults[os.Getenv(brokenBy)]; broken {
		open = func(tb testing.TB, place string) storetest.Store {
			tb.Helper()
			return fault.in(openEngine(tb, place))
		}
	}
	storetest.Run(t, open)
}

// faults are mistakes that an engine could be written with, and the promise that each of them breaks.
var faults = map[string]struct {
	promise string
	in      func(storetest.Store) storetest.Store
}{
	"a write is begun beside one in doubt": {
		"OnlyOneWriteMayBeUndecidedPerObject",
		inTx(func(tx commands.Tx) commands.Tx { return blind{tx} }),
	},
	"what is planned keeps nobody away": {"AWholePlanKeepsOthersAway", inTx(func(tx commands.Tx) commands.Tx { return careless{tx} })},
	"a person counts twice":             {"OnePersonApprovesOnce", inTx(func(tx commands.Tx) commands.Tx { return forgetful{tx} })},
	"a status moves from anywhere": {
		"MoveHappensOnlyFromTheStatusesNamed",
		inTx(func(tx commands.Tx) commands.Tx { return hasty{tx} }),
	},
	"an offer is used twice":         {"AnOfferIsUsedByOneRequest", inTx(func(tx commands.Tx) commands.Tx { return generous{tx} })},
	"an expiry outlives its request": {"LeavingPendingCancelsTheExpiry", inTx(func(tx commands.Tx) commands.Tx { return clinging{tx} })},
	"an error undoes nothing":        {"AnErrorUndoesItsOwnUpdateOnly", func(s storetest.Store) storetest.Store { return stubborn{s} }},
	"an envelope is fresh twice":     {"AnInvocationArrivesOnce", func(s storetest.Store) storetest.Store { return deaf{s} }},
	"a thread has no order": {
		"NothingOfACommandGoesBeforeItsCard",
		func(s storetest.Store) storetest.Store { return disorderly{s} },
	},
	"a lost message isn't recorded": {
		"ALostMessageIsAuditedAndHoldsNobodyUp",
		func(s storetest.Store) storetest.Store { return silent{s} },
	},
}

// TestTheSuiteFailsForABrokenEngine runs the promise that a fault breaks in a process of its own, and wants it to fail there.
func TestTheSuiteFailsForABrokenEngine(t *testing.T) {
	t.Parallel()
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSQLiteKeepsEveryPromise$/^"+fault.promise+"$")
			cmd.Env = append(os.Environ(), brokenBy+"="+name)
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			require.ErrorAs(t, err, &exit, "the suite let it pass:\n%s", out)
			require.Contains(t, string(out), "--- FAIL: TestSQLiteKeepsEveryPromise/"+fault.promise)
		})
	}
}

// misled hands out transactions with a fault.
type misled struct {
	storetest.Store
	with func(commands.Tx) commands.Tx
}

func inTx(with func(commands.Tx) commands.Tx) func(storetest.Store) storetest.Store {
	return func(s storetest.Store) storetest.Store { return misled{s, with} }
}

// Update implements commands.Store.
func (m misled) Update(ctx context.Context, f func(commands.Tx) error) error {
	return m.Store.Update(ctx, func(tx commands.Tx) error { return f(m.with(tx)) })
}

type blind struct{ commands.Tx }

// Intend says that nothing is in the way.
func (b blind) Intend(all ...algesta.Execution) (string, error) {
	_, err := b.Tx.Intend(all...)
	return "", err
}

type careless struct{ commands.Tx }

// Intend records nothing but the write that is about to be sent.
func (c careless) Intend(all ...algesta.Execution) (string, error) { return c.Tx.Intend(all[0]) }

type forgetful struct{ commands.Tx }

// Approve takes every yes for a new one.
func (f forgetful) Approve(a algesta.Approval) (bool, error) {
	_, err := f.Tx.Approve(a)
	return true, err
}

type hasty struct{ commands.Tx }

// Move looks at no status.
func (h hasty) Move(m algesta.Move) (algesta.Request, bool, error) {
	r, err := h.Locked(m.ID)
	if err != nil {
		return r, false, err
	}
	m.From = []algesta.Status{r.Status}
	return h.Tx.Move(m)
}

type generous struct{ commands.Tx }

// Use tells everybody that they were first.
func (g generous) Use(offer, request string) (string, error) {
	_, err := g.Tx.Use(offer, request)
	return "", err
}

type clinging struct{ commands.Tx }

// Move plans the expiry again, as if it had not been cancelled.
func (c clinging) Move(m algesta.Move) (algesta.Request, bool, error) {
	r, moved, err := c.Tx.Move(m)
	if err == nil {
		err = c.Schedule(algesta.ExpireJob, m.ID, r.UpdatedAt.AddDate(0, 0, 1))
	}
	return r, moved, err
}

type stubborn struct{ storetest.Store }

// Update keeps what was written before the error.
func (s stubborn) Update(ctx context.Context, f func(commands.Tx) error) error {
	var failed error
	err := s.Store.Update(ctx, func(tx commands.Tx) error {
		failed = f(tx)
		return nil
	})
	return errors.Join(err, failed)
}

type deaf struct{ storetest.Store }

// Receive takes every envelope for a new one.
func (d deaf) Receive(ctx context.Context, v algesta.Invocation) (bool, error) {
	_, err := d.Store.Receive(ctx, v)
	return true, err
}

type disorderly struct{ storetest.Store }

// Due hands out the newest first.
func (d disorderly) Due(ctx context.Context, limit int) ([]algesta.Outgoing, error) {
	all, err := d.Store.Due(ctx, limit)
	slices.Reverse(all)
	return all, err
}

type silent struct{ storetest.Store }

// Delivered takes a lost message for one that was sent.
func (s silent) Delivered(ctx context.Context, all []algesta.Delivery) error {
	for i := range all {
		all[i].Lost = ""
	}
	return s.Store.Delivered(ctx, all)
}
