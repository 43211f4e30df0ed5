package runbooks

import (
	"strings"
	"time"

	"github.com/3astronautas/algesta"
	wordsof "github.com/3astronautas/algesta/words"
)

// The arguments of audit, for the room that answers it.
var (
	// AuditPerson says whose actions it lists.
	AuditPerson = Arg{
		Name:    "person",
		Aliases: []string{"by", "who", "user"},
		Kind:    PersonArg,
		Summary: "only what this person did: mention them",
	}
	// AuditSince says how far back it goes; AuditSpan reads it.
	AuditSince = Arg{Name: "since", Kind: TextArg, Summary: "how far back: 2h, 7d; without it the last day"}
)

var _ = register(Runbook{
	Name:    "audit",
	Aliases: []string{"who did", "log of changes"},
	Verb:    "audit",
	Summary: "Tell who asked for what, who approved or denied it, what was refused and how it ended: of a service, an environment or a " +
		"person.",
	Example: "audit api-gateway production since=7d",
	Rank:    190,
	About:   About{Service: true, Environment: true, Optional: true},
	Args:    []Arg{AuditPerson, AuditSince},
	Own:     true,
})

// Span reads a length of time, in Go's units or in days: "90m", "2h", "7d". ok is false for anything else, and for none at all.
func Span(typed string) (d time.Duration, ok bool) {
	days, isDays := strings.CutSuffix(typed, "d")
	if isDays {
		typed = days + "h"
	}
	d, err := time.ParseDuration(typed)
	if err != nil || d <= 0 || d > longestSpan/24 {
		return d, err == nil && d > 0 && d <= longestSpan && !isDays
	}
	if isDays {
		d *= 24
	}
	return d, true
}

// longestSpan bounds a length of time that someone types: ten years.
const longestSpan = 10 * 365 * 24 * time.Hour

// auditDay is how far back the audit goes by default.
const auditDay = 24 * time.Hour

// AuditSpan is how far back an audit goes.
func AuditSpan(in Input) (time.Duration, error) {
	if !AuditSince.Given(in) {
		return auditDay, nil
	}
	if d, ok := Span(AuditSince.Text(in)); ok {
		return d, nil
	}
	return 0, &algesta.Error{
		Kind:    algesta.ErrUsage,
		Message: algesta.Say("since is a length of time such as 2h or 7d, not {}.", wordsof.Cited(quote(AuditSince.Text(in)))),
		Hint:    algesta.Say("{}", algesta.Name(in.Bot.Typed("audit", "since=2h"))),
	}
}
