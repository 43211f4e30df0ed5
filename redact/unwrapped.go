package redact

import (
	"html"
	"strconv"
	"strings"
)

// unwrapped is a text in plain letters: full-width forms (ｐａｓｓｗｏｒｄ) and Cyrillic letters that look like Latin ones as ASCII, and
// printable characters that are escaped for JSON (\u0070), a URL (%70) or HTML (&#112;) as themselves, line by line where a line has such
// escapes.
func unwrapped(s string) string {
	s = strings.Map(func(c rune) rune {
		switch {
		case c >= 0xff01 && c <= 0xff5e:
			return c - 0xfee0
		case c == 0xa0 || c >= 0x2000 && c <= 0x200a || c == 0x202f || c == 0x205f || c == 0x3000: // blanks of other widths
			return ' '
		case c >= 0x400 && c < 0x500:
			if at := strings.IndexRune(cyrillic, c); at >= 0 {
				return rune(latin[at/2])
			}
		}
		return c
	}, s)
	if !strings.ContainsAny(s, `\%&`) {
		return s
	}
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+5 < len(s) && s[i+1] == 'u':
			if c, ok := printable(s[i+2 : i+6]); ok {
				out.WriteByte(c)
				i += 5
				continue
			}
		case s[i] == '\\' && i+3 < len(s) && s[i+1] == 'x', s[i] == '%' && i+2 < len(s):
			from := i + 1
			if s[i] == '\\' {
				from++
			}
			if c, ok := printable(s[from : from+2]); ok {
				out.WriteByte(c)
				i = from + 1
				continue
			}
		case s[i] == '&':
			if end := strings.IndexByte(s[i:min(len(s), i+8)], ';'); end > 0 {
				if c := html.UnescapeString(s[i : i+end+1]); len(c) == 1 && c[0] > ' ' {
					out.WriteByte(c[0])
					i += end
					continue
				}
			}
		}
		out.WriteByte(s[i])
	}
	return out.String()
}

// Each Cyrillic letter has two bytes in UTF-8, so half its place is the place of the Latin one.
const (
	cyrillic = "авеіокрсѕтухԁАВЕІКМНОРСЅТХ"
	latin    = "abeiokpcstyxdABEIKMHOPCSTX"
)

func printable(hexadecimal string) (byte, bool) {
	n, err := strconv.ParseUint(hexadecimal, 16, 8)
	return byte(n), err == nil && n > ' ' && n < 0x7f
}
