package storetest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands"
	"github.com/3astronautas/algesta/store"
)

func receive(tb testing.TB, s Store, v algesta.Invocation) bool {
	tb.Helper()
	isFresh, err := s.Receive(context.Background(), v)
	require.NoError(tb, err)
	return isFresh
}

func testAnInvocationArrivesOnce(t *testing.T, open Open) {
	t.Parallel()
	s := open.fresh(t)
	want := Typed("cmd:1")
	want.Vote = &algesta.Vote{Action: algesta.Approve, ID: "c-1"}
	require.True(t, receive(t, s, want))
	require.False(t, receive(t, s, want), "it was delivered again")
	require.Empty(t, cmp.Diff(want, next(t, s.Arrivals())))
	update(t, s, func(tx commands.Tx) error { return tx.Answered("cmd:1") })
	require.False(t, receive(t, s, want), "it was delivered again after the answer")
	require.True(t, receive(t, s, Typed("cmd:2")))
	require.Equal(t, "cmd:2", next(t, s.Arrivals()).Key)
}

// A dialog that is sent again with something else in it is neither taken nor dropped silently, however long ago the first was answered.
func testADialogSentAgainWithSomethingElseIsTold(t *testing.T, open Open) {
	t.Parallel()
	s := open.fresh(t)
	first, other, plain := Typed("form:1"), Typed("form:1"), Typed("form:1")
	first.Digest, other.Digest, other.Text = "one", "other", "restart api-gateway production"
	require.True(t, receive(t, s, first))
	for range 2 {
		_, err := s.Receive(context.Background(), other)
		require.ErrorIs(t, err, algesta.ErrTaken)
		require.False(t, receive(t, s, first), "the same again")
		require.False(t, receive(t, s, plain), "a redelivery by a transport that compares nothing")
		update(t, s, func(tx commands.Tx) error { return tx.Answered("form:1") })
	}
	require.Equal(t, first.Text, next(t, s.Arrivals()).Text)
	require.True(t, receive(t, s, Typed("cmd:2")))
	require.Equal(t, "cmd:2", next(t, s.Arrivals()).Key, "nothing else arrived")
}

func testAnInvocationNeedsAKey(t *testing.T, open Open) {
	t.Parallel()
	_, err := open.fresh(t).Receive(context.Background(), Typed(""))
	require.ErrorContains(t, err, "it has no key")
}

func testInvocationsArriveInTheirOrderHoweverSlowTheReaderIs(t *testing.T, open Open) {
	t.Parallel()
	s := open.fresh(t)
	for i := range 300 {
		require.True(t, receive(t, s, Typed(fmt.Sprint(i))))
	}
	for i := range 300 {
		require.Equal(t, fmt.Sprint(i), next(t, s.Arrivals()).Key)
	}
}

func testTheSameEnvelopeOnTwoSocketsIsFreshOnce(t *testing.T, open Open) {
	t.Parallel()
	s := open.fresh(t)
	for i := range 50 {
		var n int
		var mu sync.Mutex
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				isFresh, err := s.Receive(context.Background(), Typed(fmt.Sprint(i)))
				require.NoError(t, err)
				mu.Lock()
				defer mu.Unlock()
				if isFresh {
					n++
				}
			})
		}
		all.Wait()
		require.Equal(t, 1, n)
	}
}

func testUnansweredAreThoseOfTheProcessBefore(t *testing.T, open Open) {
	t.Parallel()
	place := t.TempDir()
	s := open.at(t, place)
	for _, key := range []string{"a", "b", "c"} {
		receive(t, s, Typed(key))
	}
	update(t, s, func(tx commands.Tx) error { return tx.Answered("b") })
	none, err := s.Unanswered(context.Background())
	require.NoError(t, err)
	require.Empty(t, none, "what arrives in this process comes out of Arrivals")
	closeStore(t, s)

	s = open.at(t, place)
	require.False(t, receive(t, s, Typed("b")))
	receive(t, s, Typed("d"))
	left, err := s.Unanswered(context.Background())
	require.NoError(t, err)
	again := func(key string, starts int) algesta.Invocation {
		v := Typed(key)
		v.Starts = starts
		return v
	}
	require.Empty(t, cmp.Diff([]algesta.Invocation{again("a", 1), again("c", 1)}, left))
	require.Equal(t, "d", next(t, s.Arrivals()).Key)
	closeStore(t, s)

	// Every start is counted on the disk, for those that it found.
	s = open.at(t, place)
	left, err = s.Unanswered(context.Background())
	require.NoError(t, err)
	require.Empty(t, cmp.Diff([]algesta.Invocation{again("a", 2), again("c", 2), again("d", 1)}, left))
}

func testCloseEndsArrivals(t *testing.T, open Open) {
	t.Parallel()
	s := open.fresh(t)
	receive(t, s, Typed("a"))
	closeStore(t, s)
	for range s.Arrivals() {
	}
	_, err := s.Receive(context.Background(), Typed("b"))
	require.ErrorIs(t, err, store.ErrClosed)
	require.ErrorIs(t, s.Update(context.Background(), func(commands.Tx) error { return nil }), store.ErrClosed)
}

func testALateCallerDoesNotLoseItsEnvelope(t *testing.T, open Open) {
	t.Parallel()
	s := open.fresh(t)
	hold, held := make(chan struct{}), make(chan struct{})
	done := make(chan error, 1)
	go func() {
		done <- s.Update(context.Background(), func(commands.Tx) error {
			close(held)
			<-hold
			return nil
		})
	}()
	<-held
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	_, err := s.Receive(ctx, Typed("a"))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	close(hold)
	require.NoError(t, next(t, done))
	require.Equal(t, "a", next(t, s.Arrivals()).Key)
	require.False(t, receive(t, s, Typed("a")))
}
