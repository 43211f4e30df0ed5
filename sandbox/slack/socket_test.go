package slackd_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/slack-go/slack"
	"github.com/slack-go/slack/slackevents"
	"github.com/stretchr/testify/require"

	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

// wire is a Socket Mode connection without a library, to see frames and close codes.
type wire struct {
	t    *testing.T
	conn *websocket.Conn
}

func dial(t *testing.T, s *slackd.Server) wire {
	t.Helper()
	_, url, err := client(t, s).StartSocketModeContext(t.Context())
	require.NoError(t, err)
	conn, resp, err := websocket.DefaultDialer.DialContext(t.Context(), url, nil)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(10*time.Second)))
	return wire{t, conn}
}

type frame struct {
	Type           string `json:"type"`
	Reason         string `json:"reason"`
	EnvelopeID     string `json:"envelope_id"`
	NumConnections int    `json:"num_connections"`
	Accepts        bool   `json:"accepts_response_payload"`
	RetryAttempt   int    `json:"retry_attempt"`
	RetryReason    string `json:"retry_reason"`
	Payload        struct {
		EventID string `json:"event_id"`
		Text    string `json:"text"`
	} `json:"payload"`
}

func (w wire) read() frame {
	w.t.Helper()
	var f frame
	require.NoError(w.t, w.conn.ReadJSON(&f))
	return f
}

func (w wire) ack(id string) {
	w.t.Helper()
	require.NoError(w.t, w.conn.WriteJSON(map[string]string{"envelope_id": id}))
}

func TestASocketSaysHelloAndItsAddressWorksOnce(t *testing.T) {
	t.Parallel()
	s := slackd.New(t, fast())
	_, url, err := client(t, s).StartSocketModeContext(t.Context())
	require.NoError(t, err)
	for i, want := range []bool{true, false} {
		conn, resp, err := websocket.DefaultDialer.DialContext(t.Context(), url, nil)
		require.Equal(t, want, err == nil, "try %d", i)
		require.NoError(t, resp.Body.Close())
		if err == nil {
			w := wire{t, conn}
			hello := w.read()
			require.Equal(t, "hello", hello.Type)
			require.Equal(t, 1, hello.NumConnections)
			defer func() { _ = conn.Close() }()
		}
	}
	require.Equal(t, 2, dial(t, s).read().NumConnections)
}

// An app that is ready at its hello is ready: a bot's first command may come in the same moment.
func TestASocketThatSaidHelloTakesEnvelopes(t *testing.T) {
	t.Parallel()
	s := slackd.New(t, fast())
	for range 50 {
		w := dial(t, s)
		require.Equal(t, "hello", w.read().Type)
		typed := make(chan error, 1)
		go func() {
			_, err := s.Type("U0LUIS", "C0OPS", "/algesta help")
			typed <- err
		}()
		f := w.read()
		require.Equal(t, "slash_commands", f.Type)
		w.ack(f.EnvelopeID)
		require.NoError(t, <-typed)
		require.NoError(t, w.conn.Close())
		require.NoError(t, s.WaitFor(t.Context(), func() bool { return s.Sockets() == 0 }))
	}
}

func TestTheEleventhSocketIsSentAway(t *testing.T) {
	t.Parallel()
	s := slackd.New(t, fast())
	for range 10 {
		dial(t, s).read()
	}
	require.Equal(t, "too_many_websockets", dial(t, s).read().Reason)
}

func TestAnEnvelopeGoesToOneSocketOnly(t *testing.T) {
	t.Parallel()
	s := slackd.New(t, fast())
	got := make(chan string, 100)
	for range 3 {
		script{slash: func(c slack.SlashCommand) any { got <- c.Text; return nil }}.run(t, s)
	}
	for range 30 {
		_, err := s.Type("U0LUIS", "C0OPS", "/algesta help")
		require.NoError(t, err)
	}
	require.Len(t, got, 30)
	used := map[int]int{}
	for _, d := range s.Deliveries() {
		used[d.Socket]++
	}
	require.Len(t, used, 3, "all sockets are used")
	l := s.AckLatency(time.Time{})
	require.Equal(t, 30, l.Acked)
	require.Positive(t, l.P50)
	require.GreaterOrEqual(t, l.P99, l.P50)
}

