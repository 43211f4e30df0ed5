package slackd_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"
	"github.com/stretchr/testify/require"

	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

// answer posts to a response_url and returns what was refused, or nothing.
func answer(t *testing.T, url, body string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { require.NoError(t, resp.Body.Close()) }()
	if resp.StatusCode == http.StatusOK {
		return ""
	}
	buf := make([]byte, 4096)
	n, _ := resp.Body.Read(buf)
	return string(buf[:n])
}

// typed types a command and returns its response_url.
func typed(t *testing.T, s *slackd.Server) string {
	t.Helper()
	got := make(chan string, 1)
	script{slash: func(c slack.SlashCommand) any { got <- c.ResponseURL; return nil }}.run(t, s)
	_, err := s.Type("U0LUIS", "C0RANDOM", "/algesta help")
	require.NoError(t, err)
	return <-got
}

func TestAResponseURLAnswersFiveTimes(t *testing.T) {
	t.Parallel()
	s := slackd.New(t, slackd.Options{})
	url := typed(t, s)
	require.Contains(t, answer(t, url, `{"text":""}`), "no_text")
	require.Contains(t, answer(t, url, `{"blocks":[{"type":"alert"}]}`), "invalid_blocks")
	require.Empty(t, answer(t, url, `{"text":"only you"}`))
	require.Empty(t, answer(t, url, `{"text":"all of you","response_type":"in_channel"}`))
	parent := s.Messages("C0RANDOM")[0]
	require.Empty(
		t, answer(t, url, `{"text":"in the thread","response_type":"in_channel","replace_original":false,"thread_ts":"`+parent.TS+`"}`),
	)
	require.Empty(t, answer(t, url, `{"text":"a command's text is not replaced","replace_original":true}`))
	require.Empty(t, answer(t, url, `{"text":"five"}`))
	require.Contains(t, answer(t, url, `{"text":"six"}`), "used_url")
	require.Contains(t, answer(t, s.URL()+"/response/none", `{"text":"x"}`), "expired_url")
	require.Len(t, s.Ephemerals("U0LUIS"), 3)
	require.Equal(t, "in the thread", s.Thread("C0RANDOM", parent.TS)[1].Plain())
}

func TestAResponseURLExpires(t *testing.T) {
	t.Parallel()
	opts := fast()
	opts.ResponseLife = time.Nanosecond
	s := slackd.New(t, opts)
	require.Contains(t, answer(t, typed(t, s), `{"text":"late"}`), "expired_url")
}

func TestSlackGoAnswersThroughAResponseURL(t *testing.T) {
	t.Parallel()
	s := slackd.New(t, fast())
	url := typed(t, s)
	api := client(t, s)
	_, _, err := api.PostMessage("C0RANDOM", slack.MsgOptionResponseURL(url, slack.ResponseTypeEphemeral), slack.MsgOptionText("hello", false))
	require.NoError(t, err)
	require.Equal(t, "hello", s.Ephemerals("U0LUIS")[0].Plain())
}

func TestAClickedMessageIsReplacedOrRemovedByItsResponseURL(t *testing.T) {
	t.Parallel()
	s := slackd.New(t, fast())
	urls := make(chan string, 2)
	clicks := make(chan slack.InteractionCallback, 2)
	api := script{click: func(c slack.InteractionCallback) any {
		urls <- c.ResponseURL
		clicks <- c
		return nil
	}}.run(t, s)
	button := slack.NewActionBlock("b", slack.NewButtonBlockElement("go", "v", plainObject("Go")))
	_, err := api.PostEphemeral("C0OPS", "U0LUIS", slack.MsgOptionText("x", false), slack.MsgOptionBlocks(button))
	require.NoError(t, err)
	m := s.Ephemerals("U0LUIS")[0]
	_, err = s.Click("U0MARTA", m, "go")
	require.ErrorIs(t, err, slackd.ErrNotThere, "she does not see it")
	_, err = s.Click("U0LUIS", m, "other")
	require.ErrorIs(t, err, slackd.ErrNotThere)
	_, err = s.Click("U0LUIS", m, "go")
	require.NoError(t, err)
	c := <-clicks
	require.True(t, c.Container.IsEphemeral)
	require.Equal(t, m.TS, c.Container.MessageTs)
	url := <-urls
	require.Empty(t, answer(t, url, `{"text":"done","replace_original":true}`))
	now := s.Ephemerals("U0LUIS")
	require.Len(t, now, 1)
	require.Equal(t, "done", now[0].Plain())
	require.Empty(t, answer(t, url, `{"delete_original":true}`))
	require.Empty(t, s.Ephemerals("U0LUIS"))
}

