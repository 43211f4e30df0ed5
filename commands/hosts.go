package commands

import (
	"context"
	"strings"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands/grammar"
	"github.com/3astronautas/algesta/policy"
	"github.com/3astronautas/algesta/runbooks"
)

// placeOfHost finds the environment whose Ingress or HTTPRoute declares a host, where none was named. Only environments are asked in which
// the policy lets the actor do this: to everyone else it's as if the host were declared nowhere.
func (d *Dispatcher) placeOfHost(
	ctx context.Context,
	actor algesta.Actor,
	book runbooks.Runbook,
	p grammar.Parsed,
) (algesta.Target, error) {
	_, host, _ := strings.Cut(p.Object, "/")
	c := algesta.Command{Requester: algesta.AskedBy(actor), Runbook: book.Name, Args: p.Args, At: time.Now()}
	places := d.placesFor(ctx, c, book.Verb, p.Object)
	declared, unread := make([]bool, len(places)), make([]error, len(places))
	var asking conc.WaitGroup
	for i, t := range places {
		asking.Go(func() {
			cluster, err := d.Clusters.Reader(t.Cluster)
			if err != nil {
				unread[i] = err
				return
			}
			declared[i], unread[i] = runbooks.Declares(ctx, cluster, t.Namespace, host)
		})
	}
	asking.Wait()
	var found []algesta.Target
	var hints []algesta.Text
	var failed error
	for i, t := range places {
		if declared[i] {
			found = append(found, t)
			hints = append(hints, algesta.Say("{}", algesta.Name(d.Bot.Typed(p.Retype("", t.Environment)))))
		}
		if unread[i] != nil {
			failed = unread[i]
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return algesta.Target{}, &algesta.Error{
			Kind:    algesta.ErrUsage,
			Message: algesta.Say("Several environments declare {}. Which one do you mean?", algesta.Name(host)),
			Hint:    algesta.Or(hints),
		}
	case failed != nil:
		return algesta.Target{}, failed
	}
	return algesta.Target{}, &algesta.Error{
		Kind: algesta.ErrRefused,
		Message: algesta.Say(
			"I didn't look: no Ingress and no HTTPRoute where you can use {} is for {}, and I only go to hosts that one declares.",
			book.Name,
			algesta.Name(host),
		),
		Hint: algesta.Say("If it's declared, name the environment: {}", algesta.Name(d.Bot.Typed(p.Retype("", "<environment>")))),
	}
}

// placesFor are the environments in which the policy lets the requester of a command do this about an object.
func (d *Dispatcher) placesFor(ctx context.Context, c algesta.Command, verb, object string) []algesta.Target {
	var places []algesta.Target
	for _, name := range d.Catalog.Environments() {
		t, err := d.Catalog.Resolve(ctx, "", name, func(algesta.Target) bool { return true })
		if err != nil {
			continue // its namespace isn't known, so nothing in it is either
		}
		t.Object = object
		if c.Target = t; d.allows(c, verb) {
			places = append(places, t)
		}
	}
	return places
}

// anywhere reports whether a command names no environment and is about all in which the policy lets its requester do the same.
func anywhere(book runbooks.Runbook, c algesta.Command) bool {
	return !book.Changes() && c.Target.Cluster == "" && book.Anywhere(c.Args)
}

// decideAnywhere is the policy's decision about a command. One that looks and names no environment is allowed where it's allowed in any: it
// is about those alone.
func (d *Dispatcher) decideAnywhere(ctx context.Context, book runbooks.Runbook, c algesta.Command, asking bool) algesta.Decision {
	facts := policy.Facts{Command: c, Verb: book.Verb, At: time.Now(), Asking: asking}
	if anywhere(book, c) {
		if places := d.placesFor(ctx, c, book.Verb, wholeEnvironment); len(places) > 0 {
			facts.Command.Target = places[0]
		}
	}
	return d.Policy().Decide(facts)
}

// placesOf are the environments that the answer to a command that names none may be about, with their clusters; none where it names one,
// and for doctor, which is about the bot.
func (d *Dispatcher) placesOf(ctx context.Context, book runbooks.Runbook, c algesta.Command) []runbooks.Place {
	if !anywhere(book, c) || book.Name == doctor {
		return nil
	}
	var out []runbooks.Place
	for _, t := range d.placesFor(ctx, c, book.Verb, wholeEnvironment) {
		place := runbooks.Place{Target: t, Lost: d.Catalog.LostIn(t.Environment)}
		place.Cluster, place.Err = d.Clusters.Reader(t.Cluster)
		out = append(out, place)
	}
	return out
}
