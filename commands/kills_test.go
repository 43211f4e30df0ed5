package commands_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

// TestAJobThatEndsTheProcessEndsItsRequest has the store give up a job that ended the process whenever it was begun.
func TestAJobThatEndsTheProcessEndsItsRequest(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		job      algesta.JobKind
		at, then algesta.Status
		said     string
	}{
		"where it may have been sent, people look": {
			algesta.ExecuteJob, algesta.Executing, algesta.Unknown,
			"I was restarted again and again while I sent this change, so I can't tell whether it arrived (reference: c-",
		},
		"after the write it is said that nobody watched": {
			algesta.FollowJob, algesta.Applied, algesta.TimedOut,
			"was made, but I was restarted again and again while I watched it, so I don't know how it ended. Check it yourself. Reference: c-",
		},
		"what only helps ends nothing": {algesta.RemindJob, algesta.Executing, algesta.Executing, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			held := make(chan struct{})
			t.Cleanup(func() { close(held) })
			w.cluster.set(func(f *fakeCluster) {
				f.send = func() error {
					if c.at == algesta.Executing {
						<-held
					}
					f.set(func(f *fakeCluster) { f.duringRead = func() error { <-held; return nil } })
					return nil
				}
			})
			w.types(luis, "scale api-gateway production 6")
			w.votes(carla, algesta.Approve, w.request(algesta.Pending).ID)
			r := w.request(c.at)
			again, err := w.dispatcher.Jobs()[c.job.GivenUp()](t.Context(), r.ID)
			require.NoError(t, err)
			require.Zero(t, again)
			w.request(c.then)
			require.Contains(t, strings.Join(w.said(algesta.EndPost), "\n"), c.said)
		})
	}
}

// TestThePanicsOfAJobEndNoOther has another job of a request panic as often as one may, while the change is being written.
func TestThePanicsOfAJobEndNoOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	held := make(chan struct{})
	w.cluster.set(func(f *fakeCluster) { f.intended = held })
	w.types(luis, "scale api-gateway production 6")
	w.votes(carla, algesta.Approve, w.request(algesta.Pending).ID)
	r := w.request(algesta.Executing)
	w.lostPanics.Store(true)
	for range 4 {
		_, err := w.dispatcher.Jobs()[algesta.LostJob](t.Context(), r.ID)
		require.NoError(t, err)
	}
	require.Positive(t, w.panics.Total())
	w.request(algesta.Executing)
	close(held)
	w.request(algesta.Succeeded)
}
