package rules

import (
	"fmt"
	"slices"

	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/words"
)

var budgetRules = []Rule{
	{
		ID:       "budget-blocks",
		Family:   "budgets",
		Class:    ClassBudget,
		Risk:     true,
		Signal:   "disruptionsAllowed is 0 while every pod is healthy: minAvailable is all of them, or maxUnavailable is 0",
		Cause:    "a budget as strict as the number of pods",
		Remedy:   "allow one pod to be away, or run one more",
		Source:   "PodDisruptionBudget status; it holds up evictions (drains, upgrades), not rollouts",
		snapshot: budgetBlocks,
	},
	{
		ID:       "budget-unhealthy",
		Family:   "budgets",
		Class:    ClassBudget,
		Symptom:  true,
		Signal:   "disruptionsAllowed is 0 because pods are not healthy",
		Cause:    "always a symptom of its pods; drains wait",
		Remedy:   "see the cause that explains it",
		Source:   "PodDisruptionBudget status",
		snapshot: budgetUnhealthy,
	},
	{
		ID:       "budget-matches-nothing",
		Family:   "budgets",
		Class:    ClassBudget,
		Risk:     true,
		Signal:   "a budget that expects no pods, whose selector matches no workload of its namespace",
		Cause:    "a label that was renamed",
		Remedy:   "correct the selector",
		Source:   "PodDisruptionBudget spec.selector",
		snapshot: budgetMatchesNothing,
	},
	drainBlockedRule,
}

func budgetFinding(b *policyv1.PodDisruptionBudget, what, remedy string) *Finding {
	ref := facts.RefOf(facts.KindBudget, b)
	return &Finding{
		Subject: ref, Hits: []facts.Ref{ref}, What: what, Sure: High, Level: Latent,
		Shown: []facts.Evidence{
			{
				Object: ref,
				Field:  "status",
				Quote: fmt.Sprintf("%s allowed, %d of %s healthy, %d wanted", words.Count(b.Status.DisruptionsAllowed, "disruption"),
					b.Status.CurrentHealthy, words.Count(b.Status.ExpectedPods, "pod"), b.Status.DesiredHealthy),
			},
		},
		Remedy: Remedy{Text: remedy, Command: fmt.Sprintf("kubectl describe pdb %s -n %s", b.Name, b.Namespace)},
	}
}

func blocked(b *policyv1.PodDisruptionBudget) bool {
	return b.Status.ObservedGeneration >= b.Generation && b.Status.DisruptionsAllowed == 0 && b.Status.ExpectedPods > 0
}

func budgetBlocks(s *facts.Snapshot) []*Finding {
	var found []*Finding
	for _, b := range s.Budgets() {
		if blocked(b) && b.Status.CurrentHealthy >= b.Status.ExpectedPods && b.Status.DesiredHealthy >= b.Status.ExpectedPods {
			healthy := fmt.Sprintf("all %d pods are healthy, so no node with them can be drained", b.Status.ExpectedPods)
			if b.Status.ExpectedPods == 1 {
				healthy = "its only pod is healthy, so the node with it cannot be drained"
			}
			found = append(
				found,
				budgetFinding(
					b,
					fmt.Sprintf("PodDisruptionBudget %s allows no disruption although %s", b.Name, healthy),
					"Allow one pod to be away (maxUnavailable: 1), or run one pod more than it requires.",
				),
			)
		}
	}
	return found
}

func budgetUnhealthy(s *facts.Snapshot) []*Finding {
	var found []*Finding
	for _, b := range s.Budgets() {
		if blocked(b) && b.Status.CurrentHealthy < b.Status.ExpectedPods && b.Status.CurrentHealthy <= b.Status.DesiredHealthy &&
			!comingUp(s, b) && !outdated(s, b) {
			f := budgetFinding(
				b,
				fmt.Sprintf(
					"PodDisruptionBudget %s allows no disruption: %d of %s %s healthy",
					b.Name,
					b.Status.CurrentHealthy,
					words.Count(b.Status.ExpectedPods, "pod"),
					words.Verb(b.Status.ExpectedPods, "is", "are"),
				),
				"Fix its pods first.",
			)
			f.Sure = Medium
			found = append(found, f)
		}
	}
	return found
}

// comingUp says that each workload behind the budget has its pods, or that those it lacks are only just starting: a rollout or a drain
// that goes well leaves no disruption to allow.
func comingUp(s *facts.Snapshot, b *policyv1.PodDisruptionBudget) bool {
	ref, settles := facts.RefOf(facts.KindBudget, b), false
	for _, w := range s.Workloads() {
		if !slices.Contains(s.Downstream(w.Ref), ref) || w.Desired < 0 || w.Ready >= w.Desired {
			continue
		}
		if !s.Settling(w) {
			return false
		}
		settles = true
	}
	return settles
}

// outdated says that the budget's pods are all ready, whatever its status says: of two budgets for one pod the controller follows one.
func outdated(s *facts.Snapshot, b *policyv1.PodDisruptionBudget) bool {
	chosen, ready := facts.SelectorOf(b.Spec.Selector), 0
	for _, p := range s.Pods() {
		if p.Namespace == b.Namespace && facts.PodReady(p) && chosen.Matches(labels.Set(p.Labels)) {
			ready++
		}
	}
	return ready >= int(b.Status.ExpectedPods)
}

func budgetMatchesNothing(s *facts.Snapshot) []*Finding {
	var found []*Finding
	for _, b := range s.Budgets() {
		if b.Status.ExpectedPods > 0 || b.Spec.Selector == nil || !s.Knows("deployments", b.Namespace) || !s.Knows("statefulsets", b.Namespace) ||
			s.Protects(b) {
			continue
		}
		found = append(
			found,
			budgetFinding(b, fmt.Sprintf("PodDisruptionBudget %s matches no pod, so it protects nothing", b.Name), "Correct its selector."),
		)
	}
	return found
}
