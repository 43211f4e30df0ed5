package runbooks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sourcegraph/conc"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/rollout"
	wordsof "github.com/3astronautas/algesta/words"
)

// logPart is the log of one instance of a container.
type logPart struct {
	pod       *corev1.Pod
	container string
	previous  bool
	none      algesta.Text // why there is nothing to read; nil where there is
	head      algesta.Text // which instance it is, and how it ended
	ended     *corev1.ContainerStateTerminated
	hide      func(string) string
	unread    []string // the Secrets whose values hide doesn't know

	lines  []logLine
	found  []said // of those lines what was asked for
	longer bool   // it is more than the answer shows
	lost   bool   // the node no longer keeps it
	cut    bool
	err    error
}

// logParts are the logs to read, mostParts of them, and how many more there would be.
func logParts(ctx context.Context, c Cluster, chosen []*corev1.Pod, ask logAsk, in Input) (parts []*logPart, more int, err error) {
	for _, known := range chosen {
		pod, err := livePod(ctx, c, known.Namespace, known.Name)
		if errors.Is(err, algesta.ErrNotFound) { // since it was listed
			parts = append(parts, &logPart{pod: known, none: algesta.Say("Pod {} is gone since, and its log with it.", algesta.Name(known.Name))})
			continue
		}
		if err != nil { // without its template nobody knows what to hide
			return nil, 0, err
		}
		names, err := chooseContainers(pod, ask, in)
		if err != nil {
			return nil, 0, err
		}
		hide, unread := hiding(ctx, c, pod, in.Command.At)
		for _, name := range names {
			for _, part := range instances(pod, name, ask, in.Command.At) {
				part.hide, part.unread = hide, unread
				parts = append(parts, part)
			}
		}
	}
	shown := min(len(parts), mostParts)
	return parts[:shown], len(parts) - shown, nil
}

// hiding removes secrets from a log of this pod: by their form, what its template spells out, and the values of the Secrets that it uses,
// as far as the bot may read those. unread are the Secrets that it couldn't read: what they hold can't be recognized.
func hiding(ctx context.Context, c Cluster, pod *corev1.Pod, now time.Time) (hide func(string) string, unread []string) {
	ofSecrets, unread := hidingSecrets(ctx, c, pod.Namespace, secretsOf(pod.Spec))
	s := facts.NewSnapshot(now, []runtime.Object{pod}, nil)
	return func(text string) string { return s.Hide(ofSecrets(text)) }, unread
}

// hidingSecrets takes out of a text what these Secrets hold, as far as the bot may read them.
func hidingSecrets(ctx context.Context, c Cluster, namespace string, names []string) (hide func(string) string, unread []string) {
	if c.Logs == nil { // nobody would hide what they hold
		c.Keys = nil
	}
	var named []reference
	for _, name := range names[:min(len(names), mostReferences)] {
		named = append(named, reference{kind: secret, name: name})
	}
	read := false
	for i, k := range readKeys(ctx, c, namespace, named) {
		read = read || k.err == nil
		if k.err != nil && !errors.Is(k.err, algesta.ErrNotFound) { // what isn't there holds nothing
			unread = append(unread, names[i])
		}
	}
	unread = append(unread, names[len(named):]...)
	if !read {
		return noHiding, unread
	}
	return c.Logs.HideSecrets, unread
}

// notRecognized says of which Secrets the values can't be hidden in what is quoted, none where all were read.
func notRecognized(unread []string) []algesta.Text {
	switch len(unread) {
	case 0:
		return nil
	case 1:
		return []algesta.Text{algesta.Say("Couldn't read Secret {}, so its values can't be recognized here.", algesta.Name(quote(unread[0])))}
	}
	return []algesta.Text{
		algesta.Say("Couldn't read the Secrets {}, so their values can't be recognized here.", wordsof.Few(quotedAll(unread), mostParts)),
	}
}

func quotedAll(names []string) []string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = quote(name)
	}
	return out
}

