package diagnosis

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta/words"
)

const schedulerSource = "PodScheduled=False/Unschedulable and its message; every constraint is computed again from the specs of nodes and pods, because the scheduler names only the first that fails per node"

var schedulingRules = []Rule{
	{
		ID: "scheduling-gated", Family: "scheduling", Class: ClassScheduling,
		Signal: "PodScheduled=False, reason SchedulingGated", Cause: "a controller that should lift spec.schedulingGates has not", Remedy: "look at the controller that set the gate", Source: "Pod scheduling gates",
		pod: func(p *pending) *finding {
			c := podCondition(p.pod, corev1.PodScheduled)
			if c == nil || c.Reason != corev1.PodReasonSchedulingGated || p.s.age(p.pod.CreationTimestamp.Time) < pendingSlack {
				return nil
			}
			var gates []string
			for _, gate := range p.pod.Spec.SchedulingGates {
				gates = append(gates, gate.Name)
			}
			return p.unscheduled(fmt.Sprintf("Scheduling gate %s holds the pods", words.Few(gates, 4)), *c, Remedy{Text: "Look at the controller that set the gate."})
		},
	},
	{
		ID: "no-scheduler", Family: "scheduling", Class: ClassScheduling,
		Signal: "Pending without a node and without a PodScheduled condition for more than 30 seconds", Cause: "schedulerName names a scheduler that does not run; the scheduler is down",
		Remedy: "correct schedulerName, or look at the scheduler", Source: "the scheduler writes PodScheduled at its first try; a pod whose ResourceClaims are not there yet it does not try",
		pod: func(p *pending) *finding {
			if p.pod.Spec.NodeName != "" || p.pod.Status.Phase != corev1.PodPending || p.pod.DeletionTimestamp != nil || podCondition(p.pod, corev1.PodScheduled) != nil || p.s.age(p.pod.CreationTimestamp.Time) < pendingSlack {
				return nil
			}
			if claims := missingClaims(p.pod); len(claims) > 0 {
				f := p.unscheduled(fmt.Sprintf("The scheduler holds the pods back until %s %s there", words.Few(claims, 4), words.Verb(len(claims), "is", "are")), corev1.PodCondition{Type: corev1.PodScheduled, Message: "there is no such condition"},
					Remedy{Text: "Create what is missing, or correct resourceClaims.", Command: fmt.Sprintf("kubectl get resourceclaims,resourceclaimtemplates -n %s", p.pod.Namespace)})
				f.sure, f.unsure = Medium, "ResourceClaims are not read, and the scheduler may be down."
				return f
			}
			name := p.pod.Spec.SchedulerName
			if name == "" {
				name = "default-scheduler"
			}
			return p.unscheduled(fmt.Sprintf("Scheduler %s has not looked at the pods", name), corev1.PodCondition{Type: corev1.PodScheduled, Message: "there is no such condition"},
				Remedy{Text: "See whether this scheduler runs, or correct schedulerName."})
		},
	},
	blockedRule("volume-zone", blockVolume, "the volume is bound to a zone or node on which the pod cannot run", "run the pod in the volume's zone, or make the volume anew",
		"Run the pod where its volume is."),
	blockedRule("node-selector", blockSelector, "nodeSelector or required node affinity that no node satisfies", "correct the selector, or label a node", "Correct nodeSelector or node affinity, or label a node."),
	blockedRule("untolerated-taint", blockTaint, "the remaining nodes are reserved for other work, or have trouble of their own", "tolerate the taint, or add nodes", "Tolerate the taint, or add nodes without it."),
	blockedRule("nodes-cordoned", blockCordon, "a drain or upgrade that is running, or was not finished", "uncordon the node when the work on it is done", "Uncordon the node when the work on it is done."),
	blockedRule("pod-affinity", blockAffinity, "required anti-affinity with more replicas than nodes, or affinity to pods that do not run", "make the rule preferred, or add nodes",
		"Make the affinity rule preferred, or add a node."),
	blockedRule("topology-spread", blockSpread, "a spread constraint with DoNotSchedule and too few zones or nodes", "use ScheduleAnyway, or add nodes", "Use ScheduleAnyway, or add nodes in the other zones."),
	blockedRule("insufficient-cpu", blockCPU, "requests that are too big for the nodes; the surge of a rollout; an autoscaler's new pods; leftovers of a failed rollout",
		"lower the requests, scale something else down, or add a node", "Lower the requests, scale something else down, or add a node."),
	blockedRule("insufficient-memory", blockMemory, "requests that are too big for the nodes; the surge of a rollout; an autoscaler's new pods",
		"lower the requests, scale something else down, or add a node", "Lower the requests, scale something else down, or add a node."),
	blockedRule("too-many-pods", blockPods, "allocatable.pods of every node is reached", "add a node, or remove pods", "Add a node, or remove pods that are not needed."),
	blockedRule("insufficient-other", blockOther, "ephemeral storage, a GPU or another extended resource that no node has free", "lower the request, or add a node that has it", "Lower the request, or add a node that has it."),
	blockedRule("host-port", blockPort, "another pod on every node uses the same host port", "use a Service instead of hostPort", "Use a Service instead of hostPort, or add nodes."),
	{
		ID: "unschedulable", Family: "scheduling", Class: ClassScheduling,
		Signal: "PodScheduled=False, reason Unschedulable, and neither the message nor the specs tell which constraint", Cause: "see the message", Remedy: "read the scheduler's message", Source: schedulerSource,
		pod: func(p *pending) *finding {
			condition, ok := p.isUnschedulable()
			if !ok {
				return nil
			}
			wording, _, _ := strings.Cut(noneOfThem.ReplaceAllString(condition.Message, ""), " preemption:")
			f := p.unscheduled("The scheduler finds no node: "+p.s.quote(strings.TrimSuffix(wording, ".")), condition, Remedy{Text: "Read the scheduler's message."})
			f.sure, f.unsure = Medium, "The message is all there is."
			return f
		},
	},
}

