package commands

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands/grammar"
	"github.com/3astronautas/algesta/policy"
	"github.com/3astronautas/algesta/runbooks"
	"github.com/3astronautas/algesta/words"
)

// The names of a form's fields, beside those of a command's arguments, which begin with argField.
const (
	commandField     = "command"
	environmentField = "environment"
	serviceField     = "service"
	objectField      = "object"
	hostField        = "host"
	reasonField      = "reason"
	channelField     = "channel"
	argField         = "arg."
)

const (
	// longestTitle is Slack's bound for a modal's title and the words on its buttons.
	longestTitle = 24
	// longestReason bounds a reason, in characters, as the dialog of a button does: it's shown in the thread.
	longestReason = 500
	// longestName bounds a typed name, as Kubernetes does.
	longestName = 253
	// offersWithin is how long a form waits for what is read from the cluster: a person waits for it.
	offersWithin = 2 * time.Second
)

// Wants reports whether someone who typed this needs a form: they named no command, or one in which something is missing. It asks nobody.
func (d *Dispatcher) Wants(ctx context.Context, in algesta.Invocation) bool {
	if in.Kind != algesta.Typed {
		return false
	}
	if strings.TrimSpace(in.Text) == "" {
		return true
	}
	parsed, err := d.Parser.Parse(in.Text)
	if err != nil {
		return isMissing(err)
	}
	book, ok := bookOf(parsed.Runbook)
	if !ok || parsed.Help || parsed.Environment != "" || parsed.Service == "" || !book.About.Placed() {
		return false
	}
	nobody := func(algesta.Target) bool { return false }
	if _, err := d.Catalog.Resolve(ctx, "", parsed.Service, nobody); err == nil {
		return !book.About.Environment // the word is an environment, and the service is missing
	}
	_, err = d.Catalog.Resolve(ctx, parsed.Service, "", nobody)
	return is(err, algesta.ErrUsage)
}

// isMissing reports whether a command says too little, and is right as far as it goes.
func isMissing(err error) bool {
	_, ok := grammar.AsMissing(err)
	return ok
}

// fillButton opens the form of a command that mentioned the bot and in which something is missing: a mention brings no trigger
// of its own. Only names go into it.
func (d *Dispatcher) fillButton(in algesta.Invocation, err error) []algesta.Button {
	lacks, missing := grammar.AsMissing(err)
	if !missing || in.Kind != algesta.Mentioned {
		return nil
	}
	known := d.Parser.Typed(grammar.Parsed{Runbook: lacks.Runbook, Service: lacks.Service, Environment: lacks.Environment})
	if d.Redact(known) != known {
		known = lacks.Runbook
	}
	return []algesta.Button{{Label: "Fill in a form", Action: algesta.Fill, ID: known}}
}

// form is a form while it's made for one person.
type form struct {
	*Dispatcher
	actor  algesta.Actor
	in     algesta.Invocation
	values map[string]string
	book   runbooks.Runbook
	places []algesta.Target // the environments in which the person may use the command
	target algesta.Target   // what is chosen so far
	chosen bool             // the target is one that the command may be about
	out    algesta.Form
}

// Form asks the person who addressed the bot for what is missing. values is what they filled in so far, by the names of the fields; what
// they typed before counts where it's empty. What may be chosen is what the policy lets them do. It never fails: what can't be read is
// shown as a sentence.
func (d *Dispatcher) Form(ctx context.Context, in algesta.Invocation, values map[string]string) algesta.Form {
	actor, err := d.actor(ctx, in, factsAge)
	if err != nil {
		return algesta.Form{Title: "Run a command", Intro: sentences(err)}
	}
	f := &form{Dispatcher: d, actor: actor, in: in, values: d.begun(values, in.Text), out: algesta.Form{Title: "Run a command", Send: "Next"}}
	if !f.command(ctx) {
		return f.out
	}
	f.out.Title = words.Clip(words.Capital(f.book.Name), longestTitle)
	f.placeOnly(ctx)
	f.environment(ctx)
	f.service(ctx)
	f.others()
	f.arguments(ctx)
	f.asking(ctx)
	return f.out
}

// placeOnly takes the only word that was typed after the command for the environment where it names one: "undo production".
func (f *form) placeOnly(ctx context.Context) {
	word := f.values[serviceField]
	if word == "" || f.values[environmentField] != "" {
		return
	}
	nobody := func(algesta.Target) bool { return false }
	if t, err := f.Catalog.Resolve(ctx, "", word, nobody); err == nil {
		f.values[environmentField] = t.Environment
		delete(f.values, serviceField)
	}
}

// sentences are what a person is told of an error.
func sentences(err error) []algesta.Text {
	r := explain(err, "")
	out := []algesta.Text{r.Title}
	for _, b := range r.Body {
		if len(b.Text) > 0 {
			out = append(out, b.Text)
		}
	}
	return out
}

// begun are the values of a form, and what was typed before it opened where they say nothing.
func (d *Dispatcher) begun(values map[string]string, typed string) map[string]string {
	out := map[string]string{}
	parsed, err := d.Parser.Parse(typed)
	if lacks, ok := grammar.AsMissing(err); ok {
		parsed, err = lacks, nil
	}
	if _, known := bookOf(parsed.Runbook); err == nil && known && strings.TrimSpace(typed) != "" {
		object, host := parsed.Object, ""
		if name, isHost := strings.CutPrefix(object, "host/"); isHost || object == wholeEnvironment {
			object, host = "", name
			if !isHost {
				host = ""
			}
		}
		service := parsed.Service
		if b, _ := bookOf(parsed.Runbook); b.About.Workloads && len(b.About.Kinds) == 0 && object != "" { // it stands among the services
			service, object = object, ""
		}
		for name, value := range map[string]string{
			commandField: parsed.Runbook, serviceField: service, environmentField: parsed.Environment, reasonField: parsed.Reason,
			objectField: object, hostField: host,
		} {
			if value != "" {
				out[name] = value
			}
		}
		if chosen, ok := values[commandField]; !ok || chosen == parsed.Runbook {
			for name, value := range parsed.Args {
				out[argField+name] = argText(value)
			}
		}
	}
	maps.Copy(out, values)
	return out
}

// may reports whether the policy could let the person do this to the target.
func (f *form) may(b runbooks.Runbook, t algesta.Target) bool {
	if b.Name == grammar.Undo.Name { // it does what another command does
		return slices.ContainsFunc(f.all(), func(other runbooks.Runbook) bool { return other.Changes() && f.may(other, t) })
	}
	c := algesta.Command{Requester: algesta.AskedBy(f.actor), Runbook: b.Name, Target: t, At: time.Now()}
	switch f.Policy().Decide(policy.Facts{Command: c, Verb: b.Verb, At: c.At, Asking: true}).Effect {
	case algesta.Allow:
		return true
	case algesta.NeedsApproval:
		return b.Changes()
	case algesta.Refuse:
	}
	return false
}

func (f *form) visible(t algesta.Target) bool { return f.Policy().Visible(f.actor, t) }

// all are the commands that there are.
func (f *form) all() []runbooks.Runbook {
	if f.Books != nil {
		return f.Books
	}
	return runbooks.All()
}

// allowedIn are the environments in which the person may use a command.
func (f *form) allowedIn(ctx context.Context, b runbooks.Runbook) []algesta.Target {
	var out []algesta.Target
	for _, name := range f.Catalog.Environments() {
		whole, err := f.Catalog.Resolve(ctx, "", name, f.visible)
		if err == nil && f.may(b, whole) {
			out = append(out, whole)
		}
	}
	return out
}
