package commands_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands"
)

// running starts the dispatcher on what w.send receives; the test waits for its end.
func (w *world) running() {
	w.t.Helper()
	done := make(chan struct{})
	ctx := w.t.Context() // ends before the cleanups run
	go func() {
		defer close(done)
		w.dispatcher.Run(ctx, nil, w.store.Arrivals())
	}()
	w.t.Cleanup(func() { <-done })
}

// sends has an invocation reach the inbox, and returns without waiting for its answer.
func (w *world) sends(in algesta.Invocation) {
	w.t.Helper()
	_, err := w.store.Receive(w.t.Context(), in)
	require.NoError(w.t, err)
}

func TestSlowReadsOfOnePersonHoldUpNobodyElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.types(luis, "scale api-gateway production 6")
	r := w.request(algesta.Pending)
	free := make(chan struct{})
	w.cluster.set(func(c *fakeCluster) { c.slow = free })
	w.running()
	release := sync.OnceFunc(func() { close(free) })
	t.Cleanup(release)
	for i := range 40 {
		in := w.invocation(luis)
		in.Text = fmt.Sprintf("scale api-gateway production %d", 7+i)
		w.sends(in)
	}
	require.Eventually(t, func() bool { return w.cluster.waiting.Load() >= 4 }, deadline, time.Millisecond)
	// Pablo's yes and Marta's question are answered while all of that stands still.
	w.sends(w.vote(nico, algesta.Approve, r.ID))
	in := w.invocation(marta)
	in.Text = "whoami"
	w.sends(in)
	require.Eventually(t, func() bool { return len(w.said(algesta.AnswerPost)) >= 2 }, deadline, time.Millisecond, "%v", lastSaid{w})
	require.LessOrEqual(t, w.cluster.waiting.Load(), int64(4), "one person has so many places")
	w.sends(w.vote(luis, algesta.Cancel, r.ID)) // their own vote, too
	w.request(algesta.Cancelled)
	release()
}

func TestOldWordsAndOldClicksOnOffersAreNotCarriedOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cases := map[string]struct {
		kind   algesta.InvocationKind
		age    time.Duration
		answer string
	}{
		"typed before the start": {
			algesta.Typed,
			3 * time.Minute,
			"I was restarted while you asked. Nothing was run; please ask again.",
		},
		"an offer clicked hours before it": {
			algesta.Voted,
			9 * time.Hour,
			"I was restarted while you asked. Nothing was run; please ask again.",
		},
		"an offer clicked now, long out of it": {algesta.Voted, 0, "This button is too old to use."},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) { //nolint:paralleltest // one after the other in one world
			in := w.invocation(luis)
			in.Text = "scale api-gateway production 6"
			if in.Kind = c.kind; c.kind == algesta.Voted {
				in.Vote = &algesta.Vote{Action: algesta.Run, ID: "o-none"}
			}
			in.At = in.At.Add(-c.age)
			w.handle(in)
			said := w.said(algesta.AnswerPost)
			require.Equal(t, c.answer, said[len(said)-1])
		})
	}
}

// slowDirectory answers one person's questions about people when it's released.
type slowDirectory struct {
	commands.Directory
	slow    algesta.PersonID
	free    chan struct{}
	waiting *atomic.Int64
}

func (d slowDirectory) Actor(ctx context.Context, id algesta.PersonID, age time.Duration) (algesta.Actor, error) {
	if id == d.slow {
		d.waiting.Add(1)
		select {
		case <-d.free:
		case <-ctx.Done():
			return algesta.Actor{}, ctx.Err()
		}
	}
	return d.Directory.Actor(ctx, id, age)
}

// TestHomeTabsAndMessagesHaveAFairShare: one person's look-ups wait for each other, and nobody else for them.
func TestHomeTabsAndMessagesHaveAFairShare(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	slow := slowDirectory{w.dispatcher.Directory, luis.ID, make(chan struct{}), new(atomic.Int64)}
	w.dispatcher.Directory = slow
	ctx, cancel := context.WithCancel(t.Context())
	var asking sync.WaitGroup
	t.Cleanup(func() { cancel(); asking.Wait() })
	for range 40 {
		asking.Go(func() { w.dispatcher.Home(ctx, w.invocation(luis)) })
		asking.Go(func() { w.dispatcher.Named(ctx, w.invocation(luis), "api-gateway is down in production") })
	}
	require.Eventually(t, func() bool { return slow.waiting.Load() == 4 }, deadline, time.Millisecond)
	require.NotEmpty(t, w.dispatcher.Home(ctx, w.invocation(marta)))
	text, _ := w.dispatcher.Named(ctx, w.invocation(pablo), "nothing that anybody knows")
	require.Equal(t, "diagnose", text)
	require.EqualValues(t, 4, slow.waiting.Load(), "one person has so many places")
	gone, leave := context.WithCancel(ctx)
	leave()
	require.Contains(t, w.dispatcher.Home(gone, w.invocation(luis))[0].Title.String(), "I'm busy.")
}
