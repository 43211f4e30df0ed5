package commands_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/3astronautas/algesta"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestApprovedChangeRunsOnceAndEndsInTheThread(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.types(luis, "scale api-gateway production 6")
	r := w.request(algesta.Pending)
	require.Equal(t, 0, w.cluster.writes(), "nothing runs before the approval")
	w.votes(carla, algesta.Approve, r.ID)
	done := w.request(algesta.Succeeded)
	require.Equal(t, r.ID, done.ID)
	require.Equal(t, 1, w.cluster.writes())
	require.Len(t, w.said(algesta.EndPost), 1)
	require.Contains(t, w.said(algesta.EndPost)[0], " @Luis @Carla")
	audit, err := w.store.Verify(t.Context())
	require.NoError(t, err)
	require.Positive(t, audit.Seq, "the audit tells it")
}

func TestVotes(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		by     algesta.Actor
		action algesta.VoteAction
		answer string
		status algesta.Status
	}{
		"whoever asked may not approve":            {luis, algesta.Approve, "You can't approve your own request", algesta.Pending},
		"a stranger to the rule may not approve":   {nico, algesta.Approve, "You can't approve this", algesta.Pending},
		"a stranger to the rule may not deny":      {nico, algesta.Deny, "You can't deny this.", algesta.Pending},
		"only whoever asked cancels":               {carla, algesta.Cancel, "Only Luis, who asked for this, can cancel it.", algesta.Pending},
		"an approver denies":                       {pablo, algesta.Deny, "", algesta.Rejected},
		"whoever asked cancels":                    {luis, algesta.Cancel, "", algesta.Cancelled},
		"whoever asked denies, which is to cancel": {luis, algesta.Deny, "", algesta.Cancelled},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.types(luis, "restart api-gateway production")
			r := w.request(algesta.Pending)
			w.votes(c.by, c.action, r.ID)
			w.request(c.status)
			if c.answer != "" {
				answers := w.said(algesta.AnswerPost)
				require.Len(t, answers, 1)
				require.Contains(t, answers[0], c.answer)
			}
			require.Equal(t, 0, w.cluster.writes())
		})
	}
}

func TestTwoApproversAtOnceRunItOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.types(luis, "scale api-gateway production 6")
	r := w.request(algesta.Pending)
	var clicks sync.WaitGroup
	for _, in := range []algesta.Invocation{w.vote(carla, algesta.Approve, r.ID), w.vote(pablo, algesta.Approve, r.ID)} {
		_, err := w.store.Receive(t.Context(), in)
		require.NoError(t, err)
		clicks.Go(func() { w.dispatcher.Handle(t.Context(), in) })
	}
	clicks.Wait()
	w.request(algesta.Succeeded)
	require.Equal(t, 1, w.cluster.writes())
	answers := w.said(algesta.AnswerPost)
	require.Len(t, answers, 1, "the slower one is told")
	require.Regexp(t, `^(Carla|Pablo) approved this (\d+ s ago|just now); it's running\.|done`, answers[0])
}

func TestDoubtIsSettledByLooking(t *testing.T) {
	t.Parallel()
	lost := func(int) error { return &algesta.Error{Kind: algesta.ErrUncertain, Message: algesta.Say("No answer.")} }
	firstLost := func(n int) error {
		if n == 1 {
			return lost(n)
		}
		return nil
	}
	cases := map[string]struct {
		apply  func(int) error
		verify func(*fakeCluster) (algesta.Verified, error)
		status algesta.Status
		writes int
	}{
		"it happened: it is not sent again": {lost, func(c *fakeCluster) (algesta.Verified, error) {
			c.replicas = 6 // as the lost write did
			return algesta.Verified{Yes: true, Written: algesta.Written{ResourceVersion: "8", Generation: 4}}, nil
		}, algesta.Succeeded, 1},
		"it did not happen: it is sent": {
			firstLost,
			func(*fakeCluster) (algesta.Verified, error) { return algesta.Verified{}, nil },
			algesta.Succeeded,
			2,
		},
		"it cannot be told: a person decides": {lost, func(*fakeCluster) (algesta.Verified, error) {
			return algesta.Verified{}, &algesta.Error{Kind: algesta.ErrUncertain, Message: algesta.Say("It cannot be told.")}
		}, algesta.Unknown, 1},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.cluster.set(func(f *fakeCluster) { f.apply, f.verify = c.apply, c.verify })
			w.types(luis, "scale api-gateway production 6")
			w.votes(carla, algesta.Approve, w.request(algesta.Pending).ID)
			w.request(c.status)
			require.Equal(t, c.writes, w.cluster.writes())
		})
	}
}

func TestUnknownOutcomeBlocksTheWorkloadUntilSomebodyAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	uncertain := &algesta.Error{Kind: algesta.ErrUncertain, Message: algesta.Say("It cannot be told.")}
	w.cluster.set(func(f *fakeCluster) {
		f.apply = func(n int) error {
			if n == 1 {
				return uncertain
			}
			return nil
		}
		f.verify = func(*fakeCluster) (algesta.Verified, error) { return algesta.Verified{}, uncertain }
	})
	w.types(luis, "restart api-gateway production")
	w.votes(carla, algesta.Approve, w.request(algesta.Pending).ID)
	doubtful := w.request(algesta.Unknown)
	w.types(luis, "scale api-gateway production 6")
	second := w.request(algesta.Pending)
	w.votes(carla, algesta.Approve, second.ID)
	waiting := w.request(algesta.Approved)
	again, err := w.dispatcher.Execute(t.Context(), waiting.ID) // as the job does
	require.NoError(t, err)
	require.NotZero(t, again, "the second change waits")
	require.Equal(t, 1, w.cluster.writes(), "the second change waits")
	require.Equal(t, []algesta.ExecutionState{algesta.Doubtful}, w.states(doubtful.ID))
	w.votes(nico, algesta.NotDone, doubtful.ID)
	require.Contains(t, strings.Join(w.said(algesta.AnswerPost), "\n"), "You can't answer this.")
	w.votes(carla, algesta.NotDone, doubtful.ID)
	done := w.request(algesta.Succeeded)
	require.Equal(t, second.ID, done.ID)
	require.Equal(t, 2, w.cluster.writes())
}

