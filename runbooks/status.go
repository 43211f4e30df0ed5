package runbooks

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/sourcegraph/conc"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout"
)

var _ = register(Runbook{
	Name:    "status",
	Aliases: []string{"rollout status", "get"},
	Verb:    "status",
	Summary: "Show what's running, since when, and whether it's healthy: a service, or a whole environment.",
	Example: "status api-gateway production",
	Rank:    10,
	About:   About{Service: true, Environment: true, Workloads: true},
	Args: append([]Arg{
		{Name: "timeout", Kind: TextArg, Hidden: true, Summary: "kubectl's: how long it would watch"},
	}, lookArgs...),
	Reads:   statusReads,
	Settled: rolledOut,
	Answer:  answerStatus,
})

// rolledOut says of a service that its rollout is complete, which ends kubectl's rollout status, too. An environment as a whole never is.
func rolledOut(ctx context.Context, c Cluster, in Input) (algesta.Text, error) {
	if ofEnvironment(in) {
		return nil, nil
	}
	r, err := rollout.Look(ctx, c.Rollout(), in.Workload)
	if err != nil {
		return nil, err
	}
	if !r.Done() {
		return nil, nil
	}
	return algesta.Say("The rollout is complete."), nil
}

func answerStatus(ctx context.Context, c Cluster, in Input) (algesta.Report, error) {
	if ofEnvironment(in) {
		return answerWorkloads(ctx, c, in)
	}
	var wg conc.WaitGroup
	var r rollout.Rollout
	var err, scalersErr error
	var hpas autoscalingv2.HorizontalPodAutoscalerList
	wg.Go(func() { r, err = rollout.Look(ctx, c.Rollout(), in.Workload) })
	wg.Go(func() { scalersErr = c.List(ctx, in.Workload.Namespace, "", &hpas) })
	wg.Wait()
	if err != nil {
		return algesta.Report{}, err
	}
	if r.Controller == nil {
		return algesta.Report{}, gone(in)
	}
	report := algesta.Report{Tone: toneOf(r), Title: headline(r, in)}
	scalers := scalersOf(hpas.Items, in.Workload)
	report.Body = append(report.Body, algesta.Block{Fields: fieldsOf(r, in, scalers)})
	var notes []algesta.Text
	if t, trouble := r.Trouble(in.Command.At); trouble {
		notes = append(notes, t)
	}
	if r.Unread != nil {
		notes = append(notes, notChecked("pods", r.Unread))
	}
	if scalersErr != nil {
		notes = append(notes, notChecked("autoscalers", scalersErr))
	}
	notes = append(notes, asTyped(in)...)
	if format := outputArg.Text(in); format != "" && format != "wide" {
		notes = append(notes, algesta.Say("{} shows more of it.", command(in, "describe", "")))
	}
	if len(notes) > 0 {
		report.Body = append(report.Body, algesta.Block{List: notes})
	}
	if table := podTable(r, in.Command.At, statusPods); len(table.Rows) > 0 {
		report.Body = append(report.Body, algesta.Block{Table: &table}, algesta.Block{Text: beginnings(r.Pods)})
	}
	if len(r.Pods) > statusPods {
		report.Body = append(report.Body, algesta.Block{Text: algesta.Say("{} more: {}", len(r.Pods)-statusPods, command(in, "pods", ""))})
	}
	return report, nil
}

// statusPods is how many pods a status lists; the runbook pods lists them all.
const statusPods = 10

// ofEnvironment reports whether a command is about an environment as a whole: it names no service, and no workload by its kind.
func ofEnvironment(in Input) bool {
	return in.Command.Target.Object != "" && in.Workload.Kind != statefulSetKind && in.Workload.Kind != daemonSetKind
}

// gone is the error for a workload that is not in the cluster.
func gone(in Input) error {
	return &algesta.Error{
		Kind: algesta.ErrNotFound,
		Message: algesta.Say(
			"There's no {} {} in namespace {}.", thingOf(in.Workload.Kind), algesta.Name(in.Workload.Name), algesta.Name(in.Workload.Namespace),
		),
		Hint: algesta.Say("It may have been deleted or renamed."),
	}
}

// headline is the answer in one line: "`api-gateway` in production: 4 of 4 ready on 12345 since 3 days".
func headline(r rollout.Rollout, in Input) algesta.Text {
	d := r.Controller
	image := rollout.MainContainer(d.Template, in.Command.Target.Service).Image
	fresh, old := r.Ready()
	switch {
	case r.Desired() == 0:
		return algesta.Say("{}: scaled to 0 pods, nothing runs (version {})", subject(in), quote(rollout.Version(image)))
	case d.Paused:
		return algesta.Say("{}: {} of {} ready, rollouts are paused", subject(in), fresh+old, r.Desired())
	case old > 0 && inTrouble(r, in.Command.At):
		return algesta.Say(
			"{}: {} doesn't come up, {} of {} ready; {} still {}", subject(in), quote(rollout.Version(image)), fresh, r.Desired(),
			oldPods(r, in, old), map[bool]string{true: "serves", false: "serve"}[old == 1],
		)
	case old == 0 && inTrouble(r, in.Command.At): // all that runs is of this version
		return algesta.Say("{}: {} of {} ready on {}", subject(in), fresh, r.Desired(), quote(rollout.Version(image)))
	case !r.Done() || old > 0 && fresh < int(r.Desired()):
		return algesta.Say(
			"{}: rolling out {}, {} of {} ready, {} old serving",
			subject(in),
			quote(rollout.Version(image)),
			fresh,
			r.Desired(),
			old,
		)
	}
	return algesta.Say("{}: {} of {} ready on {}{}", subject(in), fresh, r.Desired(), quote(rollout.Version(image)), since(r, in.Command.At))
}

