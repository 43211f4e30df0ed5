package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/words"
)

const nodeSource = "Node conditions Ready, MemoryPressure, DiskPressure, PIDPressure, NetworkUnavailable"

var nodeRules = []Rule{
	{
		ID:     "node-not-ready",
		Family: "nodes",
		Class:  ClassNode,
		Signal: "condition Ready is False or Unknown; a node that registered less than 3 minutes ago may still be False",
		Cause:  "the machine or its kubelet is down, or cut off from the control plane",
		Remedy: "restart or replace the node",
		Source: nodeSource,
		snapshot: func(s *facts.Snapshot) []*Finding {
			var found []*Finding
			for _, n := range s.Nodes() {
				if facts.NodeReady(n) || joining(s, n) {
					continue
				}
				c := facts.NodeCondition(n, corev1.NodeReady)
				wording := fmt.Sprintf("Node %s is not ready", n.Name)
				if c.Status == corev1.ConditionUnknown {
					wording = fmt.Sprintf("Node %s does not answer", n.Name)
				}
				f := nodeFinding(n, c, wording, Remedy{Text: "Restart the node, or replace it.", Command: "kubectl describe node " + n.Name})
				f.Pods = s.PodsOn(n.Name)
				f.Level = Degraded
				for _, p := range f.Pods {
					f.hit(s.Owner(p).Ref)
				}
				if len(f.Pods) > 0 {
					f.What += fmt.Sprintf(", and %s on it", podsWhere(f.Pods)+words.Verb(len(f.Pods), " is", " are"))
				}
				found = append(found, f)
			}
			return found
		},
	},
	pressureRule(
		"node-memory-pressure",
		corev1.NodeMemoryPressure,
		"is short of memory and evicts pods",
		"pods that use more than they request",
		"raise the requests to what the pods use, or add a node",
	),
	pressureRule(
		"node-disk-pressure",
		corev1.NodeDiskPressure,
		"is short of disk space and evicts pods",
		"images, logs or emptyDir volumes that fill the disk",
		"free the disk, or replace the node",
	),
	pressureRule(
		"node-pid-pressure",
		corev1.NodePIDPressure,
		"has almost no process IDs left",
		"a program that doesn't reap its children",
		"find the pod with the most processes",
	),
	pressureRule(
		"node-network",
		corev1.NodeNetworkUnavailable,
		"has no network for pods",
		"the network plugin or its routes are not set up",
		"look at the network plugin on the node",
	),
	{
		ID:     "node-cordoned",
		Family: "nodes",
		Class:  ClassNode,
		Risk:   true,
		Signal: "spec.unschedulable",
		Cause:  "a drain or upgrade that is running, or was not finished",
		Remedy: "uncordon the node when the work on it is done",
		Source: "Node spec.unschedulable",
		snapshot: func(s *facts.Snapshot) []*Finding {
			var found []*Finding
			for _, n := range s.Nodes() {
				if !n.Spec.Unschedulable {
					continue
				}
				ref := facts.RefOf(facts.KindNode, n)
				f := &Finding{
					Subject: ref, Sure: High, Level: Latent, What: fmt.Sprintf("Node %s is cordoned and accepts no new pods", n.Name),
					Shown:  []facts.Evidence{{Object: ref, Field: "spec.unschedulable", Quote: "true"}},
					Remedy: Remedy{Text: "Uncordon it when the work on it is done.", Command: "kubectl uncordon " + n.Name},
				}
				f.Since = cordonedSince(n)
				f.Shown[0].At = facts.Moment(f.Since)
				if e, _, refused := refusedEviction(s, n); refused {
					if b, _ := budgetThatBlocks(s, n, e.Message); b != nil {
						f.Because = facts.RefOf(facts.KindBudget, b)
					}
				}
				found = append(found, f)
			}
			return found
		},
	},
	{
		ID:     "evicted",
		Family: "nodes",
		Class:  ClassLifecycle,
		Signal: "pods Failed with reason Evicted within the last hour, of a workload that lacks pods now, or three of one workload for a " +
			"limit of their own; what else was replaced is history",
		Cause: "the node ran low on memory, disk or process IDs; the pod writes more than its ephemeral-storage limit or an emptyDir's " +
			"sizeLimit",
		Remedy:   "set requests to what the pods use; raise the limit, or write less",
		Source:   "kubelet eviction manager: status.reason Evicted",
		snapshot: evicted,
	},
	{
		ID:     "pod-rejected",
		Family: "nodes",
		Class:  ClassScheduling,
		Signal: "pods Failed within the last hour that never ran, message “Pod was rejected” or reason UnexpectedAdmissionError, " +
			"OutOfcpu, OutOfmemory, OutOfpods, NodeAffinity, NodePorts or TopologyAffinityError, of a workload that lacks pods now",
		Cause: "the node's state differs from what the scheduler knows: a device that is not healthy, a kubelet that restarted, pods " +
			"that came without the scheduler",
		Remedy:   "look at the node, or move the pods to another one",
		Source:   "kubelet admission: status.reason and status.message",
		snapshot: rejected,
	},
}

