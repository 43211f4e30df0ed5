package runbooks

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/rollout"
)

var _ = register(listEverywhere(Runbook{
	Name:    "top pods",
	Aliases: []string{"top pod", "top po", "top"},
	Verb:    "top",
	Summary: "Show what pods use now of cpu and memory against what they request and their limits, those nearest to a limit first.",
	Example: "top pods api-gateway production",
	Rank:    45,
	About:   About{Service: true, Workloads: true, Environment: true, Kinds: []string{"Pod"}},
	Args:    append([]Arg{selectorArg}, lookArgs...),
	Reads:   union(rollout.Reads, rollout.OtherReads, usageReads, []string{"list pods"}),
	Answer:  answerTopPods,
}))

func answerTopPods(ctx context.Context, c Cluster, in Input) (algesta.Report, error) {
	if _, err := selectorOf(in); err != nil {
		return algesta.Report{}, err
	}
	namespace, where := in.Command.Target.Namespace, selectedIn(in)
	var pods []*corev1.Pod
	var read listed
	if !ofEnvironment(in) {
		r, err := rollout.Look(ctx, c.Rollout(), in.Workload)
		if err != nil {
			return algesta.Report{}, err
		}
		if r.Controller == nil {
			return algesta.Report{}, gone(in)
		}
		pods, read, where = r.Pods, listed{what: "pods", err: r.Unread}, subject(in)
	} else {
		var list corev1.PodList
		read = listAll(ctx, c, namespace, selectorArg.Text(in), "pods", &list)
		for i := range list.Items {
			pods = append(pods, &list.Items[i])
		}
	}
	if read.err != nil {
		return unknownReport(where, read), nil //nolint:nilerr // it is said
	}
	if name, one := strings.CutPrefix(in.Command.Target.Object, podPrefix); one {
		var names []string
		for _, p := range pods {
			names = append(names, p.Name)
		}
		pods = slices.DeleteFunc(pods, func(p *corev1.Pod) bool { return p.Name != name })
		if len(pods) == 0 {
			return algesta.Report{}, noSuch(in, "pod", name, names)
		}
		where = algesta.Say("Pod {} in {}", algesta.Name(name), whereOf(in))
	}
	pods = slices.DeleteFunc(slices.Clone(pods), func(p *corev1.Pod) bool { // what has ended uses nothing
		return p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
	})
	used, err := usedByPods(ctx, c, namespace)
	return topPodsReport(pods, used, err, where, in, notes(read)...), nil
}

// podUse is a pod with what it uses, may use and asks for.
type podUse struct {
	*corev1.Pod
	use
	measured         bool
	limits, requests use
}

// worst is the larger share of a limit; where there is none, it's 0.
func (p podUse) worst() float64 {
	return max(shareOf(p.cpu, p.limits.cpu), shareOf(p.memory, p.limits.memory))
}

// beyond is the larger share of what it requests.
func (p podUse) beyond() float64 {
	return max(shareOf(p.cpu, p.requests.cpu), shareOf(p.memory, p.requests.memory))
}

// limitOf is how much a pod may use, zero where one of its containers has no limit.
func limitOf(pod *corev1.Pod, name corev1.ResourceName) resource.Quantity {
	var sum resource.Quantity
	running := slices.Clone(pod.Spec.Containers)
	for _, c := range pod.Spec.InitContainers {
		if c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways { // a sidecar
			running = append(running, c)
		}
	}
	for i := range running {
		limit, ok := running[i].Resources.Limits[name]
		if !ok {
			return resource.Quantity{}
		}
		sum.Add(limit)
	}
	return sum
}

func topPodsReport(
	pods []*corev1.Pod,
	used map[string]use,
	usedErr error,
	where algesta.Text,
	in Input,
	more ...algesta.Text,
) algesta.Report {
	all := make([]podUse, 0, len(pods))
	var total use
	unmeasured := 0
	for _, pod := range pods {
		u, measured := used[pod.Name]
		requests := facts.PodRequests(pod)
		all = append(all, podUse{
			Pod: pod, use: u, measured: measured,
			limits:   use{cpu: limitOf(pod, corev1.ResourceCPU), memory: limitOf(pod, corev1.ResourceMemory)},
			requests: use{cpu: requests[corev1.ResourceCPU], memory: requests[corev1.ResourceMemory]},
		})
		total.cpu.Add(u.cpu)
		total.memory.Add(u.memory)
		if !measured {
			unmeasured++
		}
	}
	slices.SortFunc(all, func(a, b podUse) int {
		return cmp.Or(
			cmp.Compare(b.worst(), a.worst()), cmp.Compare(b.beyond(), a.beyond()), b.memory.Cmp(a.memory), cmp.Compare(a.Name, b.Name),
		)
	})
	said := asTyped(in)
	report := algesta.Report{Tone: algesta.Good}
	switch {
	case len(all) == 0:
		report.Tone, report.Title = algesta.Neutral, algesta.Say("{}: no pod runs", where)
	case usedErr != nil:
		report.Tone, report.Title = algesta.Warning, algesta.Say("I couldn't check what the pods of {} use.", where)
		said = append(said, usageUnread(usedErr))
	default:
		report.Title = algesta.Say("{}: {} use {} cpu and {} memory", where, count(len(all), "pod"), amount(total.cpu), amount(total.memory))
		if len(all) == 1 && in.Command.Target.Object == podPrefix+all[0].Name {
			report.Title = algesta.Say("{} uses {} cpu and {} memory", where, amount(total.cpu), amount(total.memory))
		} else if len(all) == 1 {
			report.Title = algesta.Say("{}: 1 pod uses {} cpu and {} memory", where, amount(total.cpu), amount(total.memory))
		}
		if all[0].worst() >= quotaTight {
			report.Tone = algesta.Warning
		}
		if unmeasured > 0 {
			said = append(said, algesta.Say("{} without a measurement yet.", count(unmeasured, "pod")))
		}
	}
	table := algesta.Table{Head: []string{"pod", "cpu", "cpu requested", "cpu limit", "memory", "memory requested", "memory limit"}}
	for _, p := range all {
		row := []algesta.Text{algesta.Say("{}", algesta.Name(p.Name))}
		row = append(row, useCells(p.measured, milli(p.cpu), p.cpu, p.requests.cpu, p.limits.cpu)...)
		table.Rows = append(table.Rows, append(row, useCells(p.measured, mebi(p.memory), p.memory, p.requests.memory, p.limits.memory)...))
	}
	return withTable(report, table, "pod", append(said, more...)...)
}

// useCells are what is used, what of it was requested, and the limit with how much of it is used.
func useCells(measured bool, said string, used, requested, limit resource.Quantity) []algesta.Text {
	cells := []algesta.Text{algesta.Say("–"), algesta.Say("none"), algesta.Say("none")}
	if measured {
		cells[0] = algesta.Say("{}", said)
	}
	if !requested.IsZero() {
		cells[1] = algesta.Say("{}", amount(requested))
	}
	switch {
	case limit.IsZero():
	case measured:
		cells[2] = algesta.Say("{} ({} used)", amount(limit), percent(shareOf(used, limit)))
	default:
		cells[2] = algesta.Say("{}", amount(limit))
	}
	return cells
}

// usageUnread says why nothing is known of what is used now.
func usageUnread(err error) algesta.Text {
	if errors.Is(err, algesta.ErrNotFound) {
		return algesta.Say("Couldn't check what is used now: this cluster has no metrics API. Look at metrics-server.")
	}
	return couldNotCheck("what is used now", err)
}
