package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/words"
)

const schedulerSource = "PodScheduled=False/Unschedulable and its message; every constraint is computed again from the specs of " +
	"nodes and pods, because the scheduler names only the first that fails per node"

var schedulingRules = []Rule{
	{
		ID:     "scheduling-gated",
		Family: "scheduling",
		Class:  ClassScheduling,
		Signal: "PodScheduled=False, reason SchedulingGated",
		Cause:  "a controller that should lift spec.schedulingGates has not",
		Remedy: "look at the controller that set the gate",
		Source: "Pod scheduling gates",
		pod: func(p *facts.Pending) *Finding {
			c := facts.PodCondition(p.Pod, corev1.PodScheduled)
			if c == nil || c.Reason != corev1.PodReasonSchedulingGated || p.Snapshot.Age(p.Pod.CreationTimestamp.Time) < facts.PendingSlack {
				return nil
			}
			var gates []string
			for _, gate := range p.Pod.Spec.SchedulingGates {
				gates = append(gates, gate.Name)
			}
			return unscheduled(
				p,
				fmt.Sprintf("Scheduling gate %s holds the pods", words.Few(gates, 4)),
				*c,
				Remedy{Text: "Look at the controller that set the gate."},
			)
		},
	},
	{
		ID:     "no-scheduler",
		Family: "scheduling",
		Class:  ClassScheduling,
		Signal: "Pending without a node and without a PodScheduled condition for more than 30 seconds",
		Cause:  "schedulerName names a scheduler that does not run; the scheduler is down",
		Remedy: "correct schedulerName, or look at the scheduler",
		Source: "the scheduler writes PodScheduled at its first try; a pod whose ResourceClaims are not there yet it does not try",
		pod: func(p *facts.Pending) *Finding {
			if !neverTried(p.Snapshot, p.Pod) {
				return nil
			}
			if claims := missingClaims(p.Pod); len(claims) > 0 {
				f := unscheduled(
					p,
					fmt.Sprintf("The scheduler holds the pods back until %s %s there", words.Few(claims, 4), words.Verb(len(claims), "is", "are")),
					corev1.PodCondition{Type: corev1.PodScheduled, Message: "there is no such condition"},
					Remedy{
						Text:    "Create what is missing, or correct resourceClaims.",
						Command: fmt.Sprintf("kubectl get resourceclaims,resourceclaimtemplates -n %s", p.Pod.Namespace),
					},
				)
				f.Sure, f.Unsure = Medium, "I don't read ResourceClaims, and the scheduler may be down."
				return f
			}
			name := p.Pod.Spec.SchedulerName
			if name == "" {
				name = "default-scheduler"
			}
			f := unscheduled(
				p,
				fmt.Sprintf("Scheduler %s has not looked at the pods", name),
				corev1.PodCondition{Type: corev1.PodScheduled, Message: "there is no such condition"},
				Remedy{Text: "See whether this scheduler runs, or correct schedulerName."},
			)
			f.Subject = facts.Ref{Kind: "Scheduler", Name: name} // once for all that wait for it
			if name == corev1.DefaultSchedulerName && asleep(p.Snapshot, facts.Scheduler) {
				f.Because = facts.LeaseOf(facts.Scheduler)
			}
			return f
		},
	},
	blockedRule(
		"volume-zone",
		facts.BlockVolume,
		"the volume is bound to a zone or node on which the pod cannot run",
		"run the pod in the volume's zone, or recreate the volume",
		"Run the pod where its volume is.",
	),
	blockedRule(
		"node-selector",
		facts.BlockSelector,
		"nodeSelector or required node affinity that no node satisfies",
		"correct the selector, or label a node",
		"Correct nodeSelector or node affinity, or label a node.",
	),
	blockedRule(
		"untolerated-taint",
		facts.BlockTaint,
		"the remaining nodes are reserved for other work, or have trouble of their own",
		"tolerate the taint, or add nodes",
		"Tolerate the taint, or add nodes without it.",
	),
	blockedRule(
		"nodes-cordoned",
		facts.BlockCordon,
		"a drain or upgrade that is running, or was not finished",
		"uncordon the node when the work on it is done",
		"Uncordon the node when the work on it is done.",
	),
	blockedRule(
		"pod-affinity",
		facts.BlockAffinity,
		"required anti-affinity with more replicas than nodes, or affinity to pods that do not run",
		"make the rule preferred, or add nodes",
		"Make the affinity rule preferred, or add a node.",
	),
	blockedRule(
		"topology-spread",
		facts.BlockSpread,
		"a spread constraint with DoNotSchedule and too few zones or nodes",
		"use ScheduleAnyway, or add nodes",
		"Use ScheduleAnyway, or add nodes in the other zones.",
	),
	blockedRule(
		"insufficient-cpu",
		facts.BlockCPU,
		"requests that are too big for the nodes; the surge of a rollout; an autoscaler's new pods; leftovers of a failed rollout",
		"lower the requests, scale something else down, or add a node",
		"Lower the requests, scale something else down, or add a node.",
	),
	blockedRule(
		"insufficient-memory",
		facts.BlockMemory,
		"requests that are too big for the nodes; the surge of a rollout; an autoscaler's new pods",
		"lower the requests, scale something else down, or add a node",
		"Lower the requests, scale something else down, or add a node.",
	),
	blockedRule(
		"too-many-pods",
		facts.BlockPods,
		"allocatable.pods of every node is reached",
		"add a node, or remove pods",
		"Add a node, or remove pods that are not needed.",
	),
	blockedRule(
		"insufficient-other",
		facts.BlockOther,
		"ephemeral storage, a GPU or another extended resource that no node has free",
		"lower the request, or add a node that has it",
		"Lower the request, or add a node that has it.",
	),
	blockedRule(
		"host-port",
		facts.BlockPort,
		"another pod on every node uses the same host port",
		"use a Service instead of hostPort",
		"Use a Service instead of hostPort, or add nodes.",
	),
	{
		ID:     "unschedulable",
		Family: "scheduling",
		Class:  ClassScheduling,
		Signal: "PodScheduled=False, reason Unschedulable, and neither the message nor the specs tell which constraint",
		Cause:  "see the message",
		Remedy: "read the scheduler's message",
		Source: schedulerSource,
		pod: func(p *facts.Pending) *Finding {
			condition, ok := isUnschedulable(p)
			if !ok {
				return nil
			}
			wording, _, _ := strings.Cut(noneOfThem.ReplaceAllString(condition.Message, ""), " preemption:")
			f := unscheduled(
				p,
				"The scheduler found no node: "+p.Snapshot.Quote(strings.TrimSuffix(wording, ".")),
				condition,
				Remedy{Text: "Read the scheduler's message."},
			)
			f.Sure, f.Unsure = Medium, "Only the message says why."
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
		case c.ResourceClaimTemplateName != nil &&
			!slices.ContainsFunc(p.Status.ResourceClaimStatuses, func(s corev1.PodResourceClaimStatus) bool { return s.Name == c.Name }):
			missing = append(missing, "ResourceClaimTemplate "+*c.ResourceClaimTemplateName)
		}
	}
	return missing
}

