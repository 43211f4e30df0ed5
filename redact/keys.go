package redact

import (
	"strings"
)

// privateKey hides a private key in PEM, whose beginning or end may be cut off, with line feeds or `\n` between its lines.
func (s *scan) privateKey(at int) {
	if s.hidden(at) {
		return
	}
	t := s.text
	mark := max(strings.LastIndex(t[max(0, at-60):at], "BEGIN"), strings.LastIndex(t[max(0, at-60):at], "END"))
	if mark < 0 || !strings.Contains(t[max(0, at-60):at], "---") {
		return
	}
	mark += max(0, at-60)
	dashes := mark
	for i := mark; i > 0 && (t[i-1] == '-' || t[i-1] == ' '); i-- {
		if t[i-1] == '-' {
			dashes = i - 1
		}
	}
	end := at + len("private key")
	for end < len(t) && (t[end] == '-' || t[end] == ' ' || strings.HasPrefix(t[end:], "BLOCK")) {
		if t[end] == 'B' {
			end += len("BLOCK")
			continue
		}
		end++
	}
	if t[mark] == 'E' { // the end alone
		s.hide(keyBodyBack(t, dashes), end)
		return
	}
	s.hide(dashes, keyBody(t, end))
}

// keyBody is where a key ends that began before at.
func keyBody(t string, at int) int {
	if end := strings.Index(t[at:min(len(t), at+16<<10)], "-----END "); end >= 0 {
		to := at + end + len("-----END ")
		if begin := strings.Index(t[at:to], "-----BEGIN"); begin < 0 {
			if mark := strings.Index(t[to:min(len(t), to+60)], "----"); mark >= 0 {
				to += mark
			}
			for to < len(t) && t[to] == '-' {
				to++
			}
			return to
		}
	}
	// cut off: as long as it looks like the lines of a key
	to := at
	for to < len(t) {
		next := keyGap(t, to)
		run := keyBytes.run(t, next)
		if run-next < 4 && run < len(t) && !isHeader(t, next) {
			break
		}
		if isHeader(t, next) {
			run = lineEnd(t, next)
			if cut := strings.Index(t[next:run], `\n`); cut >= 0 {
				run = next + cut
			}
		}
		if run == next {
			break
		}
		word := t[next:run]
		if run < len(t) && len(word) < 40 && (t[run] == ' ' || strings.IndexByte(":,(", t[run]) >= 0) { // a word of a sentence
			break
		}
		to = run
	}
	return to
}

var keyBytes = newClass("A-Za-z0-9+/=_-")

func isHeader(t string, at int) bool {
	for _, h := range [...]string{
		"Proc-Type:", "DEK-Info:", "Comment:", "Version:", "Encryption:", "Public-Lines:", "Private-Lines:",
		"Private-MAC:",
	} {
		if strings.HasPrefix(t[at:], h) {
			return true
		}
	}
	return false
}

// keyGap skips what is between the lines of a key: blanks, line feeds, `\n`, the prefix that a log puts before each line.
func keyGap(t string, at int) int {
	for at < len(t) {
		switch {
		case t[at] == ' ' || t[at] == '\n' || t[at] == '\t' || t[at] == '"' && at+1 < len(t) && (t[at+1] == '+' || t[at+1] == ' '):
			at++
		case t[at] == '\\':
			end := at
			for end < len(t) && t[end] == '\\' {
				end++
			}
			if end >= len(t) || t[end] != 'n' && t[end] != 'r' {
				return at
			}
			at = end + 1
		case strings.HasPrefix(t[at:], "%0A"), strings.HasPrefix(t[at:], "%0D"):
			at += 3
		default:
			return at
		}
	}
	return at
}

// keyBodyBack is where the lines of a key begin that end before at.
func keyBodyBack(t string, at int) int {
	from := at
	for from > 0 {
		gap := from
		for gap > 0 && (t[gap-1] == '\n' || t[gap-1] == ' ' || t[gap-1] == '\t' || gap > 1 && t[gap-2] == '\\' && (t[gap-1] == 'n' ||
			t[gap-1] == 'r')) {
			if t[gap-1] == 'n' || t[gap-1] == 'r' {
				gap--
			}
			for gap--; gap > 0 && t[gap-1] == '\\'; gap-- { //nolint:revive // the condition is the work
			}
		}
		begin := keyBytes.back(t, gap, gap)
		for begin < gap && begin > 0 && t[begin-1] == '\\' && t[begin] == 'n' { // `\nABC`: the n is part of the escape
			begin++
		}
		if word := t[begin:gap]; len(word) < 16 && (from != at || len(word) == 0) || len(word) < 4 {
			break
		}
		if gap == from && from != at {
			break
		}
		from = begin
	}
	return from
}

