package slack

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	slackapi "github.com/slack-go/slack"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/redact"
	"github.com/3astronautas/algesta/words"
)

// What fits into one message. Slack refuses a message whose blocks hold more than about 13,000 characters, a number that it
// does not document (bolt-js#2509); the others are on its pages (blockkit-limits.json).
const (
	maxBlocks   = 50
	maxChars    = 10_000
	maxHead     = 1_500 // of the first line, and of the second
	maxRows     = 100   // with the head
	maxColumns  = 20
	maxButtons  = 25
	maxControls = 3_000 // characters of all buttons and their questions
	noteChars   = 200   // kept free for "… N more"
	spanCost    = 4     // what a piece of text costs beside its characters
)

// rendered is a message as Slack takes it.
type rendered struct {
	text   string // the first line: what notifications and screen readers say
	blocks []slackapi.Block
	report algesta.Report // as it was rendered, clean
	cut    bool           // something isn't in it
}

// plain is the whole message without blocks, for a Slack that does not take them.
func (r rendered) plain() string { return plainMessage(r.report) }

// render turns a report into Block Kit. It is pure, and its result is within Slack's limits whatever the report holds: what
// does not fit is left out and the message says how much. All text is rich text or plain text, so that nothing
// in it is ever read as markup or as a mention.
func render(r algesta.Report, redactor *redact.Redactor) rendered {
	return renderClean(sanitizer{redactor}.report(r), nil, false)
}

// renderPart is render for a part of something larger, where the one table that Slack takes may be there already.
func renderPart(r algesta.Report, redactor *redact.Redactor, table bool) rendered {
	return renderClean(sanitizer{redactor}.report(r), nil, table)
}

// renderClean renders a report that is clean, with what became of its file: nil for a message without one.
func renderClean(r algesta.Report, file *attached, table bool) rendered {
	controls, missing := buttons(r.Buttons)
	instead := layout{left: maxHead}
	var otherwise []slackapi.RichTextSectionElement
	if r.File != nil && (file == nil || file.fail != "") {
		otherwise = instead.spans(r.File.Else)
	}
	l := layout{left: maxChars - noteChars - controlChars(controls) - (maxHead - instead.left), table: table}
	l.head(r)
	l.wanted = slices.ContainsFunc(r.Body, func(b algesta.Block) bool { return b.Table != nil })
	sentences := l.reserve(r.Body)
	for i := 0; i < len(r.Body); i++ {
		b := r.Body[i]
		if sentences[i] > 0 {
			l.full, l.left = false, l.left+sentences[i] // its room was kept
		}
		if l.full || len(l.blocks) >= maxBlocks-3 {
			l.left, l.missing = l.left-sentences[i], l.missing+1
			continue
		}
		if b.Bar != nil && i+1 < len(r.Body) && len(r.Body[i+1].Text) > 0 { // a bar and its sentence share a line
			i++
			l.left += sentences[i]
			b.Text = append(algesta.Text{{Text: bar(*b.Bar) + " "}}, r.Body[i].Text...)
		}
		l.part(b)
	}
	if l.missing > 0 {
		l.note(more(l.missing, "part"))
	}
	if file != nil {
		l.note(file.said())
	}
	left := l.missing > 0 || l.dropped
	if left && len(otherwise) > 0 {
		l.add(slackapi.NewRichTextSection(otherwise...))
	}
	if left && (file == nil || file.fail != "" || r.File.Text != "") {
		controls = withoutApprove(controls, &l)
	}
	if missing > 0 {
		l.note(more(missing, "button"))
	}
	if len(l.blocks) == 0 {
		l.note(nothingSaid) // Slack refuses a message without any
	}
	if len(controls.Elements.ElementSet) > 0 {
		l.blocks = append(l.blocks, controls)
	}
	return rendered{text: firstLine(r), blocks: l.blocks, report: r, cut: left}
}

// emoji is the sign at the beginning of a message for its state.
func emoji(t algesta.Tone) string {
	switch t {
	case algesta.Waiting:
		return "🟡"
	case algesta.Running:
		return "🔵"
	case algesta.Good:
		return "✅"
	case algesta.Bad:
		return "❌"
	case algesta.Warning:
		return "⚠️"
	case algesta.Neutral:
		return "⚪"
	case algesta.Down:
		return "🔴"
	case algesta.Plainly:
	}
	return ""
}

// bar is ten cells.
func bar(b algesta.Bar) string {
	const cells = 10
	if b.Of <= 0 {
		return ""
	}
	filled := min(max(b.Done, 0), b.Of) * cells / b.Of
	return strings.Repeat("▓", filled) + strings.Repeat("░", cells-filled)
}

func more(n int, what string) string { return "… " + words.Count(n, "more "+what) }

// layout fills the blocks of one message and keeps account of the characters.
type layout struct {
	left   int // characters
	full   bool
	table  bool // a message may have one table
	wanted bool // the message has a table: the one is kept for that

	missing int  // parts
	dropped bool // some of what was to be said isn't in the message
	blocks  []slackapi.Block
}

func (l *layout) add(elements ...slackapi.RichTextElement) {
	l.blocks = append(l.blocks, slackapi.NewRichTextBlock(fmt.Sprintf("b%d", len(l.blocks)), elements...))
}

// note is a line of the program's own; noteChars pays for it.
func (l *layout) note(s string) {
	l.add(slackapi.NewRichTextSection(slackapi.NewRichTextSectionTextElement(s, &slackapi.RichTextSectionTextStyle{Italic: true})))
}

// mostSentences is how much of a message is kept for its sentences: warnings, reasons and who is asked come after what may be long.
const mostSentences = 5_000

