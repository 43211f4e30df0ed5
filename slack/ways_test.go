package slack

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

func TestARefusalOfAClickStandsInItsThread(t *testing.T) {
	t.Parallel()
	r := start(t, slackd.Options{})
	r.sockets(t, 2)
	r.box.post(algesta.Post{Command: "c-1", Kind: algesta.CardPost, Channel: "C0OPS", Report: say("card")})
	card, err := r.server.WaitMessage(t.Context(), "C0OPS", slackd.Says("card"))
	require.NoError(t, err)
	plan := say("plan")
	plan.Buttons = []algesta.Button{{Label: "Approve", Action: algesta.Approve, ID: "c-1"}}
	r.box.post(algesta.Post{Command: "c-1", Kind: algesta.PlanPost, Channel: "C0OPS", Report: plan})
	m, err := r.server.WaitReply(t.Context(), "C0OPS", card.TS, slackd.Says("plan"))
	require.NoError(t, err)
	_, err = r.server.Click("U0NICO", m, "approve")
	require.NoError(t, err)
	in := r.box.next(t)
	no := algesta.Post{
		Command: "c-2",
		Kind:    algesta.AnswerPost,
		Channel: in.Channel,
		Thread:  in.Thread,
		OnlyFor: "U0NICO",
		Reply:   in.Reply,
		Report:  say("you may not"),
	}
	r.box.post(no)
	seen, err := r.server.WaitEphemeral(t.Context(), "U0NICO", slackd.Says("you may not"))
	require.NoError(t, err)
	require.Equal(t, card.TS, seen.ThreadTS)

	// Someone who reads a public channel without having joined it gets the answer where Slack can show it.
	r.server.Leave("C0OPS", "U0NICO")
	no.Command = "c-3"
	no.Report = say("you still may not")
	r.box.post(no)
	_, err = r.server.WaitEphemeral(t.Context(), "U0NICO", slackd.Says("you still may not"))
	require.NoError(t, err)
}

func TestAnswersInTheBotsOwnDirectMessagesAreKept(t *testing.T) {
	t.Parallel()
	r := start(t, slackd.Options{})
	r.sockets(t, 2)
	own := r.server.BotDM("U0LUIS")
	for _, channel := range []string{own, "D0LUISMARTA"} {
		_, err := r.server.Type("U0LUIS", channel, "/algesta help")
		require.NoError(t, err)
		in := r.box.next(t)
		r.box.post(
			algesta.Post{
				Command: "in " + channel,
				Kind:    algesta.AnswerPost,
				Channel: channel,
				OnlyFor: "U0LUIS",
				Reply:   in.Reply,
				Report:  say("help"),
			},
		)
	}
	_, err := r.server.WaitMessage(t.Context(), own, slackd.Says("help"))
	require.NoError(t, err)
	answer, err := r.server.WaitEphemeral(t.Context(), "U0LUIS", slackd.Says("help"))
	require.NoError(t, err)
	require.Equal(t, "D0LUISMARTA", answer.Channel, "in the direct messages of others nobody else sees it")
	r.box.drained(t)
	require.Empty(t, r.box.lost)
}

func TestGroupsDirectMessages(t *testing.T) {
	t.Parallel()
	w := slackd.Demo()
	w.DMs = append(w.DMs,
		slackd.DM{ID: "C0GROUP", Users: []string{"U0LUIS", "U0MARTA", "U0ALGESTA"}},
		slackd.DM{ID: "C0WITHOUT", Users: []string{"U0LUIS", "U0MARTA", "U0CARLA"}})
	r := start(t, slackd.Options{Workspace: &w})
	r.sockets(t, 2)
	_, err := r.server.Say("U0LUIS", "C0GROUP", "", "nothing for the bot")
	require.NoError(t, err)
	_, err = r.server.Mention("U0LUIS", "C0GROUP", "", "help")
	require.NoError(t, err)
	in := r.box.next(t)
	require.Equal(t, "help", in.Text)
	require.True(t, in.Group)
	_, err = r.server.Type("U0LUIS", "C0WITHOUT", "/algesta help")
	require.NoError(t, err)
	in = r.box.next(t)
	require.True(t, in.Group)
	require.True(t, in.Private)

	place, err := r.Place(t.Context(), "C0GROUP", time.Minute)
	require.NoError(t, err)
	require.True(t, place.Member)
	place, err = r.Place(t.Context(), "C0WITHOUT", time.Minute)
	require.NoError(t, err)
	require.False(t, place.Member)
	require.Error(t, r.server.Invite("U0LUIS", "C0WITHOUT", "U0ALGESTA"))
}

func TestAMissingScopeIsNotAMatterOfAMinute(t *testing.T) {
	t.Parallel()
	s, server := asked(t)
	server.FailNext("conversations.info", slackd.Fault{Error: "missing_scope"}, 1)
	_, err := s.Place(t.Context(), "C0OPS", 0)
	var said *algesta.Error
	require.ErrorAs(t, err, &said)
	require.NotContains(t, said.Hint.String(), "minute")
	require.Contains(t, said.Hint.String(), "install")
}

// What was owed when the process ended is the newest that there is, so it's sent at once, after the ends.
func TestProgressOfAnEarlierProcessIsSentAtOnce(t *testing.T) {
	t.Parallel()
	now := time.Now()
	p := newPacer(now)
	old := algesta.Outgoing{
		ID:    1,
		TS:    "1.1",
		Rev:   3,
		Since: now.Add(-time.Minute),
		Post:  algesta.Post{Command: "c-1", Kind: algesta.ProgressPost, Channel: "C1"},
	}
	end := old
	end.ID, end.Post.Final = 2, true
	start, _ := p.pick(now, []algesta.Outgoing{old, end})
	require.Equal(t, []algesta.Outgoing{end, old}, start)
}
