package slackd

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// Sizes that are not Block Kit's (chat.postMessage, chat.update).
const (
	maxPostText   = 40_000 // longer text is cut, with the warning message_truncated
	maxUpdateText = 4_000  // longer text is refused as msg_too_long
	maxMarkdown   = 12_000
	maxMetadata   = 8_000 // metadata_too_large; Slack does not publish its number
)

// content is what a message says, checked.
type content struct {
	text      string
	blocks    []Block
	hasBlocks bool // blocks were given, perhaps empty
	metadata  map[string]any
	hasMeta   bool
	warning   string
}

// content reads text, blocks and metadata and checks them as Slack does.
func (s *Server) content(a args) (content, error) {
	c := content{text: a.str("text")}
	if markdown := a.str("markdown_text"); markdown != "" {
		if a.has("blocks") || c.text != "" {
			return c, refuse("markdown_text_conflict")
		}
		if utf8.RuneCountInString(markdown) > maxMarkdown {
			return c, refuse("msg_too_long")
		}
		c.text = markdown
	}
	if a.has("blocks") {
		raw, ok := a.value("blocks")
		blocks, isList := raw.([]any)
		if !ok || !isList && raw != nil {
			return c, refuse("invalid_blocks_format")
		}
		c.hasBlocks = raw != nil
		if encoded, err := json.Marshal(blocks); err == nil {
			for _, kind := range s.opts.Breaks {
				if strings.Contains(string(encoded), `"type":"`+kind+`"`) {
					return c, refuse("internal_error")
				}
			}
		}
		if err := checkMessage(blocks); err != nil {
			return c, err
		}
		c.blocks = fillIDs(blocks)
	}
	if a.has("metadata") {
		if err := c.readMetadata(a); err != nil {
			return c, err
		}
	}
	if runes := []rune(c.text); len(runes) > maxPostText {
		c.text, c.warning = string(runes[:maxPostText]), "message_truncated"
	}
	return c, nil
}

func (c *content) readMetadata(a args) error {
	raw, ok := a.value("metadata")
	if !ok {
		return refuse("invalid_metadata_format")
	}
	meta, isObject := raw.(map[string]any)
	if !isObject {
		return refuse("invalid_metadata_format")
	}
	c.hasMeta = true
	if len(meta) == 0 {
		return nil
	}
	kind, _ := meta["event_type"].(string)
	payload, isObject := meta["event_payload"].(map[string]any)
	if kind == "" || !isObject {
		return refuse("invalid_metadata_schema")
	}
	for _, v := range payload {
		if _, nested := v.(map[string]any); nested {
			return refuse("invalid_metadata_schema") // payloads are flat
		}
	}
	if len(fmt.Sprint(payload)) > maxMetadata {
		return refuse("metadata_too_large")
	}
	c.metadata = meta
	return nil
}

func (c *content) empty() bool { return strings.TrimSpace(c.text) == "" && len(c.blocks) == 0 }

// destination finds the conversation a bot may write to. The caller holds mu.
func (s *Server) destination(channel string) (*conversation, error) {
	bot := s.ws.Bot.User
	if channel == "" {
		return nil, refuse("channel_not_found")
	}
	c := s.conversations[channel]
	if u, ok := s.users[channel]; ok && !u.Bot && !u.Deactivated {
		c = s.botDM(u.ID)
	}
	for _, other := range s.conversations {
		if c == nil && other.name != "" && other.name == strings.TrimPrefix(channel, "#") {
			c = other
		}
	}
	switch {
	case c == nil, (c.private || c.im) && !c.has(bot):
		return nil, refuse("channel_not_found")
	case c.archived:
		return nil, refuse("is_archived")
	case c.restricted != "" && c.has(bot):
		return nil, refuse(c.restricted)
	case !c.has(bot) && !s.manifest.hasScope("chat:write.public"):
		return nil, refuse("not_in_channel")
	case c.im && !s.manifest.Features.AppHome.MessagesTab:
		return nil, refuse("messages_tab_disabled")
	}
	return c, nil
}

func (s *Server) chatPostMessage(a args) (object, error) {
	c, err := s.destination(a.str("channel"))
	if err != nil {
		return nil, err
	}
	if wait := s.limits.post(s.opts.Limits, c.id); wait > 0 {
		return nil, &limited{after: wait}
	}
	said, err := s.content(a)
	if err != nil {
		return nil, err
	}
	if said.empty() {
		return nil, refuse("no_text")
	}
	thread, err := s.thread(c, a.str("thread_ts"))
	if err != nil {
		return nil, err
	}
	m := s.post(c, &Message{
		User: s.ws.Bot.User, BotID: s.ws.Bot.ID, Text: said.text, Blocks: said.blocks, Metadata: said.metadata,
		ThreadTS: thread, Unfurls: unfurls(a, said.text),
	})
	answer := object{"channel": c.id, "ts": m.TS, "message": s.wire(m)}
	if said.warning != "" {
		answer["warning"] = said.warning
		answer["response_metadata"] = object{"warnings": []string{said.warning}}
	}
	return answer, nil
}

// unfurls says whether Slack would fetch a preview: media unless forbidden, other links only when asked to.
func unfurls(a args, text string) bool {
	media := !a.has("unfurl_media") || a.flag("unfurl_media")
	return strings.Contains(text, "http") && (media || a.flag("unfurl_links"))
}

// thread checks a thread_ts. Where there is no such message, or it was deleted with all its replies, Slack does not refuse: the reply is
// posted outside of any thread, and only the missing message.thread_ts of the answer tells (slack-go#1571).
func (s *Server) thread(c *conversation, ts string) (string, error) {
	if ts == "" {
		return "", nil
	}
	parent := c.find(ts)
	switch {
	case parent == nil || parent.Deleted && len(c.replies(ts)) == 0:
		return "", nil
	case parent.Ephemeral(), parent.System:
		return "", refuse("cannot_reply_to_message")
	}
	return ts, nil
}

