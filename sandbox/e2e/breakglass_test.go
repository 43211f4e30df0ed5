package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

// security is the channel that reads what goes without approvals.
const security = "C0SECURITY"

// breaking lets operators break the glass.
const breaking = policyFile + `
breakGlass: {roles: [operator], lasts: 30m, reason: required, announceIn: C0SECURITY}
`

// withSecurity is the demo's workspace with a #security, with or without the bot in it.
func withSecurity(bot bool) *slackd.Workspace {
	ws := slackd.Demo()
	members := []string{"U0PABLO", "U0ELENA"}
	if bot {
		members = append(members, ws.Bot.User)
	}
	ws.Channels = append(ws.Channels, slackd.Channel{ID: security, Name: "security", Members: members})
	return &ws
}

// TestBreakGlassWaivesTheApprovalOnceSecurityWasTold: asked for in Slack, told in #security, made in the cluster, in the audit, and for
// whoever asked alone.
func TestBreakGlassWaivesTheApprovalOnceSecurityWasTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{policy: breaking, slack: slackd.Options{Workspace: withSecurity(true)}})
	require.Contains(t, w.answer(luis, ops, "break-glass production"), "Break-glass needs a reason: it's posted in the security channel.")
	require.Contains(t, w.answer(nico, ops, "break-glass production because I like to"), "You can't use break-glass in production")
	require.NotContains(t, w.channel(security), "reak-glass")

	g := w.asks(luis, "break-glass production because the shop is down")
	g.becomes("✅ Luis Pardo may change production without approvals until ")
	securityReads := func(said string) {
		t.Helper()
		require.Eventually(t, func() bool { return strings.Contains(w.channel(security), said) }, patience, 50*time.Millisecond, said)
	}
	securityReads("✅ Break-glass by Luis Pardo: Luis Pardo may change production without approvals until ")
	securityReads("“the shop is down”")
	w.requireUntouched()

	r := w.asks(luis, "restart api-gateway production")
	r.becomes("✅ api-gateway in production is restarted", "break-glass")
	r.end(luis)
	securityReads("Without approval, break-glass by Luis Pardo: ")
	require.Equal(t, 1, w.patches(deployment))
	require.Contains(t, w.answer(luis, ops, "audit production"), "break-glass")

	// What the glass doesn't change: limits, and other people's approvals.
	require.Contains(t, w.answer(luis, ops, "scale api-gateway production 1"), "2 to 10 pods")
	other := w.asks("U0MARTA", "scale api-gateway production 3")
	require.Contains(t, other.card.Plain(), "is waiting for approval")
	require.Equal(t, 1, w.patches(deployment))
}

// TestBreakGlassDoesNothingWhereSecurityCantBeTold: the bot isn't in the channel, so nothing goes without approvals.
func TestBreakGlassDoesNothingWhereSecurityCantBeTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{policy: breaking, slack: slackd.Options{Workspace: withSecurity(false)}})
	said := w.answer(luis, ops, "break-glass production because the shop is down")
	require.Contains(t, said, "I'm not in the security channel, so nothing goes without approvals. Nothing was run.")
	r := w.asks(luis, "restart api-gateway production")
	require.Contains(t, r.card.Plain(), "is waiting for approval")
	w.requireUntouched()
}
