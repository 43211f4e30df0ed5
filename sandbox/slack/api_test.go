package slackd_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/slack-go/slack"
	"github.com/stretchr/testify/require"

	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

// postRaw calls a method with a form, as slack-go does, but with whatever arguments; an empty Err means ok.
func postRaw(t *testing.T, s *slackd.Server, method string, arguments map[string]string) slack.SlackErrorResponse {
	t.Helper()
	form := url.Values{}
	for k, v := range arguments {
		form.Set(k, v)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.APIURL()+method, strings.NewReader(form.Encode()))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if _, own := arguments["token"]; !own {
		req.Header.Set("Authorization", "Bearer "+s.BotToken())
	}
	return send(t, req)
}

func send(t *testing.T, req *http.Request) slack.SlackErrorResponse {
	t.Helper()
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { require.NoError(t, resp.Body.Close()) }()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	var answer struct {
		OK     bool   `json:"ok"`
		Error  string `json:"error"`
		Needed string `json:"needed"`
		Meta   struct {
			Messages []string `json:"messages"`
		} `json:"response_metadata"`
	}
	require.NoError(t, json.Unmarshal(raw, &answer), string(raw))
	require.Equal(t, answer.OK, answer.Error == "")
	return slack.SlackErrorResponse{
		Err:              answer.Error,
		Needed:           answer.Needed,
		ResponseMetadata: slack.ResponseMetadata{Messages: answer.Meta.Messages},
	}
}

