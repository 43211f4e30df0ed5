package grammar

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/runbooks"
)

// arg is the runbook's argument of this name or alias.
func (r *reading) arg(name string) (runbooks.Arg, bool) {
	for _, a := range r.book.Args {
		if !a.Own && (a.Name == name || slices.Contains(a.Aliases, name)) {
			return a, true
		}
	}
	return runbooks.Arg{}, false
}

// bareArg is the argument that a value may stand alone for, while none has one: of several the first that can be this value, else the
// first.
func (r *reading) bareArg(value string) (runbooks.Arg, bool) {
	var all []runbooks.Arg
	for _, a := range r.book.Args {
		if !a.Bare {
			continue
		}
		if _, given := r.out.Args[a.Name]; given {
			return runbooks.Arg{}, false
		}
		all = append(all, a)
	}
	_, err := strconv.ParseInt(value, 10, 64)
	for _, a := range all {
		if (a.Kind == runbooks.IntArg) == (err == nil) {
			return a, true
		}
	}
	if len(all) > 0 {
		return all[0], true
	}
	return runbooks.Arg{}, false
}

// largeMax is the bound above which a range is not worth telling.
const largeMax = 1_000_000

// longestValue bounds a text argument, in bytes: no image reference is longer.
const longestValue = 512

// set reads the value of an argument.
func (r *reading) set(a runbooks.Arg, value string) error {
	if _, twice := r.out.Args[a.Name]; twice {
		return r.wrong("{} is given twice.", a.Name)
	}
	if r.out.Args == nil {
		r.out.Args = algesta.Args{}
	}
	switch a.Kind {
	case runbooks.IntArg:
		n, err := strconv.ParseInt(value, 10, 64)
		if other, ok := r.arg(a.Else); ok && err != nil && !digits.MatchString(value) {
			return r.set(other, value)
		}
		if a.Max > largeMax && (errors.Is(err, strconv.ErrRange) && !strings.HasPrefix(value, "-") || err == nil && n > a.Max) {
			return r.wrong("{} can't be as large as {}.", a.Name, clip(value))
		}
		if err != nil || n < a.Min || n > a.Max || strings.HasPrefix(value, "+") {
			return r.wrong("{} must be a number {}, not \"{}\".", a.Name, bounds(a), clip(value))
		}
		r.out.Args[a.Name] = n
	case runbooks.SwitchArg:
		switch strings.ToLower(value) {
		case "true", "yes", "1":
			r.out.Args[a.Name] = true
		case "false", "no", "0":
			r.out.Args[a.Name] = false
		default:
			return r.wrong("{} is yes or no, not \"{}\".", a.Name, clip(value))
		}
	case runbooks.PersonArg:
		id := r.mentioned[value]
		if id == "" {
			id = strings.ToUpper(strings.TrimPrefix(value, "@"))
		}
		if !personID.MatchString(id) {
			return r.wrong("I don't know who {} is: mention the person, so that Slack makes a link of the name.", clip(value))
		}
		r.out.Args[a.Name] = id
	case runbooks.TextArg:
		if err := r.refuseEntity(value); err != nil {
			return err
		}
		if len(value) > longestValue {
			return r.wrong("{} is too long: it may have {} characters.", a.Name, longestValue)
		}
		r.out.Args[a.Name] = value
	}
	return nil
}

// personID is how Slack identifies a person.
var personID = regexp.MustCompile(`^[UW][A-Z0-9]{2,}$`)

// person is the argument for a person, where the command has one that isn't given yet.
func (r *reading) person(text string) (runbooks.Arg, bool) {
	if !strings.HasPrefix(text, "@") {
		return runbooks.Arg{}, false
	}
	i := slices.IndexFunc(r.book.Args, func(a runbooks.Arg) bool { return a.Kind == runbooks.PersonArg })
	if i < 0 {
		return runbooks.Arg{}, false
	}
	return r.book.Args[i], true
}

func bounds(a runbooks.Arg) string {
	if a.Max > largeMax {
		return fmt.Sprintf("of %d or more", a.Min)
	}
	return fmt.Sprintf("from %d to %d", a.Min, a.Max)
}