// hit adds a workload once.
func (f *Finding) hit(ref facts.Ref) {
	if !slices.Contains(f.Hits, ref) {
		f.Hits = append(f.Hits, ref)
	}
}

// joinTime is how long a new machine may take until its network plugin runs.
const joinTime = 3 * time.Minute

// joining says that the node has only just registered and its kubelet says that it is not ready yet.
func joining(s *facts.Snapshot, n *corev1.Node) bool {
	return facts.NodeCondition(n, corev1.NodeReady).Status == corev1.ConditionFalse && s.Age(n.CreationTimestamp.Time) < joinTime
}

func nodeFinding(n *corev1.Node, c corev1.NodeCondition, what string, remedy Remedy) *Finding {
	ref := facts.RefOf(facts.KindNode, n)
	return &Finding{
		Subject: ref, What: what, Sure: High, Level: Latent, Since: c.LastTransitionTime.Time, Remedy: remedy,
		Shown: []facts.Evidence{{
			Object: ref,
			Field:  fmt.Sprintf("status.conditions[%s]", c.Type),
			Quote:  c.Reason + ": " + c.Message,
			At:     facts.Moment(c.LastTransitionTime.Time),
			Count:  1,
		}},
	}
}

func pressureRule(id string, kind corev1.NodeConditionType, wording, cause, remedy string) Rule {
	return Rule{
		ID:     id,
		Family: "nodes",
		Class:  ClassNode,
		Signal: fmt.Sprintf("condition %s is True", kind),
		Cause:  cause,
		Remedy: remedy,
		Source: nodeSource,
		snapshot: func(s *facts.Snapshot) []*Finding {
			var found []*Finding
			for _, n := range s.Nodes() {
				c := facts.NodeCondition(n, kind)
				if c.Status != corev1.ConditionTrue || !facts.NodeReady(n) && kind != corev1.NodeNetworkUnavailable {
					continue
				}
				f := nodeFinding(
					n,
					c,
					fmt.Sprintf("Node %s %s", n.Name, wording),
					Remedy{Text: words.Capital(remedy) + ".", Command: "kubectl describe node " + n.Name},
				)
				f.Pods = unready(s.PodsOn(n.Name))
				for _, p := range f.Pods {
					f.hit(s.Owner(p).Ref)
				}
				for _, w := range s.Workloads() {
					if lacks(w) && slices.ContainsFunc(w.Finished, func(p *corev1.Pod) bool { return p.Spec.NodeName == n.Name && evictedLately(s, p) }) {
						f.hit(w.Ref)
					}
				}
				found = append(found, f)
			}
			return found
		},
	}
}

// lacks says that the workload has fewer ready pods than it wants.
func lacks(w *facts.Workload) bool {
	return w.Ref.Kind != facts.KindJob && (w.Desired < 0 || w.Ready < w.Desired)
}

func evictedLately(s *facts.Snapshot, p *corev1.Pod) bool {
	return p.Status.Reason == "Evicted" && s.Age(evictedAt(p)) <= facts.HistoryWindow
}

// evictedAt is when the pod was last changed: the conditions say, where there are any.
func evictedAt(p *corev1.Pod) time.Time {
	when := p.CreationTimestamp.Time
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.DisruptionTarget || c.Type == corev1.PodReady {
			when = facts.Latest(when, c.LastTransitionTime.Time)
		}
	}
	return when
}

// rejections are the kubelet's reasons for not taking a pod that the scheduler gave it.
var rejections = regexp.MustCompile(`^(?:UnexpectedAdmissionError|OutOf[a-z].*|NodeAffinity|NodePorts|TopologyAffinityError)$`)

