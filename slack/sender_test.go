package slack

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

func say(text string) algesta.Report { return algesta.Report{Title: algesta.Say("{}", text)} }

func TestAThreadKeepsItsOrder(t *testing.T) {
	t.Parallel()
	r := start(t, slackd.Options{})
	r.box.post(algesta.Post{Command: "c-1", Kind: algesta.CardPost, Channel: "C0OPS", Report: say("card")})
	r.box.post(algesta.Post{Command: "c-1", Kind: algesta.PlanPost, Channel: "C0OPS", Report: say("plan")})
	r.box.post(algesta.Post{Command: "c-1", Kind: algesta.EndPost, Channel: "C0OPS", Report: say("end")})
	card, err := r.server.WaitMessage(t.Context(), "C0OPS", slackd.Says("card"))
	require.NoError(t, err)
	r.until(t, "three posts", func() bool { return len(r.server.Thread("C0OPS", card.TS)) == 3 })
	thread := r.server.Thread("C0OPS", card.TS)
	require.Equal(t, "plan", thread[1].Text)
	require.Equal(t, "end", thread[2].Text)
	require.False(t, card.Unfurls)

	r.box.post(algesta.Post{Command: "c-1", Kind: algesta.CardPost, Channel: "C0OPS", Final: true, Report: say("done")})
	r.until(t, "the edit", func() bool { m, _ := r.server.Message("C0OPS", card.TS); return m.Text == "done" })
}

func TestAnswersGoToTheirReaderOnly(t *testing.T) {
	t.Parallel()
	r := start(t, slackd.Options{})
	r.sockets(t, 2)
	// The bot is not in #random: only the response_url answers there.
	_, err := r.server.Type("U0LUIS", "C0RANDOM", "/algesta status api-gateway production")
	require.NoError(t, err)
	in := r.box.next(t)
	r.box.post(
		algesta.Post{
			Command: "c-1",
			Kind:    algesta.AnswerPost,
			Channel: in.Channel,
			OnlyFor: in.Person.User,
			Reply:   in.Reply,
			Report:  say("4 of 4 ready"),
		},
	)
	answer, err := r.server.WaitEphemeral(t.Context(), "U0LUIS", slackd.Says("4 of 4 ready"))
	require.NoError(t, err)
	require.Equal(t, "C0RANDOM", answer.Channel)
	require.Empty(t, r.server.Messages("C0RANDOM"))
}

func TestAUsedUpAddressFallsBackToAnEphemeralMessage(t *testing.T) {
	t.Parallel()
	r := start(t, slackd.Options{ResponseLife: time.Nanosecond})
	r.sockets(t, 2)
	_, err := r.server.Type("U0LUIS", "C0OPS", "/algesta status api-gateway production")
	require.NoError(t, err)
	in := r.box.next(t)
	r.box.post(
		algesta.Post{
			Command: "c-1",
			Kind:    algesta.AnswerPost,
			Channel: in.Channel,
			OnlyFor: in.Person.User,
			Reply:   in.Reply,
			Report:  say("4 of 4 ready"),
		},
	)
	_, err = r.server.WaitEphemeral(t.Context(), "U0LUIS", slackd.Says("4 of 4 ready"))
	require.NoError(t, err)
	require.Len(t, r.server.Calls("chat.postEphemeral"), 1)
}

func TestBadDaysOfPosting(t *testing.T) {
	t.Parallel()
	tests := map[string]slackd.Fault{
		"a 429 is waited out":                            {Status: 429, RetryAfter: time.Second},
		"a 500 is tried again":                           {Status: 500},
		"a broken connection is tried again":             {Drop: true},
		"a 500 after the work is not posted twice":       {Status: 500, AfterWork: true},
		"a lost answer is not posted twice":              {Drop: true, AfterWork: true},
		"a fatal_error after the work is not said twice": {Error: "fatal_error", AfterWork: true},
	}
	for name, fault := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, slackd.Options{})
			r.server.FailNext("chat.postMessage", fault, 1)
			r.box.post(algesta.Post{Command: "c-1", Kind: algesta.CardPost, Channel: "C0OPS", Report: say("card")})
			r.box.post(algesta.Post{Command: "c-1", Kind: algesta.PlanPost, Channel: "C0OPS", Report: say("plan")})
			r.until(t, "the plan", func() bool {
				cards := r.server.Messages("C0OPS")
				return len(cards) == 1 && len(r.server.Thread("C0OPS", cards[0].TS)) == 2
			})
			require.Len(t, r.server.All("C0OPS"), 2)
		})
	}
}

