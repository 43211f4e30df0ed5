package commands_test

import (
	"strings"
	"sync"
	"sync/atomic"
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
	require.Regexp(t, `^Marta asked for this (\d+ s ago|just now); it's waiting for approval\.$`, last.Report.Title.String())
	require.Equal(t, "It's "+r.ID+": see its thread", last.Report.Body[0].Text.String())
	require.Len(t, w.said(algesta.CardPost), 2, "one change and one Undo")
	w.votes(carla, algesta.Approve, r.ID)
	w.idle()
	w.votes(marta, algesta.Run, undo)
	require.Regexp(t, `^You asked for this (\d+ s ago|just now); it's done\.$`, w.said(algesta.AnswerPost)[1])
}

// TestAnUndoThatEndsWithNothingChangedCanBeClickedAgain ends the request that an Undo opened in every way in which nothing is changed.
func TestAnUndoThatEndsWithNothingChangedCanBeClickedAgain(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(w *world, marta algesta.Actor, r algesta.Request){
		"denied":    func(w *world, _ algesta.Actor, r algesta.Request) { w.votes(carla, algesta.Deny, r.ID) },
		"cancelled": func(w *world, marta algesta.Actor, r algesta.Request) { w.votes(marta, algesta.Cancel, r.ID) },
		"expired": func(w *world, _ algesta.Actor, _ algesta.Request) {
			w.request(algesta.Expired)
			w.setRules(rules)
		},
		"refused just before it ran": func(w *world, _ algesta.Actor, r algesta.Request) {
			w.people.set(func(d *fakeDirectory) { d.away = true })
			w.people.later(time.Minute)
			w.votes(carla, algesta.Approve, r.ID)
			w.request(algesta.Rejected)
			w.people.set(func(d *fakeDirectory) { d.away = false })
			w.people.later(time.Minute)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, marta, undo := undoable(t)
			if name == "expired" {
				w.setRules(strings.Replace(rules, "30m", "1s", 1))
			}
			w.votes(marta, algesta.Run, undo)
			end(w, marta, w.newest())
			require.Equal(t, []string{undo}, w.offers(), "the button is back")
			w.votes(luis, algesta.Run, undo)
			r := w.request(algesta.Pending)
			require.Equal(t, luis.ID, r.Command.Actor.ID)
			require.Empty(t, w.offers())
			w.votes(carla, algesta.Approve, r.ID)
			w.idle()
			require.Equal(t, 2, w.cluster.writes())
		})
	}
}

// TestATypedUndoIsTheButton types what the button does, and clicks the button afterwards.
func TestATypedUndoIsTheButton(t *testing.T) {
	t.Parallel()
	w, marta, undo := undoable(t)
	w.types(marta, `undo api-gateway production --reason "too many"`)
	r := w.request(algesta.Pending)
	require.Equal(t, "scale", r.Command.Runbook)
	require.Equal(t, "too many", r.Command.Reason)
	require.NotEmpty(t, r.Command.Args.String("undoes"))
	require.Empty(t, w.offers(), "it used the button up")
	w.votes(luis, algesta.Run, undo)
	w.types(luis, "undo api-gateway production")
	for _, said := range w.said(algesta.AnswerPost) {
		require.Regexp(t, `^Marta asked for this (\d+ s ago|just now); it's waiting for approval\.$`, said)
	}
	require.Len(t, w.said(algesta.AnswerPost), 2)
	w.types(luis, "can-i undo api-gateway production")
	w.votes(carla, algesta.Approve, r.ID)
	w.idle()
	require.EqualValues(t, 4, w.cluster.object()["spec"].(map[string]any)["replicas"])
}

// TestARestartIsNotUndoneByAnEarlierVersion: it changed none, and what would be offered is a downgrade.
func TestARestartIsNotUndoneByAnEarlierVersion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.types(luis, "restart api-gateway production")
	r := w.request(algesta.Pending)
	w.votes(carla, algesta.Approve, r.ID)
	w.request(algesta.Succeeded)
	w.types(luis, "undo api-gateway production")
	answers := w.answers()
	said := answers[len(answers)-1]
	require.Contains(
		t, said, "My last change of api-gateway in production, "+r.ID+" (Restart of api-gateway in production), changed no version, "+
			"so there's nothing to go back to.",
	)
	require.NotContains(t, said, "rollback")
}

// TestAnUndoOfNothingSaysSo types undo where the bot changed nothing.
func TestAnUndoOfNothingSaysSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.types(luis, "undo api-gateway production")
	w.types(luis, "can-i undo api-gateway production")
	for _, answer := range w.answers() {
		require.Equal(t, "I changed nothing of api-gateway in production in the last 24 hours, so there is nothing to undo.\n"+
			"To go back to an earlier version: /algesta rollback api-gateway production\n", answer)
	}
	require.Empty(t, w.said(algesta.CardPost))
}

