package slack

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"time"

	slackapi "github.com/slack-go/slack"
	"go.uber.org/zap"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands"
)

// Forms makes forms and reads what was filled in.
type Forms interface {
	// Wants reports whether what someone typed needs a form. It asks nobody: it is called before the acknowledgement.
	Wants(ctx context.Context, in algesta.Invocation) bool
	// Named is the command that diagnoses what a message names, for someone who may see it, and whether nothing is missing in it.
	Named(ctx context.Context, in algesta.Invocation, said string) (text string, complete bool)
	// Form is the form for someone, with what they filled in so far.
	Form(ctx context.Context, in algesta.Invocation, values map[string]string) algesta.Form
	// Home is what someone sees on the Home tab, from the top down.
	Home(ctx context.Context, in algesta.Invocation) []algesta.Report
	// Changes wakes when what a Home tab shows may have changed.
	Changes() <-chan struct{}
	// Submit reads a form that was sent, in less than two seconds.
	Submit(ctx context.Context, in algesta.Invocation, values map[string]string) commands.Submission
}

// formTimeout bounds the making of a form behind its loading view.
const formTimeout = 10 * time.Second

// shown is a view as Slack knows it.
type shown struct {
	View struct {
		ID   lenientString `json:"id"`
		Hash lenientString `json:"hash"`
	} `json:"view"`
}

// callView opens or updates a view.
func (l *listener) callView(ctx context.Context, method string, view any, args url.Values) (shown, error) {
	encoded, err := json.Marshal(view)
	if err != nil {
		return shown{}, fmt.Errorf("drawing a view: %w", err)
	}
	args.Set("view", string(encoded))
	var answer shown
	if err := l.web.call(ctx, method, args, &answer); err != nil {
		return shown{}, fmt.Errorf("calling %s: %w", method, err)
	}
	return answer, nil
}

// wantsForm reports whether an envelope asks for a form that is still to be opened.
func (l *listener) wantsForm(ctx context.Context, in received) bool {
	if l.forms == nil || in.Trigger == "" || in.Invocation.Vote != nil {
		return false
	}
	return in.Form != nil && in.Form.View == "" || in.Form == nil && l.forms.Wants(ctx, in.Invocation)
}

// openForm opens a modal within the trigger's three seconds, and puts the form into it when it is made. Where the modal doesn't open, the
// command is answered as one that was typed.
func (l *listener) openForm(ctx context.Context, in received) {
	ctx = context.WithoutCancel(ctx)
	l.work.Go(func() {
		at := placeOf(in.Invocation)
		opening, cancel := context.WithTimeout(ctx, triggerLife)
		defer cancel()
		opened, err := l.callView(opening, "views.open", loading(at), url.Values{"trigger_id": {in.Trigger}})
		if err != nil {
			l.log.Warn("form not opened", zap.Error(err))
			if code(err) != "exchanged_trigger_id" { // another delivery of the same envelope opened it
				l.asTyped(ctx, in.Invocation)
			}
			return
		}
		l.putForm(ctx, in.Invocation, at, nil, string(opened.View.ID), string(opened.View.Hash))
	})
}

// asTyped passes a command whose form didn't open to the inbox: its answer says what is missing.
func (l *listener) asTyped(ctx context.Context, in algesta.Invocation) {
	ctx, cancel := context.WithTimeout(ctx, receiveTimeout)
	defer cancel()
	if _, err := l.inbox.Receive(ctx, in); err != nil {
		l.log.Error("a command without its form is lost", zap.Error(err))
	}
}

// putForm makes the form and puts it into an open modal, unless that shows another state than hash meanwhile; "" doesn't ask.
func (l *listener) putForm(ctx context.Context, in algesta.Invocation, at formPlace, values map[string]string, id, hash string) {
	ctx, cancel := context.WithTimeout(ctx, formTimeout)
	defer cancel()
	view := failed(at)
	if caught := l.panics.Catch(func() { view = formView(l.forms.Form(ctx, in, values), at, l.redactor) }); caught != nil {
		l.log.Error("panic while a form was made", zap.Error(caught))
	}
	args := url.Values{"view_id": {id}}
	if hash != "" {
		args.Set("hash", hash)
	}
	_, err := l.callView(ctx, "views.update", view, args)
	if c := code(err); err != nil && c != "not_found" && c != "hash_conflict" { // closed, or filled in further
		l.log.Warn("form not shown", zap.Error(err))
	}
}

