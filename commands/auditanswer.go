package commands

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/policy"
	"github.com/3astronautas/algesta/runbooks"
	"github.com/3astronautas/algesta/words"
)

// The bounds of an audit that is shown.
const (
	mostAuditLines  = 100    // that are shown
	mostAuditRead   = 20_000 // that are looked through
	auditAtOnce     = 500
	longestAuditWhy = 140
)

// auditor shows one person what they may see of the audit.
type auditor struct {
	*Dispatcher
	c        algesta.Command
	requests map[string]*algesta.Request // nil where a line is of no request
	places   map[string]bool             // whether the person may read the audit there, by cluster and namespace
	public   map[string]bool             // whether a channel is public
	names    map[string]string           // of people
}

// answerAudit answers audit, to its author alone: the lines of what they did themselves, and of others those about what the policy lets
// them read the audit of, where that was asked for in a public channel. A line that is about no target is shown to those who may read the
// audit everywhere.
func (d *Dispatcher) answerAudit(ctx context.Context, c algesta.Command) (algesta.Report, error) {
	back, err := runbooks.AuditSpan(runbooks.Input{Command: c, Bot: d.Bot})
	if err != nil {
		return algesta.Report{}, err
	}
	a := auditor{
		Dispatcher: d,
		c:          c,
		requests:   map[string]*algesta.Request{},
		places:     map[string]bool{},
		public:     map[string]bool{},
		names:      map[string]string{},
	}
	var rows [][]algesta.Text
	since, next, read, more := c.At.Add(-back), int64(0), 0, false
	for read < mostAuditRead && !more {
		lines, err := d.Store.AuditBefore(ctx, next, since, auditAtOnce)
		if err != nil {
			return algesta.Report{}, err
		}
		for _, l := range lines {
			next, read = l.Seq, read+1
			row, told, err := a.row(ctx, l.Entry)
			if err != nil {
				return algesta.Report{}, err
			}
			if told && len(rows) == mostAuditLines {
				more = true
				break
			}
			if told {
				rows = append(rows, row)
			}
		}
		if len(lines) < auditAtOnce {
			break
		}
	}
	what := a.about(ctx)
	if len(rows) == 0 {
		return algesta.Report{Tone: algesta.Neutral, Title: algesta.Say(
			"The audit has nothing that you can read about {} in the last {}.", what, words.Span(back),
		)}, nil
	}
	r := algesta.Report{
		Title: algesta.Say("{} about {} in the last {}, the newest first", words.Count(len(rows), "line"), what, words.Span(back)),
		Body:  []algesta.Block{{Table: &algesta.Table{Head: []string{"when", "who", "did", "about", "why or how"}, Rows: rows}}},
	}
	if more || read >= mostAuditRead {
		r.Body = append(r.Body, algesta.Block{Text: algesta.Say("There is more before that: name a service or a person.")})
	}
	return r, nil
}

// about is what was asked for, in words.
func (a *auditor) about(ctx context.Context) string {
	what := strings.TrimSpace(targetWords(a.c.Target))
	if a.c.Target.Object == wholeEnvironment {
		what = a.c.Target.Environment
	}
	id := a.c.Args.String(runbooks.AuditPerson.Name)
	switch {
	case id == "" && what == "":
		return "everything"
	case id == "":
		return what
	}
	did := "what " + a.name(ctx, a.c.Actor.ID.Team+"/"+id) + " did"
	if what == "" {
		return did
	}
	return did + ": " + what
}

// row is one line of the audit as it's shown; shown is false where it isn't asked for, or isn't this person's business.
func (a *auditor) row(ctx context.Context, e algesta.Entry) (row []algesta.Text, told bool, err error) {
	r, err := a.request(ctx, e.Request)
	if err != nil {
		return nil, false, err
	}
	t := targetOf(e, r)
	if !a.asked(e, r, t) {
		return nil, false, nil
	}
	if !a.may(ctx, e, r, t) {
		return nil, false, nil
	}
	about := algesta.Say("{}", orDash(strings.TrimSpace(describe(e, r, t))))
	if r != nil {
		about = a.linked(ctx, about, *r)
	}
	return []algesta.Text{
		algesta.Say("{}", algesta.AtDay(e.At)), algesta.Say("{}", orDash(a.name(ctx, e.Actor))), algesta.Say("{}", e.Kind), about,
		algesta.Say("{}", orDash(a.why(e))),
	}, true, nil
}

func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

