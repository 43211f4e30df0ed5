package diagnosis

import (
	"fmt"
	"strings"

	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/redact"
	"github.com/3astronautas/algesta/words"
)

// Text is the diagnosis for a terminal: the first line is the answer.
func (d Diagnosis) Text() string {
	var b strings.Builder
	fmt.Fprintln(&b, d.Summary)
	for i, c := range d.Chains {
		if i > 0 {
			fmt.Fprintf(&b, "\nAlso: %s\n", c.Cause)
		}
		c.write(&b)
	}
	section(&b, "Checked and fine", d.Healthy)
	section(&b, "Couldn't check", d.unchecked())
	section(&b, "Worth knowing", d.advised())
	return redact.Clean(b.String())
}

func (c Chain) write(b *strings.Builder) {
	fmt.Fprintf(b, "  impact      %s: %s\n", c.Impact.Level, c.Impact.Text)
	if len(c.Links) > 1 {
		fmt.Fprintf(b, "  leads to    %s\n", strings.Join(c.Links[1:], " → "))
	}
	for i, e := range c.Evidence {
		label := ""
		if i == 0 {
			label = "evidence"
		}
		fmt.Fprintf(b, "  %-10s  %s %s: %s%s\n", label, e.Object, e.Field, words.Cited(e.Quote), ageAndCount(e))
	}
	if c.Change != "" {
		fmt.Fprintf(b, "  change      %s\n", c.Change)
	}
	fmt.Fprintf(b, "  next        %s\n", c.Remedy.Text)
	if c.Remedy.Command != "" {
		fmt.Fprintf(b, "              %s\n", c.Remedy.Command)
	}
	fmt.Fprintf(b, "  confidence  %s", c.Confidence)
	if c.WhyLower != "" {
		fmt.Fprintf(b, ". %s", c.WhyLower)
	}
	b.WriteString("\n")
}

// ageAndCount is the age and count of evidence in parentheses.
func ageAndCount(e facts.Evidence) string {
	var parts []string
	if e.Age != "" {
		parts = append(parts, e.Age+" ago")
	}
	if e.Count > 1 {
		parts = append(parts, fmt.Sprintf("%d times", e.Count))
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

func (d Diagnosis) advised() []string {
	var lines []string
	for _, a := range d.Advice {
		lines = append(lines, a.Text+" "+a.Remedy)
	}
	return lines
}

func section(b *strings.Builder, title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s\n", title)
	for _, line := range lines {
		fmt.Fprintf(b, "  %s\n", line)
	}
}

// unchecked puts what was not checked for the same reason on one line.
func (d Diagnosis) unchecked() []string {
	type reason struct{ namespace, words string }
	var order []reason
	kinds := map[reason][]string{}
	for _, n := range d.NotChecked {
		key := reason{n.Namespace, n.Reason}
		if kinds[key] == nil {
			order = append(order, key)
		}
		kinds[key] = append(kinds[key], n.Kind)
	}
	var lines []string
	for _, key := range order {
		where := ""
		if key.namespace != "" {
			where = " in " + key.namespace
		}
		lines = append(lines, fmt.Sprintf("%s%s: %s", strings.Join(kinds[key], ", "), where, key.words))
	}
	return lines
}
