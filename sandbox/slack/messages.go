package slackd

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Block is one Block Kit block as it was sent, with the block_id and action_ids that Slack fills in. Never modify one.
type Block = map[string]any

// Message is one message as it is now.
type Message struct {
	TS        string              `json:"ts"`
	ThreadTS  string              `json:"threadTS,omitempty"` // the parent's ts, in replies only
	Channel   string              `json:"channel"`
	User      string              `json:"user"`
	BotID     string              `json:"botID,omitempty"`
	Text      string              `json:"text"` // mrkdwn as stored: & < > escaped, mentions as <@U…>
	Blocks    []Block             `json:"blocks,omitempty"`
	Metadata  map[string]any      `json:"metadata,omitempty"`
	To        string              `json:"to,omitempty"`     // the only reader of an ephemeral message
	System    bool                `json:"system,omitempty"` // said by Slack itself: joins, failed commands
	Files     []File              `json:"files,omitempty"`
	Reactions map[string][]string `json:"reactions,omitempty"` // emoji name → users
	History   []Version           `json:"history,omitempty"`   // what it was before each edit, oldest first
	Edited    time.Time           `json:"edited,omitzero"`
	Deleted   bool                `json:"deleted,omitempty"`
	At        time.Time           `json:"at"`
	Unfurls   bool                `json:"unfurls,omitempty"` // links in it would be unfurled
	// Extra are fields that the Web API writes in place of this message's own, as they are: see PostForeign.
	Extra map[string]any `json:"extra,omitempty"`
}

// Version is a state that a message had until it was edited or deleted.
type Version struct {
	Text   string    `json:"text"`
	Blocks []Block   `json:"blocks,omitempty"`
	Until  time.Time `json:"until"`
}

// Ephemeral says whether only one person sees the message.
func (m Message) Ephemeral() bool { return m.To != "" }

// conversation is a channel or DM with everything said in it.
type conversation struct {
	id, name, topic   string
	private, archived bool
	shared            string // "shared" or "pending": Slack Connect
	restricted        string // why nobody but a few may post here: restricted_action, …
	im, mpim          bool   // of two; of a group
	members           []string
	messages          []*Message // replies and ephemerals too, by time
	created           time.Time
	pins              []string // timestamps
}

func (c *conversation) has(user string) bool { return slices.Contains(c.members, user) }

func (c *conversation) find(ts string) *Message {
	for _, m := range c.messages {
		if m.TS == ts {
			return m
		}
	}
	return nil
}

// replies are the visible-to-all messages of a thread without its parent.
func (c *conversation) replies(ts string) []*Message {
	var out []*Message
	for _, m := range c.messages {
		if m.ThreadTS == ts && !m.Ephemeral() && !m.Deleted {
			out = append(out, m)
		}
	}
	return out
}

func (s *Server) populate() {
	now := time.Now()
	bot := &User{ID: s.ws.Bot.User, Name: s.ws.Bot.Name, RealName: s.ws.Bot.Name, Bot: true}
	s.users[bot.ID] = bot
	for i := range s.ws.Users {
		u := s.ws.Users[i]
		setDefault(&u.Zone, "America/Bogota")
		setDefault(&u.Team, s.ws.Team.ID)
		s.users[u.ID] = &u
	}
	for _, c := range s.ws.Channels {
		s.addConversation(
			&conversation{
				id:       c.ID,
				name:     c.Name,
				topic:    c.Topic,
				private:  c.Private,
				archived: c.Archived,
				shared:   c.Shared,
				members:  slices.Clone(c.Members),
				created:  now,
			},
		)
	}
	for _, d := range s.ws.DMs {
		s.addConversation(s.dm(d, now))
	}
	for _, u := range s.ws.Users {
		if !u.Bot && !u.Deactivated {
			s.botDM(u.ID)
		}
	}
}

// dm is a direct conversation as Slack makes it: that of a group is private and has a name of its members' names.
func (s *Server) dm(d DM, now time.Time) *conversation {
	c := &conversation{id: d.ID, im: true, members: slices.Clone(d.Users), created: now}
	if len(d.Users) > 2 {
		c.im, c.mpim, c.private = false, true, true
		var names []string
		for _, u := range d.Users {
			names = append(names, s.users[u].Name)
		}
		c.name = "mpdm-" + strings.Join(names, "--") + "-1"
	}
	return c
}

func (s *Server) addConversation(c *conversation) {
	s.conversations[c.id] = c
	s.order = append(s.order, c.id)
}