// own finds a message that the bot may change. Ephemeral messages are not found, as in Slack.
func (s *Server) own(a args, refusal string) (*Message, error) {
	c := s.conversations[a.str("channel")]
	if c == nil || !c.has(s.ws.Bot.User) && (c.private || c.im) {
		return nil, refuse("channel_not_found")
	}
	m := c.find(a.str("ts"))
	switch {
	case m == nil, m.Deleted, m.Ephemeral():
		return nil, refuse("message_not_found")
	case m.BotID != s.ws.Bot.ID:
		return nil, refuse(refusal)
	case c.archived:
		return nil, refuse("is_inactive")
	}
	return m, nil
}

// chatUpdate edits a message. Text without blocks removes the blocks; neither is no_text.
func (s *Server) chatUpdate(a args) (object, error) {
	m, err := s.own(a, "cant_update_message")
	if err != nil {
		return nil, err
	}
	if utf8.RuneCountInString(a.str("text")) > maxUpdateText {
		return nil, refuse("msg_too_long")
	}
	said, err := s.content(a)
	if err != nil {
		return nil, err
	}
	if said.empty() && !said.hasMeta {
		return nil, refuse("no_text")
	}
	if said.hasMeta {
		m.Metadata = said.metadata
	}
	if !said.empty() {
		if said.text == "" {
			said.text = m.Text
		}
		s.edit(m, said.text, said.blocks)
	}
	return object{"channel": m.Channel, "ts": m.TS, "text": m.Text, "message": s.wire(m)}, nil
}

func (s *Server) chatDelete(a args) (object, error) {
	m, err := s.own(a, "cant_delete_message")
	if err != nil {
		return nil, err
	}
	s.remove(m)
	return object{"channel": m.Channel, "ts": m.TS}, nil
}

func (s *Server) chatPostEphemeral(a args) (object, error) {
	c, err := s.destination(a.str("channel"))
	if err != nil {
		return nil, err
	}
	reader, ok := s.users[a.str("user")]
	switch {
	case !ok:
		return nil, refuse("user_not_found")
	case !c.has(reader.ID) || reader.Bot || reader.Deactivated:
		return nil, refuse("user_not_in_channel")
	}
	said, err := s.content(a)
	if err != nil {
		return nil, err
	}
	if said.empty() {
		return nil, refuse("no_text")
	}
	thread, err := s.thread(c, a.str("thread_ts"))
	if err != nil {
		return nil, err
	}
	m := s.post(c, &Message{
		User:     s.ws.Bot.User,
		BotID:    s.ws.Bot.ID,
		Text:     said.text,
		Blocks:   said.blocks,
		ThreadTS: thread,
		To:       reader.ID,
		Unfurls:  unfurls(a, said.text),
	})
	return object{"message_ts": m.TS}, nil
}

func (s *Server) chatGetPermalink(a args) (object, error) {
	c, err := s.readable(a.str("channel"))
	if err != nil {
		return nil, err
	}
	m := c.find(a.str("message_ts"))
	if m == nil || m.Deleted || m.Ephemeral() {
		return nil, refuse("message_not_found")
	}
	link := s.base + "/archives/" + c.id + "/p" + strings.Replace(m.TS, ".", "", 1)
	if m.ThreadTS != "" {
		link += "?thread_ts=" + m.ThreadTS + "&cid=" + c.id
	}
	return object{"channel": c.id, "permalink": link}, nil
}

func (s *Server) reactionsAdd(a args) (object, error) {
	c, err := s.readable(a.str("channel"))
	if err != nil {
		return nil, err
	}
	if !c.has(s.ws.Bot.User) {
		return nil, refuse("not_in_channel")
	}
	m, name := c.find(a.str("timestamp")), strings.Trim(a.str("name"), ":")
	switch {
	case m == nil || m.Deleted || m.Ephemeral():
		return nil, refuse("message_not_found")
	case name == "":
		return nil, refuse("no_item_specified")
	case slices.Contains(m.Reactions[name], s.ws.Bot.User):
		return nil, refuse("already_reacted")
	}
	reactions := maps.Clone(m.Reactions) // copies of the message that were handed out keep what they have
	if reactions == nil {
		reactions = map[string][]string{}
	}
	reactions[name] = append(slices.Clone(reactions[name]), s.ws.Bot.User)
	m.Reactions = reactions
	s.touch()
	return object{}, nil
}

// wire is a message as Slack's API writes it.
func (s *Server) wire(m *Message) object {
	o := object{"type": "message", "user": m.User, "ts": m.TS, "text": m.Text, "team": s.ws.Team.ID}
	if m.BotID != "" {
		o["bot_id"], o["app_id"] = m.BotID, s.ws.Bot.App
	}
	if m.ThreadTS != "" {
		o["thread_ts"] = m.ThreadTS
	}
	if len(m.Blocks) > 0 {
		o["blocks"] = m.Blocks
	}
	if m.Metadata != nil {
		o["metadata"] = m.Metadata
	}
	if !m.Edited.IsZero() {
		o["edited"] = object{"user": m.User, "ts": fmt.Sprintf("%d.000000", m.Edited.Unix())}
	}
	if m.Ephemeral() {
		o["subtype"] = "bot_message"
	}
	if replies := s.conversations[m.Channel].replies(m.TS); len(replies) > 0 {
		o["thread_ts"], o["reply_count"], o["latest_reply"] = m.TS, len(replies), replies[len(replies)-1].TS
	}
	if len(m.Files) > 0 {
		o["files"] = m.Files
	}
	maps.Copy(o, m.Extra)
	return o
}
