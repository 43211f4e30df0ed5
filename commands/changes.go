package commands

import (
	"context"
	"fmt"
	"slices"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/words"
)

// named are the names of objects, as a sentence has them.
func named(objects []algesta.Object) algesta.Text {
	var out algesta.Text
	for i, o := range objects {
		switch i {
		case 0:
			out = algesta.Say("{}", algesta.Name(o.Name))
		case len(objects) - 1:
			out = algesta.Say("{} and {}", out, algesta.Name(o.Name))
		default:
			out = algesta.Say("{}, {}", out, algesta.Name(o.Name))
		}
	}
	return out
}

// what is the object of a change as people call it: "Certificate shop-tls in shop".
func what(c algesta.Change) algesta.Text {
	out := algesta.Say("{} {}", c.Object.Kind, algesta.Name(c.Object.Name))
	if c.Object.Namespace != "" {
		out = algesta.Say("{} in {}", out, algesta.Name(c.Object.Namespace))
	}
	if c.Subresource != "" && c.Verb == algesta.Patch {
		out = algesta.Say("the {} of {}", c.Subresource, out)
	}
	return out
}

// became is one sentence about what became of a change.
func became(c algesta.Change, s algesta.ExecutionState) algesta.Text {
	deed := "changed"
	switch c.Verb {
	case algesta.Create:
		deed = "created"
	case algesta.Delete:
		deed = "deleted"
	case algesta.Exec:
		return ranOrNot(c, s)
	case algesta.Patch:
	}
	object := what(c)
	object[0].Text = words.Capital(object[0].Text)
	switch s {
	case algesta.Confirmed:
		return algesta.Say("{} was {}.", object, deed)
	case algesta.Doubtful, algesta.Intended:
		return algesta.Say("{} may or may not have been {}.", object, deed)
	case algesta.Planned, algesta.NotDoneX:
	}
	return algesta.Say("{} was not {}.", object, deed)
}

// ranOrNot is a sentence about what became of a program.
func ranOrNot(c algesta.Change, s algesta.ExecutionState) algesta.Text {
	called := algesta.Name(c.Object.Name)
	if c.Program == nil {
		return algesta.Say("A program may or may not have run in {}.", called)
	}
	program := algesta.Name(c.Program.Name)
	switch s {
	case algesta.Confirmed:
		return algesta.Say("{} ran in {}.", program, called)
	case algesta.Doubtful, algesta.Intended:
		return algesta.Say("{} may or may not have run in {}.", program, called)
	case algesta.Planned, algesta.NotDoneX:
	}
	return algesta.Say("{} did not run in {}.", program, called)
}

// changeOf is the change that a record is about.
func changeOf(r algesta.Request, e algesta.Execution) algesta.Change {
	if e.Change < len(r.Plan.Changes) {
		return r.Plan.Changes[e.Change]
	}
	return algesta.Change{Verb: e.Verb, Object: e.Object}
}

// outcomes is a sentence for each change of a plan, in its order.
func outcomes(p algesta.Plan, records []algesta.Execution) algesta.Text {
	var out algesta.Text
	for i, c := range p.Changes {
		state := algesta.Planned
		if j := slices.IndexFunc(records, func(e algesta.Execution) bool { return e.Change == i }); j >= 0 {
			state = records[j].State
		}
		out = join(out, became(c, state))
	}
	return out
}

// progressOfPlan is how far the writes of a request have got: how many of its first changes are in the cluster, and the record of the write
// that is intended or doubtful, nil where there is none.
func progressOfPlan(records []algesta.Execution) (made int, open *algesta.Execution) {
	for i := range records {
		e := &records[i]
		if e.State == algesta.Confirmed && e.Change == made {
			made++
		}
		if e.State == algesta.Intended || e.State == algesta.Doubtful {
			open = e
		}
	}
	return made, open
}

// stop ends a request of which some changes are made and the others, certainly, are not. It says which, one by one.
func (d *Dispatcher) stop(ctx context.Context, r algesta.Request, why algesta.Text) error {
	records, err := d.Store.Executions(ctx, r.ID)
	if err != nil {
		return err
	}
	made, open := progressOfPlan(records)
	if open != nil {
		return fmt.Errorf("request %s cannot be stopped: nobody knows what became of change %d", r.ID, open.Change+1)
	}
	note := fmt.Sprintf("stopped after %d of %d changes", made, len(r.Plan.Changes))
	_, err = d.step(ctx, step{
		id: r.ID, from: []algesta.Status{algesta.Executing}, to: algesta.Failed, kind: "stopped",
		note: note + ": " + why.String(), data: algesta.Args{"made": made, "of": len(r.Plan.Changes)},
		said: join(algesta.Say("{} {}: {}", r.Plan.Title, note, why), outcomes(r.Plan, records)).Then("The rest doesn't run on its own."),
	})
	return err
}

// made records one change of several as made; the next one follows.
func (d *Dispatcher) made(ctx context.Context, r algesta.Request, change int, w algesta.Written) error {
	e, err := d.recordOf(ctx, r.ID, change)
	if err != nil {
		return err
	}
	confirm(&e, w)
	going, err := d.during(ctx, r.ID, []algesta.Status{algesta.Executing}, func(tx Tx, r algesta.Request) error {
		settled, err := tx.Settle(e, algesta.Intended)
		if err != nil {
			return err
		}
		if !settled {
			return fmt.Errorf("the record of change %d of %s is no longer an intent", change+1, r.ID)
		}
		return tx.Append(algesta.Entry{Request: r.ID, Kind: "made", At: e.AppliedAt, Data: madeData(r, change, w)})
	})
	if err == nil && !going {
		err = errMovedOn
	}
	return err
}

// madeData is what the audit keeps of a write that is in the cluster.
func madeData(r algesta.Request, change int, w algesta.Written) algesta.Args {
	data := algesta.Args{"resourceVersion": w.ResourceVersion, "generation": w.Generation}
	if len(r.Plan.Changes) > 1 {
		data["change"], data["of"] = change+1, len(r.Plan.Changes)
	}
	return data
}
