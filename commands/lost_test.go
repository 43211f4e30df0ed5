package commands_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/store"
)

// directs are the direct messages so far: "U0LUIS: …".
func (w *world) directs() []string {
	var out []string
	for _, p := range w.posts() {
		if p.Direct {
			out = append(out, p.Channel+": "+p.Report.Title.String())
		}
	}
	return out
}

// TestARequestThatCantBeShownEnds has Slack refuse its card or its plan.
func TestARequestThatCantBeShownEnds(t *testing.T) {
	t.Parallel()
	for _, kind := range []algesta.PostKind{algesta.CardPost, algesta.PlanPost} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.refuses = func(o algesta.Outgoing) bool { return o.Post.Kind == kind }
			in := w.invocation(luis)
			in.Text = "scale api-gateway production 6"
			w.handle(in)
			require.Eventually(t, func() bool { return len(w.directs()) > 0 }, deadline, lookEvery)
			require.Equal(
				t,
				[]string{
					"U0LUIS: Scaling of api-gateway in production (4 → 6 pods) was cancelled, because I can't post in #ops and nobody " +
						"would have seen it. Nothing was changed. Ask where I can post, or let me post there. @Luis",
				},
				w.directs(),
			)
			open, err := w.store.Alive(t.Context())
			require.NoError(t, err)
			require.Empty(t, open)
			n, err := w.store.Lost(t.Context(), time.Now().Add(-time.Hour))
			require.NoError(t, err)
			require.Equal(t, 1, n)
			w.idle()
			require.Equal(t, 0, w.cluster.writes())
		})
	}
}

// TestAnEndThatCantBePostedGoesToEverybodyDirectly loses the end of a change that ran, and of one that was refused at the last moment.
func TestAnEndThatCantBePostedGoesToEverybodyDirectly(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		away bool
		said string
	}{
		"it ran":           {false, "All 6 pods were ready"},
		"the bot was gone": {true, "I'm not in #ops any more, so nobody would see how it ends. Invite me again and ask again."},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.refuses = func(o algesta.Outgoing) bool { return o.Post.Kind == algesta.EndPost }
			w.types(luis, "scale api-gateway production 6")
			r := w.request(algesta.Pending)
			w.people.set(func(d *fakeDirectory) { d.away = c.away })
			w.votes(carla, algesta.Approve, r.ID)
			require.Eventually(t, func() bool { return len(w.directs()) > 1 }, deadline, lookEvery)
			w.idle()
			said := w.directs()
			require.Len(t, said, 2)
			require.True(t, strings.HasPrefix(said[0], "U0LUIS: ") && strings.HasSuffix(said[0], " @Luis @Carla"), said[0])
			require.True(t, strings.HasPrefix(said[1], "U0CARLA: ") && strings.HasSuffix(said[1], " @Luis @Carla"), said[1])
			require.Contains(t, said[0], c.said)
			if c.away {
				require.Equal(t, 0, w.cluster.writes())
			}
		})
	}
}

// TestAnAnswerThatCantBePostedGoesToWhoeverAsked has Slack refuse the card, or its detail, of a command that only reads.
func TestAnAnswerThatCantBePostedGoesToWhoeverAsked(t *testing.T) {
	t.Parallel()
	for name, lost := range map[string][]algesta.PostKind{
		"all of it": {algesta.CardPost, algesta.DetailPost}, "its detail": {algesta.DetailPost},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.refuses = func(o algesta.Outgoing) bool { return slices.Contains(lost, o.Post.Kind) }
			w.types(luis, "status api-gateway production")
			require.Eventually(t, func() bool { return len(w.directs()) == len(lost) }, deadline, lookEvery)
			w.idle()
			said := strings.Join(w.directs(), "\n")
			require.Len(t, w.directs(), len(lost), "once")
			require.Equal(t, len(lost), strings.Count(said, "U0LUIS: "))
			require.Equal(t, len(lost) == 2, strings.Contains(said, "4 of 4 ready"), said)
			for _, p := range w.posts() {
				if p.Direct {
					require.Empty(t, p.Report.Buttons)
					require.Contains(t, p.Report.Small.String(), "I couldn't post this where you asked")
				}
			}
		})
	}
}

// TestALostEditLosesNothing has Slack take no edits, as where a workspace allows none.
func TestALostEditLosesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.refuses = func(o algesta.Outgoing) bool { return o.TS != "" }
	w.types(luis, "scale api-gateway production 6")
	r := w.request(algesta.Pending)
	w.votes(carla, algesta.Approve, r.ID)
	w.request(algesta.Succeeded)
	w.idle()
	ends := w.said(algesta.EndPost)
	require.Len(t, ends, 1, "the end is a message of its own")
	require.NoError(t, w.store.Update(t.Context(), func(tx *store.Tx) error {
		return tx.Post(
			algesta.Post{Command: r.ID, Kind: algesta.EndPost, Channel: "C0OPS", Report: algesta.Report{Title: algesta.Say("without its button")}},
		)
	}))
	w.posts()
	w.idle()
	require.Empty(t, w.directs(), "and it is not told again because its button can't be taken away")
}

// TestAnAnswerAboutAChangeInDoubtThatCantBePostedGoesToWhoeverAsked has Slack refuse the reply that says what somebody saw.
func TestAnAnswerAboutAChangeInDoubtThatCantBePostedGoesToWhoeverAsked(t *testing.T) {
	t.Parallel()
	w, doubtful, _ := inDoubt(t)
	w.refuses = func(o algesta.Outgoing) bool { return o.Post.Kind == algesta.VerdictPost }
	w.votes(person("U0MARTA", "Marta"), algesta.NotDone, doubtful.ID)
	require.Eventually(t, func() bool {
		w.posts()
		return strings.Contains(strings.Join(w.directs(), "\n"), "U0LUIS: ") &&
			strings.Contains(strings.Join(w.directs(), "\n"), "didn't happen, according to Marta.")
	}, deadline, lookEvery)
}
