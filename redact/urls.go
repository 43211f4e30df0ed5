package redact

import "strings"

// url hides the user and password of a URL, in which at is the place of "://". A password may hold any sign, so everything up to the
// last @ goes, unless a port is where the password would.
func (s *scan) url(at int) {
	if s.hidden(at) {
		return
	}
	end := s.blankAfter(at)
	if !s.may(&s.urls, mostLooks, at, func() int { return end }) {
		return
	}
	t := s.text
	sep := "://"
	if !strings.HasPrefix(t[at:], sep) {
		sep = t[at:min(len(t), at+len("%3A%2F%2F"))]
		if t[at+1] == '\\' {
			sep = `:\/\/`
		}
	}
	schemeFrom := schemeByte.back(t, at, 20)
	scheme := s.lower[schemeFrom:at]
	from := at + len(sep)
	whole := t[min(from, end):min(end, from+mostURL)]
	cut := end > from+mostURL
	if next := strings.Index(whole, "://"); next > 0 { // another URL
		if at := strings.LastIndexAny(whole[:next], ",;= "); at >= 0 && !strings.Contains(whole[at:next], "@") {
			whole = whole[:at]
		}
	}
	sign := "@"
	if sep[0] == ':' && strings.Contains(whole, "@") || sep[0] == '%' && !strings.Contains(whole, "%40") {
		sign = "@"
	} else if sep[0] == '%' {
		sign = "%40"
	}
	first := strings.Index(whole, sign)
	if first <= 0 {
		if cut && first < 0 && !strings.ContainsAny(whole, "/?#") { // a password that is longer than any URL
			s.hide(from, end)
		}
		return
	}
	authority := whole
	if end := strings.IndexAny(whole, "/?#"); end >= 0 {
		authority = whole[:end]
	}
	colon := strings.IndexByte(whole[:first], ':')
	if sign == "%40" {
		colon = strings.Index(whole[:first], "%3A")
	}
	if colon < 0 {
		if name := whole[:first]; len(authority) > first && len(name) >= 16 && mixed(name) && !masked(name) && !refers(name) {
			s.hide(from, from+first)
		}
		return
	}
	if colon > 0 && portThen(whole[colon+1:]) || strings.ContainsAny(whole[:colon], "/?#[") {
		return
	}
	last := strings.LastIndex(whole, sign)
	if web := scheme == "http" || scheme == "https" || scheme == "git" || scheme == "ssh"; web && strings.Contains(authority, sign) {
		last = strings.LastIndex(authority, sign)
	}
	for last > first && whole[last-1] == '/' {
		last = first + max(0, strings.LastIndex(whole[first:last], sign))
	}
	password := whole[colon+1 : last]
	if masked(password) || refers(password) || explains(password) && !mixed(password) && password != "secret" {
		return
	}
	if to := from + last; cut && len(authority) == len(whole) {
		s.hide(from, end)
	} else {
		s.hide(from, to)
	}
}

// blankAfter is where the word without blanks and quotation marks ends that a byte is in.
func (s *scan) blankAfter(at int) int {
	if at >= s.wordEnd {
		s.wordEnd = at
		for s.wordEnd < len(s.text) && strings.IndexByte(" \t\n\"'`", s.text[s.wordEnd]) < 0 {
			s.wordEnd++
		}
	}
	return s.wordEnd
}

// mayInWord is may for what goes to the end of its word at most.
func (s *scan) mayInWord(a *allowance, at int) bool {
	return s.may(a, mostLooks, at, func() int { return s.blankAfter(at) })
}

// portThen says that a text begins with a port: `8080/path@v2`.
func portThen(s string) bool {
	n := digits.run(s, 0)
	return n > 0 && n <= 5 && (n == len(s) || s[n] == '/' || s[n] == '?' || s[n] == '#' || s[n] == ',')
}

// dsn is user:password@tcp(host), of Go's driver for MySQL.
func (s *scan) dsn(at int) {
	from := at
	for from > s.dsnEnd && strings.IndexByte(" \t\n\"'`=", s.text[from-1]) < 0 {
		from--
	}
	s.dsnEnd = at + 1
	if i := strings.IndexByte(s.text[from:at], ':'); i >= 0 && !masked(s.text[from+i+1:at]) && !refers(s.text[from+i+1:at]) {
		s.hide(from+i+1, at)
	}
}

// oracle is jdbc:oracle:thin:user/password@….
func (s *scan) oracle(at int) {
	from := at + len("oracle:thin:")
	if from > len(s.text) || !s.mayInWord(&s.urls, at) {
		return
	}
	to := bareEnd(s.text, from, 0)
	last := strings.LastIndexByte(s.text[from:to], '@')
	slash := strings.IndexByte(s.text[from:to], '/')
	if slash >= 0 && last > slash && !masked(s.text[from+slash+1:from+last]) {
		s.hide(from+slash+1, from+last)
	}
}

// easyConnect is user/password@//host:port/service as Oracle's tools take it, also without the slashes where the port is theirs. at is at
// "@//", or in front of that port.
func (s *scan) easyConnect(at int) {
	t := s.text
	if t[at] == ':' {
		if at = hostBytes.back(t, at, mostName) - 1; at < 0 || t[at] != '@' {
			return
		}
	}
	if !s.mayInWord(&s.urls, at) {
		return
	}
	from := at
	for from > 0 && at-from < mostNear && strings.IndexByte(" \t\n", t[from-1]) < 0 {
		from--
	}
	slash := strings.IndexByte(t[from:at], '/')
	if slash < 1 || !nameBytes[t[from+slash-1]] {
		return
	}
	if password := t[from+slash+1 : at]; password != "" && !masked(password) && !explains(password) {
		s.hide(from+slash+1, at)
	}
}

// slackWebhook keeps the host and the kind.
func (s *scan) slackWebhook(at int) {
	from := at + len("hooks.slack.com/")
	for from < len(s.text) && s.text[from] >= 'a' && s.text[from] <= 'z' {
		from++
	}
	if from < len(s.text) && s.text[from] == '/' {
		to := pathBytes.run(s.text, from+1)
		s.hide(from+1, to)
	}
}

var botBytes = newClass("A-Za-z0-9:_-")

// webhook hides the path of an address that anyone who knows it can post to.
func (s *scan) webhook(at int) {
	if s.hidden(at) {
		return
	}
	to := s.blankAfter(at)
	if !s.may(&s.urls, mostLooks, at, func() int { return to }) {
		return
	}
	if tag := strings.IndexAny(s.text[at:to], "<>"); tag >= 0 {
		to = at + tag
	}
	path := s.text[at:to]
	if strings.HasPrefix(path, "/api/webhooks/") {
		s.hide(at+len("/api/webhooks/"), to)
		return
	}
	if strings.HasPrefix(path, "api.telegram.org/bot") {
		from := at + len("api.telegram.org/bot")
		s.hide(from, botBytes.run(s.text, from))
		return
	}
	if slash := strings.IndexByte(path, '/'); slash > 0 && to-at-slash > 12 && mixed(path[slash:]) && (s.lower[at] != 'd' ||
		strings.Contains(path, "webhooks/")) {
		s.hide(at+slash+1, to)
	}
}
