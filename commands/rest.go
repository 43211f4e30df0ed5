package commands

import (
	"slices"
	"strings"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/runbooks"
	"github.com/3astronautas/algesta/words"
)

// What is said of what a message has no room for, where no file has it.
const (
	restElsewhere = "To get all of it as a file, ask in a channel that I'm in, or in our direct messages."
	restUnfollow  = "To get all of it as a file, ask once more without following it."
)

// restInFile is the file of an answer that everyone in the channel sees: all of it, where a message has no room for that.
func restInFile(c algesta.Command) *algesta.File {
	return &algesta.File{Name: c.Runbook + strings.ReplaceAll(targetWords(c.Target), "/", " ")}
}

// withRest has an answer without a file say how to see what its message has no room for.
func withRest(r algesta.Report, how algesta.Text) algesta.Report {
	r.File = &algesta.File{Else: how}
	return r
}

// forFewer says how to ask for less of an answer that its author alone sees; empty where there is no way.
func (d *Dispatcher) forFewer(c algesta.Command) algesta.Text {
	switch {
	case c.Runbook == "audit":
		return algesta.Say(
			"For fewer lines, name a service or a person, or a shorter time: {}",
			algesta.Name(d.Bot.Typed("audit", c.Target.Service, c.Target.Environment, runbooks.AuditSince.Name+"=1h")),
		)
	case c.Runbook == "incidents" && c.Target.Environment == "":
		return algesta.Say("For those of one environment: {}", algesta.Name(d.Bot.Typed("incidents", "<environment>")))
	}
	return nil
}

// mostFollowed is how many rows of a table are followed: an answer is stored with each change, and has no file.
const mostFollowed = 99

// asFollowed is an answer as it's brought up to date.
func asFollowed(r algesta.Report) algesta.Report {
	var body []algesta.Block
	for _, b := range r.Body {
		if b.Table == nil || len(b.Table.Rows) <= mostFollowed {
			body = append(body, b)
			continue
		}
		kept := *b.Table
		kept.Rows = slices.Clone(kept.Rows[:mostFollowed])
		left := words.Count(len(b.Table.Rows)-mostFollowed, "more row")
		body = append(body, algesta.Block{Table: &kept}, algesta.Block{Text: algesta.Say("{} not shown. {}", left, restUnfollow)})
	}
	r.Body = body
	return r
}
