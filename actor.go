package algesta

import (
	"slices"
	"time"
)

// PersonID identifies one person permanently: the Slack team and the user in it.
// Decisions compare it and never a name, because anyone may change a name.
type PersonID struct {
	Team string `json:"team"`
	User string `json:"user"`
}

// String is "T0ALGESTA/U0DANA": for logs and the audit, never for people.
func (p PersonID) String() string { return p.Team + "/" + p.User }

// Standing says what kind of account an actor has. The zero value is a stranger.
type Standing string

// The standings. Only a Member may be granted anything by default (design.md, decision 11).
const (
	Stranger    Standing = ""
	Member      Standing = "member"
	Guest       Standing = "guest"
	Bot         Standing = "bot"
	Deactivated Standing = "deactivated"
)

// Actor is a person as the directory knew them at AsOf.
type Actor struct {
	ID       PersonID `json:"id"`
	Name     string   `json:"name,omitempty"` // to print, never to decide
	Standing Standing `json:"standing"`
	// Groups are the IDs of the Slack user groups the person is in, sorted.
	Groups []string `json:"groups,omitempty"`
	// Ungrouped says that the workspace has no user groups at all (Slack's free plan), so that rules which name one apply to nobody.
	Ungrouped bool `json:"ungrouped,omitempty"`
	// Email is the whole address in lower case; only full members carry one.
	Email string    `json:"email,omitempty"`
	AsOf  time.Time `json:"asOf,omitzero"`
}

// In reports whether the actor is in the Slack user group with this ID.
func (a Actor) In(group string) bool { return slices.Contains(a.Groups, group) }

// Subject names an identity in a policy: "user:U0DANA", "group:S0PLATFORM" or
// "email:dana@example.com" (a bare address reads as an e-mail subject).
type Subject string
