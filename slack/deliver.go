package slack

import (
	"context"
	"fmt"
	"strconv"
	"time"

	slackapi "github.com/slack-go/slack"
	"go.uber.org/zap"

	"github.com/3astronautas/algesta"
)

// Metadata of every message, by which it is found again. Everybody in the workspace can read metadata: it holds no content.
const (
	metadataType    = "algesta_post"
	metadataID      = "id"
	metadataCommand = "command"
	metadataRev     = "rev"
)

// send makes the calls for one message.
func (s *sender) send(ctx context.Context, o algesta.Outgoing, w way, m memory) result {
	r := result{out: o, way: w, rev: o.Rev, ts: o.TS, text: m.textOnly}
	msg := render(o.Post.Report, s.redactor)
	if w == byPost && o.Tried && !m.refused {
		ts, rev, err := s.find(ctx, o)
		if err != nil {
			r.err = err
			return r
		}
		if ts != "" {
			r.ts, r.rev = ts, rev
			return r
		}
	}
	r.ts, r.err = s.call(ctx, &r, msg)
	if v := judge(r.err, 0); r.err != nil && v.expired && r.way == byReply {
		r.reply, r.way = true, byWhisper
		r.ts, r.err = s.call(ctx, &r, msg)
	}
	if v := judge(r.err, 0); r.err != nil && v.textOnly && !r.text {
		s.log.Error("slack refuses the blocks of a message; sending its text", zap.String("command", o.Post.Command),
			zap.String("kind", string(o.Post.Kind)), zap.Error(plainError(r.err)), zap.Strings("details", details(r.err)))
		r.text = true
		r.ts, r.err = s.call(ctx, &r, msg)
	}
	return r
}

// call makes one call.
func (s *sender) call(ctx context.Context, r *result, msg rendered) (ts string, err error) {
	o := r.out
	if r.way == byReply {
		return "", s.reply(ctx, o, msg, r.text)
	}
	text, blocks := msg.text, msg.blocks
	if r.text {
		text, blocks = msg.plain(), nil
	}
	options := []slackapi.MsgOption{
		slackapi.MsgOptionText(text, false), slackapi.MsgOptionParse(false), // escaped already
		slackapi.MsgOptionBlocks(blocks...), // none takes away those that are there
		slackapi.MsgOptionDisableLinkUnfurl(), slackapi.MsgOptionDisableMediaUnfurl(),
	}
	if thread := first(o.Post.Thread, o.Root); thread != "" && r.way != byEdit {
		options = append(options, slackapi.MsgOptionTS(thread))
	}
	switch r.way {
	case byEdit:
		if _, _, _, err = s.api.UpdateMessageContext(ctx, o.Post.Channel, o.TS, options...); err != nil {
			return o.TS, fmt.Errorf("editing: %w", err)
		}
		return o.TS, nil
	case byWhisper:
		if _, err = s.api.PostEphemeralContext(ctx, o.Post.Channel, o.Post.OnlyFor, options...); err != nil {
			return "", fmt.Errorf("posting to one person: %w", err)
		}
		return "", nil // an ephemeral message has no timestamp that could be used again
	case byPost, byReply:
	}
	options = append(options, slackapi.MsgOptionMetadata(slackapi.SlackMetadata{EventType: metadataType, EventPayload: map[string]any{
		metadataID: strconv.FormatInt(o.ID, 10), metadataCommand: o.Post.Command, metadataRev: strconv.FormatInt(o.Rev, 10),
	}}))
	if _, ts, err = s.api.PostMessageContext(ctx, o.Post.Channel, options...); err != nil {
		return "", fmt.Errorf("posting: %w", err)
	}
	return ts, nil
}

// reply answers at the response_url.
func (s *sender) reply(ctx context.Context, o algesta.Outgoing, msg rendered, textOnly bool) error {
	off := false
	hook := &slackapi.WebhookMessage{
		ResponseType: slackapi.ResponseTypeEphemeral, ThreadTimestamp: o.Post.Thread, Text: msg.text, Parse: "none",
		UnfurlLinks: &off, UnfurlMedia: &off,
	}
	if textOnly {
		hook.Text = msg.plain()
	} else {
		hook.Blocks = &slackapi.Blocks{BlockSet: msg.blocks}
	}
	if err := slackapi.PostWebhookCustomHTTPContext(ctx, o.Post.Reply, s.http, hook); err != nil {
		return fmt.Errorf("answering: %w", plainError(err))
	}
	return nil
}

// find looks for a message whose posting had no clear outcome. "" means that it is not there.
func (s *sender) find(ctx context.Context, o algesta.Outgoing) (ts string, rev int64, err error) {
	oldest := fmt.Sprintf("%d.000000", o.Since.Add(-time.Minute).Unix()) // a minute for clocks
	cursor := ""
	for range 5 { // pages of 200
		messages, next, err := s.page(ctx, o, oldest, cursor)
		switch name := code(err); {
		case err == nil:
		case credentials(name) || judge(err, 0).gone: // without sight of the channel, twice is better than never
			s.log.Warn("cannot look for a message", zap.String("command", o.Post.Command), zap.String("reason", name))
			return "", 0, nil
		default:
			return "", 0, fmt.Errorf("looking for a message: %w", err)
		}
		for _, m := range messages {
			p := m.Metadata.EventPayload
			if m.User != s.bot || m.Metadata.EventType != metadataType ||
				p[metadataID] != strconv.FormatInt(o.ID, 10) || p[metadataCommand] != o.Post.Command {
				continue // others may write metadata that looks like ours
			}
			text, _ := p[metadataRev].(string)
			rev, _ := strconv.ParseInt(text, 10, 64) // 0, and then its content is sent again as an edit
			return m.Timestamp, rev, nil
		}
		if next == "" {
			break
		}
		cursor = next
	}
	return "", 0, nil
}

func (s *sender) page(ctx context.Context, o algesta.Outgoing, oldest, cursor string) ([]slackapi.Message, string, error) {
	if thread := first(o.Post.Thread, o.Root); thread != "" {
		messages, _, next, err := s.api.GetConversationRepliesContext(ctx, &slackapi.GetConversationRepliesParameters{
			ChannelID: o.Post.Channel, Timestamp: thread, Oldest: oldest, Cursor: cursor, Limit: 200, IncludeAllMetadata: true,
		})
		return messages, next, err
	}
	history, err := s.api.GetConversationHistoryContext(ctx, &slackapi.GetConversationHistoryParameters{
		ChannelID: o.Post.Channel, Oldest: oldest, Cursor: cursor, Limit: 200, IncludeAllMetadata: true,
	})
	if err != nil {
		return nil, "", err
	}
	return history.Messages, history.ResponseMetaData.NextCursor, nil
}
