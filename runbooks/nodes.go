package runbooks

import (
	"context"
	"maps"
	"strings"

	"github.com/sourcegraph/conc"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/diagnosis/facts"
)

// The bounds of what is read to find room on the nodes. The pods are those that take some: they have a node, and have not ended.
const (
	mostNodes    = 1000
	mostNodePods = 5000
	podsOnNodes  = "spec.nodeName!=,status.phase!=Succeeded,status.phase!=Failed"
)

// nodesAndPods is the nodes and the pods on them.
type nodesAndPods struct {
	nodes               corev1.NodeList
	pods                corev1.PodList // of all namespaces
	moreNodes, morePods bool           // than were read
	nodesErr, podsErr   error
}

// readNodesAndPods reads both at once.
func readNodesAndPods(ctx context.Context, c Cluster) *nodesAndPods {
	a := &nodesAndPods{}
	var reading conc.WaitGroup
	reading.Go(func() { a.moreNodes, a.nodesErr = listSome(ctx, c, "", "", mostNodes, &a.nodes) })
	reading.Go(func() { a.morePods, a.podsErr = listSome(ctx, c, "", podsOnNodes, mostNodePods, &a.pods) })
	reading.Wait()
	return a
}

// unchecked says what of the nodes and of what their pods request couldn't be read.
func (a *nodesAndPods) unchecked() []algesta.Text {
	var out []algesta.Text
	if a.podsErr != nil {
		out = append(out, couldNotCheck("what the pods request", a.podsErr))
	}
	if a.morePods {
		out = append(
			out,
			algesta.Say("Couldn't check what the pods request: this cluster has more than {} pods, the most I look at.", mostNodePods),
		)
	}
	if a.moreNodes {
		out = append(out, algesta.Say("Only the first {} nodes were looked at.", mostNodes))
	}
	return out
}

// nodeWarnings says whether so many more pods of the template find room on the nodes now. A quota that has room says nothing
// about nodes, and the API server takes a change whose pods will wait forever.
func (s workloadState) nodeWarnings(ctx context.Context, c Cluster, template corev1.PodTemplateSpec, extra int32) []algesta.Text {
	if extra <= 0 {
		return nil
	}
	a := readNodesAndPods(ctx, c)
	nodes, pods, nodesErr, podsErr := a.nodes, a.pods.Items, a.nodesErr, a.podsErr
	if nodesErr != nil {
		return []algesta.Text{notChecked("room on the nodes", nodesErr)}
	}
	if podsErr != nil { // the pods of the namespace are known in any case: what they leave free is at most what is free
		pods = s.ownPods()
	}
	template = s.withDefaults(template)
	placed := facts.Place(template, s.d.Namespace, int(extra), nodes.Items, pods)
	switch enough := placed.Pods >= int(extra); {
	case enough && podsErr != nil:
		return []algesta.Text{notChecked("room on the nodes", podsErr)}
	case enough && a.morePods:
		return []algesta.Text{
			algesta.Say("Couldn't check room on the nodes (this cluster has more than {} pods, the most I look at).", mostNodePods),
		}
	case enough:
		return nil
	case a.moreNodes: // one of the others may have room
		return []algesta.Text{algesta.Say("Couldn't check room on the nodes (this cluster has more than {}, the most I look at).", mostNodes)}
	}
	out := algesta.Say("No node has room for {} now, because of {}.", moreOf(extra), list(placed.Lacking))
	if placed.Pods > 0 {
		out = algesta.Say("The nodes have room for {} of {} now, because of {}.", placed.Pods, count(extra, "more pod"), list(placed.Lacking))
	}
	if each := eachNeeds(template.Spec); each != "" {
		out = out.Then("Each pod asks for {}.", each)
	}
	return []algesta.Text{out.Then("What finds no room waits until something else stops or a node is added.")}
}

func moreOf(n int32) string {
	if n == 1 {
		return "one more pod"
	}
	return count(n, "more pod")
}

func (s workloadState) ownPods() []corev1.Pod {
	var out []corev1.Pod
	for _, p := range s.rollout.Pods {
		out = append(out, *p)
	}
	return out
}

// withDefaults fills in the requests that admission will fill in.
func (s workloadState) withDefaults(template corev1.PodTemplateSpec) corev1.PodTemplateSpec {
	template = *template.DeepCopy()
	for _, containers := range [][]corev1.Container{template.Spec.InitContainers, template.Spec.Containers} {
		for i := range containers {
			requests := corev1.ResourceList{}
			maps.Copy(requests, containers[i].Resources.Requests)
			for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
				if q, ok := stated(containers[i], "requests", name, s.ranges); ok {
					requests[name] = q
				}
			}
			containers[i].Resources.Requests = requests
		}
	}
	return template
}

// eachNeeds is what a pod asks of a node: "0.2 cpu and 256Mi memory".
func eachNeeds(pod corev1.PodSpec) string {
	per, _ := needs(pod, nil)
	var parts []string
	for _, key := range []string{"requests.cpu", "requests.memory"} {
		if q, ok := per[key]; ok && q.Cmp(resource.Quantity{}) > 0 {
			parts = append(parts, amount(q)+" "+strings.TrimPrefix(key, "requests."))
		}
	}
	return list(parts)
}
