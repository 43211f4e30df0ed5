package slack

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	slackapi "github.com/slack-go/slack"

	"github.com/3astronautas/algesta"
)

// grid is a table with its head.
func (l *layout) grid(t algesta.Table) {
	head := make([]algesta.Text, len(t.Head))
	for i, h := range t.Head {
		head[i] = algesta.Text{{Text: h}}
	}
	l.rows(slices.Concat([][]algesta.Text{head}, t.Rows), columns(t))
}

// rows are Slack's own table; those that do not fit are counted below it.
func (l *layout) rows(rows [][]algesta.Text, settings []slackapi.ColumnSetting) {
	l.table = true
	table := slackapi.NewTableBlock(fmt.Sprintf("b%d", len(l.blocks)))
	missing := 0
	for i, row := range rows {
		cost := 0
		row = slices.Clone(row)
		for j, cell := range row {
			row[j] = clipped(cell)
			cost += costOf(row[j]) + spanCost
		}
		if i == maxRows || cost > l.left {
			missing = len(rows) - i
			break
		}
		l.left -= cost
		table.AddRow(cells(row)...)
	}
	if len(table.Rows) > 0 {
		table.ColumnSettings = settings
		l.blocks = append(l.blocks, table)
	}
	if missing > 0 {
		l.dropped = true
		l.full = l.full || len(table.Rows) < maxRows
		l.note(more(missing, "row"))
	}
}

// phoneColumns is how many characters of preformatted text a phone shows in one line; the rest of a line goes on in the next, so that
// columns aren't any more.
const phoneColumns = 46

// secondTable is a table beside the one that Slack takes in a message: columns of text where a phone shows them as such, else a line for
// each row, which says what each cell is.
func (l *layout) secondTable(t algesta.Table) {
	lines := aligned(t)
	narrow := !slices.ContainsFunc(lines, func(s string) bool { return utf8.RuneCountInString(s) > phoneColumns })
	for _, row := range t.Rows {
		for _, cell := range row { // a time or a link is lost in preformatted text
			narrow = narrow && !slices.ContainsFunc(cell, func(s algesta.Span) bool { return !plainWords(s) })
		}
	}
	if narrow || len(t.Rows) == 0 {
		l.preformatted(strings.Join(lines, "\n"))
		return
	}
	rows := make([]algesta.Text, len(t.Rows))
	for i, row := range t.Rows {
		for j, cell := range row {
			said := strings.TrimSpace(cell.String())
			switch cell = clipped(cell); {
			case j == 0 && said == "":
				rows[i] = algesta.Say("–")
			case j == 0:
				rows[i] = algesta.Say("{}", cell)
			case said != "" && said != "–":
				rows[i] = algesta.Say("{} · {}: {}", rows[i], t.Head[j], cell)
			}
		}
	}
	l.list(rows)
}

// mostCell is how many characters of one cell are shown, so that a long name costs its own row's place and no other row.
const mostCell = 1000

// clipped is a cell with at most mostCell characters; what it leaves out ends in an ellipsis.
func clipped(cell algesta.Text) algesta.Text {
	left := mostCell
	for i, span := range cell {
		if !plainWords(span) {
			continue
		}
		kept, dropped := cut(span.Text, left)
		left -= utf8.RuneCountInString(kept)
		if dropped > 0 {
			span.Text = kept + "…"
			return append(slices.Clone(cell[:i]), span)
		}
	}
	return cell
}

// columns let texts wrap, which Slack's tables don't do on their own, so that a table is read on a phone; figures are right-aligned.
func columns(t algesta.Table) []slackapi.ColumnSetting {
	out := make([]slackapi.ColumnSetting, len(t.Head))
	for i := range out {
		out[i] = leftColumn
		figures := len(t.Rows) > 0
		for _, row := range t.Rows {
			figures = figures && figure.MatchString(row[i].String())
		}
		if figures {
			out[i].Align = slackapi.ColumnAlignmentRight
		}
	}
	return out
}

// leftColumn is one of words.
var leftColumn = slackapi.ColumnSetting{IsWrapped: true, Align: slackapi.ColumnAlignmentLeft}

// figure is a number with its unit, or none.
var figure = regexp.MustCompile(`^(?:[0-9][0-9.,]*\s?(?:%|[a-zA-Z]{1,3})?|–|)$`)

func cells(row []algesta.Text) []slackapi.TableCell {
	out := make([]slackapi.TableCell, len(row))
	for i, cell := range row {
		if len(cell) == 0 || len(cell) == 1 && cell[0].Kind == algesta.Plain {
			out[i] = slackapi.NewTableRawTextCell(first(strings.TrimSpace(cell.String()), "–")) // empty cells are refused
			continue
		}
		section := slackapi.NewRichTextSection()
		for _, s := range cell {
			section.Elements = append(section.Elements, element(s))
		}
		out[i] = slackapi.NewTableRichTextCell(section)
	}
	return out
}

// aligned is a table in columns of text.
func aligned(t algesta.Table) []string {
	widths := make([]int, len(t.Head))
	rows := make([][]string, 0, len(t.Rows)+1)
	rows = append(rows, slices.Clone(t.Head))
	for _, row := range t.Rows {
		line := make([]string, len(row))
		for i, cell := range row {
			line[i] = strings.Join(strings.Fields(cell.String()), " ")
		}
		rows = append(rows, line)
	}
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	lines := make([]string, len(rows))
	for n, row := range rows {
		for i, cell := range row {
			row[i] = pad(cell, widths[i])
		}
		lines[n] = strings.TrimRight(strings.Join(row, "  "), " ")
	}
	return lines
}

func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s)))
}