// keyLines hides adjacent lines of base64, or a single one and has the length of a line of PEM: a piece of a key
// without its beginning and its end. The lines of a certificate look the same and go, too.
func (s *scan) keyLines() {
	t := s.text
	for at := 0; at < len(t); {
		end := lineEnd(t, at)
		if line := strings.TrimSpace(t[at:end]); (len(line) == 64 || len(line) == 70 || len(line) == 76) && is(keyLine,
			strings.TrimRight(line, "=")) && threeKinds(line) {
			from := at + strings.Index(t[at:end], line)
			s.hide(from, from+len(line))
			next := min(end+1, len(t)) // its last line is shorter
			stop := lineEnd(t, next)
			if last := strings.TrimSpace(t[next:stop]); last != "" && len(last) <= len(line) && is(keyLine, strings.TrimRight(last,
				"=")) && (strings.HasSuffix(last, "=") || threeKinds(last)) {
				from := next + strings.Index(t[next:stop], last)
				s.hide(from, from+len(last))
			}
		}
		at = end + 1
	}
}

var keyLine = newClass("A-Za-z0-9+/")

func threeKinds(s string) bool {
	var small, large, digit bool
	for i := range len(s) {
		c := s[i]
		small, large, digit = small || c >= 'a' && c <= 'z', large || c >= 'A' && c <= 'Z', digit || c >= '0' && c <= '9'
	}
	return small && large && digit
}

// jwt hides a JSON web token, or what is left of one.
func (s *scan) jwt(at int) {
	if s.text[at:at+3] != "eyJ" || at > 0 && (base64URL[s.text[at-1]] && !begins(s.text, at)) || s.hidden(at) || !s.mayInWord(&s.tokens, at) {
		return
	}
	to := base64URL.run(s.text, at)
	dots := 0
	for to < len(s.text) && s.text[to] == '.' && dots < 4 {
		next := base64URL.run(s.text, to+1)
		if next == to+1 && (dots != 0 || next >= len(s.text) || s.text[next] != '.') {
			break
		}
		if dots == 0 && next-to > 1 && !strings.HasPrefix(s.text[to+1:], "ey") && next-to < 9 { // a file name, a sentence
			break
		}
		to, dots = next, dots+1
	}
	if dots > 0 && to-at >= 12 || to-at >= 20 && strings.HasPrefix(s.text[at:], "eyJhbGciOi") {
		s.hide(at, to)
	}
}

var azureBody = newClass("A-Za-z0-9~_.-")

// azureSecret is a client secret of Entra ID: three bytes, a digit, "Q~" and more; at is the digit.
func (s *scan) azureSecret(at int) {
	if s.text[at+1] != 'Q' || at < 3 || !s.mayInWord(&s.tokens, at) {
		return
	}
	from, to := at-3, azureBody.run(s.text, at)
	if is(azureBody, s.text[from:at]) && to-at >= 20 {
		s.hide(from, to)
	}
}

// azureSigned are the keys that Azure marks: 52 or 84 bytes of base64 with a mark near the end, or JQQJ99 after 52 of 84 bytes.
func (s *scan) azureSigned(at int) {
	from := base64URL.back(s.text, at, 100)
	to := base64URL.run(s.text[:min(len(s.text), at+mostName)], at)
	for to < len(s.text) && s.text[to] == '=' {
		to++
	}
	behind := 16
	if s.text[at] == 'J' {
		behind = 36
	}
	if to-from >= 39 && to-at <= behind && threeKinds(s.text[from:to]) && (s.text[at] == '+' || s.text[at] == 'A' || s.text[at] == 'J') {
		s.hide(from, to)
	}
}

// terraform is <14 bytes>.atlasv1.<60 bytes>; at is the first dot.
func (s *scan) terraform(at int) {
	if !s.mayInWord(&s.tokens, at) {
		return
	}
	from, to := alnum.back(s.text, at, 20), wordBytes.run(s.text, at+len(".atlasv1."))
	if to-at > 20 {
		s.hide(from, to)
	}
}

// telegram is <number>:AA<33 bytes>; at is the colon.
func (s *scan) telegram(at int) {
	from, to := digits.back(s.text, at, 12), wordBytes.run(s.text, at+1)
	if at-from >= 6 && to-at >= 25 && strings.HasPrefix(s.text[at:], ":AA") {
		s.hide(from, to)
	}
}

// around hides the word around a mark that only one vendor's tokens have.
func (s *scan) around(at int) {
	if !s.mayInWord(&s.tokens, at) {
		return
	}
	from, to := wordBytes.back(s.text, at, 200), wordBytes.run(s.text, at)
	if to-from >= 30 && mixed(s.text[from:to]) {
		s.hide(from, to)
	}
}
