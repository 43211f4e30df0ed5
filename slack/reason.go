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

// askPrefix starts the block ID of a row of buttons; after it stand the action IDs that ask for a reason. The
// answer to a click carries the block ID, so nothing has to be remembered.
const askPrefix = "ask:"

// asksReason tells whether this button of this row asks for a reason.
func asksReason(blockID, actionID string) bool {
	list, ok := strings.CutPrefix(blockID, askPrefix)
	return ok && slices.Contains(strings.Split(list, ","), actionID)
}

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
}

// askReason opens the dialog for a click.
func (l *listener) askReason(ctx context.Context, in received) error {
	v := in.Invocation
	meta, err := json.Marshal(reasonAsked{
		Action: v.Vote.Action, ID: v.Vote.ID, Channel: v.Channel, Private: v.Private, Direct: v.Direct, Thread: v.Thread,
		Message: in.Message, Reply: v.Reply,
	})
	if err != nil {
		return fmt.Errorf("asking for a reason: %w", err)
	}
	input := slackapi.NewPlainTextInputBlockElement(nil, reasonInput)
	input.Multiline = true
	input.MaxLength = maxReason
	label := plainText("Why? It is shown in the thread.", 2000)
	view := slackapi.ModalViewRequest{
		Type: slackapi.VTModal, CallbackID: reasonCallback, PrivateMetadata: string(meta),
		Title: plainText(first(in.Label, "Reason"), 24), Submit: plainText("Send", 24), Close: plainText("Back", 24),
		Blocks: slackapi.Blocks{BlockSet: []slackapi.Block{slackapi.NewInputBlock(reasonBlock, label, nil, input)}},
	}
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
	const text = "I could not ask you for the reason, and nothing was changed. Please click again."
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
