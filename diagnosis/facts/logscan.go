package facts

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"
)

// A folder has tens of thousands of lines. What is here answers for most of them what the regular expressions of logparse.go would answer,
// in a hundredth of their time; the tests compare both.

// withoutTime is the line without the time that it begins with.
func withoutTime(line string) string {
	if line == "" || line[0] != '[' && (line[0] < '0' || line[0] > '9') {
		return line
	}
	if at := rfcTime.FindStringIndex(line); at != nil {
		return line[at[1]:]
	}
	return line
}

// levelOf is the level that a line of logfmt names; empty where it names none.
func levelOf(line string) string {
	if !strings.Contains(line, "level=") && !strings.Contains(line, "lvl=") && !strings.Contains(line, "severity=") {
		return ""
	}
	if m := logfmtLevel.FindStringSubmatch(line); m != nil {
		return m[1]
	}
	return ""
}

// bracketed is the level that stands in brackets near the beginning of a line; empty where there is none.
func bracketed(line string) string {
	line = line[:min(len(line), levelReach)]
	if strings.IndexByte(line, '[') < 0 {
		return ""
	}
	if m := levelInside.FindStringSubmatch(line); m != nil {
		return m[1]
	}
	return ""
}

// troubleParts are parts of all that errorWords and fatalWords look for, in lower case.
var troubleParts = [][]byte{
	[]byte("err"), []byte("excep"), []byte("fail"), []byte("fatal"), []byte("panic"), []byte("refused"), []byte("denied"), []byte("cannot"),
	[]byte("could not"), []byte("unable to"), []byte("unhandled"), []byte("uncaught"),
}

// mayBeTrouble is whether errorWords or fatalWords may match a line; where it says no, neither does.
func mayBeTrouble(line string) bool {
	var folded [maxLineBytes]byte
	if len(line) > len(folded) {
		return true
	}
	lower := folded[:copy(folded[:], line)]
	for i, c := range lower {
		switch {
		case c >= utf8.RuneSelf:
			return true // there are letters outside of ASCII that fold to letters of it
		case c >= 'A' && c <= 'Z':
			lower[i] = c + 'a' - 'A'
		}
	}
	return slices.ContainsFunc(troubleParts, func(part []byte) bool { return bytes.Contains(lower, part) })
}

// template is the line with everything replaced that differs from one occurrence to the next: identifiers, times, numbers with their units,
// what stands in quotes. It finds what the expression `variable` of the tests finds.
func template(line string) string {
	var b strings.Builder
	kept := 0
	for at := 0; at < len(line); {
		end := variableAt(line, at)
		if end == 0 {
			at++
			continue
		}
		b.WriteString(line[kept:at])
		b.WriteString("◌")
		at, kept = end, end
	}
	if kept == 0 {
		return line
	}
	b.WriteString(line[kept:])
	return b.String()
}

// variableAt is where what begins at a place of a line, and differs from one occurrence to the next, ends; 0 where nothing of the kind
// begins.
func variableAt(line string, at int) int {
	c := line[at]
	switch {
	case c == '"' || c == '\'':
		return quotedAt(line, at)
	case !isHex(c):
		return 0
	}
	if end := identifierAt(line, at); end > 0 {
		return end
	}
	first := at == 0 || !isWord(line[at-1])
	if first {
		if end := runOf(line, at, isHex); end-at == 24 && ends(line, end) {
			return end
		}
		if end := runOf(line, min(at+2, len(line)), isHex); strings.HasPrefix(line[at:], "0x") && end > at+2 && ends(line, end) {
			return end
		}
	}
	if end := momentAt(line, at); end > 0 || !first {
		return end
	}
	if end := numberAt(line, at); end > 0 {
		return end
	}
	if end := runOf(line, at, func(c byte) bool { return isDigit(c) || c >= 'a' && c <= 'f' }); end-at >= 8 && ends(line, end) {
		return end
	}
	return 0
}

// quotedAt is the end of what stands in quotes, 200 letters at most.
func quotedAt(line string, at int) int {
	const longest = 200
	length := strings.IndexByte(line[at+1:], line[at])
	if length < 1 || length > longest*utf8.UTFMax || utf8.RuneCountInString(line[at+1:at+1+length]) > longest {
		return 0
	}
	return at + 1 + length + 1
}

// identifierAt is the end of a UUID.
func identifierAt(line string, at int) int {
	for i, length := range [...]int{8, 4, 4, 4, 12} {
		if i > 0 {
			if at >= len(line) || line[at] != '-' {
				return 0
			}
			at++
		}
		for range length {
			if at >= len(line) || !isHex(line[at]) {
				return 0
			}
			at++
		}
	}
	return at
}

// momentAt is the end of a date with a time.
func momentAt(line string, at int) int {
	const date = "0000-00-00"
	if len(line) < at+len(date)+2 {
		return 0
	}
	for i := range len(date) {
		if c := line[at+i]; date[i] == '-' && c != '-' || date[i] == '0' && !isDigit(c) {
			return 0
		}
	}
	at += len(date)
	if line[at] != 'T' && line[at] != ' ' {
		return 0
	}
	end := runOf(line, at+1, func(c byte) bool { return isDigit(c) || c == ':' || c == '.' || c == ',' })
	if end == at+1 {
		return 0
	}
	if strings.HasPrefix(line[end:], "Z") {
		end++
	}
	return end
}

// numberAt is the end of a number or of numbers with points, commas or colons between them, and of a unit.
func numberAt(line string, at int) int {
	end := runOf(line, at, isDigit)
	if end == at {
		return 0
	}
	found := numberEnd(line, end)
	for end+1 < len(line) && (line[end] == '.' || line[end] == ':' || line[end] == ',') && isDigit(line[end+1]) {
		end = runOf(line, end+1, isDigit)
		found = max(found, numberEnd(line, end))
	}
	return found
}

// numberEnd is where a number whose digits end at a place ends with its unit; 0 where a word goes on.
func numberEnd(line string, at int) int {
	for _, unit := range [...]string{"ms", "s", "m", "MB", "KB", "%", ""} {
		if strings.HasPrefix(line[at:], unit) && boundary(line, at+len(unit)) {
			return at + len(unit)
		}
	}
	return 0
}

// runOf is the end of the bytes from a place on that are all of a kind.
func runOf(line string, at int, is func(byte) bool) int {
	for at < len(line) && is(line[at]) {
		at++
	}
	return at
}

// ends says that a word that reaches to a place is no longer than that.
func ends(line string, at int) bool { return at == len(line) || !isWord(line[at]) }

// boundary is the \b of regular expressions.
func boundary(line string, at int) bool {
	return (at > 0 && isWord(line[at-1])) != (at < len(line) && isWord(line[at]))
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isHex(c byte) bool { return isDigit(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' }

func isWord(c byte) bool {
	return isDigit(c) || c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