func TestAReplyIsFoundInItsThread(t *testing.T) {
	t.Parallel()
	r := start(t, slackd.Options{})
	r.box.post(algesta.Post{Command: "c-1", Kind: algesta.CardPost, Channel: "C0OPS", Report: say("card")})
	card, err := r.server.WaitMessage(t.Context(), "C0OPS", slackd.Says("card"))
	require.NoError(t, err)
	r.server.FailNext("chat.postMessage", slackd.Fault{Drop: true, AfterWork: true}, 1)
	r.box.post(algesta.Post{Command: "c-1", Kind: algesta.EndPost, Channel: "C0OPS", Report: say("end")})
	r.until(t, "the search", func() bool { return len(r.server.Calls("conversations.replies")) > 0 })
	r.box.post(algesta.Post{Command: "c-1", Kind: algesta.CardPost, Channel: "C0OPS", Final: true, Report: say("done")})
	r.until(t, "the card", func() bool { m, _ := r.server.Message("C0OPS", card.TS); return m.Text == "done" })
	require.Len(t, r.server.Thread("C0OPS", card.TS), 2)
	r.box.drained(t)
}

func TestWhatCannotBeDeliveredIsLost(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		channel string
		archive bool
		want    string
	}{
		"the bot is not in the channel":            {channel: "C0RANDOM", want: "not_in_channel"},
		"the bot does not see the channel":         {channel: "C0WARROOM", want: "channel_not_found"},
		"the channel was archived in the meantime": {channel: "C0OPS", archive: true, want: "is_archived"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, slackd.Options{})
			if test.archive {
				r.server.Archive(test.channel, true)
			}
			r.box.post(algesta.Post{Command: "c-1", Kind: algesta.CardPost, Channel: test.channel, Report: say("card")})
			r.until(t, "the refusal", func() bool { return len(r.server.Calls("chat.postMessage")) > 0 })
			r.box.drained(t)
			require.Equal(t, []string{test.want}, r.box.lost)
			require.Len(t, r.server.Calls("chat.postMessage"), 1)
		})
	}
}

func TestRefusedBlocksGoOutAsText(t *testing.T) {
	t.Parallel()
	r := start(t, slackd.Options{})
	r.server.FailNext("chat.postMessage", slackd.Fault{Error: "invalid_blocks"}, 1)
	report := say("card")
	report.Body = []algesta.Block{{Text: algesta.Say("the rest of it")}}
	r.box.post(algesta.Post{Command: "c-1", Kind: algesta.CardPost, Channel: "C0OPS", Report: report})
	card, err := r.server.WaitMessage(t.Context(), "C0OPS", slackd.Says("card"))
	require.NoError(t, err)
	require.Empty(t, card.Blocks)
	require.Equal(t, "card\nthe rest of it", card.Text)
}

func TestAnswersOfABusyMinute(t *testing.T) {
	t.Parallel()
	r := start(t, slackd.Options{})
	r.sockets(t, 2)
	const n = 200
	for i := range n {
		_, err := r.server.Type("U0LUIS", "C0RANDOM", fmt.Sprintf("/algesta help %d", i))
		require.NoError(t, err)
	}
	r.box.mu.Lock()
	received := r.box.received
	before := r.box.commits
	r.box.mu.Unlock()
	for _, in := range received {
		r.box.post(
			algesta.Post{Command: in.Text, Kind: algesta.AnswerPost, Channel: in.Channel, OnlyFor: "U0LUIS", Reply: in.Reply, Report: say(in.Text)},
		)
	}
	r.until(t, "the answers", func() bool { return len(r.server.Ephemerals("U0LUIS")) == n })
	seen := map[string]int{}
	for _, m := range r.server.Ephemerals("U0LUIS") {
		seen[m.Text]++
	}
	require.Len(t, seen, n)
	r.box.drained(t)
	require.Less(t, r.box.commits-before, n/2, "deliveries are recorded together")
}

func TestNothingOfAResponseAddressIsLogged(t *testing.T) {
	t.Parallel()
	err := plainError(fmt.Errorf("answering: %w", postTo(t, "http://127.0.0.1:1/commands/T0/secret-part")))
	require.Error(t, err)
	require.NotContains(t, err.Error(), "secret-part")
	require.ErrorContains(t, err, "refused")
}

func TestASlowSlackIsAskedAgain(t *testing.T) {
	t.Parallel()
	r := start(t, slackd.Options{}, func(s *Slack) { s.http.Timeout = 500 * time.Millisecond })
	r.server.FailNext("chat.postMessage", slackd.Fault{Delay: 2 * time.Second}, 1)
	r.box.post(algesta.Post{Command: "c-1", Kind: algesta.CardPost, Channel: "C0OPS", Report: say("card")})
	_, err := r.server.WaitMessage(t.Context(), "C0OPS", slackd.Says("card"))
	require.NoError(t, err)
	r.box.drained(t)
	require.Len(t, r.server.All("C0OPS"), 1)
}

