package runbooks

import (
	"cmp"
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout"
)

var _ = register(Runbook{
	Name:    "pods",
	Aliases: []string{"get pods", "get pod", "get po"},
	Verb:    "pods",
	Summary: "List the pods of a service or an environment with their state, restarts, age and node, the worst first.",
	Example: "pods api-gateway production",
	Rank:    40,
	Args:    []Arg{brokenArg, wideArg, labelsArg, selectorArg, fieldsArg, everywhereArg, outputArg, watchArg},
	About:   About{Service: true, Workloads: true, Environment: true, Kinds: []string{"Pod"}},
	Reads:   union(rollout.Reads, rollout.OtherReads, usageReads),
	Answer:  answerPods,
})

func answerPods(ctx context.Context, c Cluster, in Input) (algesta.Report, error) {
	if in.Command.Target.Cluster == "" {
		return podsEverywhere(ctx, in)
	}
	if ofEnvironment(in) { // or a pod
		return podsOf(ctx, c, in)
	}
	selector, err := selectorOf(in)
	fields, wrong := podFieldsOf(in)
	if err != nil || wrong != nil {
		return algesta.Report{}, cmp.Or(err, wrong)
	}
	r, err := rollout.Look(ctx, c.Rollout(), in.Workload)
	if err != nil {
		return algesta.Report{}, err
	}
	if r.Controller == nil {
		return algesta.Report{}, gone(in)
	}
	if r.Unread != nil { // the Deployment's own numbers are an answer too
		body := []algesta.Block{{List: []algesta.Text{notChecked("pods", r.Unread)}}}
		return algesta.Report{Tone: algesta.Warning, Title: headline(r, in), Body: body}, nil //nolint:nilerr // the report says so
	}
	if listOfPods(in) {
		chosen := slices.DeleteFunc(slices.Clone(r.Pods), func(p *corev1.Pod) bool {
			return !selector.Matches(labels.Set(p.Labels)) || !takes(fields, p)
		})
		report := podsReport(chosen, subject(in), in)
		if len(chosen) == len(r.Pods) { // one state has one sign, however it's asked for
			report.Tone = toneOf(r)
		}
		return report, nil
	}
	report := algesta.Report{
		Tone:  toneOf(r),
		Title: algesta.Say("{}: {} of {} ready", subject(in), rollout.Serving(r.Pods), count(len(r.Pods), "pod")),
	}
	if _, old := r.Ready(); old > 0 {
		report.Title = algesta.Say("{} ({})", report.Title, oldPods(r, in, old))
	}
	if len(r.Pods) == 0 {
		report.Title = algesta.Say("{} has no pods ({} wanted).", subject(in), r.Desired())
		if t, trouble := r.Trouble(in.Command.At); trouble {
			report.Body = append(report.Body, algesta.Block{List: []algesta.Text{t}})
		}
		return report, nil
	}
	table := podTable(r, in.Command.At, mostRows)
	fresh, old := r.Split()
	if len(fresh) > 0 && len(old) > 0 {
		table.Head = append(table.Head, "version")
		for i, pod := range worstFirst(fresh, old)[:len(table.Rows)] {
			table.Rows[i] = append(table.Rows[i], algesta.Say("{}", quote(rollout.Version(mainOf(pod, in).Image))))
		}
	}
	measured, unmeasured := useOf(ctx, c, in.Workload.Namespace)
	if measured != nil {
		table.Head = append(table.Head, "cpu", "memory")
		for i, pod := range worstFirst(fresh, old)[:len(table.Rows)] {
			table.Rows[i] = append(table.Rows[i], usageCells(pod, measured)...)
		}
	}
	report.Body = append(report.Body, algesta.Block{Table: &table}, algesta.Block{Text: beginnings(r.Pods)})
	if t, trouble := r.Trouble(in.Command.At); trouble {
		report.Body = append(report.Body, algesta.Block{List: []algesta.Text{t}})
	}
	if hidden := len(r.Pods) - len(table.Rows); hidden > 0 {
		report.Body = append(report.Body, algesta.Block{Text: algesta.Say("{} not shown.", count(hidden, "more pod"))})
	}
	report.Body = append(report.Body, lines(append(asTyped(in), unmeasured...))...)
	return report, nil
}

func mainOf(pod *corev1.Pod, in Input) corev1.Container {
	return rollout.MainContainer(corev1.PodTemplateSpec{ObjectMeta: pod.ObjectMeta, Spec: pod.Spec}, in.Command.Target.Service)
}

// worstFirst orders pods for a list that may be cut: in trouble, not ready, then the new ones before the old ones.
func worstFirst(fresh, old []*corev1.Pod) []*corev1.Pod {
	all := slices.Concat(fresh, old)
	slices.SortStableFunc(all, func(a, b *corev1.Pod) int { return cmp.Compare(badness(a), badness(b)) })
	return all
}

func badness(pod *corev1.Pod) int {
	switch s := rollout.StateOf(pod); {
	case s.Reason != "":
		return 0
	case s.Word != "ready":
		return 1
	}
	return 2
}