var noneOfThem = regexp.MustCompile(`^0/\d+ nodes are available: `)

// missingClaims are the devices that a pod asks for and that its status does not know yet. Claims of a template are made for it.
func missingClaims(p *corev1.Pod) []string {
	var missing []string
	for _, c := range p.Spec.ResourceClaims {
		switch {
		case c.ResourceClaimName != nil:
			missing = append(missing, "ResourceClaim "+*c.ResourceClaimName)
		case c.ResourceClaimTemplateName != nil && !slices.ContainsFunc(p.Status.ResourceClaimStatuses, func(s corev1.PodResourceClaimStatus) bool { return s.Name == c.Name }):
			missing = append(missing, "ResourceClaimTemplate "+*c.ResourceClaimTemplateName)
		}
	}
	return missing
}

// block is a constraint that keeps a pod off a node.
type block int

const (
	blockNone block = iota
	blockVolume
	blockSelector
	blockTaint
	blockCordon
	blockAffinity
	blockSpread
	blockCPU
	blockMemory
	blockPods
	blockOther
	blockPort
)

// blockWords are the scheduler's own words for each constraint, of all versions since 1.20.
var blockWords = map[block]*regexp.Regexp{
	blockVolume:   regexp.MustCompile(`volume node affinity conflict|didn't match PersistentVolume's node affinity|max volume count`),
	blockSelector: regexp.MustCompile(`didn't match (?:Pod's )?node (?:affinity|selector)|didn't match node selector`),
	blockTaint:    regexp.MustCompile(`untolerated taint|had taint`),
	blockCordon:   regexp.MustCompile(`were unschedulable`),
	blockAffinity: regexp.MustCompile(`didn't match pod (?:anti-)?affinity|anti-affinity rules`),
	blockSpread:   regexp.MustCompile(`topology spread`),
	blockCPU:      regexp.MustCompile(`Insufficient cpu`),
	blockMemory:   regexp.MustCompile(`Insufficient memory`),
	blockPods:     regexp.MustCompile(`Too many pods`),
	blockOther:    regexp.MustCompile(`Insufficient `),
	blockPort:     regexp.MustCompile(`have free ports`),
}

