package redact

import (
	"strings"
	"unicode/utf8"
)

// Mask stands where a secret stood.
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
