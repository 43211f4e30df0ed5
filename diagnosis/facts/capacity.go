package facts

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
)

// Placed is how many of the wanted pods find a node.
type Placed struct {
	Pods int
	// Lacking is what the next pod finds on no node, in plain words: "cpu", "memory", "taints". Several nodes may lack
	// different things. Empty when all pods are placed.
	Lacking []string
}

// Place puts that many more pods of a template on the nodes, one after the other, where most CPU is free, as requests are
// counted and not usage. running are the pods of all namespaces; with fewer the answer is an upper bound. The scheduler
// knows more (preemption, spread constraints, volumes), so this is arithmetic for a preview and no promise.
func Place(template corev1.PodTemplateSpec, namespace string, wanted int, nodes []corev1.Node, running []corev1.Pod) Placed {
	s := NewSnapshot(time.Time{}, []runtime.Object{&corev1.NodeList{Items: nodes}, &corev1.PodList{Items: running}}, nil)
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Labels: template.Labels}, Spec: template.Spec}
	r := s.Room()
	r.measure()
	full := map[int]bool{} // nodes that the pods placed here keep others like them off
	for done := range wanted {
		f := s.fit(pod, r.nodes)
		best := -1
		for i := range f.nodes {
			if len(f.nodes[i].blocks) == 0 && !full[i] && (best < 0 || moreCPU(f.nodes[i], f.nodes[best])) {
				best = i
			}
		}
		if best < 0 {
			return Placed{Pods: done, Lacking: lacking(f, len(full) > 0)}
		}
		r.take(best, PodRequests(pod))
		s.excludeLike(pod, best, full)
	}
	return Placed{Pods: wanted}
}

func moreCPU(a, b NodeFit) bool {
	x, y := a.free[corev1.ResourceCPU], b.free[corev1.ResourceCPU]
	return x.Cmp(y) > 0
}

// take counts a placed pod.
func (r *Room) take(node int, wants corev1.ResourceList) {
	n := &r.nodes[node]
	n.running++
	for name, quantity := range wants {
		if left, ok := n.free[name]; ok {
			left.Sub(quantity)
			n.free[name] = left
		}
	}
}

// excludeLike marks the nodes where no second pod may go when the first has anti-affinity to pods like it.
func (s *Snapshot) excludeLike(pod *corev1.Pod, at int, full map[int]bool) {
	if pod.Spec.Affinity == nil || pod.Spec.Affinity.PodAntiAffinity == nil {
		return
	}
	for _, term := range pod.Spec.Affinity.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution {
		place, ok := s.nodes[at].Labels[term.TopologyKey]
		if !ok || !SelectorOf(term.LabelSelector).Matches(labels.Set(pod.Labels)) {
			continue
		}
		for i, node := range s.nodes {
			if node.Labels[term.TopologyKey] == place {
				full[i] = true
			}
		}
	}
}

// lacking is what keeps a pod off the nodes. What a node is reserved for matters only where nothing else is in the way.
func lacking(f Fit, shunned bool) []string {
	var wording []string
	if shunned {
		wording = append(wording, BlockAffinity.Name())
	}
	for _, reserved := range []bool{false, true} {
		for i := range f.nodes {
			blocks := f.nodes[i].blocks
			isReserved := slices.ContainsFunc(blocks, func(b Block) bool { return b == BlockTaint || b == BlockSelector || b == BlockCordon })
			if isReserved != reserved {
				continue
			}
			for _, b := range blocks {
				if word := b.Name(); !slices.Contains(wording, word) {
					wording = append(wording, word)
				}
			}
		}
		if len(wording) > 0 {
			return wording
		}
	}
	return wording
}
