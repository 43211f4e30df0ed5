package slack

import (
	"fmt"
	"strings"
	"unicode/utf8"

	slackapi "github.com/slack-go/slack"

	"github.com/3astronautas/algesta"
)

// spans are the elements of a line, cut where the message is full.
func (l *layout) spans(t algesta.Text) []slackapi.RichTextSectionElement {
	var out []slackapi.RichTextSectionElement
	for i, s := range t {
		cost := costOf(t[i : i+1])
		if cost <= l.left {
			l.left -= cost
			out = append(out, element(s))
			continue
		}
		l.full, l.dropped = true, true
		dropped := utf8.RuneCountInString(s.Text)
		if plainWords(s) {
			var kept string
			if kept, dropped = cut(s.Text, l.left-spanCost); kept != "" {
				l.left -= utf8.RuneCountInString(kept) + spanCost
				out = append(out, element(algesta.Span{Kind: s.Kind, Text: kept}))
			}
		}
		for _, rest := range t[i+1:] {
			dropped += utf8.RuneCountInString(rest.Text)
		}
		return append(out, slackapi.NewRichTextSectionTextElement(" "+more(dropped, "character"), nil))
	}
	return out
}

// plainWords reports whether a span is nothing but text: they can be cut anywhere.
func plainWords(s algesta.Span) bool {
	return s.Kind == algesta.Plain || s.Kind == algesta.Bold || s.Kind == algesta.Code
}

// costOf is what a text takes of the room in a message.
func costOf(t algesta.Text) int {
	n := 0
	for _, s := range t {
		n += utf8.RuneCountInString(s.Text) + spanCost
		if s.Kind == algesta.Moment {
			n += len(dateFormat(s))
		} else {
			n += len(s.ID)
		}
	}
	return n
}

// element is one span in rich text. Mentions, channels, times and links are elements of their own: no text turns into one.
func element(s algesta.Span) slackapi.RichTextSectionElement {
	switch s.Kind {
	case algesta.Bold:
		return slackapi.NewRichTextSectionTextElement(s.Text, &slackapi.RichTextSectionTextStyle{Bold: true})
	case algesta.Code:
		return slackapi.NewRichTextSectionTextElement(s.Text, &slackapi.RichTextSectionTextStyle{Code: true})
	case algesta.Person:
		return slackapi.NewRichTextSectionUserElement(s.ID, nil)
	case algesta.Group:
		return slackapi.NewRichTextSectionUserGroupElement(s.ID)
	case algesta.Channel:
		return slackapi.NewRichTextSectionChannelElement(s.ID, nil)
	case algesta.Moment:
		fallback := moment(s)
		return slackapi.NewRichTextSectionDateElement(s.At.Unix(), dateFormat(s), nil, &fallback)
	case algesta.Link:
		return slackapi.NewRichTextSectionLinkElement(s.ID, s.Text, nil)
	case algesta.Plain:
	}
	return slackapi.NewRichTextSectionTextElement(s.Text, nil)
}

// dateFormat shows the time alone where the span does (algesta.At, algesta.AtSecond), else the day too. Slack fills it in in the reader's
// zone.
func dateFormat(s algesta.Span) string {
	if s.Text == algesta.At(s.At).Text {
		return "{time}"
	}
	if s.Text == algesta.AtSecond(s.At).Text {
		return "{time_secs}"
	}
	return "{date_short_pretty} at {time}"
}

// moment is a time for those who cannot see it in their own zone.
func moment(s algesta.Span) string { return first(s.Text, s.At.UTC().Format("2006-01-02 15:04 MST")) }

// joiner is an invisible character; after an @ it keeps Slack from reading a group of people.
const joiner = "\u2060"

// escapes make text harmless in Slack's markup.
var escapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;",
	"@channel", "@"+joiner+"channel", "@here", "@"+joiner+"here", "@everyone", "@"+joiner+"everyone", "@group", "@"+joiner+"group")

// escape is s as text in Slack's markup. Nobody is ever notified by it.
func escape(s string) string { return escapes.Replace(s) }

// markup is one span in Slack's markup, for the text beside the blocks.
func markup(s algesta.Span) string {
	switch s.Kind {
	case algesta.Person:
		return "<@" + s.ID + ">"
	case algesta.Group:
		return "<!subteam^" + s.ID + ">"
	case algesta.Channel:
		return "<#" + s.ID + ">"
	case algesta.Moment:
		label := strings.NewReplacer("|", " ", "^", " ").Replace(escape(moment(s)))
		return fmt.Sprintf("<!date^%d^%s|%s>", s.At.Unix(), dateFormat(s), label)
	case algesta.Link:
		label := strings.ReplaceAll(escape(s.Text), "|", " ")
		return "<" + strings.ReplaceAll(s.ID, "&", "&amp;") + "|" + first(label, "link") + ">"
	case algesta.Plain, algesta.Bold, algesta.Code:
	}
	return escape(s.Text)
}

// maxText is the longest text that Slack still takes in an edit (chat.update: msg_too_long above 4,000).
const maxText = 3_900

