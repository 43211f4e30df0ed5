package commands

import (
	"context"
	"slices"

	"github.com/3astronautas/algesta"
)

// origin is where a command came from, and where its answer goes: all that start, read and propose know of what a person did in a
// transport, or of what a rule asks for. Who asks is the command's Requester.
type origin struct {
	// key is the same when the same is delivered again.
	key string
	// alone is how the person who asked is answered alone; nil for a rule.
	alone *reader
	// private, direct and group say what kind of conversation it is, as the transport does.
	private, direct, group bool
	// clicked says that a button was clicked, which asked first.
	clicked bool
	// offer is the offer that is used up: its button was clicked, or what it does was typed.
	offer string
	// closed runs in the transaction that stores the answer, so that the same isn't carried out again.
	closed func(Tx) error
}

// reader is the one person who sees an answer, where they asked.
type reader struct {
	channel, thread, user string
	reply                 string // the address for the answer while it lives
}

// fromPerson is the origin of what a person did.
func fromPerson(in algesta.Invocation) origin {
	from := origin{
		key:     in.Key,
		alone:   &reader{in.Channel, in.Thread, in.Person.User, in.Reply},
		private: in.Private, direct: in.Direct, group: in.Group,
		clicked: in.Kind == algesta.Voted,
		closed:  func(tx Tx) error { return tx.Answered(in.Key) },
	}
	if isOffer(in) {
		from.offer = in.Vote.ID
	}
	return from
}

// reply stores an answer that only its reader sees, its audit line, and closes what it answers, in one transaction.
func (d *Dispatcher) reply(ctx context.Context, from origin, id string, r algesta.Report, line algesta.Entry) error {
	r.Title = d.called(ctx, r.Title)
	r.Body = slices.Clone(r.Body)
	for i := range r.Body {
		r.Body[i].Text = d.called(ctx, r.Body[i].Text)
	}
	return d.storeLate(ctx, func(tx Tx) error {
		if from.alone != nil { // where a rule asked, the audit has it
			if err := tx.Post(from.alone.answer(id, r)); err != nil {
				return err
			}
		}
		if err := tx.Append(line); err != nil {
			return err
		}
		return from.closed(tx)
	})
}

// answer is a post that only the person who asked sees.
func (o *reader) answer(id string, r algesta.Report) algesta.Post {
	return algesta.Post{
		Command: id, Kind: algesta.AnswerPost, Channel: o.channel, Thread: o.thread, OnlyFor: o.user, Reply: o.reply, Report: r,
	}
}
