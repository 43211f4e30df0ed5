package runbooks

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/3astronautas/algesta"
	wordsof "github.com/3astronautas/algesta/words"
)

// The bounds of a freeze.
const (
	shortestFreeze = time.Minute
	longestFreeze  = 31 * 24 * time.Hour
)

var untilArg = Arg{
	Name: "until", Aliases: []string{"for"}, Kind: TextArg, Required: true, Bare: true,
	Summary: "when it ends by itself: after 2h or 3d, or at 2026-12-24T18:00:00-05:00",
}

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
	until, err := freezeEnd(in)
	if err != nil {
		return algesta.Plan{}, err
	}
	if strings.TrimSpace(c.Reason) == "" {
		return algesta.Plan{}, wrongValue(
			in,
			algesta.Say("A freeze needs a reason: people read it when they are refused. Say it with because … at the end."),
		)
	}
	by, _ := c.Person()
	z := algesta.Freeze{ID: c.ID, Target: c.Target, By: algesta.Actor{ID: by.ID, Name: by.Name}, Reason: c.Reason, From: c.At, Until: until}
	z.Target.Object = ""
	what := frozenThing(c.Target)
	p := algesta.Plan{
		Title:   algesta.Say("Freeze of {} until {}", what, algesta.AtDay(until)),
		Summary: algesta.Say("Freeze {} until {}", what, algesta.AtDay(until)),
		Doing:   algesta.Say("Freezing {}", what),
		Done:    algesta.Say("{} is frozen until {}", what, algesta.AtDay(until)),
		Facts: []algesta.Field{
			{Label: "forbids", Value: algesta.Say("every change of {}, whoever asks and whoever approves", what)},
			{Label: "ends", Value: algesta.Say("by itself {}, in {}", algesta.AtDay(until), span(until.Sub(c.At)))},
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
	content, err := json.Marshal(map[string]any{
		"apiVersion": algesta.FreezeGroup + "/v1", "kind": algesta.FreezeKind,
		"metadata": map[string]string{"name": c.ID, "namespace": c.Target.Namespace}, "spec": z,
	})
	if err != nil {
		return algesta.Plan{}, fmt.Errorf("writing a freeze: %w", err)
	}
	p.Changes = []algesta.Change{{
		Object: freezeObject(c.Target, c.ID), Verb: algesta.Create, Resource: algesta.FreezeResource, Version: "v1", Content: content,
	}}
	return p, nil
}

// freezeEnd is when a freeze ends.
func freezeEnd(in Input) (time.Time, error) {
	typed := untilArg.Text(in)
	until, err := time.Parse(time.RFC3339, typed)
	if d, ok := Span(typed); ok {
		until, err = in.Command.At.Add(d), nil
	}
	switch left := until.Sub(in.Command.At); {
	case err != nil:
		return until, wrongValue(in, algesta.Say(
			"until is a length of time such as 2h or 3d, or a time with its zone such as 2026-12-24T18:00:00-05:00, not {}.",
			wordsof.Cited(quote(typed)),
		))
	case left < shortestFreeze:
		return until, wrongValue(in, algesta.Say("That is over already, or in less than a minute: a freeze has to end later."))
	case left > longestFreeze:
		return until, wrongValue(in, algesta.Say("A freeze lasts {} at most. A longer one belongs in the policy.", span(longestFreeze)))
	}
	return until.Truncate(time.Second), nil
}

func planUnfreeze(_ context.Context, _ Cluster, in Input) (algesta.Plan, error) {
	c, what := in.Command, frozenThing(in.Command.Target)
	p := algesta.Plan{
		Title:   algesta.Say("End of the freeze of {}", what),
		Summary: algesta.Say("Allow changes of {} again", what),
		Doing:   algesta.Say("Ending the freeze of {}", what),
		Done:    algesta.Say("{} isn't frozen any more", what),
	}
	one := undoes.Text(in) // an Undo ends the freeze that it names, and nobody else's
	for _, z := range in.Frozen {
		switch {
		case !c.At.Before(z.Until):
		case (one == "" || z.ID == one) && z.Target.Cluster == c.Target.Cluster && z.Target.Namespace == c.Target.Namespace &&
			z.Target.Name == c.Target.Name && z.Target.Environment == c.Target.Environment:
			p.Changes = append(p.Changes, algesta.Change{
				Object: freezeObject(z.Target, z.ID), Verb: algesta.Delete, Resource: algesta.FreezeResource, Version: "v1", UID: z.ID,
				Propagation: "Background",
			})
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

func freezeObject(t algesta.Target, id string) algesta.Object {
	return algesta.Object{Cluster: t.Cluster, Group: algesta.FreezeGroup, Kind: algesta.FreezeKind, Namespace: t.Namespace, Name: id}
}

// frozenThing is "api-gateway in production", or "production".
func frozenThing(t algesta.Target) string {
	if t.Service != "" {
		return t.Service + " in " + t.Environment
	}
	return orElse(t.Environment, t.Namespace)
}
