package algesta

// Requester is who asks for a command: a person, or a rule of the bot's own. It is one of them, never both; the zero value is a
// stranger.
type Requester struct {
	// Actor is the person. Where a rule asks it is zero, so that what knows nothing of rules refuses a stranger.
	Actor Actor `json:"actor,omitzero"`
	// Rule is nil where a person asks.
	Rule *Rule `json:"rule,omitempty"`
}

// Rule asks because of what happened, and nobody typed anything: a rollout failed, an alert fired. It may only look; the policy refuses
// every change that a rule asks for. What it finds may propose a change by a button: whoever clicks that is the requester of the change.
type Rule struct {
	// Name is what the policy and the audit call it, in lower case with hyphens: "rollout-failed".
	Name string `json:"name"`
	// For is the person on whose behalf it asks, as the directory knows them now: it reads what they may read, and nothing else. Where it
	// is nil it asks on nobody's behalf, and reads what the policy gives the subject "rule:<name>".
	For *Actor `json:"for,omitempty"`
}

// RolloutFailed is the rule that has a rollout diagnosed when it didn't come up, on behalf of the person who asked for the change.
const RolloutFailed = "rollout-failed"

// AskedBy is a person as a requester.
func AskedBy(a Actor) Requester { return Requester{Actor: a} }

// AskedByRule is a rule as a requester.
func AskedByRule(r Rule) Requester { return Requester{Rule: &r} }

// Person is the person who asked, or on whose behalf a rule did; ok is false where there is nobody.
func (r Requester) Person() (a Actor, ok bool) {
	switch {
	case r.Rule == nil:
		return r.Actor, r.Actor.ID != PersonID{}
	case r.Rule.For != nil:
		return *r.Rule.For, true
	}
	return Actor{}, false
}

// Identity is "T0ALGESTA/U0DANA" or "rule:rollout-failed": for logs and the audit, never for people.
func (r Requester) Identity() string {
	if r.Rule != nil {
		return "rule:" + r.Rule.Name
	}
	return r.Actor.ID.String()
}

// Called is the requester as a name in a sentence: "Dana", "the rule rollout-failed", "the rule rollout-failed for Dana".
func (r Requester) Called() string {
	switch {
	case r.Rule == nil:
		return r.Actor.Called()
	case r.Rule.For != nil:
		return "the rule " + r.Rule.Name + " for " + r.Rule.For.Called()
	}
	return "the rule " + r.Rule.Name
}

// Said is Called with the person by ID where Slack renders it, as By says people.
func (r Requester) Said() Text {
	switch {
	case r.Rule == nil:
		return Text{By(r.Actor)}
	case r.Rule.For != nil:
		return Say("the rule {} for {}", r.Rule.Name, By(*r.Rule.For))
	}
	return Say("the rule {}", r.Rule.Name)
}
