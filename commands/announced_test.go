package commands_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/store"
)

var (
	errAway  = &algesta.Error{Kind: algesta.ErrUnreachable, Message: algesta.Say("The cluster does not answer.")}
	errNoWay = &algesta.Error{Kind: algesta.ErrForbidden, Message: algesta.Say("I don't have permission to get deployments.")}
)

// read sets what reading the Deployment, and its rollout, answers from now on.
func (w *world) read(deployment, rollout error) {
	w.cluster.set(func(c *fakeCluster) { c.unreadable, c.duringRead = deployment, func() error { return rollout } })
}

// small is the small line of the newest card.
func (w *world) small() (small string) {
	for _, p := range w.posts() {
		if p.Kind == algesta.CardPost {
			small = p.Report.Small.String()
		}
	}
	return small
}

// TestNothingIsRememberedOfWhatHasEnded brings requests, about which something is noted, to each of their ends.
func TestNothingIsRememberedOfWhatHasEnded(t *testing.T) {
	t.Parallel()
	start := func(w *world, then algesta.Status) algesta.Request {
		w.types(luis, "scale api-gateway production 6")
		w.votes(carla, algesta.Approve, w.request(algesta.Pending).ID)
		r := w.request(then)
		require.Eventually(t, func() bool { return w.dispatcher.Looks() > 0 }, deadline, lookEvery, "something is noted")
		return r
	}
	waiting := func(w *world, err error) algesta.Request {
		w.onceApproved(func() { w.read(err, nil) })
		return start(w, algesta.Approved)
	}
	cases := map[string]func(w *world){
		"it came up": func(w *world) {
			start(w, algesta.Applied)
			w.request(algesta.Succeeded)
		},
		"it was cancelled while it waited": func(w *world) {
			r := waiting(w, errAway)
			w.votes(luis, algesta.Cancel, r.ID)
			w.request(algesta.Cancelled)
		},
		"it was denied while the API server refused it": func(w *world) {
			r := waiting(w, errNoWay)
			w.votes(carla, algesta.Deny, r.ID)
			w.request(algesta.Rejected)
		},
		"its time to start was up": func(w *world) {
			r := waiting(w, errAway)
			require.NoError(w.t, w.store.Update(w.t.Context(), func(tx *store.Tx) error {
				_, _, err := tx.Move(
					algesta.Move{ID: r.ID, From: []algesta.Status{algesta.Approved}, To: algesta.Approved, StartBy: time.Now().Add(-time.Second)},
				)
				return err
			}))
			w.request(algesta.Stale)
		},
		"it was refused at the last moment": func(w *world) {
			waiting(w, errAway)
			w.setRules(rules + frozenNow)
			w.read(nil, nil)
			w.request(algesta.Rejected)
		},
		"another process ended it": func(w *world) {
			w.read(nil, errAway)
			r := start(w, algesta.Applied)
			w.moves(r.ID, algesta.Applied, algesta.Superseded)
			w.idle()
		},
		"another change replaced it": func(w *world) {
			w.read(nil, errAway)
			r := start(w, algesta.Applied)
			w.types(luis, "scale api-gateway production 7")
			w.votes(carla, algesta.Approve, w.request(algesta.Pending).ID)
			require.Equal(w.t, r.ID, w.request(algesta.Superseded).ID)
			w.read(nil, nil)
			w.request(algesta.Succeeded)
		},
	}
	for name, end := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			end(w)
			require.Eventually(t, func() bool { return w.dispatcher.Looks() == 0 }, deadline, lookEvery, "nothing is noted any more")
		})
	}
}

// onceApproved does something in the transaction that approves.
func (w *world) onceApproved(do func()) {
	w.onPost = func(p algesta.Post) error {
		if p.Kind == algesta.PlanPost && len(p.Report.Buttons) == 0 {
			do()
		}
		return nil
	}
}

// TestTheReasonToWaitThatWasShownLastIsRemembered has a request wait for the cluster, for Slack and for the cluster again.
func TestTheReasonToWaitThatWasShownLastIsRemembered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setRules(twoOf)
	w.types(luis, "scale api-gateway production 6")
	id := w.request(algesta.Pending).ID
	w.votes(pablo, algesta.Approve, id)
	w.read(errAway, nil)
	w.votes(carla, algesta.Approve, id)
	shows := func(cluster error, slackDown bool, words string) {
		w.read(cluster, nil)
		w.people.set(func(d *fakeDirectory) { d.down = slackDown })
		w.people.later(time.Minute)
		_, err := w.dispatcher.Execute(t.Context(), id)
		require.NoError(t, err)
		require.Contains(t, w.small(), words)
	}
	shows(errAway, false, "The cluster does not answer.")
	shows(nil, true, "so I can't check whether this is still allowed.")
	shows(errAway, false, "The cluster does not answer.")
	shows(errNoWay, false, "The cluster does not answer.")
	require.Equal(t, 2, w.dispatcher.Looks(), "what is shown, and since when the API server refuses")
	shows(nil, true, "so I can't check whether this is still allowed.")
	require.Equal(t, 1, w.dispatcher.Looks(), "it does not refuse any more")
}

// TestAReasonToWaitThatWasNotStoredIsSaidAgain has the store fail with the card.
func TestAReasonToWaitThatWasNotStoredIsSaidAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var fails atomic.Int64
	w.onPost = func(p algesta.Post) error {
		if p.Report.Tone == algesta.Waiting && len(p.Report.Small) > 0 && fails.Add(-1) >= 0 {
			return errors.New("the disk is full")
		}
		return nil
	}
	w.types(luis, "scale api-gateway production 6")
	id := w.request(algesta.Pending).ID
	w.read(errAway, nil)
	fails.Store(1)
	w.votes(carla, algesta.Approve, id)
	require.Eventually(t, func() bool {
		_, _ = w.dispatcher.Execute(t.Context(), id) // the job, which would come later
		return fails.Load() <= 0 && w.small() != "" && w.cardWaits()
	}, deadline, lookEvery)
	require.Contains(t, w.small(), "The cluster does not answer.")
}

// cardWaits reports whether the newest card says that its request waits.
func (w *world) cardWaits() (waits bool) {
	for _, p := range w.posts() {
		if p.Kind == algesta.CardPost {
			waits = p.Report.Tone == algesta.Waiting
		}
	}
	return waits
}

// TestEachTimeThatARolloutCannotBeReadIsSaid has the cluster go away twice while nothing of the rollout changes.
func TestEachTimeThatARolloutCannotBeReadIsSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.dispatcher.Soak = time.Minute
	w.types(luis, "scale api-gateway production 6")
	id := w.request(algesta.Pending).ID
	w.votes(carla, algesta.Approve, id)
	w.request(algesta.Applied)
	shows := func(err error, words string) {
		w.read(nil, err)
		_, failed := w.dispatcher.Follow(t.Context(), id)
		require.NoError(t, failed)
		require.Len(t, w.said(algesta.ProgressPost), 1)
		require.Contains(t, w.said(algesta.ProgressPost)[0], words)
	}
	for range 2 {
		shows(nil, "6 of 6 ready")
		shows(errAway, "The cluster does not answer.")
	}
}