// inTrouble reports whether pods of the current revision cannot run as they are.
func inTrouble(r rollout.Rollout, now time.Time) bool {
	_, trouble := r.Trouble(now)
	return trouble
}

// oldPods are the pods of older revisions that are ready, with their version where that is one: "2 old pods on 12344".
func oldPods(r rollout.Rollout, in Input, ready int) algesta.Text {
	out := algesta.Say("{}", count(ready, "old pod"))
	_, old := r.Split()
	var versions []string
	for _, pod := range old {
		if v := quote(rollout.Version(mainOf(pod, in).Image)); rollout.IsReady(pod) && !slices.Contains(versions, v) {
			versions = append(versions, v)
		}
	}
	if len(versions) == 1 {
		return algesta.Say("{} on {}", out, versions[0])
	}
	return out
}

// since is " since 3 days": how long the current revision is the current one, as far as its ReplicaSet shows.
func since(r rollout.Rollout, now time.Time) string {
	fresh, _ := r.Split()
	if len(fresh) == 0 {
		return ""
	}
	oldest := fresh[0].CreationTimestamp.Time
	for _, pod := range fresh {
		if pod.CreationTimestamp.Time.Before(oldest) {
			oldest = pod.CreationTimestamp.Time
		}
	}
	return ", oldest pod " + span(now.Sub(oldest))
}

func toneOf(r rollout.Rollout) algesta.Tone {
	fresh, old := r.Ready()
	switch {
	case r.Desired() == 0:
		return algesta.Neutral
	case r.Done() && fresh >= int(r.Desired()):
		return algesta.Good
	case fresh+old == 0:
		return algesta.Bad
	}
	return algesta.Warning
}

func fieldsOf(r rollout.Rollout, in Input, scalers []autoscalingv2.HorizontalPodAutoscaler) []algesta.Field {
	d := r.Controller
	fresh, old := r.Ready()
	image := algesta.Say("{}", algesta.Name(quote(rollout.MainContainer(d.Template, in.Command.Target.Service).Image)))
	pods := algesta.Say("{} wanted, {} ready", r.Desired(), fresh)
	if old > 0 {
		image = algesta.Say("{}, wanted: {} of {} ready", image, fresh, r.Desired())
		pods = algesta.Say("{}, {} ready", pods, oldPods(r, in, old))
	}
	out := []algesta.Field{{Label: "image", Value: image}}
	if n := r.Revision(); n > 0 {
		value := algesta.Say("{}", n)
		if cause := d.Cause(); cause != "" {
			value = algesta.Say("{}: {}", n, rollout.InQuotes(cause))
		}
		out = append(out, algesta.Field{Label: "revision", Value: value})
	} else if cause := d.Cause(); cause != "" && d.Kind != deploymentKind { // its number is in the history alone
		out = append(out, algesta.Field{Label: "last change", Value: algesta.Say("{}", rollout.InQuotes(cause))})
	}
	for _, h := range scalers {
		pods = algesta.Say("{}, {}", pods, autoscaled(h, r.Desired()))
	}
	return append(out, algesta.Field{Label: "pods", Value: pods})
}

// podTable lists pods, the ones in trouble first, at most so many.
func podTable(r rollout.Rollout, now time.Time, most int) algesta.Table {
	fresh, old := r.Split()
	t := algesta.Table{Head: []string{"pod", "state", "restarts", "age", "node"}}
	for _, pod := range worstFirst(fresh, old) {
		if len(t.Rows) == most {
			break
		}
		t.Rows = append(t.Rows, podRow(pod, now))
	}
	return t
}

// beginnings are the sentence that says what a table left out of the names of its pods, for someone who has to copy one.
func beginnings(pods []*corev1.Pod) algesta.Text {
	var names []string
	for _, p := range pods {
		if i := strings.LastIndexByte(p.Name, '-'); i > 0 && !slices.Contains(names, p.Name[:i]) {
			names = append(names, p.Name[:i])
		}
	}
	if len(names) == 0 {
		return nil
	}
	begin := make([]algesta.Text, 0, len(names))
	for _, name := range names {
		begin = append(begin, algesta.Say("{}", algesta.Name(name)))
	}
	return algesta.Say("The names of the pods begin with {}.", algesta.Or(begin))
}

func podRow(pod *corev1.Pod, now time.Time) []algesta.Text {
	s := rollout.StateOf(pod)
	word := s.Word
	if s.Reason != "" && s.Reason != "Unschedulable" {
		word += " (" + quote(s.Reason) + ")"
	}
	node := quote(pod.Spec.NodeName)
	if node == "" {
		node = "–"
	}
	return []algesta.Text{
		algesta.Say("{}", algesta.Name(rollout.ShortName(pod.Name))), algesta.Say("{}", word), algesta.Say("{}", rollout.Restarts(pod)),
		algesta.Say("{}", span(now.Sub(pod.CreationTimestamp.Time))), algesta.Say("{}", node),
	}
}
