package slack

import (
	"testing"

	"github.com/stretchr/testify/require"

	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

func TestAChannelOfTwoCompaniesIsExternal(t *testing.T) {
	t.Parallel()
	for state, want := range map[string]bool{"": false, "pending": true, "shared": true} {
		t.Run("state "+state, func(t *testing.T) {
			t.Parallel()
			s, server := asked(t)
			server.CreateChannel("U0LUIS", slackd.Channel{ID: "C0BRIDGE", Name: "bridge", Shared: state, Members: []string{"U0LUIS", "U0ALGESTA"}})
			p, err := s.Place(t.Context(), "C0BRIDGE", 0)
			require.NoError(t, err)
			require.True(t, p.Member)
			require.Equal(t, want, p.External)
		})
	}
}
