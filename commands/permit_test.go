package commands_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands"
	"github.com/3astronautas/algesta/store"
)

// TestWhatWasKnownBeforeDoesNotCountAtTheExecution has Slack answer nobody when the last yes is given: what was known of the others five
// minutes ago runs nothing.
func TestWhatWasKnownBeforeDoesNotCountAtTheExecution(t *testing.T) {
	t.Parallel()
	gone := pablo
	gone.Standing = algesta.Deactivated
	for name, c := range map[string]struct {
		now  algesta.Actor // what Slack would say, if it said anything
		said string
	}{
		"an approver was deactivated":         {gone, "The approval by Pablo no longer counts"},
		"an approver left the group":          {person("U0PABLO", "Pablo"), "The approval by Pablo no longer counts"},
		"whoever asked for it left the group": {person("U0LUIS", "Luis"), "You can't scale in production"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.setRules(twoOf)
			w.types(luis, "scale api-gateway production 6")
			r := w.request(algesta.Pending)
			w.votes(pablo, algesta.Approve, r.ID)
			w.people.set(func(d *fakeDirectory) { d.people[c.now.ID.User] = c.now })
			w.people.later(5 * time.Minute)
			w.onceApproved(func() { w.people.set(func(d *fakeDirectory) { d.down = true }) })
			w.votes(carla, algesta.Approve, r.ID)
			require.Eventually(t, func() bool {
				w.posts()
				return strings.Contains(
					w.small(),
					"I couldn't look people up in Slack, so I can't check whether this is still allowed. I'll keep trying until",
				)
			}, deadline, lookEvery)
			require.Zero(t, w.cluster.writes())
			w.people.set(func(d *fakeDirectory) { d.down = false })
			w.request(algesta.Rejected)
			require.Zero(t, w.cluster.writes())
			require.Contains(t, strings.Join(w.said(algesta.EndPost), "\n"), c.said)
		})
	}
	t.Run("Slack stays away", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.onceApproved(func() { w.people.set(func(d *fakeDirectory) { d.down = true }) })
		w.types(luis, "scale api-gateway production 6")
		w.votes(carla, algesta.Approve, w.request(algesta.Pending).ID)
		w.startByOf(w.request(algesta.Approved), time.Now().Add(-time.Second))
		w.request(algesta.Stale)
		require.Zero(t, w.cluster.writes())
		require.Contains(t, strings.Join(w.said(algesta.EndPost), "\n"), "couldn't start within 15 min. Nothing was changed.")
	})
}

// TestWhatChangesWhileTheClusterIsReadStopsTheWrite has the world change between the last look at the policy and the record of the write.
func TestWhatChangesWhileTheClusterIsReadStopsTheWrite(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		between func(*world)
		status  algesta.Status
		said    string
	}{
		"a freeze begins": {func(w *world) { w.setRules(rules + frozenNow) }, algesta.Rejected, "freeze \"holidays\""},
		"an approver is deactivated": {func(w *world) {
			gone := carla
			gone.Standing = algesta.Deactivated
			w.people.set(func(d *fakeDirectory) { d.people["U0CARLA"] = gone })
			w.people.later(10 * time.Second)
		}, algesta.Rejected, "The approval by Carla no longer counts"},
		"another company comes": {(*world).share, algesta.Rejected, "#ops is shared with another company"},
		"the time to start in passes": {
			func(w *world) { w.startByOf(w.request(algesta.Approved), time.Now().Add(-time.Second)) },
			algesta.Stale, "couldn't start within 15 min. Nothing was changed.",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.types(luis, "scale api-gateway production 6")
			r := w.request(algesta.Pending)
			w.cluster.set(func(f *fakeCluster) {
				f.duringRead = func() error {
					f.set(func(f *fakeCluster) { f.duringRead = nil })
					c.between(w)
					return nil
				}
			})
			w.votes(carla, algesta.Approve, r.ID)
			w.request(c.status)
			require.Zero(t, w.cluster.writes())
			require.Contains(t, strings.Join(w.said(algesta.EndPost), "\n"), c.said)
			require.Empty(t, w.states(r.ID), "not even the intent")
		})
	}
}

// TestAnotherWriteThatBeganMeanwhileBlocks has another write to the workload recorded after the look for one.
func TestAnotherWriteThatBeganMeanwhileBlocks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.types(luis, "restart api-gateway production")
	other := w.request(algesta.Pending)
	w.votes(carla, algesta.Deny, other.ID)
	w.request(algesta.Rejected)
	w.types(luis, "scale api-gateway production 6")
	r := w.request(algesta.Pending)
	w.cluster.set(func(f *fakeCluster) {
		f.duringRead = func() error {
			f.set(func(f *fakeCluster) { f.duringRead = nil })
			return w.store.Update(t.Context(), func(tx *store.Tx) error {
				_, err := tx.Intend(algesta.Execution{
					Request: other.ID, Operation: algesta.Operation(other.ID, 0), Verb: algesta.Patch, Object: r.Command.Target.Workload(),
					State: algesta.Intended, Attempts: 1, StartedAt: time.Now(),
				})
				return err
			})
		}
	})
	w.votes(carla, algesta.Approve, r.ID)
	require.Eventually(t, func() bool {
		w.posts()
		return strings.Contains(w.small(), "Another change to api-gateway-production is running")
	}, deadline, lookEvery)
	require.Zero(t, w.cluster.writes())
}

// rulesOf are the rules with other approvers.
func rulesOf(approvers string) string {
	return strings.Replace(rules, `approvers: ["group:S0PLATFORM", "user:U0CARLA"]`, "approvers: ["+approvers+"]", 1)
}

