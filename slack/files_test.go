package slack

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

// longPlan doesn't fit into one message.
func longPlan() algesta.Report {
	rows := make([]string, 900)
	for i := range rows {
		rows[i] = fmt.Sprintf("A_LONG_NAME_OF_A_VARIABLE_%04d changed", i)
	}
	return algesta.Report{
		Title: algesta.Say("Roll back"), Body: []algesta.Block{{Pre: strings.Join(rows, "\n")}}, File: &algesta.File{Name: "plan"},
		Buttons: []algesta.Button{
			{Label: "Approve", Action: algesta.Approve, ID: "c-1", Style: "primary"}, {Label: "Deny", Action: algesta.Deny, ID: "c-1"},
		},
	}
}

// postPlan posts a card and this report as its plan, and returns the thread once it has this message's words in it.
func postPlan(t *testing.T, r running, report algesta.Report, says string) []slackd.Message {
	t.Helper()
	r.box.post(algesta.Post{Command: "c-1", Kind: algesta.CardPost, Channel: "C0OPS", Report: say("card")})
	r.box.post(algesta.Post{Command: "c-1", Kind: algesta.PlanPost, Channel: "C0OPS", Report: report})
	card, err := r.server.WaitMessage(t.Context(), "C0OPS", slackd.Says("card"))
	require.NoError(t, err)
	var thread []slackd.Message
	r.until(t, says, func() bool {
		thread = r.server.Thread("C0OPS", card.TS)
		return slices.ContainsFunc(thread, func(m slackd.Message) bool { return strings.Contains(shownIn(m), says) })
	})
	r.box.drained(t)
	return r.server.Thread("C0OPS", card.TS)
}

func shownIn(m slackd.Message) string {
	raw, err := json.Marshal(m.Blocks)
	if err != nil {
		return err.Error()
	}
	return string(raw)
}

const approveButton = `"action_id":"approve"`

// filesIn are the files of a thread, in their order.
func filesIn(thread []slackd.Message) (all []slackd.File) {
	for _, m := range thread {
		all = append(all, m.Files...)
	}
	return all
}

// TestALongPlanIsReadInAFileAndApproved: all of a plan that doesn't fit into a message is in a file above it, and then it can be approved.
func TestALongPlanIsReadInAFileAndApproved(t *testing.T) {
	t.Parallel()
	r := start(t, slackd.Options{})
	thread := postPlan(t, r, longPlan(), "All of it is in the file above: plan-c-1-")
	require.Len(t, thread, 3, "the card, the file and the plan, in this order")
	require.Len(t, thread[1].Files, 1)
	for i := range 900 {
		require.Contains(t, thread[1].Files[0].Content, fmt.Sprintf("A_LONG_NAME_OF_A_VARIABLE_%04d changed\n", i))
	}
	require.Contains(t, shownIn(thread[2]), approveButton)
	require.Contains(t, shownIn(thread[2]), thread[1].Files[0].Title)

	edited := longPlan() // one of two approvals is there: it is the same file
	edited.Body = append(edited.Body, algesta.Block{Text: algesta.Say("Carla approved.")})
	closed := longPlan()
	closed.Buttons = nil
	for _, report := range []algesta.Report{edited, closed} {
		before := shownIn(thread[2])
		r.box.post(algesta.Post{Command: "c-1", Kind: algesta.PlanPost, Channel: "C0OPS", Report: report})
		r.until(t, "the edit", func() bool {
			m, _ := r.server.Message("C0OPS", thread[2].TS)
			return shownIn(m) != before
		})
		r.box.drained(t)
		thread = r.server.Thread("C0OPS", thread[0].TS)
		plan, _ := r.server.Message("C0OPS", thread[2].TS)
		thread[2] = plan
	}
	require.NotContains(t, shownIn(thread[2]), approveButton)
}

