package redact

import (
	"strings"
	"unicode/utf8"
)

// Mask is shown in place of a secret.
const Mask = "‹redacted›"

// Line is s as it may be quoted: without secrets, without invisible characters, in one line, and at most so many bytes long, with "…"
// after them where it was cut. It's redacted first and cut then: half a secret can no longer be recognised.
func (r *Redactor) Line(s string, most int) string {
	return Cut(strings.Join(strings.Fields(Clean(r.String(s))), " "), most)
}

// Cut shortens a redacted text to at most so many bytes, and "…". It cuts no character and no mask in two.
func Cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	at := max(most, 0)
	for at > 0 && !utf8.RuneStart(s[at]) {
		at--
	}
	if begin := strings.LastIndex(s[:min(len(s), at+len(Mask))], Mask); begin >= 0 && begin < at && begin+len(Mask) > at {
		at = begin
	}
	return s[:at] + "…"
}

// Values returns s without the values that the Redactor knows, and else as it is: for a text that is still to be read by a program
// before it's shown. String finds secrets by their forms as well, which may take out what that program looks for.
func (r *Redactor) Values(s string) string {
	if r == nil || r.table.Load() == nil {
		return s
	}
	for range mostRounds {
		scanned := &scan{text: s, table: r.table.Load()}
		r.findValues(scanned)
		found := covered(scanned.found)
		if len(found) == 0 {
			return s
		}
		s = withMasks(s, found)
	}
	return Mask
}
