package commands

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands/grammar"
	"github.com/3astronautas/algesta/runbooks"
	"github.com/3astronautas/algesta/words"
)

// The bounds of what is told of incidents.
const (
	incidentsBack      = 7 * 24 * time.Hour
	mostIncidentsRead  = 1_000
	mostIncidentsShown = 100 // of those that are open, and of those that are over: where each has its card is looked up
	mostIncidentEvents = 30
)

// ofIncident is what a command about an incident is about, with the arguments that name it: the ID was typed, or the command stands in the
// thread of its card.
func (d *Dispatcher) ofIncident(
	ctx context.Context, actor algesta.Actor, p grammar.Parsed, where thread,
) (algesta.Target, algesta.Args, error) {
	id := strings.ToLower(p.Args.String(runbooks.IncidentArg.Name))
	for _, topic := range where.topics {
		if id == "" && isIncident(topic.Command) {
			id = topic.Command
		}
	}
	if id == "" {
		return algesta.Target{}, nil, &algesta.Error{
			Kind: algesta.ErrUsage, Message: algesta.Say("Which incident do you mean? Name its ID, or ask in the thread of its card."),
			Hint: algesta.Say("To see which there are: {}", algesta.Name(d.Bot.Typed("incidents"))),
		}
	}
	i, err := d.incidentFor(ctx, actor, id)
	if err != nil {
		return algesta.Target{}, nil, err
	}
	args := algesta.Args{}
	maps.Copy(args, p.Args)
	args[runbooks.IncidentArg.Name] = i.ID
	t := i.About
	if t.Service == "" {
		t.Object = wholeEnvironment
	}
	return t, args, nil
}

// isIncident reports whether an ID is one of an incident.
func isIncident(id string) bool { return strings.HasPrefix(id, "i-") }

// incidentFor is an incident that somebody may know of, or that it was merged into. To others there is none.
func (d *Dispatcher) incidentFor(ctx context.Context, actor algesta.Actor, id string) (algesta.Incident, error) {
	i, found, err := d.Store.Incident(ctx, id)
	if err == nil && found && i.MergedInto != "" {
		i, found, err = d.Store.Incident(ctx, i.MergedInto)
	}
	if err != nil {
		return i, fmt.Errorf("reading an incident: %w", err)
	}
	if !found || !d.Policy().Visible(actor, i.About) {
		return i, &algesta.Error{
			Kind: algesta.ErrUnknownName, Message: algesta.Say("There's no incident {} that you may read.", words.Cited(words.Clip(id, 40))),
			Hint: algesta.Say("To see which there are: {}", algesta.Name(d.Bot.Typed("incidents"))),
		}
	}
	return i, nil
}

// answerOwn answers a command about the bot's own records that only looks. alone says that nobody else may see the answer: it is of what
// this person may know.
func (d *Dispatcher) answerOwn(ctx context.Context, book runbooks.Runbook, c algesta.Command) (r algesta.Report, alone bool, err error) {
	switch c.Runbook {
	case "incidents":
		r, err = d.answerIncidents(ctx, c)
		return r, true, err
	case "incident":
		r, err = d.answerIncident(ctx, c)
		return r, true, err
	case "sitrep":
		return d.sitrep(ctx, c)
	}
	r, err = d.ofMyself(ctx, book, c)
	return r, true, err
}

// incidentsOf are the incidents of the last week that a command may tell of, the open ones first, without those that turned out to be
// others.
func (d *Dispatcher) incidentsOf(ctx context.Context, c algesta.Command) (open, over []algesta.Incident, err error) {
	all, err := d.Store.Incidents(ctx, c.At.Add(-incidentsBack), mostIncidentsRead)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the incidents: %w", err)
	}
	for _, i := range all {
		i, _ = d.tellable(ctx, c, i)
		switch {
		case !d.mayTellOf(ctx, c, i.About) || i.State == algesta.IncidentMerged:
		case i.State == algesta.IncidentOpen:
			open = append(open, i)
		default:
			over = append(over, i)
		}
	}
	slices.SortStableFunc(open, func(a, b algesta.Incident) int { return severity(a) - severity(b) })
	return open, over, nil
}

func severity(i algesta.Incident) int { return slices.Index(algesta.Severities(), i.Cause.Severity) }

// mayTellOf reports whether something about a target is asked for, and may be told to whoever asks.
func (d *Dispatcher) mayTellOf(ctx context.Context, c algesta.Command, t algesta.Target) bool {
	if c.Target.Environment != "" && c.Target.Environment != t.Environment {
		return false
	}
	book, _ := d.find(c.Runbook)
	c.Target = algesta.Target{Cluster: t.Cluster}
	return d.mayRead(ctx, c, book.Verb)(t.Namespace)
}