func TestACommandNobodyTakesFailsBeforeThePerson(t *testing.T) {
	t.Parallel()
	opts := fast()
	opts.AckTimeout = 50 * time.Millisecond
	s := slackd.New(t, opts)
	_, err := s.Type("U0LUIS", "C0OPS", "/algesta help")
	require.ErrorIs(t, err, slackd.ErrDispatchFailed)
	script{silent: true}.run(t, s)
	_, err = s.Type("U0LUIS", "C0OPS", "/algesta help")
	require.ErrorIs(t, err, slackd.ErrOperationTimeout)
	said := s.Ephemerals("U0LUIS")
	require.Equal(t, "/algesta failed with the error “dispatch_failed”", said[0].Plain())
	require.Equal(t, "/algesta failed with the error “operation_timeout”", said[1].Plain())
	require.Empty(t, s.Ephemerals("U0MARTA"))
}

func TestAnEventThatIsNotAcknowledgedComesAgain(t *testing.T) {
	t.Parallel()
	opts := fast()
	opts.AckTimeout = 2 * time.Second // the third one is acknowledged in time, on a busy machine too
	opts.RetryAfter = []time.Duration{0, time.Millisecond}
	s := slackd.New(t, opts)
	w := dial(t, s)
	w.read()
	_, err := s.Mention("U0LUIS", "C0OPS", "", "logs")
	require.NoError(t, err)
	first, second := w.read(), w.read()
	require.Equal(t, 0, first.RetryAttempt)
	require.False(t, first.Accepts)
	require.Equal(t, 1, second.RetryAttempt)
	require.Equal(t, "timeout", second.RetryReason)
	require.Equal(t, first.Payload.EventID, second.Payload.EventID)
	third := w.read()
	require.Equal(t, 2, third.RetryAttempt)
	w.ack(third.EnvelopeID)
	require.NoError(t, s.WaitFor(soon(t), func() bool {
		all := s.Deliveries()
		return len(all) == 3 && all[2].Acked()
	}))
}

func TestAnAckOnAnotherSocketDoesNotCount(t *testing.T) {
	t.Parallel()
	opts := fast()
	opts.AckTimeout = 100 * time.Millisecond
	s := slackd.New(t, opts)
	var sockets []wire
	for n := range 2 { // one after the other: the server counts them as they come
		sockets = append(sockets, dial(t, s))
		sockets[n].read()
		require.NoError(t, s.WaitFor(soon(t), func() bool { return s.Sockets() == n+1 }))
	}
	ended := make(chan error, 1)
	go func() { _, err := s.Type("U0LUIS", "C0OPS", "/algesta help"); ended <- err }()
	require.NoError(t, s.WaitFor(soon(t), func() bool { return len(s.Deliveries()) == 1 }))
	d := s.Deliveries()[0]
	sockets[2-d.Socket].ack(d.EnvelopeID) // sockets count from 1: this is the other one
	require.ErrorIs(t, <-ended, slackd.ErrOperationTimeout)
	require.NoError(t, s.WaitFor(soon(t), func() bool { return s.Deliveries()[0].Ignored == 1 }))
}

func TestAnEnvelopeCanComeTwice(t *testing.T) {
	t.Parallel()
	s := slackd.New(t, fast())
	got := make(chan string, 2)
	script{slash: func(c slack.SlashCommand) any { got <- c.TriggerID; return nil }}.run(t, s)
	d, err := s.Type("U0LUIS", "C0OPS", "/algesta help")
	require.NoError(t, err)
	again, err := s.Redeliver(d.EnvelopeID)
	require.NoError(t, err)
	require.Equal(t, d.EnvelopeID, again.EnvelopeID)
	first, second := <-got, <-got
	require.Equal(t, first, second, "the same payload")
}

func TestAFrameAbove20KiBClosesTheSocket(t *testing.T) {
	t.Parallel()
	s := slackd.New(t, fast())
	w := dial(t, s)
	w.read()
	require.NoError(t, w.conn.WriteMessage(websocket.TextMessage, []byte(`{"envelope_id":"`+strings.Repeat("x", 20480)+`"}`)))
	_, _, err := w.conn.ReadMessage()
	var closed *websocket.CloseError
	require.ErrorAs(t, err, &closed)
	require.Equal(t, websocket.CloseMessageTooBig, closed.Code)
	require.Equal(t, "Max frame length of 20480 has been exceeded", closed.Text)
}

