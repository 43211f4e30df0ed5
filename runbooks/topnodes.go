package runbooks

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/sourcegraph/conc"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/diagnosis/facts"
)

var _ = register(Runbook{
	Name:    "top nodes",
	Aliases: []string{"top node", "top no"},
	Verb:    "top",
	Summary: "Show what the nodes of an environment's cluster use now of cpu and memory, and what is requested, the fullest first.",
	Example: "top nodes production",
	Rank:    169,
	About:   About{Environment: true, Optional: true},
	Args:    lookArgs,
	Reads:   []string{"list nodes (cluster-wide)", "list pods (cluster-wide)", "list nodes.metrics.k8s.io (cluster-wide)"},
	Answer: func(ctx context.Context, c Cluster, in Input) (algesta.Report, error) {
		return onEachCluster(ctx, c, in, "nodes", answerTopNodes)
	},
})

func answerTopNodes(ctx context.Context, c Cluster, in Input) (algesta.Report, error) {
	var a *nodesAndPods
	var used map[string]use
	var usedErr error
	var reading conc.WaitGroup
	reading.Go(func() { a = readNodesAndPods(ctx, c) })
	reading.Go(func() { used, usedErr = usedByNodes(ctx, c) })
	reading.Wait()
	return topNodesReport(a, used, usedErr, in), nil
}

// usedByNodes is what each node uses, as metrics-server measured it some seconds ago. What isn't in it has no measurement yet.
func usedByNodes(ctx context.Context, c Cluster) (map[string]use, error) {
	measured := customList("metrics.k8s.io", "v1beta1", "NodeMetrics")
	if err := c.List(ctx, "", "", measured); err != nil {
		return nil, fmt.Errorf("reading what nodes use: %w", err)
	}
	out := map[string]use{}
	for _, item := range measured.Items {
		amounts, _, _ := unstructured.NestedStringMap(item.Object, "usage")
		if len(amounts) > 0 {
			out[item.GetName()] = use{cpu: parsed(amounts["cpu"]), memory: parsed(amounts["memory"])}
		}
	}
	return out, nil
}

// nodeFull is the share of a node's memory or cpu from which on it's worth mentioning.
const nodeFull = 0.9

func topNodesReport(a *nodesAndPods, used map[string]use, usedErr error, in Input) algesta.Report {
	if a.nodesErr != nil {
		return unknownReport(whereOf(in), listed{what: "nodes", err: a.nodesErr})
	}
	requested := map[string]use{}
	for i := range a.pods.Items {
		pod := &a.pods.Items[i]
		of, requests := requested[pod.Spec.NodeName], facts.PodRequests(pod)
		of.cpu.Add(requests[corev1.ResourceCPU])
		of.memory.Add(requests[corev1.ResourceMemory])
		requested[pod.Spec.NodeName] = of
	}
	share := func(n corev1.Node) float64 {
		u := used[n.Name]
		return max(shareOf(u.cpu, *n.Status.Allocatable.Cpu()), shareOf(u.memory, *n.Status.Allocatable.Memory()))
	}
	nodes := slices.Clone(a.nodes.Items)
	slices.SortFunc(nodes, func(a, b corev1.Node) int {
		return cmp.Or(cmp.Compare(share(b), share(a)), cmp.Compare(a.Name, b.Name))
	})
	report := algesta.Report{
		Tone:  algesta.Good,
		Title: algesta.Say("{}: {} in the cluster {}", whereOf(in), count(len(nodes), "node"), algesta.Name(in.Command.Target.Cluster)),
	}
	if len(nodes) > 0 && len(used) > 0 {
		report.Title = algesta.Say("{}, the fullest is {} at {}", report.Title, algesta.Name(nodes[0].Name), percent(share(nodes[0])))
	}
	if usedErr != nil || a.podsErr != nil || len(nodes) > 0 && share(nodes[0]) >= nodeFull {
		report.Tone = algesta.Warning
	}
	counted := a.podsErr == nil && !a.morePods
	table := algesta.Table{Head: []string{"node", "cpu used", "cpu requested", "memory used", "memory requested"}}
	for i := range nodes {
		n := &nodes[i]
		u, measured := used[n.Name]
		cpu, memory := *n.Status.Allocatable.Cpu(), *n.Status.Allocatable.Memory()
		table.Rows = append(table.Rows, []algesta.Text{
			algesta.Say("{}", algesta.Name(n.Name)),
			ofAll(measured, milli(u.cpu), u.cpu, cpu), ofAll(counted, amount(requested[n.Name].cpu), requested[n.Name].cpu, cpu),
			ofAll(measured, mebi(u.memory), u.memory, memory), ofAll(counted, amount(requested[n.Name].memory), requested[n.Name].memory, memory),
		})
	}
	said := asTyped(in)
	if usedErr != nil {
		said = append(said, usageUnread(usedErr))
	}
	return withTable(report, table, "node", append(said, a.unchecked()...)...)
}

// shareOf is how much of all a part is; nothing where there is no whole to compare with.
func shareOf(part, all resource.Quantity) float64 {
	if all.IsZero() {
		return 0
	}
	return part.AsApproximateFloat64() / all.AsApproximateFloat64()
}

// percent is cut off, as kubectl top does.
func percent(share float64) string { return fmt.Sprintf("%d %%", int(share*100)) }

// ofAll is a cell such as "0.5 of 2 (25 %)", a dash where the part isn't known.
func ofAll(known bool, said string, part, all resource.Quantity) algesta.Text {
	switch {
	case !known:
		return algesta.Say("–")
	case all.IsZero():
		return algesta.Say("{}", said)
	}
	return algesta.Say("{} of {} ({})", said, amount(all), percent(shareOf(part, all)))
}

// milli is cpu that is used, and mebi memory that is, as kubectl top shows them: "87m", "394Mi".
func milli(q resource.Quantity) string { return fmt.Sprintf("%dm", q.MilliValue()) }

func mebi(q resource.Quantity) string { return fmt.Sprintf("%dMi", q.Value()/(1<<20)) }