// tellable is an incident as a command may tell of it: without its cause where that is in another namespace, in which whoever asks may
// diagnose nothing. The card is in a channel that may read of both; a person may be let into one of them alone. whole says that what
// happened may be told as well: earlier causes and signals may have been elsewhere.
func (d *Dispatcher) tellable(ctx context.Context, c algesta.Command, i algesta.Incident) (told algesta.Incident, whole bool) {
	c.Target = algesta.Target{Cluster: i.About.Cluster}
	may := d.mayRead(ctx, c, "diagnose")
	kept := func(namespace string) bool {
		return namespace != "" && namespace != i.About.Namespace && !may(namespace)
	}
	if !kept(i.Key.Namespace) {
		if whole = !slices.ContainsFunc(i.Elsewhere, kept); !whole {
			i.Cause.Impact = "" // it may be of there
		}
		return i, whole
	}
	i.Unchecked = ""
	i.Cause = algesta.IncidentCause{
		What: "The cause is in a namespace that you can't diagnose", Severity: i.Cause.Severity, Unseen: i.Cause.Unseen,
	}
	return i, false
}

// calledIncident is what an incident is about, and what is wrong: "api-gateway in production: Secret x has no key uri".
func calledIncident(i algesta.Incident) algesta.Text {
	about := i.Where()
	if i.About.Service != "" {
		about = i.About.Service + " in " + about
	}
	return algesta.Say("{}: {}", about, algesta.Dated(strings.TrimSuffix(i.Cause.What, ".")))
}

// card is an incident's ID as a link to its card, where that is known.
func (d *Dispatcher) incidentLink(ctx context.Context, i algesta.Incident) algesta.Text {
	channel, ts, err := d.Store.CardOf(ctx, i.ID)
	if err != nil || ts == "" {
		return algesta.Say("{}", algesta.Name(i.ID))
	}
	if link := d.Directory.Link(ctx, channel, ts); link != "" {
		return algesta.Text{{Kind: algesta.Link, Text: i.ID, ID: link}}
	}
	return algesta.Say("{}", algesta.Name(i.ID))
}

// severe is a severity in a word.
var severe = map[algesta.Severity]string{algesta.Critical: "down", algesta.Degraded: "degraded", algesta.Latent: "at risk"}

// howBad is how bad a cause is, or why nobody can say.
func howBad(c algesta.IncidentCause) string {
	switch c.Unseen {
	case algesta.UnseenMissing:
		return "an alert about nothing that I found"
	case algesta.UnseenWell:
		return "an alert, and I found nothing wrong"
	case algesta.UnseenUnchecked:
		return "an alert that I couldn't check"
	}
	return severe[c.Severity]
}

// incidentTone is that of an open incident, as its card has it.
func incidentTone(i algesta.Incident) algesta.Tone {
	if i.Cause.Severity == algesta.Critical {
		return algesta.Down
	}
	return algesta.Warning
}

// answerIncidents answers incidents.
func (d *Dispatcher) answerIncidents(ctx context.Context, c algesta.Command) (algesta.Report, error) {
	open, over, err := d.incidentsOf(ctx, c)
	if err != nil {
		return algesta.Report{}, err
	}
	where := "in the environments that you can read"
	if c.Target.Environment != "" {
		where = "in " + c.Target.Environment
	}
	r := algesta.Report{Tone: algesta.Good, Title: algesta.Say("Nothing that I watch {} is in trouble.", where)}
	if len(open) > 0 {
		r = algesta.Report{
			Tone:  incidentTone(open[0]), // the worst
			Title: algesta.Say("{} {}.", words.Plural(len(open), "incident is open", "incidents are open"), where),
			Body:  []algesta.Block{d.incidentTable(ctx, open)},
		}
	}
	if len(over) > 0 {
		r.Body = append(r.Body, algesta.Block{Text: algesta.Say("Resolved in the last 7 days: {}", len(over))}, d.incidentsOver(ctx, over))
	}
	if seen, _ := d.noticed(ctx, c); len(seen) > 0 {
		r.Body = append([]algesta.Block{{Text: seen}}, r.Body...)
		if len(open) == 0 {
			r.Tone, r.Title = algesta.Warning, algesta.Say("No incident is open {}.", where)
		}
	}
	if silent := d.silent(ctx, c); len(silent) > 0 {
		r.Body = append(r.Body, algesta.Block{Text: algesta.Say("Silenced now:")}, algesta.Block{List: silent})
	}
	return r, nil
}

// incidentTable lists incidents that are open.
func (d *Dispatcher) incidentTable(ctx context.Context, all []algesta.Incident) algesta.Block {
	t := &algesta.Table{Head: []string{"incident", "what", "how bad", "since"}}
	for _, i := range all[:min(mostIncidentsShown, len(all))] {
		t.Rows = append(t.Rows, []algesta.Text{
			d.incidentLink(ctx, i), calledIncident(i), algesta.Say("{}", howBad(i.Cause)), algesta.Say("{}", algesta.AtDay(i.Began())),
		})
	}
	return algesta.Block{Table: t}
}

