package diagnosis

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta/words"
)

const nodeSource = "Node conditions Ready, MemoryPressure, DiskPressure, PIDPressure, NetworkUnavailable"

var nodeRules = []Rule{
	{
		ID: "node-not-ready", Family: "nodes", Class: ClassNode,
		Signal: "condition Ready is False or Unknown; a node that registered less than 3 minutes ago may still be False", Cause: "the machine or its kubelet is down, or cut off from the control plane", Remedy: "restart or replace the node", Source: nodeSource,
		snapshot: func(s *Snapshot) []*finding {
			var found []*finding
			for _, n := range s.nodes {
				if nodeReady(n) || s.joining(n) {
					continue
				}
				c := nodeCondition(n, corev1.NodeReady)
				wording := fmt.Sprintf("Node %s is not ready", n.Name)
				if c.Status == corev1.ConditionUnknown {
					wording = fmt.Sprintf("Node %s does not answer", n.Name)
				}
				f := s.nodeFinding(n, c, wording, Remedy{Text: "Restart the node, or replace it.", Command: "kubectl describe node " + n.Name})
				f.pods = s.index.podsOn[n.Name]
				f.level = Degraded
				for _, p := range f.pods {
					f.hit(s.index.podOwner[p].ref)
				}
				if len(f.pods) > 0 {
					f.what += fmt.Sprintf(", and %s on it", words.Count(len(f.pods), "pod")+words.Verb(len(f.pods), " is", " are"))
				}
				found = append(found, f)
			}
			return found
		},
	},
	pressureRule("node-memory-pressure", corev1.NodeMemoryPressure, "is short of memory and evicts pods", "pods that use more than they request", "raise the requests to what the pods use, or add a node"),
	pressureRule("node-disk-pressure", corev1.NodeDiskPressure, "is short of disk space and evicts pods", "images, logs or emptyDir volumes that fill the disk", "free the disk, or replace the node"),
	pressureRule("node-pid-pressure", corev1.NodePIDPressure, "has almost no process IDs left", "a program that does not reap its children", "find the pod with the most processes"),
	pressureRule("node-network", corev1.NodeNetworkUnavailable, "has no network for pods", "the network plugin or its routes are not set up", "look at the network plugin on the node"),
	{
		ID: "node-cordoned", Family: "nodes", Class: ClassNode, Risk: true,
		Signal: "spec.unschedulable", Cause: "a drain or upgrade that is running, or was not finished", Remedy: "uncordon the node when the work on it is done", Source: "Node spec.unschedulable",
		snapshot: func(s *Snapshot) []*finding {
			var found []*finding
			for _, n := range s.nodes {
				if !n.Spec.Unschedulable {
					continue
				}
				ref := refOf(KindNode, n)
				f := &finding{
					subject: ref, sure: High, level: Latent, what: fmt.Sprintf("Node %s is cordoned and takes no new pods", n.Name),
					shown:  []Evidence{{Object: ref, Field: "spec.unschedulable", Quote: "true"}},
					remedy: Remedy{Text: "Uncordon it when the work on it is done.", Command: "kubectl uncordon " + n.Name},
				}
				for _, taint := range n.Spec.Taints {
					if taint.Key == corev1.TaintNodeUnschedulable && taint.TimeAdded != nil {
						f.since = taint.TimeAdded.Time
						f.shown[0].At = moment(taint.TimeAdded.Time)
					}
				}
				found = append(found, f)
			}
			return found
		},
	},
	{
		ID: "evicted", Family: "nodes", Class: ClassLifecycle,
		Signal: "pods Failed with reason Evicted within the last hour, of a workload that lacks pods now, or three of one workload for a limit of their own; what else was replaced is history",
		Cause:  "the node ran low on memory, disk or process IDs; the pod writes more than its ephemeral-storage limit or an emptyDir's sizeLimit", Remedy: "set requests to what the pods use; raise the limit, or write less", Source: "kubelet eviction manager: status.reason Evicted",
		snapshot: evicted,
	},
	{
		ID: "pod-rejected", Family: "nodes", Class: ClassScheduling,
		Signal: "pods Failed within the last hour that never ran, message “Pod was rejected” or reason UnexpectedAdmissionError, OutOfcpu, OutOfmemory, OutOfpods, NodeAffinity, NodePorts or TopologyAffinityError, of a workload that lacks pods now",
		Cause:  "the node's state differs from what the scheduler knows: a device that is not healthy, a kubelet that restarted, pods that came without the scheduler", Remedy: "look at the node, or move the pods to another one",
		Source: "kubelet admission: status.reason and status.message", snapshot: rejected,
	},
}

// hit adds a workload once.
func (f *finding) hit(ref Ref) {
	if !slices.Contains(f.hits, ref) {
		f.hits = append(f.hits, ref)
	}
}

func nodeCondition(n *corev1.Node, kind corev1.NodeConditionType) corev1.NodeCondition {
	for _, c := range n.Status.Conditions {
		if c.Type == kind {
			return c
		}
	}
	return corev1.NodeCondition{}
}

// nodeReady is true also for a node without conditions: it has only just registered.
func nodeReady(n *corev1.Node) bool {
	c := nodeCondition(n, corev1.NodeReady)
	return c.Status == corev1.ConditionTrue || c.Status == ""
}

// joinTime is how long a new machine may take until its network plugin runs.
const joinTime = 3 * time.Minute

// joining says that the node has only just registered and its kubelet says that it is not ready yet.
func (s *Snapshot) joining(n *corev1.Node) bool {
	return nodeCondition(n, corev1.NodeReady).Status == corev1.ConditionFalse && s.age(n.CreationTimestamp.Time) < joinTime
}