func wasRejected(p *corev1.Pod) bool {
	if p.Status.Phase != corev1.PodFailed || anyStarted(p.Status.ContainerStatuses) {
		return false
	}
	return rejections.MatchString(p.Status.Reason) || strings.HasPrefix(p.Status.Message, "Pod was rejected")
}

func rejected(s *facts.Snapshot) []*Finding {
	var found []*Finding
	for _, w := range s.Workloads() {
		if !lacks(w) {
			continue
		}
		var f *Finding
		for _, p := range w.Finished {
			if !wasRejected(p) || s.Age(p.CreationTimestamp.Time) > facts.HistoryWindow {
				continue
			}
			why := strings.TrimPrefix(p.Status.Message, "Pod was rejected: ")
			if f == nil {
				f = &Finding{
					Subject: w.Ref, Hits: []facts.Ref{w.Ref}, Sure: High, Level: Degraded, State: p.Status.Reason, Since: p.CreationTimestamp.Time,
					What: fmt.Sprintf("Node %s rejects the pods of %s: %s", p.Spec.NodeName, w.Ref.Name, s.Brief(strings.TrimSuffix(why, "."), 200)),
					Remedy: Remedy{
						Text:    "Look at what the node lacks, or move the pods to another one.",
						Command: "kubectl describe node " + p.Spec.NodeName,
					},
				}
			}
			f.Since = facts.Earliest(f.Since, p.CreationTimestamp.Time)
			f.show(
				facts.Evidence{
					Object: facts.RefOf(facts.KindPod, p),
					Field:  "status",
					Quote:  p.Status.Reason + ": " + p.Status.Message,
					At:     facts.Moment(p.CreationTimestamp.Time),
					Count:  1,
				},
				true,
			)
		}
		if f != nil {
			found = append(found, f)
		}
	}
	return found
}

// ownLimit is the kubelet's message about a pod that used more of the disk than its own limits allow, whatever the node has left.
var ownLimit = regexp.MustCompile(`exceeds the (?:total )?limit|exceeded its local ephemeral storage limit`)

// evictedAgain is how many pods that their own limits ended within the hour make a loop, although each was replaced.
const evictedAgain = 3

func evicted(s *facts.Snapshot) []*Finding {
	var found []*Finding
	for _, w := range s.Workloads() {
		if f := evictions(s, w); f != nil {
			found = append(found, f)
		}
	}
	return found
}

func evictions(s *facts.Snapshot, w *facts.Workload) *Finding {
	var f *Finding
	own := 0
	for _, p := range w.Finished {
		if !evictedLately(s, p) {
			continue
		}
		when := evictedAt(p)
		if f == nil {
			f = &Finding{
				Subject: w.Ref,
				Hits:    []facts.Ref{w.Ref},
				Sure:    High,
				Level:   Degraded,
				Since:   when,
				What:    fmt.Sprintf("Pods of %s are evicted: %s", w.Ref.Name, s.FirstSentence(p.Status.Message)),
				Remedy: Remedy{
					Text:    "Set the requests to what the pods use, or add a node.",
					Command: fmt.Sprintf("kubectl describe pod %s -n %s", p.Name, p.Namespace),
				},
			}
		}
		if ownLimit.MatchString(p.Status.Message) {
			own++
			f.Remedy.Text = "Raise the limit that the message names, or let the program write less to its disk."
		}
		f.Since = facts.Earliest(f.Since, when)
		f.show(
			facts.Evidence{
				Object: facts.RefOf(facts.KindPod, p),
				Field:  "status",
				Quote:  "Evicted: " + p.Status.Message,
				At:     facts.Moment(when),
				Count:  1,
			},
			true,
		)
	}
	switch {
	case f == nil || w.Ref.Kind == facts.KindJob || !lacks(w) && own < evictedAgain:
		return nil
	case !lacks(w):
		f.Level = Latent
		f.What += fmt.Sprintf("; %s within the hour", words.Count(own, "time"))
	}
	return f
}

// podsWhere is "2 pods of production": others that were not read may be there, too. Of several namespaces it is "3 pods".
func podsWhere(pods []*corev1.Pod) string {
	said := words.Count(len(pods), "pod")
	if slices.ContainsFunc(pods, func(p *corev1.Pod) bool { return p.Namespace != pods[0].Namespace }) {
		return said
	}
	return said + " of " + pods[0].Namespace
}
