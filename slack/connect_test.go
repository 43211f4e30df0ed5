package slack

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
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

func TestAListedChannelIsOurOwn(t *testing.T) {
	t.Parallel()
	s, server := asked(t)
	s.listed = []string{"C0BRIDGE"}
	for _, id := range []string{"C0BRIDGE", "C0OTHER"} {
		server.CreateChannel(
			"U0LUIS", slackd.Channel{ID: id, Name: strings.ToLower(id), Shared: "shared", Members: []string{"U0LUIS", "U0ALGESTA"}},
		)
		p, err := s.Place(t.Context(), id, 0)
		require.NoError(t, err)
		require.Equal(t, id == "C0OTHER", p.External)
	}
}

func TestAChannelWithANewIDKeepsItsMessages(t *testing.T) {
	t.Parallel()
	r := start(t, slackd.Options{})
	r.sockets(t, 2)
	r.box.post(algesta.Post{Command: "c-1", Kind: algesta.CardPost, Channel: "C0OPS", Report: say("card")})
	card, err := r.server.WaitMessage(t.Context(), "C0OPS", slackd.Says("card"))
	require.NoError(t, err)
	r.box.drained(t)
	r.server.Rename("C0OPS", "C0SHARED")
	<-r.box.came
	r.box.post(algesta.Post{Command: "c-1", Kind: algesta.CardPost, Channel: "C0SHARED", Report: say("done")})
	r.until(t, "the edit", func() bool { m, _ := r.server.Message("C0SHARED", card.TS); return m.Text == "done" })
	r.box.drained(t)
	require.Empty(t, r.box.lost)
}
