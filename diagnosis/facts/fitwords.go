package facts

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/3astronautas/algesta/words"
)

// Most says how much is free on the best node that nothing else forbids.
func (f Fit) Most(p *corev1.Pod, name corev1.ResourceName) string {
	var best resource.Quantity
	found := false
	for i := range f.nodes {
		n := &f.nodes[i]
		if slices.Contains(n.blocks, BlockTaint) || slices.Contains(n.blocks, BlockSelector) || slices.Contains(n.blocks, BlockCordon) {
			continue
		}
		if free, ok := n.free[name]; ok && (!found || best.Cmp(free) < 0) {
			best, found = free, true
		}
	}
	if wants := PodRequests(p)[name]; !found || !f.whole && best.Cmp(wants) >= 0 {
		return "" // pods that were not read use the rest
	}
	if best.Sign() < 0 {
		best = *resource.NewQuantity(0, best.Format)
	}
	return fmt.Sprintf(" (at most %s is free)", readable(best))
}

// askedFor are the nodes that the pod asks for; all of them when there is none.
func askedFor(nodes []NodeFit) []NodeFit {
	var asked []NodeFit
	for _, n := range nodes {
		if !slices.Contains(n.blocks, BlockSelector) {
			asked = append(asked, n)
		}
	}
	if len(asked) == 0 {
		return nodes
	}
	return asked
}

// Taints are those that a pod does not tolerate.
func (f Fit) Taints() []string {
	var found []string
	for _, n := range f.Wanted {
		for _, t := range n.Taints {
			if !slices.Contains(found, t) {
				found = append(found, t)
			}
		}
	}
	return found
}

// Cordoned are the nodes that take no new pods.
func (f Fit) Cordoned() []string {
	var names []string
	for _, n := range f.Wanted {
		if n.Node.Spec.Unschedulable {
			names = append(names, "Node "+n.Node.Name)
		}
	}
	return names
}

// PerNode says for the first nodes what keeps the pod off.
func (f Fit) PerNode() []Evidence {
	var lines []Evidence
	for _, n := range f.Wanted {
		if len(n.blocks) == 0 || len(lines) == 3 {
			continue
		}
		var wording []string
		for _, b := range n.blocks {
			switch b {
			case BlockCPU:
				wording = append(wording, "free cpu "+f.bound()+amount(n.free, corev1.ResourceCPU))
			case BlockMemory:
				wording = append(wording, "free memory "+f.bound()+amount(n.free, corev1.ResourceMemory))
			case BlockTaint:
				wording = append(wording, "taint "+words.Few(n.Taints, 4))
			default:
				wording = append(wording, b.Name())
			}
		}
		lines = append(lines, Evidence{Object: RefOf(KindNode, n.Node), Field: "computed", Quote: words.Few(wording, 4)})
	}
	return lines
}

// bound marks what is free as an upper bound when other pods may use it, too.
func (f Fit) bound() string {
	if f.whole {
		return ""
	}
	return "at most "
}

func amount(free corev1.ResourceList, name corev1.ResourceName) string {
	quantity := free[name]
	if quantity.Sign() < 0 {
		return "0"
	}
	return readable(quantity)
}

// readable is a computed amount of memory in Gi or Mi, rounded down, because nodes have odd numbers of Ki; of anything else as it is.
func readable(q resource.Quantity) string {
	const mebi, gibi = 1 << 20, 1 << 30
	switch v := q.Value(); {
	case v >= 10*gibi: // below, people's requests are in Mi
		return strconv.FormatFloat(float64(v*10/gibi)/10, 'f', -1, 64) + "Gi"
	case v >= mebi:
		return strconv.FormatInt(v/mebi, 10) + "Mi"
	}
	return q.String()
}

// Residual are the other constraints, on nodes that the named one blocks, which the scheduler does not mention.
func (f Fit) Residual(named Block) []string {
	seen := map[Block]bool{}
	for _, n := range f.Wanted {
		if len(n.blocks) == 1 && n.blocks[0] == named {
			return nil // there is a node that would take it then
		}
		if len(n.blocks) < 2 || !slices.Contains(n.blocks, named) {
			continue
		}
		for _, b := range n.blocks {
			seen[b] = true
		}
	}
	delete(seen, named)
	var wording []string
	for _, b := range slices.Sorted(maps.Keys(seen)) {
		wording = append(wording, b.Name())
	}
	return wording
}
