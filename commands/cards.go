package commands

import (
	"strings"
	"time"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/policy"
	"github.com/3astronautas/algesta/rollout"
	"github.com/3astronautas/algesta/words"
)

// cardOf is the root card of a request in its present state: who, what, where, and how far it is.
func cardOf(r algesta.Request, missing []policy.Missing, n names) algesta.Report {
	m := viewOf(r.Status)
	small := people(r)
	switch {
	case r.Status == algesta.Pending:
		small = algesta.Say("{} · needs {} · expires {}", small, stillNeeded(missing, n), algesta.At(r.ExpiresAt))
	case m.note && r.Note != "":
		small = algesta.Say("{} · {}", small, r.Note)
	}
	if m.moment != "" && (m.decided == theyApproved || len(r.DecidedBy) == 0) { // else the moment of the decision is that of the end
		small = algesta.Say("{} · {} {}", small, m.moment, algesta.At(r.UpdatedAt))
	}
	if r.Glass != nil {
		small = algesta.Say("{} · break-glass", small)
	}
	return algesta.Report{Tone: m.shown, Title: m.title(r), Small: algesta.Say("{} · {}", small, algesta.Name(r.ID))}
}

// people is "requested by Dana, approved by Carla 14:05:12".
func people(r algesta.Request) algesta.Text {
	by := algesta.Say("requested by {}", r.Command.Said())
	if len(r.DecidedBy) == 0 {
		return by
	}
	by = algesta.Say("{}, {} by {}", by, viewOf(r.Status).decided, everyone(r.DecidedBy))
	if r.Status == algesta.Pending || r.DecidedAt.IsZero() { // some are missing yet
		return by
	}
	return algesta.Say("{} {}", by, algesta.AtSecond(r.DecidedAt))
}

// shortDiff is how many lines of a diff the rows of the plan show as well: what is longer is shown in full.
const shortDiff = 3

// planOf is the first message of the thread, the only one with the buttons. Once the request is no longer pending the
// buttons are gone and one line says who decided and when.
func planOf(r algesta.Request, missing []policy.Missing, n names, why algesta.Text) algesta.Report {
	out := algesta.Report{
		Title: r.Plan.Summary,
		Small: algesta.Say("{} / {}", r.Command.Target.Cluster, r.Command.Target.Namespace),
	}
	if ofCluster(r.Command.Target) {
		out.Small = algesta.Say("{}", r.Command.Target.Cluster)
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
		out.Body = append(out.Body, algesta.Block{Text: algesta.Say("Reason: {}", quote(r.Command.Reason))})
	}
	out.Body = append(out.Body, algesta.Block{Text: closing(r, missing, n)})
	if buttons := viewOf(r.Status).buttons; buttons != nil {
		out.Buttons = buttons(r)
	}
	out.File = &algesta.File{Name: "plan"} // where it doesn't fit into a message, so that it can be read whole before it is approved
	if r.Status == algesta.Pending {
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
			asks = join(asks, ask(n.mentions(m.Approvers), m))
		}
		if len(r.DecidedBy) > 0 {
			asks = join(algesta.Say("{} approved.", everyone(r.DecidedBy)), asks)
		}
		return join(asks, algesta.Say("{} may cancel.", r.Command.Called())) // by name: the card notified them already
	case r.Glass != nil && len(r.Needs) == 0 && len(r.DecidedBy) == 0 && r.Status.Ended():
		return algesta.Say("Break-glass ({}): no approval was asked for. It ended {}.", quote(r.Glass.Reason), algesta.At(r.UpdatedAt))
	case r.Glass != nil && len(r.Needs) == 0 && len(r.DecidedBy) == 0:
		return algesta.Say("Break-glass ({}): no approval is asked for. It runs once the security channel has been told.", quote(r.Glass.Reason))
	case len(r.Needs) == 0 && len(r.DecidedBy) == 0 && r.Status.Ended():
		return algesta.Say("No approval was needed. It ended {}.", algesta.At(r.UpdatedAt))
	case len(r.Needs) == 0 && len(r.DecidedBy) == 0:
		return algesta.Say("No approval is needed here. It runs at once.")
	case len(r.DecidedBy) == 0:
		return algesta.Say("Closed without a decision, {}.", algesta.At(r.UpdatedAt))
	}
	return algesta.Say("{} by {}, {}.", words.Capital(viewOf(r.Status).decided), everyone(r.DecidedBy), algesta.AtSecond(r.DecidedAt))
}

