package commands

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands/grammar"
	"github.com/3astronautas/algesta/policy"
	"github.com/3astronautas/algesta/runbooks"
	"github.com/3astronautas/algesta/words"
)

// isAbout reports whether the command is about the bot and the person, and touches no cluster.
func isAbout(runbook string) bool {
	switch runbook {
	case "help", "whoami", "can-i", "approvals", "freezes":
		return true
	}
	return false
}

// about answers help, whoami and can-i. They need no binding (decision 8).
func (d *Dispatcher) about(ctx context.Context, actor algesta.Actor, p grammar.Parsed) (algesta.Report, error) {
	if p.Help || p.Runbook == "help" {
		return d.help(ctx, actor, p), nil
	}
	switch p.Runbook {
	case "whoami":
		return d.whoami(ctx, actor), nil
	case "approvals":
		return d.approvals(ctx, actor)
	case "freezes":
		return d.frozen(ctx, actor), nil
	}
	return d.canI(ctx, actor, p)
}

// help lists the commands, or explains one.
func (d *Dispatcher) help(ctx context.Context, actor algesta.Actor, p grammar.Parsed) algesta.Report {
	about := p.Runbook
	if about == "help" {
		about = p.Args.String("about")
	}
	if book, ok := bookOf(about); ok {
		return d.helpFor(book)
	}
	r := algesta.Report{
		Title: algesta.Say(
			"I operate services on Kubernetes. Tell me what you need: I show exactly what would change, ask the approvers, run it " +
				"once and say how it ended.",
		),
	}
	var rows [][]algesta.Text
	for _, b := range runbooks.All() {
		rows = append(rows, []algesta.Text{algesta.Say("{}", algesta.Name(b.Name)), algesta.Say(b.Summary)})
	}
	rows = append(
		rows,
		[]algesta.Text{algesta.Say("{}", algesta.Name(grammar.Undo.Name)), algesta.Say(grammar.Undo.Summary)},
		[]algesta.Text{
			algesta.Say("{}", algesta.Name("approvals")),
			algesta.Say("List the requests that wait for approval, those for yours first."),
		},
		[]algesta.Text{
			algesta.Say("{}", algesta.Name("freezes")), algesta.Say("List what can't be changed now, until when and why."),
		},
		[]algesta.Text{algesta.Say("{}", algesta.Name("whoami")), algesta.Say("Show who you are here and what you can do.")},
		[]algesta.Text{
			algesta.Say("{}", algesta.Name("can-i")),
			algesta.Say("Check whether you can do something, and who has to approve it."),
		},
	)
	where := algesta.Say("No policy rule lets you read an environment.")
	if seen := d.environments(ctx, actor); len(seen) > 0 {
		where = algesta.Say("Environments: {}.", strings.Join(seen, ", "))
	}
	r.Body = []algesta.Block{
		{Table: &algesta.Table{Head: []string{"command", "what it does"}, Rows: rows}}, // without examples: all of it has to fit into a message
		{Text: algesta.Say(
			"How one is typed: {}. For example: {}", algesta.Name(d.Bot.Typed("help rollback")),
			algesta.Name(d.Bot.Typed("can-i scale api-gateway production")),
		)},
		{Text: algesta.Say("Spanish works too: estado, revertir, reiniciar, escalar, desplegar, registros, diagnosticar, " +
			"producción.")},
		{Text: where.Then("In a thread, say {} instead.", algesta.Name(d.Bot.Mentioned("…")))},
	}
	return r
}

// environments are those that the person may read something in: the names of the others aren't shown.
func (d *Dispatcher) environments(ctx context.Context, actor algesta.Actor) []string {
	visible := func(t algesta.Target) bool { return d.Policy().Visible(actor, t) }
	return slices.DeleteFunc(slices.Clone(d.Catalog.Environments()), func(environment string) bool {
		whole, err := d.Catalog.Resolve(ctx, "", environment, visible)
		return err != nil || !visible(whole)
	})
}

