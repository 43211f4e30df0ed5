package slack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	slackapi "github.com/slack-go/slack"
	"go.uber.org/zap"

	"github.com/3astronautas/algesta"
)

// Metadata of every message, by which it's found again. Everyone in the workspace can read metadata: it holds no content.
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
			r.err, r.unsent = err, true
			return r
		}
		if ts != "" {
			r.ts, r.rev = ts, rev
			return r
		}
	}
	file, err := s.attach(ctx, &r, msg, m)
	if err != nil {
		r.err, r.unsent = err, true
		return r
	}
	if file != nil {
		msg = renderClean(msg.report, file, false)
	}
	r.ts, r.err = s.call(ctx, &r, msg)
	if r.err != nil && s.otherWay(&r, judge(r.err, 0)) {
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

// otherWay chooses another way for an answer that does not reach its reader by this one; false means that there is none.
func (s *sender) otherWay(r *result, v verdict) bool {
	if r.out.Post.OnlyFor == "" {
		return false
	}
	canReply := r.out.Post.Reply != "" && time.Since(r.out.Since) < replyLife
	switch {
	case r.way == byReply && v.expired:
		r.noReply, r.way = true, byWhisper
	case r.way == byPost && v.gone && canReply:
		r.noPost, r.way = true, byReply
	case r.way == byPost && v.gone:
		r.noPost, r.way = true, byWhisper
	case r.way == byWhisper && v.gone && canReply:
		r.noWhisper, r.way = true, byReply
	default:
		return false
	}
	return true
}

// call makes one call.
func (s *sender) call(ctx context.Context, r *result, msg rendered) (ts string, err error) {
	o := r.out
	if r.way == byReply {
		return "", s.reply(ctx, o, msg, r.text)
	}
	args, err := arguments(msg, r.text)
	if err != nil {
		return o.TS, err
	}
	args.Set("channel", o.Post.Channel)
	if thread := first(o.Post.Thread, o.Root); thread != "" && r.way != byEdit {
		args.Set("thread_ts", thread)
	}
	switch r.way {
	case byEdit:
		if conversation, ts, direct := strings.Cut(o.TS, "/"); direct {
			args.Set("channel", conversation)
			args.Set("ts", ts)
		} else {
			args.Set("ts", o.TS)
		}
		if err := s.web.call(ctx, "chat.update", args, nil); err != nil {
			return o.TS, fmt.Errorf("editing: %w", err)
		}
		return o.TS, nil
	case byWhisper:
		args.Set("user", o.Post.OnlyFor)
		if err := s.web.call(ctx, "chat.postEphemeral", args, nil); err != nil {
			return "", fmt.Errorf("posting to one person: %w", err)
		}
		return "", nil // an ephemeral message has no timestamp that could be used again
	case byPost, byReply:
	}
	if err := addMetadata(args, o); err != nil {
		return "", err
	}
	var answer struct {
		Channel lenientString `json:"channel"`
		TS      lenientString `json:"ts"`
		Message *struct {
			ThreadTS lenientString `json:"thread_ts"`
		} `json:"message"`
	}
	if err := s.web.call(ctx, "chat.postMessage", args, &answer); err != nil {
		return "", fmt.Errorf("posting: %w", err)
	}
	if args.Has("thread_ts") && answer.Message != nil && answer.Message.ThreadTS == "" {
		s.takeBack(ctx, o, string(answer.TS))
		return "", errNoThread
	}
	if o.Post.Direct && answer.Channel != "" {
		return string(answer.Channel) + "/" + string(answer.TS), nil
	}
	return string(answer.TS), nil
}

// errNoThread says that a reply was posted outside of its thread, because the thread was deleted: Slack does not refuse it (slack-go#1571).
// It was taken back.
var errNoThread = errors.New("the thread was deleted")

// takeBack deletes a reply that was posted outside of its thread: it is detail that a channel must not be filled with.
func (s *sender) takeBack(ctx context.Context, o algesta.Outgoing, ts string) {
	var err error
	for tries := range 3 {
		err = s.web.call(ctx, "chat.delete", url.Values{"channel": {o.Post.Channel}, "ts": {ts}}, nil)
		if err == nil || code(err) == "message_not_found" {
			return
		}
		if !pause(ctx, judge(err, tries).after) {
			break
		}
	}
	s.log.Error("a reply stands outside of its thread, which was deleted", zap.String("command", o.Post.Command),
		zap.String("kind", string(o.Post.Kind)), zap.Error(plainError(err)))
}

// arguments are what a message says, as chat.postMessage, chat.update and chat.postEphemeral take it.
func arguments(msg rendered, textOnly bool) (url.Values, error) {
	text, blocks := msg.text, msg.blocks
	if textOnly {
		text, blocks = msg.plain(), []slackapi.Block{} // none takes away those that are there
	}
	encoded, err := json.Marshal(blocks)
	if err != nil {
		return nil, fmt.Errorf("encoding a message: %w", err)
	}
	return url.Values{
		"text": {text}, "blocks": {string(encoded)}, "parse": {"none"}, // escaped already
		"unfurl_links": {"false"}, "unfurl_media": {"false"},
	}, nil
}

// addMetadata marks a message, so that it can be found again.
func addMetadata(args url.Values, o algesta.Outgoing) error {
	encoded, err := json.Marshal(slackapi.SlackMetadata{EventType: metadataType, EventPayload: map[string]any{
		metadataID: strconv.FormatInt(o.ID, 10), metadataCommand: o.Post.Command, metadataRev: strconv.FormatInt(o.Rev, 10),
	}})
	if err != nil {
		return fmt.Errorf("encoding a message's mark: %w", err)
	}
	args.Set("metadata", string(encoded))
	return nil
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
	if err := slackapi.PostWebhookCustomHTTPContext(ctx, o.Post.Reply, s.web.http, hook); err != nil {
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
		case name == "thread_not_found" && o.Root+o.Post.Thread != "": // then it may be outside
			return s.findOutside(ctx, o)
		case credentials(name) || judge(err, 0).gone: // where the channel can't be read, twice is better than never
			s.log.Warn("cannot look for a message", zap.String("command", o.Post.Command), zap.String("reason", name))
			return "", 0, nil
		default:
			return "", 0, fmt.Errorf("looking for a message: %w", err)
		}
		for _, m := range messages {
			p := m.Metadata.Payload
			if string(m.User) != s.bot || m.Metadata.Type != metadataType ||
				string(p[metadataID]) != strconv.FormatInt(o.ID, 10) || string(p[metadataCommand]) != o.Post.Command {
				continue // others may write metadata that looks like ours
			}
			rev, _ := strconv.ParseInt(string(p[metadataRev]), 10, 64) // 0, and then its content is sent again as an edit
			return string(m.TS), rev, nil
		}
		if next == "" {
			break
		}
		cursor = next
	}
	return "", 0, nil
}