func TestAnEditWaitsOutA429(t *testing.T) {
	t.Parallel()
	r := start(t, slackd.Options{})
	r.box.post(algesta.Post{Command: "c-1", Kind: algesta.CardPost, Channel: "C0OPS", Report: say("card")})
	card, err := r.server.WaitMessage(t.Context(), "C0OPS", slackd.Says("card"))
	require.NoError(t, err)
	r.box.drained(t)
	r.server.FailNext("chat.update", slackd.Fault{Status: 429, RetryAfter: time.Second}, 1)
	r.box.post(algesta.Post{Command: "c-1", Kind: algesta.CardPost, Channel: "C0OPS", Final: true, Report: say("done")})
	r.until(t, "the edit", func() bool { m, _ := r.server.Message("C0OPS", card.TS); return m.Text == "done" })
	calls := r.server.Calls("chat.update")
	require.Len(t, calls, 2)
	require.GreaterOrEqual(t, calls[1].At.Sub(calls[0].At), time.Second)
}

// Ten rollouts with progress every 200 ms, against the rates of Slack: none is exceeded, and every end is there within 5 s.
func TestTenRolloutsInSlack(t *testing.T) {
	t.Parallel()
	r := start(t, slackd.Options{})
	const rollouts = 10
	post := func(n int, kind algesta.PostKind, text string, final bool) {
		r.box.post(
			algesta.Post{Command: fmt.Sprintf("c-%d", n), Kind: kind, Channel: fmt.Sprintf("C0ROLL%d", n), Final: final, Report: say(text)},
		)
	}
	for n := range rollouts {
		r.server.CreateChannel(
			"U0LUIS", slackd.Channel{ID: fmt.Sprintf("C0ROLL%d", n), Name: fmt.Sprintf("roll-%d", n), Members: []string{"U0LUIS", "U0ALGESTA"}},
		)
		post(n, algesta.CardPost, "card", false)
		post(n, algesta.ProgressPost, "progress", false)
	}
	r.box.drained(t)
	for i := 0; i < 25 && pause(t.Context(), 200*time.Millisecond); i++ {
		for n := range rollouts {
			post(n, algesta.CardPost, fmt.Sprint("card ", i), false)
			post(n, algesta.ProgressPost, fmt.Sprint("progress ", i), false)
		}
	}
	ended := time.Now()
	for n := range rollouts {
		post(n, algesta.CardPost, "the end", true)
		post(n, algesta.EndPost, "it is over", true)
	}
	r.until(t, "the ends", func() bool {
		for n := range rollouts {
			cards := r.server.Messages(fmt.Sprintf("C0ROLL%d", n))
			if len(cards) != 1 || cards[0].Text != "the end" || len(r.server.Thread(cards[0].Channel, cards[0].TS)) != 3 {
				return false
			}
		}
		return true
	})
	require.Less(t, time.Since(ended), 5*time.Second)
	for _, call := range r.server.Calls("chat.update", "chat.postMessage") {
		require.Empty(t, call.Error)
	}
	require.LessOrEqual(t, len(r.server.Calls("chat.update")), maxEdits)
}

// A direct message is posted to a person and edited in the conversation that Slack made of that: chat.update knows no people.
func TestADirectMessageIsEditedInItsConversation(t *testing.T) {
	t.Parallel()
	r := start(t, slackd.Options{})
	ask := algesta.Post{
		Command: "c-1",
		Kind:    algesta.DirectPost(algesta.AskedPost, algesta.Pending, person0("U0CARLA")),
		Channel: "U0CARLA",
		Direct:  true,
		Report:  say("Approve?"),
	}
	r.box.post(ask)
	dm := r.server.BotDM("U0CARLA")
	asked, err := r.server.WaitMessage(t.Context(), dm, slackd.Says("Approve?"))
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		r.box.mu.Lock()
		defer r.box.mu.Unlock()
		return r.box.rows[0].TS == dm+"/"+asked.TS
	}, 10*time.Second, 5*time.Millisecond, "it is recorded")
	ask.Report = say("Carla approved this.")
	r.box.post(ask)
	r.until(t, "the edit", func() bool { m, _ := r.server.Message(dm, asked.TS); return m.Text == "Carla approved this." })
	require.Len(t, r.server.Messages(dm), 1)
}

// TestAMessageOfSomebodyElseIsNoMessageOfOurs has another app write what the bot would look for after a call without an answer.
func TestAMessageOfSomebodyElseIsNoMessageOfOurs(t *testing.T) {
	t.Parallel()
	r := start(t, slackd.Options{})
	foreign := r.server.PostForeign("C0OPS", "", map[string]any{"metadata": map[string]any{
		"event_type": metadataType, "event_payload": map[string]any{metadataID: "1", metadataCommand: "c-1", metadataRev: "1"},
	}})
	require.NotEmpty(t, foreign)
	r.server.FailNext("chat.postMessage", slackd.Fault{Drop: true}, 1)
	r.box.post(algesta.Post{Command: "c-1", Kind: algesta.CardPost, Channel: "C0OPS", Report: say("card")})
	m, err := r.server.WaitMessage(t.Context(), "C0OPS", slackd.Says("card"))
	require.NoError(t, err)
	require.NotEqual(t, foreign, m.TS)
	require.NotEmpty(t, r.server.Calls("conversations.history"), "it looked")
	r.box.drained(t)
}
