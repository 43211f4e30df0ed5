package e2e

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

// TestABrokenGlassSurvivesKills kills the bot while it announces a broken glass, and again while it changes something under it: each is
// announced once, in force once and written once.
func TestABrokenGlassSurvivesKills(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]moment{"before": beforeWork, "done and not answered": afterWork, "answered": answered} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, options{gated: true, policy: breaking, slack: slackd.Options{Workspace: withSecurity(true)}})
			held := w.web.hold(at, isCall("chat.postMessage", 1)) // it's stored first
			w.types(luis, ops, "break-glass production because the shop is down")
			held.wait(t)
			w.restart()
			broken := w.newCard(nil, "without approvals")
			require.Contains(t, broken.end(luis), "may change production without approvals until")
			require.Equal(t, 1, strings.Count(w.channel(security), "Break-glass by"), w.channel(security))

			patch := w.api.hold(at, isPatch)
			under := w.asks(luis, "rollback api-gateway production")
			patch.wait(t)
			w.restart()
			require.Contains(t, under.end(luis), "is back on 12344")
			require.Equal(t, 1, w.patches(deployment))
			require.Equal(t, 1, strings.Count(w.channel(security), "Without approval, break-glass by"), w.channel(security))
		})
	}
}
