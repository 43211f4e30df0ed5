package runbooks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout"
	wordsof "github.com/3astronautas/algesta/words"
)

// Logs can be asked for what containers write.
type Logs interface {
	// GetLogs are the last lines of a container's log, neither cleaned nor redacted, with their times where the options ask for those. cut
	// says that it was not read to its end. ErrNotFound says that there is no such pod or no such log.
	GetLogs(ctx context.Context, namespace, pod string, options corev1.PodLogOptions) (lines []string, cut bool, err error)
	// HideSecrets removes the values of the Secrets whose keys were read, from a text.
	HideSecrets(text string) string
}

var (
	previousArg = Arg{Name: "previous", Aliases: []string{"p"}, Kind: SwitchArg, Summary: "the instance before the one that is running now"}
	tailArg     = Arg{
		Name:    "tail",
		Aliases: []string{"lines"},
		Kind:    IntArg,
		Min:     1,
		Max:     mostTail,
		Summary: "how many lines to read, from the end",
	}
	sinceArg        = Arg{Name: "since", Kind: TextArg, Summary: "nothing older than this: 10m, 2h"}
	logContainerArg = Arg{Name: "container", Aliases: []string{"c"}, Kind: TextArg, Summary: "the container, where a pod has several"}
	grepArg         = Arg{Name: "grep", Kind: TextArg, Summary: "only what contains this text, in upper or lower case"}
	allArg          = Arg{
		Name:    "all",
		Aliases: []string{"all-pods"},
		Kind:    SwitchArg,
		Summary: "several pods, not the one in the worst state alone",
	}
	allContainersArg = Arg{Name: "all-containers", Kind: SwitchArg, Summary: "every container of a pod"}
	followArg        = Arg{
		Name:    "follow",
		Aliases: []string{"f"},
		Kind:    SwitchArg,
		Follows: true,
		Summary: "show new lines as they come, for 10 minutes",
	}
)

const logsName = "logs"

var _ = register(Runbook{
	Name:    logsName,
	Aliases: []string{"log", "tail"},
	Verb:    "logs",
	Summary: "Show the last lines that a service or a pod wrote: of the pod in the worst state first, and of the instance that ended.",
	Example: "logs api-gateway production",
	Rank:    50,
	About:   About{Service: true, Workloads: true, Kinds: []string{"Pod"}},
	Reads:   union(rollout.Reads, rollout.OtherReads, []string{"list pods", "get pods/log"}),
	Args:    []Arg{previousArg, tailArg, sinceArg, logContainerArg, grepArg, allArg, allContainersArg, followArg},
	Settled: logEnded,
	Answer:  answerLogs,
})

// The bounds of one answer.
const (
	defaultTail = 500 // lines that are read of a log
	mostTail    = 2000
	mostParts   = 5 // logs that are read for it
	screenLines = 30
	screenBytes = 2800
	leastBytes  = 500 // of one of several logs
	leastLines  = 8
)

// errNoLogs is the error of a cluster that can't be asked for logs.
var errNoLogs = &algesta.Error{Kind: algesta.ErrForbidden, Message: algesta.Say("I can't read logs of this cluster, so I couldn't check.")}

// logAsk is what was asked for.
type logAsk struct {
	previous, all, containers bool
	tail                      int64
	since                     time.Duration
	container, grep           string
}

func logAskOf(in Input) (logAsk, error) {
	set := func(a Arg) bool { on, _ := in.Command.Args[a.Name].(bool); return on }
	ask := logAsk{
		previous: set(previousArg), all: set(allArg), containers: set(allContainersArg),
		tail: tailArg.Of(in), container: logContainerArg.Text(in), grep: grepArg.Text(in),
	}
	switch {
	case ask.tail > 0:
	case ask.grep != "":
		ask.tail = mostTail
	default:
		ask.tail = defaultTail
	}
	if since := sinceArg.Text(in); since != "" {
		d, err := time.ParseDuration(since)
		if days, isDays := strings.CutSuffix(since, "d"); isDays {
			var n int
			n, err = strconv.Atoi(days)
			d = time.Duration(n) * 24 * time.Hour
		}
		if err != nil || d < time.Second || d > 366*24*time.Hour {
			return ask, &algesta.Error{
				Kind: algesta.ErrUsage, Message: algesta.Say("since is a length of time such as 10m, 2h or 1d, not {}.", wordsof.Cited(quote(since))),
				Hint: algesta.Say("{}", logCommand(in, "since=10m")),
			}
		}
		ask.since = d
	}
	return ask, nil
}

