// Package runbooks is what the bot can do, one file each: a Runbook is a value that reads
// a cluster through a read-only interface and either answers or plans. It never writes,
// and it must never know Slack, the store or the policy.
package runbooks

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/3astronautas/algesta"
)

// Input is what a runbook is given: the resolved command. Plans use Command.At and never
// the clock, so that planning twice gives one fingerprint.
type Input struct {
	Command  algesta.Command
	Workload algesta.Object
	// Bot is how people call the bot, for the commands in hints.
	Bot algesta.Handle
	// Allowed says which other namespaces of the cluster the answer, or the plan, may be about. Nil allows none.
	Allowed func(namespace string) bool
	// Past is what became of the bot's earlier changes to the workload, newest first; nil where it isn't known.
	Past []algesta.Past
	// Undone is the stored plan of the request that the command takes back; nil where it takes back none, or that isn't known.
	Undone *algesta.Plan
	// Seen is when the workload was last there, where it is gone; zero where it is not, or where that is not known.
	Seen time.Time
	// Lost are the configured services of the environment whose Deployments are gone, where the command is about a whole environment.
	Lost []algesta.Lost
	// Places are the environments that the answer to a command which names none may cover: those in which the policy lets its requester do the
	// same.
	Places []Place
	// Frozen are the freezes that people asked for and that haven't ended.
	Frozen []algesta.Freeze
	// Glass is what the policy says about changes that can't wait for an approval.
	Glass GlassRule
	// Shared says that another environment is in the namespace of the target too.
	Shared bool
	// Silences are the silences that nobody ended; the time of some may be up.
	Silences []algesta.Silence
	// Approval says that the policy asks for someone's yes to this command.
	Approval bool
}

// Runbook is one thing that the bot can do. Exactly one of Plan and Answer is set, or neither where it is Own and only reads.
type Runbook struct {
	// Name is the word people type; Aliases are other words for it, of one or two parts ("rollout undo").
	Name    string
	Aliases []string
	// Verb is what a policy names; its family is in algesta.Verbs.
	Verb    string
	Summary string // one line for help
	Example string // a whole command without the slash command's name
	// Rank is where help lists it, from 1: the lower, the earlier; those of the same rank by their names.
	Rank int
	Args []Arg
	// Reads are the Kubernetes verbs and resources that Plan, Answer and Ends may ask the cluster for: "list pods", "get pods/log",
	// "get deployments.apps", and where the kind is in no namespace, or all of them are asked for, "list nodes (cluster-wide)". The rights
	// of the bot are made from it, so what isn't declared can't be read. Rights says what needs no declaration.
	Reads []string
	// Writes are the Kubernetes verbs and resources that its Changes may use: "patch deployments.apps".
	Writes []string
	// About is what the command may be about.
	About About

	// Own says that the command is about the bot's own records. The room that keeps them answers or writes it, and no cluster is asked: it
	// needs no rights there.
	Own bool
	// Incident says that the command is about an incident: its argument names one, and may be left out in the thread of its card. The target
	// is what the incident is about.
	Incident bool

	// Ends is how a command ends once its change is written. It is set where Plan is.
	Ends Ending

	// Settled says of what a followed answer is about that nothing more is to be expected, in a sentence; empty while there is. Where it is
	// nil that's never so, and the follow ends with its time.
	Settled func(ctx context.Context, c Cluster, in Input) (algesta.Text, error)

	Plan   func(ctx context.Context, c Cluster, in Input) (algesta.Plan, error)
	Answer func(ctx context.Context, c Cluster, in Input) (algesta.Report, error)
}

// Changes reports whether the runbook plans writes.
func (r Runbook) Changes() bool { return r.Plan != nil }

// Usage are the ways to type the command, the usual one first: "scale <service> <environment> replicas=<number>".
func (r Runbook) Usage() []string {
	var required strings.Builder
	for _, a := range r.Args {
		if a.Required {
			required.WriteString(" " + a.Name + "=" + a.Slot())
		}
	}
	if r.About.Nothing() {
		return []string{r.Name + required.String()}
	}
	ways := r.About.Usage()
	for i, way := range ways {
		ways[i] = strings.TrimSuffix(r.Name+" "+way, " ") + required.String()
	}
	return ways
}

