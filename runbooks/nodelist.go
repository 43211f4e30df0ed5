package runbooks

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/sourcegraph/conc"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/diagnosis/facts"
)

var _ = register(Runbook{
	Name:    "nodes",
	Aliases: []string{"get nodes", "get node", "get no", "describe node", "describe nodes", "describe no"},
	Verb:    "nodes",
	Summary: "List the nodes: pool, condition and since when, pods, what is requested, taints, the worst first, and pods that wait for " +
		"one; or tell of one.",
	Example: "nodes production",
	Rank:    168,
	About:   About{Environment: true, Optional: true, Kinds: []string{"Node"}},
	Args:    lookArgs,
	Reads: []string{
		"list nodes (cluster-wide)", "list pods (cluster-wide)", "list events (cluster-wide)", "list poddisruptionbudgets.policy (cluster-wide)",
	},
	Answer: func(ctx context.Context, c Cluster, in Input) (algesta.Report, error) {
		return onEachCluster(ctx, c, in, "nodes", answerNodes)
	},
})

func answerNodes(ctx context.Context, c Cluster, in Input) (algesta.Report, error) {
	if name := objectOf(in, "Node"); name != "" {
		return answerNode(ctx, c, in, name)
	}
	var a *nodesAndPods
	var waiting waitingPods
	var reading conc.WaitGroup
	reading.Go(func() { a = readNodesAndPods(ctx, c) })
	reading.Go(func() { waiting = podsThatWait(ctx, c) })
	reading.Wait()
	return nodesReport(a, waiting, in), nil
}

// nodeHead is the head of a table of nodes.
var nodeHead = []string{"node", "pool", "state", "pods", "cpu requested", "memory requested", "taints", "version", "age"}

// nodeUse is a node, its state, and what the pods on it request.
type nodeUse struct {
	*corev1.Node
	state       string
	rank        int // the worst first
	pods        int
	cpu, memory resource.Quantity
}

// The ranks of nodes, the worst first.
const (
	nodeNotReady = iota
	nodePressed
	nodeCordoned
	nodeReady
)

// pressures are the conditions under which a node that is ready takes no further pods, or drives some away.
var pressures = []corev1.NodeConditionType{
	corev1.NodeMemoryPressure,
	corev1.NodeDiskPressure,
	corev1.NodePIDPressure,
	corev1.NodeNetworkUnavailable,
}

func useOfNode(n *corev1.Node, in Input) nodeUse {
	since := func(word string, c corev1.NodeCondition) string {
		if c.LastTransitionTime.IsZero() {
			return word
		}
		return word + " for " + span(in.Command.At.Sub(c.LastTransitionTime.Time))
	}
	if !facts.NodeReady(n) {
		return nodeUse{Node: n, rank: nodeNotReady, state: since("not ready", facts.NodeCondition(n, corev1.NodeReady))}
	}
	for _, kind := range pressures {
		if c := facts.NodeCondition(n, kind); c.Status == corev1.ConditionTrue {
			return nodeUse{Node: n, rank: nodePressed, state: since(string(kind), c)}
		}
	}
	if n.Spec.Unschedulable {
		return nodeUse{Node: n, rank: nodeCordoned, state: "cordoned"}
	}
	return nodeUse{Node: n, rank: nodeReady, state: since("ready", facts.NodeCondition(n, corev1.NodeReady))}
}

// nodesReport is the answer made of what was read.
func nodesReport(a *nodesAndPods, waiting waitingPods, in Input) algesta.Report {
	cluster := algesta.Name(in.Command.Target.Cluster)
	if a.nodesErr != nil {
		return unknownReport(whereOf(in), listed{what: "nodes", err: a.nodesErr})
	}
	all, ready := make([]nodeUse, 0, len(a.nodes.Items)), 0
	at := map[string]int{}
	for i := range a.nodes.Items {
		all = append(all, useOfNode(&a.nodes.Items[i], in))
		at[a.nodes.Items[i].Name] = i
		if all[i].rank != nodeNotReady {
			ready++
		}
	}
	for i := range a.pods.Items {
		on, known := at[a.pods.Items[i].Spec.NodeName]
		if !known {
			continue
		}
		requests := facts.PodRequests(&a.pods.Items[i])
		all[on].pods++
		all[on].cpu.Add(requests[corev1.ResourceCPU])
		all[on].memory.Add(requests[corev1.ResourceMemory])
	}
	slices.SortFunc(all, func(a, b nodeUse) int { return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.Name, b.Name)) })
	report := algesta.Report{
		Tone: algesta.Good, Title: algesta.Say("{}: {} of {} ready in the cluster {}", whereOf(in), ready, count(len(all), "node"), cluster),
	}
	switch {
	case len(all) == 0 || all[0].rank == nodeNotReady:
		report.Tone = algesta.Bad
	case all[0].rank != nodeReady || a.podsErr != nil:
		report.Tone = algesta.Warning
	}
	table := algesta.Table{Head: nodeHead}
	for _, n := range all {
		table.Rows = append(table.Rows, n.row(in, a.podsErr == nil && !a.morePods))
	}
	if n := len(waiting.pods); n > 0 {
		report.Tone = worseTone(report.Tone, algesta.Warning)
		report.Title = algesta.Say("{}, {} for one", report.Title, waitingWords(n))
	}
	said := slices.Concat(asTyped(in), poolsOf(all), waiting.said(in))
	return withTable(report, table, "node", append(said, a.unchecked()...)...)
}

// row is the node's; counted says that all pods were.
func (n nodeUse) row(in Input, counted bool) []algesta.Text {
	pods, cpu, memory := "–", "–", "–"
	if counted {
		pods = fmt.Sprintf("%d of %s", n.pods, amount(*n.Status.Allocatable.Pods()))
		cpu = amount(n.cpu) + " of " + amount(*n.Status.Allocatable.Cpu())
		memory = amount(n.memory) + " of " + amount(*n.Status.Allocatable.Memory())
	}
	return []algesta.Text{
		algesta.Say("{}", algesta.Name(n.Name)), orDash(quote(poolOf(n.Node))), algesta.Say("{}", n.state), algesta.Say("{}", pods),
		algesta.Say("{}", cpu), algesta.Say("{}", memory), orDash(taintsOf(n.Node)), orDash(quote(n.Status.NodeInfo.KubeletVersion)),
		algesta.Say("{}", span(in.Command.At.Sub(n.CreationTimestamp.Time))),
	}
}
