package commands

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands/grammar"
	"github.com/3astronautas/algesta/policy"
	"github.com/3astronautas/algesta/runbooks"
)

// Submission is what became of a form that someone sent: one of its fields is set.
type Submission struct {
	// Invocation is the command, as if it had been typed: it goes into the inbox.
	Invocation *algesta.Invocation
	// Problems are what is wrong, by the name of a field: the form stays open and says it there.
	Problems map[string]algesta.Text
	// Again says that the form has to ask for more: the transport recreates it with the values.
	Again bool
}

// checkWithin bounds what is asked about a form that was sent: Slack waits three seconds for the answer. What isn't known by then is said
// as for a command that was typed.
const checkWithin = 1500 * time.Millisecond

// formFactsAge is the greatest age of what is known of a person who sends a form: it may have been open for long.
const formFactsAge = time.Minute

// Submit reads a form that someone sent. It decides nothing: what it says is what the policy and the catalogue would say now, so that the
// person reads it in the form, and the command is judged again as every command is.
func (d *Dispatcher) Submit(ctx context.Context, in algesta.Invocation, values map[string]string) Submission {
	ctx, cancel := context.WithTimeout(ctx, checkWithin)
	defer cancel()
	sent := values
	values = d.begun(values, in.Text)
	book, ok := bookOf(values[commandField])
	if !ok || d.asksMore(book, values) || d.begun(nil, in.Text)[environmentField] == "" && unseen(book, sent) {
		return Submission{Again: true}
	}
	parsed, problems := d.said(book, values)
	if len(problems) > 0 {
		return Submission{Problems: problems}
	}
	in.Kind, in.Vote = algesta.Typed, nil
	in.Text = d.Parser.Typed(parsed)
	if again, err := d.Parser.Parse(in.Text); err != nil || !again.Same(parsed) { // a field may hold words of the command language
		return problem(commandField, orSay(err, "I can't read that as a command. Type it instead."))
	}
	if channel := values[channelField]; channel != "" {
		in.Channel, in.Thread, in.Reply, in.Private, in.Direct, in.Group = channel, "", "", false, false, false
	}
	if field, err := d.standing(ctx, in, book, parsed); err != nil {
		if field == channelField && !in.Direct && values[channelField] == "" {
			field = commandField
		}
		// A refusal is in the audit also where the form says it. Where it can't be stored the command goes on, and is refused as a typed one.
		if d.Store.Update(ctx, func(tx Tx) error { return tx.Append(d.refusedEntry(in, algesta.NewCommandID(), err)) }) == nil {
			return problem(field, err)
		}
	}
	return Submission{Invocation: &in}
}

// asksMore reports whether a field is still to be shown that the command can't do without.
func (d *Dispatcher) asksMore(b runbooks.Runbook, values map[string]string) bool {
	about := b.About
	if about.Placed() && values[environmentField] == "" {
		return true
	}
	if _, shown := values[serviceField]; about.Service && !about.Optional && !shown && values[objectField] == "" {
		return true
	}
	return slices.ContainsFunc(b.Args, func(a runbooks.Arg) bool { return a.Required && values[argField+a.Name] == "" })
}

// unseen reports whether a form that was sent hasn't shown all of a change yet, where no environment was typed before it opened: what was
// typed is filled in for the fields that it didn't have. Its button said Next, so nothing runs before the whole form was shown.
func unseen(b runbooks.Runbook, sent map[string]string) bool {
	if !b.Changes() && b.Name != grammar.Undo.Name || !b.About.Placed() {
		return false
	}
	for name := range sent { // only the whole form asks for these
		if name == reasonField || strings.HasPrefix(name, argField) {
			return false
		}
	}
	_, service := sent[serviceField]
	_, object := sent[objectField]
	return b.About.Service && !service && !object || !b.About.Service && len(b.About.Kinds) > 0 && !object
}

