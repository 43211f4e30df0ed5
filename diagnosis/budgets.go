package diagnosis

import (
	"fmt"
	"slices"

	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/labels"
)

var budgetRules = []Rule{
	{
		ID: "budget-blocks", Family: "budgets", Class: ClassBudget, Risk: true,
		Signal: "disruptionsAllowed is 0 while every pod is healthy: minAvailable is all of them, or maxUnavailable is 0", Cause: "a budget as strict as the number of pods", Remedy: "allow one pod to be away, or run one more",
		Source: "PodDisruptionBudget status; it holds up evictions (drains, upgrades), not rollouts", snapshot: budgetBlocks,
	},
	{
		ID: "budget-unhealthy", Family: "budgets", Class: ClassBudget, Symptom: true,
		Signal: "disruptionsAllowed is 0 because pods are not healthy", Cause: "always a symptom of its pods; drains wait", Remedy: "see the cause that explains it", Source: "PodDisruptionBudget status",
		snapshot: budgetUnhealthy,
	},
	{
		ID: "budget-matches-nothing", Family: "budgets", Class: ClassBudget, Risk: true,
		Signal: "a budget that expects no pods, whose selector matches no workload of its namespace", Cause: "a label that was renamed", Remedy: "correct the selector", Source: "PodDisruptionBudget spec.selector", snapshot: budgetMatchesNothing,
	},
}

func budgetFinding(b *policyv1.PodDisruptionBudget, what, remedy string) *finding {
	ref := refOf(KindBudget, b)
	return &finding{
		subject: ref, hits: []Ref{ref}, what: what, sure: High, level: Latent,
		shown: []Evidence{{Object: ref, Field: "status", Quote: fmt.Sprintf("%d disruptions allowed, %d of %d pods healthy, %d wanted", b.Status.DisruptionsAllowed,
			b.Status.CurrentHealthy, b.Status.ExpectedPods, b.Status.DesiredHealthy)}},
		remedy: Remedy{Text: remedy, Command: fmt.Sprintf("kubectl describe pdb %s -n %s", b.Name, b.Namespace)},
	}
}

func blocked(b *policyv1.PodDisruptionBudget) bool {
	return b.Status.ObservedGeneration >= b.Generation && b.Status.DisruptionsAllowed == 0 && b.Status.ExpectedPods > 0
}

func budgetBlocks(s *Snapshot) []*finding {
	var found []*finding
	for _, b := range s.budgets {
		if blocked(b) && b.Status.CurrentHealthy >= b.Status.ExpectedPods && b.Status.DesiredHealthy >= b.Status.ExpectedPods {
			healthy := fmt.Sprintf("all %d pods are healthy, so no node with them can be drained", b.Status.ExpectedPods)
			if b.Status.ExpectedPods == 1 {
				healthy = "its only pod is healthy, so the node with it cannot be drained"
			}
			found = append(found, budgetFinding(b, fmt.Sprintf("PodDisruptionBudget %s allows no disruption although %s", b.Name, healthy), "Allow one pod to be away (maxUnavailable: 1), or run one pod more than it demands."))
		}
	}
	return found
}

func budgetUnhealthy(s *Snapshot) []*finding {
	var found []*finding
	for _, b := range s.budgets {
		if blocked(b) && b.Status.CurrentHealthy < b.Status.ExpectedPods && b.Status.CurrentHealthy <= b.Status.DesiredHealthy && !s.comingUp(b) && !s.outdated(b) {
			f := budgetFinding(b, fmt.Sprintf("PodDisruptionBudget %s allows no disruption: %d of %d pods are healthy", b.Name, b.Status.CurrentHealthy, b.Status.ExpectedPods),
				"Mend its pods first.")
			f.sure = Medium
			found = append(found, f)
		}
	}
	return found
}

// comingUp says that each workload behind the budget has its pods, or that those it lacks are only just starting: a rollout or a drain
// that goes well leaves no disruption to allow.
func (s *Snapshot) comingUp(b *policyv1.PodDisruptionBudget) bool {
	ref, settles := refOf(KindBudget, b), false
	for _, w := range s.index.workloads {
		if !slices.Contains(s.index.downstream[w.ref], ref) || w.desired < 0 || w.ready >= w.desired {
			continue
		}
		if !s.settling(w) {
			return false
		}
		settles = true
	}
	return settles
}

// outdated says that the budget's pods are all ready, whatever its status says: of two budgets for one pod the controller follows one.
func (s *Snapshot) outdated(b *policyv1.PodDisruptionBudget) bool {
	chosen, ready := selectorOf(b.Spec.Selector), 0
	for _, p := range s.pods {
		if p.Namespace == b.Namespace && podReady(p) && chosen.Matches(labels.Set(p.Labels)) {
			ready++
		}
	}
	return ready >= int(b.Status.ExpectedPods)
}

func budgetMatchesNothing(s *Snapshot) []*finding {
	var found []*finding
	for _, b := range s.budgets {
		if b.Status.ExpectedPods > 0 || b.Spec.Selector == nil || !s.knows("deployments", b.Namespace) || !s.knows("statefulsets", b.Namespace) || s.protects(b) {
			continue
		}
		found = append(found, budgetFinding(b, fmt.Sprintf("PodDisruptionBudget %s matches no pod, so it protects nothing", b.Name), "Correct its selector."))
	}
	return found
}

func (s *Snapshot) protects(b *policyv1.PodDisruptionBudget) bool {
	ref := refOf(KindBudget, b)
	for _, list := range s.index.downstream {
		if slices.Contains(list, ref) {
			return true
		}
	}
	chosen := selectorOf(b.Spec.Selector)
	for _, p := range s.pods {
		if p.Namespace == b.Namespace && chosen.Matches(labels.Set(p.Labels)) {
			return true
		}
	}
	return false
}
