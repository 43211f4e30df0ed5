package slack

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/redact"
)

// sanitizer returns reports without secrets and without invisible characters, as redact.Clean defines them. It cuts nothing: what is too
// long for a message is cut where it's rendered, which says so, and what is in a file is all of it.
type sanitizer struct{ redactor *redact.Redactor }

func (s sanitizer) string(v string) string { return s.redactor.String(v) }

// line is for what has to stay on one line: labels and titles of controls.
func (s sanitizer) line(v string) string { return strings.Join(strings.Fields(s.sentence(v)), " ") }

// Slack's IDs. What is not one is printed instead of mentioned, so that no text can become a mention.
var (
	personID  = regexp.MustCompile(`^[UW][A-Z0-9]{2,30}$`)
	groupID   = regexp.MustCompile(`^S[A-Z0-9]{2,30}$`)
	channelID = regexp.MustCompile(`^[CGD][A-Z0-9]{2,30}$`)
	address   = regexp.MustCompile(`^https?://[^\s<>|"]+$`)
)

// maxAddress is a little below the longest address that Slack takes.
const maxAddress = 2900

// breaks are the characters that begin a new line. Sentences have none: what needs lines is a list, a table or preformatted.
var breaks = strings.NewReplacer("\n", " ", "\v", " ", "\f", " ", "\u0085", " ", "\u2028", " ", "\u2029", " ")

// sentence is v on one line. A carriage return is a break here: in a sentence nothing may overwrite what comes before it.
func (s sanitizer) sentence(v string) string {
	return breaks.Replace(s.string(strings.ReplaceAll(v, "\r", "\n")))
}

// text is a sentence on one line, so that no name in it can begin a line of its own that reads as another sentence of the bot.
func (s sanitizer) text(t algesta.Text) algesta.Text {
	out := make(algesta.Text, 0, len(t))
	for _, span := range t {
		span.Text = s.sentence(span.Text)
		known := true
		switch span.Kind {
		case algesta.Person:
			known = personID.MatchString(span.ID)
		case algesta.Group:
			known = groupID.MatchString(span.ID)
		case algesta.Channel:
			known = channelID.MatchString(span.ID)
		case algesta.Moment:
			known = !span.At.IsZero() && span.At.Unix() > 0
		case algesta.Link:
			// An address may carry a password; a link that had to be redacted is no link any more.
			known = len(span.ID) <= maxAddress && address.MatchString(span.ID) && s.string(span.ID) == span.ID
		case algesta.Plain, algesta.Bold, algesta.Code:
		default:
			known = false
		}
		if !known {
			span.Kind = algesta.Plain
		}
		if span.Text == "" && plainWords(span) {
			continue
		}
		out = append(out, span)
	}
	return out
}

func (s sanitizer) report(r algesta.Report) algesta.Report {
	out := algesta.Report{Tone: r.Tone, Title: s.text(r.Title), Push: s.text(r.Push), Small: s.text(r.Small)}
	for _, b := range r.Body {
		if b = s.block(b); !empty(b) {
			out.Body = append(out.Body, b)
		}
	}
	for _, b := range r.Buttons {
		b.Label = s.line(b.Label)
		if c := b.Confirm; c != nil {
			b.Confirm = &algesta.Confirm{Title: s.line(c.Title), Text: s.string(c.Text), Yes: s.line(c.Yes), No: s.line(c.No)}
		}
		out.Buttons = append(out.Buttons, b)
	}
	if r.File != nil {
		out.File = &algesta.File{Name: s.line(r.File.Name), Text: s.string(r.File.Text), Else: s.text(r.File.Else)}
	}
	return out
}

func (s sanitizer) block(b algesta.Block) algesta.Block {
	out := algesta.Block{Text: s.text(b.Text), Pre: strings.TrimRight(s.string(b.Pre), "\n\t "), Bar: b.Bar}
	for _, item := range b.List {
		if t := s.text(item); len(t) > 0 {
			out.List = append(out.List, t)
		}
	}
	for _, f := range b.Fields {
		if f = (algesta.Field{Label: s.line(f.Label), Value: s.text(f.Value)}); f.Label != "" || len(f.Value) > 0 {
			out.Fields = append(out.Fields, f)
		}
	}
	if b.Table != nil {
		out.Table = s.table(*b.Table)
	}
	return out
}

// table also makes every row as wide as the widest, because Slack refuses others.
func (s sanitizer) table(t algesta.Table) *algesta.Table {
	width := len(t.Head)
	for _, row := range t.Rows {
		width = max(width, len(row))
	}
	if width == 0 {
		return nil
	}
	out := &algesta.Table{Head: make([]string, width)}
	for i, h := range t.Head {
		out.Head[i] = s.line(h)
	}
	for _, row := range t.Rows {
		cells := make([]algesta.Text, width)
		for i, cell := range row {
			cells[i] = s.text(cell)
		}
		out.Rows = append(out.Rows, cells)
	}
	return out
}

func empty(b algesta.Block) bool {
	return len(b.Text) == 0 && len(b.List) == 0 && len(b.Fields) == 0 && b.Table == nil && b.Pre == "" && (b.Bar == nil || b.Bar.Of <= 0)
}

// cut is s with at most n characters, and how many were left out.
func cut(s string, n int) (string, int) {
	if len(s) <= n {
		return s, 0
	}
	total := utf8.RuneCountInString(s)
	if total <= n {
		return s, 0
	}
	n = max(n, 0)
	at, count := 0, 0
	for at = range s {
		if count == n {
			break
		}
		count++
	}
	return s[:at], total - n
}
