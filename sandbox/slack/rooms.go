package slackd

import (
	"fmt"
	"slices"
	"time"
	"unicode/utf8"
)

// longestTopic is how many characters a topic may have (docs.slack.dev, conversations.setTopic).
const longestTopic = 250

// conversationsJoin has the bot join a public channel. It's no error to be in it already.
func (s *Server) conversationsJoin(a args) (object, error) {
	c, err := s.readable(a.str("channel"))
	switch {
	case err != nil:
		return nil, err
	case c.private || c.im || c.mpim:
		return nil, refuse("method_not_supported_for_channel_type")
	case c.archived:
		return nil, refuse("is_archived")
	}
	if !c.has(s.ws.Bot.User) {
		c.members = append(slices.Clone(c.members), s.ws.Bot.User)
		s.post(c, &Message{User: s.ws.Bot.User, System: true, Text: fmt.Sprintf("<@%s> has joined the channel", s.ws.Bot.User)})
		if s.manifest.wantsEvent("member_joined_channel") {
			s.emit(object{"type": "member_joined_channel", "user": s.ws.Bot.User, "channel": c.id, "channel_type": "C", "team": s.ws.Team.ID})
		}
	}
	return object{"channel": s.channelObject(c)}, nil
}

func (s *Server) conversationsSetTopic(a args) (object, error) {
	c, err := s.readable(a.str("channel"))
	if err != nil {
		return nil, err
	}
	if !s.manifest.hasScope("channels:manage") && !s.manifest.hasScope("groups:write") {
		scope := c.kind() + ":write.topic"
		if err := s.needScope(scope); err != nil {
			return nil, err
		}
	}
	topic := a.str("topic")
	switch {
	case !c.has(s.ws.Bot.User):
		return nil, refuse("not_in_channel")
	case c.archived:
		return nil, refuse("is_archived")
	case utf8.RuneCountInString(topic) > longestTopic:
		return nil, refuse("too_long")
	}
	c.topic = topic
	s.post(c, &Message{User: s.ws.Bot.User, System: true, Text: fmt.Sprintf("<@%s> set the channel topic: %s", s.ws.Bot.User, topic)})
	return object{"channel": s.channelObject(c)}, nil
}

func (s *Server) pinsAdd(a args) (object, error) {
	c, err := s.readable(a.str("channel"))
	if err != nil {
		return nil, err
	}
	m := c.find(a.str("timestamp"))
	switch {
	case !c.has(s.ws.Bot.User):
		return nil, refuse("not_in_channel")
	case c.archived:
		return nil, refuse("is_archived")
	case m == nil || m.Deleted || m.Ephemeral():
		return nil, refuse("message_not_found")
	case slices.Contains(c.pins, m.TS):
		return nil, refuse("already_pinned")
	}
	c.pins = append(slices.Clone(c.pins), m.TS)
	s.touch()
	return object{}, nil
}

// Pins are the pinned messages of a channel, by their timestamps.
func (s *Server) Pins(channel string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c, ok := s.conversations[channel]; ok {
		return slices.Clone(c.pins)
	}
	return nil
}

// Topic is that of a channel.
func (s *Server) Topic(channel string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c, ok := s.conversations[channel]; ok {
		return c.topic
	}
	return ""
}

// Call gives a channel another name. The app gets channel_rename if it asked for it: of public channels, and of private ones it's in.
func (s *Server) Call(channel, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.conversations[channel]
	if !ok {
		return
	}
	c.name = name
	s.touch()
	if s.manifest.wantsEvent("channel_rename") && (!c.private || c.has(s.ws.Bot.User)) {
		kind := map[bool]string{true: "group_rename", false: "channel_rename"}[c.private]
		s.emit(object{"type": kind, "event_ts": fmt.Sprintf("%d.000000", time.Now().Unix()), "channel": object{
			"id": c.id, "name": c.name, "created": c.created.Unix(),
		}})
	}
}
