package commands

import (
	"context"
	"errors"
	"regexp"
	"strings"

	"github.com/3astronautas/algesta"
)

// requestID is an algesta.NewCommandID, with what people put around it.
var requestID = regexp.MustCompile("(?i)^[`*\"']?(c-[0-9a-hj-km-np-tv-z]{12})[`*\"'.,!?]*$")

// mostLookupWords bounds what may stand around an ID that someone looks up: "@algesta approve request c-7f3a9k2mq4x8".
const mostLookupWords = 4

// namedRequest is the ID of a request that a text is about as a whole: "c-…", "approve c-…", "status c-…". What has options or more words
// is a command.
func namedRequest(text string) (id string, ok bool) {
	said := strings.Fields(text)
	if len(said) == 0 || len(said) > mostLookupWords {
		return "", false
	}
	m := requestID.FindStringSubmatch(said[len(said)-1])
	if m == nil {
		return "", false
	}
	return strings.ToLower(m[1]), true
}

// lookUp says what a request is about, what state it's in and where its thread is, to those who may read what it is about. Nothing is
// decided by typing an ID: an approver has to see the plan, beside its button. To everyone else there's no such request, and one that was
// asked for in private is shown only in its own channel, here, to those who didn't ask for it.
func (d *Dispatcher) lookUp(ctx context.Context, actor algesta.Actor, here, id string) error {
	none := &algesta.Error{
		Kind: algesta.ErrUnknownName, Message: algesta.Say("There's no request {} that you can read.", algesta.Name(id)),
		Hint: algesta.Say("It may be the ID of a command that only reads: I keep nothing of those but the answer."),
	}
	r, err := d.Store.Request(ctx, id)
	if is(err, algesta.ErrUnknownName) {
		return none
	}
	if err != nil {
		return err
	}
	approver := d.Policy().MayApprove(d.needs(r), r.Command.Actor, actor).Effect == algesta.Allow
	if !approver && (!d.Policy().Visible(actor, r.Command.Target) || !d.mayGoTo(ctx, actor, r, here)) {
		return none
	}
	told := d.alreadyAsked(ctx, r, actor, here, "this")
	known := (*algesta.Error)(nil)
	if !errors.As(told, &known) {
		return told
	}
	known.Message = algesta.Say("{}: {}", r.Plan.Title, known.Message)
	if r.Status == algesta.Pending {
		known.Hint = known.Hint.Then("It's approved, denied or cancelled with the buttons there, never by typing.")
	}
	return told
}
