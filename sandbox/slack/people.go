package slackd

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Errors of acting as a person: what the real Slack's window would not let them do.
var (
	ErrNoSuchUser    = errors.New("no such user")
	ErrDeactivated   = errors.New("this user is deactivated and cannot sign in")
	ErrCannotSee     = errors.New("this user does not see that conversation")
	ErrNoSuchCommand = errors.New("no app of this workspace has that slash command")
	ErrNotThere      = errors.New("not there")
	ErrEmpty         = errors.New("an empty message cannot be sent")
)

// acting checks that a person may act in a conversation. The caller holds mu.
func (s *Server) acting(user, channel string) (*User, *conversation, error) {
	u, ok := s.users[user]
	switch {
	case !ok:
		return nil, nil, fmt.Errorf("%w: %q", ErrNoSuchUser, user)
	case u.Deactivated:
		return nil, nil, fmt.Errorf("%w: %q", ErrDeactivated, user)
	}
	c, ok := s.conversations[channel]
	if !ok || !s.sees(user, c) {
		return nil, nil, fmt.Errorf("%w: %q in %q", ErrCannotSee, user, channel)
	}
	return u, c, nil
}

// Type lets a person type a slash command in a channel's or DM's composer, like "/algesta help". It returns when the app has
// acknowledged, or with ErrDispatchFailed or ErrOperationTimeout, which the person then sees as a message of Slackbot.
// A slash command cannot be typed in a thread.
func (s *Server) Type(user, channel, text string) (Delivery, error) {
	s.mu.Lock()
	u, c, err := s.acting(user, channel)
	if err != nil {
		s.mu.Unlock()
		return Delivery{}, err
	}
	name, rest, _ := strings.Cut(text, " ")
	cmd, ok := s.manifest.command(name)
	if !ok || !s.manifest.hasScope("commands") {
		s.mu.Unlock()
		return Delivery{}, fmt.Errorf("%w: %s", ErrNoSuchCommand, name)
	}
	reply := s.newResponseURL(&responseURL{channel: c.id, user: u.ID})
	payload := object{
		"token": "sandbox", "team_id": s.ws.Team.ID, "team_domain": s.ws.Team.Domain, "channel_id": c.id, "channel_name": commandChannelName(c),
		"user_id": u.ID, "user_name": u.Name, "command": name, "text": s.escape(strings.TrimSpace(rest), cmd.ShouldEscape),
		"api_app_id": s.ws.Bot.App, "response_url": reply, "trigger_id": s.newTrigger(u.ID),
	}
	s.mu.Unlock()

	d, err := s.deliver(Delivery{Kind: "slash_commands", Payload: payload})
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case errors.Is(err, ErrDispatchFailed), errors.Is(err, ErrOperationTimeout):
		s.post(c, &Message{User: "USLACKBOT", To: u.ID, System: true, Text: fmt.Sprintf("%s failed with the error “%s”", name, err)})
	case err == nil && len(d.Response) > 0:
		s.answerInAck(c, u, text, d.Response)
	}
	return d, err
}

func commandChannelName(c *conversation) string {
	switch {
	case c.im:
		return "directmessage"
	case c.mpim:
		return c.name
	case c.private:
		return "privategroup"
	default:
		return c.name
	}
}

// answerInAck shows the message that an app put into its ack of a slash command. The caller holds mu.
func (s *Server) answerInAck(c *conversation, u *User, typed string, payload json.RawMessage) {
	var a args
	if json.Unmarshal(payload, &a) != nil {
		return
	}
	said, err := s.content(a)
	if err != nil || said.empty() {
		return
	}
	to := u.ID
	if a.str("response_type") == "in_channel" {
		to = ""
		s.post(c, &Message{User: u.ID, Text: s.escape(typed, true)})
	}
	s.post(c, &Message{User: s.ws.Bot.User, BotID: s.ws.Bot.ID, Text: said.text, Blocks: said.blocks, To: to})
}