// reserve keeps the room of the sentences of a message, from the last one on, and says how much each of them has.
func (l *layout) reserve(body []algesta.Block) []int {
	kept, all := make([]int, len(body)), 0
	for i, b := range slices.Backward(body) {
		if cost := costOf(b.Text); len(b.Text) > 0 && all+cost <= min(mostSentences, l.left) {
			kept[i], all = cost, all+cost
		}
	}
	l.left -= all
	return kept
}

// notWhole is shown where people can't see everything that they would approve.
const notWhole = "Not all of this fits into one message, so it can't be approved. Ask for less at once, or change it without me."

// withoutApprove takes the approval out of a message that leaves something out: nobody approves what they can't see.
func withoutApprove(row *slackapi.ActionBlock, l *layout) *slackapi.ActionBlock {
	before := len(row.Elements.ElementSet)
	row.Elements.ElementSet = slices.DeleteFunc(row.Elements.ElementSet, func(e slackapi.BlockElement) bool {
		b, ok := e.(*slackapi.ButtonBlockElement)
		return ok && b.ActionID == string(algesta.Approve)
	})
	if len(row.Elements.ElementSet) < before {
		l.note(notWhole)
	}
	return row
}

func (l *layout) head(r algesta.Report) {
	title := slices.Clone(r.Title)
	if r.Tone != algesta.Plainly {
		for i := range title {
			if title[i].Kind == algesta.Plain {
				title[i].Kind = algesta.Bold
			}
		}
	}
	if sign := emoji(r.Tone); sign != "" {
		title = append(algesta.Text{{Text: sign + " "}}, title...)
	}
	var lines []slackapi.RichTextElement
	for _, text := range []algesta.Text{title, r.Small} {
		if len(text) == 0 {
			continue
		}
		line := layout{left: maxHead}
		lines = append(lines, slackapi.NewRichTextSection(line.spans(text)...))
		l.left -= maxHead - line.left
		l.dropped = l.dropped || line.dropped
	}
	if len(lines) > 0 {
		l.add(lines...)
	}
}

func (l *layout) part(b algesta.Block) {
	switch {
	case len(b.Text) > 0:
		l.add(slackapi.NewRichTextSection(l.spans(b.Text)...))
	case len(b.List) > 0:
		l.list(b.List)
	case len(b.Fields) > 0:
		l.fields(b.Fields)
	case b.Table != nil && !l.table && len(b.Table.Head) <= maxColumns:
		l.grid(*b.Table)
	case b.Table != nil:
		l.secondTable(*b.Table)
	case b.Bar != nil:
		l.add(slackapi.NewRichTextSection(l.spans(algesta.Say("{} {} of {}", bar(*b.Bar), b.Bar.Done, b.Bar.Of))...))
	default:
		l.preformatted(b.Pre)
	}
}

func (l *layout) list(items []algesta.Text) {
	var rows []slackapi.RichTextElement
	for i, item := range items {
		if l.full {
			l.dropped = true
			rows = append(rows, slackapi.NewRichTextSection(slackapi.NewRichTextSectionTextElement(fmt.Sprintf("… %d more", len(items)-i), nil)))
			break
		}
		rows = append(rows, slackapi.NewRichTextSection(l.spans(item)...))
	}
	l.add(slackapi.NewRichTextList(slackapi.RTEListBullet, 0, rows...))
}

// fields are in columns. A time or a mention is lost in preformatted text, so with one of those they are a table, or a line each where
// the message has its one table already.
func (l *layout) fields(fields []algesta.Field) {
	width := 0
	live := false
	for _, f := range fields {
		width = max(width, utf8.RuneCountInString(f.Label))
		live = live || slices.ContainsFunc(f.Value, func(s algesta.Span) bool { return !plainWords(s) })
	}
	if !live {
		lines := make([]string, len(fields))
		for i, f := range fields {
			value := strings.ReplaceAll(f.Value.String(), "\n", "\n"+strings.Repeat(" ", width+2))
			lines[i] = strings.TrimRight(pad(f.Label, width)+"  "+value, " ")
		}
		l.preformatted(strings.Join(lines, "\n"))
		return
	}
	if !l.table && !l.wanted {
		rows := make([][]algesta.Text, len(fields))
		for i, f := range fields {
			rows[i] = []algesta.Text{nil, f.Value}
			if f.Label != "" {
				rows[i][0] = algesta.Say("{}", algesta.Strong(f.Label))
			}
		}
		l.rows(rows, []slackapi.ColumnSetting{leftColumn, leftColumn})
		return
	}
	var all algesta.Text
	for i, f := range fields {
		if i > 0 {
			all = append(all, algesta.Span{Text: "\n"})
		}
		if f.Label != "" {
			all = append(all, algesta.Span{Kind: algesta.Bold, Text: f.Label}, algesta.Span{Text: "  "})
		}
		all = append(all, f.Value...)
	}
	l.add(slackapi.NewRichTextSection(l.spans(all)...))
}

// preformatted keeps whole lines from the start as far as they fit.
func (l *layout) preformatted(s string) {
	kept, dropped := cut(s, l.left-spanCost)
	missing := ""
	if dropped > 0 {
		l.full, l.dropped = true, true
		missing = more(dropped, "character")
		if end := strings.LastIndexByte(kept, '\n'); end > 0 {
			missing = more(strings.Count(s[end:], "\n"), "line")
			kept = kept[:end]
		}
	}
	if kept != "" {
		l.left -= utf8.RuneCountInString(kept) + spanCost
		l.add(&slackapi.RichTextPreformatted{
			Type: slackapi.RTEPreformatted, Elements: []slackapi.RichTextSectionElement{slackapi.NewRichTextSectionTextElement(kept, nil)},
		})
	}
	if missing != "" {
		l.note(missing)
	}
}