func TestCallsAreRefusedAsSlackRefusesThem(t *testing.T) {
	t.Parallel()
	w := slackd.Demo()
	w.Channels = append(w.Channels, slackd.Channel{ID: "C0OLD", Name: "old", Archived: true, Members: []string{"U0ALGESTA", "U0LUIS"}})
	s := slackd.New(t, slackd.Options{Workspace: &w, Limits: slackd.Limits{Off: true}})
	luis, err := s.Say("U0LUIS", "C0OPS", "", "hello")
	require.NoError(t, err)
	tests := map[string]struct {
		method string
		args   map[string]string
		want   string
	}{
		"no token":                           {"auth.test", map[string]string{"token": ""}, "not_authed"},
		"a token nobody knows":               {"auth.test", map[string]string{"token": "xoxb-other"}, "invalid_auth"},
		"the app's token for a bot's method": {"auth.test", map[string]string{"token": s.AppToken()}, "not_allowed_token_type"},
		"the bot's token for a socket":       {"apps.connections.open", map[string]string{"token": s.BotToken()}, "not_allowed_token_type"},
		"an app's token outside the header":  {"apps.connections.open", map[string]string{"token": s.AppToken()}, "invalid_auth"},
		"a method that is none":              {"chat.shout", nil, "unknown_method"},
		"a channel that is none":             {"chat.postMessage", map[string]string{"channel": "C0NONE", "text": "x"}, "channel_not_found"},
		"a private channel without the bot":  {"chat.postMessage", map[string]string{"channel": "C0WARROOM", "text": "x"}, "channel_not_found"},
		"other people's DM": {
			"chat.postMessage",
			map[string]string{"channel": "D0LUISMARTA", "text": "x"},
			"channel_not_found",
		},
		"a public channel without the bot": {"chat.postMessage", map[string]string{"channel": "C0RANDOM", "text": "x"}, "not_in_channel"},
		"an archived channel":              {"chat.postMessage", map[string]string{"channel": "C0OLD", "text": "x"}, "is_archived"},
		"a message of nothing":             {"chat.postMessage", map[string]string{"channel": "C0OPS", "text": " "}, "no_text"},
		"a message of no blocks":           {"chat.postMessage", map[string]string{"channel": "C0OPS", "blocks": "[]"}, "no_text"},
		"markdown beside text": {
			"chat.postMessage",
			map[string]string{"channel": "C0OPS", "text": "x", "markdown_text": "x"},
			"markdown_text_conflict",
		},
		"metadata that is no JSON": {
			"chat.postMessage",
			map[string]string{"channel": "C0OPS", "text": "x", "metadata": "{"},
			"invalid_metadata_format",
		},
		"metadata without a type": {
			"chat.postMessage",
			map[string]string{"channel": "C0OPS", "text": "x", "metadata": `{"event_payload":{}}`},
			"invalid_metadata_schema",
		},
		"metadata that is nested": {
			"chat.postMessage",
			map[string]string{"channel": "C0OPS", "text": "x", "metadata": `{"event_type":"a","event_payload":{"a":{}}}`},
			"invalid_metadata_schema",
		},
		"metadata that is huge": {
			"chat.postMessage",
			map[string]string{"channel": "C0OPS", "text": "x", "metadata": `{"event_type":"a","event_payload":{"a":"` + long(9000) + `"}}`},
			"metadata_too_large",
		},
		"editing what is not there": {
			"chat.update",
			map[string]string{"channel": "C0OPS", "ts": "1.000000", "text": "x"},
			"message_not_found",
		},
		"editing what someone else wrote": {
			"chat.update",
			map[string]string{"channel": "C0OPS", "ts": luis.TS, "text": "x"},
			"cant_update_message",
		},
		"deleting what someone else wrote": {"chat.delete", map[string]string{"channel": "C0OPS", "ts": luis.TS}, "cant_delete_message"},
		"whispering to one who is not there": {
			"chat.postEphemeral",
			map[string]string{"channel": "C0INCIDENTS", "user": "U0GINA", "text": "x"},
			"user_not_in_channel",
		},
		"whispering to nobody": {
			"chat.postEphemeral",
			map[string]string{"channel": "C0OPS", "user": "U0NOBODY", "text": "x"},
			"user_not_found",
		},
		"a user who is none":                   {"users.info", map[string]string{"user": "U0NOBODY"}, "user_not_found"},
		"an e-mail nobody has":                 {"users.lookupByEmail", map[string]string{"email": "nobody@example.com"}, "users_not_found"},
		"an e-mail of one who left":            {"users.lookupByEmail", map[string]string{"email": "omar@example.com"}, "users_not_found"},
		"a group that is none":                 {"usergroups.users.list", map[string]string{"usergroup": "S0NONE"}, "no_such_subteam"},
		"facts of a private channel":           {"conversations.info", map[string]string{"channel": "C0WARROOM"}, "channel_not_found"},
		"the history of a channel without bot": {"conversations.history", map[string]string{"channel": "C0RANDOM"}, "not_in_channel"},
		"replies of no thread": {
			"conversations.replies",
			map[string]string{"channel": "C0OPS", "ts": "1.000000"},
			"thread_not_found",
		},
		"a cursor that is none": {"users.list", map[string]string{"cursor": "x"}, "invalid_cursor"},
		"a limit that is none":  {"users.list", map[string]string{"limit": "0"}, "invalid_limit"},
		"a reaction without the scope": {
			"reactions.add",
			map[string]string{"channel": "C0OPS", "timestamp": luis.TS, "name": "eyes"},
			"missing_scope",
		},
		"the team without the scope":     {"team.info", nil, "missing_scope"},
		"opening a DM without the scope": {"conversations.open", map[string]string{"users": "U0LUIS"}, "missing_scope"},
		"an empty file": {
			"files.getUploadURLExternal",
			map[string]string{"filename": "a.txt", "length": "0"},
			"missing_argument",
		},
		"a file that was not uploaded": {
			"files.completeUploadExternal",
			map[string]string{"files": `[{"id":"F0NONE"}]`, "channel_id": "C0OPS"},
			"file_not_found",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, postRaw(t, s, tt.method, tt.args).Err)
		})
	}
}

func TestAMissingScopeSaysWhatIsNeeded(t *testing.T) {
	t.Parallel()
	m := slackd.Manifest{}
	m.OAuth.Scopes.Bot = []string{"users:read"}
	s := slackd.New(t, slackd.Options{Manifest: &m})
	_, _, err := client(t, s).PostMessage("C0OPS", slack.MsgOptionText("x", false))
	var refused slack.SlackErrorResponse
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "missing_scope", refused.Err)
	require.Equal(t, "chat:write", refused.Needed)
	require.Equal(t, "users:read", refused.Provided)
	u, err := client(t, s).GetUserInfo("U0DANA")
	require.NoError(t, err)
	require.Empty(t, u.Profile.Email, "the e-mail needs users:read.email")
	_, err = s.Type("U0LUIS", "C0OPS", "/algesta help")
	require.ErrorIs(t, err, slackd.ErrNoSuchCommand)
}

