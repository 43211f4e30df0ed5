package commands

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/policy"
)

// frozen lists the freezes that are in force where the person may read something: of the policy, and those that people asked for.
func (d *Dispatcher) frozen(ctx context.Context, actor algesta.Actor) algesta.Report {
	all := d.Policy().FrozenNow(actor, time.Now())
	if len(all) == 0 {
		return algesta.Report{Tone: algesta.Good, Title: algesta.Say("Nothing that you can read is frozen.")}
	}
	rows := make([][]algesta.Text, 0, len(all))
	for _, z := range all {
		by := algesta.Say("the policy (\"{}\")", z.Name)
		if z.Asked != nil {
			by = algesta.Say("{}", z.Asked.By.Called())
			if r, err := d.Store.Request(ctx, z.Asked.ID); err == nil && d.mayKnow(ctx, actor, r) {
				by = d.linked(ctx, by, r)
			}
		}
		rows = append(rows, []algesta.Text{
			algesta.Say("{}", frozenPlace(z)), algesta.Say("{}", algesta.AtDay(z.Until)), algesta.Say("{}", z.Reason), by,
		})
	}
	return algesta.Report{
		Tone: algesta.Warning, Title: algesta.Say("Frozen now: {}", listPlaces(all)),
		Body: []algesta.Block{{Table: &algesta.Table{Head: []string{"what", "until", "why", "by"}, Rows: rows}}},
	}
}

// frozenPlace is what a freeze is about, in words.
func frozenPlace(z policy.Frozen) string {
	if z.Asked != nil {
		if z.Asked.Target.Service != "" {
			return z.Asked.Target.Service + " in " + z.Asked.Target.Environment
		}
		return z.Asked.Target.Environment
	}
	place := "everywhere"
	if !slices.Contains(z.Namespaces, "*") {
		place = strings.Join(z.Namespaces, ", ")
	}
	if len(z.Clusters) > 0 {
		place += " on " + strings.Join(z.Clusters, ", ")
	}
	return place
}

func listPlaces(all []policy.Frozen) string {
	var out []string
	for _, z := range all {
		if place := frozenPlace(z); !slices.Contains(out, place) {
			out = append(out, place)
		}
	}
	return strings.Join(out, "; ")
}

// frozenHere says what is frozen of a target, one line a freeze.
func (d *Dispatcher) frozenHere(t algesta.Target) []algesta.Block {
	var list []algesta.Text
	for _, z := range d.Policy().FrozenFor(t, time.Now()) {
		by, why := "by the policy", z.Reason
		if z.Asked != nil {
			by, why = "by "+z.Asked.By.Called(), quote(z.Reason)
		}
		list = append(list, algesta.Say("Frozen until {} {}: {}", algesta.AtDay(z.Until), by, why))
	}
	if len(list) == 0 {
		return nil
	}
	return []algesta.Block{{List: list}}
}