// ask is what the approvers of one rule are asked for, in a sentence.
func ask(mentions algesta.Text, m policy.Missing) algesta.Text {
	switch {
	case len(m.Approvers) == 1 && m.Lacks == 1 && isPerson(m.Approvers[0]):
		return algesta.Say("{}, you may approve.", mentions)
	case m.Lacks == 1:
		return algesta.Say("{}: one of you may approve.", mentions)
	}
	return algesta.Say("{}: {} of you have to approve.", mentions, m.Lacks)
}

// isPerson reports whether a subject is one person, and no group.
func isPerson(s algesta.Subject) bool { return !strings.HasPrefix(string(s), "group:") }

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
		{
			Label: "Approve", Action: algesta.Approve, ID: r.ID, Style: "primary",
			AskReason: approversSayWhy(r.Needs) != "", Confirm: confirmApprove(r),
		},
		// Where the policy wants reasons, the requester is told why it was denied, too; elsewhere they are if someone says why.
		{
			Label: "Deny", Action: algesta.Deny, ID: r.ID, Style: "danger",
			AskReason: true, ReasonOptional: reasonAsked(r) == "", Confirm: confirmDeny(r),
		},
		cancelButton(r),
	}
}

// cancelButton takes a request back that was not sent yet.
func cancelButton(r algesta.Request) algesta.Button {
	return algesta.Button{Label: "Cancel", Action: algesta.Cancel, ID: r.ID, Confirm: confirmCancel(r)}
}

// reasonAsked is the rule that wants a reason, "" where none does.
func reasonAsked(r algesta.Request) string {
	for _, n := range r.Needs {
		if n.ReasonRequired {
			return n.Rule
		}
	}
	return ""
}

// approversSayWhy is the rule that wants a reason of everyone who approves, "" where none does.
func approversSayWhy(needs []algesta.Requirement) string {
	for _, n := range needs {
		if n.ApproversGiveReason {
			return n.Rule
		}
	}
	return ""
}

// progressOf is the one message that follows the rollout.
func progressOf(p rollout.Progress) algesta.Report {
	r := algesta.Report{Tone: algesta.Running, Title: p.Line, Body: []algesta.Block{{Bar: &algesta.Bar{Done: p.Ready, Of: p.Of}}}}
	if p.Phase == rollout.Complete || p.Phase == rollout.Settled {
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

// lastProgress is what becomes of the progress message where nothing is counted at the end.
func lastProgress(r algesta.Request, tone algesta.Tone, why algesta.Text) algesta.Post {
	p := post(r.Command, algesta.ProgressPost, algesta.Report{Tone: tone, Title: why})
	p.Final = true
	return p
}

// ended is the end in the thread: a new message that mentions the requester and the approvers.
func ended(r algesta.Request, tone algesta.Tone, said algesta.Text) algesta.Report {
	var to algesta.Text
	for _, a := range concerned(r) {
		to = append(to, algesta.Span{Text: " "}, algesta.Mention(a))
	}
	return algesta.Report{Tone: tone, Title: algesta.Say("{}{}", said, to)} // the outcome first: it is what a phone shows
}

// concerned are the requester and those who decided, each once.
func concerned(r algesta.Request) []algesta.Actor {
	var out []algesta.Actor
	asked, ok := r.Command.Person()
	if ok {
		out = append(out, asked)
	}
	for _, a := range r.DecidedBy {
		if a.ID != asked.ID {
			out = append(out, a)
		}
	}
	return out
}

// cardAndDetail splits an answer into the compact card and the detail for the thread. Both notify with the title: the detail begins with a
// table or with the second sentence, which say nothing on their own.
func cardAndDetail(r algesta.Report, c algesta.Command) (card, detail algesta.Report) {
	card = algesta.Report{Tone: r.Tone, Title: r.Title, Small: algesta.Say("requested by {} · {}", c.Said(), algesta.Name(c.ID))}
	return card, algesta.Report{Push: r.Title, Title: r.Small, Body: r.Body, Buttons: r.Buttons, File: r.File}
}

// ago is how long something is over: "12 s ago", "just now".
func ago(d time.Duration) string {
	if d < time.Second {
		return "just now"
	}
	return words.Span(d) + " ago"
}
