package runbooks

import (
	"context"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout"
)

var _ = register(Runbook{
	Name:    "describe",
	Aliases: []string{"desc"},
	Verb:    "describe",
	Summary: "Describe one object: how it is and since when, why, what it's made of, its variables without secrets, and its last " +
		"events.",
	Example: "describe api-gateway production",
	Rank:    42,
	About:   About{Service: true, Kinds: describedKinds},
	Args:    lookArgs,
	Reads: union(rollout.Reads, wiringReads, []string{
		"list deployments.apps",
		"list statefulsets.apps",
		"list daemonsets.apps",
		"list replicasets.apps",
		"list jobs.batch",
		"list cronjobs.batch",
		"list pods",
		"list configmaps",
		"list persistentvolumeclaims",
		"list poddisruptionbudgets.policy",
		"list events",
	}),
	Answer: answerDescribe,
})

// describedKinds are the kinds that no other command says more about. The rest of kubectl's describe is an alias of the command about that
// kind.
var describedKinds = []string{
	podKind, "Service", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob", "ConfigMap", "PersistentVolumeClaim",
	"PodDisruptionBudget",
}

// describers describe one object of a kind.
var describers = map[string]func(context.Context, Cluster, *description) error{
	"pod":                   describePod,
	"deployment":            describeWorkload,
	"statefulset":           describeWorkload,
	"daemonset":             describeWorkload,
	"service":               describeService,
	"replicaset":            describeReplicaSet,
	"job":                   describeJob,
	"cronjob":               describeCronJob,
	"configmap":             describeConfigMap,
	"persistentvolumeclaim": describeClaim,
	"poddisruptionbudget":   describeBudget,
}

// description is an answer while it's put together: what matters comes first.
type description struct {
	in         Input
	kind       algesta.Kind
	name       string // as it was typed; of the object once it was read
	report     algesta.Report
	first      []algesta.Text // what is wrong
	fields     []algesta.Field
	tables     []algesta.Block
	said       []algesta.Text
	hide       func(string) string // removes what its pods spell out, and what their Secrets hold, from a text
	hidden     *hidden             // what its pods and their variables hold
	ofWorkload bool                // the events of what it makes are its own, too
}

func answerDescribe(ctx context.Context, c Cluster, in Input) (algesta.Report, error) {
	word, name, isObject := strings.Cut(in.Command.Target.Object, "/")
	if !isObject {
		word, name = strings.ToLower(orElse(in.Workload.Kind, "Deployment")), in.Workload.Name
	}
	kind, _ := algesta.KindOf(word)
	describe, known := describers[word]
	if !known {
		return algesta.Report{}, refusal(
			algesta.Say("I can't describe a {}.", word), algesta.Say("{} says which commands there are.", algesta.Name(in.Bot.Typed("help"))),
		)
	}
	d := &description{in: in, kind: kind, name: name, hidden: hiddenOf(in, []string{name})}
	d.hide = d.hidden.hide
	if err := describe(ctx, c, d); err != nil {
		return algesta.Report{}, err
	}
	return d.hidden.values.Report(d.whole(ctx, c)), nil
}

// whole is the answer, with the events last.
func (d *description) whole(ctx context.Context, c Cluster) algesta.Report {
	if len(d.report.Body) > 0 { // it says that nothing could be read
		return d.report
	}
	d.report.Body = append(d.report.Body, lines(d.first)...)
	if len(d.fields) > 0 {
		d.report.Body = append(d.report.Body, algesta.Block{Fields: d.fields})
	}
	d.report.Body = append(d.report.Body, d.tables...)
	d.report.Body = append(d.report.Body, lines(d.said)...)
	d.report.Body = append(d.report.Body, d.events(ctx, c)...)
	d.report.Body = append(d.report.Body, lines(asTyped(d.in))...)
	return d.report
}

// called is the object in its environment: "`api-gateway` in production".
func (d *description) called() algesta.Text {
	return algesta.Say("{} in {}", algesta.Name(d.name), whereOf(d.in))
}

func (d *description) title(tone algesta.Tone, format string, args ...any) {
	d.report.Tone, d.report.Title = tone, algesta.Say("{}: {}", d.called(), algesta.Say(format, args...))
}

// field adds what is known; what isn't gets no row.
func (d *description) field(label string, value any) {
	text, isText := value.(algesta.Text)
	if !isText {
		text = algesta.Say("{}", value)
	}
	if len(text) > 0 && text.String() != "" {
		d.fields = append(d.fields, algesta.Field{Label: label, Value: text})
	}
}

// wrong adds a sentence about what is wrong.
func (d *description) wrong(format string, args ...any) {
	d.first = append(d.first, algesta.Say(format, args...))
}

func (d *description) say(format string, args ...any) {
	d.said = append(d.said, algesta.Say(format, args...))
}

// table adds one, its first rows alone where it's long.
func (d *description) table(t algesta.Table, thing string, most int) {
	if len(t.Rows) == 0 {
		return
	}
	hidden := len(t.Rows) - most
	if hidden > 0 {
		t.Rows = t.Rows[:most]
	}
	d.tables = append(d.tables, algesta.Block{Table: &t})
	if hidden > 0 {
		d.tables = append(d.tables, algesta.Block{Text: algesta.Say("{} not shown.", count(hidden, "more "+thing))})
	}
}

