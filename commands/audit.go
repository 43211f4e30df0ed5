package commands

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/runbooks"
	"github.com/3astronautas/algesta/words"
)

// maxAsked is how many characters of what someone typed, and of why it was refused, the audit keeps.
const maxAsked = 300

// entry is an audit line of someone's doing: of a person, or of a rule, by their identity.
func entry(id, kind, by string, data algesta.Args) algesta.Entry {
	return algesta.Entry{Request: id, Kind: kind, Actor: by, At: time.Now(), Data: data}
}

// concerning is an error about a command whose object is known, so that the audit can name it.
type concerning struct {
	error
	command algesta.Command
}

// Unwrap is the error itself.
func (c concerning) Unwrap() error { return c.error }

// about adds the command to an error; nil stays nil.
func about(c algesta.Command, err error) error {
	if err == nil {
		return nil
	}
	return concerning{err, c}
}

// refusedEntry is the audit line of an invocation that ends with an error: a refused command or a refused vote, with what was asked
// where, about which object if that was understood, and the answer. Handle stores it with every such answer, so no refusal has
// to do it itself.
func (d *Dispatcher) refusedEntry(in algesta.Invocation, id string, err error) algesta.Entry {
	data := algesta.Args{"channel": in.Channel, "reason": d.excerpt(message(err).String())}
	kind := "refused"
	if known, ok := errors.AsType[*algesta.Error](err); ok {
		data["error"] = string(known.Kind)
	} else {
		kind = "failed"
	}
	if in.Vote != nil {
		kind += " vote"
		data["vote"], data["on"] = string(in.Vote.Action), d.excerpt(in.Vote.ID)
	} else {
		data["asked"] = d.excerpt(in.Text)
	}
	if c, ok := errors.AsType[concerning](err); ok {
		data["runbook"], data["target"] = c.command.Runbook, placed(c.command.Target)
		nameObject(data, c.command.Target)
	}
	return entry(id, kind, in.Person.String(), data)
}

// readEntry is the audit line of an answer that showed someone something: in the channel, or to them alone. places are what was read by a
// command that names no place.
func readEntry(c algesta.Command, private bool, places ...runbooks.Place) algesta.Entry {
	kind := "read"
	if private {
		kind = "read privately"
	}
	data := algesta.Args{"runbook": c.Runbook, "channel": c.Channel}
	if rule := c.Rule; rule != nil && rule.For != nil {
		data["for"] = rule.For.ID.String()
	}
	if c.Target.Cluster != "" {
		data["target"] = placed(c.Target)
	}
	var read []string
	for _, p := range places {
		if at := p.Target.Cluster + "/" + p.Target.Namespace; !slices.Contains(read, at) { // two environments may share one
			read = append(read, at)
		}
	}
	if len(read) > 0 {
		data["places"] = strings.Join(read, ", ")
	}
	nameObject(data, c.Target)
	return entry(c.ID, kind, c.Identity(), data)
}

// nameObject adds to a line what a command named other than a service: "pod/x", "statefulset/loki", "node/x".
func nameObject(data algesta.Args, t algesta.Target) {
	if t.Object != "" && t.Object != wholeEnvironment {
		data["object"] = t.Object
	}
}

// excerpt is what the audit keeps of a text: redacted first, because a cut could remove what a secret is recognized by.
func (d *Dispatcher) excerpt(text string) string {
	return words.Clip(d.Redact(text), maxAsked)
}

// placed is a target as the audit names it: "aks-algesta-production/production/api-gateway-production".
func placed(t algesta.Target) string { return t.Cluster + "/" + t.Namespace + "/" + t.Name }
