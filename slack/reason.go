package slack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	slackapi "github.com/slack-go/slack"

	"github.com/3astronautas/algesta"
)

// The dialog that asks why, before a click counts.
const (
	reasonCallback = "algesta_reason"
	reasonBlock    = "reason"
	reasonInput    = "reason"
	// triggerLife is how long Slack lets a click open a dialog (docs.slack.dev/surfaces/modals).
	triggerLife = 3 * time.Second
	// maxReason is how long a reason may be, in characters: it is shown in the thread.
	maxReason = 500
)

// askPrefix starts the block ID of a row of buttons; it's followed by the action IDs that ask for a reason, those that need none
// with mayAsk behind them. The answer to a click carries the block ID, so nothing has to be remembered.
const (
	askPrefix = "ask:"
	mayAsk    = "?"
)

// asksReason reports whether this button of this row asks for a reason, and whether it may be left out.
func asksReason(blockID, actionID string) (asks, optional bool) {
	list, ok := strings.CutPrefix(blockID, askPrefix)
	if !ok {
		return false, false
	}
	all := strings.Split(list, ",")
	optional = slices.Contains(all, actionID+mayAsk)
	return optional || slices.Contains(all, actionID), optional
}

// valueOf is what a click on the button brings back: its ID, and on a line of its own the question of its dialog, within Slack's
// 2,000 characters.
func valueOf(b algesta.Button) string {
	if !b.AskReason || b.Confirm == nil {
		return b.ID
	}
	c := algesta.Confirm{
		Title: clip(b.Confirm.Title, 24),
		Text:  clip(b.Confirm.Text, 300),
		Yes:   clip(b.Confirm.Yes, 24),
		No:    clip(b.Confirm.No, 24),
	}
	question, err := json.Marshal(c)
	if err != nil || len(b.ID)+len(question) >= 2000 {
		return b.ID
	}
	return b.ID + "\n" + string(question)
}

// idOf is the ID and the question in the value of a button.
func idOf(value string) (id string, question algesta.Confirm) {
	id, rest, asks := strings.Cut(value, "\n")
	if asks && json.Unmarshal([]byte(rest), &question) != nil {
		question = algesta.Confirm{}
	}
	return id, question
}

// clip is s as a text object of at most n characters shows it.
func clip(s string, n int) string { return plainText(s, n).Text }

// reasonAsked is the click that the dialog completes; Slack keeps it in the dialog's private metadata.
type reasonAsked struct {
	Action  algesta.VoteAction `json:"action"`
	ID      string             `json:"id"`
	Channel string             `json:"channel"`
	Private bool               `json:"private,omitempty"`
	Direct  bool               `json:"direct,omitempty"`
	Thread  string             `json:"thread,omitempty"`
	Message string             `json:"message"`
	Reply   string             `json:"reply,omitempty"`
	// Optional says that the reason may be left out.
	Optional bool `json:"optional,omitempty"`
}

// askReason opens the dialog for a click: its question, and the field for the reason. Sending it is the confirmation.
func (l *listener) askReason(ctx context.Context, in received) error {
	v := in.Invocation
	meta, err := json.Marshal(reasonAsked{
		Action: v.Vote.Action, ID: v.Vote.ID, Channel: v.Channel, Private: v.Private, Direct: v.Direct, Thread: v.Thread,
		Message: in.Message, Reply: v.Reply, Optional: in.Optional,
	})
	if err != nil {
		return fmt.Errorf("asking for a reason: %w", err)
	}
	input := slackapi.NewPlainTextInputBlockElement(nil, reasonInput)
	input.Multiline = true
	input.MaxLength = maxReason
	field := slackapi.NewInputBlock(reasonBlock, plainText("Why? It's shown in the thread.", 2000), nil, input)
	field.Optional = in.Optional
	view := slackapi.ModalViewRequest{
		Type: slackapi.VTModal, CallbackID: reasonCallback, PrivateMetadata: string(meta),
		Title:  plainText(first(in.Question.Title, in.Label, "Reason"), 24),
		Submit: plainText(first(in.Question.Yes, "Send"), 24), Close: plainText(first(in.Question.No, "Back"), 24),
	}
	if in.Question.Text != "" {
		view.Blocks.BlockSet = append(view.Blocks.BlockSet, slackapi.NewSectionBlock(plainText(in.Question.Text, 3000), nil, nil))
	}
	view.Blocks.BlockSet = append(view.Blocks.BlockSet, field)
	encoded, err := json.Marshal(view)
	if err != nil {
		return fmt.Errorf("asking for a reason: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, triggerLife)
	defer cancel()
	if err := l.web.call(ctx, "views.open", url.Values{"trigger_id": {in.Trigger}, "view": {string(encoded)}}, nil); err != nil {
		return fmt.Errorf("opening the dialog for a reason: %w", err)
	}
	return nil
}

// sayAgain tells the person that the dialog did not open. It is best effort: they see that nothing happened.
func (l *listener) sayAgain(ctx context.Context, v algesta.Invocation) error {
	const text = "I couldn't ask you for the reason, and nothing was changed. Please click again."
	if v.Thread != "" { // a response_url would answer outside of the thread
		args := url.Values{"channel": {v.Channel}, "user": {v.Person.User}, "thread_ts": {v.Thread}, "text": {text}}
		err := l.web.call(ctx, "chat.postEphemeral", args, nil)
		if err == nil || v.Reply == "" {
			return err
		}
	}
	if v.Reply == "" {
		return errors.New("no address to answer to")
	}
	err := slackapi.PostWebhookCustomHTTPContext(ctx, v.Reply, l.web.http, &slackapi.WebhookMessage{
		ResponseType: slackapi.ResponseTypeEphemeral, ThreadTimestamp: v.Thread,
		Text: text,
	})
	if err != nil {
		return fmt.Errorf("answering a click: %w", plainError(err))
	}
	return nil
}

// blankReason keeps the dialog open with a word beside its field.
func blankReason() any {
	return slackapi.NewErrorsViewSubmissionResponse(map[string]string{reasonBlock: "Please say why."})
}
