package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/words"
)

// drainBlockedRule is about budgets that hold up work on a node: their pods are all well, and so is everything else.
var drainBlockedRule = Rule{
	ID:     "drain-blocked",
	Family: "budgets",
	Class:  ClassBudget,
	Signal: "an event of the last half hour about a cordoned node or a pod on it says that an eviction was refused or that the drain " +
		"failed, and a PodDisruptionBudget of one of its pods allows no disruption",
	Cause:  "a budget as strict as the number of pods; a drain or an upgrade of the node waits for it",
	Remedy: "allow one pod to be away, or run one more; the drain goes on by itself",
	Source: "the eviction API's refusal (429) in events of drainers (AKS' upgrader, cluster-autoscaler, Karpenter); PodDisruptionBudget " +
		"status",
	snapshot: drainBlocked,
}

// evictionRefused are the words of those who drain nodes when a budget stops them.
var evictionRefused = regexp.MustCompile(`(?i)evict\w* (?:\S+ )?(?:is |was )?(?:blocked|refused|failed)|cannot evict pod|` +
	`violate the pod's disruption budget|fail\w* to (?:drain|evict)|drain\w* (?:\S+ )?(?:failed|blocked|timed out)|pdb .*(?:prevent|block)s? `)

// drainPatience is how old the last refusal may be: drainers try again every few seconds or minutes.
const drainPatience = 30 * time.Minute

func drainBlocked(s *facts.Snapshot) []*Finding {
	var found []*Finding
	for _, n := range s.Nodes() {
		if !n.Spec.Unschedulable {
			continue
		}
		node := facts.RefOf(facts.KindNode, n)
		e, about, refused := refusedEviction(s, n)
		if !refused {
			continue
		}
		b, p := budgetThatBlocks(s, n, e.Message)
		if b == nil {
			continue
		}
		ref := facts.RefOf(facts.KindBudget, b)
		f := budgetFinding(b, "", "Allow one pod to be away (maxUnavailable: 1), or run one pod more than it requires; the drain goes on by "+
			"itself.")
		f.What = fmt.Sprintf("PodDisruptionBudget %s (%s) allows no eviction, so node %s can't be drained", b.Name, budgetWords(b), n.Name)
		f.Hits, f.Pods, f.Level = []facts.Ref{ref, node, s.Owner(p).Ref}, []*corev1.Pod{p}, Degraded
		f.Since = facts.Latest(e.First, cordonedSince(n))
		f.show(e.Evidence(about), false)
		f.show(facts.Evidence{Object: node, Field: "spec.unschedulable", Quote: "true", At: facts.Moment(cordonedSince(n))}, false)
		found = append(found, f)
	}
	return found
}

// refusedEviction is the latest event about a node or a pod on it that says that the drain doesn't get on.
func refusedEviction(s *facts.Snapshot, n *corev1.Node) (e facts.Event, about facts.Ref, ok bool) {
	lately := func(e facts.Event) bool {
		return evictionRefused.MatchString(e.Message) && s.Age(e.Last) <= drainPatience
	}
	about = facts.RefOf(facts.KindNode, n)
	if e, ok = s.RecentThat(about, lately); ok {
		return e, about, true
	}
	for _, p := range s.PodsOn(n.Name) {
		about = facts.RefOf(facts.KindPod, p)
		if e, ok = s.RecentThat(about, lately); ok {
			return e, about, true
		}
	}
	return facts.Event{}, facts.Ref{}, false
}

// budgetThatBlocks is a budget that allows no disruption, with its pod on the node: the pod that the message names first.
func budgetThatBlocks(s *facts.Snapshot, n *corev1.Node, message string) (*policyv1.PodDisruptionBudget, *corev1.Pod) {
	pods := slices.Clone(s.PodsOn(n.Name))
	slices.SortStableFunc(pods, func(a, b *corev1.Pod) int {
		switch named := strings.Contains(message, a.Name); {
		case named == strings.Contains(message, b.Name):
			return 0
		case named:
			return -1
		}
		return 1
	})
	for _, p := range pods {
		for _, b := range s.Budgets() {
			if b.Namespace == p.Namespace && b.Status.DisruptionsAllowed == 0 && b.Status.ExpectedPods > 0 && p.DeletionTimestamp == nil &&
				s.Owner(p).Ref.Kind != facts.KindDaemonSet && facts.SelectorOf(b.Spec.Selector).Matches(labels.Set(p.Labels)) {
				return b, p
			}
		}
	}
	return nil, nil
}

// budgetWords is what a budget demands.
func budgetWords(b *policyv1.PodDisruptionBudget) string {
	said := func(field string, value *intstr.IntOrString) string {
		return fmt.Sprintf("%s %s", field, value.String())
	}
	switch {
	case b.Spec.MaxUnavailable != nil:
		return said("maxUnavailable", b.Spec.MaxUnavailable)
	case b.Spec.MinAvailable != nil:
		return said("minAvailable", b.Spec.MinAvailable) + " of " + words.Count(int(b.Status.ExpectedPods), "pod")
	}
	return "minAvailable 1"
}

// cordonedSince is when a node was cordoned; zero where nothing says.
func cordonedSince(n *corev1.Node) time.Time {
	for _, taint := range n.Spec.Taints {
		if taint.Key == corev1.TaintNodeUnschedulable && taint.TimeAdded != nil {
			return taint.TimeAdded.Time
		}
	}
	return time.Time{}
}
