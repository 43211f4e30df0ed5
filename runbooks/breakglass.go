package runbooks

import (
	"context"
	"time"

	"github.com/3astronautas/algesta"
)

// GlassRule is what the policy says about changes that can't wait for an approval; Lasts is 0 where it says nothing.
type GlassRule struct {
	Lasts time.Duration
	// Told is where it's announced, as people call it: "#security".
	Told string
}

var _ = register(Runbook{
	Name:    algesta.BreakGlassVerb,
	Aliases: []string{"breakglass"},
	Verb:    algesta.BreakGlassVerb,
	Summary: "Change a service or an environment without approvals for a while, because it can't wait. The security channel is told before " +
		"anything runs; freezes, limits and your own rights hold all the same.",
	Example: "break-glass production because the shop is down and nobody answers",
	Rank:    194,
	About:   aboutFreeze,
	Own:     true,
	Writes:  []string{"create " + algesta.BreakGlassResource},
	Ends:    WithWrite(),
	Plan:    planBreakGlass,
})

func planBreakGlass(_ context.Context, _ Cluster, in Input) (algesta.Plan, error) {
	c := in.Command
	if in.Glass.Lasts <= 0 {
		return algesta.Plan{}, &algesta.Error{
			Kind: algesta.ErrRefused, Message: algesta.Say("The policy lets nobody change anything without approvals."),
			Hint: algesta.Say("Ask the people who write the policy for breakGlass."),
		}
	}
	if err := requireReason(in, algesta.Say("Break-glass needs a reason: it's posted in the security channel.")); err != nil {
		return algesta.Plan{}, err
	}
	who, until := recordedBy(c), c.At.Add(in.Glass.Lasts)
	b := algesta.BreakGlass{ID: c.ID, Target: c.Target, Shared: in.Shared, By: who, Reason: c.Reason, From: c.At, Until: until}
	b.Target.Object = ""
	what := frozenThing(c.Target)
	p := algesta.Plan{
		Title:   algesta.Say("Break-glass for {} until {}", what, algesta.AtDay(until)),
		Summary: algesta.Say("Let {} change {} without approvals until {}", who.Called(), what, algesta.AtDay(until)),
		Doing:   algesta.Say("Starting break-glass for {}", what),
		Done:    algesta.Say("{} may change {} without approvals until {}", who.Called(), what, algesta.AtDay(until)),
		Facts: []algesta.Field{
			{Label: "waives", Value: algesta.Say(
				"the approvals for changes of {} that {} asks for. Each is announced before it runs.", what, who.Called(),
			)},
			{Label: "holds", Value: algesta.Say("what {} may do at all, limits and freezes", who.Called())},
			{Label: "told", Value: algesta.Say("{}, before anything runs", in.Glass.Told)},
			{Label: "ends", Value: algesta.Say("by itself {}, in {}", algesta.AtDay(until), lasts(c, until))},
		},
	}
	var err error
	p.Changes, err = breakGlassRecord.create(c, b)
	return p, err
}
