package runbooks

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/3astronautas/algesta"
	wordsof "github.com/3astronautas/algesta/words"
)

// ownRecord is a kind of what the bot keeps itself: a freeze, a silence, break-glass. It's planned like an object of a cluster, so that
// it's approved, audited and undone like one.
type ownRecord struct{ kind, resource string }

var (
	freezeRecord     = ownRecord{algesta.FreezeKind, algesta.FreezeResource}
	silenceRecord    = ownRecord{algesta.SilenceKind, algesta.SilenceResource}
	breakGlassRecord = ownRecord{algesta.BreakGlassKind, algesta.BreakGlassResource}
)

// object is the record that the request id made for a place.
func (k ownRecord) object(t algesta.Target, id string) algesta.Object {
	return algesta.Object{Cluster: t.Cluster, Group: algesta.FreezeGroup, Kind: k.kind, Namespace: t.Namespace, Name: id}
}

// create is the change that keeps a record of the command, with spec as its content.
func (k ownRecord) create(c algesta.Command, spec any) ([]algesta.Change, error) {
	content, err := json.Marshal(map[string]any{
		"apiVersion": algesta.FreezeGroup + "/v1", "kind": k.kind,
		"metadata": map[string]string{"name": c.ID, "namespace": c.Target.Namespace}, "spec": spec,
	})
	if err != nil {
		return nil, fmt.Errorf("writing a %s: %w", k.kind, err)
	}
	return []algesta.Change{{
		Object: k.object(c.Target, c.ID), Verb: algesta.Create, Resource: k.resource, Version: "v1", Content: content,
	}}, nil
}

// end is the change that ends a record before its time.
func (k ownRecord) end(t algesta.Target, id string) algesta.Change {
	return algesta.Change{
		Object: k.object(t, id), Verb: algesta.Delete, Resource: k.resource, Version: "v1", UID: id, Propagation: "Background",
	}
}

// recordedBy is who asks, as a record keeps them.
func recordedBy(c algesta.Command) algesta.Actor {
	person, _ := c.Person()
	return algesta.Actor{ID: person.ID, Name: person.Name}
}

// samePlace reports whether a record is about exactly what a command is about, and no part of it.
func samePlace(a, b algesta.Target) bool {
	return a.Cluster == b.Cluster && a.Namespace == b.Namespace && a.Name == b.Name && a.Environment == b.Environment
}

// requireReason refuses a command without a reason. needs says who reads it, such as "A freeze needs a reason: everyone it stops sees it.".
func requireReason(in Input, needs algesta.Text) error {
	if strings.TrimSpace(in.Command.Reason) != "" {
		return nil
	}
	return &algesta.Error{
		Kind: algesta.ErrUsage, Message: needs.Then("Add it at the end: because …"),
		Hint: algesta.Say("{}", again(in, in.Command.Args.String("until"))),
	}
}

// again is what someone typed, with an end and a reason: a copy of it is understood.
func again(in Input, until string) algesta.Span {
	c, because := in.Command, "because <why>"
	if c.Reason != "" {
		because = "because " + quote(c.Reason)
	}
	if until != "" {
		until = "until=" + quote(until)
	}
	if id := IncidentArg.Text(in); id != "" {
		return algesta.Name(in.Bot.Typed(c.Runbook, quote(id), until, because))
	}
	return algesta.Name(in.Bot.Typed(c.Runbook, c.Target.Service, c.Target.Environment, until, because))
}

// lasts is how long something lasts that ends at a full second.
func lasts(c algesta.Command, until time.Time) string {
	return span((until.Sub(c.At) + time.Second - 1).Truncate(time.Second))
}

// untilSummary is what help says of the argument with which something ends.
const untilSummary = "when it ends by itself: after 2h or 3d, or at 2026-12-24T18:00:00-05:00"

// shortest is how long a freeze or a silence lasts at least.
const shortest = time.Minute

// typedEnd is the end that someone typed for a thing ("a freeze"); tooLong is what to say where it's more than longest away.
func typedEnd(in Input, arg Arg, thing string, longest time.Duration, tooLong algesta.Text) (time.Time, error) {
	typed := arg.Text(in)
	until, err := time.Parse(time.RFC3339, typed)
	if d, ok := Span(typed); ok {
		until, err = in.Command.At.Add(d), nil
	}
	switch left := until.Sub(in.Command.At); {
	case err != nil:
		return until, wrongEnd(in, algesta.Say(
			"until is a length of time such as 2h or 3d, or a time with its zone such as 2026-12-24T18:00:00-05:00, not {}.",
			wordsof.Cited(quote(typed)),
		))
	case left < shortest:
		return until, wrongEnd(in, algesta.Say("That's over already, or in less than a minute. Name a later end for {}.", thing))
	case left > longest:
		return until, wrongEnd(in, tooLong)
	}
	return until.Truncate(time.Second), nil
}

// wrongEnd is the error of an end that can't be: with what was typed, and one that can.
func wrongEnd(in Input, message algesta.Text) error {
	return &algesta.Error{Kind: algesta.ErrUsage, Message: message, Hint: algesta.Say("{}", again(in, "2h"))}
}
