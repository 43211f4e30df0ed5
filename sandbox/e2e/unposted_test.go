package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"

	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

// TestACardThatHasNoChannelAnyMoreIsToldTheAdmins: the channel of incidents is archived, or the bot was taken out of it, when something
// goes wrong.
func TestACardThatHasNoChannelAnyMoreIsToldTheAdmins(t *testing.T) {
	t.Parallel()
	for name, happens := range map[string]struct{ ends, begins func(*slackd.Server) }{
		"archived": {
			func(s *slackd.Server) { s.Archive(incidents, true) }, func(s *slackd.Server) { s.Archive(incidents, false) },
		},
		"the bot is taken out": {
			func(s *slackd.Server) { s.Leave(incidents, slackd.Demo().Bot.User) },
			func(s *slackd.Server) { _ = s.Invite(luis, incidents, slackd.Demo().Bot.User) }, // what follows fails where it fails
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := told(options{admins: ops})
			w := newWorld(t, o)
			happens.ends(w.slack)
			r := w.asks(luis, "deploy api-gateway production 12346-crash")
			r.approve()
			r.becomes("❌ ")
			ctx, cancel := w.wait()
			defer cancel()
			card, err := w.slack.WaitMessage(ctx, ops, slackd.Says("I can't post incidents in "))
			require.NoError(t, err)
			require.Contains(t, card.Plain(), "❌ I can't post incidents in <#C0INCIDENTS>, so nobody is told about them there.")
			require.Contains(t, card.Plain(), "I'm not in #incidents, so nothing that a rule found can be posted there.")
			require.Contains(
				t, card.Plain(), "Invite me to it (an archived channel has to be unarchived first), or route incidents elsewhere in the configuration.",
			)
			happens.begins(w.slack)
			w.incident().becomes("⚠️ api-gateway in production is degraded: ")
			told := &request{world: w, card: card, in: ops}
			told.says("✅ Incidents are posted in <#C0INCIDENTS> again.")
		})
	}
}
