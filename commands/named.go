package commands

import (
	"context"
	"slices"
	"strings"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands/grammar"
)

// mostWords bounds the words of a message that are looked up: an alert names what it's about at its beginning.
const mostWords = 400

// diagnoseWord is the command that a message is answered with.
const diagnoseWord = "diagnose"

// Named is the command that diagnoses what a message names: a service, one of its pods, or else an environment, among those that the person
// may see. Nothing else in the message counts: whoever wrote it is no one who asks. complete is false where the command needs a form.
func (d *Dispatcher) Named(ctx context.Context, in algesta.Invocation, said string) (text string, complete bool) {
	leave, ok := d.looks.enter(ctx, in.Person, func() {})
	if !ok {
		return diagnoseWord, false
	}
	defer leave()
	actor, err := d.actor(ctx, in, factsAge)
	if err != nil {
		return diagnoseWord, true // the answer says that they can't be looked up
	}
	visible := func(t algesta.Target) bool { return d.Policy().Visible(actor, t) }
	p := grammar.Parsed{Runbook: diagnoseWord}
	p.Service, p.Environment = d.namedIn(ctx, wordsOf(said), visible)
	if p.Service+p.Environment == "" {
		return diagnoseWord, false
	}
	return d.Parser.Typed(p), p.Environment != ""
}

// wordsOf are the words of a message that may be names, in lower case, each once.
func wordsOf(said string) []string {
	all := strings.FieldsFunc(strings.ToLower(said), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '.'
	})
	var out []string
	for _, w := range all {
		if w = strings.Trim(w, "-."); w != "" && !slices.Contains(out, w) {
			if out = append(out, w); len(out) == mostWords {
				break
			}
		}
	}
	return out
}

// namedIn is the service with the longest name among the words, and its environment; "" for what they don't say. A service that stands in
// several environments, none of which is named, has none.
func (d *Dispatcher) namedIn(ctx context.Context, words []string, visible func(algesta.Target) bool) (service, environment string) {
	places := d.placesIn(ctx, words, visible)
	var found []algesta.Target
	longest := 0
	for _, t := range d.Catalog.Known(ctx) {
		switch n := namedBy(words, t); {
		case n == 0, n < longest, !visible(t):
		case n > longest:
			found, longest = []algesta.Target{t}, n
		default:
			found = append(found, t)
		}
	}
	elsewhere := func(t algesta.Target) bool { return !slices.Contains(places, t.Environment) }
	if named := slices.DeleteFunc(slices.Clone(found), elsewhere); len(named) > 0 {
		found = named
	}
	switch {
	case len(found) == 0 && len(places) == 1:
		return "", places[0]
	case len(found) == 0:
		return "", ""
	case len(found) > 1:
		return found[0].Service, ""
	}
	return found[0].Service, found[0].Environment
}

// placesIn are the environments that the words name, by their names, their other names or their namespaces.
func (d *Dispatcher) placesIn(ctx context.Context, words []string, visible func(algesta.Target) bool) []string {
	var out []string
	add := func(t algesta.Target, err error) {
		if err == nil && t.Environment != "" && visible(t) && !slices.Contains(out, t.Environment) {
			out = append(out, t.Environment)
		}
	}
	for _, w := range words {
		add(d.Catalog.Resolve(ctx, "", w, visible))
	}
	for _, name := range d.Catalog.Environments() {
		if t, err := d.Catalog.Resolve(ctx, "", name, visible); slices.Contains(words, t.Namespace) {
			add(t, err)
		}
	}
	return out
}

// namedBy is how long the name is by which one of the words means a service: its own, that of its Deployment, or a pod's; 0 for none.
func namedBy(words []string, t algesta.Target) int {
	n := 0
	for _, w := range words {
		switch {
		case w == t.Service:
			n = max(n, len(t.Service))
		case w == t.Name, strings.HasPrefix(w, t.Name+"-") && t.Name != "" && len(strings.Split(w[len(t.Name)+1:], "-")) == 2:
			n = max(n, len(t.Name)) // a pod has the hash of its template and five letters behind the name
		}
	}
	return n
}
