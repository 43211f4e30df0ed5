package e2e

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

// TestAFollowedAnswerIsEditedInPlaceAndSurvivesAKill has somebody else scale a service while Luis follows its pods, and the bot be killed.
func TestAFollowedAnswerIsEditedInPlaceAndSurvivesAKill(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	ctx, cancel := w.wait()
	defer cancel()
	w.types(luis, ops, "kubectl get pods api-gateway -n production -w")
	card, err := w.slack.WaitMessage(ctx, ops, slackd.Says("followed until"))
	require.NoError(t, err)
	require.Contains(t, card.Plain(), "✅ api-gateway in production: 2 of 2 pods ready")
	detail, err := w.slack.WaitReply(ctx, ops, card.TS, slackd.HasButton("stop"))
	require.NoError(t, err)
	require.Contains(t, detail.Plain(), "🔵 Following until ")

	becomes := func(text string) {
		t.Helper()
		require.NoError(t, w.slack.WaitFor(ctx, func() bool {
			now, ok := w.slack.Message(ops, card.TS)
			return ok && strings.Contains(now.Plain(), text)
		}), text)
	}
	w.kubectl("scale", "deployment/"+deployment, "--replicas=3")
	becomes("3 of 3 pods ready")
	w.bot.Kill()
	w.kubectl("scale", "deployment/"+deployment, "--replicas=1")
	w.start()
	becomes("1 of 1 pod ready")

	thread := w.slack.Thread(ops, card.TS)[1:] // without the card
	require.Len(t, thread, 1, "one message is edited")
	require.Equal(t, detail.TS, thread[0].TS)
	_, err = w.slack.Click(luis, thread[0], "stop")
	require.NoError(t, err)
	_, err = w.slack.WaitReply(ctx, ops, card.TS, slackd.Says("stopped it after"))
	require.NoError(t, err)
	last := w.slack.Thread(ops, card.TS)[1:]
	require.Len(t, last, 1)
	require.False(t, slackd.HasButton("stop")(last[0]))
	require.Contains(t, last[0].Plain(), "ready  0", "what it showed stays")
	w.requireUntouched()
}
