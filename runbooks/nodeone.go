package runbooks

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/sourcegraph/conc"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/diagnosis/facts"
)

// nodeRead is what was read about one node.
type nodeRead struct {
	nodes   corev1.NodeList
	pods    corev1.PodList
	events  corev1.EventList
	budgets policyv1.PodDisruptionBudgetList

	nodesErr, podsErr error
	morePods          bool
	beside            [2]listed // events and budgets
}

func readNode(ctx context.Context, c Cluster, name string) *nodeRead {
	r := &nodeRead{}
	var reading conc.WaitGroup
	reading.Go(func() { _, r.nodesErr = listSome(ctx, c, "", "", mostNodes, &r.nodes) })
	reading.Go(func() {
		on := fields.OneTermEqualSelector("spec.nodeName", name).String()
		r.morePods, r.podsErr = listSome(ctx, c, "", on, mostNodePods, &r.pods)
		r.pods.Items = slices.DeleteFunc(r.pods.Items, func(p corev1.Pod) bool { return p.Spec.NodeName != name || facts.PodFinished(&p) })
	})
	reading.Go(func() {
		about := fields.Set{"involvedObject.kind": "Node", "involvedObject.name": name}.AsSelector().String()
		_, err := listSome(ctx, c, "", about, mostEventsRead, &r.events)
		r.beside[0] = listed{what: "events", err: err}
		r.events.Items = slices.DeleteFunc(r.events.Items, func(e corev1.Event) bool {
			return e.InvolvedObject.Kind != "Node" || e.InvolvedObject.Name != name
		})
	})
	reading.Go(func() { r.beside[1] = listAll(ctx, c, "", "", "disruption budgets", &r.budgets) })
	reading.Wait()
	return r
}

// answerNode answers about one node: its state and since when, what's on it, what would stop a drain, and its events.
func answerNode(ctx context.Context, c Cluster, in Input, name string) (algesta.Report, error) {
	r := readNode(ctx, c, name)
	if r.nodesErr != nil {
		return unknownReport(whereOf(in), listed{what: "nodes", err: r.nodesErr}), nil //nolint:nilerr // the report says so
	}
	i := slices.IndexFunc(r.nodes.Items, func(n corev1.Node) bool { return n.Name == name })
	if i < 0 {
		var known []string
		for _, n := range r.nodes.Items {
			known = append(known, n.Name)
		}
		return algesta.Report{}, noSuch(in, "node", name, known)
	}
	n := useOfNode(&r.nodes.Items[i], in)
	for i := range r.pods.Items {
		requests := facts.PodRequests(&r.pods.Items[i])
		n.pods++
		n.cpu.Add(requests[corev1.ResourceCPU])
		n.memory.Add(requests[corev1.ResourceMemory])
	}
	report := algesta.Report{
		Tone:  algesta.Warning,
		Title: algesta.Say("{} of the cluster {}: {}", algesta.Name(name), algesta.Name(in.Command.Target.Cluster), n.state),
	}
	switch n.rank {
	case nodeNotReady:
		report.Tone = algesta.Bad
	case nodeReady:
		report.Tone = algesta.Good
	}
	report.Body = append(report.Body, lines(nodeWrong(n.Node, in))...)
	report.Body = append(report.Body, algesta.Block{Fields: n.fields(in, r.podsErr == nil && !r.morePods)})
	if table := r.podsOf(in); len(table.Rows) > 0 {
		report.Body = append(report.Body, algesta.Block{Table: &table})
	}
	report.Body = append(report.Body, lines(r.said(in))...)
	hideSpelledOut(r.events.Items, r.pods.Items, nil)
	if folded := foldEvents(r.events.Items); len(folded) > 0 { // without all its pods it isn't known what has to be hidden
		table := eventsTable(folded[:min(mostOwnEvents, len(folded))], in.Command.At, r.podsErr == nil && !r.morePods)
		report.Body = append(report.Body, algesta.Block{Table: &table})
	}
	return report, nil
}

// nodeWrong are the conditions that aren't as they should be.
func nodeWrong(n *corev1.Node, in Input) []algesta.Text {
	var out []algesta.Text
	for _, c := range n.Status.Conditions {
		if well := (c.Status == corev1.ConditionTrue) == (c.Type == corev1.NodeReady); well {
			continue
		}
		out = append(out, algesta.Say("{} is {} for {}: {}", string(c.Type), strings.ToLower(string(c.Status)),
			span(in.Command.At.Sub(c.LastTransitionTime.Time)), orElse(quote(c.Message), "no reason given")))
	}
	if n.Spec.Unschedulable {
		out = append(out, algesta.Say("It's cordoned: no new pod is put on it."))
	}
	return out
}

