package commands_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

// TestApproversWhoArentInTheChannelAreAskedDirectly: a mention reaches members of a channel only.
func TestApproversWhoArentInTheChannelAreAskedDirectly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	// Nico may not approve, and Luis asked for it himself.
	w.people.set(func(d *fakeDirectory) { d.absent = []algesta.PersonID{carla.ID, nico.ID, luis.ID} })
	w.types(luis, "scale api-gateway production 6")
	w.request(algesta.Pending)
	require.Eventually(t, func() bool { return len(w.directs()) > 0 && len(w.said(algesta.AskedPost)) > 0 }, deadline, lookEvery)
	said := w.directs()
	require.Len(t, said, 1)
	require.True(t, strings.HasPrefix(said[0], "U0CARLA: Luis asks to scale"), said[0])
	require.True(t, strings.HasSuffix(said[0], " Approve?"), said[0])
	require.Contains(t, w.said(algesta.AskedPost)[0], "Carla")
	for _, p := range w.posts() {
		if p.Direct {
			require.Contains(t, p.Report.Body[0].Text.String(), "open the request")
		}
	}
}

// Whoever was asked directly sees in the same message that nothing is asked of them any more, and how it ended.
func TestADirectQuestionSaysHowItEnded(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		end   func(w *world, id string)
		to    algesta.Status
		title string
	}{
		"approved": {
			func(w *world, id string) { w.votes(pablo, algesta.Approve, id) }, algesta.Succeeded, "api-gateway in production is scaled to 6 pods",
		},
		"denied":    {func(w *world, id string) { w.votes(pablo, algesta.Deny, id) }, algesta.Rejected, "was denied by Pablo"},
		"cancelled": {func(w *world, id string) { w.votes(luis, algesta.Cancel, id) }, algesta.Cancelled, "was cancelled by Luis"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.people.set(func(d *fakeDirectory) { d.absent = []algesta.PersonID{carla.ID} })
			w.types(luis, "scale api-gateway production 6")
			r := w.request(algesta.Pending)
			require.Eventually(t, func() bool { return len(w.directs()) > 0 }, deadline, lookEvery)
			tc.end(w, r.ID)
			w.request(tc.to)
			said := w.directs()
			require.Len(t, said, 1)
			require.Contains(t, said[0], tc.title)
			require.NotContains(t, said[0], "Approve?")
		})
	}
}

func TestAReminderComesOnceAtHalfTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.people.set(func(d *fakeDirectory) { d.absent = []algesta.PersonID{carla.ID} })
	w.types(luis, "scale api-gateway production 6")
	r := w.request(algesta.Pending)
	require.Eventually(
		t, func() bool { _, ts, err := w.store.CardOf(t.Context(), r.ID); return err == nil && ts != "" }, deadline, lookEvery,
	)
	again, err := w.dispatcher.Remind(t.Context(), r.ID)
	require.NoError(t, err)
	require.Zero(t, again)
	require.Eventually(t, func() bool { return len(w.said(algesta.RemindPost)) == 1 }, deadline, lookEvery)
	said := w.said(algesta.RemindPost)[0]
	require.True(t, strings.HasPrefix(said, "Still waiting for you: Luis asks to scale"), said)
	require.Contains(t, said, "It expires at")
	require.Contains(t, said[strings.Index(said, "It expires"):], "@", "mentions come last")

	w.votes(carla, algesta.Approve, r.ID)
	w.request(algesta.Succeeded)
	again, err = w.dispatcher.Remind(t.Context(), r.ID)
	require.NoError(t, err)
	require.Zero(t, again)
	require.Len(t, w.said(algesta.RemindPost), 1, "nobody is reminded of what is decided")
	w.idle()
}

func TestAPhoneShowsTheQuestionOfAnApproval(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.types(luis, "scale api-gateway production 6")
	w.request(algesta.Pending)
	require.Eventually(t, func() bool {
		for _, p := range w.posts() {
			if p.Kind == algesta.PlanPost {
				push := p.Report.Push.String()
				return strings.HasPrefix(push, "Luis asks to scale") && strings.HasSuffix(push, " Approve?")
			}
		}
		return false
	}, deadline, lookEvery)
}
