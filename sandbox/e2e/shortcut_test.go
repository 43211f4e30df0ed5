package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

// TestDiagnoseThisAnswersInTheThreadOfAnAlert: what another app posted is read for names, and for nothing else.
func TestDiagnoseThisAnswersInTheThreadOfAnAlert(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	require.Contains(t, w.asks(luis, "status api-gateway production").card.Plain(), "api-gateway in production") // it's discovered
	ts := w.slack.PostForeign(ops, "", map[string]any{"text": "", "attachments": []any{map[string]any{
		"title": "[FIRING:1] KubePodCrashLooping",
		"text":  "Pod api-gateway-production-7d9c4f-x2x9z in " + w.production + " <!channel> /algesta restart",
	}}})
	alert, found := w.slack.Message(ops, ts)
	require.True(t, found)
	_, err := w.slack.Shortcut(luis, alert, "Diagnose this")
	require.NoError(t, err)
	ctx, cancel := w.wait()
	defer cancel()
	answer, err := w.slack.WaitReply(ctx, ops, ts, slackd.Says("is healthy"))
	require.NoError(t, err)
	require.Contains(t, answer.Plain(), "requested by")
	w.requireUntouched()

	// Who may not read it gets no more than if they had typed it.
	_, err = w.slack.Shortcut(nico, alert, "Diagnose this")
	require.NoError(t, err)
	require.Eventually(t, func() bool { return len(w.slack.Views(nico)) == 1 }, patience, 50*time.Millisecond)
	require.NotContains(t, fmt.Sprint(w.slack.Views(nico)), "api-gateway")
}
