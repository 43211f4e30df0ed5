package commands_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands"
	"github.com/3astronautas/algesta/store"
)

const watching = "status api-gateway production -w"

// follows has Luis follow a rollout that isn't complete.
func (w *world) follows() (id string) {
	w.t.Helper()
	w.cluster.set(func(c *fakeCluster) { c.coming = true })
	w.types(luis, watching)
	return w.followed(algesta.DetailPost).Command
}

// followed is the newest message of this kind with what it says now.
func (w *world) followed(kind algesta.PostKind) (last algesta.Post) {
	w.t.Helper()
	for _, p := range w.posts() {
		if p.Kind == kind {
			last = p
		}
	}
	require.NotEmpty(w.t, last.Command, "nothing of the kind %s was posted: %s", kind, lastSaid{w})
	return last
}

// looks is one look at what is followed; it says whether there will be another.
func (w *world) looks(id string) (again bool) {
	w.t.Helper()
	pause, err := w.dispatcher.Live(w.t.Context(), id)
	require.NoError(w.t, err)
	return pause > 0
}

func (w *world) live(id string) algesta.LiveAnswer {
	w.t.Helper()
	l, found, err := w.store.LiveAnswer(w.t.Context(), id)
	require.NoError(w.t, err)
	require.True(w.t, found)
	return l
}

func TestAFollowedAnswerIsBroughtUpToDateAndEndsWithTheRollout(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.follows()
	card, detail := w.followed(algesta.CardPost), w.followed(algesta.DetailPost)
	require.Contains(t, card.Report.Title.String(), "3 of 4 ready")
	require.Contains(t, card.Report.Small.String(), "followed until")
	require.Regexp(t, `^Following until .*\. As of .*:$`, detail.Report.Title.String())
	require.Equal(t, []algesta.Button{{Label: "Stop", Action: algesta.Stop, ID: id}}, detail.Report.Buttons)
	require.True(t, w.looks(id))
	require.Equal(t, detail.Report, w.followed(algesta.DetailPost).Report, "nothing changed, so nothing is edited")

	w.cluster.set(func(c *fakeCluster) { c.replicas = 6 })
	require.True(t, w.looks(id))
	require.Contains(t, w.followed(algesta.CardPost).Report.Title.String(), "5 of 6 ready")

	w.cluster.set(func(c *fakeCluster) { c.coming = false })
	require.False(t, w.looks(id))
	require.Contains(t, w.followed(algesta.CardPost).Report.Title.String(), "6 of 6 ready")
	require.NotContains(t, w.followed(algesta.CardPost).Report.Small.String(), "followed until")
	detail = w.followed(algesta.DetailPost)
	require.Equal(t, "The rollout is complete.", detail.Report.Title.String())
	require.Empty(t, detail.Report.Buttons)
	require.Regexp(t, `6 of 6 ready.*\. The rollout is complete\. @Luis$`, w.followed(algesta.EndPost).Report.Title.String())
	require.False(t, w.live(id).Open())
	require.False(t, w.looks(id), "it's over")
}

func TestWhatIsSettledIsNotFollowed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.types(luis, watching)
	detail := w.followed(algesta.DetailPost)
	require.Empty(t, detail.Report.Buttons)
	last := detail.Report.Body[len(detail.Report.Body)-1]
	require.Equal(t, "The rollout is complete. There's nothing to follow.", last.Text.String())
	_, found, err := w.store.LiveAnswer(t.Context(), detail.Command)
	require.NoError(t, err)
	require.False(t, found)
}

// isOver lets the time of a followed answer be up.
func (w *world) isOver(id string) {
	w.t.Helper()
	l := w.live(id)
	l.Until = time.Now().Add(-time.Second)
	require.NoError(w.t, w.store.Update(w.t.Context(), func(tx *store.Tx) error {
		saved, err := tx.SaveLive(l)
		require.True(w.t, saved)
		return err
	}))
}

