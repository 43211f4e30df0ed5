package slack

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	slackapi "github.com/slack-go/slack"
)

// limits checks a message against Slack's limits (blockkit-limits.json). It reads the JSON that is sent, so that it knows nothing
// of how the renderer thinks.
type limits struct {
	problems []string
	chars    int
	tables   int
	ids      map[string]bool
}

type object = map[string]any

func problemsOf(r rendered) []string {
	l := &limits{ids: map[string]bool{}}
	raw, err := json.Marshal(r.blocks)
	if err != nil {
		return []string{err.Error()}
	}
	var blocks []object
	if err := json.Unmarshal(raw, &blocks); err != nil {
		return []string{err.Error()}
	}
	l.atMost("blocks", len(blocks), 50)
	l.atLeast("blocks", len(blocks), 1)
	for _, b := range blocks {
		l.block(b)
	}
	l.atMost("characters of all blocks", l.chars, 10_000)
	l.atMost("tables", l.tables, 1)
	for name, text := range map[string]string{"text": r.text, "plain": r.plain()} {
		l.atMost(name, utf8.RuneCountInString(text), 4000)
		l.atLeast(name, utf8.RuneCountInString(text), 1)
	}
	return l.problems
}

func (l *limits) fail(format string, args ...any) {
	l.problems = append(l.problems, fmt.Sprintf(format, args...))
}

func (l *limits) atMost(what string, n, most int) {
	if n > most {
		l.fail("%s: %d is more than %d", what, n, most)
	}
}

func (l *limits) atLeast(what string, n, least int) {
	if n < least {
		l.fail("%s: %d is less than %d", what, n, least)
	}
}

func (l *limits) text(what string, v any, least, most int) {
	s, ok := v.(string)
	if !ok {
		l.fail("%s is no text", what)
	}
	n := utf8.RuneCountInString(s)
	l.atLeast(what, n, least)
	l.atMost(what, n, most)
	l.chars += n
	if !utf8.ValidString(s) {
		l.fail("%s is not UTF-8", what)
	}
}

func (l *limits) block(b object) {
	id, _ := b["block_id"].(string)
	l.atMost("block_id", len(id), 255)
	if l.ids[id] {
		l.fail("block_id %q is there twice", id)
	}
	l.ids[id] = true
	switch b["type"] {
	case "rich_text":
		l.atLeast("rich_text", len(list(b["elements"])), 1)
		for _, e := range list(b["elements"]) {
			l.rich(e)
		}
	case "table":
		l.tables++
		rows, _ := b["rows"].([]any)
		l.atMost("rows", len(rows), 100)
		l.atLeast("rows", len(rows), 1)
		before := l.chars
		width := -1
		for _, r := range rows {
			cells := list(r)
			l.atMost("cells", len(cells), 20)
			if width >= 0 && len(cells) != width {
				l.fail("rows of %d and %d cells", width, len(cells))
			}
			width = len(cells)
			for _, c := range cells {
				if c["type"] == "raw_text" {
					l.text("cell", c["text"], 1, 10_000)
				} else {
					for _, e := range list(c["elements"]) {
						l.rich(e)
					}
				}
			}
		}
		l.atMost("characters of the table", l.chars-before, 10_000)
	case "actions":
		l.actions(list(b["elements"]))
	default:
		l.fail("block of type %v", b["type"])
	}
}

func (l *limits) rich(e object) {
	switch e["type"] {
	case "rich_text_section", "rich_text_preformatted", "rich_text_list":
		l.atLeast(fmt.Sprint(e["type"]), len(list(e["elements"])), 1)
		for _, inner := range list(e["elements"]) {
			if e["type"] == "rich_text_preformatted" && inner["type"] != "text" {
				l.fail("%v in preformatted text", inner["type"])
			}
			l.rich(inner)
		}
	case "text":
		l.text("text", e["text"], 1, 10_000)
	case "link":
		l.text("url", e["url"], 1, 3000)
		if e["text"] != nil {
			l.text("link", e["text"], 0, 10_000)
		}
	case "user":
		l.text("user", e["user_id"], 1, 40)
	case "usergroup":
		l.text("usergroup", e["usergroup_id"], 1, 40)
	case "channel":
		l.text("channel", e["channel_id"], 1, 40)
	case "date":
		l.text("format", e["format"], 1, 100)
		l.text("fallback", e["fallback"], 1, 10_000)
		if _, ok := e["timestamp"].(float64); !ok {
			l.fail("timestamp is no number")
		}
	default:
		l.fail("element of type %v", e["type"])
	}
}

