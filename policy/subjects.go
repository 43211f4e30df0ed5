package policy

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/3astronautas/algesta"
)

// The kinds of subject, as they are written before the colon.
const (
	userSubject  = "user"
	groupSubject = "group"
	emailSubject = "email"
	ruleSubject  = "rule" // of bindings alone: a rule of the bot's own, which may only look
)

var (
	userID   = regexp.MustCompile(`^[UW][A-Z0-9]+$`)
	groupID  = regexp.MustCompile(`^S[A-Z0-9]+$`)
	ruleName = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	address  = regexp.MustCompile(`^[^@\s:]+@[^@\s:]+\.[^@\s:]+$`)
)

// parseSubject reads "group:S0PLATFORM", "user:U0DANA", "rule:rollout-failed", "email:dana@example.com" or the bare address. An address is
// kept bare and in lower case, so that it prints as people know it.
func parseSubject(s string) (algesta.Subject, error) {
	kind, id, found := strings.Cut(s, ":")
	if !found {
		kind, id = emailSubject, s
	}
	switch {
	case kind == userSubject && userID.MatchString(id), kind == groupSubject && groupID.MatchString(id),
		kind == ruleSubject && ruleName.MatchString(id):
		return algesta.Subject(s), nil
	case kind == emailSubject && address.MatchString(id):
		return algesta.Subject(strings.ToLower(id)), nil
	case kind == userSubject:
		return "", fmt.Errorf("%q is not a Slack user: write the ID, such as user:U0DANA, because anybody may change a name", s)
	case kind == groupSubject:
		return "", fmt.Errorf("%q is not a Slack user group: write the ID, such as group:S0PLATFORM, because handles can be changed", s)
	case kind == ruleSubject:
		return "", fmt.Errorf("%q is not the name of a rule: write lower-case letters, digits and hyphens, such as rule:rollout-failed", s)
	}
	return "", fmt.Errorf("%q is not a subject: write group:S…, user:U… or the e-mail address of a Slack profile", s)
}

// split is the kind and the identity of a subject, as stored or as written.
func split(s algesta.Subject) (kind, id string) {
	kind, id, found := strings.Cut(string(s), ":")
	if !found {
		return emailSubject, string(s)
	}
	return kind, id
}

// isRule reports whether a subject is a rule, which nobody can ask and which approves nothing.
func isRule(s algesta.Subject) bool { kind, _ := split(s); return kind == ruleSubject }

// is reports whether the actor is the subject or belongs to it. An address counts for full members only:
// guests and bots can be given any (design.md, decision 11).
func is(a algesta.Actor, s algesta.Subject) bool {
	switch kind, id := split(s); kind {
	case userSubject:
		return id != "" && a.ID.User == id
	case groupSubject:
		return a.In(id)
	case emailSubject:
		return id != "" && a.Standing == algesta.Member && a.Email == strings.ToLower(id)
	}
	return false
}

// among reports whether the actor is one of the subjects.
func among(a algesta.Actor, subjects []algesta.Subject) bool {
	for _, s := range subjects {
		if is(a, s) {
			return true
		}
	}
	return false
}
