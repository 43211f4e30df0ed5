package commands_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout"
	"github.com/3astronautas/algesta/runbooks"
)

// TestACommandEndsAsItsRunbookSays has a change end with its write, and with polls.
func TestACommandEndsAsItsRunbookSays(t *testing.T) {
	t.Parallel()
	poll := func(seen ...runbooks.Polled) runbooks.Ending {
		var n atomic.Int32
		return runbooks.WithPoll(time.Minute, func(context.Context, runbooks.Cluster, algesta.Object) (runbooks.Polled, error) {
			return seen[min(int(n.Add(1)), len(seen))-1], nil
		})
	}
	waiting := runbooks.Polled{Phase: rollout.Moving, Said: algesta.Say("The order is pending.")}
	tests := map[string]struct {
		ends runbooks.Ending
		to   algesta.Status
		said string
	}{
		"with the write": {runbooks.WithWrite(), algesta.Succeeded, "api-gateway in production is scaled to 6 pods."},
		"with a poll": {
			poll(waiting, runbooks.Polled{Phase: rollout.Settled, Said: algesta.Say("The certificate is valid until May.")}),
			algesta.Succeeded, "api-gateway in production is scaled to 6 pods. The certificate is valid until May.",
		},
		"with a poll that fails": {
			poll(waiting, runbooks.Polled{Phase: rollout.Broken, Said: algesta.Say("The order is invalid.")}, waiting),
			algesta.Failed, "Scaling of api-gateway in production (4 → 6 pods) failed and was not undone. The order is invalid.",
		},
		"with a poll that comes too late": {
			runbooks.WithPoll(
				time.Nanosecond, func(context.Context, runbooks.Cluster, algesta.Object) (runbooks.Polled, error) { return waiting, nil },
			),
			algesta.TimedOut,
			"isn't finished: The order is pending. The change stays; I've stopped watching.",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.dispatcher.EndAll(tt.ends)
			w.types(luis, "scale api-gateway production 6")
			w.votes(carla, algesta.Approve, w.request(algesta.Pending).ID)
			w.request(tt.to)
			ends := strings.Join(w.said(algesta.EndPost), "\n") // posted with the status
			require.Contains(t, ends, tt.said)
			if progress := w.said(algesta.ProgressPost); tt.to == algesta.Succeeded && len(progress) > 0 {
				require.Regexp(t, `^Done after \S+ \S+\.$`, progress[len(progress)-1], "what was reached is told once, by the end")
			}
		})
	}
}

// Slack is asked who reads a channel when progress is posted there, not at each look: what it answers in a minute is for commands, too.
func TestALookThatPostsNothingAsksSlackNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var looks, asked atomic.Int32
	w.dispatcher.EndAll(runbooks.WithPoll(time.Minute, func(context.Context, runbooks.Cluster, algesta.Object) (runbooks.Polled, error) {
		switch looks.Add(1) {
		case 1: // it is posted
		case 2:
			w.people.set(func(d *fakeDirectory) { d.onPlace = func() { asked.Add(1) } })
		case 3:
			w.people.set(func(d *fakeDirectory) { d.onPlace = nil })
			return runbooks.Polled{Phase: rollout.Settled, Said: algesta.Say("It's there.")}, nil
		}
		return runbooks.Polled{Phase: rollout.Moving, Said: algesta.Say("The order is pending.")}, nil
	}))
	w.types(luis, "scale api-gateway production 6")
	w.votes(carla, algesta.Approve, w.request(algesta.Pending).ID)
	w.request(algesta.Succeeded)
	require.EqualValues(t, 3, looks.Load())
	require.Zero(t, asked.Load())
}

// TestAChangeThatDidNotLastSaysHowToKeepIt: an autoscaler set another number of pods, and would do so again.
func TestAChangeThatDidNotLastSaysHowToKeepIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.onCreate = func(r *algesta.Request) {
		r.Plan.Keep = algesta.Say("To keep 6 pods, type /algesta hpa pin api-gateway production 6.")
	}
	w.dispatcher.EndAll(runbooks.WithPoll(time.Minute, func(context.Context, runbooks.Cluster, algesta.Object) (runbooks.Polled, error) {
		return runbooks.Polled{Phase: rollout.Overtaken, Said: algesta.Say("An autoscaler set it to 4 pods.")}, nil
	}))
	w.types(luis, "scale api-gateway production 6")
	w.votes(carla, algesta.Approve, w.request(algesta.Pending).ID)
	w.request(algesta.Superseded)
	require.Contains(
		t, strings.Join(w.said(algesta.EndPost), "\n"), "Scaling of api-gateway in production (4 → 6 pods) didn't last. "+
			"An autoscaler set it to 4 pods. To keep 6 pods, type /algesta hpa pin api-gateway production 6.",
	)
}