func (s *Snapshot) nodeFinding(n *corev1.Node, c corev1.NodeCondition, what string, remedy Remedy) *finding {
	ref := refOf(KindNode, n)
	return &finding{
		subject: ref, what: what, sure: High, level: Latent, since: c.LastTransitionTime.Time, remedy: remedy,
		shown: []Evidence{{
			Object: ref, Field: fmt.Sprintf("status.conditions[%s]", c.Type), Quote: c.Reason + ": " + c.Message, At: moment(c.LastTransitionTime.Time), Count: 1,
		}},
	}
}

func pressureRule(id string, kind corev1.NodeConditionType, wording, cause, remedy string) Rule {
	return Rule{
		ID: id, Family: "nodes", Class: ClassNode, Signal: fmt.Sprintf("condition %s is True", kind), Cause: cause, Remedy: remedy, Source: nodeSource,
		snapshot: func(s *Snapshot) []*finding {
			var found []*finding
			for _, n := range s.nodes {
				c := nodeCondition(n, kind)
				if c.Status != corev1.ConditionTrue || !nodeReady(n) && kind != corev1.NodeNetworkUnavailable {
					continue
				}
				f := s.nodeFinding(n, c, fmt.Sprintf("Node %s %s", n.Name, wording), Remedy{Text: words.Capital(remedy) + ".", Command: "kubectl describe node " + n.Name})
				f.pods = unready(s.index.podsOn[n.Name])
				for _, p := range f.pods {
					f.hit(s.index.podOwner[p].ref)
				}
				for _, w := range s.index.workloads {
					if w.lacks() && slices.ContainsFunc(w.finished, func(p *corev1.Pod) bool { return p.Spec.NodeName == n.Name && s.evictedLately(p) }) {
						f.hit(w.ref)
					}
				}
				found = append(found, f)
			}
			return found
		},
	}
}

// lacks says that the workload has fewer ready pods than it wants.
func (w *workload) lacks() bool {
	return w.ref.Kind != KindJob && (w.desired < 0 || w.ready < w.desired)
}

func (s *Snapshot) evictedLately(p *corev1.Pod) bool {
	return p.Status.Reason == "Evicted" && s.age(evictedAt(p)) <= historyWindow
}

// evictedAt is when the pod was last changed: the conditions tell, where there are any.
func evictedAt(p *corev1.Pod) time.Time {
	when := p.CreationTimestamp.Time
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.DisruptionTarget || c.Type == corev1.PodReady {
			when = latest(when, c.LastTransitionTime.Time)
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

func rejected(s *Snapshot) []*finding {
	var found []*finding
	for _, w := range s.index.workloads {
		if !w.lacks() {
			continue
		}
		var f *finding
		for _, p := range w.finished {
			if !wasRejected(p) || s.age(p.CreationTimestamp.Time) > historyWindow {
				continue
			}
			why := strings.TrimPrefix(p.Status.Message, "Pod was rejected: ")
			if f == nil {
				f = &finding{
					subject: w.ref, hits: []Ref{w.ref}, sure: High, level: Degraded, state: p.Status.Reason, since: p.CreationTimestamp.Time,
					what:   fmt.Sprintf("Node %s rejects the pods of %s: %s", p.Spec.NodeName, w.ref.Name, s.brief(strings.TrimSuffix(why, "."), 200)),
					remedy: Remedy{Text: "Look at what the node lacks, or move the pods to another one.", Command: "kubectl describe node " + p.Spec.NodeName},
				}
			}
			f.since = earliest(f.since, p.CreationTimestamp.Time)
			f.show(Evidence{Object: refOf(KindPod, p), Field: "status", Quote: p.Status.Reason + ": " + p.Status.Message, At: moment(p.CreationTimestamp.Time), Count: 1}, true)
		}
		if f != nil {
			found = append(found, f)
		}
	}
	return found
}

// ownLimit is the kubelet's message about a pod that used more of the disk than its own limits allow, whatever the node has left.
var ownLimit = regexp.MustCompile(`exceeds the (?:total )?limit|exceeded its local ephemeral storage limit`)

// evictedAgain is how many pods that their own limits ended within the hour tell of a loop, although each was replaced.
const evictedAgain = 3

func evicted(s *Snapshot) []*finding {
	var found []*finding
	for _, w := range s.index.workloads {
		if f := s.evictions(w); f != nil {
			found = append(found, f)
		}
	}
	return found
}

func (s *Snapshot) evictions(w *workload) *finding {
	var f *finding
	own := 0
	for _, p := range w.finished {
		if !s.evictedLately(p) {
			continue
		}
		when := evictedAt(p)
		if f == nil {
			f = &finding{
				subject: w.ref, hits: []Ref{w.ref}, sure: High, level: Degraded, since: when, what: fmt.Sprintf("Pods of %s are evicted: %s", w.ref.Name, s.firstSentence(p.Status.Message)),
				remedy: Remedy{Text: "Set the requests to what the pods use, or add a node.", Command: fmt.Sprintf("kubectl describe pod %s -n %s", p.Name, p.Namespace)},
			}
		}
		if ownLimit.MatchString(p.Status.Message) {
			own++
			f.remedy.Text = "Raise the limit that the message names, or let the program write less to its disk."
		}
		f.since = earliest(f.since, when)
		f.show(Evidence{Object: refOf(KindPod, p), Field: "status", Quote: "Evicted: " + p.Status.Message, At: moment(when), Count: 1}, true)
	}
	switch {
	case f == nil || w.ref.Kind == KindJob || !w.lacks() && own < evictedAgain:
		return nil
	case !w.lacks():
		f.level = Latent
		f.what += fmt.Sprintf("; %s within the hour", words.Count(own, "time"))
	}
	return f
}