// fields are the node's; counted says that all its pods were.
func (n nodeUse) fields(in Input, counted bool) []algesta.Field {
	row := n.row(in, counted)
	var out []algesta.Field
	add := func(label string, value algesta.Text) {
		if s := value.String(); s != "" && s != "–" {
			out = append(out, algesta.Field{Label: label, Value: value})
		}
	}
	for i, label := range nodeHead {
		if label != "node" && label != "state" { // they are the title
			add(label, row[i])
		}
	}
	add("image", algesta.Say("{}", quote(n.Labels[nodeImageLabel])))
	add("size", algesta.Say("{}", quote(n.Labels[corev1.LabelInstanceTypeStable])))
	add("zone", algesta.Say("{}", quote(n.Labels[corev1.LabelTopologyZone])))
	add("system", algesta.Say("{}", quote(n.Status.NodeInfo.OSImage)))
	return out
}

// podsOf are the pods on the node in the namespaces that the requester may see.
func (r *nodeRead) podsOf(in Input) algesta.Table {
	table := algesta.Table{Head: []string{"pod", "namespace", "cpu requested", "memory requested"}}
	for i := range r.pods.Items {
		pod := &r.pods.Items[i]
		if !mayTell(in, pod.Namespace) || len(table.Rows) == mostRows {
			continue
		}
		requests := facts.PodRequests(pod)
		table.Rows = append(table.Rows, []algesta.Text{
			algesta.Say("{}", algesta.Name(pod.Name)), algesta.Say("{}", quote(pod.Namespace)),
			algesta.Say("{}", amount(requests[corev1.ResourceCPU])), algesta.Say("{}", amount(requests[corev1.ResourceMemory])),
		})
	}
	return table
}

// mostDrains is how many pods that stop a drain an answer names.
const mostDrains = 10

// said is what would stop a drain, what isn't shown and what couldn't be read.
func (r *nodeRead) said(in Input) []algesta.Text {
	var out []algesta.Text
	if r.podsErr != nil {
		out = append(out, couldNotCheck("the pods on it", r.podsErr))
	}
	hidden, stops := 0, 0
	for i := range r.pods.Items {
		pod := &r.pods.Items[i]
		if !mayTell(in, pod.Namespace) {
			hidden++
			continue
		}
		why := r.stopsDrain(pod)
		if why == "" {
			continue
		}
		if stops++; stops <= mostDrains {
			out = append(out, algesta.Say("A drain would stop at {} in {}: {}.", algesta.Name(pod.Name), quote(pod.Namespace), why))
		}
	}
	if more := stops - mostDrains; more > 0 {
		out = append(out, algesta.Say("And at {}.", count(more, "more pod")))
	}
	if hidden > 0 {
		out = append(out, algesta.Say("Not shown: {} in namespaces that you can't read.", count(hidden, "pod")))
	}
	return slices.Concat(asTyped(in), out, notes(r.beside[:]...))
}

// stopsDrain is why kubectl drain would leave a pod where it is, or lose something of it; "" for nothing.
func (r *nodeRead) stopsDrain(pod *corev1.Pod) string {
	owner := metav1.GetControllerOfNoCopy(pod)
	if owner != nil && owner.Kind == "DaemonSet" || pod.Annotations[corev1.MirrorPodAnnotationKey] != "" {
		return ""
	}
	for i := range r.budgets.Items {
		b := &r.budgets.Items[i]
		selector, err := metav1.LabelSelectorAsSelector(b.Spec.Selector)
		if err == nil && b.Namespace == pod.Namespace && b.Status.DisruptionsAllowed == 0 && selector.Matches(labels.Set(pod.Labels)) {
			return fmt.Sprintf("the disruption budget %s allows none to go now", quote(b.Name))
		}
	}
	if owner == nil {
		return "nothing makes it again"
	}
	if slices.ContainsFunc(pod.Spec.Volumes, func(v corev1.Volume) bool { return v.EmptyDir != nil }) {
		return "it keeps data on the node (emptyDir), which is lost"
	}
	return ""
}
