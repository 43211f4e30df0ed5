package policy

import (
	"strings"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/words"
)

// Decide says whether the command may run, needs someone's yes first, or is refused and why. It is asked before a
// cluster is touched, after planning, and again when the command runs (design.md, decision 8).
func (p *Policy) Decide(f Facts) algesta.Decision {
	if refusal, ok := entitled(f); !ok {
		return refusal
	}
	if f.At.IsZero() { // before every freeze: a forgotten time must not thaw anything
		return refuse("", algesta.Say("The time of this command isn't known, so it's refused."), algesta.Say("Ask for it again."))
	}
	if off, ok := p.execOff(f); ok {
		return off
	}
	b, ok := p.bindingFor(f)
	if !ok {
		return p.unbound(f)
	}
	if no, ok := p.unlisted(f); ok {
		return no
	}
	if z, ok := p.frozen(f); ok {
		return p.frozenSays(z, f)
	}
	if l, err := p.brokenLimit(f); l != nil {
		return limited(*l, err)
	}
	needs := p.needs(f)
	if len(needs) == 0 {
		return algesta.Decision{Effect: algesta.Allow, Rule: b.name, Reason: algesta.Say("Rule \"{}\" allows it.", b.name)}
	}
	if g, ok := p.brokenFor(f); ok {
		return algesta.Decision{
			Effect: algesta.Allow, Rule: "breakGlass", Glass: g.ID,
			Reason: algesta.Say("{} broke the glass ({}), so it needs no approval until {}.", g.By.Called(), g.Reason, algesta.At(g.Until)),
		}
	}
	return algesta.Decision{Effect: algesta.NeedsApproval, Rule: needs[0].Rule, Reason: wanted(needs), Needs: needs}
}

// refuse is a no with its rule, where there is one.
func refuse(rule string, reason, hint algesta.Text) algesta.Decision {
	return algesta.Decision{Effect: algesta.Refuse, Rule: rule, Reason: reason, Hint: hint}
}

// standing refuses every account that is not a full member of the workspace (decision 11).
func standing(a algesta.Actor) (algesta.Decision, bool) {
	switch a.Standing {
	case algesta.Member:
		return algesta.Decision{}, true
	case algesta.Guest:
		return refuse("", algesta.Say("Guests of this workspace can't use me."), algesta.Say("Ask a full member to do it.")), false
	case algesta.Bot:
		return refuse("", algesta.Say("Bots and workflows can't give me commands."), algesta.Say("A person has to ask.")), false
	case algesta.Deactivated:
		return refuse(
			"", algesta.Say("This account is deactivated, so nothing was done."), algesta.Say("Ask with an account that is in use."),
		), false
	case algesta.Stranger:
	}
	return refuse("", algesta.Say("This account isn't a member of this workspace, so I can't do anything for it."),
		algesta.Say("Ask with an account of this workspace.")), false
}

// bindingFor is the first binding that gives the actor this verb on this target.
func (p *Policy) bindingFor(f Facts) (binding, bool) {
	for _, b := range p.bindings {
		if b.verbs[f.Verb] && b.place.covers(f.target()) && f.asks(b.subjects) {
			return b, true
		}
	}
	return binding{}, false
}

// frozen is the active freeze that ends last: naming one that ends sooner would make people come back twice.
func (p *Policy) frozen(f Facts) (last freeze, found bool) {
	for _, z := range p.freezes {
		if z.holds(f) && (!found || z.to.After(last.to)) {
			last, found = z, true
		}
	}
	return last, found
}

// FrozenBy is the refusal by the freeze that forbids a command now; ok is false where none does.
func (p *Policy) FrozenBy(f Facts) (no algesta.Decision, ok bool) {
	if z, ok := p.frozen(f); ok {
		return p.frozenSays(z, f), true
	}
	return algesta.Decision{}, false
}

// brokenLimit is the first limit that the command does not keep; err says why it could not be judged.
func (p *Policy) brokenLimit(f Facts) (*limit, error) {
	var facts map[string]any
	for i, l := range p.limits {
		if !l.covers(f) {
			continue
		}
		if facts == nil {
			facts = variables(f)
		}
		yes, open, err := l.judge(f, facts)
		if open || err != nil && f.Asking {
			continue
		}
		if err != nil || !yes {
			return &p.limits[i], err
		}
	}
	return nil, nil
}

// needs are the approval rules to meet: every one that matches.
func (p *Policy) needs(f Facts) []algesta.Requirement {
	var needs []algesta.Requirement
	for _, a := range p.approvals {
		if a.verbs[f.Verb] && a.place.covers(f.target()) {
			needs = append(needs, a.need)
		}
	}
	return needs
}

