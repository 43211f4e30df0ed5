package commands

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sourcegraph/conc"

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
	f.environment(ctx)
	f.service(ctx)
	f.others()
	f.arguments(ctx)
	f.asking(ctx)
	return f.out
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
		for name, value := range map[string]string{
			commandField: parsed.Runbook, serviceField: parsed.Service, environmentField: parsed.Environment, reasonField: parsed.Reason,
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

// command asks which command; false until one is chosen that the person may use.
func (f *form) command(ctx context.Context) bool {
	field := algesta.Input{Name: commandField, Label: "Command", Kind: algesta.ChooseInput, Again: true}
	for _, b := range append(slices.Clone(f.all()), grammar.Undo) {
		if len(field.Choices) == algesta.MostChoices {
			break
		}
		places := f.allowedIn(ctx, b)
		alone := (b.About.Nothing() || b.About.Host) && f.may(b, algesta.Target{})
		if b.About.Cluster {
			places, alone = f.clustersFor(ctx, b)
		}
		if len(places) == 0 && !alone {
			continue
		}
		field.Choices = append(field.Choices, algesta.Choice{Value: b.Name, Label: b.Name, Detail: b.Summary})
		if b.Name == f.values[commandField] {
			f.book, f.places, field.Value = b, places, b.Name
		}
	}
	if len(field.Choices) == 0 {
		f.out.Send = ""
		f.out.Intro = []algesta.Text{algesta.Say("No policy rule lets you use a command. Ask the people who write the policy.")}
		return false
	}
	if wanted := f.values[commandField]; wanted != "" && field.Value == "" {
		f.out.Intro = []algesta.Text{algesta.Say("No policy rule lets you use {}.", algesta.Name(words.Clip(wanted, longestTitle)))}
	}
	f.out.Fields = append(f.out.Fields, field)
	return field.Value != ""
}

// clustersFor are the environments whose clusters the person may use a command on that is about a cluster, and whether there is one.
func (f *form) clustersFor(ctx context.Context, b runbooks.Runbook) (places []algesta.Target, found bool) {
	for _, name := range f.Catalog.Environments() {
		whole, err := f.Catalog.Resolve(ctx, "", name, f.visible)
		if err == nil && f.visible(whole) && f.may(b, algesta.Target{Cluster: whole.Cluster}) {
			places = append(places, whole)
		}
	}
	return places, len(places) > 0
}

// environment asks where. One that is the only one is chosen.
func (f *form) environment(ctx context.Context) {
	about := f.book.About
	if !about.Placed() && !about.Environment {
		return
	}
	field := algesta.Input{
		Name:     environmentField,
		Label:    "Environment",
		Kind:     algesta.ChooseInput,
		Again:    about.Placed() || about.Optional,
		Optional: !about.Placed(),
		Of:       f.book.Name,
	}
	wanted, err := f.Catalog.Resolve(ctx, "", f.values[environmentField], f.visible)
	for _, p := range f.places {
		field.Choices = append(field.Choices, algesta.Choice{Value: p.Environment, Label: p.Environment})
		if p.Environment == wanted.Environment || len(f.places) == 1 && about.Placed() {
			f.target, field.Value = p, p.Environment
		}
	}
	if err == nil && wanted.Environment != "" && f.visible(wanted) && field.Value == "" {
		no := algesta.Say("No policy rule lets you use {} in {}.", algesta.Name(f.book.Name), wanted.Environment)
		c := algesta.Command{Requester: algesta.AskedBy(f.actor), Runbook: f.book.Name, Target: wanted, At: time.Now()}
		if frozen, ok := f.Policy().FrozenBy(policy.Facts{Command: c, Verb: f.book.Verb, At: c.At}); ok {
			no = frozen.Reason
		}
		f.out.Intro = append(f.out.Intro, no)
	}
	if len(field.Choices) > 0 {
		f.out.Fields = append(f.out.Fields, field)
	}
}

// service asks for a service in the environment.
func (f *form) service(ctx context.Context) {
	about := f.book.About
	if !about.Service || f.target.Environment == "" {
		return
	}
	field := algesta.Input{
		Name: serviceField, Label: "Service", Kind: algesta.ChooseInput, Again: f.rereads(), Of: f.book.Name + " " + f.target.Environment,
		Optional: about.Environment || len(about.Kinds) > 0 || about.Host,
	}
	if about.Environment {
		field.Hint = "Leave it empty for everything in " + f.target.Environment + "."
	}
	t, err := f.Catalog.Resolve(ctx, f.values[serviceField], f.target.Environment, f.visible)
	for _, known := range f.Catalog.Known(ctx) {
		if known.Environment != f.target.Environment || len(known.Service) > algesta.LongestChoice || !f.may(f.book, known) {
			continue
		}
		field.Choices = append(field.Choices, algesta.Choice{Value: known.Service, Label: known.Service})
		if err == nil && known.Service == t.Service {
			f.target, f.chosen, field.Value = known, true, known.Service
		}
	}
	if known, ok := errors.AsType[*algesta.Error](err); ok && f.values[serviceField] != "" {
		f.out.Intro = append(f.out.Intro, known.Message)
	}
	if len(field.Choices) == 0 || len(field.Choices) > algesta.MostChoices {
		field.Hint = strings.TrimSpace("Type its name: there are too many to list. " + field.Hint)
		if len(field.Choices) == 0 {
			field.Hint = "Type its name: I know none there yet."
		}
		field.Kind, field.Choices, field.Max, field.Value, field.Again = algesta.TextInput, nil, longestName, f.values[serviceField], false
		if err == nil && t.Service != "" && f.may(f.book, t) {
			f.target, f.chosen = t, true
		}
	}
	f.out.Fields = append(f.out.Fields, field)
}

// rereads reports whether a field of the form shows what runs now.
func (f *form) rereads() bool {
	return slices.ContainsFunc(f.book.Args, func(a runbooks.Arg) bool { return a.Offers != nil })
}

// others asks for what else the command may be about.
func (f *form) others() {
	about := f.book.About
	only := !about.Service && !about.Environment
	if len(about.Kinds) > 0 && (f.target.Environment != "" || about.Cluster) {
		field := algesta.Input{
			Name: objectField, Label: "Object", Kind: algesta.TextInput, Max: longestName, Optional: !only || about.Host,
			Hint: "As kind/name, such as " + strings.ToLower(about.Kinds[0]) + "/…", Value: f.values[objectField],
		}
		if len(about.Kinds) == 1 {
			field.Label, field.Hint = about.Kinds[0], "Its name."
		}
		f.out.Fields = append(f.out.Fields, field)
	}
	if about.Host {
		f.out.Fields = append(f.out.Fields, algesta.Input{
			Name: hostField, Label: "Host", Kind: algesta.TextInput, Max: longestName, Hint: "Such as api.example.com.", Value: f.values[hostField],
			Optional: !only || len(about.Kinds) > 0,
		})
	}
}

// arguments asks for what the command declares, with what is there now filled in.
func (f *form) arguments(ctx context.Context) {
	if f.book.About.Placed() && f.target.Environment == "" || f.book.About.Service && !f.chosen && f.rereads() {
		return // they depend on what is chosen
	}
	offered := f.offers(ctx)
	for i, a := range f.book.Args {
		if a.Hidden || a.Typed {
			continue
		}
		field := algesta.Input{
			Name: argField + a.Name, Label: words.Capital(strings.ReplaceAll(a.Name, "-", " ")), Hint: words.Capital(a.Summary) + ".",
			Optional: !a.Required, Of: f.book.Name + " " + f.target.Environment + " " + f.target.Service,
			Value: f.values[argField+a.Name], Kind: algesta.TextInput, Max: longestName,
		}
		switch a.Kind {
		case runbooks.IntArg:
			field.Kind, field.Min, field.Max = algesta.NumberInput, a.Min, a.Max
		case runbooks.SwitchArg:
			field.Kind, field.Optional, field.Max = algesta.SwitchInput, true, 0
		case runbooks.TextArg, runbooks.PersonArg:
		}
		o := offered[i]
		if f.book.About.Cluster && a.Name == runbooks.ClusterArg {
			for _, p := range f.places {
				o.Choices = append(o.Choices, algesta.Choice{Value: p.Environment, Label: p.Environment, Detail: p.Cluster})
			}
		}
		if o.Now != "" {
			field.Hint = f.Redact(o.Now) + " " + field.Hint
		}
		if field.Value == "" {
			field.Value = o.Value
		}
		if len(o.Choices) > 0 {
			field.Kind, field.Choices, field.Min, field.Max = algesta.ChooseInput, o.Choices, 0, 0
			if !slices.ContainsFunc(o.Choices, func(c algesta.Choice) bool { return c.Value == field.Value }) {
				field.Value = ""
			}
		}
		f.out.Fields = append(f.out.Fields, field)
	}
}

// offers reads what is there now for the arguments, all at once; what can't be read is stated, and can be typed instead.
func (f *form) offers(ctx context.Context) map[int]runbooks.Offered {
	out := map[int]runbooks.Offered{}
	if !f.chosen {
		return out
	}
	cluster, err := f.Clusters.Reader(f.target.Cluster)
	if err != nil {
		f.out.Intro = append(f.out.Intro, unread(err))
		return out
	}
	ctx, cancel := context.WithTimeout(ctx, offersWithin)
	defer cancel()
	in, err := f.input(ctx, algesta.Command{Requester: algesta.AskedBy(f.actor), Runbook: f.book.Name, Target: f.target, At: time.Now()})
	if err != nil {
		f.out.Intro = append(f.out.Intro, unread(err))
		return out
	}
	found, errs := make([]runbooks.Offered, len(f.book.Args)), make([]error, len(f.book.Args))
	var reads conc.WaitGroup
	for i, a := range f.book.Args {
		if a.Offers != nil {
			reads.Go(func() { found[i], errs[i] = a.Offers(ctx, cluster, in) })
		}
	}
	reads.Wait()
	for i, err := range errs {
		if err != nil {
			f.out.Intro = append(f.out.Intro, unread(f.gone(ctx, in.Command, err)))
			continue
		}
		out[i] = f.hidden(found[i])
	}
	return out
}

// hidden is what was read without secrets: a choice whose value holds one is left out.
func (f *form) hidden(o runbooks.Offered) runbooks.Offered {
	kept := o.Choices[:0:0]
	for _, c := range o.Choices {
		if f.Redact(c.Value) != c.Value {
			continue
		}
		c.Label, c.Detail = f.Redact(c.Label), f.Redact(c.Detail)
		kept = append(kept, c)
	}
	o.Choices = kept
	return o
}

// unread says that what is there now couldn't be read. The error's own sentence is shown where it's one for people.
func unread(err error) algesta.Text {
	if known, ok := errors.AsType[*algesta.Error](err); ok && known.Kind == algesta.ErrNotFound {
		return known.Message
	}
	return algesta.Say("Couldn't check what's there now ({}).", whyUnread(err))
}

func whyUnread(err error) string {
	switch {
	case is(err, algesta.ErrForbidden):
		return "no permission to read it"
	case is(err, algesta.ErrUnreachable):
		return "the cluster doesn't answer"
	}
	return "it took too long"
}

// asking asks why and where, and says who has to agree.
func (f *form) asking(ctx context.Context) {
	if f.book.About.Placed() && f.target.Environment == "" {
		return
	}
	if !f.changes() {
		f.out.Send = "Show"
		f.channel("Leave it empty to see the answer in our direct messages.", true)
		return
	}
	target := f.target
	if f.book.About.Cluster && len(f.places) > 0 { // the clusters may differ: what runs is decided about its own
		target = algesta.Target{Cluster: f.places[0].Cluster}
	}
	c := algesta.Command{Requester: algesta.AskedBy(f.actor), Runbook: f.book.Name, Target: target, At: time.Now()}
	decision := f.Policy().Decide(policy.Facts{Command: c, Verb: f.book.Verb, At: c.At, Asking: true})
	if f.book.Name == grammar.Undo.Name {
		decision = algesta.Decision{Effect: algesta.NeedsApproval}
	}
	f.out.Send = "Ask for it"
	if decision.Effect == algesta.Allow {
		f.out.Send = "Run it"
		f.out.Intro = append(f.out.Intro, algesta.Say("No approval is needed: it runs as soon as you send it."))
	}
	if missing := f.Policy().Missing(decision.Needs, f.actor, nil); len(missing) > 0 {
		f.out.Intro = append(f.out.Intro, algesta.Say("It waits for {}.", stillNeeded(missing, f.names(ctx, decision.Needs))))
	}
	required := slices.ContainsFunc(decision.Needs, func(n algesta.Requirement) bool { return n.ReasonRequired })
	f.out.Fields = append(f.out.Fields, algesta.Input{
		Name: reasonField, Label: "Reason", Kind: algesta.TextInput, Max: longestReason, Optional: !required, Value: f.values[reasonField],
		Hint: "It's shown in the thread.",
	})
	f.channel("Where the request is posted. The approvers should be in it, and I have to be.", decision.Effect == algesta.Allow)
}

// changes reports whether the command changes something.
func (f *form) changes() bool { return f.book.Changes() || f.book.Name == grammar.Undo.Name }

// channel asks where the answer goes, for someone who asks in the bot's own direct messages.
func (f *form) channel(hint string, optional bool) {
	if f.in.Direct {
		f.out.Fields = append(f.out.Fields, algesta.Input{
			Name: channelField, Label: "Channel", Kind: algesta.ChannelInput, Hint: hint, Optional: optional, Value: f.values[channelField],
		})
	}
}