// TestAFileIsThereOnce: an upload that fails somewhere is made again, and the file is in the thread once, above its message.
func TestAFileIsThereOnce(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]struct {
		method string
		fault  slackd.Fault
	}{
		"no address": {"files.getUploadURLExternal", slackd.Fault{Status: 503}}, "no upload": {"upload", slackd.Fault{Drop: true}},
		"not shared":          {"files.completeUploadExternal", slackd.Fault{Error: "internal_error"}},
		"shared unheard":      {"files.completeUploadExternal", slackd.Fault{Drop: true, AfterWork: true}},
		"the message unheard": {"chat.postMessage", slackd.Fault{Drop: true, AfterWork: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, slackd.Options{})
			r.box.post(algesta.Post{Command: "c-1", Kind: algesta.CardPost, Channel: "C0OPS", Report: say("card")})
			r.box.drained(t)
			r.server.FailNext(fail.method, fail.fault, 1)
			thread := postPlan(t, r, longPlan(), "All of it is in the file above: plan-c-1-")
			require.Len(t, thread, 3)
			require.Len(t, filesIn(thread), 1)
			require.Contains(t, shownIn(thread[2]), approveButton)
		})
	}
}

// TestWithoutItsFileALongPlanIsNotApproved: where the file can't be put into the thread, there is no Approve, and the message says why.
func TestWithoutItsFileALongPlanIsNotApproved(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]struct {
		method string
		fault  slackd.Fault
		says   string
	}{
		"without the scope": {"files.getUploadURLExternal", slackd.Fault{Error: "missing_scope"}, "(missing_scope)"},
		"switched off":      {"files.completeUploadExternal", slackd.Fault{Error: "file_uploads_disabled"}, "(file_uploads_disabled)"},
		"never taken":       {"upload", slackd.Fault{Status: 500}, "(Slack doesn't take it right now)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, slackd.Options{})
			r.server.FailNext(fail.method, fail.fault, 100)
			thread := postPlan(t, r, longPlan(), "so it can't be approved")
			require.Len(t, thread, 2)
			require.NotContains(t, shownIn(thread[1]), approveButton)
			require.Contains(t, shownIn(thread[1]), "I couldn't put all of it into this thread as a file "+fail.says)
		})
	}
}

// TestAFileIsCleanAndForEverybodyInTheThreadOnly: its text is redacted, a short plan needs none, and what one person sees has none.
func TestAFileIsCleanAndForEverybodyInTheThreadOnly(t *testing.T) {
	t.Parallel()
	secret := "sunflower" + "4711xq"
	r := start(t, slackd.Options{})
	report := say("the log")
	report.File = &algesta.File{Name: "logs ../api", Text: "line 1\npassword=" + secret + "\nline <3>\n"}
	thread := postPlan(t, r, report, "All of it is in the file above")
	require.Len(t, filesIn(thread), 1)
	file := filesIn(thread)[0]
	require.NotContains(t, file.Content, secret)
	require.Contains(t, file.Content, "line 1\npassword=‹redacted›\nline <3>")
	require.Regexp(t, `^logs-..-api-c-1-[0-9a-f]{8}\.txt$`, file.Title)

	report.Title = algesta.Say("for Luis")
	r.box.post(
		algesta.Post{
			Command: "c-2", Kind: algesta.AnswerPost, Channel: "C0OPS", Thread: thread[0].TS,
			OnlyFor: "U0LUIS", Report: report,
		},
	)
	r.box.post(algesta.Post{Command: "c-3", Kind: algesta.DetailPost, Channel: "U0LUIS", Direct: true, Report: report})
	r.box.drained(t)
	require.Len(t, r.server.Calls("files.getUploadURLExternal"), 1)

	short := longPlan()
	short.Body = nil
	r.box.post(algesta.Post{Command: "c-4", Kind: algesta.PlanPost, Channel: "C0OPS", Thread: thread[0].TS, Report: short})
	r.box.drained(t)
	require.Len(t, r.server.Calls("files.getUploadURLExternal"), 1)
}

// TestALookThatFailsForgetsNothing: nobody knows whether a message was posted, and the look for it fails. It is looked for again.
func TestALookThatFailsForgetsNothing(t *testing.T) {
	t.Parallel()
	r := start(t, slackd.Options{})
	r.server.FailNext("chat.postMessage", slackd.Fault{Drop: true, AfterWork: true}, 1)
	r.server.FailNext("conversations.history", slackd.Fault{Error: "ratelimited"}, 1)
	r.box.post(algesta.Post{Command: "c-1", Kind: algesta.CardPost, Channel: "C0OPS", Report: say("card")})
	r.box.drained(t)
	require.Len(t, r.server.Messages("C0OPS"), 1)
}