// unbound refuses for want of a binding, and says what the person may do there and who may do this.
func (p *Policy) unbound(f Facts) algesta.Decision {
	if f.Command.Rule != nil {
		return unboundRule(f)
	}
	what := algesta.Say("You can't {} {}", doing(f.Verb), where(f.target()))
	nowhere := f.target() == algesta.Target{} // such as doctor, which is about the bot
	if nowhere {
		what = algesta.Say("You can't {}", doing(f.Verb))
	}
	for _, b := range p.bindings {
		if (b.place.covers(f.target()) || nowhere && !b.verbs[f.Verb]) && f.asks(b.subjects) {
			return refuse(b.name, algesta.Say("{} (rule \"{}\" gives you {}).", what, b.name, words.List(allowed(b.allow))), p.whoMay(f))
		}
	}
	for _, b := range p.bindings {
		if f.asks(b.subjects) {
			why := algesta.Say("your rights are in {}", words.List(p.reach(f.actor())))
			if nowhere {
				why = algesta.Say("that takes a rule for every namespace, and {}", why)
			}
			return refuse("", algesta.Say("{}: {}.", what, why), p.whoMay(f))
		}
	}
	for _, a := range p.approvals {
		if a.place.covers(f.target()) && among(f.actor(), a.need.Approvers) {
			why := algesta.Say("the rule \"{}\" lets you approve there what others ask for, and no rule lets you ask yourself", a.need.Rule)
			return refuse("", algesta.Say("{}: {}.", what, why), p.whoMay(f))
		}
	}
	return refuse("", algesta.Say("{}: no policy rule names you or a group that you're in.", what), p.whoMay(f))
}

// reach are the places where the actor has rights, each once.
func (p *Policy) reach(a algesta.Actor) []string {
	var names []string
	seen := map[string]bool{}
	for _, b := range p.bindings {
		if !among(a, b.subjects) {
			continue
		}
		for _, n := range b.place.namespaces {
			if n == everywhere {
				n = "every namespace of " + words.List(b.place.clusters)
			} else if len(b.place.clusters) > 0 {
				n += " of " + words.List(b.place.clusters)
			}
			if !seen[n] {
				seen[n] = true
				names = append(names, n)
			}
		}
	}
	return names
}

// WhoMay are those that a binding gives the verb of these facts on their target, whoever asks: groups, and single people only where no
// group may. Limits, freezes and approvals aren't asked.
func (p *Policy) WhoMay(f Facts) []algesta.Subject {
	groups, people := p.bound(f)
	if len(groups) > 0 {
		return groups
	}
	return people
}

// bound are the groups and the people that a binding gives the verb on the target.
func (p *Policy) bound(f Facts) (groups, people []algesta.Subject) {
	seen := map[algesta.Subject]bool{}
	for _, b := range p.bindings {
		if !b.verbs[f.Verb] || !b.place.covers(f.target()) {
			continue
		}
		for _, s := range b.subjects {
			if seen[s] {
				continue
			}
			seen[s] = true
			switch kind, _ := split(s); kind {
			case groupSubject:
				groups = append(groups, s)
			case ruleSubject: // nobody can ask it
			default:
				people = append(people, s)
			}
		}
	}
	return groups, people
}

// whoMay names those to ask: groups, and single people only where no group may.
func (p *Policy) whoMay(f Facts) algesta.Text {
	groups, people := p.bound(f)
	switch {
	case len(groups) > 0:
		return algesta.Say("Someone in {} can: ask there.", eitherSubject(groups))
	case len(people) > 0:
		return algesta.Say("{} can: ask them.", eitherSubject(people))
	}
	return algesta.Say("Nobody can: ask the people who write the policy.")
}

// frozenSays says until when, why and who can end it sooner. Whoever reads it may have asked for the change or only wanted to approve it.
func (p *Policy) frozenSays(z freeze, f Facts) algesta.Decision {
	end := algesta.Span{Kind: algesta.Moment, At: z.to, Text: z.to.Format("2 January 2006, 15:04 MST")}
	reason := strings.TrimSuffix(z.reason, ".")
	if z.asked != nil {
		no := refuse(
			z.name,
			algesta.Say(
				"{} can't be changed until {}: {} froze it ({}).", z.asked.Place(), end, z.asked.By.Called(),
				words.Cited(strings.Join(strings.Fields(reason), " ")),
			),
			algesta.Say("Ask again after that."),
		)
		unfreeze := Facts{Verb: "unfreeze", At: f.At, Command: f.Command}
		unfreeze.Command.Target = z.asked.Target
		if who := p.WhoMay(unfreeze); len(who) > 0 {
			can := someone("Someone", who)
			if _, own := p.bindingFor(unfreeze); own {
				can = algesta.Say("You")
			}
			no.Hint = no.Hint.Then("{} can end it sooner:", can)
			no.Lift = strings.Join(strings.Fields(strings.Join([]string{"unfreeze", z.asked.Target.Service, z.asked.Target.Environment}, " ")), " ")
		}
		return no
	}
	return refuse(
		z.name,
		algesta.Say(
			"Nobody can {} {} until {} (freeze \"{}\": {}).", doing(f.Verb), where(f.target()), end, z.name, reason,
		),
		algesta.Say("Ask again after that. If it can't wait, ask the people who write the policy."),
	)
}

// limited is the sentence of a limit that was not kept, or could not be judged.
func limited(l limit, err error) algesta.Decision {
	if err != nil {
		return refuse(l.name, algesta.Say("The limit \"{}\" couldn't be evaluated for this command, so it's refused.", l.name),
			algesta.Say("Ask the people who write the policy to look at that limit."))
	}
	return refuse(l.name, algesta.Say("{}", l.otherwise), algesta.Say("This is the limit \"{}\" of the policy.", l.name))
}

// wanted says whose yes is needed, one sentence a rule.
func wanted(needs []algesta.Requirement) algesta.Text {
	var out algesta.Text
	for _, n := range needs {
		out = out.Then("It needs {} from {} (rule \"{}\").", words.Count(n.Count, "approval"), eitherSubject(n.Approvers), n.Rule)
	}
	return out
}
