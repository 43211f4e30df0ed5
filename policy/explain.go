package policy

import (
	"fmt"
	"strings"
	"time"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/words"
)

// Step is what one rule has to do with a command.
type Step struct {
	Part  string // "account", "binding", "freeze", "limit", "approval" or "glass"
	Rule  string // its name; "" for the account
	Speak bool   // the rule is about this command
	Why   string
}

// Explain goes through every rule in the order of Decide, also past the one that refuses: for people who write the policy.
// It says more than a requester may know, and belongs on a terminal, not in a chat.
func (p *Policy) Explain(f Facts) []Step {
	account := Step{Part: "account", Speak: true, Why: "a full member"}
	if f.Command.Rule != nil {
		account.Why = "a rule, which may only look"
	}
	if refusal, ok := entitled(f); !ok {
		account.Why = refusal.Reason.String()
	}
	steps := []Step{account}
	for _, b := range p.bindings {
		steps = append(steps, b.explain(f))
	}
	for _, z := range p.freezes {
		why, speak := about(z.verbs, z.place, f)
		if speak && z.asked != nil && !z.asked.Covers(f.target(), f.Plan) {
			why, speak = "is about "+z.asked.What(), false
		}
		switch {
		case speak && z.active(f.At):
			why = fmt.Sprintf("refuses until %s", z.to.Format(time.RFC3339))
		case speak:
			why, speak = fmt.Sprintf("is not in force: it lasts from %s to %s", z.from.Format(time.RFC3339), z.to.Format(time.RFC3339)), false
		}
		steps = append(steps, Step{Part: "freeze", Rule: z.name, Speak: speak, Why: why})
	}
	for _, l := range p.limits {
		steps = append(steps, l.explain(f))
	}
	for _, a := range p.approvals {
		why, speak := about(a.verbs, a.place, f)
		if speak {
			why = asked(a.need)
		}
		steps = append(steps, Step{Part: "approval", Rule: a.need.Rule, Speak: speak, Why: why})
	}
	if s, ok := p.explainGlass(f); ok {
		steps = append(steps, s)
	}
	return steps
}

// explain says why a binding gives the command, or what keeps it from doing so.
func (b binding) explain(f Facts) Step {
	s := Step{Part: "binding", Rule: b.name}
	why, speak := about(b.verbs, b.place, f)
	switch {
	case !f.asks(b.subjects):
		s.Why = "names " + words.Or(subjectNames(b.subjects)) + ", which is not " + f.self()
	case !speak:
		s.Why = why
	default:
		s.Speak, s.Why = true, fmt.Sprintf("gives it by the role %s", b.role)
	}
	return s
}

// self is "this person", or "this rule".
func (f Facts) self() string {
	if f.Command.Rule != nil && f.Command.Rule.For == nil {
		return "this rule"
	}
	return "this person"
}

func (l *limit) explain(f Facts) Step {
	s := Step{Part: "limit", Rule: l.name}
	why, speak := about(l.verbs, l.place, f)
	if !speak {
		s.Why = why
		return s
	}
	s.Speak = true
	yes, open, err := l.judge(f, variables(f))
	switch {
	case open:
		s.Why = "is judged when there is a plan: " + l.require
	case err != nil:
		s.Why = "refuses, because it cannot be evaluated: " + err.Error()
	case yes:
		s.Why = "is kept"
	default:
		s.Why = "refuses: " + l.otherwise
	}
	return s
}

// about reports whether a rule is about the command's verb and place, and if not, why.
func about(verbs verbSet, in place, f Facts) (why string, yes bool) {
	switch {
	case !verbs[f.Verb]:
		return "is not about " + f.Verb, false
	case !in.covers(f.target()):
		return "does not hold " + strings.TrimSpace(where(f.target())), false
	}
	return "", true
}

// asked is "asks for 2 of group:S0PLATFORM within 30 min".
func asked(n algesta.Requirement) string {
	why := fmt.Sprintf("asks for %d of %s within %s", n.Count, words.Or(subjectNames(n.Approvers)), words.Span(n.ExpiresAfter))
	if n.RequesterMayApprove {
		why += ", the requester included"
	}
	if n.ApproversGiveReason {
		why += ", each with a reason"
	}
	if n.ReasonRequired {
		why += ", with a reason"
	}
	return why
}

func subjectNames(subjects []algesta.Subject) []string {
	words := make([]string, len(subjects))
	for i, s := range subjects {
		words[i] = string(s)
	}
	return words
}
