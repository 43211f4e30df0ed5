package commands

import (
	"context"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/3astronautas/algesta"
)

// Lost deals with messages that can't be posted: nothing runs that nobody could see, someone always hears the end, and an answer goes to
// the person who asked. Where only an edit was lost, what was there stays: the end is a message of its own. It is the lost job; it may be
// called again at any time.
func (d *Dispatcher) Lost(ctx context.Context, id string) (again time.Duration, err error) {
	r, err := d.Store.Request(ctx, id)
	onlyRead := is(err, algesta.ErrUnknownName)
	if err != nil && !onlyRead {
		return 0, err
	}
	lost, err := d.Store.LostPosts(ctx, id)
	if err != nil {
		return 0, err
	}
	if onlyRead {
		return 0, d.answerDirectly(ctx, lost)
	}
	for _, l := range lost {
		switch l.Post.Kind {
		case algesta.CardPost, algesta.PlanPost:
			if !l.Posted {
				d.Log.Error(
					"a request can't be shown", zap.String("command", id), zap.String("kind", string(l.Post.Kind)), zap.String("reason", l.Reason),
				)
				err = d.unseen(ctx, r)
			}
		case algesta.EndPost, algesta.VerdictPost:
			if !l.Posted {
				d.Log.Error("an end can't be posted", zap.String("command", id), zap.String("reason", l.Reason))
				err = d.endDirectly(ctx, r, l.Post.Report)
			}
		case algesta.ProgressPost, algesta.DiagnosePost, algesta.DetailPost, algesta.AnswerPost, algesta.AskedPost, algesta.RemindPost,
			algesta.ThawPost, algesta.GlassPost:
		}
		if err != nil {
			return 0, err
		}
	}
	return 0, nil
}

// answerDirectly sends an answer that can't be posted to the person who asked. Its buttons would open a request where nobody can see it.
func (d *Dispatcher) answerDirectly(ctx context.Context, lost []algesta.LostPost) error {
	return d.Store.Update(ctx, func(tx Tx) error {
		for _, l := range lost {
			p := l.Post
			if l.Posted || p.By == (algesta.PersonID{}) {
				continue
			}
			d.Log.Error(
				"an answer can't be posted", zap.String("command", p.Command), zap.String("kind", string(p.Kind)), zap.String("reason", l.Reason),
			)
			report := p.Report
			report.Buttons = nil
			if report.Small = algesta.Say("I couldn't post this where you asked · {}", algesta.Name(p.Command)); len(report.Title) == 0 {
				report.Title = algesta.Say("The details:")
			}
			if err := tx.Post(algesta.Post{
				Command: p.Command, Kind: algesta.DirectPost(p.Kind, "", p.By), Channel: p.By.User, Direct: true, Report: report,
			}); err != nil {
				return err
			}
		}
		return nil
	})
}

// unseen ends a request that people were not shown, while nothing was sent. The requester is told directly.
func (d *Dispatcher) unseen(ctx context.Context, r algesta.Request) error {
	place, err := d.freshPlace(ctx, r)
	if err != nil { // its name only
		d.Log.Warn("the place of a lost message is not known", zap.String("command", r.ID), zap.Error(err))
	}
	note := "was cancelled, because I can't post in " + placeName(place) + " and nobody would have seen it. " + unchanged
	_, err = d.step(ctx, step{
		id: r.ID, from: []algesta.Status{algesta.Pending, algesta.Approved}, to: algesta.Cancelled, note: note, by: []algesta.Actor{},
		said: algesta.Say("{} {}", r.Plan.Title, note).Then("Ask where I can post, or let me post there."), directly: true,
	})
	return err
}

// endDirectly sends an end to the people it concerns, where its thread can't be posted in.
func (d *Dispatcher) endDirectly(ctx context.Context, r algesta.Request, report algesta.Report) error {
	report.Small = algesta.Say("I couldn't post this in its thread · {}", algesta.Name(r.ID))
	_, err := d.during(ctx, r.ID, []algesta.Status{r.Status}, func(tx Tx, r algesta.Request) error {
		approvals, err := tx.Approvals(r.ID)
		if err != nil {
			return err
		}
		for _, a := range approvals { // a refusal at the last moment concerns them, too
			if !slices.ContainsFunc(r.DecidedBy, func(by algesta.Actor) bool { return by.ID == a.Approver.ID }) {
				r.DecidedBy = append(r.DecidedBy, a.Approver)
			}
		}
		return d.postDirectly(tx, r, concerned(r), report)
	})
	return err
}

// postDirectly sends a report about the state of a request to each of these people.
func (d *Dispatcher) postDirectly(tx Tx, r algesta.Request, to []algesta.Actor, report algesta.Report) error {
	for _, a := range to {
		err := tx.Post(algesta.Post{
			Command: r.ID, Kind: algesta.DirectPost(algesta.EndPost, r.Status, a.ID), Channel: a.ID.User, Direct: true, Report: report,
		})
		if err != nil {
			return err
		}
	}
	return nil
}