func TestSocketsAreRefreshedWarnedAndDropped(t *testing.T) {
	t.Parallel()
	opts := fast()
	opts.SocketLife, opts.RefreshWarning = 200*time.Millisecond, 100*time.Millisecond
	s := slackd.New(t, opts)
	w := dial(t, s)
	w.read()
	require.Equal(t, "warning", w.read().Reason)
	require.Equal(t, "refresh_requested", w.read().Reason)
	_, _, err := w.conn.ReadMessage()
	require.Error(t, err, "a socket that does not go is cut")

	s = slackd.New(t, fast())
	script{}.run(t, s)
	require.Equal(t, 1, s.DropSockets())
	require.NoError(t, s.WaitFor(soon(t), func() bool { return s.Sockets() == 0 }))
	require.NoError(t, s.WaitFor(soon(t), func() bool { return s.Sockets() == 1 }), "slack-go comes back")
	s.Disconnect("link_disabled")
	require.NoError(t, s.WaitFor(soon(t), func() bool { return len(s.Calls("apps.connections.open")) == 3 }))
}

func TestSlackGoReadsEveryEnvelope(t *testing.T) {
	t.Parallel()
	s := slackd.New(t, fast())
	events := make(chan slackevents.EventsAPIEvent, 1)
	script{event: func(e slackevents.EventsAPIEvent) { events <- e }}.run(t, s)
	_, err := s.Say("U0DANA", s.BotDM("U0DANA"), "", "status api-gateway")
	require.NoError(t, err)
	dm := (<-events).InnerEvent.Data.(*slackevents.MessageEvent)
	require.Equal(t, "im", dm.ChannelType)
	require.Equal(t, "U0DANA", dm.User)
	_, err = s.Mention("U0LUIS", "C0RANDOM", "", "help")
	require.NoError(t, err)
	_, err = s.Mention("U0LUIS", "C0OPS", "", "help")
	require.NoError(t, err)
	e := <-events
	require.Equal(t, "C0OPS", e.InnerEvent.Data.(*slackevents.AppMentionEvent).Channel, "where the bot is not, a mention is only text")
	require.NotEmpty(t, e.Data.(*slackevents.EventsAPICallbackEvent).EventID)
}

func TestOneThousandCommandsAreAcknowledged(t *testing.T) {
	t.Parallel()
	opts := fast()
	opts.AckTimeout = 20 * time.Second // this is about losing none, not about a busy machine
	s := slackd.New(t, opts)
	script{}.run(t, s)
	script{}.run(t, s)
	errs := make(chan error, 1000)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for range 1000 {
		go func() { _, err := s.Type("U0LUIS", "C0OPS", "/algesta help"); errs <- err }()
	}
	for range 1000 {
		select {
		case err := <-errs:
			require.NoError(t, err)
		case <-ctx.Done():
			t.Fatal("too slow")
		}
	}
}

func TestPayloadsAreJSONThatSlackGoUnderstands(t *testing.T) {
	t.Parallel()
	s := slackd.New(t, fast())
	got := make(chan slack.SlashCommand, 1)
	script{slash: func(c slack.SlashCommand) any { got <- c; return nil }}.run(t, s)
	for channel, name := range map[string]string{
		"C0OPS": "ops", "C0WARROOM": "privategroup", "D0LUISMARTA": "directmessage", "D0LUIS": "directmessage",
	} {
		_, err := s.Type("U0LUIS", channel, "/algesta  logs <ms-orders> #ops @carla")
		require.NoError(t, err)
		c := <-got
		require.Equal(t, name, c.ChannelName)
		require.Equal(t, channel, c.ChannelID)
		require.Equal(t, "T0ALGESTA", c.TeamID)
		require.Equal(t, "logs &lt;ms-orders&gt; <#C0OPS|ops> <@U0CARLA>", c.Text)
		require.NotEmpty(t, c.TriggerID)
		require.True(t, strings.HasPrefix(c.ResponseURL, s.URL()))
	}
	raw, err := json.Marshal(s.Deliveries()[0])
	require.NoError(t, err)
	require.NotContains(t, string(raw), s.BotToken())
}

// BenchmarkAck is this Slack's own share of the ack budget (25 ms at the 99th percentile): slack-go acknowledging at once.
func BenchmarkAck(b *testing.B) {
	s := slackd.New(b, fast())
	script{}.run(b, s)
	for b.Loop() {
		_, err := s.Type("U0LUIS", "C0OPS", "/algesta help")
		require.NoError(b, err)
	}
	l := s.AckLatency(time.Time{})
	b.ReportMetric(float64(l.P50.Microseconds()), "p50-µs")
	b.ReportMetric(float64(l.P99.Microseconds()), "p99-µs")
}
