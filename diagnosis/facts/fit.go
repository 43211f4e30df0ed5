package facts

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// Fit is why a pod fits on no node, computed for every node and every constraint.
type Fit struct {
	nodes  []NodeFit
	Wanted []NodeFit // those that the pod asks for by its selector; all of them when there is none
	whole  bool      // the pods of all namespaces were read, those of kube-system too, so what is free is exact
}

// NodeFit is what keeps a pod off one node, and what is free there.
type NodeFit struct {
	Node   *corev1.Node
	blocks []Block
	Taints []string
	free   corev1.ResourceList
}

// Room computes what is free on the nodes once for all pending pods of a diagnosis, and the fit once per workload, whose
// pods are alike.
type Room struct {
	s      *Snapshot
	nodes  []nodeRoom
	byWork map[*Workload]Fit
	main   map[verdict]Block // thousands of pods share a workload and a message
}

// Room is that of a snapshot, to be filled when it is first asked.
func (s *Snapshot) Room() *Room { return &Room{s: s} }

// verdict is what the scheduler said about the pods of a workload.
type verdict struct {
	owner   *Workload
	message string
}

type nodeRoom struct {
	free    corev1.ResourceList
	running int
}

// Fit is why a pod fits on no node.
func (r *Room) Fit(p *corev1.Pod) Fit {
	owner := r.s.index.podOwner[p]
	if known, ok := r.byWork[owner]; ok {
		return known
	}
	if r.byWork == nil {
		r.byWork = map[*Workload]Fit{}
		r.measure()
	}
	f := r.s.fit(p, r.nodes)
	r.byWork[owner] = f
	return f
}

func (r *Room) measure() {
	for _, node := range r.s.nodes {
		on := r.s.index.podsOn[node.Name]
		n := nodeRoom{free: node.Status.Allocatable.DeepCopy(), running: len(on)}
		for _, p := range on {
			for name, quantity := range PodRequests(p) {
				if left, ok := n.free[name]; ok {
					left.Sub(quantity)
					n.free[name] = left
				}
			}
		}
		r.nodes = append(r.nodes, n)
	}
}

// fit computes which constraints keep the pod off which node. rooms are those of the snapshot's nodes.
func (s *Snapshot) fit(p *corev1.Pod, rooms []nodeRoom) Fit {
	f := Fit{whole: s.Knows("pods", "") && s.Knows(OtherPods, "") && s.index.namespaces["kube-system"]}
	wants := PodRequests(p)
	for i, node := range s.nodes {
		n := NodeFit{Node: node, free: rooms[i].free}
		n.check(p, wants, rooms[i].running)
		if s.volumeElsewhere(p, node) {
			n.blocks = append(n.blocks, BlockVolume)
		}
		if s.repelled(p, node) {
			n.blocks = append(n.blocks, BlockAffinity)
		}
		f.nodes = append(f.nodes, n)
	}
	f.Wanted = askedFor(f.nodes)
	return f
}

func (n *NodeFit) check(p *corev1.Pod, wants corev1.ResourceList, running int) {
	cordon := corev1.Taint{Key: corev1.TaintNodeUnschedulable, Effect: corev1.TaintEffectNoSchedule}
	if n.Node.Spec.Unschedulable && !tolerates(p.Spec.Tolerations, cordon) {
		n.blocks = append(n.blocks, BlockCordon)
	}
	for _, taint := range n.Node.Spec.Taints {
		if taint.Effect == corev1.TaintEffectPreferNoSchedule || taint.Key == corev1.TaintNodeUnschedulable ||
			tolerates(p.Spec.Tolerations, taint) {
			continue
		}
		n.Taints = append(n.Taints, taintWords(taint))
	}
	if len(n.Taints) > 0 {
		n.blocks = append(n.blocks, BlockTaint)
	}
	if !selected(p, n.Node) {
		n.blocks = append(n.blocks, BlockSelector)
	}
	for _, name := range slices.Sorted(maps.Keys(wants)) {
		quantity := wants[name]
		free, ok := n.free[name]
		if quantity.IsZero() || ok && free.Cmp(quantity) >= 0 {
			continue
		}
		switch name {
		case corev1.ResourceCPU:
			n.blocks = append(n.blocks, BlockCPU)
		case corev1.ResourceMemory:
			n.blocks = append(n.blocks, BlockMemory)
		default:
			n.blocks = append(n.blocks, BlockOther)
		}
	}
	if room, ok := n.Node.Status.Allocatable[corev1.ResourcePods]; ok && int64(running) >= room.Value() {
		n.blocks = append(n.blocks, BlockPods)
	}
}

func taintWords(t corev1.Taint) string {
	wording := t.Key
	if t.Value != "" {
		wording += "=" + t.Value
	}
	return wording + ":" + string(t.Effect)
}

// tolerates follows the API's rules: an empty key with Exists tolerates everything, an empty effect every effect.
func tolerates(list []corev1.Toleration, taint corev1.Taint) bool {
	return slices.ContainsFunc(list, func(t corev1.Toleration) bool {
		if t.Effect != "" && t.Effect != taint.Effect || t.Key != "" && t.Key != taint.Key {
			return false
		}
		switch t.Operator {
		case corev1.TolerationOpExists:
			return true
		case "", corev1.TolerationOpEqual:
			return t.Key != "" && t.Value == taint.Value
		case corev1.TolerationOpGt, corev1.TolerationOpLt:
			want, errWant := strconv.ParseInt(t.Value, 10, 64)
			have, errHave := strconv.ParseInt(taint.Value, 10, 64)
			return errWant == nil && errHave == nil &&
				(t.Operator == corev1.TolerationOpGt && have > want || t.Operator == corev1.TolerationOpLt && have < want)
		}
		return false
	})
}