func blockedRule(id string, kind facts.Block, cause, remedy, fix string) Rule {
	return Rule{
		ID:     id,
		Family: "scheduling",
		Class:  ClassScheduling,
		Signal: "PodScheduled=False, reason Unschedulable: " + kind.Name(),
		Cause:  cause,
		Remedy: remedy,
		Source: schedulerSource,
		pod: func(p *facts.Pending) *Finding {
			condition, ok := isUnschedulable(p)
			if !ok || p.MainBlock(condition.Message) != kind {
				return nil
			}
			return blockedFinding(p, kind, condition, fix)
		},
	}
}

func isUnschedulable(p *facts.Pending) (corev1.PodCondition, bool) {
	c := facts.PodCondition(p.Pod, corev1.PodScheduled)
	if c == nil || c.Status != corev1.ConditionFalse || c.Reason != corev1.PodReasonUnschedulable || p.Pod.DeletionTimestamp != nil ||
		p.Pod.Spec.NodeName != "" {
		return corev1.PodCondition{}, false
	}
	return *c, p.Snapshot.Age(p.Pod.CreationTimestamp.Time) >= facts.PendingSlack
}

// troubles are the nodes' own troubles, such as node.kubernetes.io/disk-pressure, where these are all that keeps the pod off.
func troubles(f facts.Fit) []string {
	const by = "node.kubernetes.io/"
	var wording []string
	for _, n := range f.Wanted {
		for _, taint := range n.Taints {
			if !strings.HasPrefix(taint, by) {
				return nil
			}
			name, _, _ := strings.Cut(strings.TrimPrefix(taint, by), ":")
			wording = append(wording, fmt.Sprintf("%s has %s", n.Node.Name, name))
		}
	}
	return wording
}

