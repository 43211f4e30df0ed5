package slackd_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/slackevents"
	"github.com/slack-go/slack/socketmode"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fast has Slack's limits switched off, for tests of something else.
func fast() slackd.Options { return slackd.Options{Limits: slackd.Limits{Off: true}} }

// client is a slack-go client of the server's bot.
func client(tb testing.TB, s *slackd.Server) *slack.Client {
	tb.Helper()
	transport := &http.Transport{}
	tb.Cleanup(transport.CloseIdleConnections)
	return slack.New(s.BotToken(), slack.OptionAppLevelToken(s.AppToken()), slack.OptionAPIURL(s.APIURL()),
		slack.OptionHTTPClient(&http.Client{Timeout: 10 * time.Second, Transport: transport}))
}

// soon bounds what a test waits for.
func soon(tb testing.TB) context.Context {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), 10*time.Second)
	tb.Cleanup(cancel)
	return ctx
}

// script is a bot of a few lines: what it answers to each kind of envelope. A nil handler leaves its envelopes unacknowledged.
type script struct {
	slash  func(slack.SlashCommand) any
	click  func(slack.InteractionCallback) any
	event  func(slackevents.EventsAPIEvent)
	silent bool // acknowledges nothing
}

// run connects the bot with slack-go's own Socket Mode client and waits until it is there.
func (b script) run(tb testing.TB, s *slackd.Server) *slack.Client {
	tb.Helper()
	api := client(tb, s)
	sm := socketmode.New(api)
	had := s.Sockets()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{}, 2)
	go func() { _ = sm.RunContext(ctx); ended <- struct{}{} }()
	go func() { b.loop(ctx, sm); ended <- struct{}{} }()
	tb.Cleanup(func() {
		cancel()
		<-ended
		<-ended
	})
	require.NoError(tb, s.WaitFor(soon(tb), func() bool { return s.Sockets() > had }))
	return api
}

func (b script) loop(ctx context.Context, sm *socketmode.Client) {
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-sm.Events:
			if e.Request == nil || b.silent {
				continue
			}
			b.handle(ctx, sm, e)
		}
	}
}

func (b script) handle(ctx context.Context, sm *socketmode.Client, e socketmode.Event) {
	var answer any
	switch data := e.Data.(type) {
	case slack.SlashCommand:
		if b.slash != nil {
			answer = b.slash(data)
		}
	case slack.InteractionCallback:
		if b.click != nil {
			answer = b.click(data)
		}
	case slackevents.EventsAPIEvent:
		if b.event != nil {
			b.event(data)
		}
	default:
		return // hello
	}
	_ = sm.AckCtx(ctx, e.Request.EnvelopeID, answer)
}
