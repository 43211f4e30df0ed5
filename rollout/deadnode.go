package rollout

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/words"
)

// suspectAfter is how long a pod may be unready, or late in stopping, before its node is read.
const suspectAfter = 10 * time.Second

// unreadyNodes are the Ready conditions of the nodes that pods of the workload are on and that are not ready, by name. Only nodes
// of pods are read that are not ready without a reason of their own: nothing else shows a node that died.
func unreadyNodes(ctx context.Context, c Lister, pods []*corev1.Pod) map[string]corev1.NodeCondition {
	suspects := map[string]bool{}
	for _, pod := range pods {
		if suspicious(pod, time.Now()) {
			suspects[pod.Spec.NodeName] = true
		}
	}
	if len(suspects) == 0 {
		return nil
	}
	var nodes corev1.NodeList
	names := slices.Sorted(maps.Keys(suspects))
	if err := c.List(ctx, "", corev1.LabelHostname+" in ("+strings.Join(names, ",")+")", &nodes); err != nil {
		return nil // the pods' own state is shown in any case
	}
	out := map[string]corev1.NodeCondition{}
	for _, node := range nodes.Items {
		for _, condition := range node.Status.Conditions {
			if condition.Type == corev1.NodeReady && condition.Status != corev1.ConditionTrue && suspects[node.Name] {
				out[node.Name] = condition
			}
		}
	}
	return out
}

func suspicious(pod *corev1.Pod, now time.Time) bool {
	switch s := StateOf(pod); {
	case pod.Spec.NodeName == "" || IsReady(pod) && pod.DeletionTimestamp == nil:
		return false
	case pod.Status.Reason == "NodeLost":
		return true
	case pod.DeletionTimestamp != nil:
		return now.Sub(pod.DeletionTimestamp.Time) > suspectAfter
	default:
		return s.Reason == "" && now.Sub(unreadySince(pod)) > suspectAfter
	}
}

// unreadySince is since when the pod is not ready: since its creation when it never was.
func unreadySince(pod *corev1.Pod) time.Time {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady && !c.LastTransitionTime.IsZero() {
			return c.LastTransitionTime.Time
		}
	}
	return pod.CreationTimestamp.Time
}

// onDeadNode reports that a pod is on a node that is not ready: nothing of it changes until the node comes back, or until it is
// replaced, five minutes later by default.
func (r Rollout) onDeadNode(pod *corev1.Pod) bool {
	_, dead := r.UnreadyNodes[pod.Spec.NodeName]
	return dead && (!IsReady(pod) || pod.DeletionTimestamp != nil)
}

// deadNodes says which nodes with pods of the workload do not answer, and since when.
func (r Rollout) deadNodes(now time.Time) algesta.Text {
	pods := map[string]int{}
	for _, pod := range r.Pods {
		if r.onDeadNode(pod) {
			pods[pod.Spec.NodeName]++
		}
	}
	var out algesta.Text
	for _, name := range slices.Sorted(maps.Keys(pods)) {
		condition, is := r.UnreadyNodes[name], "is"
		if pods[name] > 1 {
			is = "are"
		}
		what := algesta.Say("hasn't answered for {}", words.Span(now.Sub(condition.LastTransitionTime.Time)))
		if condition.Status == corev1.ConditionFalse { // its kubelet answers, and says so itself
			what = algesta.Say("hasn't been ready for {}", words.Span(now.Sub(condition.LastTransitionTime.Time)))
		}
		out = out.Then("Node {} {}, and {} {} on it.", algesta.Name(quote(name)), what, words.Count(pods[name], "pod"), is)
	}
	return out
}
