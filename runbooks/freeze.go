package runbooks

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/3astronautas/algesta"
	wordsof "github.com/3astronautas/algesta/words"
)

// longestFreeze bounds a freeze that people ask for.
const longestFreeze = 31 * 24 * time.Hour

var untilArg = Arg{Name: "until", Aliases: []string{"for"}, Kind: TextArg, Required: true, Bare: true, Summary: untilSummary}

var aboutFreeze = About{Service: true, Environment: true}

var _ = register(Runbook{
	Name:    "freeze",
	Verb:    "freeze",
	Summary: "Forbid every change of a service or an environment for a while, with a reason; it ends by itself, or by unfreeze.",
	Example: "freeze production until=2h because the import runs",
	Rank:    192,
	About:   aboutFreeze,
	Args:    []Arg{untilArg},
	Own:     true,
	Writes:  []string{"create " + algesta.FreezeResource},
	Ends:    WithWrite(),
	Plan:    planFreeze,
})

var _ = register(Runbook{
	Name:    "unfreeze",
	Aliases: []string{"thaw"},
	Verb:    "unfreeze",
	Summary: "End the freezes of a service or an environment that people asked for. Those of the policy stay.",
	Example: "unfreeze production",
	Rank:    193,
	About:   aboutFreeze,
	Args:    []Arg{undoes},
	Own:     true,
	Writes:  []string{"delete " + algesta.FreezeResource},
	Ends:    WithWrite(),
	Plan:    planUnfreeze,
})

func planFreeze(_ context.Context, _ Cluster, in Input) (algesta.Plan, error) {
	c := in.Command
	tooLong := algesta.Say("A freeze lasts {} at most. A longer one belongs in the policy.", span(longestFreeze))
	until, err := typedEnd(in, untilArg, "the freeze", longestFreeze, tooLong)
	if err != nil {
		return algesta.Plan{}, err
	}
	if err := requireReason(in, algesta.Say("A freeze needs a reason: everyone it stops sees it.")); err != nil {
		return algesta.Plan{}, err
	}
	z := algesta.Freeze{ID: c.ID, Target: c.Target, By: recordedBy(c), Reason: c.Reason, From: c.At, Until: until}
	z.Target.Object = ""
	what := frozenThing(c.Target)
	p := algesta.Plan{
		Title:   algesta.Say("Freeze of {} until {}", what, algesta.AtDay(until)),
		Summary: algesta.Say("Freeze {} until {}", what, algesta.AtDay(until)),
		Doing:   algesta.Say("Freezing {}", what),
		Done:    algesta.Say("{} is frozen until {}", what, algesta.AtDay(until)),
		Facts: []algesta.Field{
			{Label: "forbids", Value: algesta.Say("every change in {}, whoever asks and whoever approves", what)},
			{Label: "ends", Value: algesta.Say("by itself {}, in {}", algesta.AtDay(until), lasts(c, until))},
		},
		Undo: &algesta.Offer{Runbook: "unfreeze", Target: c.Target, Args: algesta.Args{undoes.Name: c.ID}},
	}
	for _, other := range in.Frozen {
		if other.Covers(c.Target, nil) && c.At.Before(other.Until) && other.ID != c.ID {
			p.Warnings = append(p.Warnings, algesta.Say(
				"{} is frozen already until {}, by {} ({}). Both hold.", what, algesta.AtDay(other.Until), other.By.Called(),
				wordsof.Cited(quote(other.Reason)),
			))
		}
	}
	p.Changes, err = freezeRecord.create(c, z)
	return p, err
}

func planUnfreeze(_ context.Context, _ Cluster, in Input) (algesta.Plan, error) {
	c, what := in.Command, frozenThing(in.Command.Target)
	p := algesta.Plan{
		Title:   algesta.Say("End of the freeze of {}", what),
		Summary: algesta.Say("Allow changes in {} again", what),
		Doing:   algesta.Say("Ending the freeze of {}", what),
		Done:    algesta.Say("{} isn't frozen any more", what),
	}
	one := undoes.Text(in) // an Undo ends the freeze that it names, and nobody else's
	if one != "" {
		asUndo(&p, one, what, "frozen → not frozen")
	}
	for _, z := range in.Frozen {
		switch {
		case !c.At.Before(z.Until):
		case (one == "" || z.ID == one) && samePlace(z.Target, c.Target):
			p.Changes = append(p.Changes, freezeRecord.end(z.Target, z.ID))
			p.Facts = append(p.Facts, algesta.Field{
				Label: z.ID,
				Value: algesta.Say("until {}, by {}: {}", algesta.AtDay(z.Until), z.By.Called(), wordsof.Cited(quote(z.Reason))),
			})
		case z.Covers(c.Target, nil):
			p.Warnings = append(
				p.Warnings,
				algesta.Say("{} stays frozen until {}, and this is a part of it.", frozenThing(z.Target), algesta.AtDay(z.Until)),
			)
		}
	}
	if len(p.Changes) == 0 && one != "" {
		p.Nothing = algesta.Say("The freeze {} has ended already.", algesta.Name(one))
	} else if len(p.Changes) == 0 {
		p.Nothing = algesta.Say(
			"Nobody has frozen {}. What the policy freezes, only the policy ends: {}",
			what,
			algesta.Name(in.Bot.Typed("freezes")),
		)
	}
	slices.SortFunc(p.Changes, func(a, b algesta.Change) int { return strings.Compare(a.UID, b.UID) })
	return p, nil
}

// frozenThing is "api-gateway in production", or "production".
func frozenThing(t algesta.Target) string {
	if t.Service != "" {
		return t.Service + " in " + t.Environment
	}
	return orElse(t.Environment, t.Namespace)
}
