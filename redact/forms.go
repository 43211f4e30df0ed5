package redact

import "strings"

// foreignNames are the words for "password" of other languages that aren't written in ASCII alone. Those that are stand with the other
// names.
var foreignNames = strings.Fields(`contraseña пароль 密码 密碼 口令 パスワード 비밀번호 암호 hasło lösenord şifre jelszó mật-khẩu κωδικός
	סיסמה كلمة-المرور รหัสผ่าน`)

// foreignForms are the ways in which they stand in a text in small ASCII letters, also where unwrapped made Latin letters of Cyrillic
// ones.
func foreignForms() map[string]bool {
	out := map[string]bool{}
	for _, name := range foreignNames {
		name = strings.ReplaceAll(name, "-", " ")
		first := strings.SplitAfterN(name, "", 2)
		for _, form := range [...]string{name, strings.ToUpper(name), strings.ToUpper(first[0]) + first[1]} {
			out[lowered(form)], out[lowered(unwrapped(form))] = true, true
		}
	}
	return out
}

// foreign looks for the value of a name that is not written in ASCII: right behind it, or behind what says whose it is
// ("contraseña de la base de datos: x").
func (s *scan) foreign(at int, word string) {
	if s.within(at) {
		return
	}
	t := s.text
	to := at + len(word)
	sign := s.separator(to)
	if sign.kind == 0 && to < len(t) && t[to] == ' ' {
		end := lineEnd(t[:min(len(t), to+mostName)], to)
		if colon := strings.IndexAny(t[to:end], ":=\"'.,;("); colon > 0 && strings.IndexByte(":=", t[to+colon]) >= 0 {
			sign = s.separator(to + colon)
		}
	}
	if sign.kind == 0 || sign.kind == '>' || sign.value >= len(t) {
		return
	}
	first := t[sign.value:bareEnd(t, sign.value, 0)]
	if more := sign.value + len(first); more < len(t) && t[more] == ' ' && strings.ContainsFunc(first, func(c rune) bool { return c > '~' }) {
		return // the first word of a sentence in that language
	}
	s.assigned(at, secretName, sign)
}

// setters are how the functions' names begin that give a name its value, or ask for it and say what it is where there is none:
// define('DB_PASSWORD', 'x'), props.setProperty("db.password", "x"), env('DB_PASSWORD', 'x').
var setters = [...]string{"define", "putenv", "set", "put", "getenv", "env", "constant", "sys_setenv", "addproperty", "withproperty"}

// call hides the second argument of a function whose first is a name.
func (s *scan) call(kind meaning, from, to int) bool {
	t := s.text
	q := quoteAt(t, to)
	if q == "" || from <= len(q) {
		return false
	}
	before := strings.TrimRight(t[max(0, from-len(q)-4):from-len(q)], " ")
	value := blankBytes.run(t, to+len(q))
	if !strings.HasSuffix(before, "(") || value >= len(t) || t[value] != ',' {
		return false
	}
	value = blankBytes.run(t, value+1)
	mark := quoteAt(t, value)
	open := strings.LastIndexByte(t[:from], '(')
	function := s.lower[newName.back(t, open, mostName):open]
	for _, begin := range setters {
		if mark != "" && strings.HasPrefix(function, begin) {
			s.judge(kind, value+len(mark), closing(t, value+len(mark), mark), true, separator{kind: '='})
			return true
		}
	}
	return false
}

// indexed is where a name ends with the indexes behind it that say no more than that its value follows: token[value], password[],
// auth[token][0].
func (s *scan) indexed(to int) int {
	t := s.text
	if to < len(t) && t[to] == ']' {
		to++
	}
	for range mostNested {
		if to >= len(t) || t[to] != '[' {
			break
		}
		end := nameBytes.run(t[:min(len(t), to+mostName)], to+1)
		if end >= len(t) || t[end] != ']' {
			break
		}
		if inner := s.lower[to+1 : end]; inner != "" && !is(digits, inner) && inner != "value" && inner != "plaintext" && inner != "text" {
			break
		}
		to = end + 1
	}
	return to
}

// owner is the name of the object or map that the value at at is in: {"token":{"value":"x"}}, or a line of YAML further to the left.
func (s *scan) owner(at int) string {
	t := s.text
	least := max(0, at-mostNear)
	before := strings.TrimRight(t[least:at], "\"'\\ ")
	if brace := strings.LastIndexAny(before, "{}"); brace >= 0 {
		if before[brace] == '}' {
			return ""
		}
		before = before[:brace]
	} else {
		line := strings.LastIndexByte(before+"\n", '\n')
		if line < len(before) || !strings.HasSuffix(before, "\n") {
			return ""
		}
		margin := at - (least + line + 1)
		before = before[:line]
		above := before[strings.LastIndexByte(before, '\n')+1:]
		if !strings.HasSuffix(above, ":") || blankBytes.run(above, 0) >= margin {
			return ""
		}
	}
	before = strings.TrimRight(before, " \t\n")
	if !strings.HasSuffix(before, ":") && !strings.HasSuffix(before, "=") {
		return ""
	}
	before = strings.TrimRight(before, ":=> \t\"'\\")
	return before[nameBytes.back(before, len(before), mostName):]
}

// setPassword is SET PASSWORD FOR 'u'@'h' = 'x' of MySQL and MariaDB, also with TO, or with PASSWORD('x').
func (s *scan) setPassword(at int) {
	t := s.text
	end := lineEnd(t[:min(len(t), at+mostNear)], at)
	line := s.lower[at:end]
	sign := strings.IndexByte(line, '=')
	if sign < 0 {
		if sign = strings.Index(line, " to "); sign < 0 {
			return
		}
		sign += len(" to")
	}
	value := blankBytes.run(t, at+sign+1)
	for _, function := range [...]string{"password(", "old_password("} {
		if strings.HasPrefix(s.lower[min(value, len(t)):], function) {
			value += len(function)
		}
	}
	if value < end && quoteAt(t, value) != "" {
		s.argument(value)
	}
}

