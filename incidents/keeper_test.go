package incidents

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

func TestAKeeperTellsAndEndsAnIncident(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &town{objects: crashing()}
		defer watches(t, w)()
		time.Sleep(29 * time.Second)
		require.Empty(t, w.card())
		require.Zero(t, w.seen().looks, "what waits costs the cluster nothing")
		noticed := w.keeper.Noticed()
		require.Len(t, noticed, 1, "it's known to whoever asks how things stand")
		require.Equal(t, "Deployment ms-orders", noticed[0].Thing)
		require.Equal(t, "production", noticed[0].Place.Environment)
		time.Sleep(4 * time.Second)
		require.Contains(t, w.card(), "ms-orders in production is down: ")
		require.Contains(t, w.card(), "0 of 1 pod ready")
		require.Empty(t, w.keeper.Noticed())
		require.False(t, w.ended())
		require.Len(t, w.seen().posts[algesta.DetailPost], 1)
		time.Sleep(10 * time.Minute)
		require.LessOrEqual(t, w.seen().looks, 14, "one look a minute where nothing moves")
		require.Len(t, w.seen().posts[algesta.CardPost], 2, "endpoints-gone joined; nothing new is no edit")
		w.set(func(w *town) { w.objects = running() })
		time.Sleep(29 * time.Second)
		require.Contains(t, w.card(), "is down")
		time.Sleep(10 * time.Second)
		require.Contains(t, w.card(), "ms-orders in production is healthy again")
		require.True(t, w.ended(), "no progress is edited before it: the reply that says the same isn't kept waiting, either")
		require.Equal(t, []string{"opened", "joined", "resolved"}, w.seen().events)
		require.Equal(t, []string{CrashLoop}, w.seen().lines[0]["because"], "the audit names what saw it")
	})
}

// TestACardSaysWhenTheClusterCannotBeAsked covers a missing right, an API server that is away, and a mistake of ours: nothing ends.
func TestACardSaysWhenTheClusterCannotBeAsked(t *testing.T) {
	t.Parallel()
	away := &algesta.Error{Kind: algesta.ErrUnreachable, Message: algesta.Say("The cluster aks does not answer.")}
	forbidden := &algesta.Error{Kind: algesta.ErrForbidden, Message: algesta.Say("I have no right to list pods in production.")}
	for name, c := range map[string]struct {
		breaks func(*town)
		says   string
	}{
		"the API server is away": {
			func(w *town) { w.unseen, w.objects, w.unread = away, nil, UnreadAll(away) }, "The cluster aks does not answer.",
		},
		"the right is gone": {
			func(w *town) { w.unseen, w.objects, w.unread = forbidden, nil, map[string]error{"pods": forbidden} },
			"I have no right to list pods in production.",
		},
		"the caches are trusted and the diagnosis isn't": {
			func(w *town) { w.unseen, w.objects = away, nil }, "The cluster aks does not answer.",
		},
		"a rule panics": {func(w *town) { w.panics, w.objects = true, nil }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := &town{objects: crashing()}
				defer watches(t, w)()
				time.Sleep(time.Minute)
				w.set(c.breaks)
				time.Sleep(20 * time.Minute)
				require.Contains(t, w.card(), "is down")
				if c.says != "" {
					require.Contains(t, w.card(), "I can't tell whether it's over. ")
					require.Contains(t, w.card(), c.says)
				}
				w.set(func(w *town) { w.unseen, w.unread, w.panics, w.objects = nil, nil, false, running() })
				time.Sleep(2 * time.Minute)
				require.Contains(t, w.card(), "is healthy again")
				require.NotContains(t, w.card(), "Couldn't check")
			})
		})
	}
}

func TestAPolicyThatGivesTheRuleNothingIsObeyed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &town{objects: crashing(), refused: &algesta.Error{Kind: algesta.ErrRefused, Message: algesta.Say("No binding gives that.")}}
		defer watches(t, w)()
		time.Sleep(5 * time.Minute)
		require.Empty(t, w.seen().posts)
		require.Empty(t, w.seen().incidents)
		w.set(func(w *town) { w.refused = nil })
		time.Sleep(20 * time.Second)
		require.Contains(t, w.card(), "is down")
	})
}

func TestAnotherProcessThatWasQuickerIsTakenOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &town{objects: crashing(), quicker: true}
		stop := watches(t, w)
		time.Sleep(33 * time.Second)
		require.Empty(t, w.card())
		time.Sleep(30 * time.Second)
		require.Contains(t, w.card(), "is down")
		require.Len(t, w.seen().incidents, 1)
		stop() // a restart: the store is all that is left
		stop = watches(t, w)
		defer stop()
		time.Sleep(5 * time.Minute)
		require.Len(t, w.seen().incidents, 1)
		require.Len(t, w.seen().posts[algesta.CardPost], 2, "endpoints-gone joined")
	})
}
