package slack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/3astronautas/algesta"
)

// diagnoseCallback is the shortcut "Diagnose this" of a message, as deploy/slack-app.yaml has it.
const diagnoseCallback = "diagnose_this"

// mostSaid bounds what is read of a message: an alert names what it's about at its beginning.
const mostSaid = 8 << 10

// messagePayload is the message that something was done with.
type messagePayload struct {
	TS          string          `json:"ts"`
	ThreadTS    string          `json:"thread_ts"`
	Text        string          `json:"text"`
	Blocks      json.RawMessage `json:"blocks"`
	Attachments json.RawMessage `json:"attachments"`
}

// said are the words of a message, wherever they stand: Alertmanager's are in attachments.
func (m messagePayload) said() string {
	var out strings.Builder
	add := func(text string) {
		if left := mostSaid - out.Len(); left > 0 {
			out.WriteString(text[:min(left, len(text))] + " ")
		}
	}
	add(m.Text)
	for _, raw := range []json.RawMessage{m.Attachments, m.Blocks} {
		var part any
		if json.Unmarshal(raw, &part) == nil {
			textsIn(part, add)
		}
	}
	return strings.ToValidUTF8(unescape(out.String()), "")
}

// textsIn calls add for each text in a part of a message, in a fixed order. The keys are those of attachments and of Block Kit.
func textsIn(part any, add func(string)) {
	switch part := part.(type) {
	case []any:
		for _, p := range part {
			textsIn(p, add)
		}
	case map[string]any:
		for _, key := range []string{"pretext", "title", "text", "fallback", "value", "fields", "elements", "blocks", "rows"} {
			if text, ok := part[key].(string); ok {
				add(text)
				continue
			}
			textsIn(part[key], add)
		}
	}
}

// shortcut is "Diagnose this" in the menu of a message. The answer is in its thread.
func (r reader) shortcut(p interactionPayload, now time.Time) (received, error) {
	if p.CallbackID != diagnoseCallback {
		return received{}, fmt.Errorf("another shortcut: %w", errIgnored)
	}
	if p.Channel.ID == "" || p.Message.TS == "" || p.TriggerID == "" {
		return received{}, errors.New("reading shortcut: channel, message or trigger is missing")
	}
	said := p.Message.said()
	return received{
		Invocation: algesta.Invocation{
			Key: "act:" + p.User.ID + ":" + p.Message.TS + ":" + first(p.ActionTS, p.TriggerID), Kind: algesta.Typed, Person: p.person(),
			Name: first(p.User.Name, p.User.Username), Channel: p.Channel.ID,
			Private: p.Channel.Name == "privategroup" || ofGroup(p.Channel.Name), Direct: p.Channel.Name == "directmessage",
			Group: ofGroup(p.Channel.Name), Thread: first(p.Message.ThreadTS, p.Message.TS), Reply: p.ResponseURL, At: now,
		},
		Trigger: p.TriggerID, Said: &said,
	}, nil
}

// diagnoseThis asks for the diagnosis of what a message names, or for its name where the message has none. It goes on beside the
// acknowledgement: whoever may see what is asked of Slack.
func (l *listener) diagnoseThis(ctx context.Context, in received) {
	ctx = context.WithoutCancel(ctx)
	l.work.Go(func() {
		naming, cancel := context.WithTimeout(ctx, triggerLife/2)
		defer cancel()
		text, complete := "diagnose", false
		if caught := l.panics.Catch(func() { text, complete = l.forms.Named(naming, in.Invocation, *in.Said) }); caught != nil {
			l.log.Error("panic while a message was read", zap.Error(caught))
		}
		in.Invocation.Text = text
		if complete {
			l.asTyped(ctx, in.Invocation)
			return
		}
		in.Form = &formEvent{}
		l.openForm(ctx, in)
	})
}
