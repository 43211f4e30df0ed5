package runbooks

import (
	"context"
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

var silenceArg = Arg{Name: "until", Aliases: []string{"for"}, Kind: TextArg, Required: true, Summary: untilSummary}

var _ = register(Runbook{
	Name:    "silence",
	Verb:    "silence",
	Summary: "Report no incidents of a service or an environment for a while, with a reason; what's still wrong then is told.",
	Example: "silence api-gateway production until=2h because we move its database",
	Rank:    195,
	About:   aboutFreeze,
	Args:    []Arg{untilArg},
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
	until, err := typedEnd(in, silenceArg, "the silence", longestSilence, algesta.Say(
		"A silence lasts {} at most. To hear less permanently, change the routes or rules of incidents in the configuration.",
		span(longestSilence),
	))
	if err != nil {
		return algesta.Plan{}, err
	}
	if err := requireReason(in, algesta.Say("A silence needs a reason: it's shown to everyone who isn't told meanwhile.")); err != nil {
		return algesta.Plan{}, err
	}
	z := algesta.Silence{
		ID: c.ID, Target: c.Target, Incident: IncidentArg.Text(in), By: recordedBy(c), Reason: c.Reason, From: c.At, Until: until,
	}
	z.Target.Object = ""
	what := silentThing(z)
	p := algesta.Plan{
		Title:   algesta.Say("Silence of {} until {}", what, algesta.AtDay(until)),
		Summary: algesta.Say("Report no incidents of {} until {}", what, algesta.AtDay(until)),
		Doing:   algesta.Say("Silencing {}", what),
		Done:    algesta.Say("{} is silenced until {}", what, algesta.AtDay(until)),
		Facts: []algesta.Field{
			{Label: "means", Value: algesta.Say("no new card and no reply about {}; its open cards are kept up to date", what)},
			{Label: "ends", Value: algesta.Say("by itself {}, in {}: what's still wrong then is told", algesta.AtDay(until), lasts(c, until))},
		},
		Undo: &algesta.Offer{Runbook: "unsilence", Target: z.Target, Args: algesta.Args{undoes.Name: c.ID}},
	}
	if z.Incident != "" {
		p.Done = algesta.Say("{} is silenced until {}", wordsof.Capital(what), algesta.AtDay(until))
		p.Summary = algesta.Say("Say nothing more about {} until {}", what, algesta.AtDay(until))
	}
	p.Changes, err = silenceRecord.create(c, z)
	return p, err
}

func planUnsilence(_ context.Context, _ Cluster, in Input) (algesta.Plan, error) {
	c, what := in.Command, frozenThing(in.Command.Target)
	p := algesta.Plan{
		Title:   algesta.Say("End of the silence of {}", what),
		Summary: algesta.Say("Report incidents of {} again", what),
		Doing:   algesta.Say("Ending the silence of {}", what),
		Done:    algesta.Say("{} isn't silenced any more", what),
	}
	one := undoes.Text(in) // an Undo ends the silence that it names, and nobody else's
	if one != "" {
		asUndo(&p, one, what, "silenced → not silenced")
	}
	for _, z := range in.Silences {
		if !c.At.Before(z.Until) || one != "" && z.ID != one || !samePlace(z.Target, c.Target) {
			continue
		}
		p.Changes = append(p.Changes, silenceRecord.end(z.Target, z.ID))
		p.Facts = append(p.Facts, algesta.Field{
			Label: z.ID,
			Value: algesta.Say("{} until {}, by {}: {}", silentThing(z), algesta.AtDay(z.Until), z.By.Called(), wordsof.Cited(quote(z.Reason))),
		})
	}
	if len(p.Changes) == 0 && one != "" {
		p.Nothing = algesta.Say("The silence {} has ended already.", algesta.Name(one))
	} else if len(p.Changes) == 0 {
		p.Nothing = algesta.Say("Nobody has silenced {}. What is silenced now: {}", what, algesta.Name(in.Bot.Typed("incidents")))
	}
	slices.SortFunc(p.Changes, func(a, b algesta.Change) int { return strings.Compare(a.UID, b.UID) })
	return p, nil
}

// silentThing is "api-gateway in production", "production", or "incident i-… (api-gateway in production)".
func silentThing(z algesta.Silence) string {
	if z.Incident != "" {
		return "incident " + z.Incident + " (" + frozenThing(z.Target) + ")"
	}
	return frozenThing(z.Target)
}
