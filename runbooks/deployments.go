package runbooks

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sourcegraph/conc"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/rollout"
)

var _ = register(listEverywhere(Runbook{
	Name: "deployments",
	Aliases: []string{
		"workloads", "get deployments", "get deploy", "get all", "get statefulsets", "get statefulset", "get sts", "get daemonsets",
		"get daemonset", "get ds",
	},
	Verb:    "status",
	Summary: "List what runs in an environment: ready pods, version, restarts, since when, and the last change, the worst first.",
	Example: "deployments production",
	Rank:    20,
	Args:    append([]Arg{KindArg}, listArgs...),
	About:   About{Service: true, Environment: true, Workloads: true},
	Reads:   statusReads,
	Answer: func(ctx context.Context, c Cluster, in Input) (algesta.Report, error) {
		if !ofEnvironment(in) { // "get deploy api-gateway -n production"
			return answerStatus(ctx, c, in)
		}
		return answerWorkloads(ctx, c, in)
	},
}))

// KindArg is the kind of workload that a list is about, where kubectl's word for it was typed: "get sts" lists StatefulSets alone.
var KindArg = Arg{Name: "kind", Kind: TextArg, Hidden: true, Own: true, Summary: "the kind of workload alone"}

// statusReads are what a status of a service reads, and a list of everything that runs in an environment.
var statusReads = union(rollout.Reads, []string{
	"list horizontalpodautoscalers.autoscaling",
	"list deployments.apps",
	"list statefulsets.apps",
	"list daemonsets.apps",
	"list controllerrevisions.apps",
	"list replicasets.apps",
	"list pods",
})

// inPlace is what was read in a namespace for a list of its workloads.
type inPlace struct {
	deployments  appsv1.DeploymentList
	statefulSets appsv1.StatefulSetList
	daemonSets   appsv1.DaemonSetList
	sets         metav1.PartialObjectMetadataList // the ReplicaSets: whose they are, and since when they are there
	pods         corev1.PodList

	workloads []listed // of the three kinds
	beside    []listed // of ReplicaSets and pods
}

// readPlace reads a namespace for a list of its workloads, of those with these labels, "" for all.
func readPlace(ctx context.Context, c Cluster, namespace, selector string) *inPlace {
	p := &inPlace{workloads: make([]listed, 3), beside: make([]listed, 2)}
	p.sets.SetGroupVersionKind(appsv1.SchemeGroupVersion.WithKind("ReplicaSetList"))
	var reading conc.WaitGroup
	reading.Go(func() { p.workloads[0] = listAll(ctx, c, namespace, selector, "deployments", &p.deployments) })
	reading.Go(func() { p.workloads[1] = listAll(ctx, c, namespace, selector, "StatefulSets", &p.statefulSets) })
	reading.Go(func() { p.workloads[2] = listAll(ctx, c, namespace, selector, "DaemonSets", &p.daemonSets) })
	reading.Go(func() { p.beside[0] = listAll(ctx, c, namespace, "", "ReplicaSets", &p.sets) })
	reading.Go(func() { p.beside[1] = listAll(ctx, c, namespace, "", "pods", &p.pods) })
	reading.Wait()
	return p
}

// answerWorkloads lists what runs in an environment.
func answerWorkloads(ctx context.Context, c Cluster, in Input) (algesta.Report, error) {
	if _, err := selectorOf(in); err != nil {
		return algesta.Report{}, err
	}
	p := readPlace(ctx, c, in.Command.Target.Namespace, selectorArg.Text(in))
	unread := 0
	for _, l := range p.workloads {
		if l.err != nil {
			unread++
		}
	}
	if unread == len(p.workloads) {
		return unknownReport(whereOf(in), listed{what: "workloads", err: p.workloads[0].err}), nil
	}
	report := workloadsReport(p, in)
	if unread > 0 && report.Tone != algesta.Bad {
		report.Tone = algesta.Warning
	}
	return report, nil
}

// running is a workload as a row of the list has it.
type running struct {
	rollout.Controller
	name       string
	deployment *appsv1.Deployment // nil for another kind
	selector   *metav1.LabelSelector
	since      time.Time // zero where it isn't known
	outside    bool      // someone else rolled back to what runs: the change-cause is about an earlier time
	restarts   int32
	serving    []string // the versions of its ready pods, where some are not renewed yet
	renewed    int      // how many of these have the version that is wanted
	troubled   int      // pods of the version that is wanted that can't run as they are
}

// hide takes what the workload's template spells out out of a text: a list of a whole namespace tells it to nobody else.
func (r running) hide(text string) string {
	return newHidden([]string{r.name}, &r.Template.Spec).hide(text)
}

