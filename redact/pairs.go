package redact

import "strings"

// pair looks at a value that has a key of its own, `{"name":"DB_PASSWORD","value":"x"}`, in both orders, also across lines: what its
// name says stands beside it. at is where "value" begins.
func (s *scan) pair(at int) {
	if s.hidden(at) || at > 0 && alnum[s.text[at-1]] {
		return
	}
	t := s.text
	word := at + alnum.run(t[at:], 0)
	sign := s.separator(word)
	if sign.kind == 0 || sign.kind == '>' || sign.value >= len(t) {
		return
	}
	from, to := s.valueAt(at, sign)
	if to-from > mostNear && !s.may(&s.pairs, mostLooks, at, func() int { return lineEnd(t, at) }) { // short ones may be many in one line
		return
	}
	if from >= to || explains(t[from:to]) && !mixed(t[from:to]) || sentence(t[from:to]) && !strings.ContainsAny(t[from:to], "0123456789") {
		return
	}
	// The name stands before it in the same braces, or after it.
	before := t[max(0, at-mostNear):at]
	if i := strings.LastIndexAny(before, "{}<"); i >= 0 {
		before = before[i+1:]
	}
	if name, ok := nameKey(before, true); ok {
		if meaningOf(name) == secretName {
			s.hide(from, to)
		}
		return
	}
	if owner := s.owner(at); owner != "" && meaningOf(owner) == secretName {
		s.judge(secretName, from, to, quoteAt(t, sign.value) != "", separator{kind: ':'})
		return
	}
	after := t[to:min(len(t), to+mostNear)]
	if i := strings.IndexAny(after, "{}>"); i >= 0 {
		after = after[:i]
	}
	if i := strings.Index(after, "- "); i >= 0 && strings.Contains(after[:i], "\n") {
		after = after[:i]
	}
	if name, ok := nameKey(after, false); ok && meaningOf(name) == secretName {
		s.hide(from, to)
	}
}

func (s *scan) valueAt(nameFrom int, sign separator) (int, int) {
	t := s.text
	if q := quoteAt(t, sign.value); q != "" {
		from := sign.value + len(q)
		return from, closing(t, from, q)
	}
	if strings.IndexByte("{[(|>&", t[sign.value]) >= 0 {
		return 0, 0
	}
	to := bareEnd(t, sign.value, quoteBefore(t, nameFrom))
	if sign.kind == ':' && sign.wide && nameFrom > 0 && (t[nameFrom-1] == ' ' || t[nameFrom-1] == '\n') { // YAML: to the end of the line
		to = max(to, sign.value+len(strings.TrimRight(t[sign.value:lineEnd(t, sign.value)], " ")))
	}
	return sign.value, to
}

// nameKey finds `name: X` in a piece of text: the last one, or the first one.
func nameKey(t string, last bool) (string, bool) {
	lower := lowered(t)
	best := -1
	for _, key := range [...]string{"name", "key", "variable", "field", "param", "parameter", "id"} {
		for at := 0; ; {
			i := strings.Index(lower[at:], key)
			if i < 0 {
				break
			}
			i += at
			at = i + len(key)
			if i > 0 && alnum[t[i-1]] || at < len(t) && alnum[t[at]] {
				continue
			}
			if best < 0 || last && i > best || !last && i < best {
				if _, ok := nameValue(t, at); ok {
					best = i
				}
			}
		}
	}
	if best < 0 {
		return "", false
	}
	return nameValue(t, alnum.run(t, best))
}

func nameValue(t string, at int) (string, bool) {
	sign := (&scan{text: t}).separator(at)
	if sign.kind == 0 || sign.kind == '>' {
		return "", false
	}
	from := sign.value + len(quoteAt(t, sign.value))
	to := nameBytes.run(t, from)
	return t[from:to], to > from
}

// manifest hides every value of a Secret that is printed as a manifest. at is where "kind" begins.
func (s *scan) manifest(at int) {
	if at < s.manifestEnd {
		return
	}
	t := s.text
	sign := s.separator(at + len("kind"))
	if sign.kind != ':' || sign.value >= len(t) {
		return
	}
	from := sign.value + len(quoteAt(t, sign.value))
	if !strings.HasPrefix(t[from:], "Secret") || from+6 < len(t) && alnum[t[from+6]] {
		return
	}
	begin, end := s.manifestEnd, len(t)
	if i := strings.LastIndex(t[begin:at], "\n---"); i >= 0 {
		begin += i
	}
	if i := strings.Index(t[at:end], "\n---"); i >= 0 {
		end = at + i
	}
	s.manifestEnd = end
	for _, key := range [...]string{"data", "stringData"} {
		for from := begin; from < end; {
			i := strings.Index(t[from:end], key)
			if i < 0 {
				break
			}
			from += i + len(key)
			if before := from - len(key); before > 0 && alnum[t[before-1]] {
				continue
			}
			if sign := s.separator(from); sign.kind == ':' {
				from = max(from, s.secretData(from-len(key), sign.value, end))
			}
		}
	}
}

// secretData hides the values of a map that begins at at, in braces or as lines of YAML that stand to the right of its name, and
// returns where it ends.
func (s *scan) secretData(name, at, end int) int {
	t := s.text
	if at < end && t[at] == '{' {
		if !s.may(&s.data, mostFarLooks, at, func() int { return end }) {
			return end
		}
		i := at + 1
		for i < end && t[i] != '}' {
			q := quoteAt(t, i)
			if q == "" {
				i++
				continue
			}
			to := closing(t[:end], i+len(q), q)
			if sign := s.separator(to); sign.kind == ':' { // a key
				i = max(sign.value, i+1)
				continue
			}
			s.hide(i+len(q), to)
			i = max(to+len(q), i+1)
		}
		return at
	}
	if at < end && t[at] != '\n' {
		return at
	}
	margin := name - (strings.LastIndexByte(t[:name], '\n') + 1)
	line := at + 1
	for line < end {
		to := min(lineEnd(t, line), end)
		indent := strings.IndexFunc(t[line:to]+"x", func(c rune) bool { return c != ' ' })
		if indent <= margin && strings.TrimSpace(t[line:to]) != "" {
			break
		}
		if i := strings.Index(t[line:to], ": "); i >= 0 {
			s.hide(line+i+2, to)
		} else if !strings.HasSuffix(t[line:to], ":") {
			s.hide(line+min(indent, to-line), to)
		}
		line = to + 1
	}
	return line
}
