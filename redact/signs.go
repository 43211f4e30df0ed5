package redact

import "strings"

// arrows are signs between a name and its value that few texts have. What is behind one is hidden where it stands in quotation marks, or
// looks made.
var arrows = [...]string{"->", "→", "⇒", "➜", "===", "+=", "?=", "!==", "!=", "│", "┃", "║", "¦"}

// unusual hides the value of a name behind a sign that is none in most texts: an arrow, a comparison of programming languages, a comma or a
// blank between two quotations, the brackets of a function, the line of a table. It returns whether there was one.
func (s *scan) unusual(to int) bool {
	t := s.text
	quoted := quoteAt(t, to)
	at := blankBytes.run(t, to+len(quoted))
	if at >= len(t) {
		return false
	}
	for _, arrow := range arrows {
		if strings.HasPrefix(t[at:], arrow) {
			return s.made(blankBytes.run(t, at+len(arrow)), strings.HasSuffix(arrow, "=") || arrow[0] == '-')
		}
	}
	if t[at] == '(' && at == to { // password("x"), setPassword("x")
		return s.made(at+1, false)
	}
	if quoted == "" {
		return false
	}
	if t[at] == ',' { // ["password", "x"], zap.String("password", "x")
		at = blankBytes.run(t, at+1)
	}
	return quoteAt(t, at) != "" && s.made(at, false)
}

// made hides a value that stands in quotation marks, or has none, where it looks made by a machine; with words set one in quotation marks
// also where it's a word that explains nothing.
func (s *scan) made(at int, words bool) bool {
	t := s.text
	if at >= len(t) {
		return false
	}
	if q := quoteAt(t, at); q != "" {
		end := closing(t, at+len(q), q)
		v := t[at+len(q) : end]
		if random(v, 8) || words && len(v) >= 6 && !explains(v) && !strings.ContainsAny(v, " /") {
			s.judge(secretName, at+len(q), end, true, separator{kind: '='})
			return true
		}
		return false
	}
	if !s.mayInWord(&s.bares, at) {
		return true
	}
	end := bareEnd(t, at, 0)
	v := strings.TrimRight(t[at:end], ");,]}'\"`")
	if random(v, 8) {
		s.judge(secretName, at, at+len(v), false, separator{kind: '='})
		return true
	}
	return false
}

// typed is where a value begins behind what says of which type it is: a tag or an anchor of YAML.
func typed(t string, at int) int {
	for range 2 {
		if t[at] != '!' && t[at] != '&' {
			return at
		}
		begin := at + 1
		if strings.HasPrefix(t[begin:], "!") {
			begin++
		}
		end := wordBytes.run(t, begin)
		value := blankBytes.run(t, end)
		if end == begin || value == end || value == len(t) {
			return at
		}
		at = value
	}
	return at
}

// wrapping are pairs of marks around a value that begin like other marks.
var wrapping = [...][2]string{{"<![CDATA[", "]]>"}, {`"""`, `"""`}, {"'''", "'''"}}

// wrappedValue hides a value in one of these pairs, and returns whether there was one.
func (s *scan) wrappedValue(kind meaning, at int, sign separator) bool {
	for _, marks := range wrapping {
		if !strings.HasPrefix(s.text[at:], marks[0]) {
			continue
		}
		begin := at + len(marks[0])
		limit := min(len(s.text), begin+mostValue)
		if end := strings.Index(s.text[begin:limit], marks[1]); end > 0 {
			s.judge(kind, begin, begin+end, true, sign)
			return true
		}
		if marks[0][0] == '<' { // cut off
			s.hide(begin, lineEnd(s.text[:limit], begin))
			return true
		}
	}
	return false
}

// plural hides what looks made in a list whose name is that of several secrets: "passwords": ["x", "y"]. Names of Secrets don't. It returns
// whether the name is one.
func (s *scan) plural(name string, sign separator) bool {
	singular, ok := strings.CutSuffix(lowered(name), "s")
	if !ok || sign.kind == '>' || meaningOf(singular) != secretName || sign.value >= len(s.text) {
		return false
	}
	switch s.text[sign.value] {
	case '[':
		if sign.value < s.listEnd { // looked at as a part of another
			return true
		}
		limit := min(len(s.text), sign.value+mostValue)
		end := sign.value + strings.IndexByte(s.text[sign.value:limit]+"]", ']')
		at := sign.value + 1
		for item := range strings.SplitSeq(s.text[at:min(end, limit)], ",") {
			s.item(at, item)
			at += len(item) + 1
		}
		s.listEnd = min(end, limit)
	case '\n':
		s.items(sign.value)
	}
	return true
}

// items are those of a list of YAML, one on each line from the next one on.
func (s *scan) items(at int) {
	for range mostLooks {
		begin := at + 1
		if begin >= len(s.text) {
			return
		}
		end := lineEnd(s.text[:min(len(s.text), begin+mostValue)], begin)
		item, is := strings.CutPrefix(strings.TrimLeft(s.text[begin:end], " \t"), "- ")
		if !is {
			return
		}
		s.item(end-len(item), item)
		at = end
	}
}

func (s *scan) item(at int, text string) {
	v := strings.Trim(text, " \t\r\"'`")
	if random(v, 8) && !explains(v) && !strings.ContainsAny(v, ":=") {
		begin := at + strings.Index(text, v)
		s.hide(begin, begin+len(v))
	}
}
