package runbooks

import "context"

// ArgKind says how an argument is read.
type ArgKind string

// The kinds of argument.
const (
	IntArg    ArgKind = "number"
	TextArg   ArgKind = "text"
	SwitchArg ArgKind = "switch"
	// PersonArg is a person that someone mentions. Its value is their ID in the workspace, such as U0DANA: names can be anyone's.
	PersonArg ArgKind = "@person"
)

// Arg is an argument of a runbook: help, parsing, error sentences and the policy's args.* follow from it.
type Arg struct {
	Name    string // "replicas"; typed as replicas=6, --replicas=6 or --replicas 6
	Aliases []string
	Kind    ArgKind
	Summary string
	Min     int64 // of a number
	Max     int64
	// Else is the text argument that gets a value which is no number: a version may be named by its revision or its tag.
	Else string
	// Required says that a command without it is a usage error.
	Required bool
	// Bare says that the value may be typed without the name, after service and environment: "scale api production 6".
	Bare bool
	// Hidden keeps the argument out of help: buttons use it, and it may still be typed.
	Hidden bool
	// Own says that the bot's own buttons give it: typed, it's an option that there isn't.
	Own bool
	// Typed keeps the argument out of forms: another one asks for the same there.
	Typed bool
	// Anywhere is a switch that makes the command about every environment in which the policy lets its requester do the same: kubectl's -A.
	Anywhere bool
	// Follows is a switch that has the answer brought up to date in its place for a while: kubectl's -f and -w.
	Follows bool
	// Offers says what a form shows for it, where that is read from the cluster. It reads what the runbook may read.
	Offers func(ctx context.Context, c Cluster, in Input) (Offered, error)
}

// Slot is the placeholder for the argument's value in a usage line: "<number>", "<image>".
func (a Arg) Slot() string {
	if a.Kind == TextArg {
		return "<" + a.Name + ">"
	}
	return "<" + string(a.Kind) + ">"
}

// Of is the number in the input, 0 where it was not given.
func (a Arg) Of(in Input) int64 { n, _ := in.Command.Args.Int(a.Name); return n }

// Given reports whether the argument was typed.
func (a Arg) Given(in Input) bool { _, ok := in.Command.Args[a.Name]; return ok }

// Text is the text in the input, "" where it was not given.
func (a Arg) Text(in Input) string { return in.Command.Args.String(a.Name) }

// On reports whether the switch was given and is on.
func (a Arg) On(in Input) bool { return in.Command.Args.Bool(a.Name) }
