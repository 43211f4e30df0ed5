package facts

import (
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var (
	// namedStatus is a number behind a word that says what it is: "HTTP 429", "status: 401", "unexpected status code 403".
	// A colon is followed by a space or stands behind a quote, as in JSON: "status:401" may be an image and its tag.
	namedStatus = regexp.MustCompile(`(?i)\b(?:status|(?:status|response)[ _-]?code|https?(?:/\d(?:\.\d)?)?(?: status| error| code)*|code)` +
		`(?:["']\s*[:=]\s*|\s*=\s*|:?\s+)(?:(?:is|was|of|from registry)\s+)?["'(\[]?([45]\d\d)`)
	// phrasedStatus is a number before what may be its own phrase: "401 Unauthorized", "403 (Forbidden)", "404: not found".
	phrasedStatus = regexp.MustCompile(`(?:^|[\s"'(\[=])([45]\d\d)[:,]?\s+\(?`)
	// acmeStatus is how cert-manager's ACME client writes the answers of an authority.
	acmeStatus = regexp.MustCompile(`(?:^|[\s"'(\[])([45]\d\d) urn:ietf:params:acme:error:`)
)

// statuses are the HTTP statuses of errors, 400 to 599, that a message states as such, in their order. A number that is part of
// a name is none: tags, digests, ports, pods and URLs may hold 401, 403, 429 or 503.
func statuses(message string) []int {
	var found []int
	add := func(digits string) {
		if code, err := strconv.Atoi(digits); err == nil && !slices.Contains(found, code) {
			found = append(found, code)
		}
	}
	for _, m := range namedStatus.FindAllStringSubmatchIndex(message, -1) {
		if endsNumber(message[m[3]:]) {
			add(message[m[2]:m[3]])
		}
	}
	for _, m := range phrasedStatus.FindAllStringSubmatchIndex(message, -1) {
		digits := message[m[2]:m[3]]
		code, _ := strconv.Atoi(digits) // three digits
		phrase, rest := http.StatusText(code), message[m[1]:]
		if phrase != "" && len(rest) >= len(phrase) && strings.EqualFold(rest[:len(phrase)], phrase) {
			add(digits)
		}
	}
	for _, m := range acmeStatus.FindAllStringSubmatch(message, -1) {
		add(m[1])
	}
	return found
}

// endsNumber says that what follows a number doesn't belong to it, as in "401-fix", "4030", "403.7" or "401/x".
func endsNumber(rest string) bool {
	if rest == "" || strings.ContainsRune(" \t\r\n,;)]}\"'", rune(rest[0])) {
		return true
	}
	return strings.ContainsRune(".:", rune(rest[0])) && (len(rest) == 1 || strings.ContainsRune(" \t\r\n", rune(rest[1])))
}

// StatesStatus says that a message states one of the HTTP statuses.
func StatesStatus(message string, codes ...int) bool {
	return slices.ContainsFunc(statuses(message), func(code int) bool { return slices.Contains(codes, code) })
}

// StatesServerError says that a message states an HTTP status from 500 on.
func StatesServerError(message string) bool {
	return slices.ContainsFunc(statuses(message), func(code int) bool { return code >= http.StatusInternalServerError })
}
