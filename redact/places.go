package redact

import "strings"

// beside looks for the value of a name that no sign follows, by the place of the name: an attribute of an element, the
// name of an element, a function, a line of a configuration file, a variable of Terraform, a sentence. It returns whether one was
// found.
func (s *scan) beside(from, to int) bool {
	t := s.text
	quote := quoteAt(t, to)
	at := to + len(quote)
	switch {
	case at >= len(t):
		return false
	case quote == "" && from > 0 && (t[from-1] == '<' || t[from-1] == ':') && t[at] == ' ',
		quote != "" && from > 6 && keyAttribute(s.lower[:from-1]):
		return s.element(at)
	case strings.HasPrefix(t[at:], "</key>"): // of Apple's property lists
		if i := strings.Index(t[at:min(len(t), at+mostName)], "<string>"); i > 0 {
			value := at + i + len("<string>")
			s.judge(secretName, value, value+strings.IndexByte(t[value:min(len(t), value+mostValue)]+"<", '<'), true, separator{kind: '>'})
			return true
		}
	case quote != "" && t[at] == '\t' && quoteAt(t, at+1) != "":
		s.argument(at + 1)
		return true
	case quote != "" && strings.HasPrefix(t[at:], " {") && strings.HasSuffix(s.lower[:from-1], "variable "): // of Terraform
		block, _, _ := strings.Cut(t[at:min(len(t), at+mostNear)], "}")
		if i := strings.Index(block, "default"); i >= 0 {
			if sign := s.separator(at + i + len("default")); sign.kind == '=' {
				s.assigned(from, secretName, sign)
				return true
			}
		}
	case t[at] == '(' && strings.EqualFold(t[from:to], "password") && quoteAt(t, at+1) != "": // of MySQL
		s.argument(at + 1)
		return true
	case strings.HasPrefix(t[at:], " | "): // a table
		if v := t[at+3 : bareEnd(t, at+3, 0)]; mixed(v) && !explains(v) && len(v) >= 6 {
			s.hide(at+3, at+3+len(v))
			return true
		}
	case t[at] == ' ':
		return s.configured(from, at) || s.said(at)
	case strings.HasPrefix(t[from:], "-") && t[at] == '\n':
		if before, ok := s.lineTo(from); !ok || before != "" {
			return false
		}
		next := at + 1 + blankBytes.run(t[at+1:], 0)
		if v := t[next:lineEnd(t, next)]; v != "" && v[0] != '-' && !strings.ContainsAny(v, " :") { // arguments, one a line
			s.judge(secretName, next, next+len(v), false, separator{})
			return true
		}
	}
	return false
}

func keyAttribute(before string) bool {
	return strings.HasSuffix(before, "name=") || strings.HasSuffix(before, "key=")
}

// element hides the text of the element whose attributes continue at at.
func (s *scan) element(at int) bool {
	t := s.text
	end := strings.IndexAny(t[at:min(len(t), at+mostNear)], "<>")
	if end < 0 || t[at+end] != '>' || t[at+max(0, end-1)] == '/' {
		return false
	}
	value := at + end + 1
	s.judge(secretName, value, value+strings.IndexByte(t[value:min(len(t), value+mostValue)]+"<", '<'), true, separator{kind: '>'})
	return true
}

// configured is a line of a file in which a blank is between a name and its value: `bindpw x`, `setenv MAIL_PASSWORD x`.
func (s *scan) configured(from, at int) bool {
	t := s.text
	name := s.lower[from:at]
	if first, ok := s.lineTo(from); !ok || first != "" && first != "env" && first != "setenv" && first != "set -gx" && first != "export" {
		return false
	}
	switch name {
	case "bindpw", "rootpw", "olcrootpw", "masterauth", "requirepass":
	default:
		if !strings.Contains(name, "_") {
			return false
		}
	}
	value := blankBytes.run(t, at)
	v := strings.TrimRight(t[value:lineEnd(t, value)], " \t")
	if v == "" || strings.ContainsAny(v, " \t") && quoteAt(v, 0) == "" {
		return false
	}
	s.argument(value)
	return true
}

// lineTo is what comes before a name in its line, in small letters; false where that is too much.
func (s *scan) lineTo(from int) (string, bool) {
	least := max(0, from-mostName)
	begin := strings.LastIndexByte(s.text[least:from], '\n')
	return strings.TrimSpace(s.lower[least+begin+1 : from]), begin >= 0 || least == 0
}