// TestAFollowShowsNothingNewWhileItCantAsk has Slack or the cluster be away for a while.
func TestAFollowShowsNothingNewWhileItCantAsk(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		away, back func(*world)
		said       string
	}{
		"Slack doesn't say who asked": {
			func(w *world) {
				w.people.set(func(d *fakeDirectory) { d.down = true })
				w.people.later(2 * time.Minute)
			},
			func(w *world) { w.people.set(func(d *fakeDirectory) { d.down = false }) }, "I couldn't look Luis up in Slack",
		},
		"Slack doesn't say who reads along": {
			func(w *world) {
				w.people.set(func(d *fakeDirectory) { d.placeDown = true })
				w.people.later(2 * time.Minute)
			},
			func(w *world) { w.people.set(func(d *fakeDirectory) { d.placeDown = false }) }, "I couldn't check in Slack who reads this channel",
		},
		"the cluster doesn't answer": {
			func(w *world) {
				w.cluster.set(func(f *fakeCluster) {
					f.duringRead = func() error {
						return &algesta.Error{Kind: algesta.ErrUnreachable, Message: algesta.Say("The cluster doesn't answer.")}
					}
				})
			},
			func(w *world) { w.cluster.set(func(f *fakeCluster) { f.duringRead = nil }) }, "The cluster doesn't answer.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			id := w.follows()
			before := w.followed(algesta.DetailPost)
			w.cluster.set(func(c *fakeCluster) { c.replicas = 8 })
			c.away(w)
			require.True(t, w.looks(id))
			require.Contains(t, w.followed(algesta.CardPost).Report.Title.String(), "3 of 4 ready", "nothing new is shown")
			detail := w.followed(algesta.DetailPost)
			require.Contains(t, detail.Report.Title.String(), c.said)
			require.Contains(t, detail.Report.Title.String(), "I keep trying until")
			require.Equal(t, before.Report.Body, detail.Report.Body)
			c.back(w)
			require.True(t, w.looks(id))
			require.Contains(t, w.followed(algesta.CardPost).Report.Title.String(), "7 of 8 ready")
			require.Contains(t, w.followed(algesta.DetailPost).Report.Title.String(), "Following until")
		})
	}
}

func TestWhoMayStopAFollow(t *testing.T) {
	t.Parallel()
	t.Run("whoever asked", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		id := w.follows()
		w.votes(luis, algesta.Stop, id)
		require.Regexp(t, `^Luis stopped it after .*\. As of .*:$`, w.followed(algesta.DetailPost).Report.Title.String())
		require.False(t, w.looks(id))
		w.votes(luis, algesta.Stop, id)
		require.Equal(t, "I've stopped following this already.", w.followed(algesta.AnswerPost).Report.Title.String())
		require.Zero(t, w.unanswered())
	})
	t.Run("someone who may read nothing", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		id := w.follows()
		w.votes(nico, algesta.Stop, id)
		require.Equal(
			t, "Only Luis, or someone who may read the same, can stop this.", w.followed(algesta.AnswerPost).Report.Title.String(),
		)
		require.True(t, w.live(id).Open())
	})
	t.Run("someone who may read the same", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.people.set(func(d *fakeDirectory) { d.people[nico.ID.User] = person("U0NICO", "Nico", "S0BACKEND") })
		id := w.follows()
		w.votes(nico, algesta.Stop, id)
		require.False(t, w.live(id).Open())
		entries, err := w.store.Audit(t.Context(), id)
		require.NoError(t, err)
		last := entries[len(entries)-1]
		require.Equal(t, "follow ended", last.Kind)
		require.Equal(t, nico.ID.String(), last.Actor)
	})
}

func TestOnlySoMuchIsFollowedAtATime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, p := range []algesta.Actor{pablo, nico} {
		w.people.set(func(d *fakeDirectory) { d.people[p.ID.User] = person(p.ID.User, p.Name, "S0BACKEND") })
	}
	w.cluster.set(func(c *fakeCluster) { c.coming = true })
	for range 3 {
		w.types(luis, watching)
	}
	w.types(luis, watching)
	told := w.followed(algesta.AnswerPost)
	require.Equal(t, "You're following 3 answers already, the most for one person.", told.Report.Title.String())
	require.Contains(t, told.Report.Body[0].Text.String(), "Stop one of them")
	w.types(pablo, watching)
	w.types(pablo, watching)
	w.types(nico, watching)
	require.Equal(
		t, "5 answers are followed in this channel already, the most for one channel.", w.followed(algesta.AnswerPost).Report.Title.String(),
	)
	w.votes(luis, algesta.Stop, w.followed(algesta.DetailPost).Command)
	w.types(nico, watching)
	n, err := w.store.OpenLiveAnswers(t.Context())
	require.NoError(t, err)
	require.Equal(t, 5, n)
}

