package slackd_test

import (
	"io"
	"testing"
	"time"

	"github.com/slack-go/slack"
	"github.com/stretchr/testify/require"

	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

func TestPostsAreLimitedPerChannelWithRetryAfter(t *testing.T) {
	t.Parallel()
	s := slackd.New(t, slackd.Options{Limits: slackd.Limits{PostBurst: 3}})
	api := client(t, s)
	var limited *slack.RateLimitedError
	for range 3 {
		_, _, err := api.PostMessage("C0OPS", slack.MsgOptionText("x", false))
		require.NoError(t, err)
	}
	_, _, err := api.PostMessage("C0OPS", slack.MsgOptionText("x", false))
	require.ErrorAs(t, err, &limited)
	require.Equal(t, time.Second, limited.RetryAfter)
	_, _, err = api.PostMessage("C0INCIDENTS", slack.MsgOptionText("x", false))
	require.NoError(t, err, "another channel has its own second")
	require.Len(t, s.Messages("C0OPS"), 3)
	calls := s.Calls("chat.postMessage")
	require.Equal(t, "ratelimited", calls[3].Error)
}

func TestMethodsAreLimitedByTheirTier(t *testing.T) {
	t.Parallel()
	s := slackd.New(t, slackd.Options{})
	api := client(t, s)
	_, ts, err := api.PostMessage("C0OPS", slack.MsgOptionText("x", false))
	require.NoError(t, err)
	for range 50 {
		_, _, _, err := api.UpdateMessage("C0OPS", ts, slack.MsgOptionText("y", false))
		require.NoError(t, err)
	}
	_, _, _, err = api.UpdateMessage("C0OPS", ts, slack.MsgOptionText("y", false))
	var limited *slack.RateLimitedError
	require.ErrorAs(t, err, &limited)
	require.Greater(t, limited.RetryAfter, 50*time.Second)
}

func TestTheNextCallsGoWrongAsTheyAreTold(t *testing.T) {
	t.Parallel()
	s := slackd.New(t, fast())
	api := client(t, s)
	post := func() error {
		_, _, err := api.PostMessage("C0OPS", slack.MsgOptionText("x", false))
		return err
	}
	s.FailNext("chat.postMessage", slackd.Fault{Status: 429, RetryAfter: 7 * time.Second}, 1)
	s.FailNext("chat.postMessage", slackd.Fault{Status: 503}, 1)
	s.FailNext("*", slackd.Fault{Drop: true}, 1)
	s.FailNext("chat.postMessage", slackd.Fault{Error: "fatal_error", AfterWork: true}, 1)
	var limited *slack.RateLimitedError
	require.ErrorAs(t, post(), &limited)
	require.Equal(t, 7*time.Second, limited.RetryAfter)
	var status slack.StatusCodeError
	require.ErrorAs(t, post(), &status)
	require.Equal(t, 503, status.Code)
	require.ErrorIs(t, post(), io.EOF)
	require.Empty(t, s.Messages("C0OPS"))
	require.EqualError(t, post(), "fatal_error")
	require.Len(t, s.Messages("C0OPS"), 1, "the work was done all the same")
	require.NoError(t, post())
	started := time.Now()
	s.FailNext("chat.postMessage", slackd.Fault{Delay: 50 * time.Millisecond}, 1)
	require.NoError(t, post())
	require.GreaterOrEqual(t, time.Since(started), 50*time.Millisecond)
	require.Len(t, s.Calls("chat.postMessage"), 6)
}