// said is a sentence about a secret that ends with it: "The password for admin is: x", "use the following password:" and x in a line of
// its own; and "password is hunter2".
func (s *scan) said(at int) bool {
	t := s.text
	end := lineEnd(t[:min(len(t), at+mostNear)], at)
	line := t[at:end]
	for _, verb := range [...]string{" is ", " was "} {
		if v, ok := strings.CutPrefix(line, verb); ok && s.password(at) {
			quote := len(quoteAt(v, 0))
			v = strings.TrimRight(firstWord(v[quote:]), ".,;!\"'")
			if len(v) >= 6 && mixed(v) && is(wordBytes, v) && !digits[v[0]] && !titled(v) && !explains(v) &&
				!strings.HasPrefix(lowered(v), "sha") {
				s.hide(at+len(verb)+quote, at+len(verb)+quote+len(v))
				return true
			}
		}
	}
	colon := strings.LastIndex(line, ":")
	if colon < 0 || colon > mostName {
		return false
	}
	value := at + colon + 1
	if strings.TrimSpace(t[value:end]) == "" {
		for value < len(t) && (t[value] == '\n' || t[value] == ' ') {
			value++
		}
		end = lineEnd(t, value)
	} else {
		value = blankBytes.run(t, value)
	}
	v := strings.TrimRight(t[value:end], " .")
	if strings.ContainsAny(v, " \t") || !random(v, 8) && (len(v) < 24 || !is(hexBytes, v)) || explains(v) {
		return false
	}
	s.hide(value, value+len(v))
	return true
}

// phraseOfWords hides a mnemonic or a passphrase of four words and more.
func (s *scan) phraseOfWords(name string, at int) bool {
	if at >= len(s.text) || !strings.HasSuffix(name, "mnemonic") && !strings.HasSuffix(name, "passphrase") {
		return false
	}
	v := s.text[at:lineEnd(s.text, at)]
	if !lettersOnly(v) || strings.Count(v, " ") < 3 || sentence(v) {
		return false
	}
	s.hide(at, at+len(v))
	return true
}

// heredoc hides the lines up to the mark that `<<EOT` names.
func (s *scan) heredoc(at int) {
	mark := strings.Trim(strings.TrimLeft(s.text[at:lineEnd(s.text, at)], "<-~"), "\"' ")
	next := lineEnd(s.text, at) + 1
	if mark == "" || next >= len(s.text) || !is(wordBytes, mark) {
		return
	}
	end := len(s.text)
	if i := strings.Index(s.text[next:], mark); i >= 0 {
		end = next + i
	}
	s.hide(next, next+len(strings.TrimRight(s.text[next:end], " \t\n")))
	s.blockEnd = max(s.blockEnd, end)
}

// hook hides the last part of the address of a webhook: anyone who knows it can post there.
func (s *scan) hook(at int) {
	at = min(at+len(quoteAt(s.text, at)), len(s.text))
	v := s.text[at:s.blankAfter(at)]
	if slash := strings.LastIndexByte(v, '/'); address(v) && slash > 0 && random(v[slash+1:], 16) {
		s.hide(at+slash+1, at+len(v))
	}
}

// numbered is "Unseal Key 1: x".
func (s *scan) numbered(at int) {
	to := digits.run(s.text, at+strings.Index(s.lower[at:], "key ")+len("key "))
	if sign := s.separator(to); sign.kind == ':' && sign.value < len(s.text) {
		s.argument(sign.value)
	}
}

// puttyKey hides the lines behind "Private-Lines: 8", and the value of "Private-MAC:".
func (s *scan) puttyKey(at int) {
	t := s.text
	if !s.may(&s.lines, mostFarLooks, at, func() int { return lineEnd(t, at) }) {
		return
	}
	if s.lower[at+len("private-")] == 'm' {
		s.argument(min(len(t), blankBytes.run(t, at+len("private-mac:"))))
		return
	}
	next := lineEnd(t, at)
	end := next
	for end < len(t) {
		to := lineEnd(t, end+1)
		if !is(keyBytes, strings.TrimSpace(t[min(end+1, to):to])) {
			break
		}
		end = to
	}
	s.hide(min(next+1, end), end)
}

// smtpAnswer is what a client answers when it's asked for its password, in base64.
func (s *scan) smtpAnswer(at int) {
	next := min(lineEnd(s.text, at)+1, len(s.text))
	if word := base64URL.run(s.text, next); word-next >= 4 {
		for word < len(s.text) && s.text[word] == '=' {
			word++
		}
		s.hide(next, word)
	}
}

// community is the password of SNMP.
func (s *scan) community(at int) {
	before := s.lower[max(0, at-len("snmp-server ")):at]
	if before == "snmp-server " || strings.HasSuffix(before, "\nro") || strings.HasSuffix(before, "\nrw") {
		s.argument(at + len("community "))
	}
}

// oneTimeCode is "Your verification code is 123456".
func (s *scan) oneTimeCode(at int) {
	before := s.lower[max(0, at-16):at]
	from := at + len("code is ")
	to := digits.run(s.text, from)
	for _, w := range [...]string{"verification ", "security ", "one-time ", "login ", "access ", "pass"} {
		if strings.HasSuffix(before, w) && to-from >= 4 {
			s.hide(from, to)
		}
	}
}