// incidentsOver lists incidents that are over, a line each: a message has one table, and that is of those that are open.
func (d *Dispatcher) incidentsOver(ctx context.Context, all []algesta.Incident) algesta.Block {
	var list []algesta.Text
	for n, i := range all {
		if n == mostIncidentsShown {
			list = append(list, algesta.Say("… {} more", len(all)-n))
			break
		}
		list = append(list, algesta.Say(
			"{}, {}: {} ({})", algesta.AtDay(i.Began()), words.Span(i.Lasted()), calledIncident(i), d.incidentLink(ctx, i),
		))
	}
	return algesta.Block{List: list}
}

// silent lists the silences in force that a command may tell of.
func (d *Dispatcher) silent(ctx context.Context, c algesta.Command) []algesta.Text {
	var out []algesta.Text
	for _, z := range *d.Store.Silences() {
		if !d.silences(ctx, z, c.At) || !d.mayTellOf(ctx, c, z.Target) {
			continue
		}
		out = append(out, algesta.Say("{} until {} by {}: {}", z.What(), algesta.AtDay(z.Until), z.By.Called(), words.Cited(z.Reason)))
	}
	return out
}

// silences reports whether a silence still keeps something from being told: that of one incident ends with it.
func (d *Dispatcher) silences(ctx context.Context, z algesta.Silence, at time.Time) bool {
	if !at.Before(z.Until) {
		return false
	}
	if z.Incident == "" {
		return true
	}
	i, found, err := d.Store.Incident(ctx, z.Incident)
	return err != nil || found && i.State == algesta.IncidentOpen
}

// happened are the kinds of events of an incident as people read them.
var happened = map[string]string{
	"opened": "It was noticed", "joined": "More was seen", "cause": "Another cause was found", "worse": "It got worse",
	"resolved": "It was resolved", "reopened": "It came back", "merged": "It became part of another incident",
	"unchecked": "It couldn't be checked", "silenced": "It was silenced", "unsilenced": "The silence ended",
}

// answerIncident answers incident.
func (d *Dispatcher) answerIncident(ctx context.Context, c algesta.Command) (algesta.Report, error) {
	i, err := d.incidentFor(ctx, c.Actor, c.Args.String(runbooks.IncidentArg.Name))
	if err != nil {
		return algesta.Report{}, err
	}
	events, err := d.Store.IncidentEvents(ctx, i.ID)
	if err != nil {
		return algesta.Report{}, fmt.Errorf("reading what happened: %w", err)
	}
	i, whole := d.tellable(ctx, c, i)
	if !whole {
		for n := range events {
			events[n].Says = ""
		}
	}
	state := algesta.Say("open since {}", algesta.AtDay(i.Began()))
	r := algesta.Report{Tone: incidentTone(i), Title: calledIncident(i)}
	if i.State != algesta.IncidentOpen {
		r.Tone, r.Title = algesta.Good, algesta.Say("Resolved: {}", r.Title)
		state = algesta.Say("resolved {}, after {}", algesta.AtDay(i.ResolvedAt), words.Span(i.Lasted()))
	}
	fields := []algesta.Field{
		{Label: "state", Value: state},
		{Label: "card", Value: d.incidentLink(ctx, i)},
		{Label: "how bad", Value: algesta.Say("{}", howBad(i.Cause))},
	}
	if i.Cause.Sentence != "" {
		fields = append(fields, algesta.Field{Label: "cause", Value: algesta.Dated(i.Cause.Sentence)})
	}
	if impact := "impact"; i.Cause.Impact != "" {
		if i.State != algesta.IncidentOpen {
			impact = "impact then"
		}
		fields = append(fields, algesta.Field{Label: impact, Value: algesta.Dated(i.Cause.Impact)})
	}
	if i.Unchecked != "" {
		fields = append(fields, algesta.Field{Label: "unchecked", Value: algesta.Dated(i.Unchecked)})
	}
	if i.Cause.Next != "" && i.State == algesta.IncidentOpen {
		next := algesta.Dated(i.Cause.Next)
		if i.Cause.Command != "" {
			next = algesta.Say("{} {}", next, algesta.Name(i.Cause.Command))
		}
		fields = append(fields, algesta.Field{Label: "next", Value: next})
	}
	r.Body = []algesta.Block{{Fields: fields}, {Text: algesta.Say("What happened:")}, {List: timeline(events)}}
	return r, nil
}

// timeline are the last events of an incident, oldest first.
func timeline(events []algesta.IncidentEvent) []algesta.Text {
	var out []algesta.Text
	for _, e := range events[max(0, len(events)-mostIncidentEvents):] {
		line := algesta.Say("{}: {}", algesta.AtDay(e.At), words.Capital(happened[e.Kind]))
		switch {
		case e.Kind == "unchecked" && e.Says != "": // it says itself that it couldn't be checked
			line = algesta.Say("{}: {}", algesta.AtDay(e.At), algesta.Dated(strings.TrimSuffix(e.Says, ".")))
		case e.Says != "":
			line = algesta.Say("{} ({})", line, algesta.Dated(strings.TrimSuffix(e.Says, ".")))
		}
		out = append(out, line)
	}
	return out
}