// The ranks of workloads, the worst first.
const (
	noneReady = iota
	someReady
	stuck
	rollingOut
	allReady
	scaledToZero
)

func (r running) rank() int {
	switch {
	case r.Desired == 0:
		return scaledToZero
	case r.Ready == 0:
		return noneReady
	case r.Ready < r.Desired:
		return someReady
	case r.Done():
		return allReady
	case r.refused() || r.troubled > 0:
		return stuck
	}
	return rollingOut
}

// refused reports that the controller can't go on with a rollout as it is: pods or a ReplicaSet were refused, or its time is up.
func (r running) refused() bool {
	return r.deployment != nil && slices.ContainsFunc(r.deployment.Status.Conditions, func(c appsv1.DeploymentCondition) bool {
		return c.Type == appsv1.DeploymentReplicaFailure && c.Status == corev1.ConditionTrue ||
			c.Type == appsv1.DeploymentProgressing && c.Status == corev1.ConditionFalse
	})
}

// version is what a workload runs; while a rollout isn't over, what its ready pods still are as well: "12345 → 12344 (0 of 2)".
func (r running) version() string {
	wanted := versionsOf(r.Template.Spec)
	old := slices.DeleteFunc(slices.Clone(r.serving), func(v string) bool { return v == wanted })
	if len(old) == 0 {
		return wanted
	}
	return fmt.Sprintf("%s → %s (%d of %d)", strings.Join(old, ", "), wanted, r.renewed, r.Desired)
}

// versionsOf are the versions of a pod's containers.
func versionsOf(spec corev1.PodSpec) string {
	var versions []string
	for _, c := range spec.Containers {
		versions = append(versions, rollout.Version(c.Image))
	}
	return strings.Join(versions, ", ")
}

// workloadsReport is the answer made of what was read.
func workloadsReport(p *inPlace, in Input) algesta.Report {
	all, strangers := p.running()
	thing := "workload"
	if kind := KindArg.Text(in); kind != "" {
		thing, strangers = kind, 0
		all = slices.DeleteFunc(all, func(r running) bool { return r.Kind != kind })
	}
	slices.SortStableFunc(all, func(a, b running) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), cmp.Compare(b.restarts, a.restarts), strings.Compare(a.name, b.name))
	})
	ranks := [scaledToZero + 1]int{}
	table := algesta.Table{
		Head: withWide(in, []string{"workload", "kind", "ready", "version", "restarts", "since", "last change"}, "images", "selects"),
	}
	for _, r := range all {
		ranks[r.rank()]++
		row := p.row(r, in.Command.At)
		if isWide(in) {
			row = append(row, orDash(templateImages(r.Template.Spec)), orDash(quote(r.hide(metav1.FormatLabelSelector(r.selector)))))
		}
		table.Rows = append(table.Rows, row)
	}
	lost := p.lost(in)
	if KindArg.Given(in) { // services are Deployments
		lost = nil
	}
	table.Rows = slices.Concat(lostRows(lost, len(table.Head)), table.Rows)
	wanted := len(all) - ranks[scaledToZero] + len(lost)
	report := algesta.Report{
		Tone:  algesta.Good,
		Title: algesta.Say("{}: {} of {} ready", selectedIn(in), wanted-len(lost)-ranks[noneReady]-ranks[someReady], count(wanted, thing)),
	}
	switch {
	case ranks[noneReady] > 0:
		report.Tone = algesta.Bad
		report.Title = algesta.Say("{}, {} without a ready pod", report.Title, ranks[noneReady])
	case ranks[someReady] > 0, ranks[stuck] > 0:
		report.Tone = algesta.Warning
	case len(all)+len(lost) == 0:
		report.Tone, report.Title = algesta.Neutral, algesta.Say("{}: no {}s", selectedIn(in), thing)
	}
	if len(lost) > 0 {
		report.Tone = algesta.Bad
		report.Title = algesta.Say("{}, {} gone", report.Title, len(lost))
	}
	if n := ranks[stuck]; n > 0 {
		report.Title = algesta.Say("{}, {} with a rollout that doesn't come up", report.Title, n)
	}
	if n := ranks[rollingOut]; n > 0 {
		report.Title = algesta.Say("{}, {} rolling out", report.Title, n)
	}
	if n := ranks[scaledToZero]; n > 0 {
		report.Title = algesta.Say("{}, {} scaled to 0", report.Title, n)
	}
	said := slices.Concat(asTyped(in), notes(slices.Concat(p.workloads, p.beside)...))
	if KindArg.Given(in) && len(all) == 0 {
		said = append(said, algesta.Say("What runs there: {}", algesta.Name(in.Bot.Typed("deployments", whereOf(in)))))
	}
	if strangers > 0 && !selectorArg.Given(in) {
		pods := algesta.Name(in.Bot.Typed("pods", whereOf(in)))
		said = append(said, algesta.Say("Beside these: {} of jobs, or of nothing that makes pods again. {}", count(strangers, "pod"), pods))
	}
	return withTable(report, table, thing, said...)
}