var blockNames = map[block]string{
	blockVolume: "the volume's zone", blockSelector: "node selector or affinity", blockTaint: "taints", blockCordon: "cordoned nodes", blockAffinity: "pod affinity",
	blockSpread: "topology spread", blockCPU: "cpu", blockMemory: "memory", blockPods: "the number of pods per node", blockOther: "another resource", blockPort: "host ports",
}

// name is the constraint in a word.
func (b block) name() string { return blockNames[b] }

func blockedRule(id string, kind block, cause, remedy, fix string) Rule {
	return Rule{
		ID: id, Family: "scheduling", Class: ClassScheduling, Signal: "PodScheduled=False, reason Unschedulable: " + kind.name(), Cause: cause, Remedy: remedy, Source: schedulerSource,
		pod: func(p *pending) *finding {
			condition, ok := p.isUnschedulable()
			if !ok || p.mainBlock(condition.Message) != kind {
				return nil
			}
			return p.blocked(kind, condition, fix)
		},
	}
}

func (p *pending) isUnschedulable() (corev1.PodCondition, bool) {
	c := podCondition(p.pod, corev1.PodScheduled)
	if c == nil || c.Status != corev1.ConditionFalse || c.Reason != corev1.PodReasonUnschedulable || p.pod.DeletionTimestamp != nil || p.pod.Spec.NodeName != "" {
		return corev1.PodCondition{}, false
	}
	return *c, p.s.age(p.pod.CreationTimestamp.Time) >= pendingSlack
}

var nodesBlocked = regexp.MustCompile(`(\d+) (node\(s\)[^,.]*|Insufficient [^,.]+|Too many pods)`)

// mainBlock is the constraint to name first. The scheduler counts for every node the first constraint that fails, so nodes that
// the pod never asked for (another pool, a taint for other work) can outnumber those it may use: what fails on these is the cause.
func (p *pending) mainBlock(message string) block {
	known := verdict{p.owner, message}
	if kind, ok := p.room.main[known]; ok {
		return kind
	}
	kind := mainBlock(message)
	if kind == blockSelector || kind == blockTaint || kind == blockCordon || kind == blockVolume {
		if other := mainBlock(message, p.room.fit(p.pod).elsewhere()...); other != blockNone {
			kind = other
		}
	}
	if p.room.main == nil {
		p.room.main = map[verdict]block{}
	}
	p.room.main[known] = kind
	return kind
}

// elsewhere are the constraints that only keep the pod off nodes which it cannot use anyway.
func (f fit) elsewhere() []block {
	wanted := f.wanted
	if len(wanted) == 0 || slices.Contains(wanted[0].blocks, blockSelector) {
		return nil
	}
	but := []block{blockSelector}
	if at := atVolume(wanted); len(at) > 0 {
		wanted, but = at, append(but, blockVolume)
	}
	for _, kind := range []block{blockTaint, blockCordon} {
		if !slices.ContainsFunc(wanted, func(n nodeFit) bool { return slices.Contains(n.blocks, kind) }) {
			but = append(but, kind)
		}
	}
	if slices.ContainsFunc(wanted, func(n nodeFit) bool {
		return !slices.Contains(n.blocks, blockTaint) && !slices.Contains(n.blocks, blockCordon)
	}) {
		but = append(but, blockTaint, blockCordon)
	}
	return but
}

// atVolume are the nodes at which the pod's volumes are, or may be made.
func atVolume(nodes []nodeFit) []nodeFit {
	var found []nodeFit
	for _, n := range nodes {
		if !slices.Contains(n.blocks, blockVolume) {
			found = append(found, n)
		}
	}
	return found
}

