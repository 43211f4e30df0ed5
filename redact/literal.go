package redact

import "strings"

// leastLiteral is the shortest literal of a template that is hidden by value, whatever its name is.
const leastLiteral = 8

// Literal says that a value of a pod's template is to be hidden wherever else it occurs, whatever the name it was given: it has eight
// bytes or more and is no ordinary word, number, address without credentials, path, image or setting. Nobody would miss it in a log, and it
// may be a password.
func Literal(value string) bool {
	v := strings.TrimSpace(value)
	if len(v) < leastLiteral || explaining[lowered(v)] || masked(v) || refers(v) {
		return false
	}
	if scheme, rest, ok := strings.Cut(v, "://"); ok && is(schemeByte, strings.TrimPrefix(scheme, "jdbc:")) {
		return strings.Contains(rest, "@") || strings.Contains(rest, "assword") || len((*Redactor)(nil).search(v, 0)) > 0
	}
	switch {
	case strings.ContainsAny(v, " \t\n"):
		return v[0] != '-' && !sentence(v) && len(v) <= mostForm && (random(strings.Join(strings.Fields(v), ""), leastLiteral) ||
			lettersOnly(v))
	case strings.ContainsAny(v, "!#^~?\\`") || strings.Contains(v, "*") && mixed(v) && !strings.ContainsAny(v, ".,/ ") ||
		strings.ContainsAny(v[1:], "$") || strings.Contains(v, "%") && mixed(v):
		return mixed(v) || !lettersOnly(v)
	case filePath(v) && !random(v, 24), strings.Trim(v, "0123456789.,:_+-eExX") == "", schedule(v):
		return false
	case strings.ContainsAny(v, "@"):
		return !is(settingBytes, v) || random(strings.ReplaceAll(v, ".", ""), 12)
	case is(newName, v) || is(base64URL, strings.TrimRight(v, "=")):
		return machineMade(v)
	case is(settingBytes, v): // names, hosts, images, versions, lists of them
		for part := range strings.FieldsFuncSeq(v, func(c rune) bool { return strings.ContainsRune("/:,.@;=", c) }) {
			if len(part) >= 16 && machineMade(part) {
				return true
			}
		}
		return false
	}
	return mixed(v)
}

var settingBytes = newClass("A-Za-z0-9_.:/,;=@+*()[]{}\"'-")

// machineMade says that letters and digits are no words with a number: they turn from one to the other too often, or one part is too
// long for a word.
func machineMade(v string) bool {
	if random(v, leastLiteral) && (!strings.ContainsAny(v, "-_/") || len(v) >= 20 || largeInside(v)) {
		return true
	}
	for part := range strings.FieldsFuncSeq(v, func(c rune) bool { return c == '-' || c == '_' || c == '/' || c == '+' }) {
		turns := 0
		for i := 1; i < len(part); i++ {
			if digits[part[i]] != digits[part[i-1]] {
				turns++
			}
		}
		if turns >= 4 || len(part) > 17 && lowered(part) == part || len(part) >= leastLiteral && turns == 1 &&
			len(strings.TrimRight(part, "0123456789")) >= 4 && len(v) == len(part) {
			return true
		}
	}
	return false
}

// largeInside says that large letters stand behind small ones, as in no setting with a number in it.
func largeInside(v string) bool {
	for i := 1; i < len(v); i++ {
		if v[i] >= 'A' && v[i] <= 'Z' && v[i-1] >= 'a' && v[i-1] <= 'z' {
			return true
		}
	}
	return false
}

func lettersOnly(v string) bool {
	return strings.Trim(v, " \n\tabcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// schedule says that a value is a time, a duration, a size or the like: numbers with a unit.
func schedule(v string) bool {
	return strings.Trim(v, "0123456789.:-+TZPDHMSmsunhdkKGiB/*, ") == ""
}
