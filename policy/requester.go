package policy

import (
	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/words"
)

// entitled refuses a requester who may ask for nothing at all: an account that is no full member, and a rule that wants to change
// something. No binding, and no person on whose behalf it asks, can give a rule a change.
func entitled(f Facts) (algesta.Decision, bool) {
	r := f.Command.Requester
	if r.Rule == nil {
		return standing(r.Actor)
	}
	if algesta.Verbs()[f.Verb] != algesta.Read {
		return refuse(
			"", algesta.Say("{} may only read, so it can't {} {}.", words.Capital(r.Called()), doing(f.Verb), where(f.target())),
			algesta.Say("A person has to ask for it."),
		), false
	}
	if r.Rule.Name == "" || r.Actor.ID != (algesta.PersonID{}) {
		return refuse("", algesta.Say("It isn't clear who asks for this, so it's refused."), nil), false
	}
	if r.Rule.For != nil {
		return standing(*r.Rule.For)
	}
	return algesta.Decision{}, true
}

// asks reports whether one of the subjects gives its rights to whoever asks: to a person, to the person on whose behalf a rule asks, or to
// a rule by its name.
func (f Facts) asks(subjects []algesta.Subject) bool {
	if rule := f.Command.Rule; rule != nil && rule.For == nil {
		for _, s := range subjects {
			if kind, name := split(s); kind == ruleSubject && name != "" && name == rule.Name {
				return true
			}
		}
		return false
	}
	return among(f.actor(), subjects)
}

// unboundRule refuses a rule for want of a binding. It is read by the people who run the bot, in the log and the audit.
func unboundRule(f Facts) algesta.Decision {
	r := f.Command.Requester
	what := algesta.Say("{} can't {} {}", words.Capital(r.Called()), doing(f.Verb), where(f.target()))
	if r.Rule.For != nil {
		return refuse("", algesta.Say("{}: no binding of the policy gives that to {}.", what, r.Rule.For.Called()), nil)
	}
	return refuse("", algesta.Say("{}: no binding of the policy gives that to {}.", what, algesta.Name(r.Identity())), nil)
}
