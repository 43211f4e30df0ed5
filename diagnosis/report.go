package diagnosis

import (
	"fmt"
	"strings"

	"github.com/3astronautas/algesta"
)

// Report is the diagnosis as a message for any transport. Buttons are the caller's: it knows which commands it offers.
func (d Diagnosis) Report() algesta.Report {
	report := algesta.Report{Tone: d.tone(), Title: d.named(d.Summary)}
	for i, c := range d.Chains {
		if i > 0 {
			report.Body = append(report.Body, algesta.Block{Text: algesta.Say("{} {}", algesta.Strong("Also:"), d.named(c.Cause))})
		}
		report.Body = append(report.Body, c.blocks(d)...)
	}
	if len(d.Chains) > 0 && len(d.Healthy) > 0 {
		report.Body = append(report.Body, algesta.Block{Text: algesta.Say("{} {}", algesta.Strong("Checked and fine:"), strings.Join(sentenceParts(d.Healthy, 4), "; ")+".")})
	}
	if missing := d.unchecked(); len(missing) > 0 {
		report.Small = algesta.Say("Not checked: {}", shorten(strings.Join(missing, "; "), 300))
	}
	return report
}

func (d Diagnosis) tone() algesta.Tone {
	switch d.Verdict {
	case Sick:
		if d.Chains[0].Impact.Level == Outage {
			return algesta.Bad
		}
		return algesta.Warning
	case Risky:
		return algesta.Warning
	case Healthy:
		return algesta.Good
	case Unknown:
	}
	return algesta.Neutral
}

// blocks are what follows the sentence of a chain: impact, links, evidence and the next step.
func (c Chain) blocks(d Diagnosis) []algesta.Block {
	blocks := []algesta.Block{{Text: algesta.Say("{} {}", algesta.Strong("Impact:"), c.Impact.Text)}}
	if len(c.Links) > 1 {
		blocks = append(blocks, algesta.Block{Text: algesta.Say("{} {}", algesta.Strong("It leads to:"), d.named(strings.Join(c.Links[1:], " → ")))})
	}
	var evidence []algesta.Text
	for _, e := range c.Evidence {
		evidence = append(evidence, algesta.Say("{} {}: {}{}", algesta.Name(e.Object.String()), e.Field, algesta.Name(e.Quote), e.aside()))
	}
	if len(evidence) > 0 {
		blocks = append(blocks, algesta.Block{List: evidence})
	}
	next := algesta.Say("{} {}", algesta.Strong("Next:"), d.named(c.Remedy.Text))
	if c.Remedy.Command != "" {
		next = next.Then("{}", algesta.Name(c.Remedy.Command))
	}
	blocks = append(blocks, algesta.Block{Text: next})
	if c.Change != "" {
		blocks = append(blocks, algesta.Block{Text: algesta.Say("{} {}", algesta.Strong("Change before it:"), c.Change)})
	}
	if c.WhyLower != "" {
		blocks = append(blocks, algesta.Block{Text: algesta.Say("{} {}", algesta.Strong(fmt.Sprintf("Confidence %s.", c.Confidence)), c.WhyLower)})
	}
	return blocks
}

// named sets the names of the objects in a sentence in code style.
func (d Diagnosis) named(sentence string) algesta.Text {
	names := map[string]bool{d.Subject.Name: true}
	for _, c := range d.Chains {
		names[c.Subject.Name] = true
		for _, hit := range c.Hits {
			names[hit.Name] = true
		}
	}
	var text algesta.Text
	for i, word := range strings.Split(sentence, " ") {
		if i > 0 {
			text = appendText(text, algesta.Span{Text: " "})
		}
		bare := strings.TrimRight(word, ".,;:)")
		if bare == "" || !names[bare] {
			text = appendText(text, algesta.Span{Text: word})
			continue
		}
		text = append(text, algesta.Name(bare))
		if rest := word[len(bare):]; rest != "" {
			text = appendText(text, algesta.Span{Text: rest})
		}
	}
	return text
}

// appendText joins neighbouring plain spans.
func appendText(text algesta.Text, span algesta.Span) algesta.Text {
	if n := len(text); n > 0 && text[n-1].Kind == algesta.Plain && span.Kind == algesta.Plain {
		text[n-1].Text += span.Text
		return text
	}
	return append(text, span)
}
