package slackd_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/slackevents"
	"github.com/stretchr/testify/require"

	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

func manifest(t *testing.T) slackd.Manifest {
	t.Helper()
	path, err := slackd.FindManifest()
	require.NoError(t, err)
	m, err := slackd.LoadManifest(path)
	require.NoError(t, err)
	return m
}

func TestTheManifestAsksOnlyForWhatIsBuilt(t *testing.T) {
	t.Parallel()
	m := manifest(t)
	require.NotContains(t, m.OAuth.Scopes.Bot, "chat:write.public", "where the bot is not invited it does not write")
	require.True(t, m.Settings.SocketMode)
	require.True(t, m.Settings.Interactivity.Enabled)
	require.Len(t, m.Features.SlashCommands, 1)
	require.True(t, m.Features.SlashCommands[0].ShouldEscape)
	needs := map[string]string{
		"app_mention":           "app_mentions:read",
		"message.im":            "im:history",
		"message.mpim":          "mpim:history",
		"channel_id_changed":    "channels:history",
		"channel_created":       "channels:read",
		"channel_rename":        "channels:read",
		"group_rename":          "groups:read",
		"member_joined_channel": "channels:read",
	}
	for _, event := range m.Settings.Events.Bot {
		if event == "app_home_opened" { // no scope, but the tab
			require.True(t, m.Features.AppHome.HomeTab)
			continue
		}
		require.Contains(t, m.OAuth.Scopes.Bot, needs[event], "event %s", event)
	}
}

// Every scope is one that something needs which the bot does: a method that its own code calls, an event that it asks for, or the slash
// command. What nothing needs is an open door, and people ask why.
func TestEveryScopeOfTheManifestIsUsed(t *testing.T) {
	t.Parallel()
	m := manifest(t)
	var code strings.Builder
	files, err := filepath.Glob("../../slack/*.go")
	require.NoError(t, err)
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		b, err := os.ReadFile(f)
		require.NoError(t, err)
		code.Write(b)
	}
	uses := map[string]string{ // what the reference of the method, or of the event, says that it takes
		"app_mentions:read": "app_mention", "im:history": "message.im", "mpim:history": "message.mpim",
		"channels:history": `"conversations.history"`, "groups:history": `"conversations.history"`,
		"channels:read": `"conversations.info"`, "groups:read": `"conversations.info"`, "im:read": `"conversations.info"`,
		"mpim:read": `"conversations.info"`, "channels:join": `"conversations.join"`, "channels:write.topic": `"conversations.setTopic"`,
		"groups:write.topic": `"conversations.setTopic"`, "chat:write": `"chat.postMessage"`, "files:write": `"files.completeUploadExternal"`,
		"pins:write": `"pins.add"`, "usergroups:read": `"usergroups.list"`, "users:read": `"users.info"`,
		"users:read.email": `"users.lookupByEmail"`,
	}
	for _, scope := range m.OAuth.Scopes.Bot {
		if scope == "commands" {
			require.NotEmpty(t, m.Features.SlashCommands)
			continue
		}
		use := uses[scope]
		require.NotEmpty(t, use, "nothing is known to need %s", scope)
		if !strings.HasPrefix(use, `"`) {
			require.Contains(t, m.Settings.Events.Bot, use, "scope %s", scope)
			continue
		}
		require.Contains(t, code.String(), use, "scope %s: no code of the bot calls the method", scope)
	}
}

func TestEventsComeOnlyWhenTheManifestAsksForThem(t *testing.T) {
	t.Parallel()
	m := manifest(t)
	m.Settings.Events.Bot = []string{"member_joined_channel", "channel_created"}
	s := slackd.New(t, slackd.Options{Manifest: &m})
	events := make(chan any, 4)
	script{event: func(e slackevents.EventsAPIEvent) { events <- e.InnerEvent.Data }}.run(t, s)
	_, err := s.Mention("U0LUIS", "C0OPS", "", "help")
	require.NoError(t, err)
	require.NoError(t, s.Invite("U0LUIS", "C0RANDOM", "U0ALGESTA"))
	joined := (<-events).(*slackevents.MemberJoinedChannelEvent)
	require.Equal(t, "U0ALGESTA", joined.User)
	require.Equal(t, "C0RANDOM", joined.Channel)
	s.CreateChannel("U0LUIS", slackd.Channel{ID: "C0INC1", Name: "inc-1", Members: []string{"U0LUIS"}})
	require.Equal(t, "inc-1", (<-events).(*slackevents.ChannelCreatedEvent).Channel.Name)
	require.Empty(t, events, "the mention was not asked for")
}

func TestMoreScopesDoMore(t *testing.T) {
	t.Parallel()
	m := manifest(t)
	m.OAuth.Scopes.Bot = append(m.OAuth.Scopes.Bot, "chat:write.public", "reactions:write", "im:write", "team:read")
	s := slackd.New(t, slackd.Options{Manifest: &m})
	api := client(t, s)
	_, ts, err := api.PostMessage("C0RANDOM", slack.MsgOptionText("x", false))
	require.NoError(t, err)
	require.EqualError(t, api.AddReaction("eyes", slack.NewRefToMessage("C0RANDOM", ts)), "not_in_channel")
	_, ts, err = api.PostMessage("C0OPS", slack.MsgOptionText("x", false))
	require.NoError(t, err)
	require.NoError(t, api.AddReaction("eyes", slack.NewRefToMessage("C0OPS", ts)))
	require.EqualError(t, api.AddReaction("eyes", slack.NewRefToMessage("C0OPS", ts)), "already_reacted")
	shown, _ := s.Message("C0OPS", ts)
	require.Equal(t, map[string][]string{"eyes": {"U0ALGESTA"}}, shown.Reactions)
	dm, _, _, err := api.OpenConversation(&slack.OpenConversationParameters{Users: []string{"U0DANA"}})
	require.NoError(t, err)
	require.Equal(t, s.BotDM("U0DANA"), dm.ID)
	team, err := api.GetTeamInfo()
	require.NoError(t, err)
	require.Equal(t, "T0ALGESTA", team.ID)
	_, _, err = api.DeleteMessage("C0OPS", ts)
	require.NoError(t, err)
	require.Empty(t, s.Messages("C0OPS"))
}
