package commands_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

// TestAFollowEndsWhereItMayNotBeReadAnyMore: what is shown goes, and nothing new comes.
func TestAFollowEndsWhereItMayNotBeReadAnyMore(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		happens func(*world)
		said    string
	}{
		"the policy gives it to nobody any more": {
			func(w *world) { w.setRules(strings.Replace(rules, "S0BACKEND", "S0OTHERS", 1)) }, "Luis may not read this any more",
		},
		"whoever asked has left the group": {func(w *world) {
			w.people.set(func(d *fakeDirectory) { d.people[luis.ID.User] = person("U0LUIS", "Luis") })
			w.people.later(2 * time.Minute)
		}, "Luis may not read this any more"},
		"whoever asked was deactivated": {func(w *world) {
			gone := luis
			gone.Standing = algesta.Deactivated
			w.people.set(func(d *fakeDirectory) { d.people[luis.ID.User] = gone })
			w.people.later(2 * time.Minute)
		}, "Luis may not read this any more"},
		"another company reads along": {(*world).share, "this channel is shared with another company"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			id := w.follows()
			c.happens(w)
			w.cluster.set(func(c *fakeCluster) { c.replicas = 8 })
			require.False(t, w.looks(id))
			detail := w.followed(algesta.DetailPost)
			require.Contains(t, detail.Report.Title.String(), c.said)
			require.Empty(t, detail.Report.Body)
			require.Empty(t, detail.Report.Buttons)
			require.Equal(t, "Status api-gateway in production", w.followed(algesta.CardPost).Report.Title.String())
			require.False(t, w.live(id).Open())
		})
	}
}

// TestWhatAFollowShowsGoesHoweverItEnds: by its time, by a click or by an error, nothing looks at it again.
func TestWhatAFollowShowsGoesHoweverItEnds(t *testing.T) {
	t.Parallel()
	happens := map[string]struct {
		what func(*world)
		said string
	}{
		"shared":    {(*world).share, "shared with another company, so what it showed is gone."},
		"withdrawn": {func(w *world) { w.setRules(strings.Replace(rules, "S0BACKEND", "S0OTHERS", 1)) }, "so what it showed is gone."},
		"Slack is away": {func(w *world) {
			w.people.set(func(d *fakeDirectory) { d.down, d.placeDown = true, true })
			w.people.later(time.Hour)
		}, "I couldn't check in Slack who may read this, so what it showed is gone."},
	}
	ends := map[string]func(*world, string){
		"its time": func(w *world, id string) { w.isOver(id); w.looks(id) },
		"a click": func(w *world, id string) {
			w.people.set(func(d *fakeDirectory) { d.people[nico.ID.User] = person("U0NICO", "Nico", "S0BACKEND", "S0OTHERS") })
			w.votes(nico, algesta.Stop, id)
		},
		"what it's about is gone": func(w *world, id string) {
			gone := &algesta.Error{Kind: algesta.ErrNotFound, Message: algesta.Say("It isn't there.")}
			w.cluster.set(func(f *fakeCluster) { f.duringRead = func() error { return gone } })
			w.looks(id)
		},
	}
	for before, h := range happens {
		for by, end := range ends {
			if before == "Slack is away" && by != "its time" { // nobody can click, and what is gone isn't looked for
				continue
			}
			t.Run(before+", "+by, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				id := w.follows()
				require.NotEmpty(t, w.followed(algesta.DetailPost).Report.Body)
				h.what(w)
				end(w, id)
				require.False(t, w.live(id).Open())
				detail := w.followed(algesta.DetailPost)
				require.Empty(t, detail.Report.Body)
				require.Empty(t, detail.Report.Buttons)
				require.Equal(t, "Status api-gateway in production", w.followed(algesta.CardPost).Report.Title.String())
				if by != "what it's about is gone" {
					require.Contains(t, detail.Report.Title.String(), h.said)
					require.NotContains(t, detail.Report.Title.String(), "As of")
				}
			})
		}
	}
}

func TestAFollowEndsWithItsTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.follows()
	w.isOver(id)
	require.False(t, w.looks(id))
	detail := w.followed(algesta.DetailPost)
	require.Regexp(t, `^I followed this for 10 min\. As of .*:$`, detail.Report.Title.String())
	require.NotEmpty(t, detail.Report.Body, "it stays as it was")
	require.Len(t, detail.Report.Buttons, 1)
	require.Equal(t, "Follow again", detail.Report.Buttons[0].Label)
	w.votes(luis, algesta.Run, detail.Report.Buttons[0].ID)
	again := w.followed(algesta.DetailPost)
	require.NotEqual(t, id, again.Command)
	require.True(t, w.live(again.Command).Open())
}
