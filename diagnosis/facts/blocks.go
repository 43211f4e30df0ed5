package facts

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Block is a constraint that keeps a pod off a node.
type Block int

// BlockNone means that nothing keeps a pod off.
const (
	BlockNone Block = iota
	BlockVolume
	BlockSelector
	BlockTaint
	BlockCordon
	BlockAffinity
	BlockSpread
	BlockCPU
	BlockMemory
	BlockPods
	BlockOther
	BlockPort
)

// blockWords are the scheduler's own words for each constraint, of all versions since 1.20.
var blockWords = map[Block]*regexp.Regexp{
	BlockVolume:   regexp.MustCompile(`volume node affinity conflict|didn't match PersistentVolume's node affinity|max volume count`),
	BlockSelector: regexp.MustCompile(`didn't match (?:Pod's )?node (?:affinity|selector)|didn't match node selector`),
	BlockTaint:    regexp.MustCompile(`untolerated taint|had taint`),
	BlockCordon:   regexp.MustCompile(`were unschedulable`),
	BlockAffinity: regexp.MustCompile(`didn't match pod (?:anti-)?affinity|anti-affinity rules`),
	BlockSpread:   regexp.MustCompile(`topology spread`),
	BlockCPU:      regexp.MustCompile(`Insufficient cpu`),
	BlockMemory:   regexp.MustCompile(`Insufficient memory`),
	BlockPods:     regexp.MustCompile(`Too many pods`),
	BlockOther:    regexp.MustCompile(`Insufficient `),
	BlockPort:     regexp.MustCompile(`have free ports`),
}

var blockNames = map[Block]string{
	BlockVolume:   "the volume's zone",
	BlockSelector: "node selector or affinity",
	BlockTaint:    "taints",
	BlockCordon:   "cordoned nodes",
	BlockAffinity: "pod affinity",
	BlockSpread:   "topology spread",
	BlockCPU:      "cpu",
	BlockMemory:   "memory",
	BlockPods:     "the number of pods per node",
	BlockOther:    "another resource",
	BlockPort:     "host ports",
}

// Name is the constraint in a word.
func (b Block) Name() string { return blockNames[b] }

var nodesBlocked = regexp.MustCompile(`(\d+) (node\(s\)[^,.]*|Insufficient [^,.]+|Too many pods)`)

// MainBlock is the constraint to name first. The scheduler counts for every node the first constraint that fails, so nodes that
// the pod never asked for (another pool, a taint for other work) can outnumber those it may use: what fails on these is the cause.
func (p *Pending) MainBlock(message string) Block {
	known := verdict{p.Owner, message}
	if kind, ok := p.Room.main[known]; ok {
		return kind
	}
	kind := blockIn(message)
	if kind == BlockSelector || kind == BlockTaint || kind == BlockCordon || kind == BlockVolume {
		if other := blockIn(message, p.Room.Fit(p.Pod).elsewhere()...); other != BlockNone {
			kind = other
		}
	}
	if p.Room.main == nil {
		p.Room.main = map[verdict]Block{}
	}
	p.Room.main[known] = kind
	return kind
}

// elsewhere are the constraints that only keep the pod off nodes which it cannot use anyway.
func (f Fit) elsewhere() []Block {
	wanted := f.Wanted
	if len(wanted) == 0 || slices.Contains(wanted[0].blocks, BlockSelector) {
		return nil
	}
	but := []Block{BlockSelector}
	if at := atVolume(wanted); len(at) > 0 {
		wanted, but = at, append(but, BlockVolume)
	}
	for _, kind := range []Block{BlockTaint, BlockCordon} {
		if !slices.ContainsFunc(wanted, func(n NodeFit) bool { return slices.Contains(n.blocks, kind) }) {
			but = append(but, kind)
		}
	}
	if slices.ContainsFunc(wanted, func(n NodeFit) bool {
		return !slices.Contains(n.blocks, BlockTaint) && !slices.Contains(n.blocks, BlockCordon)
	}) {
		but = append(but, BlockTaint, BlockCordon)
	}
	return but
}

// atVolume are the nodes at which the pod's volumes are, or may be made.
func atVolume(nodes []NodeFit) []NodeFit {
	var found []NodeFit
	for _, n := range nodes {
		if !slices.Contains(n.blocks, BlockVolume) {
			found = append(found, n)
		}
	}
	return found
}

// blockIn is a resource where one is short on any node (more room helps), else the constraint that the scheduler counts
// on the most nodes.
func blockIn(message string, but ...Block) Block {
	message, _, _ = strings.Cut(message, "preemption:")
	best, most := BlockNone, 0
	for _, m := range nodesBlocked.FindAllStringSubmatch(message, 20) {
		nodes := 0
		if _, err := fmt.Sscan(m[1], &nodes); err != nil {
			continue
		}
		kind := blockOf(m[2])
		if kind == BlockCPU || kind == BlockMemory || kind == BlockPods {
			nodes += 1000
		}
		if kind != BlockNone && !slices.Contains(but, kind) && (nodes > most || nodes == most && kind < best) {
			best, most = kind, nodes
		}
	}
	return best
}

func blockOf(wording string) Block {
	for kind := BlockVolume; kind <= BlockPort; kind++ {
		if blockWords[kind].MatchString(wording) {
			return kind
		}
	}
	return BlockNone
}