// writer builds a text within maxText; a mention or an escape is never cut in half.
type writer struct {
	b    strings.Builder
	n    int
	full bool
}

func (w *writer) put(t algesta.Text) {
	for _, s := range t {
		if w.full {
			return
		}
		piece := markup(s)
		size := utf8.RuneCountInString(piece)
		if w.n+size > maxText {
			w.full = true
			if plainWords(s) {
				kept, _ := cut(s.Text, (maxText-w.n)/len("&amp;")) // as if every character grew to the longest escape
				w.b.WriteString(escape(kept))
			}
			w.b.WriteString(" …")
			return
		}
		w.b.WriteString(piece)
		w.n += size
	}
}

func (w *writer) line(t algesta.Text) {
	if len(t) == 0 {
		return
	}
	if w.n > 0 {
		w.put(algesta.Say("\n"))
	}
	w.put(t)
}

// firstLine is what a notification says: one sentence, without the people who are mentioned at its end, because mentions notify in the
// blocks.
func firstLine(r algesta.Report) string {
	w := &writer{}
	if sign := emoji(r.Tone); sign != "" {
		w.put(algesta.Say("{} ", sign))
	}
	for _, t := range candidates(r) {
		if t = silent(t); strings.TrimSpace(t.String()) != "" {
			w.put(t)
			return strings.TrimSpace(w.b.String())
		}
	}
	return first(strings.TrimSpace(w.b.String()), nothingSaid)
}

// nothingSaid is shown for a message without any words.
const nothingSaid = "A message without text"

// candidates are the lines of a message that may represent it, the best first.
func candidates(r algesta.Report) []algesta.Text {
	out := []algesta.Text{r.Push, r.Title}
	for _, b := range r.Body {
		out = append(out, b.Text)
		out = append(out, b.List...)
		for _, f := range b.Fields {
			out = append(out, algesta.Say("{} {}", f.Label, f.Value))
		}
		if b.Table != nil {
			for _, line := range aligned(*b.Table) {
				out = append(out, algesta.Say("{}", line))
			}
		}
		line, _, _ := strings.Cut(strings.TrimSpace(b.Pre), "\n")
		out = append(out, algesta.Say("{}", line))
	}
	for _, b := range r.Body { // its sentence, if there is one, says more
		if b.Bar != nil {
			out = append(out, algesta.Say("{} of {}", b.Bar.Done, b.Bar.Of))
		}
	}
	out = append(out, r.Small)
	for _, b := range r.Buttons {
		out = append(out, algesta.Say("{}", b.Label))
	}
	return out
}

// silent is a text that notifies nobody: mentions at its end are left out, others are names. People who are known by an ID alone aren't
// named: an ID tells people nothing.
func silent(t algesta.Text) algesta.Text {
	end := len(t)
	for end > 0 && (t[end-1].Kind == algesta.Person || t[end-1].Kind == algesta.Group ||
		t[end-1].Kind == algesta.Plain && strings.TrimSpace(t[end-1].Text) == "") {
		end--
	}
	out := make(algesta.Text, end)
	for i, s := range t[:end] {
		switch {
		case s.Kind == algesta.Person && s.Text == "@"+s.ID:
			s = algesta.Span{Text: "somebody"}
		case s.Kind == algesta.Group && s.Text == "@"+s.ID:
			s = algesta.Span{Text: "a user group"}
		case s.Kind == algesta.Person || s.Kind == algesta.Group:
			s = algesta.Span{Text: s.Text}
		}
		out[i] = s
	}
	return out
}

// plainMessage is the whole report as one text, for when Slack doesn't take the blocks.
func plainMessage(r algesta.Report) string {
	w := &writer{}
	for _, line := range linesOf(r) {
		w.line(line)
	}
	return first(strings.TrimSpace(w.b.String()), nothingSaid)
}

// wholeMessage is everything that a message says, for a file: nothing is left out or escaped.
func wholeMessage(r algesta.Report) string {
	var b strings.Builder
	for _, line := range linesOf(r) {
		if len(line) > 0 {
			b.WriteString(line.String() + "\n")
		}
	}
	return b.String()
}

// linesOf are the lines of a message without blocks.
func linesOf(r algesta.Report) []algesta.Text {
	sign := emoji(r.Tone)
	if sign != "" {
		sign += " "
	}
	out := []algesta.Text{append(algesta.Text{{Text: sign}}, r.Title...), r.Small}
	for _, b := range r.Body {
		if b.Bar != nil {
			out = append(out, algesta.Say("{} {} of {}", bar(*b.Bar), b.Bar.Done, b.Bar.Of))
		}
		out = append(out, b.Text)
		for _, item := range b.List {
			out = append(out, algesta.Say("• {}", item))
		}
		for _, f := range b.Fields {
			out = append(out, algesta.Say("{}: {}", f.Label, f.Value))
		}
		if b.Table != nil {
			out = append(out, algesta.Say("{}", strings.Join(aligned(*b.Table), "\n")))
		}
		if b.Pre != "" {
			out = append(out, algesta.Say("{}", b.Pre))
		}
	}
	return out
}
