package grammar

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/runbooks"
)

// Typed is the command as someone could type it, for Parse to read: what a form says is handled like everything that is typed.
// What phones and Slack make of text is repaired in it already.
func (p Parser) Typed(c Parsed) string {
	words := []string{c.Runbook}
	if c.Reason != "" {
		words = append(words, option("reason", c.Reason))
	}
	for _, name := range slices.Sorted(maps.Keys(c.Args)) {
		words = append(words, option(name, fmt.Sprint(c.Args[name])))
	}
	options := len(words)
	for _, w := range []string{c.Service, strings.TrimPrefix(c.Object, hostPrefix), c.Environment} {
		if w != "" && w != wholeEnvironment {
			words = append(words, w)
		}
	}
	if len(words) == options { // the punctuation at the end of a command is no part of it
		words = append(words, "--")
	}
	return strings.Join(words, " ")
}

// Same reports whether two commands ask for the same, however their names are written.
func (p Parsed) Same(other Parsed) bool {
	about := func(p Parsed) string {
		if p.Object == wholeEnvironment {
			p.Object = ""
		}
		return strings.ToLower(p.Service + "\n" + p.Object + "\n" + p.Environment)
	}
	return p.Runbook == other.Runbook && p.Help == other.Help && about(p) == about(other) && maps.Equal(p.Args, other.Args) &&
		settled(p.Reason) == settled(other.Reason)
}

// wholeEnvironment is the Object of a command about an environment as a whole.
const wholeEnvironment = "namespace"

func option(name, value string) string { return "--" + name + "=" + quoted(settled(value)) }

// settled is a text that tidy leaves as it is.
func settled(s string) string {
	for range maxText {
		again := strings.TrimSpace(tidy(s))
		if again == s {
			break
		}
		s = again
	}
	return s
}

// Value reads one argument of a command, as Parse does. An error is an *algesta.Error of kind ErrUsage.
func (p Parser) Value(command, arg, typed string) (any, error) {
	r := &reading{Parser: p, book: p.book(command), out: Parsed{Runbook: command}}
	i := slices.IndexFunc(r.book.Args, func(a runbooks.Arg) bool { return a.Name == arg && !a.Own })
	if i < 0 {
		return nil, p.usage(algesta.Say("{} has no option {}.", command, clip(arg)), "")
	}
	value := settled(typed)
	if value == "" {
		return nil, p.usage(algesta.Say("{} needs a value.", clip(arg)), "")
	}
	if err := r.set(r.book.Args[i], value); err != nil {
		return nil, err
	}
	return r.out.Args[arg], nil
}
