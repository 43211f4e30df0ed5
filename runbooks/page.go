package runbooks

import (
	"fmt"
	"strings"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/words"
)

//go:generate go test -run ^TestThePageIsFresh$ -update

// Page is RUNBOOKS.md: what the bot can do, for people who choose commands and for people who grant rights. bot is how its examples call
// the bot.
func Page(bot algesta.Handle) string {
	var b strings.Builder
	b.WriteString(
		"# Runbooks\n\nWhat algesta can do. Generated from `runbooks.All()` by `go generate ./runbooks`; a test fails when it is stale.\n\n",
	)
	b.WriteString("| command | verb of the policy | does |\n|---|---|---|\n")
	for _, r := range All() {
		fmt.Fprintf(&b, "| [`%s`](#%s) | `%s` (%s) | %s |\n", r.Name, strings.ReplaceAll(r.Name, " ", "-"), r.Verb, r.Family(), r.Summary)
	}
	for _, r := range All() {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n```\n%s\n```\n", r.Name, r.Summary, bot.Typed(r.Example))
		b.WriteString("\nTyped as:\n\n")
		for _, way := range r.Usage() {
			fmt.Fprintf(&b, "* `%s`\n", way)
		}
		if kinds := r.About.Kinds; len(kinds) > 1 {
			fmt.Fprintf(&b, "\nKinds: %s.\n", words.List(kinds))
		}
		if len(r.Aliases) > 0 {
			fmt.Fprintf(&b, "\nAlso typed as: `%s`.\n", strings.Join(r.Aliases, "`, `"))
		}
		if rows := argRows(r); rows != "" {
			b.WriteString("\n| argument | value | meaning |\n|---|---|---|\n" + rows)
		}
		if len(r.Reads) > 0 {
			fmt.Fprintf(&b, "\nReads: `%s`.\n", strings.Join(r.Reads, "`, `"))
		}
		if r.Changes() {
			fmt.Fprintf(
				&b,
				"\nWrites: `%s`. It shows a plan first, and needs the approvals that the policy asks for.\n",
				strings.Join(r.Writes, "`, `"),
			)
		}
	}
	return b.String()
}

func argRows(r Runbook) string {
	var b strings.Builder
	for _, a := range r.Args {
		if a.Hidden {
			continue
		}
		value := string(a.Kind)
		if a.Kind == IntArg && a.Max < 1<<31 {
			value = fmt.Sprintf("%d to %d", a.Min, a.Max)
		}
		if a.Required {
			value += ", required"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", strings.Join(append([]string{a.Name}, a.Aliases...), "`, `"), value, a.Summary)
	}
	return b.String()
}