// secureString is ConvertTo-SecureString "x" -AsPlainText of PowerShell, also with "x" in front of it and a pipe.
func (s *scan) secureString(at int) {
	t := s.text
	if before := strings.TrimRight(t[max(0, at-mostNear):at], " "); strings.HasSuffix(before, "|") {
		before = strings.TrimRight(strings.TrimSuffix(before, "|"), " ")
		if last := len(before) - 1; last > 0 && (before[last] == '"' || before[last] == '\'') {
			if open := strings.LastIndexByte(before[:last], before[last]); open >= 0 {
				from := max(0, at-mostNear) + open + 1
				s.judge(secretName, from, from+last-open-1, true, separator{})
			}
		}
	}
	end := lineEnd(t[:min(len(t), at+mostURL)], at)
	value := blankBytes.run(t, at+len("convertto-securestring"))
	if strings.HasPrefix(s.lower[value:], "-string ") {
		value = blankBytes.run(t, value+len("-string "))
	}
	if value < end && (quoteAt(t, value) != "" ||
		strings.IndexByte("-$(:|", t[value]) < 0 && strings.Contains(s.lower[value:end], "-asplaintext")) {
		s.argument(value)
	}
}

var hostBytes = newClass("A-Za-z0-9.*-")

// passFile is a line of .pgpass, host:port:database:user:password, in which a colon of a name is escaped. at is in front of the port, or of
// a star in its place.
func (s *scan) passFile(at int) {
	t := s.text
	from := at
	for from > 0 && at-from < mostName && strings.IndexByte(" \t\n\"'`", t[from-1]) < 0 {
		from--
	}
	host := colonFields(t[from:at], 3)
	if len(host) > 2 || !is(hostBytes, host[0]) && !escapedAddress(host[0]) || len(host) == 2 && !is(digits, host[1]) {
		return
	}
	to := at
	for to < len(t) && to-at < mostURL && strings.IndexByte(" \t\n\"'`", t[to]) < 0 {
		to++
	}
	fields := colonFields(t[from:to], 5)
	if len(fields) < 5 || fields[1] != "*" && !is(digits, fields[1]) || explains(fields[4]) {
		return
	}
	for _, name := range fields[2:4] {
		if name != "*" && !is(nameBytes, strings.ReplaceAll(name, `\:`, "")) {
			return
		}
	}
	s.hide(to-len(fields[4]), to)
}

// colonFields are at most so many fields with colons between them; one that a backslash escapes is none, and the last field has the rest.
func colonFields(line string, most int) (fields []string) {
	begin := 0
	for i := 0; i < len(line) && len(fields) < most-1; i++ {
		switch line[i] {
		case '\\':
			i++
		case ':':
			fields = append(fields, line[begin:i])
			begin = i + 1
		}
	}
	return append(fields, line[begin:])
}

// escapedAddress says that the host of a .pgpass is an address of IPv6: its colons are escaped.
func escapedAddress(host string) bool {
	return strings.Contains(host, `\:`) && is(hexBytes, strings.ReplaceAll(host, `\:`, ""))
}

// passFilePort is a line of .pgpass with a port that isn't one of Postgres' own: of four digits or five, because a line of a file and a
// time, which have colons around them as well, have fewer. The database and the user have to look like names, not like parts of an
// address, numbers or what loggers write (file:line:function:level:message).
func (s *scan) passFilePort(at int) {
	t := s.text
	end := digits.run(t[:min(len(t), at+len(":65535:"))], at+1)
	if digits := end - at - 1; digits < 4 || digits > 5 || end >= len(t) || t[end] != ':' {
		return
	}
	fields := colonFields(t[end+1:min(len(t), end+2*mostName)], 3)
	if len(fields) < 3 || strings.IndexAny(fields[2]+"    ", " \t\n\"'`") < 4 {
		return
	}
	for _, name := range fields[:2] {
		if name != "*" && (is(digits, name) || is(hexBytes, name) && len(name) <= 4) {
			return
		}
	}
	switch lowered(fields[1]) {
	case "trace", "debug", "info", "notice", "warn", "warning", "error", "critical", "fatal":
		return
	}
	s.passFile(at)
}

// basicAuth is user:password behind the words for it: "basic auth admin:x".
func (s *scan) basicAuth(at int) {
	t := s.text
	to := wordBytes.run(t[:min(len(t), at+mostName)], at+len("basic auth"))
	if s.hidden(at) || !begins(t, at) || to < len(t) && wordBytes[t[to]] {
		return
	}
	for _, word := range [...]string{"with", "as", "for", "using", "credentials", "user"} {
		if next := blankBytes.run(t, to); strings.HasPrefix(s.lower[next:], word+" ") {
			to = next + len(word)
		}
	}
	for to < len(t) && strings.IndexByte(" :=\"'(", t[to]) >= 0 {
		to++
	}
	colon := nameBytes.run(t[:min(len(t), to+mostName)], to)
	if colon == to || colon >= len(t) || t[colon] != ':' || !s.may(&s.headers, mostLooks, at, func() int { return lineEnd(t, at) }) {
		return
	}
	end := bareEnd(t, colon+1, 0)
	user, password := t[to:colon], t[colon+1:end]
	if len(password) < 4 || strings.HasPrefix(password, "//") || is(digits, password) && len(password) < 6 ||
		explains(password) || kindOf(lowered(user))&about != 0 {
		return
	}
	s.hide(colon+1, end)
}
