package commands

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/policy"
	"github.com/3astronautas/algesta/runbooks"
	"github.com/3astronautas/algesta/words"
)

// cardOf is the root card of a request in its present state: who, what, where, how it stands.
func cardOf(r algesta.Request, missing []policy.Missing, n names) algesta.Report {
	by := "asked by " + r.Command.Actor.Name
	id := algesta.Name(r.ID)
	switch r.Status {
	case algesta.Pending:
		return algesta.Report{
			Tone: algesta.Waiting, Title: algesta.Say("{} waits for approval", r.Plan.Title),
			Small: algesta.Say("{} · needs {} · expires {} · {}", by, stillNeeded(missing, n), algesta.At(r.ExpiresAt), id),
		}
	case algesta.Approved, algesta.Executing, algesta.Applied:
		return algesta.Report{Tone: algesta.Running, Title: r.Plan.Doing, Small: algesta.Say("{} · {}", people(r), id)}
	case algesta.Succeeded:
		return algesta.Report{Tone: algesta.Good, Title: r.Plan.Done, Small: algesta.Say("{} · {} · {}", people(r), r.Note, id)}
	case algesta.Unknown:
		return algesta.Report{
			Tone: algesta.Warning, Title: algesta.Say("{}: I do not know whether it happened", r.Plan.Title),
			Small: algesta.Say("{} · {}", people(r), id),
		}
	case algesta.Failed, algesta.TimedOut, algesta.Rejected, algesta.Cancelled, algesta.Expired, algesta.Superseded, algesta.Stale:
	}
	tone := algesta.Neutral
	if r.Status == algesta.Failed || r.Status == algesta.TimedOut {
		tone = algesta.Bad
	}
	return algesta.Report{Tone: tone, Title: algesta.Say("{} {}", r.Plan.Title, r.Note), Small: algesta.Say("{} · {}", people(r), id)}
}

// people is "asked by Dana, approved by Carla".
func people(r algesta.Request) string {
	s := "asked by " + r.Command.Actor.Name
	if len(r.DecidedBy) == 0 {
		return s
	}
	return s + ", " + deed(r.Status) + " by " + who(r.DecidedBy)
}

// deed is what those who decided did.
func deed(s algesta.Status) string {
	switch s {
	case algesta.Rejected:
		return "denied"
	case algesta.Cancelled:
		return "cancelled"
	case algesta.Pending, algesta.Approved, algesta.Executing, algesta.Applied, algesta.Succeeded, algesta.Failed,
		algesta.TimedOut, algesta.Expired, algesta.Superseded, algesta.Stale, algesta.Unknown:
	}
	return "approved"
}

// shortDiff is how many lines of a diff the rows of the plan tell as well: what is longer is shown in full.
const shortDiff = 3

// planOf is the first message of the thread, the only one with the buttons. Once the request is no longer pending the
// buttons are gone and one line says who decided and when.
func planOf(r algesta.Request, missing []policy.Missing, n names, why algesta.Text) algesta.Report {
	out := algesta.Report{
		Title: r.Plan.Summary,
		Small: algesta.Say("{} / {}", r.Command.Target.Cluster, r.Command.Target.Namespace),
	}
	if len(why) > 0 {
		out.Body = append(out.Body, algesta.Block{Text: why})
	}
	if len(r.Plan.Facts) > 0 {
		out.Body = append(out.Body, algesta.Block{Fields: r.Plan.Facts})
	}
	if strings.Count(strings.TrimSpace(r.Plan.Diff), "\n") >= shortDiff {
		out.Body = append(out.Body, algesta.Block{Pre: r.Plan.Diff})
	}
	for _, w := range r.Plan.Warnings {
		out.Body = append(out.Body, algesta.Block{Text: algesta.Say("⚠ {}", w)})
	}
	if r.Command.Reason != "" {
		out.Body = append(out.Body, algesta.Block{Text: algesta.Say("Reason: {}", r.Command.Reason)})
	}
	out.Body = append(out.Body, algesta.Block{Text: closing(r, missing, n)})
	if r.Status == algesta.Pending {
		out.Buttons = voteButtons(r)
		out.Push = algesta.Say("{} Approve?", question(r))
	}
	return out
}

