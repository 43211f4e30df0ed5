package e2e

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

// triesWithoutSlack is how often the bot finds Slack away before it comes back here. It tries at most every three seconds for a day, so
// ten minutes are this, only longer; they pass on a simulated clock in package incidents.
const triesWithoutSlack = 8

// TestWhatGoesWrongWithoutSlackIsToldOnceItIsBack: a service breaks while Slack refuses everything and has dropped its sockets. Afterwards
// there is one card with its evidence; what ends without Slack is told once, too.
func TestWhatGoesWrongWithoutSlackIsToldOnceItIsBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, told(options{}))
	w.slack.FailNext("*", slackd.Fault{Status: 503}, 1<<20)
	w.slack.DropSockets()
	calls := len(w.slack.Calls())
	require.NoError(t, setImage(t.Context(), w.cluster, w.production, deployment, registry+"api-gateway:12346-crash", "by hand"))
	w.refusals(calls, triesWithoutSlack)
	require.Empty(t, strings.TrimSpace(w.channelWithoutSystem(incidents)))
	w.slack.Heal()
	i := w.incident()
	i.becomes("⚠️ api-gateway in production is degraded: ", "seen by the rule crash-loop")
	i.says("What I found: ")

	// And again, while the card is there: what happens meanwhile is on it, once.
	w.slack.FailNext("*", slackd.Fault{Status: 503}, 1<<20)
	w.slack.DropSockets()
	calls = len(w.slack.Calls())
	require.NoError(t, setImage(t.Context(), w.cluster, w.production, deployment, registry+"api-gateway:12345", "by hand"))
	w.refusals(calls, triesWithoutSlack)
	now, _ := w.slack.Message(incidents, i.card.TS)
	require.Contains(t, now.Plain(), "is degraded", "nothing could be edited")
	w.slack.Heal()
	i.becomes("✅ api-gateway in production is healthy again", "Resolved after ")
	i.says("✅ Resolved after ")
	require.Len(t, w.slack.Messages(incidents), 1+w.systemMessages(), "one card")
	require.Equal(t, 1, strings.Count(i.thread(), "✅ Resolved after "), "one reply")
}

// refusals waits until Slack has refused so many calls of the bot's since then.
func (w *world) refusals(since, tries int) {
	w.Helper()
	ctx, cancel := w.wait()
	defer cancel()
	require.NoError(w, w.slack.WaitFor(ctx, func() bool { return len(w.slack.Calls()) >= since+tries }))
}
