package commands

import (
	"context"
	"slices"
	"time"

	"github.com/3astronautas/algesta"
)

// step is one move of a request with everything that belongs to it. It is carried out by Dispatcher.move alone, in one transaction:
// the compare-and-swap, the record of the write, the audit line, the card, the plan, the reply and whatever comes next.
type step struct {
	id   string
	from []algesta.Status
	to   algesta.Status
	note string // how it ended, one sentence, plain; the old one stays where it is empty

	by      []algesta.Actor // replaces those who decided, when not nil
	startBy time.Time       // replaces StartBy, when not zero

	record *algesta.Execution // the record of the write becomes this, if it is in the state was; otherwise the step doesn't happen
	was    algesta.ExecutionState

	kind  string        // of the audit line; the new status where it is empty
	actor algesta.Actor // who did it; nobody where it's empty
	data  algesta.Args  // of the audit line; the note where it is nil

	said    algesta.Text     // the reply; the title and the note where it is empty
	tone    algesta.Tone     // of the reply; that of the status where it is empty
	mention []algesta.Actor  // who is mentioned besides the requester and those who decided
	buttons []algesta.Button // of the reply

	spent bool // the button that opened the request does not come back: what it would do is the case already

	directly bool // the reply goes to the people it concerns as a direct message: its thread can't be posted in

	// also goes on in the same transaction.
	also func(tx Tx, r algesta.Request) error
}

// theyApproved is what those who decided did, unless they ended it.
const theyApproved = "approved"

// view is how a request that came to a status is shown.
type view struct {
	tone    algesta.Tone                             // of the reply
	shown   algesta.Tone                             // of the card
	title   func(r algesta.Request) algesta.Text     // of the card
	note    bool                                     // the card's small line has the note, which its title has not
	decided string                                   // what those who decided did
	moment  string                                   // what happened at the request's UpdatedAt, where that is evidence
	buttons func(r algesta.Request) []algesta.Button // of the plan
	card    bool                                     // the card is brought up to date
	plan    bool                                     // the plan is, and has no buttons any more
	reply   bool                                     // a new message mentions the requester, those who decided, and step.mention
}

// The titles of cards.
func titleWaits(r algesta.Request) algesta.Text {
	return algesta.Say("{} is waiting for approval", r.Plan.Title)
}
func titleDoing(r algesta.Request) algesta.Text { return r.Plan.Doing }
func titleDone(r algesta.Request) algesta.Text  { return r.Plan.Done }
func titleUnknown(r algesta.Request) algesta.Text {
	return algesta.Say("{}: I don't know whether it happened", r.Plan.Title)
}
func titleNote(r algesta.Request) algesta.Text { return algesta.Say("{} {}", r.Plan.Title, r.Note) }

// viewOf is the table of the life of a request. A status that comes and goes within a moment is not shown on its own; a card that is
// recreated meanwhile says what state the request is in.
func viewOf(s algesta.Status) view {
	end := view{
		tone:    algesta.Neutral,
		shown:   algesta.Neutral,
		title:   titleNote,
		decided: theyApproved,
		moment:  "ended",
		card:    true,
		plan:    true,
		reply:   true,
	}
	switch s {
	case algesta.Pending:
		return view{shown: algesta.Waiting, title: titleWaits, decided: theyApproved, buttons: voteButtons}
	case algesta.Approved, algesta.Executing:
		return view{shown: algesta.Running, title: titleDoing, decided: theyApproved}
	case algesta.Applied:
		return view{shown: algesta.Running, title: titleDoing, decided: theyApproved, moment: "applied", card: true}
	case algesta.Unknown:
		return view{tone: algesta.Warning, shown: algesta.Warning, title: titleUnknown, decided: theyApproved, card: true, reply: true}
	case algesta.Succeeded:
		end.tone, end.shown, end.title, end.note = algesta.Good, algesta.Good, titleDone, true
	case algesta.Failed:
		end.tone, end.shown = algesta.Bad, algesta.Bad
	case algesta.TimedOut:
		end.tone, end.shown = algesta.Warning, algesta.Bad
	case algesta.Rejected:
		end.decided = "denied"
	case algesta.Cancelled:
		end.decided = "cancelled"
	case algesta.Superseded:
		end.moment = "replaced"
	case algesta.Expired, algesta.Stale:
	}
	return end
}

// notMovedError ends the transaction of a step that someone else took first.
type notMovedError struct{ now algesta.Request }

// Error implements error; it never reaches a person.
func (e notMovedError) Error() string {
	return "request " + e.now.ID + " is " + string(e.now.Status) + " already"
}

// step carries out a step in a transaction of its own. moved is false, and nothing has changed, where the request was no longer in one
// of the statuses that the step starts from, or its record not in the state that it settles.
func (d *Dispatcher) step(ctx context.Context, s step) (moved bool, err error) {
	err = d.Store.Update(ctx, func(tx Tx) error {
		r, ok, err := d.move(tx, s)
		if err == nil && !ok {
			return notMovedError{r}
		}
		return err
	})
	if _, stayed := err.(notMovedError); stayed { //nolint:errorlint // Update returns an error of the function as it is
		return false, nil
	}
	if err == nil && s.to.Ended() {
		d.forget(s.id)
	}
	return err == nil, err
}

