package runbooks

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout"
)

var (
	brokenArg   = Arg{Name: "broken", Kind: SwitchArg, Summary: "only those that are in trouble or not ready"}
	wideArg     = Arg{Name: "wide", Kind: SwitchArg, Summary: "also their addresses and images, as kubectl's -o wide"}
	labelsArg   = Arg{Name: "labels", Aliases: []string{"show-labels"}, Kind: SwitchArg, Summary: "also their labels"}
	selectorArg = Arg{
		Name:    "selector",
		Aliases: []string{"l"},
		Kind:    TextArg,
		Summary: "only those with these labels, such as app=api-gateway",
	}
)

// listOfPods reports whether more or fewer was asked for than the pods of a service as they are usually shown.
func listOfPods(in Input) bool {
	return in.Command.Args.Bool(brokenArg.Name) || isWide(in) || in.Command.Args.Bool(labelsArg.Name) || selectorArg.Given(in) ||
		fieldsArg.Given(in)
}

func isWide(in Input) bool { return in.Command.Args.Bool(wideArg.Name) || outputArg.Given(in) }

// podsOf answers for the pods of a whole environment, or for one of them.
func podsOf(ctx context.Context, c Cluster, in Input) (algesta.Report, error) {
	chosen, err := podFieldsOf(in)
	if _, wrong := selectorOf(in); wrong != nil || err != nil {
		return algesta.Report{}, cmp.Or(wrong, err)
	}
	namespace, name := in.Command.Target.Namespace, strings.TrimPrefix(in.Command.Target.Object, podPrefix)
	var list corev1.PodList
	if in.Command.Target.Object != wholePlace {
		return onePod(ctx, c, in, name)
	}
	read := listPods(ctx, c, in, namespace, &list)
	if read.err != nil {
		return unknownReport(whereOf(in), read), nil //nolint:nilerr // the report says so
	}
	list.Items = withFields(list.Items, chosen)
	all := make([]*corev1.Pod, len(list.Items))
	for i := range list.Items {
		all[i] = &list.Items[i]
	}
	return podsReport(all, algesta.Say("{}", whereOf(in)), in, notes(read)...), nil
}

// How a target names a pod, and an environment as a whole.
const (
	podPrefix  = "pod/"
	wholePlace = "namespace"
)

// selectorOf is the label selector that was typed, everything where none was.
func selectorOf(in Input) (labels.Selector, error) {
	typed := selectorArg.Text(in)
	selector, err := labels.Parse(typed)
	if err != nil {
		return nil, &algesta.Error{
			Kind: algesta.ErrUsage, Err: err, Message: algesta.Say("I can't read the label selector {}.", algesta.Name(quote(typed))),
			Hint: algesta.Say("For example: {}", algesta.Name(in.Bot.Typed("pods", whereOf(in), "-l app=api-gateway"))),
		}
	}
	return selector, nil
}

// podsReport lists pods, the worst first. where is what they are the pods of.
func podsReport(all []*corev1.Pod, where algesta.Text, in Input, more ...algesta.Text) algesta.Report {
	where = withSelectors(where, in)
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b *corev1.Pod) int {
		return cmp.Or(cmp.Compare(podRank(a), podRank(b)), cmp.Compare(rollout.Restarts(b), rollout.Restarts(a)), cmp.Compare(a.Name, b.Name))
	})
	ranks := [endedPod + 1]int{}
	for _, pod := range all {
		ranks[podRank(pod)]++
	}
	report := algesta.Report{Tone: algesta.Good, Title: podsTitle(where, ranks)}
	if len(all) == 0 && fieldsArg.Given(in) { // a pod that has ended may have been asked for
		report.Title = algesta.Say("{}: no pods", where)
	}
	switch {
	case oneIsDown(all):
		report.Tone = algesta.Bad
	case ranks[troubledPod]+ranks[unreadyPod] > 0:
		report.Tone = algesta.Warning
	case len(all) == 0:
		report.Tone = algesta.Neutral
	}
	if in.Command.Args.Bool(brokenArg.Name) {
		all = all[:ranks[troubledPod]+ranks[unreadyPod]]
	}
	return withTable(report, podsTable(all, in), "pod", slices.Concat(asTyped(in), more)...)
}

// oneIsDown reports whether no pod of one of the workloads is ready, as a status and a list of workloads have it: while others of it serve,
// a pod that can't run is a warning. A job serves nobody.
func oneIsDown(all []*corev1.Pod) bool {
	serves := map[string]bool{}
	for _, pod := range all {
		owner, state := pod.Name, podRank(pod)
		if by := metav1.GetControllerOf(pod); by != nil && by.Kind == "Job" || state == endedPod {
			continue
		} else if by != nil {
			owner = strings.TrimSuffix(by.Name, "-"+pod.Labels[appsv1.DefaultDeploymentUniqueLabelKey])
		}
		serves[owner] = serves[owner] || state == readyPod
	}
	return slices.Contains(slices.Collect(maps.Values(serves)), false)
}

// withSelectors is what pods are the pods of, with what was chosen among them.
func withSelectors(where algesta.Text, in Input) algesta.Text {
	for _, a := range []Arg{selectorArg, fieldsArg} {
		if typed := a.Text(in); typed != "" {
			where = algesta.Say("{} with {}", where, algesta.Name(quote(typed)))
		}
	}
	return where
}

