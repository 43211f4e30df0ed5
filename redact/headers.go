package redact

import "strings"

// authorization hides everything behind an Authorization header, whatever its scheme.
func (s *scan) authorization(at int) {
	if s.within(at) {
		return
	}
	from, to := nameBytes.back(s.text, at, mostName), nameBytes.run(s.text[:min(len(s.text), at+mostName)], at)
	sign := s.separator(to)
	s.nameEnd = max(s.nameEnd, to)
	name := s.lower[from:to]
	if sign.kind == 0 || sign.value >= len(s.text) || !strings.HasSuffix(name, "authorization") {
		return
	}
	s.header(from, sign.value)
}

// header hides a value with the words that belong to it. It ends where its quotation ends, or with its line.
func (s *scan) header(from, at int) {
	if !s.may(&s.headers, mostLooks, at, func() int { return lineEnd(s.text, at) }) {
		return
	}
	t := s.text
	for at < len(t) && t[at] == '[' { // Go prints headers as lists
		at++
	}
	if q := quoteAt(t, at); q != "" {
		to := closing(t, at+len(q), q)
		if v := t[at+len(q) : to]; !explains(v) && !sentence(v) {
			s.hide(at+len(q), to)
		}
		return
	}
	if at >= len(t) || strings.IndexByte("{(<,;})]", t[at]) >= 0 && !strings.HasPrefix(t[at:], "(") {
		return
	}
	limit := lineEnd(t[:min(len(t), at+mostValue)], at)
	if from > 0 && (t[from-1] == '"' || t[from-1] == '\'') { // -H "Authorization: …"
		q := t[from-1 : from]
		if from > 1 && t[from-2] == '\\' {
			q = `\` + q
		}
		limit = min(limit, closing(t, at, q))
	}
	if i := strings.Index(t[at:limit], `\n`); i >= 0 {
		limit = at + i
	}
	if i := strings.Index(t[at:limit], `\r`); i >= 0 {
		limit = at + i
	}
	to := s.words2(at, limit)
	if v := t[at:to]; !explains(v) && !explains(firstWord(v)) && !sentence(v) {
		s.hide(at, to)
	} else if first := lowered(firstWord(v)); (first == "bearer" || first == "basic" || first == "token" || first == "digest" ||
		first == "key" || len(v) >= len(first)+17) && !sentence(v) && strings.Contains(v, " ") {
		s.hide(at, to)
	}
}

func firstWord(v string) string {
	first, _, _ := strings.Cut(v, " ")
	return first
}

// words2 is the end of a scheme and what goes with it: one word, or a list of `name=value` with commas.
func (s *scan) words2(at, limit int) int {
	t := s.text
	to := at
	for n := 0; to < limit; n++ {
		word := to + strings.IndexByte(t[to:limit]+" ", ' ')
		word = min(word, limit)
		if n >= 2 && !strings.HasSuffix(strings.TrimRight(t[at:to], " "), ",") && !strings.HasSuffix(t[to:word], ",") &&
			!strings.Contains(t[to:word], `="`) {
			break
		}
		if n == 1 && nameThen(t[to:word]) && !digestLike(s.lower[at:to]) { // the next field of the log
			break
		}
		to = word
		for to < limit && t[to] == ' ' {
			to++
		}
	}
	return at + len(strings.TrimRight(t[at:to], " }])'\""))
}

func digestLike(scheme string) bool {
	for _, s := range [...]string{
		"digest", "aws4", "oauth", "hawk", "signature", "sharedkey", "credential", "token", "mac", "splunk",
		"acs", "bce", "hmac", "scram", "aws",
	} {
		if strings.HasPrefix(scheme, s) {
			return true
		}
	}
	return false
}

func nameThen(word string) bool {
	i := nameBytes.run(word, 0)
	return i > 0 && i < len(word)-1 && word[i] == '=' && word[i+1] != '='
}

// cookie hides what a Cookie or Set-Cookie header says.
func (s *scan) cookie(at int) {
	if s.within(at) {
		return
	}
	from, to := nameBytes.back(s.text, at, mostName), nameBytes.run(s.text[:min(len(s.text), at+mostName)], at)
	sign := s.separator(to)
	name := strings.TrimSuffix(s.lower[from:to], "s")
	t := s.text
	if sign.kind == 0 || sign.value >= len(t) || !strings.HasSuffix(name, "cookie") {
		return
	}
	s.nameEnd = max(s.nameEnd, to)
	if !s.may(&s.headers, mostLooks, at, func() int { return lineEnd(t, at) }) {
		return
	}
	value := sign.value
	for value < len(t) && t[value] == '[' {
		value++
	}
	if q := quoteAt(t, value); q != "" {
		end := closing(t, value+len(q), q)
		if v := t[value+len(q) : end]; !explains(v) && !sentence(v) {
			s.hide(value+len(q), end)
		}
		return
	}
	end := bareEnd(t, value, quoteBefore(t, from))
	for end < len(t) && (t[end] == ';' || t[end] == ' ') && end > value {
		next := end
		for next < len(t) && (t[next] == ';' || t[next] == ' ') {
			next++
		}
		if t[end] == ' ' && t[end-1] != ';' || next >= len(t) {
			break
		}
		stop := bareEnd(t, next, quoteBefore(t, from))
		if stop == next {
			break
		}
		end = stop
	}
	if v := t[value:end]; v != "" && !explains(v) && (strings.Contains(v, "=") || random(v, 8)) {
		s.hide(value, end)
	}
}

func quoteBefore(t string, from int) byte {
	if from > 0 && (t[from-1] == '"' || t[from-1] == '\'') {
		return t[from-1]
	}
	return 0
}

// credentialBytes are those of a bearer token (RFC 6750).
var credentialBytes = newClass("A-Za-z0-9._~+/=-")

// scheme is `Bearer x` without its header.
func (s *scan) scheme(at int) {
	if !begins(s.text, at) || s.hidden(at) {
		return
	}
	to := alnum.run(s.text, at)
	next := blankBytes.run(s.text, to)
	if strings.HasPrefix(s.text[to:], "%20") || strings.HasPrefix(s.text[to:], `\u0020`) {
		next = to + 3
		if s.text[to] == '\\' {
			next = to + 6
		}
	}
	if next == to || next >= len(s.text) {
		return
	}
	end := credentialBytes.run(s.text, next)
	v := strings.TrimRight(s.text[next:end], ".")
	if nameThen(v) && strings.Trim(v[:strings.IndexByte(v, '=')], "abcdefghijklmnopqrstuvwxyz_") == "" { // "token_type=bearer expires_in=1"
		return
	}
	if len(v) < 8 || explains(v) || !mixed(v) && len(v) < 16 || titled(v) || filePath(v) {
		return
	}
	s.hide(next, next+len(v))
}

// titled says that a text is a word with a large first letter.
func titled(v string) bool {
	return len(v) > 1 && v[0] >= 'A' && v[0] <= 'Z' && strings.Trim(v[1:], "abcdefghijklmnopqrstuvwxyz") == ""
}