// request is the request of a line, nil where the line is of something else.
func (a *auditor) request(ctx context.Context, id string) (*algesta.Request, error) {
	if r, known := a.requests[id]; known {
		return r, nil
	}
	r, err := a.Store.Request(ctx, id)
	switch {
	case is(err, algesta.ErrUnknownName):
		a.requests[id] = nil
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("reading the request of a line of the audit: %w", err)
	}
	a.requests[id] = &r
	return &r, nil
}

// targetOf is what a line is about: its request's target, or the cluster, namespace and name that the line itself has.
func targetOf(e algesta.Entry, r *algesta.Request) algesta.Target {
	if r != nil {
		return r.Command.Target
	}
	parts := strings.Split(e.Data.String("target"), "/")
	if len(parts) != 3 {
		return algesta.Target{}
	}
	return algesta.Target{Cluster: parts[0], Namespace: parts[1], Name: parts[2]}
}

// asked reports whether a line is about what was asked for.
func (a *auditor) asked(e algesta.Entry, r *algesta.Request, t algesta.Target) bool {
	if id := a.c.Args.String(runbooks.AuditPerson.Name); id != "" && e.Actor != a.c.Actor.ID.Team+"/"+id {
		return false
	}
	wanted := a.c.Target
	switch {
	case wanted == (algesta.Target{}):
		return true
	case wanted.Cluster != t.Cluster || wanted.Namespace != t.Namespace:
		return false
	case r != nil && t.Environment != "" && t.Environment != wanted.Environment:
		return false
	}
	return wanted.Name == "" || wanted.Name == t.Name
}

// may reports whether a line is this person's business. A channel that Slack says nothing about doesn't count as public.
func (a *auditor) may(ctx context.Context, e algesta.Entry, r *algesta.Request, t algesta.Target) bool {
	me := a.c.Actor
	if e.Actor == me.ID.String() || r != nil && asksFor(*r, me) {
		return true
	}
	channel := e.Data.String("channel")
	if r != nil {
		channel = r.Command.Channel
	}
	return a.readable(ctx, t) && a.isPublic(ctx, channel)
}

// readable asks the policy whether the person may read the audit about a target.
func (a *auditor) readable(ctx context.Context, t algesta.Target) bool {
	key := t.Cluster + "/" + t.Namespace
	if may, known := a.places[key]; known {
		return may
	}
	asked := a.c
	asked.Target = algesta.Target{Cluster: t.Cluster}
	if t.Namespace == "" { // of a cluster, or of nothing: only what holds everywhere gives it
		a.places[key] = a.Policy().Decide(policy.Facts{Command: asked, Verb: "audit", At: time.Now()}).Effect == algesta.Allow
	} else {
		a.places[key] = a.mayRead(ctx, asked, "audit")(t.Namespace)
	}
	return a.places[key]
}

func (a *auditor) isPublic(ctx context.Context, channel string) bool {
	if public, known := a.public[channel]; known {
		return public
	}
	place, err := a.Directory.Place(ctx, channel, factsAge)
	a.public[channel] = channel != "" && err == nil && place.Public
	return a.public[channel]
}

// name is whose doing a line is, as people call them: "Dana", "rule:rollout-failed", "" for the bot's own steps.
func (a *auditor) name(ctx context.Context, identity string) string {
	if name, known := a.names[identity]; known {
		return name
	}
	name := identity
	if _, user, isPerson := strings.Cut(identity, "/"); isPerson {
		name = strings.TrimPrefix(a.Directory.Subject(ctx, algesta.Subject("user:"+user)), "@")
	}
	a.names[identity] = name
	return name
}

// describe is what a line is about: the title of its request, or the command and its target.
func describe(e algesta.Entry, r *algesta.Request, t algesta.Target) string {
	if r != nil {
		return r.Plan.Title.String()
	}
	place := cmp.Or(t.Namespace, e.Data.String("places"))
	switch object := e.Data.String("object"); {
	case object != "" && t.Namespace == "":
		place = object
	case object != "":
		place = object + " in " + t.Namespace
	case t.Name != "":
		place = t.Name + " in " + t.Namespace
	}
	return e.Data.String("runbook") + " " + place
}

// why is what a line says happened: a reason, how it ended, or what was asked and refused.
func (a *auditor) why(e algesta.Entry) string {
	var out []string
	for _, name := range []string{"asked", "reason", "note"} {
		if said := strings.TrimSpace(e.Data.String(name)); said != "" {
			out = append(out, said)
		}
	}
	return words.Clip(a.Redact(strings.Join(out, " · ")), longestAuditWhy)
}