func (d *Dispatcher) helpFor(b runbooks.Runbook) algesta.Report {
	r := algesta.Report{Title: algesta.Say("{}: {}", algesta.Name(b.Name), b.Summary)}
	fields := []algesta.Field{
		{Label: "usage", Value: usageOf(b)},
		{Label: "example", Value: algesta.Say("{}", algesta.Name(d.Bot.Typed(b.Example)))},
	}
	also := slices.Clone(b.Aliases)
	if word := grammar.Spanish(b.Name); word != "" {
		also = append(also, word)
	}
	if len(also) > 0 {
		fields = append(fields, algesta.Field{Label: "also", Value: algesta.Say("{}", strings.Join(also, ", "))})
	}
	for _, a := range b.Args {
		if a.Hidden { // only for buttons
			continue
		}
		fields = append(fields, algesta.Field{Label: a.Name, Value: algesta.Say("{}", a.Summary)})
	}
	r.Body = []algesta.Block{{Fields: fields}}
	return r
}

// usageOf are the ways to type a command.
func usageOf(b runbooks.Runbook) algesta.Text {
	var out algesta.Text
	for i, way := range b.Usage() {
		if i > 0 {
			out = algesta.Say("{} or ", out)
		}
		out = algesta.Say("{}{}", out, algesta.Name(way))
	}
	return out
}

// whoami says who the person is to the bot and what follows from it.
func (d *Dispatcher) whoami(ctx context.Context, a algesta.Actor) algesta.Report {
	var groups []string
	for _, g := range a.Groups {
		groups = append(groups, d.Directory.Subject(ctx, algesta.Subject("group:"+g)))
	}
	in := "none in the policy"
	if len(groups) > 0 {
		in = strings.Join(groups, ", ")
	}
	r := algesta.Report{
		Title: algesta.Say("You're {}.", a.Called()),
		Body: []algesta.Block{{Fields: []algesta.Field{
			{Label: "identity", Value: algesta.Say("{}", algesta.Name(a.ID.String()))},
			{Label: "account", Value: algesta.Say("{}", string(a.Standing))},
			{Label: "groups", Value: algesta.Say("{}", in)},
		}}},
	}
	grants, approves := d.Policy().Grants(a), d.Policy().Approves(a)
	if len(grants) == 0 && len(approves) == 0 {
		r.Body = append(
			r.Body,
			algesta.Block{
				Text: algesta.Say("No policy rule names you, so I'll refuse everything. Ask the people who write the policy."),
			},
		)
		return r
	}
	if len(grants) > 0 {
		r.Body = append(r.Body, algesta.Block{Table: grantTable(grants)})
	}
	if len(approves) > 0 {
		r.Body = append(
			r.Body, algesta.Block{Text: algesta.Say("You can approve what others ask for:")}, algesta.Block{Table: approvalTable(approves)},
		)
	}
	if len(grants) == 0 {
		r.Body = append(r.Body, algesta.Block{Text: algesta.Say("No rule lets you ask for anything yourself.")})
	}
	return r
}

// grantTable is what a person may ask for.
func grantTable(grants []policy.Grant) *algesta.Table {
	var rows [][]algesta.Text
	for _, g := range grants {
		rows = append(
			rows,
			[]algesta.Text{
				algesta.Say("{}", g.Binding),
				algesta.Say("{}", g.Role),
				algesta.Say("{}", places(g)),
				algesta.Say("{}", strings.Join(built(g.Verbs, g.Namespaces), ", ")),
				algesta.Say("{}", asks(g)),
			},
		)
	}
	return &algesta.Table{Head: []string{"rule", "role", "where", "you can", "after approval"}, Rows: rows}
}