// The states of pods, the worst first.
const (
	troubledPod = iota
	unreadyPod
	readyPod
	endedPod
)

func podRank(pod *corev1.Pod) int {
	switch s := rollout.StateOf(pod); {
	case s.Reason != "":
		return troubledPod
	case s.Word == "ready":
		return readyPod
	case pod.Status.Phase == corev1.PodSucceeded:
		return endedPod
	}
	return unreadyPod
}

func podsTitle(where algesta.Text, ranks [endedPod + 1]int) algesta.Text {
	meant := ranks[troubledPod] + ranks[unreadyPod] + ranks[readyPod]
	title := algesta.Say("{}: {} of {} ready", where, ranks[readyPod], count(meant, "pod"))
	if meant == 0 {
		title = algesta.Say("{}: no pod runs", where)
	}
	if n := ranks[troubledPod]; n > 0 {
		title = algesta.Say("{}, {} in trouble", title, n)
	}
	if n := ranks[endedPod]; n > 0 {
		title = algesta.Say("{}, {} ended", title, n)
	}
	return title
}

func podsTable(pods []*corev1.Pod, in Input) algesta.Table {
	t := algesta.Table{Head: []string{"pod", "state", "restarts", "age", "node"}}
	wide, labelled := isWide(in), in.Command.Args.Bool(labelsArg.Name)
	hide := noHiding
	if labelled {
		specs := make([]*corev1.PodSpec, len(pods))
		for i, pod := range pods {
			specs[i] = &pod.Spec
		}
		hide = hiddenOf(in, nil, specs...).hide
	}
	if wide {
		t.Head = append(t.Head, "ip", "image")
	}
	if labelled {
		t.Head = append(t.Head, "labels")
	}
	for _, pod := range pods {
		row := podRow(pod, in.Command.At)
		row[0] = algesta.Say("{}", algesta.Name(pod.Name)) // pods of several services don't share the beginning of their names
		if wide {
			row = append(row, orDash(quote(pod.Status.PodIP)), orDash(imagesOf(pod)))
		}
		if labelled {
			row = append(row, orDash(labelsOf(pod.Labels, hide)))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func imagesOf(pod *corev1.Pod) string {
	var images []string
	for _, c := range pod.Spec.Containers {
		images = append(images, rollout.ShortImage(c.Image))
	}
	return quote(strings.Join(images, ", "))
}

// labelsOf are labels as kubectl prints them, with what must not be shown hidden before they are cut.
func labelsOf(all map[string]string, hide func(string) string) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		out = append(out, name+"="+all[name])
	}
	return quote(hide(strings.Join(out, ", ")))
}

// onePod answers for a single pod: what kubectl's users look up with -o jsonpath is in it.
func onePod(ctx context.Context, c Cluster, in Input, name string) (algesta.Report, error) {
	var list corev1.PodList
	const most = 1
	if _, err := listSome(ctx, c, in.Command.Target.Namespace, "metadata.name="+name, most, &list); err != nil {
		return unknownReport(whereOf(in), listed{what: "pods", err: err}), nil //nolint:nilerr // the report says so
	}
	i := slices.IndexFunc(list.Items, func(p corev1.Pod) bool { return p.Name == name })
	if i < 0 {
		return algesta.Report{}, &algesta.Error{
			Kind: algesta.ErrNotFound, Message: algesta.Say("There's no pod {} in {}.", algesta.Name(name), whereOf(in)),
			Hint: algesta.Say("It may have been replaced. The pods that there are: {}", algesta.Name(in.Bot.Typed("pods", whereOf(in)))),
		}
	}
	pod := &list.Items[i]
	hidden := hiddenOf(in, []string{pod.Name}, &pod.Spec)
	s := rollout.StateOf(pod)
	report := algesta.Report{
		Tone:  []algesta.Tone{algesta.Bad, algesta.Warning, algesta.Good, algesta.Neutral}[podRank(pod)],
		Title: algesta.Say("{} in {}: {}, {}", algesta.Name(pod.Name), whereOf(in), s.Word, count(rollout.Restarts(pod), "restart")),
	}
	fields := []algesta.Field{
		{Label: "node", Value: orDash(quote(pod.Spec.NodeName))},
		{Label: "ip", Value: orDash(quote(pod.Status.PodIP))},
		{Label: "age", Value: algesta.Say("{}", span(in.Command.At.Sub(pod.CreationTimestamp.Time)))},
		{Label: "image", Value: orDash(imagesOf(pod))},
		{Label: "labels", Value: orDash(labelsOf(pod.Labels, hidden.hide))},
	}
	var notes []algesta.Text
	if s.Reason != "" {
		why := algesta.Say("{}", quote(s.Reason))
		if s.Message != "" {
			hide, unread := hidingSecrets(ctx, c, pod.Namespace, secretsOf(pod.Spec))
			why, notes = algesta.Say("{}: {}", quote(s.Reason), quote(hide(hidden.hide(s.Message)))), notRecognized(unread)
		}
		fields = append([]algesta.Field{{Label: "reason", Value: why}}, fields...)
	}
	report.Body = append(report.Body, algesta.Block{Fields: fields})
	report.Body = append(report.Body, lines(append(asTyped(in), notes...))...)
	return hidden.values.Report(report), nil
}
