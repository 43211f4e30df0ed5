package redact

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Mask stands where a secret stood.
const Mask = "‹redacted›"

// MaxCleanBytes is how much text Clean lets through: four times what the largest Slack message holds.
const MaxCleanBytes = 160_000

// String returns s without secrets and without invisible characters (see Clean), at its full length.
func (r *Redactor) String(s string) string {
	s = visible(s)
	if r != nil {
		s = r.hideValues(s)
	}
	return hideForms(s)
}

// secretForm is one form a secret takes. The text is searched only when one of the needles is in it, because a regular
// expression over a whole log is dear.
type secretForm struct {
	needles []string // lower case
	pattern *regexp.Regexp
	keep    string // what stays, as a template for Expand; groups around the secret
	value   int    // the group that holds the value when ordinary words are to be left alone; 0 for none
}

const (
	secretName = `(?:password|passwd|pwd|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|account[_-]?key|credentials?|conn(?:ection)?[_-]?str(?:ing)?|mongo(?:db)?[_-]?ur[il]|database[_-]?ur[il]|redis[_-]?ur[il])(?:[_-]?(?:key|value|base))?`
	upperName  = `(?:PASSWORD|PASSWD|PWD|PASSPHRASE|SECRET|TOKEN|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|CREDENTIALS?|CONNECTION_?STRING|MONGO(?:DB)?_UR[IL]|DATABASE_UR[IL])(?:_KEY|_VALUE|_BASE)?`
	kebabName  = `(?:password|passwd|api-key|access-key|secret-key|auth-token|access-token|refresh-token)`
)

