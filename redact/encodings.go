package redact

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"unicode/utf8"
)

// The least that is opened: twelve bytes of text in base64, and in hexadecimal.
const (
	leastBase64 = 16
	leastHex    = 24
	mostEncoded = 64 << 10
)

// encodings opens base64 and hexadecimal and hides what holds a secret inside.
func (s *scan) encodings() {
	t := s.text
	for at := 0; at < len(t); {
		if !base64URL[t[at]] {
			at++
			continue
		}
		to := base64URL.run(t, at)
		if to-at >= leastBase64 {
			to = s.wrapped(at, to)
			s.encoded(at, to)
		}
		at = to
	}
}

// wrapped joins the lines of base64 that was broken into lines of the same length.
func (s *scan) wrapped(at, to int) int {
	t := s.text
	width := to - at
	if width < 60 || width%4 != 0 || width > 128 {
		return to
	}
	for to < len(t) && to-at < mostEncoded {
		next := to
		if strings.HasPrefix(t[to:], `\n`) {
			next = to + 2
		} else {
			for next < len(t) && (t[next] == '\n' || t[next] == ' ') {
				next++
			}
		}
		end := base64URL.run(t, next)
		if next == to || end == next || end-next > width {
			break
		}
		to = end
		if end-next < width {
			break
		}
	}
	return to
}

func (s *scan) encoded(at, to int) {
	run := s.text[at:to]
	if len(run) > mostEncoded { // nobody reads what is longer
		s.hide(at+mostEncoded, to)
		run = run[:mostEncoded]
	}
	if is(hexBytes, run) && len(run) >= leastHex {
		if plain, err := hex.DecodeString(run[:len(run)&^1]); err == nil && s.holds(plain) {
			s.hide(at, to)
		}
		return
	}
	run = strings.NewReplacer("\n", "", " ", "", `\n`, "", "-", "+", "_", "/").Replace(run)
	if s.holds(opened(run)) {
		s.hideEncoded(at, to)
		return
	}
	if !strings.Contains(s.text[at:to], "/") {
		return
	}
	from := at // a slash may be a sign of base64, or stand beside it: /v1/<base64>/x
	for part := range strings.SplitSeq(s.text[at:to], "/") {
		if end := from + len(part); len(part) >= leastBase64 && s.holds(opened(strings.NewReplacer("-", "+", "_", "/").Replace(part))) {
			s.hideEncoded(from, end)
		}
		from += len(part) + 1
	}
}

func (s *scan) hideEncoded(at, to int) {
	for to < len(s.text) && s.text[to] == '=' {
		to++
	}
	s.hide(at, to)
}

// opened decodes base64, as much as there is of it.
func opened(run string) []byte {
	whole := run[:len(run)&^3+[4]int{0, 0, 2, 3}[len(run)&3]]
	plain, err := base64.RawStdEncoding.DecodeString(whole)
	if err != nil {
		plain, _ = base64.RawStdEncoding.DecodeString(run[:len(run)&^3])
	}
	return plain
}

// holds says that what was encoded is text and has a secret in it.
func (s *scan) holds(plain []byte) bool {
	// UTF-16, as PowerShell writes commands
	if len(plain) >= leastBase64 && (plain[1] == 0 && plain[3] == 0 || plain[0] == 0 && plain[2] == 0) {
		plain = bytes.ReplaceAll(plain, []byte{0}, nil)
	}
	if !readable(plain) {
		return false
	}
	return s.nested >= mostNested || len(s.values.search(string(plain), s.nested+1)) > 0
}

// readable says that bytes are text.
func readable(b []byte) bool {
	if len(b) < 8 {
		return false
	}
	for _, c := range b[:min(len(b), 16)] {
		if c < 0x20 && c != '\n' && c != '\t' && c != '\r' || c == 0x7f {
			return false
		}
	}
	if !utf8.Valid(b[:len(b)-min(3, len(b))]) && !utf8.Valid(b) {
		return false
	}
	for _, c := range b {
		if c < 0x20 && c != '\n' && c != '\t' && c != '\r' {
			return false
		}
	}
	return true
}
