package runbooks

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout"
)

// poolLabels say which pool a node is of, in Azure's, Google's and Amazon's clusters, and where Karpenter makes them.
var poolLabels = []string{
	"kubernetes.azure.com/agentpool", "agentpool", "cloud.google.com/gke-nodepool", "eks.amazonaws.com/nodegroup", "karpenter.sh/nodepool",
}

// poolOf is the pool that a node is of, "" where no label says so.
func poolOf(n *corev1.Node) string {
	for _, label := range poolLabels {
		if pool := n.Labels[label]; pool != "" {
			return pool
		}
	}
	return ""
}

// taintsOf are the taints that someone gave a node. Those that Kubernetes adds itself are the state that the row has already.
func taintsOf(n *corev1.Node) string {
	var out []string
	for _, t := range n.Spec.Taints {
		if strings.HasPrefix(t.Key, "node.kubernetes.io/") {
			continue
		}
		taint := t.Key
		if t.Value != "" {
			taint += "=" + t.Value
		}
		out = append(out, taint+":"+string(t.Effect))
	}
	return quote(strings.Join(out, ", "))
}

// poolsOf is a sentence for each pool that nodes say they are of.
func poolsOf(all []nodeUse) []algesta.Text {
	byPool := map[string][]nodeUse{}
	for _, n := range all {
		if pool := poolOf(n.Node); pool != "" {
			byPool[pool] = append(byPool[pool], n)
		}
	}
	var out []algesta.Text
	for _, pool := range slices.Sorted(maps.Keys(byPool)) {
		ready := 0
		var versions, images, zones, sizes []string
		for _, n := range byPool[pool] {
			if n.rank != nodeNotReady {
				ready++
			}
			versions = append(versions, n.Status.NodeInfo.KubeletVersion)
			images = append(images, n.Labels[nodeImageLabel])
			zones = append(zones, n.Labels[corev1.LabelTopologyZone])
			sizes = append(sizes, n.Labels[corev1.LabelInstanceTypeStable])
		}
		said := algesta.Say("Pool {}: {} of {} ready", algesta.Name(quote(pool)), ready, count(len(byPool[pool]), "node"))
		for _, part := range []struct {
			word string
			all  []string
		}{{"", versions}, {"image ", images}, {"size ", sizes}, {"zone ", zones}} {
			if values := distinct(part.all); len(values) > 0 {
				said = algesta.Say("{}, {}{}", said, part.word, quote(list(clipped(values))))
			}
		}
		out = append(out, algesta.Say("{}.", said))
	}
	return out
}

// nodeImageLabel says which image a node of Azure's was made from.
const nodeImageLabel = "kubernetes.azure.com/node-image-version"

// distinct are the texts that say something, each once and sorted.
func distinct(all []string) []string {
	out := slices.DeleteFunc(slices.Clone(all), func(s string) bool { return s == "" })
	slices.Sort(out)
	return slices.Compact(out)
}

// podsWithoutNode are those that no node was found for yet.
const podsWithoutNode = "spec.nodeName=,status.phase=Pending"

// waitingPods are those of a cluster that wait for a node.
type waitingPods struct {
	pods []corev1.Pod
	more bool // than were read
	err  error
}

func podsThatWait(ctx context.Context, c Cluster) waitingPods {
	var l corev1.PodList
	w := waitingPods{}
	w.more, w.err = listSome(ctx, c, "", podsWithoutNode, mostNodePods, &l)
	w.pods = slices.DeleteFunc(l.Items, func(p corev1.Pod) bool {
		return p.Spec.NodeName != "" || rollout.StateOf(&p).Reason != corev1.PodReasonUnschedulable
	})
	return w
}

func waitingWords(n int) string {
	if n == 1 {
		return "1 pod waits"
	}
	return count(n, "pod") + " wait"
}

// mostWaits is how many reasons for waiting an answer lists.
const mostWaits = 4

// said is who waits and why, in the namespaces that the requester may see; of the others how many.
func (w waitingPods) said(in Input) []algesta.Text {
	if w.err != nil {
		return []algesta.Text{couldNotCheck("which pods wait for a node", w.err)}
	}
	type group struct {
		pods int
		why  string
	}
	at, groups, hidden := map[string]int{}, []group{}, 0
	for i := range w.pods {
		pod := &w.pods[i]
		if !mayTell(in, pod.Namespace) {
			hidden++
			continue
		}
		key := pod.Namespace + "/" + workloadOf(pod)
		if _, known := at[key]; !known {
			at[key] = len(groups)
			groups = append(groups, group{why: fmt.Sprintf("%s in %s: %s", workloadOf(pod), pod.Namespace, rollout.StateOf(pod).Message)})
		}
		groups[at[key]].pods++
	}
	slices.SortFunc(groups, func(a, b group) int { return cmp.Or(cmp.Compare(b.pods, a.pods), cmp.Compare(a.why, b.why)) })
	var out []algesta.Text
	for _, g := range groups[:min(mostWaits, len(groups))] {
		out = append(out, algesta.Say("{} for a node: {}", waitingWords(g.pods), quote(g.why)))
	}
	if more := len(groups) - mostWaits; more > 0 {
		out = append(out, algesta.Say("Pods of {} wait, too.", count(more, "more workload")))
	}
	if hidden > 0 {
		out = append(out, algesta.Say("{} in namespaces that you can't read.", waitingWords(hidden)))
	}
	if w.more {
		out = append(out, algesta.Say("More than {} pods wait: I looked at so many.", mostNodePods))
	}
	return out
}

// mayTell reports whether an answer may say something about a namespace to the requester.
func mayTell(in Input, namespace string) bool {
	return namespace == in.Command.Target.Namespace || in.Allowed != nil && in.Allowed(namespace)
}