// botDM is the direct conversation between a person and the bot. The caller holds mu.
func (s *Server) botDM(user string) *conversation {
	id := "D" + strings.TrimPrefix(user, "U")
	if c, ok := s.conversations[id]; ok {
		return c
	}
	c := &conversation{id: id, im: true, members: []string{user, s.ws.Bot.User}, created: time.Now()}
	s.addConversation(c)
	return c
}

// nextTS gives every message of the workspace its own time in microseconds. The caller holds mu.
func (s *Server) nextTS() (string, time.Time) {
	now := time.Now()
	micros := max(now.UnixMicro(), s.lastTS+1)
	s.lastTS = micros
	return fmt.Sprintf("%d.%06d", micros/1e6, micros%1e6), now
}

// post stores a message and tells all who watch. The caller holds mu.
func (s *Server) post(c *conversation, m *Message) *Message {
	m.TS, m.At = s.nextTS()
	m.Channel = c.id
	if m.ThreadTS != "" {
		if parent := c.find(m.ThreadTS); parent != nil && parent.ThreadTS != "" {
			m.ThreadTS = parent.ThreadTS // a reply to a reply joins its thread
		}
	}
	c.messages = append(c.messages, m)
	s.touch()
	return m
}

// PostForeign is a message of another app, with fields that the Web API writes as they are: blocks of a kind that a client does not know,
// a number where it wants a text. It returns the message's ts, "" where there is no such channel.
func (s *Server) PostForeign(channel, thread string, fields map[string]any) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.conversations[channel]
	if !ok {
		return ""
	}
	return s.post(c, &Message{User: "U0FOREIGN", BotID: "B0FOREIGN", ThreadTS: thread, Text: "(another app's message)", Extra: fields}).TS
}

// edit replaces what a message says and remembers what it said. The caller holds mu.
func (s *Server) edit(m *Message, text string, blocks []Block) {
	now := time.Now()
	m.History = append(m.History, Version{Text: m.Text, Blocks: m.Blocks, Until: now})
	m.Text, m.Blocks, m.Edited = text, blocks, now
	s.touch()
}

func (s *Server) remove(m *Message) {
	m.History = append(m.History, Version{Text: m.Text, Blocks: m.Blocks, Until: time.Now()})
	m.Deleted = true
	s.touch()
}

// sees says whether a person can open a conversation: members, and full members any public channel. The caller holds mu.
func (s *Server) sees(user string, c *conversation) bool {
	if c.has(user) {
		return true
	}
	u := s.users[user]
	return u != nil && !u.Guest && !u.Deactivated && !c.private && !c.im
}

// Messages are a channel's messages outside threads, oldest first, without ephemeral and deleted ones.
func (s *Server) Messages(channel string) []Message {
	return s.pick(channel, func(m *Message) bool { return m.ThreadTS == "" && !m.Ephemeral() && !m.Deleted })
}

// Thread is a parent message and its replies, oldest first, without ephemeral and deleted ones.
func (s *Server) Thread(channel, ts string) []Message {
	return s.pick(channel, func(m *Message) bool {
		return (m.TS == ts || m.ThreadTS == ts) && !m.Ephemeral() && !m.Deleted
	})
}

// Ephemerals are the messages only this user sees, oldest first, from all conversations; those deleted by response_url are left out.
func (s *Server) Ephemerals(user string) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Message
	for _, id := range s.order {
		for _, m := range s.conversations[id].messages {
			if m.To == user && !m.Deleted {
				out = append(out, *m)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Message) int { return strings.Compare(a.TS, b.TS) })
	return out
}

// All is every message ever stored in a conversation, ephemeral and deleted ones too, oldest first.
func (s *Server) All(channel string) []Message {
	return s.pick(channel, func(*Message) bool { return true })
}

// Message is one message as it is now.
func (s *Server) Message(channel, ts string) (Message, bool) {
	found := s.pick(channel, func(m *Message) bool { return m.TS == ts })
	if len(found) == 0 {
		return Message{}, false
	}
	return found[0], true
}

// BotDM is the ID of a person's direct conversation with the bot.
func (s *Server) BotDM(user string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.botDM(user).id
}

func (s *Server) pick(channel string, want func(*Message) bool) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.conversations[channel]
	if !ok {
		return nil
	}
	var out []Message
	for _, m := range c.messages {
		if want(m) {
			out = append(out, *m)
		}
	}
	return out
}
