package slack

import (
	"maps"
	"net/url"
	"slices"
	"testing"

	slackapi "github.com/slack-go/slack"
	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

// strange is a message with what slack-go refuses to read.
func strange() map[string]any {
	return map[string]any{
		"text":     7,
		"user":     12,
		"edited":   "yesterday",
		"metadata": map[string]any{"event_type": 3, "event_payload": map[string]any{"id": 1, "x": []any{}}},
		"blocks": []any{
			map[string]any{"type": "table", "rows": []any{[]any{map[string]any{"type": "hologram"}}}},
			map[string]any{"type": "context", "elements": []any{map[string]any{"type": "hologram", "text": 4}}},
			map[string]any{"type": "input", "element": map[string]any{"type": "hologram"}},
			map[string]any{"type": 9},
		},
	}
}

func TestAStrangeMessageInAHistoryStopsNothing(t *testing.T) {
	t.Parallel()
	r := start(t, slackd.Options{})
	r.server.PostForeign("C0OPS", "", strange())
	r.server.FailNext("chat.postMessage", slackd.Fault{Drop: true, AfterWork: true}, 1)
	r.box.post(algesta.Post{Command: "c-1", Kind: algesta.CardPost, Channel: "C0OPS", Report: say("card")})
	card, err := r.server.WaitMessage(t.Context(), "C0OPS", slackd.Says("card"))
	require.NoError(t, err)
	r.box.drained(t) // found in the history, although something strange is in it

	r.server.PostForeign("C0OPS", card.TS, strange())
	r.server.FailNext("chat.postMessage", slackd.Fault{Drop: true, AfterWork: true}, 1)
	r.box.post(algesta.Post{Command: "c-1", Kind: algesta.PlanPost, Channel: "C0OPS", Report: say("plan")})
	r.box.drained(t)
	require.Len(t, r.server.Thread("C0OPS", card.TS), 3)
	require.Empty(t, r.box.lost)
}

func TestAnswersOfAnUnknownFormAreRead(t *testing.T) {
	t.Parallel()
	echo := map[string]any{"message": strange(), "response_metadata": "none", "warning": 4}
	r := start(t, slackd.Options{})
	for _, method := range []string{"chat.postMessage", "chat.update", "chat.postEphemeral", "views.open"} {
		r.server.FailNext(method, slackd.Fault{Answer: echo}, 10)
	}
	r.box.post(algesta.Post{Command: "c-1", Kind: algesta.CardPost, Channel: "C0OPS", Report: say("card")})
	r.box.drained(t)
	r.box.post(algesta.Post{Command: "c-1", Kind: algesta.CardPost, Channel: "C0OPS", Report: say("done")})
	r.box.post(algesta.Post{Command: "c-2", Kind: algesta.AnswerPost, Channel: "C0OPS", OnlyFor: "U0LUIS", Report: say("answer")})
	r.box.drained(t)
	require.Len(t, r.server.Calls("chat.postMessage"), 1)
	require.Len(t, r.server.Calls("chat.update"), 1)
	require.Len(t, r.server.Calls("chat.postEphemeral"), 1)
}

func TestAnErrorOfAnUnknownFormIsItsError(t *testing.T) {
	t.Parallel()
	s, server := asked(t)
	for name, form := range map[string]any{
		"objects without a pointer": []any{map[string]any{"code": "x", "message": "y"}}, "an object": map[string]any{}, "a number": 4,
		"nothing": nil,
	} {
		server.FailNext("users.info", slackd.Fault{Error: "user_not_found", Answer: map[string]any{"errors": form, "response_metadata": form}}, 1)
		err := s.web.call(t.Context(), "users.info", url.Values{"user": {"U0LUIS"}}, nil)
		require.Equal(t, "user_not_found", code(err), name)
	}
}

func TestWhatCannotBeReadOfAPersonGivesNoRights(t *testing.T) {
	t.Parallel()
	s, server := asked(t)
	for name, change := range map[string]map[string]any{
		"a guest by a number":          {"is_restricted": 1},
		"a guest by a text":            {"is_restricted": "true"},
		"a guest by something unknown": {"is_ultra_restricted": map[string]any{}},
		"deactivated by a number":      {"deleted": 1},
		"a workspace that is a list":   {"team_id": []any{"T0ALGESTA"}},
		"a stranger by a number":       {"is_stranger": 1},
		"no person at all":             nil,
	} {
		person := map[string]any{"id": "U0PABLO", "team_id": "T0ALGESTA", "profile": map[string]any{"email": "pablo@example.com"}}
		if change == nil {
			person = nil
		}
		if person != nil {
			maps.Copy(person, change)
		}
		server.FailNext("users.info", slackd.Fault{Answer: map[string]any{"user": person}}, 1)
		a, err := s.Actor(t.Context(), person0("U0PABLO"), 0)
		require.NoError(t, err)
		require.NotEqual(t, algesta.Member, a.Standing, name)
		require.Empty(t, a.Email, name)
	}
}

func FuzzReadAnswer(f *testing.F) {
	f.Add([]byte(`{"ok":true,"ts":1.5,"messages":[{"user":7,"metadata":{"event_payload":{"id":1}}},5]}`))
	f.Add([]byte(`{"ok":false,"error":5,"errors":[{}],"response_metadata":{"messages":[1,{}]}}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(_ *testing.T, raw []byte) {
		var answer struct {
			TS       lenientString `json:"ts"`
			Messages []message     `json:"messages"`
			User     user          `json:"user"`
			cursor
		}
		_ = readAnswer(raw, &answer) // whatever Slack says, it is an error or an answer
	})
}

func TestErrorsThatPassAreTriedAgain(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"update_failed", "external_channel_migrating", "an_error_of_next_year"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, slackd.Options{})
			r.box.post(algesta.Post{Command: "c-1", Kind: algesta.CardPost, Channel: "C0OPS", Report: say("waits")})
			card, err := r.server.WaitMessage(t.Context(), "C0OPS", slackd.Says("waits"))
			require.NoError(t, err)
			r.box.drained(t)
			r.server.FailNext("chat.update", slackd.Fault{Error: name}, 2)
			r.box.post(algesta.Post{Command: "c-1", Kind: algesta.CardPost, Channel: "C0OPS", Final: true, Report: say("done")})
			r.until(t, "the edit", func() bool { m, _ := r.server.Message("C0OPS", card.TS); return m.Text == "done" })
			r.box.drained(t)
			require.Empty(t, r.box.lost)
		})
	}
}

func TestWhatIsJudgedAsLost(t *testing.T) {
	t.Parallel()
	refused := func(code string) error { return slackapi.SlackErrorResponse{Err: code} }
	for _, name := range []string{
		"restricted_action", "restricted_action_thread_only_channel", "restricted_action_non_threadable_channel",
		"restricted_action_read_only_channel",
		"is_archived", "not_in_channel", "channel_not_found", "slack_connect_file_upload_sharing_blocked", "message_not_found",
		"edit_window_closed",
	} {
		require.True(t, judge(refused(name), 0).gone, name)
	}
	require.False(t, judge(refused("an_error_of_next_year"), maxUnknown-1).gone)
	require.True(t, judge(refused("an_error_of_next_year"), maxUnknown).gone, "not forever")
	require.False(t, judge(refused("update_failed"), 100).gone)
}

func TestChannelsThatTakeNoMessage(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*slackd.Server)
		want   string
	}{
		"its settings let nobody post": {
			func(s *slackd.Server) { s.Restrict("C0OPS", "restricted_action_read_only_channel") }, "restricted_action_read_only_channel",
		},
		"it was archived":     {func(s *slackd.Server) { s.Archive("C0OPS", true) }, "is_archived"},
		"the bot was removed": {func(s *slackd.Server) { s.Leave("C0OPS", "U0ALGESTA") }, "not_in_channel"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, slackd.Options{})
			test.change(r.server)
			r.box.post(algesta.Post{Command: "c-1", Kind: algesta.CardPost, Channel: "C0OPS", Report: say("card")})
			r.until(t, "the refusal", func() bool { return len(r.server.Calls("chat.postMessage")) > 0 })
			r.box.drained(t)
			require.Equal(t, []string{test.want}, r.box.lost)
		})
	}
}

func TestBlocksThatBreakSlackGoOutAsText(t *testing.T) {
	t.Parallel()
	r := start(t, slackd.Options{Breaks: []string{"table"}})
	report := say("2 pods")
	report.Body = []algesta.Block{{Table: &algesta.Table{Head: []string{"pod"}, Rows: [][]algesta.Text{{algesta.Say("api-x2x9")}}}}}
	r.box.post(algesta.Post{Command: "c-1", Kind: algesta.CardPost, Channel: "C0OPS", Report: report})
	m, err := r.server.WaitMessage(t.Context(), "C0OPS", slackd.Says("2 pods"))
	require.NoError(t, err)
	require.Empty(t, m.Blocks)
	require.Contains(t, m.Text, "api-x2x9")
	require.Len(t, r.server.Calls("chat.postMessage"), breaksAfter+1)
	r.box.drained(t)

	report.Title = algesta.Say("3 pods")
	r.box.post(algesta.Post{Command: "c-1", Kind: algesta.CardPost, Channel: "C0OPS", Report: report})
	r.until(t, "the edit", func() bool { m, _ := r.server.Message("C0OPS", m.TS); return len(m.History) == 1 })
	require.Len(t, r.server.Calls("chat.update"), 1, "Slack is not asked to break again")
}

func TestADeletedThreadIsMadeAnew(t *testing.T) {
	t.Parallel()
	r := start(t, slackd.Options{})
	r.box.post(algesta.Post{Command: "c-1", Kind: algesta.CardPost, Channel: "C0OPS", Report: say("card")})
	card, err := r.server.WaitMessage(t.Context(), "C0OPS", slackd.Says("card"))
	require.NoError(t, err)
	r.box.drained(t)
	r.server.Delete("C0OPS", card.TS)
	r.box.post(algesta.Post{Command: "c-1", Kind: algesta.EndPost, Channel: "C0OPS", Report: say("the end with all its detail")})
	r.until(t, "a new thread", func() bool {
		cards := r.server.Messages("C0OPS")
		return len(cards) == 1 && cards[0].Text == "card" && len(r.server.Thread("C0OPS", cards[0].TS)) == 2
	})
	r.box.drained(t)
	require.Len(t, r.server.Calls("chat.delete"), 1, "what stood outside of the thread was taken back")
	require.Empty(t, r.box.lost)
}

func TestAReplyToSomebodysDeletedThreadIsLost(t *testing.T) {
	t.Parallel()
	r := start(t, slackd.Options{})
	r.box.post(algesta.Post{Command: "c-1", Kind: algesta.CardPost, Channel: "C0OPS", Thread: "1795348790.000001", Report: say("card")})
	r.until(t, "the attempt", func() bool { return len(r.server.Calls("chat.delete")) == 1 })
	r.box.drained(t)
	require.Empty(t, r.server.Messages("C0OPS"))
	require.Equal(t, []string{errNoThread.Error()}, r.box.lost)
}

// A kill between the post and its record leaves a reply outside of its thread; it is found there.
func TestAReplyOutsideOfItsThreadIsFoundAfterACrash(t *testing.T) {
	t.Parallel()
	r := start(t, slackd.Options{})
	r.box.post(algesta.Post{Command: "c-1", Kind: algesta.CardPost, Channel: "C0OPS", Report: say("card")})
	card, err := r.server.WaitMessage(t.Context(), "C0OPS", slackd.Says("card"))
	require.NoError(t, err)
	r.box.drained(t)
	r.server.Delete("C0OPS", card.TS)
	r.server.FailNext("chat.postMessage", slackd.Fault{Drop: true, AfterWork: true}, 1)
	r.box.post(algesta.Post{Command: "c-1", Kind: algesta.EndPost, Channel: "C0OPS", Report: say("end")})
	r.until(t, "a new thread", func() bool {
		cards := r.server.Messages("C0OPS")
		return len(cards) == 1 && cards[0].Text == "card" && len(r.server.Thread("C0OPS", cards[0].TS)) == 2
	})
}

// Somebody deletes the card or the plan of a request that people have to see.
func TestADeletedCardOrPlanIsPostedAgain(t *testing.T) {
	t.Parallel()
	for _, kind := range []algesta.PostKind{algesta.CardPost, algesta.PlanPost} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			r := start(t, slackd.Options{})
			r.box.post(algesta.Post{Command: "c-1", Kind: algesta.CardPost, Channel: "C0OPS", Report: say("the card")})
			card, err := r.server.WaitMessage(t.Context(), "C0OPS", slackd.Says("the card"))
			require.NoError(t, err)
			r.box.post(algesta.Post{Command: "c-1", Kind: algesta.PlanPost, Channel: "C0OPS", Report: say("the plan")})
			plan, err := r.server.WaitReply(t.Context(), "C0OPS", card.TS, slackd.Says("the plan"))
			require.NoError(t, err)
			r.box.drained(t)
			deleted := map[algesta.PostKind]string{algesta.CardPost: card.TS, algesta.PlanPost: plan.TS}[kind]
			r.server.Delete("C0OPS", deleted)
			r.box.post(algesta.Post{Command: "c-1", Kind: kind, Channel: "C0OPS", Report: say("it has an approval")})
			r.until(t, "both of them", func() bool {
				for _, root := range r.server.Messages("C0OPS") {
					thread := r.server.Thread("C0OPS", root.TS)
					if len(thread) == 2 && root.TS != card.TS && slices.ContainsFunc(thread, slackd.Says("it has an approval")) {
						return true
					}
				}
				return false
			})
			r.box.drained(t)
			require.Empty(t, r.box.lost)
		})
	}
}
