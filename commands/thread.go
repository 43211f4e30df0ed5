package commands

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands/grammar"
	"github.com/3astronautas/algesta/words"
)

// thread is what the thread is about in which someone says something.
type thread struct {
	topics  []algesta.Topic // of the bot's own record
	subject grammar.Subject // what a command means that names less; empty where that isn't clear
}

// mostTopics is how many subjects of a thread a question lists.
const mostTopics = 4

// thread reads from the bot's own record what it posted in the thread. What people wrote there says nothing.
func (d *Dispatcher) thread(ctx context.Context, in algesta.Invocation) (thread, error) {
	if in.Thread == "" || in.Kind != algesta.Mentioned {
		return thread{}, nil
	}
	topics, err := d.Store.Topics(ctx, in.Channel, in.Thread)
	if err != nil {
		return thread{}, err
	}
	t := thread{topics: topics}
	places := t.distinct()
	if len(places) == 0 || slices.ContainsFunc(topics, func(t algesta.Topic) bool { return t.About == algesta.Target{} }) {
		return t, nil // one that nobody knows could be another
	}
	t.subject.Environment = places[0].Environment
	for _, p := range places[1:] {
		if p.Environment != t.subject.Environment {
			t.subject.Environment = ""
		}
	}
	if len(places) == 1 {
		t.subject.Service, t.subject.Object = places[0].Service, places[0].Object
	}
	return t, nil
}

// distinct are what the thread is about, each once, in its order.
func (t thread) distinct() []algesta.Target {
	var out []algesta.Target
	for _, topic := range t.topics {
		if topic.About != (algesta.Target{}) && !ofCluster(topic.About) && !slices.Contains(out, topic.About) {
			out = append(out, topic.About)
		}
	}
	return out
}

// ofCluster reports whether a target is of a cluster as a whole, in no environment: nothing that a later command could be about.
func ofCluster(t algesta.Target) bool {
	return t.Cluster != "" && t.Environment == "" && t.Namespace == ""
}

// asks adds to the error of a command that names too little what the thread is about, where that is more than one thing.
func (t thread) asks(bot algesta.Handle, err error) error {
	known := (*algesta.Error)(nil)
	places := t.distinct()
	lacking, lacks := grammar.AsMissing(err)
	if len(places) < 2 || !errors.As(err, &known) || !lacks || lacking.Service+lacking.Object != "" {
		return err
	}
	called := make([]string, len(places))
	for i, p := range places {
		called[i] = thing(p)
	}
	told := *known
	told.Message = algesta.Say("This thread is about {}. Which one do you mean?", words.Few(called, mostTopics))
	told.Hint = algesta.Say("Name it: {}", algesta.Name(bot.Mentioned(lacking.Runbook, places[0].Service, places[0].Environment)))
	return &told
}

// thing is a target as it's named in a list: "api-gateway in production".
func thing(t algesta.Target) string {
	switch {
	case t.Service != "":
		return t.Service + " in " + t.Environment
	case t.Object != "" && t.Object != wholeEnvironment && t.Environment != "":
		return t.Object + " in " + t.Environment
	case t.Object != "" && t.Object != wholeEnvironment:
		return t.Object
	}
	return t.Environment
}

// there is the command in the environment of its thread where it names a service and no environment, and that service is there.
func (d *Dispatcher) there(ctx context.Context, actor algesta.Actor, p grammar.Parsed, about grammar.Subject) grammar.Parsed {
	if p.Service == "" || p.Environment != "" || about.Environment == "" {
		return p
	}
	visible := func(t algesta.Target) bool { return d.Policy().Visible(actor, t) }
	if _, no := d.Catalog.Resolve(ctx, "", p.Service, visible); no == nil { // the word is an environment
		return p
	}
	if _, err := d.Catalog.Resolve(ctx, p.Service, about.Environment, visible); err == nil {
		p.Environment = about.Environment
	}
	return p
}

// undoesAnother refuses an undo that names nothing in a thread of changes, where the last change of the service is none of the thread's: it
// would take back what others did meanwhile.
func (d *Dispatcher) undoesAnother(ctx context.Context, p grammar.Parsed, about thread, t algesta.Target) error {
	if !p.Implied {
		return nil
	}
	last, found, err := d.Store.LastChange(ctx, t.Workload())
	if err != nil || !found {
		return err
	}
	changes := false
	for _, topic := range about.topics {
		if topic.Command == last.ID || topic.Command == last.Previous {
			return nil
		}
		_, err := d.Store.Request(ctx, topic.Command)
		if err != nil && !is(err, algesta.ErrUnknownName) {
			return fmt.Errorf("reading the changes of a thread: %w", err)
		}
		changes = changes || err == nil
	}
	if !changes {
		return nil
	}
	return &algesta.Error{
		Kind: algesta.ErrRefused,
		Message: algesta.Say(
			"My last change of {} in {} is {} ({}), not this thread's. Nothing was run.", typedAs(t), t.Environment, last.Plan.Title,
			algesta.Name(last.ID),
		),
		Hint: algesta.Say("To take that one back: {}", algesta.Name(d.Bot.Mentioned(grammar.Undo.Name, typedAs(t), t.Environment))),
	}
}
