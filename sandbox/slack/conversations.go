package slackd

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// kind is a conversation's part in scope names: channels, groups, im.
func (c *conversation) kind() string {
	switch {
	case c.im:
		return "im"
	case c.mpim:
		return "mpim"
	case c.private:
		return "groups"
	default:
		return "channels"
	}
}

// readable finds a conversation that the bot may know of: public ones, and private ones and DMs it is in. The caller holds mu.
func (s *Server) readable(id string) (*conversation, error) {
	c := s.conversations[id]
	if c == nil || (c.private || c.im) && !c.has(s.ws.Bot.User) {
		return nil, refuse("channel_not_found")
	}
	return c, nil
}

func (s *Server) channelObject(c *conversation) object {
	o := object{
		"id":                    c.id,
		"created":               c.created.Unix(),
		"is_archived":           c.archived,
		"is_im":                 c.im,
		"is_channel":            !c.im && !c.private,
		"is_group":              false,
		"is_private":            c.private || c.im,
		"is_mpim":               c.mpim,
		"is_org_shared":         false,
		"is_shared":             c.shared == "shared",
		"is_ext_shared":         c.shared == "shared",
		"is_pending_ext_shared": c.shared == "pending",
		"context_team_id":       s.ws.Team.ID,
	}
	if c.im {
		for _, u := range c.members {
			if u != s.ws.Bot.User {
				o["user"] = u
			}
		}
		return o
	}
	o["name"], o["name_normalized"], o["is_member"] = c.name, c.name, c.has(s.ws.Bot.User)
	o["topic"] = object{"value": c.topic, "creator": "", "last_set": 0}
	o["purpose"] = object{"value": "", "creator": "", "last_set": 0}
	return o
}

func (s *Server) conversationsInfo(a args) (object, error) {
	c, err := s.readable(a.str("channel"))
	if err != nil {
		return nil, err
	}
	if err := s.needScope(c.kind() + ":read"); err != nil {
		return nil, err
	}
	o := s.channelObject(c)
	if a.flag("include_num_members") {
		o["num_members"] = len(c.members)
	}
	return object{"channel": o}, nil
}

func (s *Server) conversationsList(a args) (object, error) {
	types := strings.Split(cmp.Or(a.str("types"), "public_channel"), ",")
	scope := map[string]string{"public_channel": "channels", "private_channel": "groups", "im": "im", "mpim": "mpim"}
	var all []object
	for _, t := range types {
		kind, ok := scope[strings.TrimSpace(t)]
		if !ok {
			return nil, refuse("invalid_types")
		}
		if err := s.needScope(kind + ":read"); err != nil {
			return nil, err
		}
		for _, id := range s.order {
			c := s.conversations[id]
			if _, err := s.readable(id); err == nil && c.kind() == kind && (!c.archived || !a.flag("exclude_archived")) {
				all = append(all, s.channelObject(c))
			}
		}
	}
	part, meta, err := page(a, all, 100)
	if err != nil {
		return nil, err
	}
	return object{"channels": append([]object{}, part...), "response_metadata": meta}, nil
}

func (s *Server) conversationsMembers(a args) (object, error) {
	c, err := s.readable(a.str("channel"))
	if err != nil {
		return nil, err
	}
	if err := s.needScope(c.kind() + ":read"); err != nil {
		return nil, err
	}
	part, meta, err := page(a, c.members, 100)
	if err != nil {
		return nil, err
	}
	return object{"members": slices.Clone(part), "response_metadata": meta}, nil
}

// conversationsOpen opens the bot's DM with one person; group DMs are not part of this Slack.
func (s *Server) conversationsOpen(a args) (object, error) {
	if err := s.needScope("im:write"); err != nil {
		return nil, err
	}
	id := a.str("users")
	if strings.Contains(id, ",") {
		return nil, refuse("not_supported")
	}
	u, ok := s.users[id]
	switch {
	case !ok:
		return nil, refuse("user_not_found")
	case u.Deactivated:
		return nil, refuse("user_disabled")
	case u.Bot:
		return nil, refuse("cannot_dm_bot")
	}
	return object{"channel": object{"id": s.botDM(id).id}}, nil
}

// history finds the messages that a history method may return.
func (s *Server) history(a args) (*conversation, error) {
	c, err := s.readable(a.str("channel"))
	if err != nil {
		return nil, err
	}
	if err := s.needScope(c.kind() + ":history"); err != nil {
		return nil, err
	}
	if !c.has(s.ws.Bot.User) {
		return nil, refuse("not_in_channel")
	}
	return c, nil
}

func (s *Server) conversationsHistory(a args) (object, error) {
	c, err := s.history(a)
	if err != nil {
		return nil, err
	}
	var found []*Message
	for _, m := range slices.Backward(c.messages) { // newest first
		if m.ThreadTS == "" && within(a, m) {
			found = append(found, m)
		}
	}
	return s.listing(a, found)
}

func (s *Server) conversationsReplies(a args) (object, error) {
	c, err := s.history(a)
	if err != nil {
		return nil, err
	}
	parent := c.find(a.str("ts"))
	if parent == nil || parent.Deleted && len(c.replies(parent.TS)) == 0 {
		return nil, refuse("thread_not_found")
	}
	if parent.ThreadTS != "" {
		parent = cmp.Or(c.find(parent.ThreadTS), parent)
	}
	found := []*Message{parent} // the parent comes first on every page of Slack's; here on the first
	for _, m := range c.replies(parent.TS) {
		if within(a, m) {
			found = append(found, m)
		}
	}
	return s.listing(a, found)
}

// within applies oldest, latest and inclusive, and leaves out what no history shows: ephemeral and deleted messages.
func within(a args, m *Message) bool {
	if m.Ephemeral() || m.Deleted || len(m.Files) > 0 && time.Since(m.At) < fileDelay {
		return false
	}
	oldest, latest, inclusive := a.str("oldest"), a.str("latest"), a.flag("inclusive")
	if oldest != "" && oldest != "0" && (m.TS < oldest || m.TS == oldest && !inclusive) {
		return false
	}
	return latest == "" || m.TS < latest || m.TS == latest && inclusive
}

// listing writes messages; metadata only with include_all_metadata.
func (s *Server) listing(a args, found []*Message) (object, error) {
	part, meta, err := page(a, found, 100)
	if err != nil {
		return nil, err
	}
	messages := []object{}
	for _, m := range part {
		o := s.wire(m)
		if !a.flag("include_all_metadata") {
			delete(o, "metadata")
		}
		messages = append(messages, o)
	}
	return object{"messages": messages, "has_more": meta["next_cursor"] != "", "response_metadata": meta}, nil
}