func (l *limits) actions(elements []object) {
	l.atMost("buttons", len(elements), 25)
	l.atLeast("buttons", len(elements), 1)
	seen := map[any]bool{}
	for _, e := range elements {
		if seen[e["action_id"]] {
			l.fail("action_id %v is there twice", e["action_id"])
		}
		seen[e["action_id"]] = true
		id, _ := e["action_id"].(string)
		l.atMost("action_id", len(id), 255)
		l.label("button", e["text"], 75)
		l.text("value", e["value"], 1, 2000)
		if s := e["style"]; s != nil && s != "primary" && s != "danger" {
			l.fail("style %v", s)
		}
		if c, ok := e["confirm"].(object); ok {
			l.label("title", c["title"], 100)
			l.label("question", c["text"], 300)
			l.label("yes", c["confirm"], 30)
			l.label("no", c["deny"], 30)
		}
	}
}

func (l *limits) label(what string, v any, most int) {
	o, _ := v.(object)
	if o["type"] != "plain_text" {
		l.fail("%s is of type %v", what, o["type"])
	}
	l.text(what, o["text"], 1, most)
}

func list(v any) []object {
	all, _ := v.([]any)
	out := make([]object, len(all))
	for i, e := range all {
		out[i], _ = e.(object)
	}
	return out
}

// show is a message as a person would describe it, for golden files.
func show(r rendered) string {
	var b strings.Builder
	fmt.Fprintf(&b, "text: %s\n", r.text)
	for _, block := range r.blocks {
		switch block := block.(type) {
		case *slackapi.RichTextBlock:
			b.WriteString("---\n")
			for _, e := range block.Elements {
				b.WriteString(showElement(e) + "\n")
			}
		case *slackapi.TableBlock:
			b.WriteString("--- table\n")
			for _, row := range block.Rows {
				var cells []string
				for _, c := range row {
					switch c := c.(type) {
					case *slackapi.TableRawTextCell:
						cells = append(cells, c.Text)
					case *slackapi.TableRichTextCell:
						cells = append(cells, showElement(c.Elements[0]))
					}
				}
				b.WriteString(strings.Join(cells, " | ") + "\n")
			}
		case *slackapi.ActionBlock:
			fmt.Fprintf(&b, "--- %s\n", block.BlockID)
			for _, e := range block.Elements.ElementSet {
				button, _ := e.(*slackapi.ButtonBlockElement)
				fmt.Fprintf(&b, "[ %s ] %s %s %s", button.Text.Text, button.ActionID, button.Value, button.Style)
				if c := button.Confirm; c != nil {
					fmt.Fprintf(&b, " asks %q %q [%s] [%s]", c.Title.Text, c.Text.Text, c.Confirm.Text, c.Deny.Text)
				}
				b.WriteString("\n")
			}
		}
	}
	return b.String()
}

func showElement(e slackapi.RichTextElement) string {
	var b strings.Builder
	switch e := e.(type) {
	case *slackapi.RichTextSection:
		for _, s := range e.Elements {
			b.WriteString(showSpan(s))
		}
	case *slackapi.RichTextList:
		for i, item := range e.Elements {
			if i > 0 {
				b.WriteString("\n")
			}
			b.WriteString("• " + showElement(item))
		}
	case *slackapi.RichTextPreformatted:
		for _, s := range e.Elements {
			b.WriteString("| " + strings.ReplaceAll(showSpan(s), "\n", "\n| "))
		}
	}
	return b.String()
}

func showSpan(s slackapi.RichTextSectionElement) string {
	switch s := s.(type) {
	case *slackapi.RichTextSectionTextElement:
		switch {
		case s.Style == nil:
			return s.Text
		case s.Style.Code:
			return "`" + s.Text + "`"
		case s.Style.Bold:
			return "*" + s.Text + "*"
		}
		return "_" + s.Text + "_"
	case *slackapi.RichTextSectionUserElement:
		return "<@" + s.UserID + ">"
	case *slackapi.RichTextSectionUserGroupElement:
		return "<!subteam^" + s.UsergroupID + ">"
	case *slackapi.RichTextSectionChannelElement:
		return "<#" + s.ChannelID + ">"
	case *slackapi.RichTextSectionDateElement:
		return fmt.Sprintf("<%s %d>", s.Format, s.Timestamp)
	case *slackapi.RichTextSectionLinkElement:
		return "<" + s.URL + "|" + s.Text + ">"
	}
	return "?"
}