func TestWhatOnlyItsReaderSeesIsNotFollowed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.people.set(func(d *fakeDirectory) { d.away = true })
	w.cluster.set(func(c *fakeCluster) { c.coming = true })
	w.types(luis, watching)
	told := w.followed(algesta.AnswerPost).Report
	require.Contains(t, told.Title.String(), "3 of 4 ready")
	require.Contains(t, told.Body[len(told.Body)-1].Text.String(), "I can't follow it here, because only you see it")
	n, err := w.store.OpenLiveAnswers(t.Context())
	require.NoError(t, err)
	require.Zero(t, n)
}

func TestARuleFollowsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cluster.set(func(c *fakeCluster) { c.coming = true })
	target := algesta.Target{
		Service: "api-gateway", Environment: "production", Cluster: "aks", Namespace: "production", Name: "api-gateway-production",
	}
	_, err := w.dispatcher.HandleRule(t.Context(), commands.RuleCommand{
		Rule: "rollout-failed", For: luis.ID, Runbook: "status", Target: target, Args: algesta.Args{"watch": true}, Channel: "C0OPS",
	})
	require.NoError(t, err)
	require.Empty(t, w.followed(algesta.DetailPost).Report.Buttons)
	n, err := w.store.OpenLiveAnswers(t.Context())
	require.NoError(t, err)
	require.Zero(t, n)
}

func TestAFollowWhoseMessageCantBeEditedEndsAndSaysSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.follows()
	w.refuses = func(o algesta.Outgoing) bool { return o.Post.Kind == algesta.DetailPost && o.TS != "" }
	w.cluster.set(func(c *fakeCluster) { c.replicas = 8 })
	w.looks(id)
	w.posts()
	require.Eventually(t, func() bool { w.looks(id); return !w.live(id).Open() }, deadline, lookEvery)
	require.Equal(
		t, "I can't edit the answer above any more, so I've stopped following it. @Luis", w.followed(algesta.EndPost).Report.Title.String(),
	)
}

// TestAFollowThatPanicsEnds: a mistake doesn't leave a message that promises to be brought up to date.
func TestAFollowThatPanicsEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.follows()
	w.cluster.set(func(c *fakeCluster) { c.panics = map[string]bool{"Workload": true} })
	job := w.dispatcher.Jobs()[algesta.LiveJob]
	require.Eventually(t, func() bool {
		again, err := job(t.Context(), id)
		require.NoError(t, err)
		return again == 0
	}, deadline, lookEvery)
	require.Contains(t, w.followed(algesta.DetailPost).Report.Title.String(), "Something went wrong on my side.")
	require.False(t, w.live(id).Open())
}

func TestAgesAndUsageAreNoNews(t *testing.T) {
	t.Parallel()
	says := func(s string) algesta.Report {
		return algesta.Report{Body: []algesta.Block{{Text: algesta.Say("{}", s)}}}
	}
	for before, after := range map[string]string{
		"running for 41 s": "running for 3 min", "87m": "112m", "394Mi of 1Gi": "395.5Mi of 1Gi", "12 % of the quota": "13 % of the quota",
		"just now": "3 s ago",
	} {
		require.True(t, commands.NothingNew(says(before), says(after)), "%s → %s", before, after)
	}
	for before, after := range map[string]string{
		"2 of 4 ready": "3 of 4 ready", "0 restarts": "1 restart", "on 12344": "on 12345", "GET /a": "GET /b",
	} {
		require.False(t, commands.NothingNew(says(before), says(after)), "%s → %s", before, after)
	}
}
