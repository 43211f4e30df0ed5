package algesta

import (
	"strings"
	"time"
)

// Freeze forbids every change of a service or an environment for a while, because someone asked for that. The zero value forbids nothing.
type Freeze struct {
	// ID is that of the request by which it was asked for.
	ID string `json:"id"`
	// Target is the environment as a whole, or a service in it.
	Target Target `json:"target"`
	By     Actor  `json:"by"`
	Reason string `json:"reason"`
	// From is when it was asked for; from Until on it forbids nothing.
	From  time.Time `json:"from"`
	Until time.Time `json:"until"`
}

// Covers reports whether a change of this target is frozen. That of an environment covers everything in its namespace; that of a service
// its Deployment, and what is named after it: its pods, its autoscaler. What a plan writes counts, too, where there is one: an object may
// be named that says nothing of its service.
func (z Freeze) Covers(t Target, p *Plan) bool {
	if z.Target.Cluster == "" || z.Target.Namespace == "" || t.Cluster != z.Target.Cluster {
		return false
	}
	if z.Target.Name == "" {
		return t.Namespace == z.Target.Namespace || p != nil && z.writes(*p)
	}
	if t.Namespace != z.Target.Namespace {
		return p != nil && z.writes(*p)
	}
	_, name, _ := strings.Cut(t.Object, "/")
	return t.Name == z.Target.Name || z.names(name) || p != nil && z.writes(*p)
}

// writes reports whether a plan writes to what is frozen.
func (z Freeze) writes(p Plan) bool {
	if z.Target.Name != "" && p.Of.Workload() == z.Target.Workload() {
		return true
	}
	for _, c := range p.Changes {
		o := c.Object
		if o.Cluster == z.Target.Cluster && o.Namespace == z.Target.Namespace && (z.Target.Name == "" || z.names(o.Name)) {
			return true
		}
		if z.Target.Name == "" && o == (Object{Cluster: z.Target.Cluster, Kind: "Namespace", Name: z.Target.Namespace}) { // itself
			return true
		}
	}
	return false
}

// names reports whether an object has the name of the frozen service's Deployment, or is named after it.
func (z Freeze) names(object string) bool {
	return object == z.Target.Name || strings.HasPrefix(object, z.Target.Name+"-")
}

// What names what is frozen, as a command names it: "api-gateway production", "production".
func (z Freeze) What() string {
	return strings.TrimSpace(z.Target.Service + " " + z.Target.Environment)
}

// Place names what is frozen in a sentence: "api-gateway in production", "production".
func (z Freeze) Place() string {
	if z.Target.Service == "" {
		return z.Target.Environment
	}
	return z.Target.Service + " in " + z.Target.Environment
}

// What a freeze is called among the objects that plans write. It is the bot's own record and in no cluster.
const (
	FreezeGroup    = "algesta.io"
	FreezeKind     = "Freeze"
	FreezeResource = "freezes." + FreezeGroup
)
