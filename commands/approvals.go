package commands

import (
	"context"
	"fmt"
	"time"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/words"
)

// mostApprovals bounds how many requests a list of those that wait shows.
const mostApprovals = 30

// approvals are the requests that wait for an approval, with the way to each: those first that the person may approve, then those that
// they asked for or may know of. Only they see it, and needs no binding: an approver may have none.
func (d *Dispatcher) approvals(ctx context.Context, actor algesta.Actor) (algesta.Report, error) {
	alive, err := d.Store.Alive(ctx)
	if err != nil {
		return algesta.Report{}, fmt.Errorf("reading what waits for approval: %w", err)
	}
	var mine, others []algesta.Text
	for _, r := range alive {
		if r.Status != algesta.Pending || !time.Now().Before(r.ExpiresAt) {
			continue
		}
		switch {
		case d.mayDecide(r, actor):
			mine = append(mine, d.waitsFor(ctx, r))
		case d.mayKnow(ctx, actor, r):
			others = append(others, d.waitsFor(ctx, r))
		}
	}
	out := algesta.Report{Tone: algesta.Good, Title: algesta.Say("Nothing waits for your approval.")}
	if len(mine) > 0 {
		out = algesta.Report{
			Tone: algesta.Waiting, Title: algesta.Say("{} for your approval.", words.Plural(len(mine), "request waits", "requests wait")),
			Body: capped(mine),
		}
		out.Body = append(
			out.Body,
			algesta.Block{Text: algesta.Say("Approve or deny with the buttons in the thread, where the plan is, or in my Home tab.")},
		)
	}
	if len(others) > 0 {
		out.Body = append(out.Body, algesta.Block{Text: algesta.Say("Waiting for others:")})
		out.Body = append(out.Body, capped(others)...)
	}
	return out, nil
}

// capped is a list of at most mostApprovals, and how many more there are.
func capped(list []algesta.Text) []algesta.Block {
	out := []algesta.Block{{List: list[:min(len(list), mostApprovals)]}}
	if more := len(list) - mostApprovals; more > 0 {
		out = append(out, algesta.Block{Text: algesta.Say("… {} more", more)})
	}
	return out
}

// waitsFor is a request that waits: what, who asked, who is missing, until when, and the way to its thread.
func (d *Dispatcher) waitsFor(ctx context.Context, r algesta.Request) algesta.Text {
	needs := d.needs(r)
	missing := d.Policy().Missing(needs, r.Command.Actor, d.approved(ctx, r))
	said := algesta.Say("{}: requested by {}", r.Plan.Title, r.Command.Called())
	if len(missing) > 0 {
		said = algesta.Say("{} · needs {}", said, stillNeeded(missing, d.names(ctx, needs)))
	}
	said = algesta.Say("{} · expires {}", said, algesta.At(r.ExpiresAt))
	if held := d.heldNow(r); len(held) > 0 {
		said = algesta.Say("{} · {}", said, held)
	}
	return d.linked(ctx, said, r)
}
