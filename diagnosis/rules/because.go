package rules

import (
	"strings"

	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/words"
)

const (
	mostCause   = 150 // bytes of a cause with its reason: with its effect it's a line of about 200
	leastReason = 72  // bytes of a reason, however long the names before it are
)

// because adds the innermost reason of a message to what is wrong, so that the first line has it.
func because(s *facts.Snapshot, what, message string) string {
	why := s.Innermost(message, max(leastReason, mostCause-len(what)))
	if why == "" || strings.Contains(strings.ToLower(what), strings.ToLower(why)) {
		return what
	}
	return what + ": " + words.Cited(why)
}

// remedies are what helps against a kind of trouble, whatever the rule; where there is none the rule's own words stay.
type remedies map[facts.Trouble]string

func (r remedies) against(s *facts.Snapshot, message, otherwise string) string {
	if text, ok := r[facts.TroubleOf(s.Innermost(message, 4*leastReason))]; ok {
		return text
	}
	return otherwise
}

// inFull adds a whole message to what is wrong where both fit into one line, and its innermost reason where they don't: an operator writes
// sentences, and a colon in one wraps nothing.
func inFull(s *facts.Snapshot, what, message string) string {
	if said := s.Brief(message, mostCause); said != "" && len(what)+len(said) < 190 && !strings.ContainsAny(message, "{\n") {
		return what + ": " + words.Cited(strings.TrimRight(said, ". "))
	}
	return because(s, what, message)
}
