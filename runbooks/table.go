package runbooks

import (
	"context"
	"errors"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta"
)

// mostRows is how many rows one answer lists. A message takes fewer; the transport puts all of them into a file below it, which nobody
// reads beyond this.
const mostRows = 1_000

// whereOf is the place that a command about an environment is about, as people call it.
func whereOf(in Input) string {
	return orElse(in.Command.Target.Environment, in.Command.Target.Namespace)
}

// listed is how the reading of a kind went.
type listed struct {
	what string // the kind in the plural: "pods"
	err  error  // why nothing of it is known; nil where it was read
	part error  // why only a part of it was read
}

// listAll reads all objects of a kind in a namespace, "" for those that are in none. What a list with very many objects has beyond the
// bound of a list is not read, and that is kept to be said.
func listAll(ctx context.Context, c Cluster, namespace, labels, what string, into runtime.Object) listed {
	err := c.List(ctx, namespace, labels, into)
	if err != nil && meta.LenList(into) > 0 {
		return listed{what: what, part: err}
	}
	return listed{what: what, err: err}
}

// notes are what has to be said about these readings: what could not be checked, and of what only a part was.
func notes(readings ...listed) []algesta.Text {
	var out []algesta.Text
	for _, l := range readings {
		if l.err != nil {
			out = append(out, notChecked(l.what, l.err))
		}
		if l.part != nil {
			out = append(out, algesta.Say("{}", sentenceOf(l.part, "Not all "+l.what+" were looked at.")))
		}
	}
	return out
}

// unknownReport is the answer where the kind that was asked for could not be read: it says neither that there is none nor that all is well.
func unknownReport(where any, l listed) algesta.Report {
	why := "the cluster didn't answer in time."
	if errors.Is(l.err, algesta.ErrForbidden) {
		why = "I don't have permission to read them."
	}
	report := algesta.Report{Tone: algesta.Warning, Title: algesta.Say("I couldn't check the {} of {}: {}", l.what, where, why)}
	if known, ok := errors.AsType[*algesta.Error](l.err); ok && known.Kind == algesta.ErrUnreachable { // perhaps nobody let the bot in
		report.Title = algesta.Say("I couldn't check the {} of {}: {}", l.what, where, known.Message)
		if len(known.Hint) > 0 {
			report.Body = []algesta.Block{{Text: known.Hint}}
		}
	}
	return report
}

// withTable adds a table's first rows to a report, what was cut from it, and notes.
func withTable(r algesta.Report, t algesta.Table, thing string, more ...algesta.Text) algesta.Report {
	hidden := len(t.Rows) - mostRows
	if hidden > 0 {
		t.Rows = t.Rows[:mostRows]
	}
	if len(t.Rows) > 0 {
		r.Body = append(r.Body, algesta.Block{Table: &t})
	}
	if hidden > 0 {
		r.Body = append(r.Body, algesta.Block{Text: algesta.Say("{} not shown.", count(hidden, "more "+thing))})
	}
	if len(more) > 0 {
		r.Body = append(r.Body, algesta.Block{List: more})
	}
	return r
}

// orDash is a cell's text: a dash where there is nothing.
func orDash(s string) algesta.Text { return algesta.Say("{}", orElse(s, "–")) }

// What kubectl's users type with a list. The answer is the same table, and says so where that is less than was asked for.
var (
	outputArg = Arg{
		Name:    "output",
		Aliases: []string{"o"},
		Kind:    TextArg,
		Summary: "kubectl's format: the answer is a table in any case",
		Hidden:  true,
	}
	watchArg = Arg{
		Name:    "watch",
		Aliases: []string{"w"},
		Kind:    SwitchArg,
		Summary: "follow it: the answer is brought up to date for 10 minutes",
		Follows: true,
	}
)

// asTyped are the sentences about kubectl's options that a message can't follow.
func asTyped(in Input) []algesta.Text {
	var out []algesta.Text
	if format := outputArg.Text(in); format != "" && format != "wide" {
		out = append(out, algesta.Say("I can't print other formats (-o). This is all I show."))
	}
	return out
}
