package slack

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

// alertIn posts what Alertmanager posts: its words are in an attachment.
func alertIn(t *testing.T, s *slackd.Server, text string) slackd.Message {
	t.Helper()
	ts := s.PostForeign("C0OPS", "", map[string]any{
		"text": "",
		"attachments": []any{map[string]any{
			"fallback": "[FIRING:1]", "title": "[FIRING:1] KubePodCrashLooping", "text": text,
			"fields": []any{map[string]any{"title": "severity", "value": "critical &amp; urgent"}},
		}},
		"blocks": []any{map[string]any{"type": "section", "text": map[string]any{"type": "mrkdwn", "text": "see the dashboard"}}},
	})
	m, ok := s.Message("C0OPS", ts)
	require.True(t, ok)
	return m
}

// TestDiagnoseThisReadsTheWordsOfAMessage: wherever they stand, and the answer belongs into its thread.
func TestDiagnoseThisReadsTheWordsOfAMessage(t *testing.T) {
	t.Parallel()
	said := make(chan string, 1)
	a := &answersOf{named: func(_ algesta.Invocation, words string) (string, bool) {
		said <- words
		return "diagnose api-gateway production", true
	}}
	r := startForms(t, a, slackd.Options{})
	m := alertIn(t, r.server, "api-gateway in production")
	_, err := r.server.Shortcut("U0LUIS", m, "Diagnose this")
	require.NoError(t, err)
	in := r.box.next(t)
	words := <-said
	for _, part := range []string{"KubePodCrashLooping", "api-gateway in production", "critical & urgent", "see the dashboard"} {
		require.Contains(t, words, part)
	}
	require.Equal(t, algesta.Typed, in.Kind)
	require.Equal(t, "diagnose api-gateway production", in.Text, "the message itself is stored nowhere")
	require.Equal(t, [3]string{"U0LUIS", "C0OPS", m.TS}, [3]string{in.Person.User, in.Channel, in.Thread})
	require.NotEmpty(t, in.Reply)
	require.Empty(t, r.server.Views("U0LUIS"))
}

// TestDiagnoseThisAsksWhereAMessageNamesNothing opens the form, and what is sent belongs into the thread, too.
func TestDiagnoseThisAsksWhereAMessageNamesNothing(t *testing.T) {
	t.Parallel()
	r := startForms(t, &answersOf{}, slackd.Options{})
	m := alertIn(t, r.server, "something is wrong")
	_, err := r.server.Shortcut("U0LUIS", m, "Diagnose this")
	require.NoError(t, err)
	v := r.modal(t, "Command")
	_, err = r.server.Choose("U0LUIS", v.ID, input(t, v, "Command", "scale"))
	require.NoError(t, err)
	v = r.modal(t, "Replicas")
	_, err = r.server.Submit("U0LUIS", v.ID, input(t, v, "Replicas", "6"))
	require.NoError(t, err)
	require.Equal(t, m.TS, r.box.next(t).Thread)
}

func TestWhatIsReadOfAMessageIsBounded(t *testing.T) {
	t.Parallel()
	m := messagePayload{Text: strings.Repeat("é", mostSaid)}
	require.LessOrEqual(t, len(m.said()), mostSaid+1)
	for _, odd := range []string{"", "null", "3", `[[[{"text":["x"]}]]]`, `{"text":{"text":7}}`} {
		require.NotPanics(t, func() { m := messagePayload{Blocks: []byte(odd), Attachments: []byte(odd)}; _ = m.said() })
	}
	_, err := reader{}.shortcut(interactionPayload{CallbackID: "another"}, noon)
	require.ErrorIs(t, err, errIgnored)
}

// Named implements Forms.
func (a *answersOf) Named(_ context.Context, in algesta.Invocation, said string) (string, bool) {
	if a.named != nil {
		return a.named(in, said)
	}
	return "", false
}
