package commands

import (
	"context"
	"time"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/policy"
)

// frozenNote is what the plan of a request that waits is told of freezes with, asked before the transaction.
type frozenNote struct {
	by        *algesta.Freeze // the freeze that holds it; nil where none does
	names     names
	overheard bool // another company may read it: who froze it, and why, isn't said
}

// heldBy are the requests that wait for approval and that a freeze covers, with the other freeze that holds each, if there is one.
func (d *Dispatcher) heldBy(ctx context.Context, z algesta.Freeze) (map[string]frozenNote, error) {
	alive, err := d.Store.Alive(ctx)
	if err != nil {
		return nil, err
	}
	held := map[string]frozenNote{}
	for _, r := range alive {
		if r.Status != algesta.Pending || r.ID == z.ID || !z.Covers(r.Command.Target, &r.Plan) {
			continue
		}
		note := frozenNote{names: d.names(ctx, d.needs(r)), overheard: d.overheard(ctx, r.Command.Channel)}
		for _, other := range *d.Store.Frozen() {
			if other.ID != z.ID && other.Covers(r.Command.Target, &r.Plan) && time.Now().Before(other.Until) {
				note.by = &other
			}
		}
		held[r.ID] = note
	}
	return held, nil
}

// unfreeze ends a freeze that someone made, and takes its word out of the plans that wait.
func (d *Dispatcher) unfreeze(ctx context.Context, id string) error {
	z, _, found, err := d.Store.FreezeOf(ctx, id)
	if err != nil {
		return err
	}
	told := map[string]frozenNote{}
	if found {
		if told, err = d.heldBy(ctx, z); err != nil {
			return err
		}
	}
	return d.Store.Update(ctx, func(tx Tx) error {
		if _, err := tx.Thaw(id, time.Now()); err != nil {
			return err
		}
		return d.tellHeld(tx, told)
	})
}

// tellHeld brings the plans of requests that wait up to date with what holds them.
func (d *Dispatcher) tellHeld(tx Tx, told map[string]frozenNote) error {
	for id, note := range told {
		if err := d.showFreeze(tx, id, note); err != nil {
			return err
		}
	}
	return nil
}

// showFreeze says in the plan of a request that waits why nobody can approve it now, or no longer says so.
func (d *Dispatcher) showFreeze(tx Tx, id string, note frozenNote) error {
	r, err := tx.Locked(id)
	if err != nil || r.Status != algesta.Pending {
		return err
	}
	approvals, err := tx.Approvals(id)
	if err != nil {
		return err
	}
	var why algesta.Text
	if z := note.by; z != nil {
		why = algesta.Say(
			"⚠ {} froze {} until {} ({}): this can't be approved or run before that.", z.By.Called(), z.Place(), algesta.AtDay(z.Until),
			quote(z.Reason),
		)
		if note.overheard {
			why = algesta.Say("⚠ {} is frozen until {}: this can't be approved or run before that.", z.What(), algesta.AtDay(z.Until))
		}
	}
	return tx.Post(planPost(r, planOf(r, d.Policy().Missing(d.needs(r), r.Command.Actor, approvals), note.names, why)))
}

// heldNow says which freeze keeps a request that waits from being approved and run now; nil where none does.
func (d *Dispatcher) heldNow(r algesta.Request) algesta.Text {
	book, _ := d.find(r.Command.Runbook)
	no, frozen := d.Policy().FrozenBy(policy.Facts{Command: r.Command, Verb: book.Verb, Plan: &r.Plan, At: time.Now()})
	if !frozen {
		return nil
	}
	return algesta.Say("⚠ {}", no.Reason)
}
