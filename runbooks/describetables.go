package runbooks

import (
	"cmp"
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/redact/podspec"
	"github.com/3astronautas/algesta/rollout"
)

// The bounds of the tables below an object.
const (
	mostOwnEvents    = 10
	mostEventsRead   = 200
	mostOwnPods      = 10
	mostOwnVariables = 25
)

// events are what Kubernetes said lately about the object, and of what it makes.
func (d *description) events(ctx context.Context, c Cluster) []algesta.Block {
	found := readEvents(ctx, c, d.in.Command.Target.Namespace)
	said := notes(found.read)
	if found.read.err != nil {
		return lines(said)
	}
	for _, note := range notes(found.podsRead) {
		if !slices.ContainsFunc(d.said, func(t algesta.Text) bool { return t.String() == note.String() }) {
			said = append(said, note)
		}
	}
	own := slices.DeleteFunc(found.events, func(e corev1.Event) bool {
		if d.ofWorkload {
			return !ofWorkload(e.InvolvedObject, d.name)
		}
		return e.InvolvedObject.Kind != d.kind.Name || e.InvolvedObject.Name != d.name
	})
	for i := range own {
		own[i].Message = d.hide(own[i].Message)
	}
	folded := foldEvents(own)
	if len(folded) == 0 {
		return lines(append(said, algesta.Say("No events about it in the last hour.")))
	}
	table := eventsTable(folded[:min(mostOwnEvents, len(folded))], d.in.Command.At, found.quotable())
	said = append(said, found.leftOut()...)
	if more := len(folded) - mostOwnEvents; more > 0 {
		rest := algesta.Name(d.in.Bot.Typed("events", d.in.Command.Target.Service, whereOf(d.in)))
		said = append(said, algesta.Say("{} not shown: {}", count(more, "more event"), rest))
	}
	return append([]algesta.Block{{Table: &table}}, lines(said)...)
}

// hiding hides what must not be shown in texts about the object's pods.
func (d *description) hiding(ctx context.Context, c Cluster, spec corev1.PodSpec) {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: d.in.Command.Target.Namespace, Name: d.name}, Spec: spec}
	d.hidden = hiddenOf(d.in, []string{d.name}, &spec)
	ofSecrets, unread := hiding(ctx, c, pod, d.in.Command.At)
	d.hide = func(text string) string { return ofSecrets(d.hidden.hide(text)) }
	d.said = append(d.said, notRecognized(unread)...)
}

// quote is a text as it may be shown: without what is hidden, and only then cut.
func (d *description) quote(text string) string { return quote(d.hide(text)) }

func (d *description) labels(all map[string]string) string { return labelsOf(all, d.hide) }

// variables adds the environment of containers, as the command env shows it.
func (d *description) variables(ctx context.Context, c Cluster, spec corev1.PodSpec) {
	sources := &envSources{
		ctx: ctx, c: c, namespace: d.in.Command.Target.Namespace, maps: map[string]configMapRead{}, keys: map[string]keysRead{},
	}
	table := algesta.Table{Head: []string{"variable", "value", "from", "container"}}
	var all []variable
	var missing, others [][]algesta.Text
	for i := range spec.Containers {
		found, problems := sources.variables(&spec.Containers[i])
		all, d.first = append(all, found...), append(d.first, problems...)
	}
	d.hidden.hideInVariables(all)
	for _, v := range all {
		row := []algesta.Text{
			algesta.Say("{}", algesta.Name(quote(v.name))),
			v.shown(),
			algesta.Say("{}", quote(v.from)),
			algesta.Say("{}", v.container),
		}
		if v.missing {
			missing = append(missing, row)
		} else {
			others = append(others, row)
		}
	}
	table.Rows = append(missing, others...)
	d.table(table, "variable", mostOwnVariables)
	d.said = append(d.said, sources.notes()...)
}

// podsTable adds pods, the worst first.
func (d *description) podsTable(pods []*corev1.Pod) {
	pods = slices.Clone(pods)
	slices.SortStableFunc(pods, func(a, b *corev1.Pod) int {
		return cmp.Or(cmp.Compare(podRank(a), podRank(b)), cmp.Compare(rollout.Restarts(b), rollout.Restarts(a)), cmp.Compare(a.Name, b.Name))
	})
	d.table(podsTable(pods, Input{Command: algesta.Command{At: d.in.Command.At}}), "pod", mostOwnPods)
}

// podsThat reads the pods of the namespace that fit, and says where they could not be read.
func (d *description) podsThat(ctx context.Context, c Cluster, fits func(*corev1.Pod) bool) (pods []*corev1.Pod, known bool) {
	var all corev1.PodList
	read := listAll(ctx, c, d.in.Command.Target.Namespace, "", "pods", &all)
	d.said = append(d.said, notes(read)...)
	var specs []*corev1.PodSpec
	for i := range all.Items {
		specs = append(specs, &all.Items[i].Spec)
		if fits(&all.Items[i]) {
			pods = append(pods, &all.Items[i])
		}
	}
	d.hidden.add(podspec.Secrets(specs...))
	return pods, read.err == nil && read.part == nil
}