// secretForms is searched in this order: what spans most text goes first, so that a later form never sees half a secret.
var secretForms = []secretForm{
	{needles: []string{"private key-----"}, pattern: regexp.MustCompile(`(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\z)`)},
	{needles: []string{"eyj"}, pattern: regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)*`)},
	{needles: []string{"://"}, pattern: regexp.MustCompile(`(?i)\b([a-z][a-z0-9+.-]*://)([^\s/:@"'<>]*):([^\s"'<>]*)@`), keep: "${1}" + Mask + "@"},
	{needles: []string{"://"}, pattern: regexp.MustCompile(`(?i)\b([a-z][a-z0-9+.-]*://)([^\s/:@"'<>?#]{16,})@`), keep: "${1}" + Mask + "@"},
	{
		needles: []string{"authorization", "api-key", "cookie"},
		pattern: regexp.MustCompile(`(?i)\b((?:proxy-)?authorization|x-api-key|api-key|set-cookie|cookie)(\\*["']?\s*[:=]\s*\\*["']?)(?:(?:bearer|basic|token|digest)\s+)?([^\s"',;}\\]+(?:;\s*[^\s"',;}=\\]+=[^\s"',;}\\]+)*)`),
		keep:    "${1}${2}" + Mask, value: 3,
	},
	{needles: []string{"bearer", "basic"}, pattern: regexp.MustCompile(`(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/-]{12,}=*`), keep: "${1} " + Mask},
	{needles: []string{"accountkey", "sharedaccess", "sig="}, pattern: regexp.MustCompile(`(?i)\b(AccountKey|SharedAccessKey|SharedAccessSignature|sig)=[A-Za-z0-9%+/=_-]{16,}`), keep: "${1}=" + Mask},
	{needles: []string{"7q~", "8q~"}, pattern: regexp.MustCompile(`\b[A-Za-z0-9~_.-]{3}[78]Q~[A-Za-z0-9~_.-]{31,34}`)},
	{needles: []string{"akia", "asia"}, pattern: regexp.MustCompile(`\b(?:AKIA|ASIA)[A-Z0-9]{16}\b`)},
	{needles: []string{"secret"}, pattern: regexp.MustCompile(`(?i)(aws_?secret_?access_?key["']?\s*[:=]\s*["']?)[A-Za-z0-9/+=]{40}`), keep: "${1}" + Mask},
	{needles: []string{"xox", "xapp-"}, pattern: regexp.MustCompile(`\bxox[abceoprs](?:\.xox[a-z])?-[A-Za-z0-9-]{10,}|\bxapp-\d-[A-Za-z0-9-]{10,}`)},
	{needles: []string{"hooks.slack.com"}, pattern: regexp.MustCompile(`(hooks\.slack\.com/[a-z]+/)[A-Za-z0-9/_-]+`), keep: "${1}" + Mask},
	{needles: []string{"gh", "github_pat_", "glpat-"}, pattern: regexp.MustCompile(`\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,}|glpat-[A-Za-z0-9_-]{20,})`)},
	{needles: []string{"aiza", "k_live_", "k_test_", "npm_", "sg."}, pattern: regexp.MustCompile(`\b(?:AIza[A-Za-z0-9_-]{35}|[rs]k_(?:live|test)_[A-Za-z0-9]{16,}|npm_[A-Za-z0-9]{36}|SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,})`)},
	{needles: []string{`auth`}, pattern: regexp.MustCompile(`(\\*"auth\\*"\s*:\s*\\*")[A-Za-z0-9+/=]{8,}`), keep: "${1}" + Mask},
	{needles: nameNeedles, pattern: regexp.MustCompile(`(?i)("[\w.-]*` + secretName + `"\s*:\s*")((?:[^"\\]|\\.)+)`), keep: "${1}" + Mask, value: 2},
	{needles: nameNeedles, pattern: regexp.MustCompile(`(?i)(\\+"[\w.-]*` + secretName + `\\+"\s*:\s*\\+")([^"\\]+(?:\\+[^"\\][^"\\]*)*)`), keep: "${1}" + Mask, value: 2},
	{needles: nameNeedles, pattern: regexp.MustCompile(`(?i)('[\w.-]*` + secretName + `'\s*:\s*')([^']+)`), keep: "${1}" + Mask, value: 2},
	{needles: nameNeedles, pattern: regexp.MustCompile(`(?i)(\\*["'][\w.-]*` + secretName + `\\*["']\s*:\s*)([0-9][^\s,}\]]*)`), keep: "${1}" + Mask},
	{needles: nameNeedles, pattern: regexp.MustCompile(`(?i)(\b[\w.-]*` + secretName + `\\*["']?\s*=\s*)(\\*"[^"]+"|'[^']+'|[^\s"',;&}=>][^\s"',;&}]*)`), keep: "${1}" + Mask, value: 2},
	{needles: nameNeedles, pattern: regexp.MustCompile(`(?i)(--[\w-]*` + secretName + `\s+)([^\s"'-][^\s"']*)`), keep: "${1}" + Mask, value: 2},
	{needles: nameNeedles, pattern: regexp.MustCompile(`(\b(?:[A-Z0-9]+_)*` + upperName + `\s*:\s*)("[^"]+"|'[^']+'|[^\s"',;]+)`), keep: "${1}" + Mask, value: 2},
	{needles: nameNeedles, pattern: regexp.MustCompile(`(\b(?:[a-z0-9]+-)+` + kebabName + `\s*:\s*)("[^"]+"|'[^']+'|[^\s"',;]+)`), keep: "${1}" + Mask, value: 2},
	// A bare "token: foo" is most often an error message and stays; a bare password with a digit in it is a password.
	{needles: []string{"passw", "pwd"}, pattern: regexp.MustCompile(`(?i)(\b(?:password|passwd|pwd)\s*:\s*)([^\s"',;]*[0-9][^\s"',;]*)`), keep: "${1}" + Mask},
}

var nameNeedles = []string{"passw", "passphrase", "pwd", "secret", "token", "key", "credential", "conn", "mongo", "database", "redis"}

func hideForms(s string) string {
	lower := strings.ToLower(s)
	for _, form := range secretForms {
		if slices.ContainsFunc(form.needles, func(needle string) bool { return strings.Contains(lower, needle) }) {
			s = form.hide(s)
		}
	}
	return s
}

func (f secretForm) hide(s string) string {
	found := f.pattern.FindAllStringSubmatchIndex(s, -1)
	if found == nil {
		return s
	}
	keep := f.keep
	if keep == "" {
		keep = Mask
	}
	var out []byte
	copied := 0
	for _, at := range found {
		if f.value > 0 && ordinaryWord(s[at[2*f.value]:at[2*f.value+1]]) {
			continue
		}
		out = append(out, s[copied:at[0]]...)
		out = f.pattern.ExpandString(out, keep, s, at)
		copied = at[1]
	}
	return string(append(out, s[copied:]...))
}

// ordinaryWords stand after "JWT_SECRET:" or "token=" in error messages, and they are what explains the failure.
var ordinaryWords = []string{
	"is", "was", "not", "must", "missing", "required", "undefined", "null", "nil", "none", "invalid", "cannot", "can", "should",
	"expected", "empty", "true", "false", "has", "have", "does", "no", "unset", "error", "failed", "expired", "unauthorized", "in",
	"string", "object", "number", "boolean", "production", "development", "environment", "variable", "value", "the", "a", "an",
	"localhost", "default", "disabled", "enabled", "unknown", "forbidden", "denied", "found", "secret", "password", "token",
	Mask,
}

func ordinaryWord(s string) bool {
	return slices.Contains(ordinaryWords, strings.ToLower(strings.Trim(s, `"'\.,:;!()[]<>`)))
}

// Clean returns s as text that is safe to show: no terminal sequences, no control characters but line feed and tab, no
// characters that are invisible or turn the direction of text, valid UTF-8, and at most MaxCleanBytes. A carriage
// return overwrites its line, as on a terminal. Redact first: a secret that is cut in half can no longer be recognised.
func Clean(s string) string {
	s = visible(s)
	if len(s) <= MaxCleanBytes {
		return s
	}
	cut := MaxCleanBytes
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// terminalSequences are ECMA-48 control sequences, operating system commands (titles, hyperlinks) and other escapes.
var terminalSequences = regexp.MustCompile(`\x1b\[[0-9;:?<=>]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\|\z)|\x1b[ -/]*[0-~]|\x{9b}[0-9;?]*[ -/]*[@-~]`)

func visible(s string) string {
	if plain(s) {
		return s
	}
	s = strings.ToValidUTF8(s, "\uFFFD")
	if strings.ContainsAny(s, "\x1b\u009b") {
		s = terminalSequences.ReplaceAllString(s, "")
	}
	if strings.Contains(s, "\r") {
		s = overwrite(s)
	}
	return strings.Map(func(c rune) rune {
		if invisible(c) {
			return -1
		}
		return c
	}, s)
}

// plain says that s is printable ASCII, line feeds and tabs, which is nearly every line: there is nothing to do.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c >= 0x7f || c < 0x20 && c != '\n' && c != '\t' {
			return false
		}
	}
	return true
}

// overwrite keeps of each line what a terminal would show in the end: what follows its last carriage return.
func overwrite(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		line = strings.TrimRight(line, "\r")
		lines[i] = line[strings.LastIndexByte(line, '\r')+1:]
	}
	return strings.Join(lines, "\n")
}

// invisible tells the characters that a reader cannot see and that could hide or turn what stands beside them.
func invisible(c rune) bool {
	switch {
	case c == '\n', c == '\t':
		return false
	case c < 0x20, c >= 0x7f && c < 0xa0: // C0, DEL, C1
		return true
	case c == 0xad, c == 0x34f, c == 0x61c, c == 0x180e, c == 0xfeff: // soft hyphen, joiners, Arabic mark, BOM
		return true
	case c >= 0x200b && c <= 0x200f, c >= 0x2028 && c <= 0x202e, c >= 0x2060 && c <= 0x206f: // zero width, separators, bidi
		return true
	case c >= 0xfe00 && c <= 0xfe0f, c >= 0xfff9 && c <= 0xfffb, c >= 0xe0000 && c <= 0xe0fff: // variation selectors, tags
		return true
	}
	return false
}