// Say lets a person write a message; threadTS is empty outside threads. Where the app is a member and the text names it, it
// gets an app_mention; in its own DM a message.im.
func (s *Server) Say(user, channel, threadTS, text string) (Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, c, err := s.acting(user, channel)
	if err != nil {
		return Message{}, err
	}
	if !c.has(u.ID) {
		return Message{}, fmt.Errorf("%w: %q has not joined %q", ErrCannotSee, user, channel)
	}
	if threadTS != "" && c.find(threadTS) == nil {
		return Message{}, fmt.Errorf("thread %s: %w", threadTS, ErrNotThere)
	}
	if strings.TrimSpace(text) == "" {
		return Message{}, ErrEmpty
	}
	wire := s.escape(strings.ToValidUTF8(text, "\uFFFD"), true)
	m := s.post(c, &Message{User: u.ID, ThreadTS: threadTS, Text: wire, Blocks: []Block{s.richText(wire)}})
	s.announce(c, m)
	return *m, nil
}

// Mention is Say with "@algesta " in front.
func (s *Server) Mention(user, channel, threadTS, text string) (Message, error) {
	return s.Say(user, channel, threadTS, "@"+s.ws.Bot.Name+" "+text)
}

// announce sends the events a new message causes. The caller holds mu.
func (s *Server) announce(c *conversation, m *Message) {
	bot := s.ws.Bot.User
	if !c.has(bot) {
		return
	}
	e := object{
		"user":     m.User,
		"text":     m.Text,
		"ts":       m.TS,
		"event_ts": m.TS,
		"channel":  c.id,
		"team":     s.users[m.User].Team,
		"blocks":   m.Blocks,
	}
	if m.ThreadTS != "" {
		e["thread_ts"] = m.ThreadTS
	}
	switch {
	case c.im && s.manifest.wantsEvent("message.im") && s.manifest.hasScope("im:history"):
		e["type"], e["channel_type"] = "message", "im"
	case c.mpim && s.manifest.wantsEvent("message.mpim") && s.manifest.hasScope("mpim:history"):
		e["type"], e["channel_type"] = "message", "mpim"
	case !c.im && !c.mpim && strings.Contains(m.Text, "<@"+bot+">") && s.manifest.wantsEvent("app_mention") &&
		s.manifest.hasScope("app_mentions:read"):
		e["type"] = "app_mention"
	default:
		return
	}
	s.emit(e)
}

// emit wraps an event as the Events API does and sends it. The caller holds mu.
func (s *Server) emit(e object) {
	s.event(object{
		"token": "sandbox", "team_id": s.ws.Team.ID, "api_app_id": s.ws.Bot.App, "type": "event_callback", "event_id": "Ev" + randomID(),
		"event_time": time.Now().Unix(), "event": e, "is_ext_shared_channel": false,
		"authorizations": []object{{"team_id": s.ws.Team.ID, "user_id": s.ws.Bot.User, "is_bot": true, "is_enterprise_install": false}},
	})
}

// richText is the block that Slack's composer makes of a typed text: plain text and mentions of people.
func (s *Server) richText(wire string) Block {
	var elements []any
	for rest := wire; rest != ""; {
		start := strings.Index(rest, "<@")
		end := strings.Index(rest, ">")
		if start < 0 || end < start {
			elements = append(elements, object{"type": "text", "text": plain.Replace(rest)})
			break
		}
		if start > 0 {
			elements = append(elements, object{"type": "text", "text": plain.Replace(rest[:start])})
		}
		elements = append(elements, object{"type": "user", "user_id": rest[start+2 : end]})
		rest = rest[end+1:]
	}
	return Block{"type": "rich_text", "block_id": randomID()[:5], "elements": []any{object{"type": "rich_text_section", "elements": elements}}}
}

var plain = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&")