// said is the command that a form says, with what is wrong in its fields.
func (d *Dispatcher) said(b runbooks.Runbook, values map[string]string) (grammar.Parsed, map[string]algesta.Text) {
	p := grammar.Parsed{Runbook: b.Name, Environment: values[environmentField], Reason: values[reasonField]}
	problems := map[string]algesta.Text{}
	object, host := strings.TrimSpace(values[objectField]), strings.TrimSpace(values[hostField])
	if object != "" && len(b.About.Kinds) == 1 && !strings.Contains(object, "/") {
		object = strings.ToLower(b.About.Kinds[0]) + "/" + object
	}
	var named []string
	for _, f := range []struct{ name, value string }{{serviceField, values[serviceField]}, {objectField, object}, {hostField, host}} {
		if f.value != "" {
			named = append(named, f.name)
		}
	}
	switch {
	case len(named) > 1:
		problems[named[1]] = algesta.Say("Name one thing: a service, an object or a host.")
	case len(named) == 0 && !b.About.Nothing() && !b.About.Optional && (!b.About.Environment || p.Environment == ""):
		field, what := serviceField, algesta.Say("Choose a service.")
		switch {
		case b.About.Service && len(b.About.Kinds) > 0:
			what = algesta.Say("Choose a service, or name an object.")
		case len(b.About.Kinds) > 0:
			field, what = objectField, algesta.Say("Name an object.")
		case b.About.Host && b.About.Environment && !b.About.Service:
			field, what = hostField, algesta.Say("Name a host, or choose an environment.")
		case b.About.Host && !b.About.Service:
			field, what = hostField, algesta.Say("Name a host.")
		}
		problems[field] = what
	case object != "" && !strings.Contains(object, "/"):
		problems[objectField] = algesta.Say("Say what it is, too: pod/{}.", object)
	case object != "":
		p.Object = object
	case host != "":
		p.Object = "host/" + host
	default:
		p.Service = strings.TrimSpace(values[serviceField])
		if b.About.Workloads && strings.Contains(p.Service, "/") { // a StatefulSet among the services
			p.Object, p.Service = p.Service, ""
		}
	}
	for _, a := range b.Args {
		typed := values[argField+a.Name]
		if a.Own || typed == "" || a.Kind == runbooks.SwitchArg && typed != algesta.SwitchedOn {
			continue
		}
		value, err := d.Parser.Value(b.Name, a.Name, typed)
		if err != nil {
			problems[argField+a.Name] = orSay(err, "That can't be read.").(*algesta.Error).Message //nolint:errorlint,forcetypeassert // it is one
			continue
		}
		if p.Args == nil {
			p.Args = algesta.Args{}
		}
		p.Args[a.Name] = value
	}
	return p, problems
}

// standing says what stands in the way of the command now, and at which field that is shown. What can't be checked isn't mentioned here.
func (d *Dispatcher) standing(ctx context.Context, in algesta.Invocation, b runbooks.Runbook, p grammar.Parsed) (field string, err error) {
	actor, err := d.actor(ctx, in, formFactsAge)
	if err != nil {
		return commandField, untilTyped(err)
	}
	t, err := d.resolve(ctx, actor, b, p)
	if err != nil {
		return fieldOf(b, p), untilTyped(err)
	}
	if b.Name == grammar.Undo.Name {
		if _, err := d.wayBack(ctx, t, actor); err != nil {
			return serviceField, untilTyped(err)
		}
		return "", nil
	}
	c := algesta.Command{
		Requester: algesta.AskedBy(actor), Runbook: b.Name, Target: t, Args: p.Args, Reason: p.Reason, At: time.Now(), Channel: in.Channel,
	}
	decision := d.Policy().Decide(policy.Facts{Command: c, Verb: b.Verb, At: c.At})
	if decision.Effect == algesta.Refuse {
		return commandField, about(c, d.refused(decision, actor))
	}
	if !b.Changes() {
		return "", nil
	}
	if until, gone := d.Catalog.Gone(t); gone && !until.IsZero() {
		return serviceField, &algesta.Error{
			Kind:    algesta.ErrNotFound,
			Message: algesta.Say("The Deployment of {} in {} is gone (seen until {}).", t.Service, t.Environment, algesta.At(until)),
		}
	}
	place, err := d.placeForChanges(ctx, fromPerson(in), c, factsAge)
	if err == nil && place.Direct && decision.Effect == algesta.NeedsApproval {
		err = needsAChannel()
	}
	return channelField, untilTyped(err)
}

// fieldOf is the field that says what a command is about.
func fieldOf(b runbooks.Runbook, p grammar.Parsed) string {
	switch kind, _, _ := strings.Cut(p.Object, "/"); {
	case kind == "host":
		return hostField
	case p.Object != "" && (!b.About.Workloads || len(b.About.Kinds) > 0): // else it stands among the services
		return objectField
	case p.Service+p.Object != "":
		return serviceField
	}
	return environmentField
}

// untilTyped is an error that is shown in the form; nil for one that says that something couldn't be asked.
func untilTyped(err error) error {
	if known, ok := errors.AsType[*algesta.Error](err); ok && known.Kind != algesta.ErrUnreachable {
		return known
	}
	return nil
}

// orSay is an error as one for people.
func orSay(err error, otherwise string) error {
	if known, ok := errors.AsType[*algesta.Error](err); ok {
		return known
	}
	return &algesta.Error{Kind: algesta.ErrUsage, Message: algesta.Say("{}", otherwise)}
}

// problem is a submission with one thing that is wrong. The hint isn't shown: it says what to type.
func problem(field string, err error) Submission {
	known, ok := errors.AsType[*algesta.Error](err)
	if !ok {
		return Submission{Again: true}
	}
	return Submission{Problems: map[string]algesta.Text{field: known.Message}}
}

// argText is the value of an argument as a field holds it.
func argText(v any) string {
	if on, isSwitch := v.(bool); isSwitch {
		if on {
			return algesta.SwitchedOn
		}
		return ""
	}
	return fmt.Sprint(v)
}