// approvalTable is what a person may approve.
func approvalTable(asks []policy.Ask) *algesta.Table {
	var rows [][]algesta.Text
	for _, a := range asks {
		where := "everywhere"
		if !slices.Contains(a.Namespaces, "*") {
			where = strings.Join(a.Namespaces, ", ")
		}
		rows = append(
			rows, []algesta.Text{
				algesta.Say("{}", a.Rule), algesta.Say("{}", where), algesta.Say("{}", strings.Join(built(a.Verbs, a.Namespaces), ", ")),
			},
		)
	}
	return &algesta.Table{Head: []string{"rule", "where", "you can approve"}, Rows: rows}
}

// places is where a grant applies, in words.
func places(g policy.Grant) string {
	namespaces := "everywhere"
	if !slices.Contains(g.Namespaces, "*") {
		namespaces = strings.Join(g.Namespaces, ", ")
	}
	if len(g.Clusters) == 0 {
		return namespaces
	}
	return namespaces + " on " + strings.Join(g.Clusters, ", ")
}

// asks are the verbs of a grant that need an approval, in words.
func asks(g policy.Grant) string {
	var verbs []string
	for _, a := range g.Asks {
		verbs = append(verbs, built(built(a.Verbs, a.Namespaces), g.Namespaces)...)
	}
	slices.Sort(verbs)
	if verbs = slices.Compact(verbs); len(verbs) == 0 {
		return "nothing"
	}
	return strings.Join(verbs, ", ")
}

// built are those verbs that a command of today has, and that mean something in these namespaces: a policy may name others in advance, and
// a command about a cluster is in no namespace, so only a rule for all of them is about it.
func built(verbs, namespaces []string) []string {
	everywhere := slices.Contains(namespaces, "*")
	return slices.DeleteFunc(slices.Clone(verbs), func(verb string) bool {
		return !slices.ContainsFunc(runbooks.All(), func(b runbooks.Runbook) bool {
			return b.Verb == verb && (everywhere || !b.About.Cluster)
		})
	})
}

// canI says what the policy would say, without doing anything.
func (d *Dispatcher) canI(ctx context.Context, a algesta.Actor, p grammar.Parsed) (algesta.Report, error) {
	verb := p.Args.String("verb")
	book, ok := bookOf(verb)
	if !ok {
		return algesta.Report{}, &algesta.Error{
			Kind: algesta.ErrUsage, Message: algesta.Say("I don't know the command \"{}\".", verb),
			Hint: algesta.Say("I know {}.", strings.Join(bookNames(), ", ")),
		}
	}
	target, err := d.resolve(ctx, a, book, p)
	if err != nil {
		return algesta.Report{}, err
	}
	c := algesta.Command{
		ID: algesta.NewCommandID(), Requester: algesta.AskedBy(a), Runbook: book.Name, Target: target, Args: p.Args, At: time.Now(),
	}
	if book.Name == grammar.Undo.Name { // that's the command that goes back
		way, err := d.wayBack(ctx, target, a)
		if err != nil {
			return algesta.Report{}, err
		}
		c.Runbook, c.Args = way.Runbook, way.Args
		book, _ = runbooks.Find(way.Runbook)
	}
	decision := d.decideAnywhere(ctx, book, c, true)
	what := doing(verb, targetWords(target))
	others := append(d.openLimits(book, c), d.whoMay(ctx, book, c)...)
	switch decision.Effect {
	case algesta.Allow:
		title := algesta.Say("Yes, you can {}. No approval is needed (rule \"{}\").", what, decision.Rule)
		for _, b := range *d.Store.Broken() {
			if b.ID == decision.Glass {
				title = algesta.Say(
					"Yes, you can {}. No approval is needed until {}: you broke the glass ({}).", what, algesta.AtDay(b.Until), words.Cited(b.Reason),
				)
			}
		}
		return algesta.Report{Tone: algesta.Good, Title: title, Body: others}, nil
	case algesta.NeedsApproval:
		n := d.names(ctx, decision.Needs)
		missing := d.Policy().Missing(decision.Needs, a, nil)
		return algesta.Report{
			Tone:  algesta.Waiting,
			Title: algesta.Say("Yes, you can {} once it's approved: {}.", what, stillNeeded(missing, n)),
			Body:  others,
		}, nil
	case algesta.Refuse:
	}
	return algesta.Report{Tone: algesta.Neutral, Title: algesta.Say("No. {}", decision.Reason), Body: hint(hintOf(d.Bot, decision))}, nil
}

