package console

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/redact"
)

// Format is a report as plain text, without a line feed at its end. Secrets and control characters are left out.
func Format(r algesta.Report) string {
	var lines []string
	add := func(indent, s string) {
		for line := range strings.SplitSeq(clean(s), "\n") {
			lines = append(lines, strings.TrimRight(indent+line, " "))
		}
	}
	if title := r.Title.String(); title != "" || r.Tone != algesta.Plainly {
		add("", strings.TrimSpace(sign(r.Tone)+" "+title))
	}
	if len(r.Small) > 0 {
		add("   ", r.Small.String())
	}
	for _, b := range r.Body {
		for _, line := range block(b) {
			add("  ", line)
		}
	}
	if r.File != nil && r.File.Text != "" { // a terminal shows all of a message, and of what else there is
		add("  ", r.File.Name+":\n"+strings.TrimRight(r.File.Text, "\n"))
	}
	if len(r.Buttons) > 0 {
		var buttons []string
		for _, b := range r.Buttons {
			buttons = append(buttons, fmt.Sprintf("[%s] %s %s%s", b.Label, b.Action, b.ID, why(b)))
		}
		add("  ", strings.Join(buttons, "   "))
	}
	return strings.Join(lines, "\n")
}

// why is the place of the reason that a button asks for; one in brackets may be left out.
func why(b algesta.Button) string {
	switch {
	case b.AskReason && b.ReasonOptional:
		return " [why]"
	case b.AskReason:
		return " <why>"
	}
	return ""
}

func clean(s string) string {
	var forms *redact.Redactor // knows secrets by their form
	return forms.String(s)
}

func sign(t algesta.Tone) string {
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
		return "⚠"
	case algesta.Neutral:
		return "⚪"
	case algesta.Down:
		return "🔴"
	case algesta.Plainly:
	}
	return ""
}

// block is the lines of one part of a report.
func block(b algesta.Block) []string {
	switch {
	case len(b.Text) > 0:
		return []string{b.Text.String()}
	case len(b.List) > 0:
		var lines []string
		for _, item := range b.List {
			lines = append(lines, "• "+item.String())
		}
		return lines
	case len(b.Fields) > 0:
		rows := make([][]string, len(b.Fields))
		for i, f := range b.Fields {
			rows[i] = []string{f.Label, f.Value.String()}
		}
		return columns(rows)
	case b.Table != nil:
		rows := [][]string{b.Table.Head}
		for _, row := range b.Table.Rows {
			cells := make([]string, len(row))
			for i, cell := range row {
				cells[i] = cell.String()
			}
			rows = append(rows, cells)
		}
		return columns(rows)
	case b.Bar != nil && b.Bar.Of > 0:
		const cells = 10
		filled := min(max(b.Bar.Done, 0), b.Bar.Of) * cells / b.Bar.Of
		return []string{fmt.Sprintf("%s%s %d of %d", strings.Repeat("▓", filled), strings.Repeat("░", cells-filled), b.Bar.Done, b.Bar.Of)}
	case b.Pre != "":
		return []string{strings.TrimRight(b.Pre, "\n")}
	}
	return nil
}

// columns are aligned below each other, two spaces apart.
func columns(rows [][]string) []string {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	lines := make([]string, len(rows))
	for n, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			line.WriteString(cell + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2))
		}
		lines[n] = strings.TrimRight(line.String(), " ")
	}
	return lines
}