func answerLogs(ctx context.Context, c Cluster, in Input) (algesta.Report, error) {
	if c.Logs == nil {
		return algesta.Report{}, errNoLogs
	}
	ask, err := logAskOf(in)
	if err != nil {
		return algesta.Report{}, err
	}
	pods, trouble, err := podsOfLogs(ctx, c, in)
	var unread *unreadPodsError
	switch {
	case errors.As(err, &unread):
		return algesta.Report{
			Tone:  algesta.Warning,
			Title: algesta.Say("I couldn't read the logs of {}, because I couldn't see its pods.", logSubject(in)),
			Body:  []algesta.Block{{List: []algesta.Text{notChecked("pods", unread.err)}}},
		}, nil
	case err != nil:
		return algesta.Report{}, err
	case len(pods) == 0:
		report := algesta.Report{Tone: algesta.Warning, Title: algesta.Say("{} has no pods, so nothing writes a log.", logSubject(in))}
		if len(trouble) > 0 {
			report.Body = []algesta.Block{{List: []algesta.Text{trouble}}}
		}
		return report, nil
	}
	chosen, why, notes := choosePods(pods, ask, in)
	parts, more, err := logParts(ctx, c, chosen, ask, in)
	if err != nil {
		return algesta.Report{}, err
	}
	readParts(ctx, c, parts, ask)
	if err := nothingRead(parts); err != nil {
		return algesta.Report{}, err
	}
	if more > 0 {
		notes = append(
			notes,
			algesta.Say("{} not shown: I read {} at a time. --container=<name> chooses one.", count(more, "more log"), mostParts),
		)
	}
	notes = append(notes, unrecognized(parts)...)
	report := logReport(chosen[0], parts, ask, in)
	if len(why) > 0 {
		report.Body = append([]algesta.Block{{Text: why}}, report.Body...)
	}
	if len(notes) > 0 {
		report.Body = append(report.Body, algesta.Block{List: notes})
	}
	return report, nil
}

// logEnded says of a single pod that it has ended, so that nothing more comes. A service's next pod may come at any time.
func logEnded(ctx context.Context, c Cluster, in Input) (algesta.Text, error) {
	name, isPod := strings.CutPrefix(in.Command.Target.Object, "pod/")
	if !isPod {
		return nil, nil
	}
	pod, err := livePod(ctx, c, in.Command.Target.Namespace, name)
	if err != nil {
		return nil, err
	}
	if pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
		return algesta.Say("Pod {} has ended, so nothing more comes.", algesta.Name(name)), nil
	}
	return nil, nil
}

// unrecognized says of which Secrets the values can't be hidden in these logs.
func unrecognized(parts []*logPart) []algesta.Text {
	var unread []string
	for _, p := range parts {
		for _, name := range p.unread {
			if len(p.lines) > 0 && !slices.Contains(unread, name) {
				unread = append(unread, name)
			}
		}
	}
	return notRecognized(unread)
}

// nothingRead is the error where every log was refused or could not be reached.
func nothingRead(parts []*logPart) error {
	for _, p := range parts {
		if p.err == nil || errors.Is(p.err, algesta.ErrNotFound) {
			return nil
		}
	}
	if len(parts) == 0 {
		return nil
	}
	return fmt.Errorf("reading the log of %s: %w", parts[0].pod.Name, parts[0].err)
}

// logSubject is what was asked about: the service in its environment, or the pod.
func logSubject(in Input) algesta.Text {
	if name, isPod := strings.CutPrefix(in.Command.Target.Object, "pod/"); isPod {
		return algesta.Say("Pod {} in {}", algesta.Name(name), orElse(in.Command.Target.Environment, in.Command.Target.Namespace))
	}
	return subject(in)
}

// logCommand is the same command with other arguments.
func logCommand(in Input, rest string) algesta.Span {
	t := in.Command.Target
	what := orElse(t.Object, orElse(t.Service, in.Workload.Name))
	return algesta.Name(in.Bot.Typed(logsName, what, orElse(t.Environment, t.Namespace), rest))
}

// unreadPodsError says that a workload is there and its pods could not be read.
type unreadPodsError struct{ err error }

func (e *unreadPodsError) Error() string { return "reading the pods: " + e.err.Error() }

func (e *unreadPodsError) Unwrap() error { return e.err }

// podsUnread is the answer where podsOfLogs failed: it says that the pods couldn't be read; anything else is an error.
func podsUnread(in Input, err error) (algesta.Report, error) {
	if unread, ok := errors.AsType[*unreadPodsError](err); ok {
		return unreadable(in, "the pods", unread.err), nil
	}
	return algesta.Report{}, err
}

// podsOfLogs are the pods that the command is about, and where there are none why.
func podsOfLogs(ctx context.Context, c Cluster, in Input) (pods []*corev1.Pod, trouble algesta.Text, err error) {
	if name, isPod := strings.CutPrefix(in.Command.Target.Object, "pod/"); isPod {
		pod, err := livePod(ctx, c, in.Command.Target.Namespace, name)
		if errors.Is(err, algesta.ErrNotFound) {
			return nil, nil, &algesta.Error{
				Kind: algesta.ErrNotFound,
				Err:  err,
				Message: algesta.Say(
					"There's no pod {} in {}.",
					algesta.Name(name),
					orElse(in.Command.Target.Environment, in.Command.Target.Namespace),
				),
				Hint: algesta.Say(
					"A replaced pod's log is gone. For the pods that run now: {}",
					algesta.Name(in.Bot.Typed(logsName, serviceSlot, orElse(in.Command.Target.Environment, in.Command.Target.Namespace))),
				),
			}
		}
		return []*corev1.Pod{pod}, nil, err
	}
	r, err := rollout.Look(ctx, c.Rollout(), in.Workload)
	switch {
	case err != nil:
		return nil, nil, err
	case r.Controller == nil:
		return nil, nil, gone(in)
	case r.Unread != nil:
		return nil, nil, &unreadPodsError{r.Unread}
	}
	trouble, _ = r.Trouble(in.Command.At)
	return r.Pods, trouble, nil
}