// secretsOf are the Secrets that a pod takes variables and files from, or that its volumes are mounted with, each once.
func secretsOf(spec corev1.PodSpec) []string {
	var names []string
	add := func(name string) {
		if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, c := range slices.Concat(spec.InitContainers, spec.Containers) {
		for _, e := range c.Env {
			if e.ValueFrom != nil && e.ValueFrom.SecretKeyRef != nil {
				add(e.ValueFrom.SecretKeyRef.Name)
			}
		}
		for _, e := range c.EnvFrom {
			if e.SecretRef != nil {
				add(e.SecretRef.Name)
			}
		}
	}
	for _, v := range spec.Volumes {
		if v.Secret != nil {
			add(v.Secret.SecretName)
		}
		if v.CSI != nil && v.CSI.NodePublishSecretRef != nil { // a driver's error may quote it
			add(v.CSI.NodePublishSecretRef.Name)
		}
		if v.Projected == nil {
			continue
		}
		for _, source := range v.Projected.Sources {
			if source.Secret != nil {
				add(source.Secret.Name)
			}
		}
	}
	return names
}

// mostNames is how many containers a sentence names.
const mostNames = 8

func containerNames(pod *corev1.Pod) []string {
	var names []string
	for _, c := range slices.Concat(pod.Spec.Containers, pod.Spec.InitContainers) {
		names = append(names, c.Name)
	}
	for _, c := range pod.Spec.EphemeralContainers {
		names = append(names, c.Name)
	}
	return names
}

// chooseContainers are the containers that were asked for: the named one, all, or the one that is in trouble, else the main one.
func chooseContainers(pod *corev1.Pod, ask logAsk, in Input) ([]string, error) {
	names := containerNames(pod)
	switch {
	case ask.container != "" && !slices.Contains(names, ask.container):
		return nil, &algesta.Error{
			Kind:    algesta.ErrUnknownName,
			Message: algesta.Say("Pod {} has no container {}.", algesta.Name(pod.Name), algesta.Name(quote(ask.container))),
			Hint:    algesta.Say("It has {}. For example: {}", wordsof.Few(names, mostNames), logCommand(in, "container="+mainOf(pod, in).Name)),
		}
	case ask.container != "":
		return []string{ask.container}, nil
	case ask.containers:
		return names, nil
	}
	if s := rollout.StateOf(pod); s.Reason != "" && s.Container != "" {
		return []string{s.Container}, nil
	}
	for _, s := range pod.Status.InitContainerStatuses { // while one of them has not finished, its log is the one to read
		if s.State.Running != nil && (s.Started == nil || !*s.Started) {
			return []string{s.Name}, nil
		}
	}
	for _, s := range pod.Status.ContainerStatuses {
		if !s.Ready && s.State.Running != nil {
			return []string{s.Name}, nil
		}
	}
	return []string{mainOf(pod, in).Name}, nil
}

// instances are the logs of one container: of the instance that ended before the one that runs too, where that ended lately or what runs
// is not ready.
func instances(pod *corev1.Pod, name string, ask logAsk, now time.Time) []*logPart {
	all := statuses(pod)
	at := slices.IndexFunc(all, func(s corev1.ContainerStatus) bool { return s.Name == name })
	part := func(previous bool, ended *corev1.ContainerStateTerminated, head algesta.Text) *logPart {
		return &logPart{
			pod:       pod,
			container: name,
			previous:  previous,
			ended:     ended,
			head:      algesta.Say("{} of {}{}", algesta.Name(name), algesta.Name(pod.Name), head),
		}
	}
	if at < 0 {
		p := part(false, nil, nil)
		p.none = algesta.Say("{} of {} hasn't started yet ({}).", algesta.Name(name), algesta.Name(pod.Name), rollout.StateOf(pod).Word)
		return []*logPart{p}
	}
	s := all[at]
	last := s.LastTerminationState.Terminated
	var before *logPart
	if last != nil {
		before = part(true, last, algesta.Say(", the previous instance: {}", endOf(last, now)))
	}
	switch {
	case ask.previous && before == nil:
		p := part(true, nil, nil)
		p.none = algesta.Say("{} of {} has no earlier instance: it wasn't restarted in this pod.", algesta.Name(name), algesta.Name(pod.Name))
		return []*logPart{p}
	case ask.previous:
		return []*logPart{before}
	case s.State.Terminated != nil:
		return []*logPart{part(false, s.State.Terminated, algesta.Say(", {}", endOf(s.State.Terminated, now)))}
	case s.State.Running != nil:
		running := part(false, nil, runningFor(s, now))
		if before != nil && (!s.Ready || now.Sub(last.FinishedAt.Time) < lately) {
			return []*logPart{before, running}
		}
		return []*logPart{running}
	case before != nil: // it waits for its next start
		before.head = algesta.Say(
			"{} of {}, now {}; the last instance {}",
			algesta.Name(name),
			algesta.Name(pod.Name),
			waiting(s),
			endOf(last, now),
		)
		return []*logPart{before}
	}
	p := part(false, nil, nil)
	p.none = algesta.Say("{} of {} hasn't started yet: {}.", algesta.Name(name), algesta.Name(pod.Name), waiting(s))
	return []*logPart{p}
}

// runningFor is since when a container runs, where the kubelet has said so.
func runningFor(s corev1.ContainerStatus, now time.Time) algesta.Text {
	if s.State.Running.StartedAt.IsZero() {
		return nil
	}
	return algesta.Say(", running for {}", span(now.Sub(s.State.Running.StartedAt.Time)))
}

// waiting is why a container doesn't run.
func waiting(s corev1.ContainerStatus) string {
	if s.State.Waiting == nil || s.State.Waiting.Reason == "" {
		return "waiting"
	}
	return "waiting (" + quote(s.State.Waiting.Reason) + ")"
}

// endOf is how an instance ended: "ended 41 s ago with exit code 1 (Error) after 2 s".
func endOf(t *corev1.ContainerStateTerminated, now time.Time) string {
	out := fmt.Sprintf("ended %s ago with exit code %d", span(now.Sub(t.FinishedAt.Time)), t.ExitCode)
	if t.Reason != "" {
		out += " (" + quote(t.Reason) + ")"
	}
	if !t.StartedAt.IsZero() {
		out += " after " + span(t.FinishedAt.Sub(t.StartedAt.Time))
	}
	return out
}

// readParts reads the logs side by side, and cleans what was read.
func readParts(ctx context.Context, c Cluster, parts []*logPart, ask logAsk) {
	var reading conc.WaitGroup
	for _, p := range parts {
		if p.none != nil {
			continue
		}
		reading.Go(func() {
			options := corev1.PodLogOptions{Container: p.container, Previous: p.previous, Timestamps: true, TailLines: &ask.tail}
			if ask.since > 0 {
				options.SinceSeconds = new(int64((ask.since + time.Second - 1) / time.Second))
			}
			var raw []string
			raw, p.cut, p.err = c.Logs.GetLogs(ctx, p.pod.Namespace, p.pod.Name, options)
			p.lines, p.lost = cleanLines(raw, p.hide)
		})
	}
	reading.Wait()
}
