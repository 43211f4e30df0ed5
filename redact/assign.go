package redact

import "strings"

// name looks at the whole name around a word and, where the name says secret, at what follows: an assignment, a field of JSON or YAML,
// an element, a flag, a query parameter or a sentence.
func (s *scan) name(at int) {
	if at < s.nameEnd || at < s.blockEnd || s.within(at) {
		return
	}
	from, to := max(nameBytes.back(s.text, at, mostName), min(at, s.nameEnd)), nameBytes.run(s.text, at)
	for to > from && (s.text[to-1] == '.' || s.text[to-1] == '-') {
		to--
	}
	s.nameEnd = to
	name := s.text[from:to]
	kind := meaningOf(name)
	if at, ok := s.gap(to); ok { // "API key:", "access token =", "connection string:"
		if k := meaningOf(name + "_" + s.text[at:nameBytes.run(s.text[:min(len(s.text), at+mostName)], at)]); k == secretName &&
			kind != secretName && isSecretTail(s.lower[at:]) {
			to = nameBytes.run(s.text, at)
			kind, s.nameEnd = k, to
		} else if tail := s.lower[at:nameBytes.run(s.text[:min(len(s.text), at+mostName)], at)]; strings.EqualFold(name, "pass") &&
			(tail == "phrase" || tail == "word") {
			name, to = "pass"+tail, at+len(tail)
			s.nameEnd = to
		}
	}
	if name == "key" || name == "Key" || name == "KEY" {
		kind = s.keyInWords(from)
	}
	sign := s.separator(s.indexed(to))
	if sign.kind == '>' && (from == 0 || strings.IndexByte("<:;c/C", s.text[from-1]) < 0) || sign.kind == ':' &&
		s.lower[from:to] == "token" && strings.HasSuffix(s.lower[:from], "unexpected ") {
		return // no element: an arrow, a mask; the token of a parser
	}
	if kind == harmless && sign.kind != 0 {
		kind = s.parameter(from, name, sign)
	}
	if kind == harmless && sign.kind != 0 && s.plural(name, sign) {
		return
	}
	if kind == harmless {
		if lower := lowered(name); sign.kind == '=' && strings.HasSuffix(lower, "webhook_url") {
			s.hook(sign.value)
		}
		return
	}
	if sign.kind == 0 {
		s.unsigned(kind, from, to)
		return
	}
	if sign.kind == ':' && s.phraseOfWords(lowered(name), sign.value) {
		return
	}
	if strings.HasSuffix(lowered(name), "webhook") {
		s.hook(sign.value)
	}
	s.assigned(from, kind, sign)
}

// unsigned looks for the value of a name that no sign follows.
func (s *scan) unsigned(kind meaning, from, to int) {
	switch {
	case s.call(kind, from, to):
	case kind == secretName && s.unusual(to):
	case kind == secretName:
		s.flag(from, to)
		if !s.beside(from, to) {
			s.inSentence(from, to)
		}
	case s.lower[from:to] == "key": // "the private key is x"
		s.inSentence(from, to)
	}
}

// isSecretTail says that the second word of a name in two words begins here.
func isSecretTail(lower string) bool {
	for _, w := range [...]string{"key", "token", "secret", "password", "string", "code"} {
		if strings.HasPrefix(lower, w) && (len(lower) == len(w) || !wordBytes[lower[len(w)]]) {
			return true
		}
	}
	return false
}

// keyInWords reads the word before "key" in a sentence: "Invalid API key", "access key:". A "secret key" is
// most often a key of a Secret, so its value has to look like one.
func (s *scan) keyInWords(from int) meaning {
	if from < 2 || s.text[from-1] != ' ' {
		return harmless
	}
	word := s.lower[nameBytes.back(s.text, from-1, mostName) : from-1]
	if words := wordsOf(word); len(words) > 0 && kindOf(words[len(words)-1])&cryptoKey != 0 {
		if word != "secret" && word != "private" {
			return secretName
		}
		if sign := s.separator(from + len("key")); sign.kind != 0 && sign.value < len(s.text) {
			v := strings.Trim(s.text[sign.value:bareEnd(s.text, sign.value, 0)], `"'`)
			if len(v) >= 8 && mixed(v) && is(alnum, v) && !titled(v) {
				return secretName
			}
		}
		return likely
	}
	return harmless
}

