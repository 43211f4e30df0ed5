package slackd

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
)

// Plain is everything a person reads in the message, as one text: the blocks line by line, or the text where there are none.
// Markup stays as it was sent, but for the three entities & < >.
func (m Message) Plain() string {
	if len(m.Blocks) == 0 {
		return plain.Replace(m.Text)
	}
	var lines []string
	for _, b := range m.Blocks {
		if line := strings.TrimRight(plainBlock(b), "\n"); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

func plainBlock(b Block) string {
	list := func(key, sep string) string {
		items, _ := b[key].([]any)
		var parts []string
		for _, i := range items {
			if p := plainElement(i); p != "" {
				parts = append(parts, p)
			}
		}
		return strings.Join(parts, sep)
	}
	switch b["type"] {
	case "rich_text":
		return list("elements", "\n")
	case "context", "actions", "context_actions":
		return list("elements", " ")
	case "table", "data_table":
		rows, _ := b["rows"].([]any)
		var lines []string
		for _, row := range rows {
			cells, _ := row.([]any)
			var line []string
			for _, cell := range cells {
				line = append(line, plainElement(cell))
			}
			lines = append(lines, strings.Join(line, "  "))
		}
		return strings.Join(lines, "\n")
	default:
		parts := []string{
			plainElement(b["text"]),
			plainElement(b["title"]),
			plainElement(b["label"]),
			list("fields", "\n"),
			plainElement(b["accessory"]),
			plainElement(b["element"]),
		}
		if b["type"] == "markdown" {
			parts[0], _ = b["text"].(string)
		}
		return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), "\n")
	}
}

// plainElement is the text of a text object, a block element or a rich text element.
func plainElement(v any) string {
	e, _ := v.(object)
	str := func(key string) string { t, _ := e[key].(string); return t }
	switch e["type"] {
	case "button", "static_select", "overflow":
		if label := cmp.Or(textOf(e["text"]), textOf(e["placeholder"])); label != "" {
			return "[ " + label + " ]"
		}
		return ""
	case "image":
		return str("alt_text")
	case "user":
		return "<@" + str("user_id") + ">"
	case "usergroup":
		return "<!subteam^" + str("usergroup_id") + ">"
	case "channel":
		return "<#" + str("channel_id") + ">"
	case "broadcast":
		return "@" + str("range")
	case "emoji":
		return ":" + str("name") + ":"
	case "link":
		return cmp.Or(str("text"), str("url"))
	case "date":
		return cmp.Or(str("fallback"), fmt.Sprint(e["timestamp"]))
	case "rich_text", "rich_text_list", "rich_text_section", "rich_text_preformatted", "rich_text_quote":
		sep := ""
		if e["type"] == "rich_text_list" || e["type"] == "rich_text" {
			sep = "\n"
		}
		items, _ := e["elements"].([]any)
		var parts []string
		for _, i := range items {
			parts = append(parts, plainElement(i))
		}
		return strings.Join(parts, sep)
	case "mrkdwn":
		return textOf(e)
	case "raw_number":
		return cmp.Or(str("text"), fmt.Sprint(e["value"]))
	default:
		return str("text")
	}
}

// Says matches messages in which a person reads all of the given texts, in the blocks or in the notification's text.
func Says(texts ...string) func(Message) bool {
	return func(m Message) bool {
		all := m.Plain() + "\n" + plain.Replace(m.Text)
		return !slices.ContainsFunc(texts, func(t string) bool { return !strings.Contains(all, t) })
	}
}

// HasButton matches messages with a button of this action_id or text.
func HasButton(actionOrText string) func(Message) bool {
	return func(m Message) bool {
		_, ok := m.Button(actionOrText)
		return ok
	}
}

// WaitMessage waits for a message of a channel, outside threads, that matches as it is now; of several it returns the newest.
func (s *Server) WaitMessage(ctx context.Context, channel string, match func(Message) bool) (Message, error) {
	return s.waitOne(ctx, "messages of "+channel, match, func() []Message { return s.Messages(channel) })
}

// WaitReply waits for a message of a thread, the parent included, that matches as it is now; of several it returns the newest.
func (s *Server) WaitReply(ctx context.Context, channel, threadTS string, match func(Message) bool) (Message, error) {
	return s.waitOne(ctx, "thread "+threadTS, match, func() []Message { return s.Thread(channel, threadTS) })
}

// WaitEphemeral waits for a message that only this user sees; of several that match it returns the newest.
func (s *Server) WaitEphemeral(ctx context.Context, user string, match func(Message) bool) (Message, error) {
	return s.waitOne(ctx, "what only "+user+" sees", match, func() []Message { return s.Ephemerals(user) })
}

func (s *Server) waitOne(ctx context.Context, what string, match func(Message) bool, look func() []Message) (Message, error) {
	var found Message
	err := s.WaitFor(ctx, func() bool {
		for _, m := range slices.Backward(look()) {
			if match(m) {
				found = m
				return true
			}
		}
		return false
	})
	if err == nil {
		return found, nil
	}
	var there strings.Builder
	for _, m := range look() {
		fmt.Fprintf(&there, "\n--- %s by %s\n%s", m.TS, m.User, m.Plain())
	}
	return Message{}, fmt.Errorf("%s: %w; there is:%s", what, err, cmp.Or(there.String(), " nothing"))
}