// Invite adds someone to a channel: a person, or the bot (/invite @algesta). The app gets member_joined_channel if it asked for it.
func (s *Server) Invite(by, channel, user string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, c, err := s.acting(by, channel)
	if err != nil {
		return err
	}
	if _, ok := s.users[user]; !ok || c.im || c.mpim {
		return fmt.Errorf("inviting %s: %w", user, ErrNotThere)
	}
	if c.has(user) {
		return nil
	}
	c.members = append(slices.Clone(c.members), user)
	s.post(c, &Message{User: user, System: true, Text: fmt.Sprintf("<@%s> was added by <@%s>.", user, by)})
	if c.has(s.ws.Bot.User) && s.manifest.wantsEvent("member_joined_channel") {
		kind := "C"
		if c.private {
			kind = "G"
		}
		s.emit(object{"type": "member_joined_channel", "user": user, "channel": c.id, "channel_type": kind, "team": s.ws.Team.ID, "inviter": by})
	}
	return nil
}

// Leave takes someone out of a channel: a person, or the bot (/kick @algesta).
func (s *Server) Leave(channel, user string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c, ok := s.conversations[channel]; ok {
		c.members = slices.DeleteFunc(slices.Clone(c.members), func(m string) bool { return m == user })
		s.touch()
	}
}

// CreateChannel makes a channel; the app gets channel_created for public ones if it asked for it.
func (s *Server) CreateChannel(by string, ch Channel) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &conversation{
		id:      ch.ID,
		name:    ch.Name,
		topic:   ch.Topic,
		private: ch.Private,
		shared:  ch.Shared,
		members: slices.Clone(ch.Members),
		created: time.Now(),
	}
	s.addConversation(c)
	s.touch()
	if !c.private && s.manifest.wantsEvent("channel_created") {
		s.emit(object{"type": "channel_created", "event_ts": fmt.Sprintf("%d.000000", time.Now().Unix()), "channel": object{
			"id": c.id, "name": c.name, "created": c.created.Unix(), "creator": by, "is_channel": true, "context_team_id": s.ws.Team.ID,
		}})
	}
}

// Archive closes a channel, or opens it again.
func (s *Server) Archive(channel string, archived bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c, ok := s.conversations[channel]; ok {
		c.archived = archived
		s.touch()
	}
}

// Restrict lets nobody but a few people post in a channel, as its settings can: why is restricted_action,
// restricted_action_thread_only_channel, restricted_action_non_threadable_channel or restricted_action_read_only_channel; "" ends it.
func (s *Server) Restrict(channel, why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c, ok := s.conversations[channel]; ok {
		c.restricted = why
		s.touch()
	}
}

// Delete takes a message away, as an administrator can; one with replies stays as a stub that its thread hangs on.
func (s *Server) Delete(channel, ts string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c, ok := s.conversations[channel]; ok {
		if m := c.find(ts); m != nil {
			s.remove(m)
		}
	}
}

// Share makes a channel one of two companies (Slack Connect): state is "pending" until the other accepts, then "shared"; "" ends it.
func (s *Server) Share(channel, state string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c, ok := s.conversations[channel]; ok {
		c.shared = state
		s.touch()
	}
}

// Rename gives a channel another ID, as Slack does when a private one is shared with another company. The app gets channel_id_changed if it
// asked for it.
func (s *Server) Rename(old, now string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.conversations[old]
	if !ok {
		return
	}
	delete(s.conversations, old)
	c.id = now
	s.conversations[now] = c
	for i, id := range s.order {
		if id == old {
			s.order = slices.Clone(s.order)
			s.order[i] = now
		}
	}
	for _, m := range c.messages {
		m.Channel = now
	}
	s.touch()
	if c.has(s.ws.Bot.User) && s.manifest.wantsEvent("channel_id_changed") {
		s.emit(
			object{
				"type":           "channel_id_changed",
				"old_channel_id": old,
				"new_channel_id": now,
				"event_ts":       fmt.Sprintf("%d.000000", time.Now().Unix()),
			},
		)
	}
}

// Dismiss lets a person put away a message that only they see.
func (s *Server) Dismiss(user, channel, ts string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, c, err := s.acting(user, channel)
	if err != nil {
		return err
	}
	m := c.find(ts)
	if m == nil || m.To != user {
		return fmt.Errorf("message %s: %w", ts, ErrNotThere)
	}
	s.remove(m)
	return nil
}