// running are the workloads that were read, and how many pods belong to none of them.
func (p *inPlace) running() (all []running, strangers int) {
	for i := range p.deployments.Items {
		d := &p.deployments.Items[i]
		r := running{name: d.Name, deployment: d, selector: d.Spec.Selector, Controller: rollout.OfDeployment(d, nil)}
		r.TemplateHash = hashOfTemplate(d.Spec.Template)
		all = append(all, r)
	}
	for i := range p.statefulSets.Items {
		c, _ := rollout.OfStatefulSet(&p.statefulSets.Items[i]) // an error is about its hash, which is compared with a mark only
		all = append(all, running{name: p.statefulSets.Items[i].Name, selector: p.statefulSets.Items[i].Spec.Selector, Controller: c})
	}
	for i := range p.daemonSets.Items {
		c, _ := rollout.OfDaemonSet(&p.daemonSets.Items[i])
		all = append(all, running{name: p.daemonSets.Items[i].Name, selector: p.daemonSets.Items[i].Spec.Selector, Controller: c})
	}
	at := map[types.UID]int{}
	for i, r := range all {
		at[r.UID] = i
	}
	for _, set := range p.sets.Items {
		owner := metav1.GetControllerOf(&set)
		if owner == nil {
			continue
		}
		i, known := at[owner.UID]
		if !known {
			continue
		}
		at[set.UID] = i
		if set.Annotations[rollout.RevisionAnnotation] == all[i].Annotations[rollout.RevisionAnnotation] {
			began, noted := facts.Began(all[i].deployment, &set, all[i].TemplateHash)
			all[i].since, all[i].outside = began, !noted
		}
	}
	for i := range p.pods.Items {
		pod := &p.pods.Items[i]
		owner := metav1.GetControllerOf(pod)
		if owner == nil {
			strangers++
			continue
		}
		at, known := at[owner.UID]
		if !known {
			strangers++
			continue
		}
		all[at].restarts += rollout.Restarts(pod)
		if versionsOf(pod.Spec) == versionsOf(all[at].Template.Spec) && rollout.StateOf(pod).Reason != "" {
			all[at].troubled++
		}
		if v := versionsOf(pod.Spec); all[at].Updated < all[at].Total && rollout.IsReady(pod) {
			if !slices.Contains(all[at].serving, v) {
				all[at].serving = append(all[at].serving, v)
			}
			if v == versionsOf(all[at].Template.Spec) {
				all[at].renewed++
			}
		}
		if made := pod.CreationTimestamp.Time; owner.Kind != "ReplicaSet" && (all[at].since.IsZero() || made.Before(all[at].since)) {
			all[at].since = made
		}
	}
	return all, p.strange(strangers)
}

// strange is how many pods are known to belong to no workload: nothing is where a kind between them and their workload wasn't read.
func (p *inPlace) strange(n int) int {
	for _, l := range slices.Concat(p.workloads, p.beside) {
		if l.err != nil || l.part != nil {
			return 0
		}
	}
	return n
}

// hashOfTemplate is the hash that says what a mark of the bot is about; "" where there is none, which fits no mark.
func hashOfTemplate(t corev1.PodTemplateSpec) string {
	b, err := json.Marshal(t)
	if err != nil {
		return ""
	}
	hash, err := algesta.TemplateHash(b)
	if err != nil {
		return ""
	}
	return hash
}

func (p *inPlace) row(r running, now time.Time) []algesta.Text {
	restarts, since := "–", "–"
	if p.beside[0].err == nil && p.beside[1].err == nil {
		restarts = fmt.Sprint(r.restarts)
	}
	if at, ok := algesta.TemplateChangedAt(r.Annotations, r.TemplateHash); ok && r.deployment == nil && at.After(r.since) {
		r.since = at
	}
	if !r.since.IsZero() {
		since = span(now.Sub(r.since))
	}
	change := rollout.CauseOf(r.Annotations, r.TemplateHash)
	if r.outside {
		change = rollout.ChangedOutside
	}
	if change != "" {
		change = rollout.InQuotes(shorten(r.hide(change), longestCause)) // before it is cut: half a value isn't recognized
	}
	return []algesta.Text{
		algesta.Say("{}", algesta.Name(r.name)), algesta.Say("{}", r.Kind), algesta.Say("{} of {}", r.Ready, r.Desired),
		orDash(quote(r.version())), algesta.Say("{}", restarts), algesta.Say("{}", since), orDash(change),
	}
}
