package redact

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
)

// formatsTSV holds the vendors' formats that begin with a fixed text, one a line; its head says where they come from.
//
//go:embed formats.tsv
var formatsTSV string

// format is a vendor's token: a fixed beginning and what follows it.
type format struct {
	prefix string // as it is written, or lower case where the case isn't known
	body   *class
	least  int  // how many bytes of the body must follow
	inside bool // the beginning is distinctive enough to be in the middle of a word
}

// formatsOf reads the table. A table that doesn't read stops the program at its start, and every test.
func formatsOf(table string) []format {
	var out []format
	for line := range strings.Lines(table) {
		line = strings.TrimRight(line, "\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Split(line, "\t")
		if len(fields) != 4 {
			panic(fmt.Sprintf("redact: formats.tsv: %q has %d fields, not 4", line, len(fields)))
		}
		least, err := strconv.Atoi(fields[3])
		if err != nil || len(fields[1]) < 2 {
			panic(fmt.Sprintf("redact: formats.tsv: %q", line))
		}
		prefix, inside := strings.CutPrefix(fields[1], "…")
		out = append(out, format{prefix, newClass(fields[2]), least, inside})
	}
	return out
}

// words are what to look for: at least three bytes, so a beginning of two goes with each byte that may follow.
func (f format) words() []string {
	prefix := lowered(f.prefix)
	if len(prefix) > 2 {
		return []string{prefix}
	}
	var out []string
	for c := range len(f.body) {
		if f.body[c] && (c < 'A' || c > 'Z') {
			out = append(out, prefix+string(rune(c)))
		}
	}
	return out
}

func (f format) scan(s *scan, at int) {
	end := at + len(f.prefix)
	if s.text[at:end] != f.prefix || !f.inside && !begins(s.text, at) || !s.mayInWord(&s.tokens, at) {
		return
	}
	to := f.body.run(s.text, end)
	for to > end && (s.text[to-1] == '.' || s.text[to-1] == '-' && f.least < 12) { // the end of a sentence
		to--
	}
	if to-end < f.least || !f.inside && !f.looks(s.text[end:to]) || len(f.prefix) < 3 && strings.Count(s.text[end:to], ".") > 1 {
		return
	}
	s.hide(at, to)
}

// mixed says that a text has a digit, or letters of both cases: a word hasn't.
func mixed(s string) bool {
	var small, large bool
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			return true
		case c >= 'a' && c <= 'z':
			small = true
		case c >= 'A' && c <= 'Z':
			large = true
		}
	}
	return small && large
}

// looks says that what follows a beginning is no word. A short beginning says little, so what follows has to be distinctive.
func (f format) looks(body string) bool {
	return mixed(body) || len(f.prefix) > 3 && strings.ToLower(body) != body
}