// gap is where the next word begins when one blank is between.
func (s *scan) gap(to int) (int, bool) {
	if to+1 < len(s.text) && s.text[to] == ' ' && alnum[s.text[to+1]] {
		return to + 1, true
	}
	return 0, false
}

// parameter: some short names are secrets in the query of a URL alone.
func (s *scan) parameter(from int, name string, sign separator) meaning {
	if from == 0 || sign.kind != '=' || s.text[from-1] != '?' && s.text[from-1] != '&' {
		return harmless
	}
	switch lowered(name) {
	case "key", "code", "k", "sig", "hash", "auth":
		return likely
	}
	return harmless
}

// separator is what is between a name and its value.
type separator struct {
	kind  byte // '=' or ':' or '>' (of an element); 0 for none
	value int  // where the value begins
	wide  bool // blanks stood around it
}

// separator reads quotes, blanks and one sign: `=`, `:`, `=>`, `:=`, `>`, also escaped for JSON, HTML or a URL.
func (s *scan) separator(at int) separator {
	t := s.text
	quoted := quoteAt(t, at)
	at += len(quoted)
	if at < len(t) && t[at] == ']' { // config["password"] = …
		at++
	}
	blank := blankBytes.run(t, at)
	wide := blank > at
	at = blank
	out := separator{wide: wide}
	rest := t[at:]
	switch {
	case strings.HasPrefix(rest, "=>"), strings.HasPrefix(rest, ":="):
		out.kind, at = '=', at+2
	case strings.HasPrefix(rest, "==") && quoteAt(t, blankBytes.run(t, at+2)) != "" && (wide || quoted != ""):
		out.kind, at = '=', at+2
	case strings.HasPrefix(rest, "==") || strings.HasPrefix(rest, "!=") || strings.HasPrefix(rest, "::") || strings.HasPrefix(rest, "://"):
		return separator{}
	case strings.HasPrefix(rest, "="):
		out.kind, at = '=', at+1
	case strings.HasPrefix(rest, ":"):
		out.kind, at = ':', at+1
	case strings.HasPrefix(rest, ">") && !wide && quoted == "":
		out.kind, at = '>', at+1
	case strings.HasPrefix(rest, "&gt;"):
		out.kind, at = '>', at+4
	case strings.HasPrefix(rest, "%"):
		if out.kind, at = percentSign(t, at); out.kind == 0 {
			return separator{}
		}
	case strings.HasPrefix(rest, `\075`):
		out.kind, at = '=', at+4
	case strings.HasPrefix(rest, `\u003d`), strings.HasPrefix(rest, `\u003D`):
		out.kind, at = '=', at+6
	case strings.HasPrefix(rest, `\u003e`):
		out.kind, at = '>', at+6
	default:
		return separator{}
	}
	blank = blankBytes.run(t, at)
	out.wide = out.wide || blank > at
	out.value = blank
	if out.kind == '=' && strings.HasPrefix(t[blank:], "\\\n") { // the line goes on in the next
		out.value = blankBytes.run(t, blank+2)
	}
	return out
}

// percentSign is an equals sign or a colon as a URL has it, however often it was escaped, with where it ends; 0 for anything else.
func percentSign(t string, at int) (kind byte, end int) {
	for end = at + 1; strings.HasPrefix(t[end:], "25"); {
		end += len("25")
	}
	switch {
	case strings.HasPrefix(t[end:], "3D"), strings.HasPrefix(t[end:], "3d"):
		return '=', end + 2
	case strings.HasPrefix(t[end:], "3A"), strings.HasPrefix(t[end:], "3a"):
		return ':', end + 2
	}
	return 0, at
}

