package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta/sandbox/control"
	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

func TestAClusterThatIsAwayIsWaitedForAndNothingIsLost(t *testing.T) {
	t.Parallel()
	cluster := control.Private(t)
	one := gateway()
	one.replicas = 1 // what has just started again is slow to roll
	w := newWorld(t, options{cluster: cluster, services: []service{one}})
	stop := func() { require.NoError(t, cluster.StopAPIServer(t.Context())) }
	start := func() { require.NoError(t, cluster.StartAPIServer(t.Context())) }

	// Before the plan: nothing was changed, and the person knows.
	stop()
	require.Equal(
		t, "⚠️ The cluster aks-algesta-production doesn't answer.\nNothing was changed. Ask again in a minute.",
		w.answer(luis, ops, "rollback api-gateway production"),
	)
	start()

	// Between the approval and the execution: it waits, then runs.
	r := w.asks(luis, "rollback api-gateway production")
	r.plan()
	stop()
	r.approve()
	r.becomes(
		"🟡 Rolling back api-gateway in production: 12345 → 12344\nThe cluster aks-algesta-production doesn't answer. " +
			"Nothing was changed. I'll keep trying until ",
	)
	start()
	require.Contains(t, r.end(luis), "is back on 12344")
	require.Equal(t, 1, w.patches(deployment))

	// While it is followed: the end comes all the same.
	again := w.asks(luis, "deploy api-gateway production 12347-slow")
	again.approve()
	again.becomes("0 of 1 ready")
	stop()
	again.says("⚠️ The cluster aks-algesta-production doesn't answer. The change was made; I'm still watching how it " +
		"comes up.")
	start()
	require.Contains(t, again.end(luis), "✅")
	require.Equal(t, 2, w.patches(deployment))
	require.NotContains(t, w.everything(), "connection refused")
}

// everything is all that anybody could read, in all channels and of all answers, edits included.
func (w *world) everything() string {
	var out strings.Builder
	for _, c := range []string{ops, random, "C0INCIDENTS", "C0WARROOM", "D0LUISMARTA", w.slack.BotDM(luis)} {
		for _, m := range w.slack.All(c) {
			out.WriteString(m.Plain() + "\n" + m.Text + "\n")
			for _, v := range m.History {
				out.WriteString(slackd.Message{Text: v.Text, Blocks: v.Blocks}.Plain() + "\n")
			}
		}
	}
	return out.String()
}

func TestASlackThatRefusesAndFailsGetsEveryMessageOnce(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		method string
		fault  slackd.Fault
		times  int
	}{
		"too many posts":                        {"chat.postMessage", slackd.Fault{Status: 429, RetryAfter: 2 * time.Second}, 2},
		"posts that fail":                       {"chat.postMessage", slackd.Fault{Status: 500}, 3},
		"posts that fail after they are stored": {"chat.postMessage", slackd.Fault{Status: 503, AfterWork: true}, 2},
		"posts whose answer is cut off":         {"chat.postMessage", slackd.Fault{Drop: true, AfterWork: true}, 2},
		"too many edits":                        {"chat.update", slackd.Fault{Status: 429, RetryAfter: 2 * time.Second}, 2},
		"edits that fail":                       {"chat.update", slackd.Fault{Status: 500}, 3},
		"everything is slow":                    {"*", slackd.Fault{Delay: 700 * time.Millisecond}, 1000},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, options{})
			w.slack.FailNext(c.method, c.fault, c.times)
			r := w.asks(luis, "rollback api-gateway production")
			r.approve()
			require.Contains(t, r.end(luis), "is back on 12344")
			r.becomes("✅ api-gateway in production is back on 12344")
			require.Equal(t, 1, w.patches(deployment))
			w.slack.Heal()
			r.requireNoDoubles()
		})
	}
}

// requireNoDoubles fails when a message is in the channel or in the thread twice: one card, one plan, one progress, one end.
func (r *request) requireNoDoubles() {
	r.Helper()
	require.Len(r, r.slack.Messages(ops), 1, r.channel(ops))
	require.Len(r, r.slack.Thread(ops, r.card.TS), 4, r.thread())
}

func TestAnAnswerIsSentAgainWhenItsAddressFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	for _, f := range []slackd.Fault{{Status: 500}, {Status: 429, RetryAfter: time.Second}, {Drop: true}} {
		w.slack.FailNext("response_url", f, 2)
		require.Contains(t, w.answer(luis, ops, "rolback api-gateway production"), "Did you mean rollback?")
	}
	require.Len(t, w.slack.Ephemerals(luis), 3)
}

func TestAfterAllSocketsDropEverythingGoesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	r := w.asks(luis, "rollback api-gateway production")
	r.plan()
	require.Positive(t, w.slack.DropSockets())
	ctx, cancel := w.wait()
	defer cancel()
	require.NoError(t, w.slack.WaitFor(ctx, func() bool { return w.slack.Sockets() > 0 }))
	r.approve()
	r.becomes("Rolling back")
	require.Positive(t, w.slack.DropSockets())
	require.Contains(t, r.end(luis), "is back on 12344")
	require.Equal(t, 1, w.patches(deployment))
	r.requireNoDoubles()
}

func TestWhatIsDeliveredTwiceRunsOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	typed := w.types(luis, ops, "rollback api-gateway production")
	r := w.newCard(nil, "")
	_, err := w.slack.Redeliver(typed.EnvelopeID)
	require.NoError(t, err)
	click, err := w.slack.Click(carla, r.plan(), "approve")
	require.NoError(t, err)
	_, err = w.slack.Redeliver(click.EnvelopeID)
	require.NoError(t, err)
	require.Contains(t, r.end(luis), "is back on 12344")
	require.Equal(t, 1, w.patches(deployment))
	r.requireNoDoubles()
	require.Empty(t, w.slack.Ephemerals(carla), "the second delivery must not be taken for a second click")
}
