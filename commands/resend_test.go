package commands_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

const frozenNow = "freezes:\n  - {name: holidays, verbs: [change], namespaces: [production], from: 2020-01-01T00:00:00Z, to: " +
	"2100-01-01T00:00:00Z, reason: no changes}\n"

// notSent are the two ways in which a write can be recorded and not sent.
func notSent() map[string]*algesta.Error {
	return map[string]*algesta.Error{
		"after a connection that failed": {Kind: algesta.ErrUnreachable, Message: algesta.Say("The cluster does not answer.")},
		// A killed process leaves the same: an intent about which nobody knows anything.
		"after a kill": {Kind: algesta.ErrUncertain, Message: algesta.Say("No answer.")},
	}
}

// TestWhatWasRecordedAndNotSentIsCheckedAgain has the world change between the intent and the patch.
func TestWhatWasRecordedAndNotSentIsCheckedAgain(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		between func(*world)
		status  algesta.Status
		said    string
	}{
		"the policy gives the requester nothing any more": {
			func(w *world) { w.setRules(strings.Replace(rules, "group:S0BACKEND", "group:S0OTHERS", 1)) },
			algesta.Rejected, "You can't scale in production",
		},
		"a freeze": {
			func(w *world) { w.setRules(rules + frozenNow) },
			algesta.Rejected, "freeze \"holidays\"",
		},
		"the requester left the group": {
			func(w *world) { w.people.set(func(d *fakeDirectory) { d.people["U0LUIS"] = person("U0LUIS", "Luis") }) },
			algesta.Rejected, "You can't scale in production",
		},
		"the approver was deactivated": {
			func(w *world) {
				gone := carla
				gone.Standing = algesta.Deactivated
				w.people.set(func(d *fakeDirectory) { d.people["U0CARLA"] = gone })
			},
			algesta.Rejected, "The approval by Carla no longer counts",
		},
		"a limit": {
			func(w *world) {
				w.setRules(
					rules + "limits:\n  - {name: small, verbs: [scale], namespaces: [production], require: 'plan.pods < 3', otherwise: Too many pods.}\n",
				)
			},
			algesta.Rejected, "Too many pods.",
		},
		"the object": {
			func(w *world) { w.cluster.set(func(f *fakeCluster) { f.replicas = 5 }) },
			algesta.Superseded, "was not run, because api-gateway-production changed",
		},
		"the bot was removed from the channel": {
			func(w *world) { w.people.set(func(d *fakeDirectory) { d.away = true }) },
			algesta.Rejected, "I'm not in #ops any more, so nobody would see how it ends.",
		},
		"another company was let into the channel": {
			func(w *world) { w.share() },
			algesta.Rejected, "#ops is shared with another company, or will be as soon as it accepts, so I don't change anything " +
				"from there.",
		},
		"the time to start in has passed": {
			func(w *world) { w.startBy(time.Now().Add(-time.Second)) },
			algesta.Stale, "couldn't start within 15 min. Nothing was changed.",
		},
		"whoever asked took it back": {
			func(w *world) { w.votes(luis, algesta.Cancel, w.request(algesta.Executing).ID) },
			algesta.Cancelled, "was cancelled by Luis. Nothing was changed.",
		},
	}
	for how, err := range notSent() {
		for name, c := range cases {
			t.Run(name+" "+how, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				w.cluster.set(func(f *fakeCluster) {
					f.send = func() error { c.between(w); return err }
					f.verify = func(*fakeCluster) (algesta.Verified, error) { return algesta.Verified{}, nil }
				})
				w.types(luis, "scale api-gateway production 6")
				w.votes(carla, algesta.Approve, w.request(algesta.Pending).ID)
				w.request(c.status)
				require.Equal(t, 0, w.cluster.writes())
				require.Contains(t, strings.Join(w.said(algesta.EndPost), "\n"), c.said)
			})
		}
	}
}

// TestCancelIsPossibleWhileNothingWasSent has the cluster stay away after the intent.
func TestCancelIsPossibleWhileNothingWasSent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	away := &algesta.Error{Kind: algesta.ErrUnreachable, Message: algesta.Say("The cluster does not answer.")}
	w.cluster.set(func(f *fakeCluster) {
		f.send = func() error {
			f.set(func(f *fakeCluster) { f.unreadable = away })
			return away
		}
	})
	w.types(luis, "scale api-gateway production 6")
	w.votes(carla, algesta.Approve, w.request(algesta.Pending).ID)
	waiting := w.request(algesta.Approved)
	require.Eventually(t, func() bool {
		return strings.Contains(lastSaid{w}.plan(), "Cancel")
	}, deadline, lookEvery, "the plan has its button again")
	w.votes(luis, algesta.Cancel, waiting.ID)
	w.request(algesta.Cancelled)
	require.Equal(t, 0, w.cluster.writes())
	require.Empty(t, lastSaid{w}.plan(), "and has lost it")
}

// TestAPlanLosesItsButtonAfterARestart has the bot restarted while an approved change waits for its cluster.
func TestAPlanLosesItsButtonAfterARestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	away := &algesta.Error{Kind: algesta.ErrUnreachable, Message: algesta.Say("The cluster does not answer.")}
	w.types(luis, "scale api-gateway production 6")
	r := w.request(algesta.Pending)
	w.cluster.set(func(f *fakeCluster) { f.unreadable = away })
	w.votes(carla, algesta.Approve, r.ID)
	require.Eventually(t, func() bool { return lastSaid{w}.plan() == "Cancel" }, deadline, lookEvery, "it waits")
	w.dispatcher.Restart()
	watched := make(chan struct{})
	defer close(watched)
	w.cluster.set(func(f *fakeCluster) {
		f.unreadable = nil
		f.send = func() error {
			f.set(func(f *fakeCluster) { f.duringRead = func() error { <-watched; return nil } })
			return nil
		}
	})
	w.request(algesta.Applied)
	require.Empty(t, lastSaid{w}.plan())
}
