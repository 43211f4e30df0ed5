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

// longestSilence bounds a silence: what nobody wants to hear of for longer is a rule to switch off, or a route to take away.
const longestSilence = 14 * 24 * time.Hour

// IncidentArg names the incident that a command is about.
var IncidentArg = Arg{
	Name: "incident", Kind: TextArg, Bare: true,
	Summary: "its ID, such as i-7f3a9k2mq4x8; in the thread of its card it may be left out",
}

var silenceArg = Arg{
	Name: "until", Aliases: []string{"for"}, Kind: TextArg, Required: true,
	Summary: "when it ends by itself: after 2h or 3d, or at 2026-12-24T18:00:00-05:00",
}

var _ = register(Runbook{
	Name:    "silence",
	Verb:    "silence",
	Summary: "Tell of no incidents of a service or an environment for a while, with a reason; what lasts is told when that is over.",
	Example: "silence api-gateway production until=2h because we move its database",
	Rank:    195,
	About:   aboutFreeze,
	Args:    []Arg{silenceArg},
	Own:     true,
	Writes:  []string{"create " + algesta.SilenceResource},
	Ends:    WithWrite(),
	Plan:    planSilence,
})

var _ = register(Runbook{
	Name:     "snooze",
	Verb:     "silence",
	Summary:  "Say nothing more about one incident for a while, with a reason. Its card is kept up to date.",
	Example:  "snooze i-7f3a9k2mq4x8 until=1h because the fix is on its way",
	Rank:     196,
	Args:     []Arg{IncidentArg, silenceArg},
	Own:      true,
	Incident: true,
	Writes:   []string{"create " + algesta.SilenceResource},
	Ends:     WithWrite(),
	Plan:     planSilence,
})

var _ = register(Runbook{
	Name:    "unsilence",
	Aliases: []string{"unsnooze"},
	Verb:    "silence",
	Summary: "End the silences and snoozes of a service or an environment that people asked for. Maintenance stays.",
	Example: "unsilence api-gateway production",
	Rank:    197,
	About:   aboutFreeze,
	Args:    []Arg{undoes},
	Own:     true,
	Writes:  []string{"delete " + algesta.SilenceResource},
	Ends:    WithWrite(),
	Plan:    planUnsilence,
})

// planSilence plans a silence of a service or an environment, or of one incident.
func planSilence(_ context.Context, _ Cluster, in Input) (algesta.Plan, error) {
	c := in.Command
	until, err := silenceEnd(in)
	if err != nil {
		return algesta.Plan{}, err
	}
	if strings.TrimSpace(c.Reason) == "" {
		return algesta.Plan{}, wrongValue(
			in, algesta.Say("A silence needs a reason: people read it while they are told nothing. Say it with because … at the end."),
		)
	}
	by, _ := c.Person()
	z := algesta.Silence{
		ID: c.ID, Target: c.Target, Incident: IncidentArg.Text(in), By: algesta.Actor{ID: by.ID, Name: by.Name}, Reason: c.Reason,
		From: c.At, Until: until,
	}
	z.Target.Object = ""
	what := silentThing(z)
	p := algesta.Plan{
		Title:   algesta.Say("Silence of {} until {}", what, algesta.AtDay(until)),
		Summary: algesta.Say("Tell of no incidents of {} until {}", what, algesta.AtDay(until)),
		Doing:   algesta.Say("Silencing {}", what),
		Done:    algesta.Say("{} is silent until {}", what, algesta.AtDay(until)),
		Facts: []algesta.Field{
			{Label: "means", Value: algesta.Say("no new card and no reply about {}; its open cards are kept up to date", what)},
			{Label: "ends", Value: algesta.Say("by itself {}, in {}: what lasts is told then", algesta.AtDay(until), span(until.Sub(c.At)))},
		},
		Undo: &algesta.Offer{Runbook: "unsilence", Target: z.Target, Args: algesta.Args{undoes.Name: c.ID}},
	}
	if z.Incident != "" {
		p.Summary = algesta.Say("Say nothing more about {} until {}", what, algesta.AtDay(until))
	}
	content, err := json.Marshal(map[string]any{
		"apiVersion": algesta.FreezeGroup + "/v1", "kind": algesta.SilenceKind,
		"metadata": map[string]string{"name": c.ID, "namespace": c.Target.Namespace}, "spec": z,
	})
	if err != nil {
		return algesta.Plan{}, fmt.Errorf("writing a silence: %w", err)
	}
	p.Changes = []algesta.Change{{
		Object: silenceObject(c.Target, c.ID), Verb: algesta.Create, Resource: algesta.SilenceResource, Version: "v1", Content: content,
	}}
	return p, nil
}

// silenceEnd is when a silence ends.
func silenceEnd(in Input) (time.Time, error) {
	typed := silenceArg.Text(in)
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
		return until, wrongValue(in, algesta.Say("That is over already, or in less than a minute: a silence has to end later."))
	case left > longestSilence:
		return until, wrongValue(in, algesta.Say("A silence lasts {} at most. To hear less permanently, change the routes or rules of "+
			"incidents in the configuration.", span(longestSilence)))
	}
	return until.Truncate(time.Second), nil
}

func planUnsilence(_ context.Context, _ Cluster, in Input) (algesta.Plan, error) {
	c, what := in.Command, frozenThing(in.Command.Target)
	p := algesta.Plan{
		Title:   algesta.Say("End of the silence of {}", what),
		Summary: algesta.Say("Tell of incidents of {} again", what),
		Doing:   algesta.Say("Ending the silence of {}", what),
		Done:    algesta.Say("{} isn't silent any more", what),
	}
	one := undoes.Text(in) // an Undo ends the silence that it names, and nobody else's
	for _, z := range in.Silences {
		if !c.At.Before(z.Until) || one != "" && z.ID != one || z.Target.Cluster != c.Target.Cluster || z.Target.Namespace != c.Target.Namespace ||
			z.Target.Name != c.Target.Name || z.Target.Environment != c.Target.Environment {
			continue
		}
		p.Changes = append(p.Changes, algesta.Change{
			Object: silenceObject(z.Target, z.ID), Verb: algesta.Delete, Resource: algesta.SilenceResource, Version: "v1", UID: z.ID,
			Propagation: "Background",
		})
		p.Facts = append(p.Facts, algesta.Field{
			Label: z.ID, Value: algesta.Say("{} until {}, by {}: {}", silentThing(z), algesta.AtDay(z.Until), z.By.Called(), wordsof.Cited(quote(z.Reason))),
		})
	}
	if len(p.Changes) == 0 && one != "" {
		p.Nothing = algesta.Say("The silence {} has ended already.", algesta.Name(one))
	} else if len(p.Changes) == 0 {
		p.Nothing = algesta.Say("Nobody has silenced {}. What is silent now: {}", what, algesta.Name(in.Bot.Typed("incidents")))
	}
	slices.SortFunc(p.Changes, func(a, b algesta.Change) int { return strings.Compare(a.UID, b.UID) })
	return p, nil
}

func silenceObject(t algesta.Target, id string) algesta.Object {
	return algesta.Object{Cluster: t.Cluster, Group: algesta.FreezeGroup, Kind: algesta.SilenceKind, Namespace: t.Namespace, Name: id}
}

// silentThing is "api-gateway in production", "production", or "incident i-… (api-gateway in production)".
func silentThing(z algesta.Silence) string {
	if z.Incident != "" {
		return "incident " + z.Incident + " (" + frozenThing(z.Target) + ")"
	}
	return frozenThing(z.Target)
}