// livePod is a pod as it is now, with the values of its environment: its log is cleaned of them.
func livePod(ctx context.Context, c Cluster, namespace, name string) (*corev1.Pod, error) {
	var found corev1.PodList
	if _, err := listSome(ctx, c, namespace, "metadata.name="+name, 1, &found); err != nil {
		return nil, fmt.Errorf("reading the pod %s: %w", name, err)
	}
	for i := range found.Items {
		if found.Items[i].Name == name {
			return &found.Items[i], nil
		}
	}
	return nil, &algesta.Error{Kind: algesta.ErrNotFound, Message: algesta.Say("Pod {} is gone.", algesta.Name(name))}
}

// lately is how long ago a restart still makes a pod's log the one to read.
const lately = time.Hour

// logRank orders pods for their logs, the one to read first. A pod that never ran has none.
func logRank(pod *corev1.Pod, now time.Time) (rank int, why algesta.Text) {
	s := rollout.StateOf(pod)
	switch last := lastEnd(pod); {
	case !ran(pod):
		return 9, algesta.Say("it hasn't run yet ({})", s.Word)
	case s.Reason != "" && s.Restarts > 0:
		return 0, algesta.Say("it is {} ({}, exit code {}, {})", s.Word, quote(s.Reason), s.Exit, count(s.Restarts, "restart"))
	case s.Reason != "":
		return 0, algesta.Say("it is {} ({})", s.Word, quote(s.Reason))
	case s.Word != "ready":
		return 1, algesta.Say("it isn't ready ({})", s.Word)
	case last != nil && now.Sub(last.FinishedAt.Time) < lately:
		return 2, algesta.Say("it was restarted {} ago", span(now.Sub(last.FinishedAt.Time)))
	}
	return 3, algesta.Say("no pod is in trouble, and it is the newest")
}

func statuses(pod *corev1.Pod) []corev1.ContainerStatus {
	return slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses, pod.Status.EphemeralContainerStatuses)
}

// ran says that some container of the pod has had an instance, so that there may be a log.
func ran(pod *corev1.Pod) bool {
	return slices.ContainsFunc(statuses(pod), func(s corev1.ContainerStatus) bool {
		return s.State.Running != nil || s.State.Terminated != nil || s.LastTerminationState.Terminated != nil
	})
}

// lastEnd is how the instance that ended last of the pod's containers ended, nil where none was restarted.
func lastEnd(pod *corev1.Pod) *corev1.ContainerStateTerminated {
	var last *corev1.ContainerStateTerminated
	for _, s := range pod.Status.ContainerStatuses {
		if t := s.LastTerminationState.Terminated; t != nil && (last == nil || t.FinishedAt.After(last.FinishedAt.Time)) {
			last = t
		}
	}
	return last
}

// choosePods takes the pod in the worst state, or the worst few, and says why and what is left out.
func choosePods(pods []*corev1.Pod, ask logAsk, in Input) (chosen []*corev1.Pod, why algesta.Text, notes []algesta.Text) {
	now := in.Command.At
	sorted := slices.SortedStableFunc(slices.Values(pods), func(a, b *corev1.Pod) int {
		one, _ := logRank(a, now)
		other, _ := logRank(b, now)
		return cmp.Or(
			cmp.Compare(one, other),
			cmp.Compare(rollout.Restarts(b), rollout.Restarts(a)),
			b.CreationTimestamp.Compare(a.CreationTimestamp.Time),
		)
	})
	most := 1
	if ask.all {
		most = min(mostParts, len(sorted))
	}
	if len(sorted) == 1 {
		return sorted, nil, nil
	}
	_, why = logRank(sorted[0], now)
	why = algesta.Say("{} comes first of {}: {}.", algesta.Name(sorted[0].Name), count(len(sorted), "pod"), why)
	var silent []string
	for _, pod := range sorted {
		if !ran(pod) && pod != sorted[0] {
			silent = append(silent, fmt.Sprintf("%s (%s)", pod.Name, rollout.StateOf(pod).Word))
		}
	}
	if len(silent) > 0 {
		notes = append(notes, algesta.Say("No log, because no container ran yet: {}.", wordsof.Few(silent, mostParts)))
	}
	switch rest := len(sorted) - most; {
	case rest > 0 && ask.all:
		notes = append(notes, algesta.Say("{} not shown.", count(rest, "more pod")))
	case rest > 0:
		notes = append(notes, algesta.Say("{} not shown: {}", count(rest, "more pod"), logCommand(in, "--all")))
	}
	return sorted[:most], why, notes
}