// findOutside searches the channel for a reply whose thread was deleted, and takes it back.
func (s *sender) findOutside(ctx context.Context, o algesta.Outgoing) (string, int64, error) {
	outside := o
	outside.Root, outside.Post.Thread = "", ""
	ts, _, err := s.find(ctx, outside)
	if err != nil || ts == "" {
		return "", 0, err
	}
	s.takeBack(ctx, o, ts)
	return "", 0, errNoThread
}

// message is what is read of a message in a history.
type message struct {
	User     lenientString `json:"user"`
	TS       lenientString `json:"ts"`
	Files    []sharedFile  `json:"files"`
	Metadata struct {
		Type    lenientString            `json:"event_type"`
		Payload map[string]lenientString `json:"event_payload"`
	} `json:"metadata"`
}

func (s *sender) page(ctx context.Context, o algesta.Outgoing, oldest, from string) ([]message, string, error) {
	args := url.Values{
		"channel": {o.Post.Channel}, "oldest": {oldest}, "cursor": {from}, "limit": {"200"}, "include_all_metadata": {"true"},
	}
	method := "conversations.history"
	if thread := first(o.Post.Thread, o.Root); thread != "" {
		method = "conversations.replies"
		args.Set("ts", thread)
	}
	var answer struct {
		Messages []message `json:"messages"`
		cursor
	}
	if err := s.web.call(ctx, method, args, &answer); err != nil {
		return nil, "", err
	}
	return answer.Messages, answer.next(), nil
}