// move carries out a step inside a transaction. Where moved is false the transaction must not be committed if the step has a record.
func (d *Dispatcher) move(tx Tx, s step) (r algesta.Request, moved bool, err error) {
	r, moved, err = tx.Move(algesta.Move{ID: s.id, From: s.from, To: s.to, By: s.by, Note: s.note, StartBy: s.startBy})
	if err != nil || !moved {
		return r, false, err
	}
	if s.record != nil {
		if settled, err := tx.Settle(*s.record, s.was); err != nil || !settled {
			return r, false, err
		}
	}
	if slices.ContainsFunc(s.from, keeps) && !keeps(s.to) {
		if err := d.wake(tx, r); err != nil {
			return r, false, err
		}
	}
	if err := tx.Append(s.entry(r)); err != nil {
		return r, false, err
	}
	if err := d.showStatus(tx, r, s); err != nil {
		return r, false, err
	}
	if s.also != nil {
		if err := s.also(tx, r); err != nil {
			return r, false, err
		}
	}
	if r.Status.Ended() { // what it was opened by may be clicked again, unless it changed something
		if s.spent {
			return r, true, nil
		}
		err = tx.Release(r.ID, "")
	}
	return r, err == nil, err
}

// entry is the audit line of a step.
func (s step) entry(r algesta.Request) algesta.Entry {
	e := algesta.Entry{Request: r.ID, Kind: s.kind, At: time.Now(), Data: s.data}
	if e.Kind == "" {
		e.Kind = string(s.to)
	}
	if s.actor.ID.User != "" {
		e.Actor = s.actor.ID.String()
	}
	if e.Data == nil && r.Note != "" {
		e.Data = algesta.Args{"note": r.Note}
	}
	return e
}

// showStatus shows the state of a request now: the card, the plan with the buttons that it has there, and a reply to the people it
// concerns.
func (d *Dispatcher) showStatus(tx Tx, r algesta.Request, s step) error {
	m := viewOf(s.to)
	if m.card {
		if err := tx.Post(cardPost(r, cardOf(r, nil, nil))); err != nil {
			return err
		}
	}
	if m.plan || m.card { // it may have got a button while it waited, also in an earlier process; the same plan is not sent again
		if err := tx.Post(planPost(r, planOf(r, nil, nil, nil))); err != nil {
			return err
		}
	}
	if s.to == algesta.Approved || s.to.Ended() {
		if err := d.updateDirect(tx, r); err != nil {
			return err
		}
	}
	if s.to.Ended() { // where a follow ends and can still count, its caller says more than this
		if err := tx.Edit(lastProgress(r, m.shown, m.title(r))); err != nil {
			return err
		}
	}
	if r.Glass != nil && (s.to.Ended() || s.to == algesta.Unknown) {
		if err := tx.Edit(toSecurity(r)); err != nil {
			return err
		}
	}
	if !m.reply {
		return nil
	}
	said, tone := s.said, s.tone
	if len(said) == 0 {
		said = algesta.Say("{} {}", r.Plan.Title, r.Note)
	}
	if tone == "" {
		tone = m.tone
	}
	to := r
	to.DecidedBy = append(slices.Clone(r.DecidedBy), s.mention...)
	report := ended(to, tone, said)
	var err error
	if report.Buttons, err = StoreOffers(tx, s.buttons); err != nil {
		return err
	}
	if s.directly {
		return d.postDirectly(tx, r, concerned(to), report)
	}
	end := post(r.Command, algesta.EndPost, report)
	end.Final = true
	return tx.Post(end)
}

// show brings the card and the plan up to date.
func (d *Dispatcher) show(tx Tx, r algesta.Request, card, plan algesta.Report) error {
	if err := tx.Post(cardPost(r, card)); err != nil {
		return err
	}
	return tx.Post(planPost(r, plan))
}

// cardPost is the card of a request; the one of an end goes before everything else.
func cardPost(r algesta.Request, card algesta.Report) algesta.Post {
	c := post(r.Command, algesta.CardPost, card)
	c.Final = r.Status.Ended()
	return c
}

// planPost is the plan of a request; one that loses its buttons goes before progress.
func planPost(r algesta.Request, plan algesta.Report) algesta.Post {
	p := post(r.Command, algesta.PlanPost, plan)
	p.Final = len(plan.Buttons) == 0
	return p
}

// keeps says that a request of this status keeps others away from the objects of its plan: they are being written, or nobody knows.
func keeps(s algesta.Status) bool { return s == algesta.Executing || s == algesta.Unknown }

// wake lets those continue that waited for the objects of a request.
func (d *Dispatcher) wake(tx Tx, done algesta.Request) error {
	waiting, err := tx.Waiting(done.Plan.Objects())
	if err != nil {
		return err
	}
	for _, r := range waiting {
		if r.ID != done.ID {
			if err := tx.Schedule(algesta.ExecuteJob, r.ID, time.Now()); err != nil {
				return err
			}
		}
	}
	return nil
}

// during runs f in a transaction if the request still has one of these statuses then, with the request as it is then: whatever is
// posted about a request has to be true of it when it is posted. done is false where it has another status; f did not run.
func (d *Dispatcher) during(
	ctx context.Context, id string, statuses []algesta.Status, f func(tx Tx, r algesta.Request) error,
) (done bool, err error) {
	err = d.Store.Update(ctx, func(tx Tx) error {
		r, err := tx.Locked(id)
		if err != nil {
			return err
		}
		if done = slices.Contains(statuses, r.Status); !done {
			return nil
		}
		return f(tx, r)
	})
	return done && err == nil, err
}