var insufficient = regexp.MustCompile(`Insufficient ([a-z0-9][\w./-]*\w)`)

func blockedFinding(p *facts.Pending, kind facts.Block, condition corev1.PodCondition, fix string) *Finding {
	fits := p.Room.Fit(p.Pod)
	f := unscheduled(p, blockSentence(p, kind, fits, condition.Message), condition, Remedy{Text: fix})
	f.Key = kind.Name()
	if kind == facts.BlockCPU || kind == facts.BlockMemory {
		f.show(facts.Evidence{Object: p.Owner.Ref, Field: "spec.template resources.requests", Quote: requestWords(p.Pod)}, false)
		if kind == facts.BlockCPU || kind == facts.BlockMemory {
			f.Remedy.Command = "kubectl describe nodes"
		}
	}
	if kind == facts.BlockTaint && len(troubles(fits)) > 0 {
		f.Remedy = Remedy{Text: "Fix the nodes, or add others.", Command: "kubectl describe nodes"}
	}
	for _, line := range fits.PerNode() {
		f.show(line, false)
	}
	if rest := fits.Residual(kind); len(rest) > 0 {
		f.show(
			facts.Evidence{
				Object: facts.RefOf(facts.KindPod, p.Pod),
				Field:  "computed",
				Quote:  "once that is fixed, it would still be blocked by " + words.Few(rest, 4),
			},
			false,
		)
	}
	if e, ok := p.Snapshot.Recent(facts.RefOf(facts.KindPod, p.Pod), "FailedScaleUp"); ok {
		f.What = because(p.Snapshot, "No node has room for it, and the node pool cannot grow", e.Message)
		f.show(e.Evidence(facts.RefOf(facts.KindPod, p.Pod)), false)
		f.Remedy.Text = growRemedies.against(p.Snapshot, e.Message, "See why the cluster autoscaler could not add a node.")
	}
	if up, ok := p.Snapshot.Recent(facts.RefOf(facts.KindPod, p.Pod), "TriggeredScaleUp", "NotTriggerScaleUp"); ok {
		f.show(up.Evidence(facts.RefOf(facts.KindPod, p.Pod)), false)
		if up.Reason == "TriggeredScaleUp" {
			f.Remedy.Text = "A node is being added; wait for it. " + f.Remedy.Text
		} else if strings.Contains(up.Message, "max node group size reached") {
			f.Remedy.Text = "The node pool is at its maximum: raise it. Otherwise: " + strings.ToLower(f.Remedy.Text[:1]) + f.Remedy.Text[1:]
		}
	}
	return f
}

// growRemedies help against what the cloud says of a node that it can't add.
var growRemedies = remedies{
	facts.TroubleLimit:  "Raise the quota of the subscription, or use a VM size or a zone that has room.",
	facts.TroubleFull:   "Use another zone or VM size, or make the subnet bigger.",
	facts.TroubleRights: "Give the cluster's identity the right that the message names.",
}

func unscheduled(p *facts.Pending, what string, condition corev1.PodCondition, remedy Remedy) *Finding {
	if remedy.Command == "" {
		remedy.Command = fmt.Sprintf("kubectl describe pod %s -n %s", p.Pod.Name, p.Pod.Namespace)
	}
	return &Finding{
		What:   what,
		Effect: CannotSchedule,
		State:  "Pending",
		Since:  facts.Earliest(condition.LastTransitionTime.Time, p.Pod.CreationTimestamp.Time),
		Remedy: remedy,
		Shown: []facts.Evidence{{
			Object: facts.RefOf(facts.KindPod, p.Pod),
			Field:  "status.conditions[PodScheduled]",
			Quote:  strings.TrimPrefix(condition.Reason+": "+condition.Message, ": "),
			At:     facts.Moment(condition.LastTransitionTime.Time),
			Count:  1,
		}},
	}
}