// TestAnUndoTypedTwiceIsOneUndo types it again while the pods of the first are followed: the last change is then the undo itself.
func TestAnUndoTypedTwiceIsOneUndo(t *testing.T) {
	t.Parallel()
	w, marta, _ := undoable(t)
	w.setRules(rules[:strings.Index(rules, "approvals:")])
	w.cluster.set(func(c *fakeCluster) { c.coming = true })
	w.types(marta, "undo api-gateway production")
	w.request(algesta.Applied)
	w.types(luis, "undo api-gateway production")
	require.Regexp(t, `^Marta asked for the same (\d+ s ago|just now); it's running\.$`, w.said(algesta.AnswerPost)[0])
	w.cluster.set(func(c *fakeCluster) { c.coming = false })
	w.idle()
	require.Equal(t, 2, w.cluster.writes())
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
	require.Eventually(t, func() bool { return w.cluster.waiting.Load() >= 2 }, deadline, lookEvery)
	close(slow)
	clicks.Wait()
	require.Len(t, w.said(algesta.PlanPost), 2, "the change, and its Undo once")
	require.Len(t, w.said(algesta.AnswerPost), 1)
	require.Regexp(
		t,
		`^(Luis|Marta) asked for (this|the same) (\d+ s ago|just now); it's waiting for approval\.$`,
		w.said(algesta.AnswerPost)[0],
	)
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
	require.Regexp(t, `^Marta asked for this (\d+ s ago|just now); it's done\.$`, w.said(algesta.AnswerPost)[0])
}

// TestTheProgressOfAReplacedChangeEnds approves another change while the pods of the first are followed.
// TestTheProgressOfAFollowThatBreaksOffEnds has the follower panic after it posted how far the rollout is.
func TestTheProgressOfAFollowThatBreaksOffEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setRules(rules[:strings.Index(rules, "approvals:")])
	w.cluster.set(func(c *fakeCluster) { c.coming = true })
	w.types(luis, "scale api-gateway production 6")
	w.request(algesta.Applied)
	require.Eventually(t, func() bool { return len(w.said(algesta.ProgressPost)) == 1 }, deadline, lookEvery)
	w.cluster.set(func(c *fakeCluster) { c.panics = map[string]bool{"Workload": true} })
	w.request(algesta.TimedOut)
	require.Contains(t, w.said(algesta.ProgressPost)[0], "something went wrong on my side while I watched it")
	w.panicked("a mistake in ")
}

func TestTheProgressOfAReplacedChangeEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setRules(rules[:strings.Index(rules, "approvals:")])
	w.cluster.set(func(c *fakeCluster) { c.coming = true })
	w.types(luis, "scale api-gateway production 6")
	first := w.request(algesta.Applied)
	require.Eventually(t, func() bool { return len(w.said(algesta.ProgressPost)) == 1 }, deadline, lookEvery)
	w.types(luis, "scale api-gateway production 7")
	w.request(algesta.Superseded)
	var said []string
	for _, p := range w.posts() {
		if p.Kind == algesta.ProgressPost && p.Command == first.ID {
			said = append(said, p.Report.Title.String())
			require.Empty(t, p.Report.Body, "no bar of what nobody counts any more")
		}
	}
	require.Len(t, said, 1)
	require.Regexp(t, `^c-[a-z0-9]+ replaced this before it had finished\. Its own thread shows how it continues\.$`, said[0])
	w.cluster.set(func(c *fakeCluster) { c.coming = false })
	w.idle()
}

// TestAClickThatWasOnItsWayOpensNothing has two people click Undo, of whom the second one's is planned when the first one's has ended
// already: no request is open any more that would say so.
func TestAClickThatWasOnItsWayOpensNothing(t *testing.T) {
	t.Parallel()
	w, marta, undo := undoable(t)
	w.setRules(strings.Replace(rules, "verbs: [change]", "verbs: [deploy]", 1)) // it runs at once
	planned, goOn := make(chan struct{}), make(chan struct{})
	var looks atomic.Int32
	w.people.set(func(d *fakeDirectory) {
		d.onPlace = func() {
			if looks.Add(1) == 2 { // who reads the channel, after the plan was made
				close(planned)
				<-goOn
			}
		}
	})
	late := w.vote(luis, algesta.Run, undo)
	_, err := w.store.Receive(t.Context(), late)
	require.NoError(t, err)
	var click sync.WaitGroup
	click.Go(func() { w.dispatcher.Handle(t.Context(), late) })
	<-planned
	w.votes(marta, algesta.Run, undo)
	w.idle()
	require.Equal(t, 2, w.cluster.writes(), "the change and its Undo")
	close(goOn)
	click.Wait()
	w.idle()
	require.Equal(t, 2, w.cluster.writes())
	require.Regexp(t, `^Marta asked for this (\d+ s ago|just now); it's done\.$`, w.said(algesta.AnswerPost)[0])
}