func TestTextIsCutOrRefusedByItsLength(t *testing.T) {
	t.Parallel()
	s := slackd.New(t, fast())
	api := client(t, s)
	_, ts, err := api.PostMessage("C0OPS", slack.MsgOptionText(long(41_000), false))
	require.NoError(t, err)
	m, _ := s.Message("C0OPS", ts)
	require.Equal(t, long(40_000), m.Text)
	_, _, _, err = api.UpdateMessage("C0OPS", ts, slack.MsgOptionText(long(4001), false))
	require.EqualError(t, err, "msg_too_long")
	_, _, _, err = api.UpdateMessage("C0OPS", ts, slack.MsgOptionText(long(4000), false))
	require.NoError(t, err)
}

func TestAnEditKeepsReplacesOrRemovesMetadataAndBlocks(t *testing.T) {
	t.Parallel()
	s := slackd.New(t, fast())
	api := client(t, s)
	meta := slack.SlackMetadata{EventType: "algesta", EventPayload: map[string]any{"outbox": "o-1"}}
	_, ts, err := api.PostMessage(
		"C0OPS", slack.MsgOptionText("x", false), slack.MsgOptionMetadata(meta), slack.MsgOptionBlocks(slack.NewDividerBlock()),
	)
	require.NoError(t, err)
	found, _, _, err := api.GetConversationReplies(
		&slack.GetConversationRepliesParameters{ChannelID: "C0OPS", Timestamp: ts, IncludeAllMetadata: true},
	)
	require.NoError(t, err)
	require.Equal(t, "o-1", found[0].Metadata.EventPayload["outbox"], "a lost post is found again by its metadata")
	_, _, _, err = api.UpdateMessage("C0OPS", ts, slack.MsgOptionText("y", false))
	require.NoError(t, err)
	m, _ := s.Message("C0OPS", ts)
	require.Empty(t, m.Blocks)
	require.Equal(t, "algesta", m.Metadata["event_type"], "metadata that is not sent stays")
	require.Equal(t, "x", m.History[0].Text)
	require.Empty(t, postRaw(t, s, "chat.update", map[string]string{"channel": "C0OPS", "ts": ts, "text": "z", "metadata": "{}"}).Err)
	m, _ = s.Message("C0OPS", ts)
	require.Empty(t, m.Metadata)
}

func TestWhispersReachOneReaderAndCannotBeEdited(t *testing.T) {
	t.Parallel()
	s := slackd.New(t, fast())
	api := client(t, s)
	ts, err := api.PostEphemeral("C0OPS", "U0LUIS", slack.MsgOptionText("only you", false))
	require.NoError(t, err)
	require.Len(t, s.Ephemerals("U0LUIS"), 1)
	require.Empty(t, s.Ephemerals("U0MARTA"))
	require.Empty(t, s.Messages("C0OPS"))
	_, _, _, err = api.UpdateMessage("C0OPS", ts, slack.MsgOptionText("x", false))
	require.EqualError(t, err, "message_not_found")
	history, err := api.GetConversationHistory(&slack.GetConversationHistoryParameters{ChannelID: "C0OPS"})
	require.NoError(t, err)
	require.Empty(t, history.Messages)
}

func TestLinksUnfurlUnlessTheBotSaysNo(t *testing.T) {
	t.Parallel()
	s := slackd.New(t, fast())
	api := client(t, s)
	for _, quiet := range []bool{false, true} {
		options := []slack.MsgOption{slack.MsgOptionText("see https://example.com", false)}
		if quiet {
			options = append(options, slack.MsgOptionDisableLinkUnfurl(), slack.MsgOptionDisableMediaUnfurl())
		}
		_, ts, err := api.PostMessage("C0OPS", options...)
		require.NoError(t, err)
		m, _ := s.Message("C0OPS", ts)
		require.Equal(t, !quiet, m.Unfurls)
	}
}

