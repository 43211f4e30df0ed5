package commands_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

// undoable is a world in which Luis scaled, and the ID of the Undo below the end of that. Marta may do the same as Luis.
func undoable(t *testing.T) (w *world, marta algesta.Actor, undo string) {
	t.Helper()
	w = newWorld(t)
	marta = person("U0MARTA", "Marta", "S0BACKEND")
	w.people.set(func(d *fakeDirectory) { d.people["U0MARTA"] = marta })
	w.types(luis, "scale api-gateway production 6")
	w.votes(carla, algesta.Approve, w.request(algesta.Pending).ID)
	w.request(algesta.Succeeded)
	offers := w.offers()
	require.Len(t, offers, 1)
	return w, marta, offers[0]
}

// offers are the IDs of the proposed commands that can be clicked now.
func (w *world) offers() (ids []string) {
	for _, p := range w.posts() {
		for _, b := range p.Report.Buttons {
			if b.Action == algesta.Run {
				ids = append(ids, b.ID)
			}
		}
	}
	return ids
}

// TestAnOfferIsUsedOnce has a second person click Undo while the first one's request waits, and after it has ended.
func TestAnOfferIsUsedOnce(t *testing.T) {
	t.Parallel()
	w, marta, undo := undoable(t)
	w.votes(marta, algesta.Run, undo)
	r := w.request(algesta.Pending)
	require.Equal(t, marta.ID, r.Command.Actor.ID)
	require.Empty(t, w.offers(), "the button is gone")
	w.votes(luis, algesta.Run, undo)
	last := w.posts()[len(w.posts())-1]
	require.Equal(t, luis.ID.User, last.OnlyFor)
	require.Regexp(t, `^Marta asked for this (\d+ s ago|just now); it waits for approval\.$`, last.Report.Title.String())
	require.Equal(t, "It is "+r.ID+": see its thread", last.Report.Body[0].Text.String())
	w.votes(carla, algesta.Deny, r.ID)
	w.request(algesta.Rejected)
	w.votes(marta, algesta.Run, undo)
	last = w.posts()[len(w.posts())-1]
	require.Regexp(t, `^You asked for this (\d+ s ago|just now); it was denied by Carla\.$`, last.Report.Title.String())
	require.Contains(t, last.Report.Body[0].Text.String(), "To ask for it again, type the command.")
	require.Len(t, w.said(algesta.CardPost), 2, "one change and one Undo")
}

// TestTwoClicksOnAnOfferAtOnceMakeOneRequest lets two people click before either is planned.
func TestTwoClicksOnAnOfferAtOnceMakeOneRequest(t *testing.T) {
	t.Parallel()
	w, marta, undo := undoable(t)
	slow := make(chan struct{})
	w.cluster.set(func(c *fakeCluster) { c.slow = slow })
	var clicks sync.WaitGroup
	for _, in := range []algesta.Invocation{w.vote(marta, algesta.Run, undo), w.vote(luis, algesta.Run, undo)} {
		_, err := w.store.Receive(t.Context(), in)
		require.NoError(t, err)
		clicks.Go(func() { w.dispatcher.Handle(t.Context(), in) })
	}
	require.Eventually(t, func() bool { return w.cluster.waiting.Load() >= 2 }, deadline, 5*time.Millisecond)
	close(slow)
	clicks.Wait()
	require.Len(t, w.said(algesta.PlanPost), 2, "the change, and its Undo once")
	require.Len(t, w.said(algesta.AnswerPost), 1)
	require.Regexp(t, `^(Luis|Marta) asked for (this|the same) (\d+ s ago|just now); it waits for approval\.$`, w.said(algesta.AnswerPost)[0])
	require.Empty(t, w.offers())
}

// TestAnOfferThatWasUsedIsNotUsedAgainAfterItsChange clicks an offer that needs no approval, again when its change is long done.
func TestAnOfferThatWasUsedIsNotUsedAgainAfterItsChange(t *testing.T) {
	t.Parallel()
	w, marta, undo := undoable(t)
	w.setRules(rules[:strings.Index(rules, "approvals:")])
	w.votes(marta, algesta.Run, undo)
	w.idle()
	require.Equal(t, 2, w.cluster.writes())
	w.types(luis, "scale api-gateway production 6") // the Undo would have something to do again
	w.idle()
	require.Equal(t, 3, w.cluster.writes())
	w.votes(luis, algesta.Run, undo)
	w.idle()
	require.Equal(t, 3, w.cluster.writes())
	require.Regexp(t, `^Marta asked for this (\d+ s ago|just now); it was carried out\.$`, w.said(algesta.AnswerPost)[0])
}
