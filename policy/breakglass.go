package policy

import (
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/words"
)

// The bounds of how long a broken glass lasts.
const (
	shortestGlass = time.Minute
	longestGlass  = 8 * time.Hour
)

// BreakGlass is what the policy says about changes that can't wait for an approval.
type BreakGlass struct {
	Roles []string // who may break the glass, where a binding gives them one of these
	// Lasts is how long they may then change things without an approval.
	Lasts time.Duration
	// AnnounceIn is the ID of the channel that is told before anything runs.
	AnnounceIn string
}

// breakGlassFile is that block, word for word.
type breakGlassFile struct {
	Roles      []string `yaml:"roles"`
	Lasts      string   `yaml:"lasts"`
	Reason     string   `yaml:"reason"`
	AnnounceIn string   `yaml:"announceIn"`
}

var channelID = regexp.MustCompile(`^[CG][A-Z0-9]+$`)

// breakGlass reads the block; nil where there is none.
func (l *loader) breakGlass(in *breakGlassFile) *BreakGlass {
	if in == nil {
		return nil
	}
	path := []any{"breakGlass"}
	out := &BreakGlass{Roles: in.Roles, AnnounceIn: in.AnnounceIn}
	if len(in.Roles) == 0 {
		l.at(path, "roles is missing: name the roles that may break the glass")
	}
	for i, name := range in.Roles {
		at := append(slices.Clone(path), "roles", i)
		role, ok := l.roles[name]
		quiet := loader{root: l.root}
		switch {
		case !ok:
			l.at(at, "there is no role %q: define it under roles", name)
		case slices.Contains(in.Roles[:i], name):
			l.at(at, "%q is there twice: remove one", name)
		case !changes(quiet.verbs(at, role.Allow)):
			l.at(at, "the role %q changes nothing, so it has no glass to break", name)
		}
	}
	var err error
	if out.Lasts, err = time.ParseDuration(in.Lasts); err != nil || out.Lasts < shortestGlass || out.Lasts > longestGlass {
		l.at(append(slices.Clone(path), "lasts"), "lasts is %q: write a duration from 1m to 8h, such as 30m", in.Lasts)
	}
	if in.Reason != "required" {
		l.at(append(slices.Clone(path), "reason"), "reason is %q: write required, because a glass is never broken without one", in.Reason)
	}
	if !channelID.MatchString(in.AnnounceIn) {
		l.at(
			append(slices.Clone(path), "announceIn"), "announceIn is %q: write the ID of the channel that is told, such as C0SECURITY",
			in.AnnounceIn,
		)
	}
	return out
}

func changes(verbs verbSet) bool {
	families := algesta.Verbs()
	for v := range verbs {
		if families[v] == algesta.Changes {
			return true
		}
	}
	return false
}

// withoutGlass are the verbs of a rule without break-glass, but where it names that: a rule about every change isn't about asking to go
// without approvals, which changes nothing on its own.
func withoutGlass(verbs verbSet, named []string) verbSet {
	if !slices.Contains(named, algesta.BreakGlassVerb) {
		delete(verbs, algesta.BreakGlassVerb)
	}
	return verbs
}

// BreakGlass is what the policy says about changes that can't wait; ok is false where it says nothing, and then nobody breaks a glass.
func (p *Policy) BreakGlass() (b BreakGlass, ok bool) {
	if p.glass == nil {
		return BreakGlass{}, false
	}
	return *p.glass, true
}

// WithBroken is the policy with the glasses that people broke, in the place of those that it had. It is a new value.
func (p *Policy) WithBroken(all []algesta.BreakGlass) *Policy {
	out := *p
	out.broken = slices.Clone(all)
	return &out
}

// brokenFor is the broken glass under which a command goes without an approval: the person broke it themselves, it covers what is changed,
// its time isn't over, and a binding of a role that may break one still gives them the verb there. Freezes and silences keep the approvals
// that they need: a freeze that someone could lift alone wouldn't hold.
func (p *Policy) brokenFor(f Facts) (algesta.BreakGlass, bool) {
	if p.glass == nil || f.Approved || f.Command.Rule != nil || aboutFreezes[f.Verb] {
		return algesta.BreakGlass{}, false
	}
	if !p.mayBreak(f) {
		return algesta.BreakGlass{}, false
	}
	for _, b := range p.broken {
		until := b.Until
		if latest := b.From.Add(p.glass.Lasts); latest.Before(until) { // the policy was made stricter meanwhile
			until = latest
		}
		if b.By.ID == f.actor().ID && b.By.ID.User != "" && (f.Glass == "" || f.Glass == b.ID) && !f.At.Before(b.From) && f.At.Before(until) &&
			b.Covers(f.target(), f.Plan) {
			return b, true
		}
	}
	return algesta.BreakGlass{}, false
}

// mayBreak reports whether a binding of a role that may break the glass gives whoever asks the verb there.
func (p *Policy) mayBreak(f Facts) bool {
	return f.Command.Rule == nil && slices.ContainsFunc(p.bindings, func(b binding) bool {
		return slices.Contains(p.glass.Roles, b.role) && b.verbs[f.Verb] && b.place.covers(f.target()) && f.asks(b.subjects)
	})
}

// explainGlass says whether this person may break the glass for this command.
func (p *Policy) explainGlass(f Facts) (Step, bool) {
	if p.glass == nil || len(p.needs(f)) == 0 {
		return Step{}, false
	}
	s := Step{Part: "glass", Why: "names " + words.Or(p.glass.Roles) + ", which isn't the role by which this person may do it"}
	if p.mayBreak(f) {
		s.Speak = true
		s.Why = fmt.Sprintf(
			"lets them do it without an approval for %s, with a reason, once %s was told", words.Span(p.glass.Lasts), p.glass.AnnounceIn,
		)
	}
	return s, true
}
