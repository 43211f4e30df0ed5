package commands_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/store"
)

// breaking are the usual rules, in which operators may break the glass.
const breaking = rules + `
breakGlass: {roles: [operator], lasts: 30m, reason: required, announceIn: C0SECURITY}
`

// alive is the newest request that hasn't ended, whether anything of it was posted or not.
func (w *world) alive() algesta.Request {
	w.t.Helper()
	all, err := w.store.Alive(w.t.Context())
	require.NoError(w.t, err)
	require.NotEmpty(w.t, all, "%v", lastSaid{w})
	return all[len(all)-1]
}

// breaks has Luis break the glass for production.
func (w *world) breaks() algesta.BreakGlass {
	w.t.Helper()
	w.types(luis, "break-glass production because the shop is down")
	require.Eventually(w.t, func() bool { w.posts(); return len(*w.store.Broken()) > 0 }, deadline, lookEvery, "%v", lastSaid{w})
	w.request(algesta.Succeeded)
	return (*w.store.Broken())[0]
}

// announcements are what the security channel reads now.
func (w *world) announcements() (said []string) {
	w.t.Helper()
	for _, p := range w.posts() {
		if p.Channel == "C0SECURITY" {
			said = append(said, p.Report.Title.String())
		}
	}
	return said
}

// TestABrokenGlassRunsNothingBeforeTheSecurityChannelIsTold: neither the glass is broken before, nor anything changed under it.
func TestABrokenGlassRunsNothingBeforeTheSecurityChannelIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setRules(breaking)
	w.types(luis, "break-glass production")
	require.Contains(t, w.answered()[0], "Break-glass needs a reason")
	w.types(luis, "break-glass production because the shop is down")
	r := w.alive()
	require.Equal(t, algesta.Approved, r.Status, "no approval is asked for")
	again, err := w.dispatcher.Execute(t.Context(), r.ID)
	require.NoError(t, err)
	require.Positive(t, again, "it waits")
	require.Empty(t, *w.store.Broken())
	require.Eventually(t, func() bool { w.posts(); return len(*w.store.Broken()) > 0 }, deadline, lookEvery)
	w.request(algesta.Succeeded)
	require.Regexp(t, `^Break-glass by Luis: Luis may change production without approvals until `, w.announcements()[0])

	w.types(luis, "scale api-gateway production 6")
	r = w.alive()
	require.Equal(t, algesta.Approved, r.Status)
	require.Equal(t, (*w.store.Broken())[0].ID, r.Glass.ID)
	_, err = w.dispatcher.Execute(t.Context(), r.ID)
	require.NoError(t, err)
	require.Zero(t, w.cluster.writes(), "nobody was told yet")
	require.Eventually(t, func() bool {
		w.posts()
		now, err := w.store.Request(t.Context(), r.ID)
		return err == nil && now.Status == algesta.Succeeded
	}, deadline, lookEvery, "%v", lastSaid{w})
	require.Equal(t, 1, w.cluster.writes())
	require.Contains(t, w.announcements()[1], "Without approval, break-glass by Luis: ")

	var plan, card string
	for _, p := range w.posts() {
		switch {
		case p.Command == r.ID && p.Kind == algesta.PlanPost:
			plan = p.Report.Body[len(p.Report.Body)-1].Text.String()
		case p.Command == r.ID && p.Kind == algesta.CardPost:
			card = p.Report.Small.String()
		}
	}
	require.Contains(t, plan, "Break-glass (“the shop is down”): no approval was asked for.")
	require.Contains(t, card, "break-glass")
	entries, err := w.store.Audit(t.Context(), r.ID)
	require.NoError(t, err)
	var kinds []string
	for _, e := range entries {
		kinds = append(kinds, e.Kind)
	}
	require.Contains(t, kinds, "break-glass")
}

