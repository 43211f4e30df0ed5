package facts

import (
	"regexp"
	"strings"

	"github.com/3astronautas/algesta/words"
)

var (
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
