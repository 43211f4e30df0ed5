package algesta

import (
	"strings"
	"time"
)

// BreakGlass lets one person change a service or an environment for a while without anybody's approval, because it can't wait. What else
// the policy says holds all the same: what they may do at all, limits, freezes. The zero value allows nothing.
type BreakGlass struct {
	// ID is that of the request by which it was asked for.
	ID string `json:"id"`
	// Target is the environment as a whole, or a service in it.
	Target Target `json:"target"`
	// Shared says that another environment is in the same namespace.
	Shared bool   `json:"shared,omitempty"`
	By     Actor  `json:"by"`
	Reason string `json:"reason"`
	// From is when it was asked for; from Until on it allows nothing.
	From  time.Time `json:"from"`
	Until time.Time `json:"until"`
}

// BreakGlassVerb is the verb of a policy that gives it. A role has it where the policy's breakGlass names the role, and in no other way.
const BreakGlassVerb = "break-glass"

// How a broken glass is called among the objects that plans write. It is the bot's own record and in no cluster.
const (
	BreakGlassKind     = "BreakGlass"
	BreakGlassResource = "breakglasses." + FreezeGroup
)

// Covers reports whether a change of this target may go without an approval, as far as the place is concerned: that of an environment
// covers what is asked for there, and nothing of another environment that shares its namespace: what isn't named as a service has to be
// of one by its plan then, because an environment that was typed says nothing of whose a pod is. That of a service covers its workload
// alone. Where there is a plan, nothing that it writes may be elsewhere.
func (b BreakGlass) Covers(t Target, p *Plan) bool {
	if b.Target.Cluster == "" || b.Target.Namespace == "" || t.Cluster != b.Target.Cluster || t.Namespace != b.Target.Namespace {
		return false
	}
	if t.Environment != b.Target.Environment || b.Target.Name != "" && t.Name != b.Target.Name {
		return false
	}
	if b.Shared && t.Service == "" && (p == nil || !b.ofService(t, *p)) {
		return false
	}
	if p == nil {
		return true
	}
	if p.Of.Service != "" && p.Of.Environment != b.Target.Environment {
		return false
	}
	for _, c := range p.Changes {
		if c.Object.Cluster != b.Target.Cluster || c.Object.Namespace != b.Target.Namespace {
			return false
		}
	}
	return true
}

// ofService reports whether a plan is about a Deployment of the environment that has a service's name, whatever object it writes to.
func (b BreakGlass) ofService(t Target, p Plan) bool {
	return t.Workload().Kind == "Deployment" && p.Of.Service != "" && p.Of.Environment == b.Target.Environment
}

// What is what may be changed, as a command names it: "api-gateway production", "production".
func (b BreakGlass) What() string {
	return strings.TrimSpace(b.Target.Service + " " + b.Target.Environment)
}

// GlassUse is that a request goes without the approval that it would need, and who was told of it: nothing of it runs before they were.
type GlassUse struct {
	// ID is that of the BreakGlass: of another request, or of the request itself where that breaks the glass.
	ID string `json:"id"`
	// Channel is where it's announced.
	Channel string    `json:"channel"`
	Reason  string    `json:"reason"`
	Until   time.Time `json:"until"`
}
