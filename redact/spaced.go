package redact

import (
	"html"
	"strconv"
	"strings"
)

// A log of logs writes what separates words as escapes: `config:\napi_key: x` in JSON, `%0Aapi_key=x` in a URL, `\u001b[31mapi_key` in
// colours. Read letter by letter the end of the escape is the beginning of the name. So a text is read twice where it has such escapes:
// as it is, and with what each stands for in its place, at the same length. What either way finds is hidden.

// spaced are the lines of a text that hold escapes of blanks, line feeds, colours or signs, with these in their place, as one text for
// lines that touch. from is where that begins in the text.
func spaced(text string, each func(from int, plain string)) {
	for from := 0; from < len(text); {
		to := lineEnd(text, from)
		plain, has := blanked(text[from:to])
		if !has {
			from = to + 1
			continue
		}
		var lines strings.Builder
		begin := from
		for has {
			lines.WriteString(plain)
			if from = to + 1; from >= len(text) {
				break
			}
			to = lineEnd(text, from)
			if plain, has = blanked(text[from:to]); has {
				lines.WriteByte('\n')
			}
		}
		each(begin, lines.String())
		from = to + 1
	}
}

// blanked is a line with what its escapes stand for in their place: that, and blanks for the rest of the escape.
func blanked(line string) (plain string, has bool) {
	if !strings.ContainsAny(line, `\%&#^=_`) {
		return line, false
	}
	var out []byte
	for i := 0; i < len(line); {
		width, as := escape(line[i:])
		if width == 0 {
			i++
			continue
		}
		if out == nil {
			out = []byte(line)
		}
		for n := i; n < i+width; n++ {
			out[n] = ' '
		}
		out[i] = as
		i += width
	}
	if out == nil {
		return line, false
	}
	return string(out), true
}

// escape is how many bytes an escape has that a text begins with, and what it stands for: a blank (also a colour), a line feed or a sign.
// It has none where there's no such escape.
func escape(t string) (width int, as byte) {
	switch t[0] {
	case '\\':
		return backslashed(t)
	case '%':
		return percented(t)
	case '&':
		if end := strings.IndexByte(t[:min(len(t), 12)], ';'); end > 1 {
			if c := []rune(html.UnescapeString(strings.ReplaceAll(t[:end+1], "&amp;", "&"))); len(c) == 1 && blank(c[0]) {
				return end + 1, blankAs(c[0])
			}
		}
	case '^':
		if strings.HasPrefix(t, "^[[") {
			return 2 + colour(t[2:]), ' '
		}
	case '#': // as syslog writes it
		if len(t) > 3 && t[1] == '0' {
			return numbered(t, 1, 3, 8)
		}
	case '=': // quoted-printable
		for _, line := range [...]string{"=0D=0A", "=0A", "=0D"} {
			if strings.HasPrefix(t, line) {
				return len(line), '\n'
			}
		}
		if strings.HasPrefix(t, "=3D") {
			return 3, '='
		}
	case '_':
		if len(t) > 6 && t[1] == 'x' && t[6] == '_' { // as spreadsheets write it
			if width, as = numbered(t, 2, 4, 16); width > 0 {
				return 7, as
			}
		}
	}
	return 0, 0
}

// backslashed is an escape behind any number of backslashes: of JSON, of programming languages, in octal, in hexadecimal.
func backslashed(t string) (width int, as byte) {
	at := 0
	for at < len(t) && t[at] == '\\' {
		at++
	}
	if at == len(t) {
		return 0, 0
	}
	switch t[at] {
	case 'n':
		return at + 1, '\n'
	case 't', 'b', 'f', 'v', 'a':
		return at + 1, ' '
	case 'r':
		if strings.HasPrefix(t[at+1:], t[:at]+"n") {
			return 2*at + 2, '\n'
		}
		return at + 1, '\n'
	case 'e', 'E':
		if strings.HasPrefix(t[at+1:], "[") {
			return at + 1 + colour(t[at+1:]), ' '
		}
	case 'u':
		if strings.HasPrefix(t[at:], "u{") {
			if end := strings.IndexByte(t[at:min(len(t), at+9)], '}'); end > 0 {
				if width, as = numbered(t, at+2, end-2, 16); width > 0 {
					return at + end + 1, as
				}
			}
		}
		return numbered(t, at+1, 4, 16)
	case 'x':
		if strings.HasPrefix(strings.ToLower(t[at:]), `xc2\xa0`) {
			return at + len(`xc2\xa0`), ' '
		}
		return numbered(t, at+1, 2, 16)
	case '0', '1':
		if width, as = numbered(t, at, 3, 8); width > 0 {
			return width, as
		}
		if t[at] == '0' && (at+1 == len(t) || !digits[t[at+1]]) {
			return at + 1, ' '
		}
	}
	return 0, 0
}

// percented is an escape of a URL, however often it was escaped.
func percented(t string) (width int, as byte) {
	at := 1
	for strings.HasPrefix(t[at:], "25") {
		at += len("25")
	}
	if rest := t[at:]; len(rest) >= 5 && strings.EqualFold(rest[:2], "c2") && rest[2] == '%' && strings.EqualFold(rest[3:5], "a0") {
		return at + 5, ' '
	}
	return numbered(t, at, 2, 16)
}

// numbered is an escape that ends with the number of a character, so many digits from at on.
func numbered(t string, at, length, base int) (width int, as byte) {
	if at+length > len(t) {
		return 0, 0
	}
	n, err := strconv.ParseUint(t[at:at+length], base, 31)
	end := at + length
	switch c := rune(n); {
	case err != nil:
		return 0, 0
	case c == 0x1b && end < len(t) && t[end] == '[':
		return end + colour(t[end:]), ' '
	case blank(c):
		return end, blankAs(c)
	case c == '=' || c == ':':
		return end, byte(c)
	}
	return 0, 0
}

// blank reports whether a character separates words, or can't be seen.
func blank(c rune) bool {
	return c <= ' ' || c >= 0x7f && c <= 0xa0 || c >= 0x2000 && c <= 0x200a || c == 0x205f || c == 0x3000 || invisible(c)
}

func blankAs(c rune) byte {
	if c == '\n' || c == '\r' || c == 0x2028 || c == 0x2029 || c == 0x85 {
		return '\n'
	}
	return ' '
}

// colour is the length of the rest of a terminal's sequence, from its bracket on: "[1;31m".
func colour(t string) int {
	at := 1
	for at < len(t) && at < 32 && (digits[t[at]] || strings.IndexByte(";:?<=>", t[at]) >= 0) {
		at++
	}
	if at < len(t) && (t[at] >= 'A' && t[at] <= 'Z' || t[at] >= 'a' && t[at] <= 'z') {
		return at + 1
	}
	return at
}