// TestWithoutAnAnnouncementNothingGoesWithoutApproval: for want of the post in the security channel.
func TestWithoutAnAnnouncementNothingGoesWithoutApproval(t *testing.T) {
	t.Parallel()
	inSecurity := func(o algesta.Outgoing) bool { return o.Post.Channel == "C0SECURITY" }
	t.Run("the glass isn't broken", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.setRules(breaking)
		w.refuses = inSecurity
		w.types(luis, "break-glass production because the shop is down")
		w.request(algesta.Rejected)
		require.Empty(t, *w.store.Broken())
		require.Contains(t, strings.Join(w.said(algesta.EndPost), "\n"), "I couldn't tell the security channel")
	})
	t.Run("nothing is changed under it", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.setRules(breaking)
		w.breaks()
		w.refuses = inSecurity
		w.types(luis, "scale api-gateway production 6")
		w.request(algesta.Rejected)
		require.Zero(t, w.cluster.writes())
	})
	t.Run("the security channel is another company's, too", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.setRules(breaking)
		w.people.set(func(d *fakeDirectory) { d.sharedAs = "C0SECURITY" })
		w.types(luis, "break-glass production because the shop is down")
		require.Contains(t, w.answered()[0], "The security channel is shared with another company, so nothing goes without approvals.")
	})
	t.Run("another company reads along since it was asked for", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.setRules(breaking)
		w.breaks()
		w.types(luis, "scale api-gateway production 6")
		w.people.set(func(d *fakeDirectory) { d.sharedAs = "C0SECURITY" })
		w.people.later(time.Minute)
		w.request(algesta.Rejected)
		require.Zero(t, w.cluster.writes())
		require.Contains(t, strings.Join(w.said(algesta.EndPost), "\n"), "The security channel is shared with another company")
	})
	t.Run("nobody can tell who reads along", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.setRules(breaking)
		w.breaks()
		w.types(luis, "scale api-gateway production 6")
		r := w.alive()
		w.people.set(func(d *fakeDirectory) { d.placeDown = true })
		w.people.later(time.Minute)
		again, err := w.dispatcher.Execute(t.Context(), r.ID)
		require.NoError(t, err)
		require.Positive(t, again, "it waits")
		require.Zero(t, w.cluster.writes())
		w.people.set(func(d *fakeDirectory) { d.placeDown = false })
		require.Eventually(t, func() bool { w.posts(); return w.cluster.writes() == 1 }, deadline, lookEvery, "%v", lastSaid{w})
	})
	t.Run("the policy has it told elsewhere meanwhile", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.setRules(breaking)
		w.breaks()
		w.types(luis, "scale api-gateway production 6")
		w.setRules(strings.Replace(breaking, "C0SECURITY", "C0OTHERS", 1))
		w.request(algesta.Rejected)
		require.Zero(t, w.cluster.writes())
	})
}

// TestTheSecurityChannelIsToldNothingThatOthersWrote: who reads it may have changed since the announcement.
func TestTheSecurityChannelIsToldNothingThatOthersWrote(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setRules(breaking)
	w.breaks()
	w.types(luis, "restart api-gateway production")
	r := w.alive()
	w.cluster.set(func(f *fakeCluster) { f.crashes = "walrus" })
	w.request(algesta.Failed)
	require.Contains(t, strings.Join(w.said(algesta.EndPost), "\n"), "walrus")
	said := w.announcements()
	require.NotContains(t, strings.Join(said, "\n"), "walrus")
	require.Contains(t, said[1], r.Plan.Title.String()+" failed. Its thread says why.")
}