// assigned hides the value behind a separator unless it explains something.
func (s *scan) assigned(from int, kind meaning, sign separator) {
	t, at := s.text, sign.value
	if at >= len(t) || t[at] == '\n' || strings.HasPrefix(t[at:], `\n`) {
		s.nextLine(kind, sign, at)
		return
	}
	if s.wrappedValue(kind, at, sign) {
		return
	}
	if sign.kind == ':' {
		at = typed(t, at)
	}
	for _, prefix := range [...]string{"b'", `b"`, "u'", `u"`, "r'", `r"`, `@"`, `$"`} { // bytes and other strings of programming languages
		if strings.HasPrefix(t[at:], prefix) {
			at++
			break
		}
	}
	if strings.HasPrefix(t[at:], "string(") { // as PHP prints it
		at = min(len(t)-1, at+len("string(")+strings.IndexByte(t[at+len("string("):min(len(t), at+mostName)]+`"`, '"'))
	}
	if strings.HasPrefix(t[at:], "<<") {
		s.heredoc(at)
		return
	}
	if t[at] == '[' && kind == secretName && sign.kind != '>' {
		s.list(at)
		return
	}
	if q := quoteAt(t, at); q != "" {
		from := at + len(q)
		to := closing(t, from, q)
		s.judge(kind, from, to, true, sign)
		return
	}
	if strings.ContainsRune("{(|>&,;)]}", rune(t[at])) && sign.kind != '=' || t[at] == '{' || t[at] == '(' {
		if (t[at] == '|' || t[at] == '>') && sign.kind == ':' {
			s.block(from, lineEnd(t, at))
		}
		return
	}
	if sign.kind == '>' {
		to := at + strings.IndexByte(t[at:min(len(t), at+mostValue)]+"<", '<')
		if esc := strings.Index(t[at:min(len(t), to)], "&lt;"); esc >= 0 {
			to = at + esc
		}
		s.judge(kind, at, min(to, len(t)), true, sign)
		return
	}
	s.bare(from, kind, sign, at)
}

// bare is a value without quotes.
func (s *scan) bare(from int, kind meaning, sign separator, at int) {
	if !s.mayInWord(&s.bares, at) {
		return
	}
	t := s.text
	enclosed := byte(0) // the quotation mark that the name is in
	if from > 0 && (t[from-1] == '"' || t[from-1] == '\'' || t[from-1] == '`') {
		enclosed = t[from-1]
	}
	to := bareEnd(t, at, enclosed)
	if typed := strings.HasPrefix(t[to:], " = "); typed && sign.kind == ':' && alnum[t[at]] &&
		explains(t[at:to]) { // const apiKey: string = "x"
		s.assigned(from, kind, separator{kind: '=', value: to + len(" = ")})
		return
	}
	if sign.kind == '=' && inConnectionString(t, from) {
		end := to + strings.IndexAny(t[to:min(len(t), to+mostName)]+";", ";\n\"'")
		if end = min(end, len(t)); !strings.ContainsAny(t[to:end], "=") {
			to = end
		}
	}
	if to == at {
		return
	}
	if sign.kind == ':' && sign.wide && to < len(t) && t[to] == ' ' && s.rest(kind, at, to) {
		return
	}
	s.judge(kind, at, to, false, sign)
}

// rest looks at a value of several words after a colon. It returns true when all is said about it.
func (s *scan) rest(kind meaning, at, to int) bool {
	line := s.text[at:lineEnd(s.text[:min(len(s.text), to+mostNear)], to)]
	if len(line) > mostNear/2 && !s.may(&s.lines, mostLooks, at, func() int { return lineEnd(s.text, at) }) {
		return true
	}
	first := s.text[at:to]
	if kind != secretName || explains(first) {
		return true
	}
	if digits[first[0]] && strings.HasPrefix(s.text[to:], " bytes") { // kubectl describe secret
		return true
	}
	if !mixed(first) && strings.Trim(first, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ,.'") == "" {
		if sentence(line) {
			return true
		}
		if joined(line) {
			return false // the first word alone
		}
		if !strings.ContainsAny(line, ":=\"{}[]|") && len(strings.Fields(line)) <= 8 {
			s.hide(at, at+len(strings.TrimRight(line, " \t")))
			return true
		}
	}
	return false
}