// TestAClickIsDecidedByThePolicyInForce has the approvers change while a request waits.
func TestAClickIsDecidedByThePolicyInForce(t *testing.T) {
	t.Parallel()
	for action, said := range map[algesta.VoteAction]string{algesta.Approve: "You can't approve this", algesta.Deny: "You can't deny " +
		"this."} {
		t.Run(string(action)+" by whoever was an approver", func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.types(luis, "scale api-gateway production 6")
			r := w.request(algesta.Pending)
			w.setRules(rulesOf(`"user:U0NICO"`))
			w.votes(carla, action, r.ID)
			require.Contains(t, w.said(algesta.AnswerPost)[0], said)
			w.request(algesta.Pending)
			w.votes(nico, algesta.Approve, r.ID)
			w.request(algesta.Succeeded)
		})
	}
	t.Run("a word about a change in doubt", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		uncertain := &algesta.Error{Kind: algesta.ErrUncertain, Message: algesta.Say("It cannot be told.")}
		w.cluster.set(func(f *fakeCluster) {
			f.apply = func(int) error { return uncertain }
			f.verify = func(*fakeCluster) (algesta.Verified, error) { return algesta.Verified{}, uncertain }
		})
		w.types(luis, "restart api-gateway production")
		w.votes(carla, algesta.Approve, w.request(algesta.Pending).ID)
		r := w.request(algesta.Unknown)
		w.setRules(rulesOf(`"user:U0NICO"`))
		w.votes(carla, algesta.NotDone, r.ID)
		require.Equal(t, []string{"You can't answer this."}, w.said(algesta.AnswerPost))
		w.request(algesta.Unknown)
		w.votes(nico, algesta.NotDone, r.ID)
		w.request(algesta.Failed)
	})
	t.Run("two are needed now", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.types(luis, "scale api-gateway production 6")
		r := w.request(algesta.Pending)
		w.setRules(twoOf)
		w.votes(carla, algesta.Approve, r.ID)
		w.request(algesta.Pending)
		w.votes(pablo, algesta.Approve, r.ID)
		w.request(algesta.Succeeded)
	})
	t.Run("none is needed now", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.types(luis, "scale api-gateway production 6")
		r := w.request(algesta.Pending)
		w.setRules(strings.Replace(rules, "verbs: [change]", "verbs: [deploy]", 1))
		w.votes(carla, algesta.Approve, r.ID)
		require.Equal(t, []string{"This needs no approval."}, w.said(algesta.AnswerPost))
		w.request(algesta.Pending)
	})
}

// TestNobodyApprovesAfterItsTime clicks where the time is over and nothing has ended the request yet.
func TestNobodyApprovesAfterItsTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.onCreate = func(r *algesta.Request) { r.ExpiresAt = time.Now().Add(-time.Second) } // its job comes later
	w.types(luis, "scale api-gateway production 6")
	w.votes(carla, algesta.Approve, w.request(algesta.Pending).ID)
	require.Contains(t, w.said(algesta.AnswerPost)[0], "This expired before you clicked.")
	w.request(algesta.Pending)
	require.Zero(t, w.cluster.writes())
}

// TestACommandLooksFreshlyWhoReadsTheChannel has another company come a few seconds after the bot looked last.
func TestACommandLooksFreshlyWhoReadsTheChannel(t *testing.T) {
	t.Parallel()
	t.Run("a read", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.types(luis, "status api-gateway production")
		require.Len(t, w.said(algesta.CardPost), 1)
		w.share()
		w.types(luis, "status api-gateway production")
		require.Len(t, w.said(algesta.CardPost), 1)
		require.Len(t, w.said(algesta.AnswerPost), 1)
	})
	t.Run("a read of which nobody can tell", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.people.set(func(d *fakeDirectory) { d.placeDown = true })
		w.types(luis, "status api-gateway production")
		posts := w.posts()
		require.Len(t, posts, 1)
		require.Equal(t, luis.ID.User, posts[0].OnlyFor)
		require.Contains(t, posts[0].Report.Small.String(), "I couldn't check in Slack who reads this channel, so only you see this.")
	})
	t.Run("a plan", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.types(luis, "status api-gateway production") // the place is known
		w.share()
		w.types(luis, "scale api-gateway production 6")
		require.Empty(t, w.said(algesta.PlanPost))
		require.Equal(
			t, []string{"#ops is shared with another company, or will be as soon as it accepts, so I don't change anything from there."},
			w.said(algesta.AnswerPost),
		)
	})
}

// TestAVersionThatMovesIsNotApproved: what is approved has to be what runs, so a plan knows before anybody is asked that somebody will be.
func TestAVersionThatMovesIsNotApproved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setRules(strings.Replace(rules, "allow: [read, restart, scale]", "allow: [read, deploy]", 1))
	w.types(luis, "deploy api-gateway production latest")
	require.Contains(t, w.said(algesta.AnswerPost)[0], "has no fixed version: what is approved here might not be what runs")
}

// TestAnAnswerInASharedChannelHasNoButtons: a change can't be asked for there.
func TestAnAnswerInASharedChannelHasNoButtons(t *testing.T) {
	t.Parallel()
	offers := func(w *world) (n int) {
		cluster := &gatewayCluster{
			slowCluster: &slowCluster{crashingCluster: &crashingCluster{fakeCluster: w.cluster}, fast: true},
			logs:        "panic: assignment to entry in nil map\n\ngoroutine 1 [running]:\nmain.main()\n",
		}
		w.dispatcher.Clusters = commands.Clusters(cluster)
		w.types(luis, "diagnose api-gateway production")
		for _, p := range w.posts() {
			n += len(p.Report.Buttons)
		}
		return n
	}
	require.Positive(t, offers(newWorld(t)), "in an internal one")
	w := newWorld(t)
	w.share()
	require.Zero(t, offers(w))
}