// choose recreates a form after a choice. Of several choices in one modal the last one counts.
func (l *listener) choose(ctx context.Context, in received) {
	ctx = context.WithoutCancel(ctx)
	id := in.Form.View
	l.mu.Lock()
	late := in.Form.Acted < l.acted[id]
	if l.acted == nil || len(l.acted) >= maxOpenForms {
		l.acted = map[string]string{}
	}
	if !late {
		l.acted[id] = in.Form.Acted
	}
	l.mu.Unlock()
	if late {
		return
	}
	l.work.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, formTimeout)
		defer cancel()
		at := placeOf(in.Invocation)
		view := failed(at)
		if caught := l.panics.Catch(func() {
			view = formView(ofThis(l.forms.Form(ctx, in.Invocation, in.Form.Values), in.Form.Blocks), at, l.redactor)
		}); caught != nil {
			l.log.Error("panic while a form was made", zap.Error(caught))
		}
		l.mu.Lock()
		late := l.acted[id] > in.Form.Acted
		l.mu.Unlock()
		if late {
			return
		}
		if _, err := l.callView(ctx, "views.update", view, url.Values{"view_id": {id}}); err != nil && code(err) != "not_found" {
			l.log.Warn("form not shown", zap.Error(err))
		}
	})
}

// maxOpenForms bounds how many open forms are remembered.
const maxOpenForms = 1000

// submit answers a form that was sent. What is to be stored is returned; answer is what the acknowledgement holds otherwise.
func (l *listener) submit(ctx context.Context, in received) (store *algesta.Invocation, answer any) {
	at := placeOf(in.Invocation)
	var s commands.Submission
	if caught := l.panics.Catch(func() { s = l.forms.Submit(ctx, in.Invocation, in.Form.Values) }); caught != nil {
		l.log.Error("panic on a form", zap.Error(caught))
		return nil, slackapi.NewUpdateViewSubmissionResponse(new(failed(at)))
	}
	switch {
	case s.Invocation != nil:
		return s.Invocation, nil
	case len(s.Problems) > 0:
		said := map[string]string{}
		for name, text := range s.Problems {
			block := in.Form.Blocks[name]
			if block == "" { // the field isn't shown
				block = in.Form.anyBlock()
			}
			said[block] = plainText(sanitizer{l.redactor}.line(text.String()), 2000).Text
		}
		return nil, slackapi.NewErrorsViewSubmissionResponse(said)
	}
	return nil, l.more(ctx, in, at)
}

// more is the answer to a form that has to ask for more: the form itself where it fits into an acknowledgement, else it follows.
func (l *listener) more(ctx context.Context, in received, at formPlace) any {
	view := failed(at)
	if caught := l.panics.Catch(func() {
		view = formView(ofThis(l.forms.Form(ctx, in.Invocation, in.Form.Values), in.Form.Blocks), at, l.redactor)
	}); caught != nil {
		l.log.Error("panic while a form was made", zap.Error(caught))
	}
	answer := slackapi.NewUpdateViewSubmissionResponse(&view)
	if encoded, err := json.Marshal(answer); err == nil && len(encoded) <= maxInAck {
		return answer
	}
	return acknowledged{
		with: slackapi.NewUpdateViewSubmissionResponse(new(loading(at))),
		then: func() {
			ctx := context.WithoutCancel(ctx)
			l.work.Go(func() { l.putForm(ctx, in.Invocation, at, in.Form.Values, in.Form.View, "") })
		},
	}
}

// maxInAck is how large an acknowledgement gets: above 20 KiB Slack closes the socket.
const maxInAck = 16 << 10

// acknowledged is the answer to an envelope after which something has to be done.
type acknowledged struct {
	with any
	then func()
}

// anyBlock is the first block of a form, for what is said of the whole.
func (f formEvent) anyBlock() string {
	for _, name := range []string{"command", "environment", "service"} {
		if b := f.Blocks[name]; b != "" {
			return b
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f.Blocks)) {
		return f.Blocks[name]
	}
	return ""
}
