package redact

import "strings"

// judge hides a value by what its name means and how it looks.
func (s *scan) judge(kind meaning, from, to int, quoted bool, sign separator) {
	v := s.text[from:to]
	if v == "" || explains(v) && (kind != secretName || !guessable(v) || !s.password(from)) || quoted && sentence(v) ||
		kind == vendors && !keyLike(v) || errorName(v) && !s.password(from) || sign.kind == ':' && sign.wide && !quoted && variable(v) {
		return
	}
	if kind == likely && !random(v, 12) {
		least := 16
		if strings.Contains(s.lower[max(0, from-12):from], "auth\"") { // of a Docker configuration
			least = 8
		}
		if user, password, ok := strings.Cut(v, ":"); ok && is(wordBytes, user) && len(password) >= 4 && !digits[password[0]] &&
			!strings.ContainsAny(password, ":/ ") && strings.HasSuffix(strings.TrimRight(s.lower[max(0, from-12):from], "\"'=: "), "auth") {
			s.hide(from+len(user)+1, to) // AUTH=user:password
			return
		}
		if len(v) < least || !isBase64(v) {
			return
		}
	}
	if len(v) <= 3 && is(digits, v) && !strings.Contains(s.lower[max(0, from-16):from], "passw") {
		return // "token=17"
	}
	if strings.HasPrefix(v, "-") && !quoted && sign.kind == 0 { // another flag
		return
	}
	s.hide(from, to)
}

func isBase64(v string) bool { return is(base64URL, strings.TrimRight(v, "=")) && mixed(v) }

// list hides the strings of a list.
func (s *scan) list(at int) {
	if at < s.listEnd { // its strings were looked at, but perhaps not with the marks in the same roles
		s.hide(at, s.listEnd)
		return
	}
	i := at + 1
	for i < len(s.text) && s.text[i] != ']' {
		q := quoteAt(s.text, i)
		if q == "" {
			i++
			continue
		}
		to := closing(s.text, i+len(q), q)
		s.judge(secretName, i+len(q), to, true, separator{kind: ':'})
		i = max(to+len(q), i+1)
	}
	s.listEnd = min(i, len(s.text))
}

// nextLine is a value that is alone on the line after its name.
func (s *scan) nextLine(kind meaning, sign separator, at int) {
	t := s.text
	if kind != secretName || sign.kind == '>' || at >= len(t) {
		return
	}
	next := at + 1
	if t[at] == '\\' {
		next = at + 2
	}
	for range 2 { // empty lines
		if empty := blankBytes.run(t, next); empty < len(t) && t[empty] == '\n' {
			next = empty + 1
		}
	}
	next = blankBytes.run(t, next)
	if next+1 < len(t) && t[next] == '-' && t[next+1] == ' ' {
		s.items(strings.LastIndexByte(t[:next], '\n'))
		return
	}
	end := lineEnd(t[:min(len(t), next+mostValue)], min(next, len(t)))
	if cut := strings.Index(t[next:end], `\n`); cut >= 0 {
		end = next + cut
	}
	v := strings.TrimRight(t[next:end], "\"', \t}])")
	q := quoteAt(t, next)
	v = strings.TrimPrefix(v, q)
	if first := strings.TrimRight(firstWord(v), ",;"); first != v && random(first, 8) {
		v = first
	}
	if v == "" || len(v) < 6 || strings.ContainsAny(v, " \t{}[]<>(,") || strings.HasPrefix(v, "- ") || explains(v) || strings.HasSuffix(v,
		":") {
		return
	}
	if i := nameBytes.run(v, 0); i < len(v) && (v[i] == ':' || v[i] == '=') && i+1 < len(v) {
		return // another name
	}
	if q == "" && !mixed(v) && sign.kind == ':' {
		return // a heading and a word
	}
	s.hide(next+len(q), next+len(q)+len(v))
}

// block hides the lines of a YAML block ("password: |") that stand further to the right than the name.
func (s *scan) block(from, end int) {
	t := s.text
	start := strings.LastIndexByte(t[:from], '\n') + 1
	margin := blankBytes.run(t, start) - start
	for at := end + 1; at < len(t); {
		s.blockEnd = at
		to := lineEnd(t, at)
		indent := strings.IndexFunc(t[at:to]+"x", func(c rune) bool { return c != ' ' })
		if indent <= margin && strings.TrimSpace(t[at:to]) != "" {
			return
		}
		s.hide(min(at+indent, to), to)
		at = to + 1
	}
	s.blockEnd = len(t)
}

// guessable says that a word that may explain something is one that people choose as a password.
func guessable(v string) bool {
	switch lowered(strings.Trim(v, `"'`)) {
	case "secret", "secrets", "password", "passwords", "token", "key", "login", "access", "default", "user", "username", "hash", "private",
		"internal", "external", "local", "localhost", "production", "development", "staging", "anonymous", "session", "active", "query", "code",
		"native", "dynamic", "static", "public", "mfa", "sso", "vault", "ldap", "weak", "strong", "short", "long", "please", "bucket":
		return true
	}
	return false
}

// password says that the name in front of a value ends as those of passwords do.
func (s *scan) password(value int) bool {
	name := strings.TrimRight(s.lower[max(0, value-mostName):value], "\\\"' \t:=>")
	for _, end := range [...]string{"pass", "password", "passwd", "pwd", "passphrase", "secret"} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return false
}

// keyLike says that a value is a UUID, or has 20 bytes or more that a machine made.
func keyLike(v string) bool {
	if len(v) == 36 && strings.Count(v, "-") == 4 && is(hexBytes, strings.ReplaceAll(v, "-", "")) {
		return true
	}
	return len(v) >= 20 && is(wordBytes, v) && (random(v, 20) || is(hexBytes, v[:20]) && mixed(v))
}

// errorName says that a value is how an error is called: "DefaultAzureCredential: AADSTS700213: …", "token: TokenExpiredError".
func errorName(v string) bool {
	v = strings.TrimRight(v, ":.,")
	if code, ok := strings.CutPrefix(v, "AADSTS"); ok {
		return len(code) >= 5 && len(code) <= 8 && is(digits, code)
	}
	return len(v) > len("Exception") && (strings.HasSuffix(v, "Error") || strings.HasSuffix(v, "Exception")) && lettersOnly(v)
}

// variable says that a value is the name of one: "missing required secret: STRIPE_KEY".
func variable(v string) bool {
	return strings.Contains(v, "_") && strings.Trim(v, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") == ""
}
