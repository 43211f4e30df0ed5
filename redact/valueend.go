package redact

import "strings"

// quoteAt is the quotation mark that is at at, with what escapes it: `"`, `'`, `\"`, `\\\"`, `&quot;`, `%22`, `\u0022`, "" for none.
func quoteAt(t string, at int) string {
	end := at
	for end < len(t) && t[end] == '\\' {
		end++
	}
	if end < len(t) && (t[end] == '"' || t[end] == '\'' || t[end] == '`') {
		return t[at : end+1]
	}
	if at >= len(t) || t[at] != '&' && t[at] != '%' && t[at] != '\\' {
		return ""
	}
	for _, q := range [...]string{"&quot;", "&#34;", "&#39;", "&apos;", "%22", "%27", `\u0022`, `\u0027`} {
		if strings.HasPrefix(t[at:], q) {
			return q
		}
	}
	return ""
}

// closing is where the quotation ends that began with q before at: at the next mark that is escaped no deeper. A quotation that never
// ends, because the log was cut, ends with its line.
func closing(t string, at int, q string) int {
	limit := min(len(t), at+mostValue)
	if strings.HasPrefix(q, "&") || strings.HasPrefix(q, "%") || strings.HasPrefix(q, `\u`) {
		if i := strings.Index(t[at:limit], q); i >= 0 {
			return at + i
		}
		return lineEnd(t[:limit], at)
	}
	mark, depth := q[len(q)-1], len(q)-1
	for i := at; i < limit; {
		next := strings.IndexByte(t[i:limit], mark)
		if next < 0 {
			break
		}
		next += i
		escapes := 0
		for next-escapes > at && t[next-escapes-1] == '\\' {
			escapes++
		}
		if depth == 0 && escapes%2 == 0 || depth > 0 && escapes <= depth {
			if depth == 0 {
				return next
			}
			return next - escapes
		}
		i = next + 1
	}
	return lineEnd(t[:limit], at)
}

func lineEnd(t string, at int) int {
	if i := strings.IndexByte(t[at:], '\n'); i >= 0 {
		return at + i
	}
	return len(t)
}

func inConnectionString(t string, from int) bool {
	for from > 0 && t[from-1] == ' ' {
		from--
	}
	return from > 0 && t[from-1] == ';'
}

// bareEnd is where a value without quotes ends: at a blank, and at a sign that separates it from something else. A password may hold any
// sign, so one ends the value only when what follows looks like another thing.
func bareEnd(t string, at int, enclosed byte) int {
	limit := min(len(t), at+mostValue)
	for i := at; i < limit; i++ {
		switch c := t[i]; c {
		case ' ', '\t', '\n', '\r':
			return i
		case '"', '\'', '`':
			if c == enclosed || i+1 >= limit || endsAfter(t[i+1:limit]) {
				return unescaped(t, at, i)
			}
		case ';':
			if tail := t[i+1 : limit]; !strings.HasPrefix(tail, "//") && (endsAfter(tail) ||
				!strings.ContainsAny(tail[:strings.IndexAny(tail+" ", " \t\n;\"'")], "0123456789")) {
				return i
			}
		case ',', '&', ')', ']', '}', '|':
			if c == '&' && (strings.HasPrefix(t[i:], "&quot;") || strings.HasPrefix(t[i:], "&#3") || strings.HasPrefix(t[i:], "&amp;") ||
				strings.HasPrefix(t[i:], "&lt;")) {
				return i
			}
			if i+1 >= limit || endsAfter(t[i+1:limit]) {
				return i
			}
		case '<':
			if i+1 < limit && t[i+1] == '/' || strings.HasPrefix(t[i:], "<br") {
				return i
			}
		case '\\':
			if i+1 < limit && (t[i+1] == 'n' || t[i+1] == 't' || t[i+1] == 'r') && (i+2 >= limit || !alnum[t[i+2]] || t[i+1] == 'n') {
				return i
			}
		case '%':
			if strings.HasPrefix(t[i:], "%26") || strings.HasPrefix(t[i:], "%22") {
				return i
			}
		}
	}
	return limit
}

func unescaped(t string, at, i int) int {
	for i > at && t[i-1] == '\\' {
		i--
	}
	return i
}

// endsAfter says that something else begins after a sign: a blank, another sign, or "name=".
func endsAfter(rest string) bool {
	if rest == "" || strings.IndexByte(" \t\n\r\"'`,;&)]}\\<|", rest[0]) >= 0 {
		return true
	}
	i := nameBytes.run(rest[:min(len(rest), 40)], 0)
	if i > 0 && i < len(rest) && rest[i] == ' ' && i+1 < len(rest) { // "User Id="
		i += 1 + nameBytes.run(rest[i+1:min(len(rest), i+40)], 0)
	}
	return i > 0 && i < len(rest) && (rest[i] == '=' || rest[i] == ':')
}
