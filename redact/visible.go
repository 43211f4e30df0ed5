package redact

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxCleanBytes is how much text Clean lets through: four times what the largest Slack message holds.
const MaxCleanBytes = 160_000

// Clean returns s as text that is safe to show: no terminal sequences, no control characters but line feed and tab, no
// characters that are invisible or turn the direction of text, valid UTF-8, and at most MaxCleanBytes. A carriage
// return overwrites its line, as on a terminal. Redact first: a secret that is cut in half can no longer be recognised.
func Clean(s string) string {
	s = visible(s)
	if len(s) <= MaxCleanBytes {
		return s
	}
	cut := MaxCleanBytes
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// terminalSequences are ECMA-48 control sequences, operating system commands (titles, hyperlinks) and other escapes.
var terminalSequences = regexp.MustCompile(
	`\x1b\[[0-9;:?<=>]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\|\z)|\x1b[ -/]*[0-~]|\x{9b}[0-9;?]*[ -/]*[@-~]`,
)

func visible(s string) string {
	if plain(s) {
		return s
	}
	s = strings.ToValidUTF8(s, "\uFFFD")
	if strings.ContainsAny(s, "\x1b\u009b") {
		s = terminalSequences.ReplaceAllString(s, "")
	}
	if strings.Contains(s, "\r") {
		s = overwrite(s)
	}
	return strings.Map(func(c rune) rune {
		if invisible(c) {
			return -1
		}
		return c
	}, s)
}

// plain says that s is printable ASCII, line feeds and tabs, which is nearly every line: there is nothing to do.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c >= 0x7f || c < 0x20 && c != '\n' && c != '\t' {
			return false
		}
	}
	return true
}

// overwrite keeps of each line what a terminal would show in the end: what follows its last carriage return.
func overwrite(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		line = strings.TrimRight(line, "\r")
		lines[i] = line[strings.LastIndexByte(line, '\r')+1:]
	}
	return strings.Join(lines, "\n")
}

// invisible reports whether a reader can't see a character, which could hide or turn what is beside it.
func invisible(c rune) bool {
	switch {
	case c == '\n', c == '\t':
		return false
	case c < 0x20, c >= 0x7f && c < 0xa0: // C0, DEL, C1
		return true
	case c < 0x300:
		return c == 0xad // the soft hyphen
	case c == 0x2028, c == 0x2029, c >= 0xfff0 && c <= 0xfff8, c >= 0xe0000 && c <= 0xe0fff: // separators, and what Unicode keeps for such
		return true
	}
	// Formats (zero width, direction), fillers and joiners, and what chooses between the looks of a character.
	return unicode.In(c, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}
