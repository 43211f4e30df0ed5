package facts

import (
	"regexp"
	"strings"

	"github.com/3astronautas/algesta/words"
)

var (
	// dotnetHead is the first line of two as .NET's console writes them: the level and who says it; what is said is on the next.
	dotnetHead = regexp.MustCompile(`^(?:fail|crit|warn|info|dbug|trce): [\w.+\x60<>]+\[\d+\]$`)
	// What clients do is their trouble: they hang up, speak another protocol or scan. A server's own is another line.
	ofClients = regexp.MustCompile(
		`(?i)TLS handshake error from|while SSL handshaking, client:|Aborted connection \d+ to db|reading communication packets|` +
			`could not (?:receive data from|accept SSL connection)|unexpected EOF on client connection|(?:incomplete|invalid length of) ` +
			`startup packet|write tcp \S+:\d{2,4}->\S+:[3-6]\d{4}: write: broken pipe|ClientAbortException|client (?:has )?(?:closed|` +
			`disconnected|aborted|cancell?ed|went away)|` +
			`\bcontext cancell?ed\b|downstream (?:connection|remote) (?:closed|disconnect)|request (?:was )?(?:aborted|cancell?ed) by (?:the )?` +
			`client|prematurely closed connection while (?:reading client|sending to client)`,
	)
	// pointsOn ends an error that says nothing yet: the next line does.
	pointsOn = regexp.MustCompile(`(?i)(?:\b(?:failed|failed validation|errors?|because|following|reasons?|details?|problems?|` +
		`caused by)[.:]?|:)$`)
	// detailLine is how PostgreSQL goes on after an error.
	detailLine = regexp.MustCompile(`\bDETAIL:\s+(.+)`)
)

// mostContinued is how long an error may be that the line after it is added to, and how much of that is.
const mostContinued = 160

// continued is what a line adds to the error before it; empty where it is a line of its own.
func continued(entries []logEntry, line string) string {
	if len(entries) == 0 {
		return ""
	}
	last := entries[len(entries)-1]
	if last.severity < severityError || len(last.text) > mostContinued {
		return ""
	}
	if m := detailLine.FindStringSubmatch(line); m != nil {
		return ": " + words.ClipMiddle(m[1], mostContinued)
	}
	text := strings.TrimSpace(line)
	own := strings.HasPrefix(text, "{") || withoutTime(text) != text || klogLine.MatchString(text) || levelWord.MatchString(text) ||
		bracketed(text) != "" || levelOf(text) != ""
	begun := levelWord.MatchString(last.text) || !last.at.IsZero() // so that a line without either belongs to it
	if own || !begun || !pointsOn.MatchString(last.text) || strings.Contains(last.text, "Description:") {
		return ""
	}
	return ": " + words.ClipMiddle(strings.TrimLeft(text, "-*> "), mostContinued)
}