// read finds the object in a typed list and fills it in: by the name that was typed, or, as people call services, with the environment
// behind it. Where it can't be read the answer says so, and found is false.
func (d *description) read(ctx context.Context, c Cluster, into runtime.Object) (found runtime.Object, err error) {
	for _, name := range d.names() {
		if _, err := listSome(
			ctx,
			c,
			d.in.Command.Target.Namespace,
			fields.OneTermEqualSelector("metadata.name", name).String(),
			1,
			into,
		); err != nil {
			d.report = unreadable(d.in, d.kind.Plural, err)
			return nil, nil // the report says so
		}
		items, err := meta.ExtractList(into)
		if err != nil {
			return nil, err
		}
		for _, item := range items {
			if o, err := meta.Accessor(item); err == nil && o.GetName() == name {
				d.name = name
				return item, nil
			}
		}
	}
	return nil, d.noSuch()
}

// names are what an object may be called that was typed like this.
func (d *description) names() []string {
	switch d.kind.Name {
	case "Deployment", "StatefulSet", "DaemonSet", "Service":
		t := d.in.Command.Target
		names := []string{d.name}
		for _, name := range []string{d.name + "-" + t.Namespace, d.name + "-" + t.Environment} {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
		return names
	}
	return []string{d.name}
}

func (d *description) noSuch() error {
	hint := algesta.Say("What runs there: {}", algesta.Name(d.in.Bot.Typed("deployments", whereOf(d.in))))
	switch d.kind.Name {
	case podKind:
		hint = algesta.Say("It may have been replaced. The pods that there are: {}", algesta.Name(d.in.Bot.Typed("pods", whereOf(d.in))))
	case "Service":
		hint = algesta.Say("Those that there are: {}", algesta.Name(d.in.Bot.Typed("services", whereOf(d.in))))
	case "ConfigMap", "PersistentVolumeClaim", "PodDisruptionBudget":
		hint = algesta.Say("Names are told exactly as they are in the cluster.")
	}
	return &algesta.Error{
		Kind: algesta.ErrNotFound, Hint: hint,
		Message: algesta.Say("There's no {} {} in {}.", d.kind.Name, algesta.Name(quote(d.name)), whereOf(d.in)),
	}
}

// about adds what every object has: age, who made it, labels, and those annotations that are useful to people.
func (d *description) about(o metav1.Object) {
	if made := o.GetCreationTimestamp(); !made.IsZero() {
		d.field("age", span(d.in.Command.At.Sub(made.Time)))
	}
	if deleted := o.GetDeletionTimestamp(); deleted != nil {
		d.wrong("It's being deleted, since {}.", algesta.AtDay(deleted.Time))
		if waits := o.GetFinalizers(); len(waits) > 0 {
			d.wrong("What has to be done before it's gone: {}.", d.quote(list(clipped(waits))))
		}
	}
	if owner := metav1.GetControllerOfNoCopy(o); owner != nil {
		d.field("made by", algesta.Say("{} {}", d.quote(owner.Kind), algesta.Name(d.quote(owner.Name))))
	}
	d.field("managed by", d.quote(managerOf(o)))
	d.field("labels", d.labels(o.GetLabels()))
	shown, hidden := shownAnnotations(o.GetAnnotations(), d.hide)
	if hidden > 0 && shown != "" {
		shown += ", "
	}
	if hidden > 0 {
		shown += count(hidden, "more") // without a plural
		shown = strings.TrimSuffix(shown, "s")
	}
	d.field("annotations", shown)
}

// managerOf is the tool that keeps an object, by the tool's own marks (see ownerWarnings); "" for none.
func managerOf(o metav1.Object) string {
	marks, labels := o.GetAnnotations(), o.GetLabels()
	app, _, _ := strings.Cut(marks["argocd.argoproj.io/tracking-id"], ":")
	switch {
	case app != "":
		return "Argo CD (app " + app + ")"
	case labels["kustomize.toolkit.fluxcd.io/name"] != "":
		return "Flux (Kustomization " + labels["kustomize.toolkit.fluxcd.io/name"] + ")"
	case labels["helm.toolkit.fluxcd.io/name"] != "":
		return "Flux (HelmRelease " + labels["helm.toolkit.fluxcd.io/name"] + ")"
	case marks["meta.helm.sh/release-name"] != "":
		return "Helm (release " + marks["meta.helm.sh/release-name"] + ")"
	case marks[corev1.LastAppliedConfigAnnotation] != "":
		return "kubectl apply: the next apply brings back what it says"
	}
	return ""
}

// longestAnnotation is how long one may be that is shown: longer ones are written for programs.
const longestAnnotation = 100

// shownAnnotations are those that are short, plain and written for people, and how many others there are.
func shownAnnotations(all map[string]string, hide func(string) string) (shown string, hidden int) {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		value := all[name]
		if name == rollout.RevisionAnnotation || name == corev1.LastAppliedConfigAnnotation { // they have a row of their own
			continue
		}
		structured := strings.HasPrefix(value, "{") || strings.HasPrefix(value, "[")
		if structured || len(value) > longestAnnotation || strings.ContainsAny(value, "\n") || !isPlain(name, value) {
			hidden++
			continue
		}
		out = append(out, name+"="+value)
	}
	return quote(hide(strings.Join(out, ", "))), hidden
}