// selected says that the node satisfies nodeSelector and the required node affinity.
func selected(p *corev1.Pod, node *corev1.Node) bool {
	for key, value := range p.Spec.NodeSelector {
		if got, ok := node.Labels[key]; !ok || got != value {
			return false
		}
	}
	if p.Spec.Affinity == nil || p.Spec.Affinity.NodeAffinity == nil {
		return true
	}
	return anyTerm(p.Spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution, node)
}

func anyTerm(required *corev1.NodeSelector, node *corev1.Node) bool {
	if required == nil {
		return true
	}
	return slices.ContainsFunc(required.NodeSelectorTerms, func(term corev1.NodeSelectorTerm) bool {
		for _, e := range term.MatchExpressions {
			value, has := node.Labels[e.Key]
			if !satisfies(e, value, has) {
				return false
			}
		}
		for _, e := range term.MatchFields {
			if e.Key == "metadata.name" && !satisfies(e, node.Name, true) {
				return false
			}
		}
		return len(term.MatchExpressions)+len(term.MatchFields) > 0
	})
}

func satisfies(e corev1.NodeSelectorRequirement, value string, has bool) bool {
	switch e.Operator {
	case corev1.NodeSelectorOpIn:
		return has && slices.Contains(e.Values, value)
	case corev1.NodeSelectorOpNotIn:
		return !has || !slices.Contains(e.Values, value)
	case corev1.NodeSelectorOpExists:
		return has
	case corev1.NodeSelectorOpDoesNotExist:
		return !has
	case corev1.NodeSelectorOpGt, corev1.NodeSelectorOpLt:
		if !has || len(e.Values) != 1 {
			return false
		}
		have, errHave := strconv.ParseInt(value, 10, 64)
		want, errWant := strconv.ParseInt(e.Values[0], 10, 64)
		return errHave == nil && errWant == nil &&
			(e.Operator == corev1.NodeSelectorOpGt && have > want || e.Operator == corev1.NodeSelectorOpLt && have < want)
	}
	return false
}

// volumeElsewhere says that a bound volume of the pod is not reachable from the node.
func (s *Snapshot) volumeElsewhere(p *corev1.Pod, node *corev1.Node) bool {
	for _, v := range p.Spec.Volumes {
		if v.PersistentVolumeClaim == nil {
			continue
		}
		claim := s.index.claims[Ref{KindClaim, p.Namespace, v.PersistentVolumeClaim.ClaimName}]
		if claim == nil || claim.Spec.VolumeName == "" {
			continue
		}
		for _, volume := range s.volumes {
			if volume.Name == claim.Spec.VolumeName && volume.Spec.NodeAffinity != nil && !anyTerm(volume.Spec.NodeAffinity.Required, node) {
				return true
			}
		}
	}
	return false
}

// VolumePlace is where the bound volume of a pod can be reached, when that is one zone or one node: "zone westeurope-1". empty says that
// no node is there. Nothing where no volume of the pod is bound to a place, or where it's more than one.
func (s *Snapshot) VolumePlace(p *corev1.Pod) (place string, empty bool) {
	for _, v := range p.Spec.Volumes {
		if v.PersistentVolumeClaim == nil {
			continue
		}
		claim := s.index.claims[Ref{KindClaim, p.Namespace, v.PersistentVolumeClaim.ClaimName}]
		for _, volume := range s.volumes {
			if claim == nil || volume.Name != claim.Spec.VolumeName || volume.Spec.NodeAffinity == nil || volume.Spec.NodeAffinity.Required == nil {
				continue
			}
			for _, term := range volume.Spec.NodeAffinity.Required.NodeSelectorTerms {
				for _, e := range term.MatchExpressions {
					if e.Operator != corev1.NodeSelectorOpIn || len(e.Values) != 1 || e.Values[0] == "" {
						continue
					}
					kind := "zone "
					if e.Key == corev1.LabelHostname {
						kind = "node "
					} else if !strings.Contains(e.Key, "zone") {
						continue
					}
					nobody := !slices.ContainsFunc(s.nodes, func(n *corev1.Node) bool { return n.Labels[e.Key] == e.Values[0] })
					return kind + e.Values[0], nobody && len(s.nodes) > 0
				}
			}
		}
	}
	return "", false
}

// Offered says that some node has a resource at all, whatever is free of it. Where no node was read, it's taken to be so.
func (f Fit) Offered(name corev1.ResourceName) bool {
	return len(f.nodes) == 0 || slices.ContainsFunc(f.nodes, func(n NodeFit) bool {
		has, ok := n.Node.Status.Allocatable[name]
		return ok && !has.IsZero()
	})
}

// repelled says that required anti-affinity keeps the pod off the node: a pod that it must not run with is in the same place.
func (s *Snapshot) repelled(p *corev1.Pod, node *corev1.Node) bool {
	if p.Spec.Affinity == nil || p.Spec.Affinity.PodAntiAffinity == nil {
		return false
	}
	for _, term := range p.Spec.Affinity.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution {
		place, ok := node.Labels[term.TopologyKey]
		if !ok {
			continue
		}
		for _, other := range s.nodes {
			if other.Labels[term.TopologyKey] != place {
				continue
			}
			for _, neighbour := range s.index.podsOn[other.Name] {
				if neighbour.Namespace == p.Namespace && matchesLabels(term, neighbour) {
					return true
				}
			}
		}
	}
	return false
}

func matchesLabels(term corev1.PodAffinityTerm, p *corev1.Pod) bool {
	return SelectorOf(term.LabelSelector).Matches(labels.Set(p.Labels))
}
