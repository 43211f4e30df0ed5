package slack

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"pgregory.net/rapid"

	"github.com/3astronautas/algesta"
	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func TestReadingEnvelopes(t *testing.T) {
	t.Parallel()
	const event = `{"team_id":"T0","event_id":"Ev1","event_time":1795348790,"event":`
	tests := map[string]struct {
		kind, payload string
		want          algesta.Invocation
		ignored       bool
		bad           string
	}{
		"a slash command keeps its text but for the entities": {
			kind: "slash_commands",
			payload: `{"team_id":"T0","channel_id":"C1","channel_name":"ops","user_id":"U1","user_name":"dana","command":"/algesta",` +
				`"text":"scale <@U2|bob> &lt;3&gt; &amp;amp;","trigger_id":"7.8","response_url":"https://r"}`,
			want: algesta.Invocation{
				Key:     "cmd:7.8",
				Kind:    algesta.Typed,
				Person:  algesta.PersonID{Team: "T0", User: "U1"},
				Name:    "dana",
				Channel: "C1",
				Text:    "scale <@U2|bob> <3> &amp;",
				Reply:   "https://r",
				At:      noon,
			},
		},
		"without a trigger the envelope is the key": {
			kind: "slash_commands", payload: `{"team_id":"T0","channel_id":"C1","user_id":"U1","command":"/algesta"}`,
			want: algesta.Invocation{Key: "cmd:e1", Kind: algesta.Typed, Person: algesta.PersonID{Team: "T0", User: "U1"}, Channel: "C1", At: noon},
		},
		"a group message is private": {
			kind:    "slash_commands",
			payload: `{"channel_id":"C1","channel_name":"mpdm-a--b-1","user_id":"U1","command":"/algesta","trigger_id":"1"}`,
			want: algesta.Invocation{
				Key:     "cmd:1",
				Kind:    algesta.Typed,
				Person:  algesta.PersonID{User: "U1"},
				Channel: "C1",
				Private: true,
				Group:   true,
				At:      noon,
			},
		},
		"another app's command is ignored": {
			kind:    "slash_commands",
			payload: `{"channel_id":"C1","user_id":"U1","command":"/other"}`,
			ignored: true,
		},
		"a command without a person is bad": {
			kind:    "slash_commands",
			payload: `{"channel_id":"C1","command":"/algesta"}`,
			bad:     "user or channel is missing",
		},
		"a command that is no object is bad":      {kind: "slash_commands", payload: `[1]`, bad: "is a array"},
		"text of a bad envelope is not in errors": {kind: "slash_commands", payload: `{"text":"hunter2", nonsense`, bad: "not JSON"},
		"a mention loses the mention and keeps its thread": {
			kind: "events_api",
			payload: event + `{"type":"app_mention","user":"U1","team":"T0","text":"please <@U0BOT|algesta> logs ` +
				`&lt;x&gt;","ts":"1.2","thread_ts":"1.1","channel":"C1"}}`,
			want: algesta.Invocation{
				Key:     "evt:Ev1",
				Kind:    algesta.Mentioned,
				Person:  algesta.PersonID{Team: "T0", User: "U1"},
				Channel: "C1",
				Thread:  "1.1",
				Text:    "please  logs <x>",
				At:      time.Unix(1795348790, 0),
			},
		},
		"a no-break space after a mention goes with it": {
			kind:    "events_api",
			payload: event + "{\"type\":\"app_mention\",\"user\":\"U1\",\"text\":\"<@U0BOT>\u00a0help\",\"channel\":\"C1\"}}",
			want: algesta.Invocation{
				Key:     "evt:Ev1",
				Kind:    algesta.Mentioned,
				Person:  algesta.PersonID{Team: "T0", User: "U1"},
				Channel: "C1",
				Text:    "help",
				At:      time.Unix(1795348790, 0),
			},
		},
		"a person of another workspace acts in the one the app was told as; the directory decides": {
			kind:    "events_api",
			payload: event + `{"type":"app_mention","user":"U1","user_team":"T9","team":"T0","text":"help","channel":"C1"}}`,
			want: algesta.Invocation{
				Key:     "evt:Ev1",
				Kind:    algesta.Mentioned,
				Person:  algesta.PersonID{Team: "T0", User: "U1"},
				Channel: "C1",
				Text:    "help",
				At:      time.Unix(1795348790, 0),
			},
		},
		"a direct message is direct": {
			kind:    "events_api",
			payload: event + `{"type":"message","channel_type":"im","user":"U1","text":"help","channel":"D1"}}`,
			want: algesta.Invocation{
				Key:     "evt:Ev1",
				Kind:    algesta.Mentioned,
				Person:  algesta.PersonID{Team: "T0", User: "U1"},
				Channel: "D1",
				Direct:  true,
				Text:    "help",
				At:      time.Unix(1795348790, 0),
			},
		},
		"a bot's mention is ignored": {
			kind:    "events_api",
			payload: event + `{"type":"app_mention","user":"U1","bot_id":"B1","text":"<@U0BOT> help","channel":"C1"}}`,
			ignored: true,
		},
		"an edited mention is ignored": {
			kind:    "events_api",
			payload: event + `{"type":"app_mention","user":"U1","edited":{"ts":"1.2"},"text":"<@U0BOT> help","channel":"C1"}}`,
			ignored: true,
		},
		"the bot's own message is ignored": {
			kind:    "events_api",
			payload: event + `{"type":"message","channel_type":"im","user":"U0BOT","text":"help","channel":"D1"}}`,
			ignored: true,
		},
		"a deleted message is ignored": {
			kind:    "events_api",
			payload: event + `{"type":"message","channel_type":"im","subtype":"message_deleted","channel":"D1"}}`,
			ignored: true,
		},
		"talk in a channel is ignored": {
			kind:    "events_api",
			payload: event + `{"type":"message","channel_type":"channel","user":"U1","text":"help","channel":"C1"}}`,
			ignored: true,
		},
		"an unknown event is ignored": {kind: "events_api", payload: event + `{"type":"reaction_added"}}`, ignored: true},
		"blocks of a new kind do no harm": {
			kind:    "events_api",
			payload: event + `{"type":"app_mention","user":"U1","text":"help","channel":"C1","blocks":[{"type":"hologram","elements":7}]}}`,
			want: algesta.Invocation{
				Key:     "evt:Ev1",
				Kind:    algesta.Mentioned,
				Person:  algesta.PersonID{Team: "T0", User: "U1"},
				Channel: "C1",
				Text:    "help",
				At:      time.Unix(1795348790, 0),
			},
		},
		"another app's button is ignored": {
			kind: "interactive",
			payload: `{"type":"block_actions","user":{"id":"U1"},"channel":{"id":"C1"},"message":{"ts":"1.1"},"actions":[{"action_id":"snooze",` +
				`"value":"x","action_ts":"2"}]}`,
			ignored: true,
		},
		"a button without an ID is ignored": {
			kind: "interactive",
			payload: `{"type":"block_actions","user":{"id":"U1"},"channel":{"id":"C1"},"message":{"ts":"1.1"},` +
				`"actions":[{"action_id":"approve","action_ts":"2"}]}`,
			ignored: true,
		},
		"a shortcut is ignored": {kind: "interactive", payload: `{"type":"message_action","user":{"id":"U1"}}`, ignored: true},
		"another dialog is ignored": {
			kind:    "interactive",
			payload: `{"type":"view_submission","user":{"id":"U1"},"view":{"callback_id":"other"}}`,
			ignored: true,
		},
		"a dialog that lost its click is bad": {
			kind:    "interactive",
			payload: `{"type":"view_submission","user":{"id":"U1"},"view":{"callback_id":"algesta_reason","private_metadata":"{}"}}`,
			bad:     "is missing",
		},
		"the second button of an action is a vote": {
			kind: "interactive",
			payload: `{"type":"block_actions","team":{"id":"T0"},"user":{"id":"U1","username":"dana"},"channel":{"id":"C1",` +
				`"name":"privategroup"},"container":{"message_ts":"1.1","thread_ts":"1.0"},"actions":[{"action_id":"run:2","value":"o-1",` +
				`"action_ts":"2.5"}],"response_url":"https://r"}`,
			want: algesta.Invocation{
				Key:     "act:U1:1.1:2.5",
				Kind:    algesta.Voted,
				Person:  algesta.PersonID{Team: "T0", User: "U1"},
				Name:    "dana",
				Channel: "C1",
				Private: true,
				Thread:  "1.0",
				Reply:   "https://r",
				Vote:    &algesta.Vote{Action: algesta.Run, ID: "o-1"},
				At:      noon,
			},
		},
		"an unknown envelope is ignored": {kind: "carrier_pigeon", payload: `{}`, ignored: true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := newReader("/algesta", "U0BOT").read(frame{Type: test.kind, EnvelopeID: "e1", Payload: json.RawMessage(test.payload)}, noon)
			switch {
			case test.ignored:
				require.ErrorIs(t, err, errIgnored)
			case test.bad != "":
				require.ErrorContains(t, err, test.bad)
				require.NotErrorIs(t, err, errIgnored)
				require.NotContains(t, err.Error(), "hunter2")
			default:
				require.NoError(t, err)
				require.Equal(t, test.want, got.Invocation)
			}
		})
	}
}

