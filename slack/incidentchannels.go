package slack

import (
	"context"
	"fmt"
	"net/url"
	"slices"
)

// Channels is told of channels by their names.
type Channels interface {
	// Channel says what a channel is called: one that was created or renamed, or that the bot was invited to; name is "" where the event
	// doesn't say it. It returns once that is stored, and may be called again.
	Channel(ctx context.Context, id, name string) error
}

// channelNews is a channel that has a name now, or has the bot in it.
type channelNews struct{ id, name string }

// SetChannels says who is told of channels; without it nobody is. It has to be called before Run.
func (s *Slack) SetChannels(c Channels) { s.listener.channels = c }

// ChannelName is what a channel is called, and its topic.
func (s *Slack) ChannelName(ctx context.Context, channel string) (name, topic string, err error) {
	var answer struct {
		Channel struct {
			Name  lenientString `json:"name"`
			Topic struct {
				Value lenientString `json:"value"`
			} `json:"topic"`
		} `json:"channel"`
	}
	if err := s.web.call(ctx, "conversations.info", url.Values{"channel": {channel}}, &answer); err != nil {
		return "", "", fmt.Errorf("asking for the name of a channel: %w", plainError(err))
	}
	return sanitizer{}.line(string(answer.Channel.Name)), sanitizer{}.line(string(answer.Channel.Topic.Value)), nil
}

// errAlready are Slack's refusals of what is done already, or can't be done: asking again doesn't help.
var errAlready = []string{
	"already_in_channel", "already_pinned", "method_not_supported_for_channel_type", "is_archived", "channel_not_found", "message_not_found",
	"missing_scope",
}

// once makes a call of which there is no more to do after one of those answers.
func (s *Slack) once(ctx context.Context, method string, args url.Values) error {
	err := s.web.call(ctx, method, args, nil)
	if err != nil && slices.Contains(errAlready, code(err)) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("calling %s: %w", method, plainError(err))
	}
	return nil
}

// Join has the bot join a public channel. Where it can't, posting there will say so.
func (s *Slack) Join(ctx context.Context, channel string) error {
	return s.once(ctx, "conversations.join", url.Values{"channel": {channel}})
}

// Pin pins a message.
func (s *Slack) Pin(ctx context.Context, channel, ts string) error {
	return s.once(ctx, "pins.add", url.Values{"channel": {channel}, "timestamp": {ts}})
}

// longestTopic is how many characters Slack takes for a topic.
const longestTopic = 250

// SetTopic sets the topic of a channel that has none: what people wrote stays.
func (s *Slack) SetTopic(ctx context.Context, channel, topic string) error {
	_, now, err := s.ChannelName(ctx, channel)
	if err != nil || now != "" {
		return err
	}
	return s.once(ctx, "conversations.setTopic", url.Values{"channel": {channel}, "topic": {clip(topic, longestTopic)}})
}
