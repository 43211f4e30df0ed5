// Package manual is the customer's operations manual, line by line: what operators run by hand, what one types to the bot instead, and
// what the bot answers to both. docs/manual.md is made of it, and sandbox/e2e says every line to the bot.
package manual

import (
	_ "embed"
	"fmt"
	"strings"
)

//go:embed lines.tsv
var table string

// Head is the first row of the table: what its cells are.
const Head = "section\tline\toutcome\tinstead\tanswer\tanswer to what is typed instead, where it's another"

// Outcome is what becomes of a line that is pasted behind the bot's command.
type Outcome string

const (
	// Works is a line that the bot understands as it is.
	Works Outcome = "works"
	// Own is a line that the bot doesn't take; the answer names the bot's own command for it.
	Own Outcome = "own command"
	// Never is a line that a chat must not carry out: the answer says why, and what to do instead.
	Never Outcome = "not from a chat"
)

// Line is one line of the manual. "<pod>" in its commands stands for the name of a pod.
type Line struct {
	Section string
	Pasted  string // as it is in the manual
	Outcome Outcome
	Instead string // what one types to the bot for the same question, without the bot's name
	// Says is the first line of the bot's answer to Pasted, and all of it where that is refused; InsteadSays the first line of that to
	// Instead. What differs from run to run stands in them as a letter or a word: "N s", "<pod>".
	Says, InsteadSays string
}

// Lines are all lines of the manual, in its order.
func Lines() ([]Line, error) {
	var out []Line
	for i, row := range strings.Split(strings.TrimRight(table, "\n"), "\n")[1:] {
		cells := strings.Split(row, "\t")
		if len(cells) != 6 {
			return nil, fmt.Errorf("row %d of the manual's lines has %d cells", i+1, len(cells))
		}
		l := Line{
			Section: cells[0], Pasted: cells[1], Outcome: Outcome(cells[2]), Instead: cells[3], Says: cells[4], InsteadSays: cells[5],
		}
		if l.InsteadSays == "" {
			l.InsteadSays = l.Says
		}
		out = append(out, l)
	}
	return out, nil
}

// Table writes the lines as they are kept.
func Table(lines []Line) string {
	var b strings.Builder
	b.WriteString(Head + "\n")
	for _, l := range lines {
		second := l.InsteadSays
		if second == l.Says {
			second = ""
		}
		b.WriteString(strings.Join([]string{l.Section, l.Pasted, string(l.Outcome), l.Instead, l.Says, second}, "\t") + "\n")
	}
	return b.String()
}
