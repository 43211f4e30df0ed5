// Package words writes the small parts of the sentences that people read: lists, counts, durations, shortened texts and the
// nearest known name. Every room writes them the same way. It is pure and knows no noun of algesta.
package words

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// List is "a", "a and b" or "a, b and c"; "" for none.
func List(words []string) string { return join(words, "and") }

// Or is "a", "a or b" or "a, b or c"; "" for none.
func Or(words []string) string { return join(words, "or") }

func join(words []string, conjunction string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " " + conjunction + " " + words[last]
}

// Few is List, but of at most most words; the rest is counted: "a, b and 3 more".
func Few(words []string, most int) string {
	if len(words) <= most {
		return List(words)
	}
	return List(append(append([]string{}, words[:most]...), fmt.Sprintf("%d more", len(words)-most)))
}

// Count is "1 pod" or "3 pods", for nouns whose plural ends in s.
func Count[N int | int32 | int64](n N, noun string) string { return Plural(n, noun, noun+"s") }

// Plural is "1 policy" or "3 policies".
func Plural[N int | int32 | int64](n N, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// Verb is one where there is one thing and many otherwise: for "is" and "are", "needs" and "need".
func Verb[N int | int32 | int64](n N, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// Span is a duration in the coarsest unit that is still precise enough: "41 s" below two minutes, "3 min" below two hours,
// "5 h" below two days, then "12 days". A negative one is "0 s".
func Span(d time.Duration) string {
	d = max(0, d.Round(time.Second))
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return fmt.Sprintf("%d days", d/(24*time.Hour))
}

// Clip shortens s to at most most characters, and ends it with "…" where something was cut.
func Clip(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most]) + "…"
}

// unended turns the quotation marks of a text into others, which end no quotation.
var unended = strings.NewReplacer("“", `"`, "”", `"`, "„", `"`, "‟", `"`)

// Cited is what a person or a program wrote, in quotation marks that it can't end: what follows would be read as the bot's own words.
// It comes last, after the text was redacted and cut.
func Cited(s string) string { return "“" + unended.Replace(s) + "”" }

// ClipMiddle puts text on one line of about limit bytes. The middle goes, for "…": the end of an error says what happened.
func ClipMiddle(text string, limit int) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) <= limit {
		return text
	}
	head, tail := limit*2/5, len(text)-limit*3/5
	for head > 0 && !utf8.RuneStart(text[head]) {
		head--
	}
	for tail < len(text) && !utf8.RuneStart(text[tail]) {
		tail++
	}
	return strings.TrimRight(text[:head], " ") + " … " + strings.TrimLeft(text[tail:], " ")
}

// Capital is s with its first letter in upper case.
func Capital(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	if size == 0 || first == utf8.RuneError {
		return s
	}
	return string(unicode.ToUpper(first)) + s[size:]
}

// Unaccented is a text without accents: no name in a cluster has one, and phones add them ("producción").
func Unaccented(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) < 0 {
		return s
	}
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFD.String(s))
}

// Exact reports whether a name is as it is compared everywhere: it isn't empty, has no blanks at its ends, which some ways trim and others
// don't, and no control characters, which nobody sees.
func Exact(name string) bool {
	return name != "" && strings.TrimSpace(name) == name && utf8.ValidString(name) && !strings.ContainsFunc(name, unicode.IsControl)
}