// Anywhere reports whether the command may name no environment, with these arguments: it's then about all in which the policy lets its
// requester do the same.
func (r Runbook) Anywhere(args algesta.Args) bool {
	return r.About.Nothing() || r.About.Optional || slices.ContainsFunc(r.Args, func(a Arg) bool { return a.Anywhere && args.Bool(a.Name) })
}

// Follows reports whether the answer to a command with these arguments is to be followed.
func (r Runbook) Follows(args algesta.Args) bool {
	return slices.ContainsFunc(r.Args, func(a Arg) bool { return a.Follows && args.Bool(a.Name) })
}

// Family is the family of the runbook's verb.
func (r Runbook) Family() algesta.Family { return algesta.Verbs()[r.Verb] }

// registered are the runbooks of this package, by which each file adds its own.
var registered []Runbook

// All are the runbooks, in the order in which help lists them.
func All() []Runbook {
	all := slices.Clone(registered)
	slices.SortFunc(all, func(a, b Runbook) int {
		return cmp.Or(cmp.Compare(a.Rank, b.Rank), cmp.Compare(a.Name, b.Name))
	})
	return all
}

// Find is the runbook of this name or alias.
func Find(name string) (Runbook, bool) {
	for _, r := range All() {
		if r.Name == name || slices.Contains(r.Aliases, name) {
			return r, true
		}
	}
	return Runbook{}, false
}

// everyArg has every switch of a runbook on.
func everyArg(r Runbook) algesta.Args {
	out := algesta.Args{}
	for _, a := range r.Args {
		out[a.Name] = a.Kind == SwitchArg
	}
	return out
}

// register adds a runbook to All when the program starts, as "var _ = register(Runbook{…})". A contradiction in it is a mistake of the
// programmer, and a panic.
func register(r Runbook) Runbook {
	switch err := r.About.check(); {
	case err != nil:
		panic(fmt.Sprintf("runbook %s: %v", r.Name, err))
	case r.Name == "" || r.Summary == "" || r.Example == "":
		panic(fmt.Sprintf("runbook %q needs a name, a summary and an example", r.Name))
	case slices.ContainsFunc(registered, func(other Runbook) bool { return other.Name == r.Name }):
		panic(fmt.Sprintf("there are two runbooks %s", r.Name))
	case r.Own && (r.Answer != nil || len(r.Reads) > 0):
		panic(fmt.Sprintf("runbook %s is about the bot's own records and reads a cluster", r.Name))
	case !r.Own && (r.Plan == nil) == (r.Answer == nil):
		panic(fmt.Sprintf("runbook %s needs exactly one of Plan and Answer", r.Name))
	case r.Family() == "":
		panic(fmt.Sprintf("runbook %s has the verb %q, which is not in algesta.Verbs", r.Name, r.Verb))
	case r.Changes() != (r.Family() == algesta.Changes):
		panic(fmt.Sprintf("runbook %s: the family of %s does not fit what it does", r.Name, r.Verb))
	case r.Changes() == (r.Ends.poll == nil):
		panic(fmt.Sprintf("runbook %s: Ends does not fit what it does", r.Name))
	case r.Settled != nil && !r.Follows(everyArg(r)), r.Changes() && r.Follows(everyArg(r)):
		panic(fmt.Sprintf("runbook %s: only an answer can be followed, and only then it's settled", r.Name))
	case r.Changes() == (len(r.Writes) == 0):
		panic(fmt.Sprintf("runbook %s: Writes does not fit what it does", r.Name))
	}
	for _, s := range slices.Concat(r.Reads, r.Writes) {
		if _, err := parseRight(s); err != nil {
			panic(fmt.Sprintf("runbook %s: %v", r.Name, err))
		}
	}
	registered = append(registered, r)
	return r
}
