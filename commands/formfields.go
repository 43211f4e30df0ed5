package commands

import (
	"context"
	"errors"
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
	if typed := f.values[serviceField]; typed != "" && f.target.Environment == "" && about.Service {
		_, err := f.Catalog.Resolve(ctx, typed, "", f.visible)
		if known, ok := errors.AsType[*algesta.Error](err); ok && known.Kind == algesta.ErrUnknownName {
			f.out.Intro = append(f.out.Intro, known.Message) // there's no field for it yet
		}
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
	f.otherWorkloads(&field)
	if known, ok := errors.AsType[*algesta.Error](err); ok && f.values[serviceField] != "" && !f.chosen {
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

// otherWorkloads adds the StatefulSets and DaemonSets of the environment to a field of services, for a command that takes them.
func (f *form) otherWorkloads(field *algesta.Input) {
	if !f.book.About.Workloads || f.Makers == nil {
		return
	}
	place := f.target
	place.Service, place.Name = "", ""
	for _, object := range runbooks.OtherWorkloads(f.Makers(place.Cluster, place.Namespace)) {
		place.Object = object
		if len(object) > algesta.LongestChoice || !f.may(f.book, place) {
			continue
		}
		field.Choices = append(field.Choices, algesta.Choice{Value: object, Label: object})
		if f.values[serviceField] == object {
			f.target, f.chosen, field.Value = place, true, object
		}
	}
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
			Optional: !a.Required, Of: f.book.Name + " " + f.target.Environment + " " + f.target.Service + f.target.Object,
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
		field.Now = o.Value
		if field.Value == "" {
			field.Value = o.Value
		}
		if len(o.Choices) > 0 {
			field.Kind, field.Choices, field.Min, field.Max = algesta.ChooseInput, o.Choices, 0, 0
			if !slices.ContainsFunc(o.Choices, func(c algesta.Choice) bool { return c.Value == field.Value }) {
				field.Value = ""
			}
			if !slices.ContainsFunc(o.Choices, func(c algesta.Choice) bool { return c.Value == field.Now }) {
				field.Now = ""
			}
		}
		f.out.Fields = append(f.out.Fields, field)
	}
}

// offers reads what is there now for the arguments, all at once; what can't be read is stated, and can be typed instead.
func (f *form) offers(ctx context.Context) map[int]runbooks.Offered {
	out := map[int]runbooks.Offered{}
	if !f.chosen || !slices.ContainsFunc(f.book.Args, func(a runbooks.Arg) bool { return a.Offers != nil }) {
		return out
	}
	cluster, err := f.Clusters.Reader(f.target.Cluster)
	if err != nil {
		f.out.Intro = append(f.out.Intro, unread(err))
		return out
	}
	ctx, cancel := context.WithTimeout(ctx, offersWithin)
	defer cancel()
	leave, ok := f.forms.enter(ctx, f.actor.ID, func() {})
	if !ok {
		f.out.Intro = append(f.out.Intro, unread(ctx.Err()))
		return out
	}
	defer leave()
	in, err := f.input(ctx, algesta.Command{
		ID: algesta.NewCommandID(), Requester: algesta.AskedBy(f.actor), Runbook: f.book.Name, Target: f.target, Channel: f.in.Channel,
		At: time.Now(),
	})
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
	// Like every other look into a cluster it's in the audit before anybody sees it.
	if err := f.storeLate(ctx, func(tx Tx) error { return tx.Append(readEntry(in.Command, true)) }); err != nil {
		f.out.Intro = append(f.out.Intro, algesta.Say(
			"Couldn't check what's there now (my own storage didn't take the audit's line). Type the values yourself, or open the form again "+
				"in a minute.",
		))
		return out
	}
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
	if f.book.Name == grammar.Undo.Name || f.book.Incident { // where it will be isn't known yet
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
