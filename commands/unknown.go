package commands

import (
	"context"
	"fmt"
	"time"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/policy"
	"github.com/3astronautas/algesta/words"
)

// unknown ends the automatic part: nobody can tell whether the write happened, for this reason, so a person has to. It says who may.
func (d *Dispatcher) unknown(ctx context.Context, r algesta.Request, e algesta.Execution, why algesta.Text) error {
	e.State = algesta.Doubtful
	said := algesta.Say("{} I won't send it again, and nothing else is written to {} until someone answers.", why, named(r.Plan.Objects()))
	if len(r.Plan.Changes) > 1 {
		records, err := d.Store.Executions(ctx, r.ID)
		if err != nil {
			return err
		}
		said = join(said, outcomes(r.Plan, records))
	}
	may := d.Policy().Answerers(d.needs(r), d.factsOf(r))
	names := d.names(ctx, []algesta.Requirement{{Approvers: may}})
	who := words.Or(append([]string{r.Command.Called()}, names.each(may)...))
	_, err := d.step(ctx, step{
		id: r.ID, from: []algesta.Status{algesta.Executing}, to: algesta.Unknown, note: "may or may not have happened",
		record: &e, was: algesta.Intended, data: algesta.Args{},
		said:    said.Then("Check the cluster and answer here: {} can.", who),
		buttons: []algesta.Button{answerButton(r, e, algesta.Done), answerButton(r, e, algesta.NotDone)},
	})
	return err
}

// factsOf is what the policy is asked about a request as it was asked for.
func (d *Dispatcher) factsOf(r algesta.Request) policy.Facts {
	book, _ := d.find(r.Command.Runbook) // one that is not known any more has no verb, and nobody a right to it
	return policy.Facts{Command: r.Command, Verb: book.Verb, Plan: &r.Plan, At: time.Now()}
}

// answerButton says what happened to a change in doubt, and asks for confirmation first.
func answerButton(r algesta.Request, e algesta.Execution, action algesta.VoteAction) algesta.Button {
	b := algesta.Button{Label: "It happened", Action: action, ID: r.ID}
	says := algesta.Confirmed
	if action == algesta.NotDone {
		b.Label, says = "It didn't happen", algesta.NotDoneX
	}
	b.Confirm = &algesta.Confirm{
		Title: b.Label + "?", Yes: b.Label, No: "Not sure",
		Text: fmt.Sprintf("You checked: %s (%s) Requests that wait for it continue then.", became(changeOf(r, e), says), r.Plan.Title),
	}
	return b
}

// answerUnknown takes a person's word for an execution whose outcome is unknown.
func (d *Dispatcher) answerUnknown(ctx context.Context, in algesta.Invocation, r algesta.Request, actor algesta.Actor) error {
	if may := d.Policy().MayAnswer(d.needs(r), d.factsOf(r), actor); may.Effect != algesta.Allow {
		return d.refused(may, actor)
	}
	s, open, err := d.answerOf(ctx, r, in.Vote.Action == algesta.Done, actor.Called())
	if err != nil {
		return err
	}
	if !open {
		return d.alreadyClosed(ctx, r.ID, actor)
	}
	s.kind, s.actor, s.data = "answered "+string(in.Vote.Action), actor, algesta.Args{}
	s.also = func(tx Tx, _ algesta.Request) error { return tx.Answered(in.Key) }
	moved, err := d.settleUnknown(ctx, s)
	if err != nil || moved {
		return err
	}
	return d.alreadyClosed(ctx, r.ID, actor)
}

// answerOf is the step that takes someone's word for what happened. Where that was not the last change of a plan, the rest is not made:
// what people approved was seen before the doubt. ok is false where nothing is in doubt any more.
func (d *Dispatcher) answerOf(ctx context.Context, r algesta.Request, happened bool, by string) (s step, ok bool, err error) {
	records, err := d.Store.Executions(ctx, r.ID)
	if err != nil {
		return step{}, false, err
	}
	_, open := progressOfPlan(records)
	if open == nil || open.State != algesta.Doubtful {
		return step{}, false, nil
	}
	s = step{
		id: r.ID, from: []algesta.Status{algesta.Unknown}, tone: algesta.Neutral, was: algesta.Doubtful, record: open,
		said: algesta.Say("{} may or may not have happened. It has been answered: see below.", r.Plan.Title),
	}
	open.State, s.to, s.note = algesta.NotDoneX, algesta.Failed, "didn't happen, according to "+by+". "+unchanged
	if happened {
		open.State, s.to, s.note = algesta.Confirmed, algesta.Succeeded, "happened, according to "+by
	}
	if made, _ := progressOfPlan(records); len(records) > 1 && made < len(records) {
		s.to, s.note = algesta.Failed, fmt.Sprintf(
			"stopped after %d of %d changes, according to %s. %s",
			made,
			len(records),
			by,
			outcomes(r.Plan, records),
		)
	}
	return s, true, nil
}

// settleUnknown carries out an answer with the record of the write.
func (d *Dispatcher) settleUnknown(ctx context.Context, s step) (moved bool, err error) {
	also := s.also
	s.also = func(tx Tx, moved algesta.Request) error {
		if also != nil {
			if err := also(tx, moved); err != nil {
				return err
			}
		}
		// The reply that asked becomes an edit, and an edit notifies nobody: the answer is a reply of its own.
		told := post(moved.Command, algesta.VerdictPost, ended(moved, algesta.Neutral, algesta.Say("{} {}", moved.Plan.Title, moved.Note)))
		told.Final = true
		return tx.Post(told)
	}
	return d.step(ctx, s)
}

// Resolve takes an operator's word for a change whose outcome nobody knows, where nobody who may answer in the chat is available. by
// names the operator, for the thread and the audit. said is what the word was taken for, with the object. ErrStale where the request is not
// in doubt.
func Resolve(ctx context.Context, store Store, id string, happened bool, by string) (said string, err error) {
	d := &Dispatcher{Config: Config{Store: store}}
	r, err := store.Request(ctx, id)
	if err != nil {
		return "", err
	}
	certain := &algesta.Error{
		Kind:    algesta.ErrStale,
		Message: algesta.Say("{} is {}: its outcome isn't in doubt.", algesta.Name(id), string(r.Status)),
	}
	s, open, err := d.answerOf(ctx, r, happened, by)
	if err != nil {
		return "", err
	}
	if !open {
		return "", certain
	}
	s.kind, s.data = "answered by an operator", algesta.Args{"operator": by, "happened": happened}
	moved, err := d.settleUnknown(ctx, s)
	if err == nil && !moved {
		err = certain
	}
	return became(changeOf(r, *s.record), s.record.State).String(), err
}
