package redact

import "strings"

// flag is a name that is a flag, with its value as the next argument: `--token x`, `-password x`, `"--token","x"`.
func (s *scan) flag(from, to int) {
	t := s.text
	dashed := t[from] == '-' || from > 0 && t[from-1] == '-'
	if !dashed {
		return
	}
	at := to + len(quoteAt(t, to))
	next := at
	for next < len(t) && (t[next] == ' ' || t[next] == ',' || t[next] == '\t') {
		next++
	}
	if next < len(t) && t[next] == '\n' { // each in a line of its own, as items of a list
		before, ok := s.itemBefore(from)
		if !ok || !strings.HasPrefix(t[next:], before) {
			return
		}
		next += len(before)
	}
	if next == at || next >= len(t) || t[next] == '-' || t[next] == '\n' {
		return
	}
	s.argument(next)
}

// argument hides the argument of a command line that begins at at.
func (s *scan) argument(at int) {
	if q := quoteAt(s.text, at); q != "" {
		s.judge(secretName, at+len(q), closing(s.text, at+len(q), q), true, separator{})
		return
	}
	to := bareEnd(s.text, at, 0)
	s.judge(secretName, at, to, false, separator{})
}

// inSentence hides what looks like a secret behind its name: `login with password xnkt004-QUtAV failed`, `unknown secret 'Tph…'`.
func (s *scan) inSentence(_, to int) {
	t := s.text
	at := blankBytes.run(t, to)
	if at == to || at >= len(t) {
		return
	}
	for _, word := range [...]string{"is ", "was ", "of ", "provided: ", "with ", "value ", "(", "= "} {
		if strings.HasPrefix(s.lower[at:], word) {
			at += len(word)
			break
		}
	}
	if at >= len(t) {
		return
	}
	from, end := at, bareEnd(t, at, 0)
	if q := quoteAt(t, at); q != "" {
		from = at + len(q)
		end = closing(t, from, q)
	} else {
		for end > at && strings.IndexByte(".:!?,", t[end-1]) >= 0 {
			end--
		}
	}
	v := t[from:end]
	if !random(v, 8) && (len(v) < 24 || !is(hexBytes, v)) || explains(v) || filePath(v) || strings.ContainsAny(v, "=/") && !isBase64(v) {
		return
	}
	s.hide(from, end)
}
