package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"

	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

// direct waits for a direct message of the bot to this user.
func (w *world) direct(user string, holds ...string) {
	w.Helper()
	ctx, cancel := w.wait()
	defer cancel()
	_, err := w.slack.WaitMessage(ctx, w.slack.BotDM(user), slackd.Says(holds...))
	require.NoError(w, err)
}

// TestARequestThatNobodyCanSeeEnds has the channel's settings refuse the card.
func TestARequestThatNobodyCanSeeEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.slack.Restrict(ops, "restricted_action")
	w.types(luis, ops, "rollback api-gateway production")
	w.direct(luis, "was cancelled, because I can't post in #ops and nobody would have seen it. Nothing was changed.")
	w.requireUntouched()
}

// TestNothingRunsWhereTheBotWasRemoved removes the bot between the plan and the approval.
func TestNothingRunsWhereTheBotWasRemoved(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	r := w.asks(luis, "rollback api-gateway production")
	r.plan()
	w.slack.Leave(ops, "U0ALGESTA")
	r.approve()
	for _, user := range []string{luis, carla} {
		w.direct(user, "was refused just before it ran. Nothing was changed. I'm not in ", " any more, so nobody would see how it ends.")
	}
	require.Equal(t, 0, w.patches(deployment))
}

// TestNothingRunsInAnArchivedChannel has the channel archived between the plan and the last yes, which comes from what was known just
// before.
func TestNothingRunsInAnArchivedChannel(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	r := w.asks(luis, "rollback api-gateway production")
	r.plan()
	w.slack.Archive(ops, true)
	r.approve()
	for _, user := range []string{luis, carla} {
		w.direct(user, "was refused just before it ran. Nothing was changed. I'm not in ", " any more, so nobody would see how it ends.")
	}
	require.Equal(t, 0, w.patches(deployment))
}
