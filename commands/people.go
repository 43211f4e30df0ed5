package commands

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands/grammar"
	"github.com/3astronautas/algesta/policy"
	"github.com/3astronautas/algesta/runbooks"
	"github.com/3astronautas/algesta/words"
)

// actor is the person of an invocation. A person who can't be identified is refused before the policy is asked (decision 11).
func (d *Dispatcher) actor(ctx context.Context, in algesta.Invocation, maxAge time.Duration) (algesta.Actor, error) {
	a, err := d.Directory.Actor(ctx, in.Person, maxAge)
	if err != nil {
		return algesta.Actor{}, &algesta.Error{
			Kind: algesta.ErrUnreachable, Err: err,
			Message: algesta.Say("I couldn't look you up in Slack, so I can't check your permissions. Nothing was run."),
			Hint:    algesta.Say("Try again in a minute."),
		}
	}
	switch a.Standing {
	case algesta.Member, algesta.Guest: // whether a guest is allowed is the policy's business
		return a, nil
	case algesta.Bot:
		return a, cannotAsk("I only take commands from people, not from bots and workflows.")
	case algesta.Deactivated:
		return a, cannotAsk("This account is deactivated, so I can't do anything for it.")
	case algesta.Stranger:
	}
	return a, cannotAsk("You aren't a member of my workspace, so I can't do anything for you.")
}

func cannotAsk(why string) *algesta.Error {
	return &algesta.Error{Kind: algesta.ErrRefused, Message: algesta.Say(why)}
}

// resolve finds the target that the runbook is about. Suggestions name only what the actor may read (decision 8).
func (d *Dispatcher) resolve(ctx context.Context, actor algesta.Actor, book runbooks.Runbook, p grammar.Parsed) (algesta.Target, error) {
	visible := func(t algesta.Target) bool { return d.Policy().Visible(actor, t) }
	if book.About.Nothing() {
		return algesta.Target{}, nil
	}
	if book.About.Optional && p.Service+p.Object+p.Environment == "" {
		return algesta.Target{}, nil
	}
	if book.About.Cluster {
		return d.clusterOf(ctx, actor, p, visible)
	}
	if kind, name, ok := strings.Cut(p.Object, "/"); ok && p.Environment == "" && kind != "host" {
		if _, no := d.Catalog.Resolve(ctx, "", name, visible); no == nil { // "diagnose ingress production"
			return algesta.Target{}, d.whichOf(book, kind, name)
		}
	}
	if p.Everywhere && p.Service == "" { // "audit production" names an environment in a service's place
		return algesta.Target{Object: p.Object}, nil
	}
	if p.Object != "" && p.Environment == "" && !book.About.Placed() { // a host
		return d.placeOfHost(ctx, actor, book, p)
	}
	t, err := d.Catalog.Resolve(ctx, p.Service, p.Environment, visible)
	if err != nil && book.About.Environment && p.Service != "" && p.Environment == "" {
		if whole, no := d.Catalog.Resolve(ctx, "", p.Service, visible); no == nil { // "diagnose production"
			whole.Object = wholeEnvironment
			return whole, nil
		}
	}
	if is(err, algesta.ErrUnknownName) && book.About.Named("StatefulSet") && p.Service != "" {
		if other, ok := d.workloadCalled(ctx, p, visible); ok {
			return other, nil
		}
	}
	if is(err, algesta.ErrUnknownName) && d.namesPod(ctx, p, visible) {
		return algesta.Target{}, d.noSuchPod(p)
	}
	if err != nil {
		return algesta.Target{}, d.suggest(ctx, p, err, visible)
	}
	if t.Object = p.Object; t.Service == "" && t.Object == "" {
		t.Object = wholeEnvironment
	}
	return t, nil
}

// clusterOf is the target of a command about what is in no environment: the cluster of the environment that an argument names, and nothing
// of that environment, so that no rule about its namespace is taken for one about the cluster. Whoever has no rights there is refused in
// the words that they typed: on which cluster an environment is isn't told to them. can-i may leave the argument out where there is one
// cluster.
func (d *Dispatcher) clusterOf(
	ctx context.Context,
	actor algesta.Actor,
	p grammar.Parsed,
	visible func(algesta.Target) bool,
) (algesta.Target, error) {
	if named := p.Args.String(runbooks.ClusterArg); named != "" {
		t, err := d.Catalog.Resolve(ctx, "", named, visible)
		out := algesta.Target{Cluster: t.Cluster, Object: p.Object}
		if err == nil && !visible(t) && !d.hasRightsOn(actor, t.Cluster) {
			out.Environment = t.Environment
		}
		return out, err
	}
	var clusters []string
	for _, name := range d.Catalog.Environments() {
		if t, err := d.Catalog.Resolve(ctx, "", name, visible); err == nil && visible(t) && !slices.Contains(clusters, t.Cluster) {
			clusters = append(clusters, t.Cluster)
		}
	}
	if len(clusters) == 1 {
		return algesta.Target{Cluster: clusters[0], Object: p.Object}, nil
	}
	return algesta.Target{}, &algesta.Error{
		Kind:    algesta.ErrUsage,
		Message: algesta.Say("On which cluster? Name an environment of it."),
		Hint: algesta.Say(
			"{}",
			algesta.Name(d.Bot.Typed(p.Runbook, strings.TrimPrefix(p.Object, "namespace/"), runbooks.ClusterArg+"=<environment>")),
		),
	}
}

// hasRightsOn reports whether some rule gives the actor anything that is about the whole cluster.
func (d *Dispatcher) hasRightsOn(actor algesta.Actor, cluster string) bool {
	return slices.ContainsFunc(d.Policy().Grants(actor), func(g policy.Grant) bool {
		return slices.Contains(g.Namespaces, "*") && (len(g.Clusters) == 0 || slices.Contains(g.Clusters, cluster))
	})
}