// TestWhatABrokenGlassDoesNotDo: everything else needs its approval, or stays forbidden.
func TestWhatABrokenGlassDoesNotDo(t *testing.T) {
	t.Parallel()
	t.Run("it isn't another person's", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.setRules(breaking)
		w.people.set(func(d *fakeDirectory) { d.people[nico.ID.User] = person("U0NICO", "Nico", "S0BACKEND") })
		w.breaks()
		w.types(nico, "scale api-gateway production 6")
		require.Nil(t, w.request(algesta.Pending).Glass)
	})
	t.Run("without the block nobody breaks one", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.types(luis, "break-glass production because the shop is down")
		require.Contains(t, w.answered()[0], "use break-glass in production")
		require.Empty(t, *w.store.Broken())
	})
	t.Run("it ends before the write", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.setRules(breaking)
		z := w.breaks()
		w.types(luis, "scale api-gateway production 6")
		require.NoError(t, w.store.Update(t.Context(), func(tx *store.Tx) error { _, err := tx.EndGlass(z.ID, time.Now()); return err }))
		w.request(algesta.Rejected)
		require.Zero(t, w.cluster.writes())
		require.Contains(t, strings.Join(w.said(algesta.EndPost), "\n"), "The break-glass is over")
	})
	t.Run("the role is taken away before the write", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.setRules(breaking)
		w.breaks()
		w.types(luis, "scale api-gateway production 6")
		w.setRules(rules)
		w.request(algesta.Rejected)
		require.Zero(t, w.cluster.writes())
	})
	t.Run("an approval that counts no more isn't made up for", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.setRules(breaking)
		w.types(luis, "scale api-gateway production 6")
		r := w.request(algesta.Pending)
		w.breaks()
		w.cluster.set(func(f *fakeCluster) {
			f.duringRead = func() error {
				f.set(func(f *fakeCluster) { f.duringRead = nil })
				w.setRules(strings.Replace(breaking, `"user:U0CARLA"`, `"user:U0NICO"`, 1))
				return nil
			}
		})
		w.votes(carla, algesta.Approve, r.ID)
		w.request(algesta.Rejected)
		require.Zero(t, w.cluster.writes())
	})
	t.Run("it lifts no freeze that others agreed on", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.setRules(strings.Replace(breaking, "allow: [read, restart, scale]", "allow: [read, change]", 1))
		w.types(luis, "freeze production until=2h because the import runs")
		w.votes(carla, algesta.Approve, w.request(algesta.Pending).ID)
		w.request(algesta.Succeeded)
		w.breaks()
		for _, typed := range []string{"unfreeze production", "silence production until=1h because I can"} {
			w.types(luis, typed)
			require.Nil(t, w.request(algesta.Pending).Glass, typed)
		}
		w.types(luis, "scale api-gateway production 6")
		require.Contains(t, w.answered()[0], "Luis froze it")
		require.Zero(t, w.cluster.writes())
	})
	t.Run("it thaws nothing", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.setRules(breaking)
		w.breaks()
		w.setRules(breaking + frozenNow)
		w.types(luis, "scale api-gateway production 6")
		require.Contains(t, w.answered()[0], "freeze")
		require.Zero(t, w.cluster.writes())
	})
}

// TestWhatWaitsForApprovalIsAskedForAgainUnderABrokenGlass: it's what can't wait.
func TestWhatWaitsForApprovalIsAskedForAgainUnderABrokenGlass(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setRules(breaking)
	w.types(luis, "scale api-gateway production 6")
	w.request(algesta.Pending)
	w.breaks()
	w.types(luis, "scale api-gateway production 6")
	require.Eventually(t, func() bool { w.posts(); return w.cluster.writes() == 1 }, deadline, lookEvery, "%v", lastSaid{w})
}

func TestABrokenGlassEndsByItselfAndSaysSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setRules(breaking)
	z := w.breaks()
	again, err := w.dispatcher.EndGlass(t.Context(), z.ID)
	require.NoError(t, err)
	require.Greater(t, again, 20*time.Minute, "its time isn't up")
	w.types(luis, "scale api-gateway production 6")
	r := w.request(algesta.Succeeded)
	for r.Command.Runbook != "scale" {
		r = w.request(algesta.Succeeded)
	}
	over := z
	over.ID, over.From, over.Until = r.ID, time.Now().Add(-time.Hour), time.Now()
	require.NoError(t, w.store.Update(t.Context(), func(tx *store.Tx) error { return tx.BreakGlass(over) }))
	for range 2 { // a job may be done once too often
		again, err = w.dispatcher.EndGlass(t.Context(), r.ID)
		require.NoError(t, err)
		require.Zero(t, again)
	}
	require.Equal(
		t, []string{"The break-glass for production is over after 60 min, as planned. Without approval went 0 requests. @Luis"},
		w.said(algesta.GlassPost),
	)
	said := w.announcements()
	require.Contains(t, said[len(said)-1], "The break-glass for production is over after 60 min")
}