// doing is the use of a command as it reads after "you can": "restart api-gateway in production", "use pods on api-gateway in production".
func doing(verb, target string) string {
	switch verb {
	case "rollback":
		return "roll back" + target
	case "restart", "scale", "deploy", "undo", "pause", "resume", "diagnose", "freeze", "unfreeze", "describe":
		return verb + target
	}
	if target != "" && !strings.HasPrefix(target, " in ") {
		return "use " + verb + " on" + target
	}
	return "use " + verb + target
}

// openLimits says which limits of the policy nobody can judge yet, to someone who may.
func (d *Dispatcher) openLimits(book runbooks.Runbook, c algesta.Command) []algesta.Block {
	var planned, typed []string
	for _, l := range d.Policy().Open(policy.Facts{Command: c, Verb: book.Verb, At: c.At, Asking: true}) {
		if l.Typed {
			typed = append(typed, words.Cited(l.Name))
		} else {
			planned = append(planned, words.Cited(l.Name))
		}
	}
	var out []algesta.Block
	if len(typed) > 0 {
		out = append(out, algesta.Block{Text: algesta.Say("Limits that depend on the rest of the command: {}.", words.List(typed))})
	}
	if len(planned) > 0 {
		out = append(out, algesta.Block{Text: algesta.Say("Limits that depend on its plan: {}.", words.List(planned))})
	}
	return out
}

// whoMay says who else may do the same, to someone who may; a refusal says it itself.
func (d *Dispatcher) whoMay(ctx context.Context, book runbooks.Runbook, c algesta.Command) []algesta.Block {
	if c.Target == (algesta.Target{}) {
		return nil
	}
	var who []string
	for _, s := range d.Policy().WhoMay(policy.Facts{Command: c, Verb: book.Verb, At: c.At, Asking: true}) {
		who = append(who, d.Directory.Subject(ctx, s))
	}
	if len(who) == 0 {
		return nil
	}
	return []algesta.Block{{Text: algesta.Say("Who can: {}.", words.List(who))}}
}

// targetWords is what a command is about, as it follows the command's name in a sentence: " api-gateway in production".
func targetWords(t algesta.Target) string {
	var out string
	switch {
	case t.Service != "":
		out = " " + t.Service
	case t.Object != "" && t.Object != wholeEnvironment:
		out = " " + t.Object
	}
	if t.Environment != "" {
		out += " in " + t.Environment
	}
	return out
}

// typedAs is what a command about the target is typed with: its service, or an object by its kind and name; "" for an environment.
func typedAs(t algesta.Target) string {
	if t.Service == "" && t.Object != wholeEnvironment {
		return t.Object
	}
	return t.Service
}

// objectName is the name of what a command is about: of the Deployment, of another object, or of the environment.
func objectName(t algesta.Target) string {
	if _, name, ok := strings.Cut(t.Object, "/"); ok {
		return name
	}
	if t.Name == "" {
		return t.Environment
	}
	return t.Name
}

func hint(t algesta.Text) []algesta.Block {
	if len(t) == 0 {
		return nil
	}
	return []algesta.Block{{Text: t}}
}

// bookOf is what the parser calls by this name: a runbook, or undo.
func bookOf(name string) (runbooks.Runbook, bool) {
	if name == grammar.Undo.Name {
		return grammar.Undo, true
	}
	return runbooks.Find(name)
}

func bookNames() []string {
	var out []string
	for _, b := range runbooks.All() {
		out = append(out, b.Name)
	}
	slices.Sort(out)
	return out
}