func FuzzReadEnvelope(f *testing.F) {
	f.Add("slash_commands", []byte(`{"team_id":"T0","channel_id":"C1","user_id":"U1","command":"/algesta","text":"help"}`))
	f.Add(
		"events_api", []byte(`{"team_id":"T0","event_id":"Ev1","event":{"type":"app_mention","user":"U1","text":"<@U0BOT> x","channel":"C1"}}`),
	)
	f.Add(
		"interactive",
		[]byte(
			`{"type":"block_actions","user":{"id":"U1"},"channel":{"id":"C1"},"message":{"ts":"1.1"},"actions":[{"action_id":"approve",`+
				`"value":"c-1","action_ts":"2"}]}`,
		),
	)
	f.Add(
		"interactive",
		[]byte(
			`{"type":"view_submission","user":{"id":"U1"},"view":{"id":"V1","callback_id":"algesta_reason",`+
				`"private_metadata":"{\"action\":\"deny\",\"id\":\"c-1\",\"channel\":\"C1\",\"message\":\"1.1\"}"}}`,
		),
	)
	f.Fuzz(func(t *testing.T, kind string, payload []byte) {
		got, err := newReader("/algesta", "U0BOT").read(frame{Type: kind, EnvelopeID: "e1", Payload: payload}, noon)
		if err != nil {
			require.Equal(t, received{}, got)
			return
		}
		in := got.Invocation
		require.NotEmpty(t, in.Key)
		require.NotEmpty(t, in.Person.User)
		require.NotEmpty(t, in.Channel)
		require.Equal(t, in.Kind == algesta.Voted, in.Vote != nil)
		require.False(t, in.At.After(noon))
	})
}

func TestEscapedTextIsReadBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		said := rapid.StringMatching(`[a-z&<>;#@ ]{0,40}`).Draw(t, "text")
		sent := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(said)
		require.Equal(t, said, unescape(sent))
	})
}

func TestWhatCannotBeReadIsAcknowledged(t *testing.T) {
	t.Parallel()
	l := &listener{log: zap.NewNop(), read: newReader("/algesta", "U0BOT"), inbox: newBox()}
	_, ok := l.handle(t.Context(), frame{Type: "slash_commands", EnvelopeID: "e1", Payload: json.RawMessage(`7`)}, noon)
	require.True(t, ok, "it would come back forever")
	require.EqualValues(t, 1, l.snapshot().Bad)
	_, ok = l.handle(t.Context(), frame{Type: "carrier_pigeon", EnvelopeID: "e2"}, noon)
	require.True(t, ok)
	require.EqualValues(t, 1, l.snapshot().Bad)
}

func TestAFullInboxLeavesEnvelopesAlone(t *testing.T) {
	t.Parallel()
	r := start(t, slackd.Options{AckTimeout: 300 * time.Millisecond}, func(s *Slack) { s.listener.slots = make(chan struct{}) })
	r.sockets(t, 2)
	_, err := r.server.Type("U0LUIS", "C0OPS", "/algesta help")
	require.ErrorIs(t, err, slackd.ErrOperationTimeout)
	require.EqualValues(t, 1, r.Stats().Dropped)
	require.Equal(t, 2, r.Stats().Connected, "the sockets live on")
}

func TestStoppingAcknowledgesWhatArrived(t *testing.T) {
	t.Parallel()
	server := slackd.New(t, slackd.Options{})
	b := newBox()
	b.slow = 300 * time.Millisecond
	s, err := New(Config{
		BotToken: Secret(server.BotToken()), AppToken: Secret(server.AppToken()), APIURL: server.APIURL(), Command: "/algesta",
		Inbox: b, Outbox: b, Stagger: time.Millisecond,
	})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	require.NoError(t, server.WaitFor(t.Context(), func() bool { return server.Sockets() == 2 }))
	const n = 20
	acked := make(chan error, n)
	for range n {
		go func() {
			_, err := server.Type("U0LUIS", "C0OPS", "/algesta help")
			acked <- err
		}()
	}
	require.Eventually(t, func() bool { return s.Stats().InFlight == n }, 5*time.Second, time.Millisecond)
	stop()
	require.NoError(t, <-done)
	for range n {
		require.NoError(t, <-acked)
	}
	require.Len(t, b.received, n)
	require.Zero(t, s.Stats().InFlight)
	require.Zero(t, s.Stats().Connected)
}

func TestStoppingFinishesWhatIsBeingSaid(t *testing.T) {
	t.Parallel()
	server := slackd.New(t, slackd.Options{})
	server.FailNext("chat.postMessage", slackd.Fault{Delay: 300 * time.Millisecond}, 1)
	b := newBox()
	s, err := New(
		Config{
			BotToken: Secret(server.BotToken()),
			AppToken: Secret(server.AppToken()),
			APIURL:   server.APIURL(),
			Command:  "/algesta",
			Inbox:    b,
			Outbox:   b,
		},
	)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	b.post(algesta.Post{Command: "c-1", Kind: algesta.CardPost, Channel: "C0OPS", Report: say("card")})
	require.Eventually(t, func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.rows[0].Tried
	}, 5*time.Second, time.Millisecond)
	stop()
	require.NoError(t, <-done)
	require.Len(t, server.Messages("C0OPS"), 1)
	require.Zero(t, b.open())
}