// whichOf asks for the name of an object where an environment was typed in its place.
func (d *Dispatcher) whichOf(book runbooks.Runbook, kind, environment string) error {
	hint := algesta.Say("{}", algesta.Name(d.Bot.Typed(book.Name, kind+"/<name>", environment)))
	if book.About.Environment {
		hint = hint.Then("or, for everything there, {}", algesta.Name(d.Bot.Typed(book.Name, environment)))
	}
	return &algesta.Error{Kind: algesta.ErrUsage, Message: algesta.Say("Which {} in {} do you mean?", kind, environment), Hint: hint}
}

// wholeEnvironment is the Object of a target that is an environment as a whole.
const wholeEnvironment = "namespace"

// suggest gives an error about names the command to type instead, if that resolves.
func (d *Dispatcher) suggest(ctx context.Context, p grammar.Parsed, err error, visible func(algesta.Target) bool) error {
	return d.Parser.Suggest(p, err, func(again grammar.Parsed) bool {
		_, err := d.Catalog.Resolve(ctx, again.Service, again.Environment, visible)
		return err == nil
	})
}

// corrected is the error of a mistyped command with a suggestion that works: what the corrected command names is looked up, so
// that nothing is proposed that fails when it is copied. Names are shown only to those
// who may see them.
func (d *Dispatcher) corrected(ctx context.Context, actor algesta.Actor, err error) error {
	known, again := (*algesta.Error)(nil), grammar.CorrectedError{}
	if form, ok := errors.AsType[grammar.FormError](err); ok && form.Parsed.Service+form.Parsed.Object != "" && form.Parsed.Environment != "" {
		return d.filled(ctx, actor, err, form.Parsed)
	}
	if !errors.As(err, &known) || !errors.As(err, &again) {
		return err
	}
	name := again.Parsed.Runbook
	if verb := again.Parsed.Args.String("verb"); name == "can-i" {
		name = verb
	}
	book, ok := bookOf(name)
	if !ok || again.Parsed.Help { // help and whoami name nothing
		return err
	}
	if _, err := d.resolve(ctx, actor, book, again.Parsed); err != nil {
		better := *known
		better.Hint = nil
		if other := (*algesta.Error)(nil); errors.As(err, &other) {
			better.Hint = other.Hint
		}
		return &better
	}
	return err
}

// filled is the error of a command that lacks something, and says so, too, where the names in its form can't be looked up.
func (d *Dispatcher) filled(ctx context.Context, actor algesta.Actor, err error, p grammar.Parsed) error {
	book, ok := bookOf(p.Runbook)
	known, other := (*algesta.Error)(nil), (*algesta.Error)(nil)
	if !ok || !errors.As(err, &known) {
		return err
	}
	if _, no := d.resolve(ctx, actor, book, p); !errors.As(no, &other) {
		return err
	}
	better := *known
	better.Hint = join(other.Message, other.Hint)
	return &better
}

// names are the words for the subjects of these requirements, asked before a transaction begins.
type names map[algesta.Subject]called

// called is what a subject is called, and the user that it names, "" for a group.
type called struct{ word, user string }

func (d *Dispatcher) names(ctx context.Context, needs []algesta.Requirement) names {
	out := names{}
	for _, n := range needs {
		for _, s := range n.Approvers {
			if _, known := out[s]; !known {
				out[s] = called{d.Directory.Subject(ctx, s), d.Directory.Person(ctx, s)}
			}
		}
	}
	return out
}

// of is "@platform or Carla": plain words that notify nobody.
func (n names) of(subjects []algesta.Subject) string { return words.Or(n.each(subjects)) }

// each are the words for these subjects: "@platform", "Carla".
func (n names) each(subjects []algesta.Subject) []string {
	said := make([]string, len(subjects))
	for i, s := range subjects {
		said[i] = n[s].word
		if said[i] == "" {
			said[i] = string(s)
		}
	}
	return said
}

// called is a text in which those that a policy names by an ID alone have their names, for where a mention is only text.
func (d *Dispatcher) called(ctx context.Context, t algesta.Text) algesta.Text {
	prefix := map[algesta.SpanKind]string{algesta.Person: "user:", algesta.Group: "group:"}
	out := slices.Clone(t)
	for i, s := range out {
		if prefix[s.Kind] == "" || s.Text != "@"+s.ID {
			continue
		}
		if name := strings.TrimPrefix(d.Directory.Subject(ctx, algesta.Subject(prefix[s.Kind]+s.ID)), "@"); name != "" {
			out[i].Text = "@" + name
		}
	}
	return out
}

// who are the people's names, to print.
func who(people []algesta.Actor) string {
	said := make([]string, len(people))
	for i, p := range people {
		said[i] = p.Called()
	}
	return words.List(said)
}

// everyone is the people, by ID: for what is edited, which notifies nobody.
func everyone(people []algesta.Actor) algesta.Text {
	texts := make([]algesta.Text, len(people))
	for i, p := range people {
		texts[i] = algesta.Text{algesta.By(p)}
	}
	return algesta.And(texts)
}

// quote is what a person wrote, in quotation marks that it can't close, on one line.
func quote(s string) string {
	return words.Cited(strings.Join(strings.Fields(s), " "))
}

// stillNeeded is "1 approval from @platform or Carla", for every rule that is not met yet.
func stillNeeded(missing []policy.Missing, n names) string {
	said := make([]string, len(missing))
	for i, m := range missing {
		said[i] = words.Plural(m.Lacks, "approval", "approvals") + " from " + n.of(m.Approvers)
	}
	return words.List(said)
}
