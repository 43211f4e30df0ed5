package algesta

import (
	"strings"
	"time"
)

// Silence keeps the bot from telling of incidents for a while, because someone asked for that. What goes wrong meanwhile is watched all
// the same, and told once the silence has ended, if it still lasts. The zero value silences nothing.
type Silence struct {
	// ID is that of the request by which it was asked for.
	ID string `json:"id"`
	// Target is the environment as a whole, or a service in it.
	Target Target `json:"target"`
	// Incident is the ID of the only incident that is silent, of a snooze; "" where all of the target are.
	Incident string `json:"incident,omitempty"`
	By       Actor  `json:"by"`
	Reason   string `json:"reason"`
	// From is when it was asked for; from Until on it silences nothing.
	From  time.Time `json:"from"`
	Until time.Time `json:"until"`
}

// Covers reports whether an incident is silent at this time, or one that isn't open yet: its ID is "" then. A silence of an environment is
// about what is called after that one alone, and not about another that shares its namespace.
func (z Silence) Covers(i Incident, at time.Time) bool {
	if at.Before(z.From) || !at.Before(z.Until) {
		return false
	}
	if z.Incident != "" {
		return z.Incident == i.ID
	}
	if z.Target.Cluster == "" || z.Target.Cluster != i.About.Cluster || z.Target.Namespace != i.About.Namespace {
		return false
	}
	if z.Target.Name == "" { // another environment may be in the same namespace
		return z.Target.Environment == i.About.Environment
	}
	return z.Target.Name == i.About.Name
}

// What is what is silent, as a command names it: "api-gateway production", "production", or the ID of an incident.
func (z Silence) What() string {
	if z.Incident != "" {
		return z.Incident
	}
	return strings.TrimSpace(z.Target.Service + " " + z.Target.Environment)
}

// How a silence is called among the objects that plans write. It is the bot's own record and in no cluster, as a freeze is.
const (
	SilenceKind     = "Silence"
	SilenceResource = "silences." + FreezeGroup
)