func TestTheDirectorySaysWhoPeopleAre(t *testing.T) {
	t.Parallel()
	s := slackd.New(t, fast())
	api := client(t, s)
	auth, err := api.AuthTest()
	require.NoError(t, err)
	require.Equal(t, [3]string{"T0ALGESTA", "U0ALGESTA", "B0ALGESTA"}, [3]string{auth.TeamID, auth.UserID, auth.BotID})
	dana, err := api.GetUserByEmail("DANA@example.com")
	require.NoError(t, err)
	require.Equal(t, "U0DANA", dana.ID)
	gina, err := api.GetUserInfo("U0GINA")
	require.NoError(t, err)
	require.True(t, gina.IsRestricted)
	omar, err := api.GetUserInfo("U0OMAR")
	require.NoError(t, err)
	require.True(t, omar.Deleted)
	grafana, err := api.GetUserInfo("U0GRAFANA")
	require.NoError(t, err)
	require.True(t, grafana.IsBot)
	groups, err := api.GetUserGroups(slack.GetUserGroupsOptionIncludeUsers(true))
	require.NoError(t, err)
	require.Equal(t, []string{"U0PABLO", "U0ELENA"}, groups[0].Users)
	members, err := api.GetUserGroupMembers("S0BACKEND")
	require.NoError(t, err)
	require.Equal(t, []string{"U0LUIS", "U0MARTA"}, members)
	s.SetGroup("S0BACKEND", "U0LUIS")
	members, err = api.GetUserGroupMembers("S0BACKEND")
	require.NoError(t, err)
	require.Equal(t, []string{"U0LUIS"}, members)
	all, err := api.GetUsers(slack.GetUsersOptionLimit(3))
	require.NoError(t, err)
	require.Len(t, all, 11, "pages are followed")
	channels, _, err := api.GetConversations(&slack.GetConversationsParameters{Types: []string{"public_channel", "private_channel", "im"}})
	require.NoError(t, err)
	for _, c := range channels {
		require.NotEqual(t, "C0WARROOM", c.ID)
		require.NotEqual(t, "D0LUISMARTA", c.ID)
	}
	info, err := api.GetConversationInfo(&slack.GetConversationInfoInput{ChannelID: "C0RANDOM"})
	require.NoError(t, err)
	require.False(t, info.IsMember)
	dm, err := api.GetConversationInfo(&slack.GetConversationInfoInput{ChannelID: "D0DANA"})
	require.NoError(t, err)
	require.Equal(t, "U0DANA", dm.User)
	bot, err := api.GetBotInfo(slack.GetBotInfoParameters{Bot: "B0ALGESTA"})
	require.NoError(t, err)
	require.Equal(t, "U0ALGESTA", bot.UserID)
}

func TestAFileIsUploadedIntoAThread(t *testing.T) {
	t.Parallel()
	s := slackd.New(t, fast())
	api := client(t, s)
	_, ts, err := api.PostMessage("C0OPS", slack.MsgOptionText("logs", false))
	require.NoError(t, err)
	_, err = api.UploadFile(
		slack.UploadFileParameters{Content: "line 1\n", FileSize: 7, Filename: "logs.txt", Title: "Logs", Channel: "C0OPS", ThreadTimestamp: ts},
	)
	require.NoError(t, err)
	reply := s.Thread("C0OPS", ts)[1]
	require.Equal(t, "Logs", reply.Files[0].Title)
	require.Equal(t, "line 1\n", reply.Files[0].Content)
	_, err = api.UploadFile(slack.UploadFileParameters{Content: "x", FileSize: 1, Filename: "x.txt", Channel: "C0RANDOM"})
	require.ErrorContains(t, err, "not_in_channel")
	_, err = api.UploadFile(slack.UploadFileParameters{Content: "xyz", FileSize: 1, Filename: "x.txt", Channel: "C0OPS"})
	require.Error(t, err, "the length must be the file's")
}

func TestALinkLeadsToItsMessage(t *testing.T) {
	t.Parallel()
	s := slackd.New(t, fast())
	api := client(t, s)
	_, ts, err := api.PostMessage("C0OPS", slack.MsgOptionText("x", false))
	require.NoError(t, err)
	link, err := api.GetPermalink(&slack.PermalinkParameters{Channel: "C0OPS", Ts: ts})
	require.NoError(t, err)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, link, http.NoBody)
	require.NoError(t, err)
	req.Close = true
	resp, err := http.DefaultTransport.RoundTrip(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, "/#C0OPS/"+ts, resp.Header.Get("Location"))
}

func TestItListensOnThisMachineOnly(t *testing.T) {
	t.Parallel()
	for _, addr := range []string{"0.0.0.0:0", ":0", "192.0.2.1:80", "example.com:80"} {
		_, err := slackd.Start(t.Context(), slackd.Options{Listen: addr})
		require.ErrorContains(t, err, "only a loopback address")
	}
	w := slackd.Demo()
	w.Channels[0].Members = append(w.Channels[0].Members, "U0NOBODY")
	_, err := slackd.Start(t.Context(), slackd.Options{Workspace: &w})
	require.EqualError(t, err, `workspace: channel C0OPS names "U0NOBODY", who is not in users`)
}