// trouble are the nodes' own troubles, such as node.kubernetes.io/disk-pressure, where these are all that keeps the pod off.
func (f fit) trouble() []string {
	const by = "node.kubernetes.io/"
	var wording []string
	for _, n := range f.wanted {
		for _, taint := range n.taints {
			if !strings.HasPrefix(taint, by) {
				return nil
			}
			name, _, _ := strings.Cut(strings.TrimPrefix(taint, by), ":")
			wording = append(wording, fmt.Sprintf("%s has %s", n.node.Name, name))
		}
	}
	return wording
}

// mainBlock is a resource where one is short on any node (more room helps), else the constraint that the scheduler counts
// on the most nodes.
func mainBlock(message string, but ...block) block {
	message, _, _ = strings.Cut(message, "preemption:")
	best, most := blockNone, 0
	for _, m := range nodesBlocked.FindAllStringSubmatch(message, 20) {
		nodes := 0
		if _, err := fmt.Sscan(m[1], &nodes); err != nil {
			continue
		}
		kind := blockOf(m[2])
		if kind == blockCPU || kind == blockMemory || kind == blockPods {
			nodes += 1000
		}
		if kind != blockNone && !slices.Contains(but, kind) && (nodes > most || nodes == most && kind < best) {
			best, most = kind, nodes
		}
	}
	return best
}

func blockOf(wording string) block {
	for kind := blockVolume; kind <= blockPort; kind++ {
		if blockWords[kind].MatchString(wording) {
			return kind
		}
	}
	return blockNone
}

var insufficient = regexp.MustCompile(`Insufficient ([a-z0-9][\w./-]*\w)`)

func (p *pending) blocked(kind block, condition corev1.PodCondition, fix string) *finding {
	fits := p.room.fit(p.pod)
	f := p.unscheduled(p.blockSentence(kind, fits, condition.Message), condition, Remedy{Text: fix})
	f.key = kind.name()
	if kind == blockCPU || kind == blockMemory {
		f.show(Evidence{Object: p.owner.ref, Field: "spec.template resources.requests", Quote: requestWords(p.pod)}, false)
		if kind == blockCPU || kind == blockMemory {
			f.remedy.Command = "kubectl describe nodes"
		}
	}
	if kind == blockTaint && len(fits.trouble()) > 0 {
		f.remedy = Remedy{Text: "Mend the nodes, or add others.", Command: "kubectl describe nodes"}
	}
	for _, line := range fits.perNode() {
		f.show(line, false)
	}
	if rest := fits.residual(kind); len(rest) > 0 {
		f.show(Evidence{Object: refOf(KindPod, p.pod), Field: "computed", Quote: "once that is mended, it would still be blocked by " + words.Few(rest, 4)}, false)
	}
	if up, ok := p.s.recent(refOf(KindPod, p.pod), "TriggeredScaleUp", "NotTriggerScaleUp"); ok {
		f.show(up.evidence(refOf(KindPod, p.pod)), false)
		if up.reason == "TriggeredScaleUp" {
			f.remedy.Text = "A node is being added; wait for it. " + f.remedy.Text
		} else if strings.Contains(up.message, "max node group size reached") {
			f.remedy.Text = "The node pool is at its maximum: raise it. Otherwise: " + strings.ToLower(f.remedy.Text[:1]) + f.remedy.Text[1:]
		}
	}
	return f
}

func (p *pending) unscheduled(what string, condition corev1.PodCondition, remedy Remedy) *finding {
	if remedy.Command == "" {
		remedy.Command = fmt.Sprintf("kubectl describe pod %s -n %s", p.pod.Name, p.pod.Namespace)
	}
	return &finding{
		what: what, effect: cannotSchedule, state: "Pending", since: earliest(condition.LastTransitionTime.Time, p.pod.CreationTimestamp.Time), remedy: remedy,
		shown: []Evidence{{
			Object: refOf(KindPod, p.pod), Field: "status.conditions[PodScheduled]", Quote: strings.TrimPrefix(condition.Reason+": "+condition.Message, ": "),
			At: moment(condition.LastTransitionTime.Time), Count: 1,
		}},
	}
}
