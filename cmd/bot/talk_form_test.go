package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

// The lines of a form in a conversation: who opens it with what they typed, and what they fill in, by the names of the fields.
var (
	opensForm = regexp.MustCompile(`^\(([a-z]+) opens a form with: (.*)\)\n$`)
	// revisionAge is the age of a revision, which differs from run to run.
	revisionAge = regexp.MustCompile(`, [0-9]+ [^,;]* old`)
	sendsForm   = regexp.MustCompile(`^\(([a-z]+) sends it with: (.*)\)\n$`)
)

// fills carries out a line about a form, and prints what the form says as a transport would draw it.
func (c *conversation) fills(line string) bool {
	if m := opensForm.FindStringSubmatch(line); m != nil {
		in, err := c.console.Invocation(m[1] + "> " + m[2])
		require.NoError(c.t, err)
		c.form = in
		fmt.Fprint(c.out, line, drawn(c.rooms.dispatcher.Form(c.t.Context(), in, nil)))
		return true
	}
	m := sendsForm.FindStringSubmatch(line)
	if m == nil {
		return false
	}
	fmt.Fprint(c.out, line)
	values := map[string]string{}
	for pair := range strings.SplitSeq(m[2], ", ") {
		name, value, _ := strings.Cut(pair, "=")
		values[name] = value
	}
	s := c.rooms.dispatcher.Submit(c.t.Context(), c.form, values)
	if s.Invocation == nil {
		for name, problem := range s.Problems {
			fmt.Fprintf(c.out, "form> %s: %s\n", name, problem)
		}
		if s.Again {
			fmt.Fprint(c.out, "form> it asks for more\n")
		}
		return true
	}
	fresh, err := c.rooms.store.Receive(c.t.Context(), *s.Invocation)
	require.NoError(c.t, err)
	if !fresh {
		fmt.Fprint(c.out, "form> it was sent before: nothing more happens\n")
		return true
	}
	c.until("there is an answer", func() bool {
		due, err := c.rooms.store.Due(c.t.Context(), 1)
		require.NoError(c.t, err)
		return len(due) > 0
	})
	c.until("nothing is under way", c.quiet)
	c.listen()
	return true
}

// drawn is a form as text.
func drawn(f algesta.Form) string {
	var b strings.Builder
	fmt.Fprintf(&b, "form> %s\n", f.Title)
	for _, t := range f.Intro {
		fmt.Fprintf(&b, "       %s\n", t)
	}
	for _, in := range f.Fields {
		fmt.Fprintf(&b, "       %s (%s): %s\n", in.Label, in.Name, in.Value)
		if in.Hint != "" {
			fmt.Fprintf(&b, "         %s\n", in.Hint)
		}
		var labels []string
		for _, choice := range in.Choices {
			labels = append(labels, choice.Label)
		}
		if slices.Sort(labels); len(labels) > 0 && in.Name != "command" { // the commands are in the help
			fmt.Fprintf(&b, "         one of: %s\n", strings.Join(labels, "; "))
		}
	}
	if f.Send != "" {
		f.Send = " [" + f.Send + "]"
	}
	fmt.Fprintf(&b, "       [Close]%s\n", f.Send)
	return revisionAge.ReplaceAllString(b.String(), ", N s old")
}
