package slackd_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slack-go/slack"
	"github.com/stretchr/testify/require"

	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

// ask calls the admin API and decodes its result; it returns what was refused.
func ask(t *testing.T, s *slackd.Server, path string, body, result any) string {
	t.Helper()
	method, raw := http.MethodGet, []byte(nil)
	if body != nil {
		var err error
		raw, err = json.Marshal(body)
		require.NoError(t, err)
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL()+"/sandbox/"+path, bytes.NewReader(raw))
	require.NoError(t, err)
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { require.NoError(t, resp.Body.Close()) }()
	answer := struct {
		OK     bool   `json:"ok"`
		Error  string `json:"error"`
		Result any    `json:"result"`
	}{Result: result}
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&answer))
	require.Equal(t, answer.OK, resp.StatusCode == http.StatusOK)
	return answer.Error
}

func TestAnotherProcessActsAndLooksOverHTTP(t *testing.T) {
	t.Parallel()
	s := slackd.New(t, fast())
	api := script{slash: func(slack.SlashCommand) any { return map[string]string{"text": "here you are"} }}.run(t, s)
	var link struct{ APIURL, BotToken, AppToken, TeamID string }
	require.Empty(t, ask(t, s, "connection", nil, &link))
	require.Equal(t, s.APIURL(), link.APIURL)
	require.Equal(t, s.AppToken(), link.AppToken)

	var d slackd.Delivery
	require.Empty(t, ask(t, s, "type", map[string]string{"user": "U0LUIS", "channel": "C0OPS", "text": "/algesta help"}, &d))
	require.True(t, d.Acked())
	var whispers []slackd.Message
	require.Empty(t, ask(t, s, "ephemerals?user=U0LUIS", nil, &whispers))
	require.Equal(t, "here you are", whispers[0].Plain())
	require.Empty(t, ask(t, s, "redeliver", map[string]string{"envelope": d.EnvelopeID}, &d))

	_, ts, err := api.PostMessage(
		"C0OPS", slack.MsgOptionText("x", false),
		slack.MsgOptionBlocks(slack.NewActionBlock("", slack.NewButtonBlockElement("go", "v", plainObject("Go")))),
	)
	require.NoError(t, err)
	require.Empty(t, ask(t, s, "click", map[string]string{"user": "U0LUIS", "channel": "C0OPS", "ts": ts, "action": "go"}, &d))
	require.Contains(
		t, ask(t, s, "click", map[string]string{"user": "U0LUIS", "channel": "C0OPS", "ts": ts, "action": "stop"}, nil), "not there",
	)
	require.Empty(t, ask(t, s, "say", map[string]string{"user": "U0LUIS", "channel": "C0OPS", "thread": ts, "text": "thanks"}, nil))
	var thread, all []slackd.Message
	require.Empty(t, ask(t, s, "messages?channel=C0OPS&thread="+ts, nil, &thread))
	require.Len(t, thread, 2)
	require.Empty(t, ask(t, s, "all?channel=C0OPS", nil, &all))
	require.Len(t, all, 3)

	require.Empty(t, ask(t, s, "fail", map[string]any{"method": "auth.test", "status": 503, "times": 1}, nil))
	_, err = api.AuthTest()
	require.Error(t, err)
	_, err = api.AuthTest()
	require.NoError(t, err)
	var calls []slackd.Call
	require.Empty(t, ask(t, s, "calls?method=auth.test", nil, &calls))
	require.Equal(t, "http 503", calls[0].Error)
	require.Empty(t, ask(t, s, "user", map[string]any{"id": "U0LUIS", "name": "luis", "deactivated": true}, nil))
	require.Contains(
		t, ask(t, s, "type", map[string]string{"user": "U0LUIS", "channel": "C0OPS", "text": "/algesta help"}, nil), "deactivated",
	)
	require.Contains(t, ask(t, s, "type", map[string]string{"usr": "U0LUIS"}, nil), "unknown field")

	var version int
	require.Empty(t, ask(t, s, "changes?after=0", nil, &version))
	require.Positive(t, version)
	var dropped int
	require.Empty(t, ask(t, s, "drop", map[string]any{}, &dropped))
	require.Equal(t, 1, dropped)
}

func TestThePageOfAnotherSiteCannotAct(t *testing.T) {
	t.Parallel()
	s := slackd.New(t, fast())
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+"/sandbox/drop", strings.NewReader("{}"))
	require.NoError(t, err)
	req.Header.Set("Origin", "https://example.com")
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusForbidden, resp.StatusCode)
}

func TestAPersonSeesOnlyWhatIsTheirs(t *testing.T) {
	t.Parallel()
	s := slackd.New(t, fast())
	api := client(t, s)
	_, err := api.PostEphemeral("C0OPS", "U0LUIS", slack.MsgOptionText("for luis", false))
	require.NoError(t, err)
	type state struct {
		Conversations []struct{ ID string }
		Messages      []slackd.Message
	}
	for user, want := range map[string]struct{ messages, conversations int }{"U0LUIS": {1, 6}, "U0NICO": {0, 4}, "U0GINA": {0, 2}} {
		var got state
		require.Empty(t, ask(t, s, "state?as="+user+"&channel=C0OPS", nil, &got))
		require.Len(t, got.Messages, want.messages, user)
		require.Len(t, got.Conversations, want.conversations, user)
	}
	require.Contains(t, ask(t, s, "state?as=U0OMAR", nil, nil), "choose someone")
	var hidden state
	require.Empty(t, ask(t, s, "state?as=U0NICO&channel=C0WARROOM", nil, &hidden))
	require.Nil(t, hidden.Messages)
}

func TestTheStreamTellsOfChanges(t *testing.T) {
	t.Parallel()
	s := slackd.New(t, fast())
	req, err := http.NewRequestWithContext(soon(t), http.MethodGet, s.URL()+"/sandbox/stream", http.NoBody)
	require.NoError(t, err)
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	lines := bufio.NewScanner(resp.Body)
	read := func() string {
		for lines.Scan() {
			if text := lines.Text(); text != "" {
				return text
			}
		}
		return ""
	}
	first := read()
	require.Contains(t, first, "data: ")
	_, err = s.Say("U0LUIS", "C0OPS", "", "x")
	require.NoError(t, err)
	require.NotEqual(t, first, read())
}

func TestAWorkspaceIsReadFromAFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "workspace.yaml")
	text := `
team: {id: T1, name: One, domain: one}
bot: {user: UBOT, id: BBOT, app: ABOT, name: algesta}
users:
  - {id: UA, name: ana, realName: Ana, email: ana@example.com}
channels:
  - {id: C1, name: one, members: [UA, UBOT]}
`
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	w, err := slackd.LoadWorkspace(path)
	require.NoError(t, err)
	s := slackd.New(t, slackd.Options{Workspace: &w})
	_, _, err = client(t, s).PostMessage("C1", slack.MsgOptionText("hello", false))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, []byte(text+"guests: [UA]\n"), 0o600))
	_, err = slackd.LoadWorkspace(path)
	require.ErrorContains(t, err, "guests")
}