// closing is the last line of the plan: who may approve, or who decided and when.
func closing(r algesta.Request, missing []policy.Missing, n names) algesta.Text {
	switch {
	case r.Status == algesta.Pending:
		var asks algesta.Text
		for _, m := range missing {
			asks = join(asks, algesta.Say("{}: {}.", n.mentions(m.Approvers), ask(m.Lacks)))
		}
		if len(r.DecidedBy) > 0 {
			asks = join(algesta.Say("{} said yes.", who(r.DecidedBy)), asks)
		}
		return join(asks, algesta.Say("{} may cancel.", r.Command.Actor.Name))
	case len(r.Needs) == 0 && len(r.DecidedBy) == 0:
		return algesta.Say("No approval is needed here. It runs at once.")
	case len(r.DecidedBy) == 0:
		return algesta.Say("Closed without a decision, {}.", algesta.AtSecond(r.UpdatedAt))
	}
	return algesta.Say("{} by {}, {}.", words.Capital(deed(r.Status)), who(r.DecidedBy), algesta.AtSecond(r.DecidedAt))
}

// ask is what the approvers of one rule are asked for.
func ask(lacks int) string {
	if lacks == 1 {
		return "one of you may approve"
	}
	return strconv.Itoa(lacks) + " of you have to approve"
}

// mentions are the approvers, notified.
func (n names) mentions(subjects []algesta.Subject) algesta.Text {
	var out algesta.Text
	for i, s := range subjects {
		m := algesta.MentionSubject(s)
		if user := n[s].user; user != "" { // an e-mail address notifies nobody
			m = algesta.Span{Kind: algesta.Person, ID: user, Text: "@" + user}
		}
		if name := n[s].word; name != "" { // for those who read it in a terminal
			m.Text = "@" + strings.TrimPrefix(name, "@")
		}
		if i > 0 {
			out = append(out, algesta.Span{Text: " "})
		}
		out = append(out, m)
	}
	return out
}

func voteButtons(r algesta.Request) []algesta.Button {
	return []algesta.Button{
		{Label: "Approve", Action: algesta.Approve, ID: r.ID, Style: "primary", Confirm: confirmApprove(r)},
		// Where the policy wants reasons, whoever asked is told why it was denied, too.
		{Label: "Deny", Action: algesta.Deny, ID: r.ID, Style: "danger", AskReason: reasonAsked(r), Confirm: confirmDeny(r)},
		cancelButton(r),
	}
}

// cancelButton takes a request back that was not sent yet.
func cancelButton(r algesta.Request) algesta.Button {
	return algesta.Button{Label: "Cancel", Action: algesta.Cancel, ID: r.ID, Confirm: confirmCancel(r)}
}

func reasonAsked(r algesta.Request) bool {
	return slices.ContainsFunc(r.Needs, func(n algesta.Requirement) bool { return n.ReasonRequired })
}

// progressOf is the one message that follows the rollout.
func progressOf(p runbooks.Progress) algesta.Report {
	r := algesta.Report{Tone: algesta.Running, Title: p.Line, Body: []algesta.Block{{Bar: &algesta.Bar{Done: p.Ready, Of: p.Of}}}}
	if p.Phase == runbooks.Complete || p.Phase == runbooks.Settled {
		r.Tone = algesta.Good
	}
	if len(p.Alert) > 0 {
		r.Tone, r.Title = algesta.Warning, algesta.Say("{}. {}", p.Line, p.Alert)
	}
	if len(p.Pods) > 0 {
		r.Body = append(r.Body, algesta.Block{List: p.Pods})
	}
	return r
}

// ended is the end in the thread: a new message that mentions whoever asked and whoever approved.
func ended(r algesta.Request, tone algesta.Tone, said algesta.Text) algesta.Report {
	var to algesta.Text
	for _, a := range concerned(r) {
		to = append(to, algesta.Span{Text: " "}, algesta.Mention(a))
	}
	return algesta.Report{Tone: tone, Title: algesta.Say("{}{}", said, to)} // the outcome first: it is what a phone shows
}

// concerned are the requester and those who decided, each once.
func concerned(r algesta.Request) []algesta.Actor {
	out := []algesta.Actor{r.Command.Actor}
	for _, a := range r.DecidedBy {
		if a.ID != r.Command.Actor.ID {
			out = append(out, a)
		}
	}
	return out
}

// cardAndDetail parts an answer into the compact card and the detail for the thread.
func cardAndDetail(r algesta.Report, c algesta.Command) (card, detail algesta.Report) {
	card = algesta.Report{Tone: r.Tone, Title: r.Title, Small: algesta.Say("asked by {} · {}", c.Actor.Name, algesta.Name(c.ID))}
	return card, algesta.Report{Title: r.Small, Body: r.Body, Buttons: r.Buttons}
}

// plural is "1 pod" or "3 pods".
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// span is a duration as people say it: "41 s", "3 min", "2 h".
func span(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Round(time.Second)/time.Second))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d/time.Minute))
	}
	return fmt.Sprintf("%d h", int(d/time.Hour))
}