func TestAClickCarriesWhatWasFilledIn(t *testing.T) {
	t.Parallel()
	s := slackd.New(t, fast())
	clicks := make(chan slack.InteractionCallback, 2)
	api := script{click: func(c slack.InteractionCallback) any { clicks <- c; return nil }}.run(t, s)
	_, ts, err := api.PostMessage("C0OPS", slack.MsgOptionText("x", false), slack.MsgOptionBlocks(
		slack.NewInputBlock("why", plainObject("Reason"), nil, slack.NewPlainTextInputBlockElement(nil, "reason")),
		slack.NewActionBlock(
			"acts",
			slack.NewButtonBlockElement("go", "v", plainObject("Go")),
			slack.NewOptionsSelectBlockElement(
				slack.OptTypeStatic, plainObject("revision"), "rev", slack.NewOptionBlockObject("41", plainObject("41"), nil),
			),
		),
	))
	require.NoError(t, err)
	m, _ := s.Message("C0OPS", ts)
	_, err = s.Click("U0CARLA", m, "Go", slackd.Input{BlockID: "why", ActionID: "reason", Value: "because"})
	require.NoError(t, err)
	c := <-clicks
	require.Equal(t, "because", c.BlockActionState.Values["why"]["reason"].Value)
	require.Equal(t, "v", c.ActionCallback.BlockActions[0].Value)
	require.Equal(t, ts, c.Message.Timestamp)
	_, err = s.Click("U0CARLA", m, "rev", slackd.Input{ActionID: "rev", Value: "41"})
	require.NoError(t, err)
	require.Equal(t, "41", (<-clicks).ActionCallback.BlockActions[0].SelectedOption.Value)
}

func TestPeopleActOnlyWhereTheyCan(t *testing.T) {
	t.Parallel()
	s := slackd.New(t, fast())
	for name, tt := range map[string]struct {
		user, channel string
		want          error
	}{
		"nobody":                          {"U0NOBODY", "C0OPS", slackd.ErrNoSuchUser},
		"one who left":                    {"U0OMAR", "C0OPS", slackd.ErrDeactivated},
		"a guest elsewhere":               {"U0GINA", "C0INCIDENTS", slackd.ErrCannotSee},
		"a stranger to a private room":    {"U0NICO", "C0WARROOM", slackd.ErrCannotSee},
		"a stranger to other people's DM": {"U0NICO", "D0LUISMARTA", slackd.ErrCannotSee},
		"a channel that is none":          {"U0LUIS", "C0NONE", slackd.ErrCannotSee},
	} {
		_, err := s.Type(tt.user, tt.channel, "/algesta help")
		require.ErrorIs(t, err, tt.want, name)
		_, err = s.Say(tt.user, tt.channel, "", "hello")
		require.ErrorIs(t, err, tt.want, name)
	}
	_, err := s.Type("U0LUIS", "C0OPS", "/other help")
	require.ErrorIs(t, err, slackd.ErrNoSuchCommand)
	_, err = s.Say("U0LUIS", "C0OPS", "1.000000", "x")
	require.ErrorIs(t, err, slackd.ErrNotThere)
}

func TestTheBotPostsOnceItIsInvitedAndUntilItLeaves(t *testing.T) {
	t.Parallel()
	s := slackd.New(t, fast())
	post := func() string {
		return postRaw(t, s, "chat.postMessage", map[string]string{"channel": "C0RANDOM", "text": "x"}).Err
	}
	require.Equal(t, "not_in_channel", post())
	require.NoError(t, s.Invite("U0LUIS", "C0RANDOM", "U0ALGESTA"))
	require.Empty(t, post())
	s.Leave("C0RANDOM", "U0ALGESTA")
	require.Equal(t, "not_in_channel", post())
	s.Archive("C0OPS", true)
	require.Equal(t, "is_archived", postRaw(t, s, "chat.postMessage", map[string]string{"channel": "C0OPS", "text": "x"}).Err)
}