func TestWhatChangedBetweenIsNotRun(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		between func(*world)
		status  algesta.Status
		said    string
	}{
		"the object": {
			func(w *world) { w.cluster.set(func(f *fakeCluster) { f.replicas = 5 }) },
			algesta.Superseded,
			"was not run, because api-gateway-production changed after this was planned. Nothing was changed. The new plan is c-",
		},
		"the approver's right": {
			func(w *world) {
				w.people.set(func(d *fakeDirectory) { d.people["U0PABLO"] = person("U0PABLO", "Pablo") })
			},
			algesta.Rejected, "The approval by Pablo no longer counts",
		},
		"the requester's right": {
			func(w *world) { w.people.set(func(d *fakeDirectory) { d.people["U0LUIS"] = person("U0LUIS", "Luis") }) },
			algesta.Rejected, "was refused just before it ran. Nothing was changed.",
		},
		"a freeze": {
			func(w *world) {
				frozen := sync.OnceFunc(func() { w.setRules(twoOf + holidays) })
				w.cluster.set(func(f *fakeCluster) { f.beforeIntent = frozen })
			},
			algesta.Rejected, "was refused just before it ran. Nothing was changed.",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.setRules(twoOf)
			w.types(luis, "scale api-gateway production 6")
			r := w.request(algesta.Pending)
			w.votes(pablo, algesta.Approve, r.ID)
			w.request(algesta.Pending)
			c.between(w)
			w.votes(carla, algesta.Approve, r.ID)
			w.request(c.status)
			require.Equal(t, 0, w.cluster.writes())
			require.Contains(t, strings.Join(w.said(algesta.EndPost), "\n"), c.said)
		})
	}
}

// holidays is a freeze of everything, forever.
const holidays = "freezes:\n  - {name: holidays, verbs: [change], namespaces: [production], from: 2020-01-01T00:00:00Z, to: " +
	"2100-01-01T00:00:00Z, reason: no changes}\n"

// TestAVoteDuringAFreezeBurnsNothing: the request waits, and is approved once the freeze is over.
func TestAVoteDuringAFreezeBurnsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.types(luis, "scale api-gateway production 6")
	r := w.request(algesta.Pending)
	w.setRules(rules + holidays)
	w.votes(carla, algesta.Approve, r.ID)
	require.Contains(t, w.said(algesta.AnswerPost)[0], `(freeze "holidays": no changes)`)
	require.Equal(t, r.ID, w.request(algesta.Pending).ID)
	require.Zero(t, w.cluster.writes())
	w.setRules(rules)
	w.votes(carla, algesta.Approve, r.ID)
	w.request(algesta.Succeeded)
}

// twoOf wants two people, so that there is a time between the first yes and the run.
var twoOf = strings.Replace(rules, "expiresAfter", "count: 2\n    expiresAfter", 1)

func TestNobodyApprovesInTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setRules(strings.Replace(rules, "30m", "1s", 1))
	w.types(luis, "restart api-gateway production")
	expired := w.request(algesta.Expired)
	require.Contains(t, w.said(algesta.CardPost)[0], "expired: nobody approved within 1 s. Nothing was changed.")
	w.votes(carla, algesta.Approve, expired.ID)
	require.Equal(
		t, []string{"This expired before you clicked. Nothing was changed; ask for it again to get a fresh plan."}, w.said(algesta.AnswerPost),
	)
}

func TestRefusalsTouchNothing(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		by      algesta.Actor
		text    string
		prepare func(*world, *algesta.Invocation)
		answer  string
		reads   bool
	}{
		"no binding, to read": {nico, "status api-gateway production", nil, "You can't see the status in production", false},
		"no binding":          {nico, "restart api-gateway production", nil, "You can't restart in production", false},
		"not a member of the channel": {luis, "restart api-gateway production", func(w *world, _ *algesta.Invocation) {
			w.people.set(func(d *fakeDirectory) { d.away = true })
		}, "I'm not in #ops, so I can't post a thread here.", false},
		"asked before a restart": {luis, "restart api-gateway production", func(_ *world, in *algesta.Invocation) {
			in.At = in.At.Add(-3 * time.Minute)
		}, "I was restarted while you asked. Nothing was run; please ask again.", false},
		"Slack cannot say who it is": {luis, "restart api-gateway production", func(w *world, _ *algesta.Invocation) {
			w.people.set(func(d *fakeDirectory) { d.down = true })
		}, "I couldn't look you up in Slack", false},
		"unknown service": {luis, "restart api-gatewy production", nil, `There's no service "api-gatewy" in production.`, false},
		"nothing to do":   {luis, "scale api-gateway production 4", nil, "already runs 4 pods.", true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			in := w.invocation(c.by)
			in.Text = c.text
			if c.prepare != nil {
				c.prepare(w, &in)
			}
			w.handle(in)
			answers := w.said(algesta.AnswerPost)
			require.Len(t, answers, 1)
			require.Contains(t, answers[0], c.answer)
			require.Empty(t, w.said(algesta.CardPost))
			if !c.reads {
				require.Zero(t, w.cluster.touched.Load(), "the cluster is neither read nor written")
			}
			require.Zero(t, w.unanswered(), "the inbox is closed with the answer")
		})
	}
}
