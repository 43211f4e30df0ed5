package rules

import (
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/words"
)

var resilienceAdvice = []Rule{
	{
		ID:     "single-pod",
		Family: "resilience",
		Class:  ClassRollout,
		Advice: true,
		Signal: "in production: a Deployment behind a Service with replicas 1, or an autoscaler with minReplicas 1",
		Cause:  "a template of a development environment",
		Remedy: "run at least two pods",
		Source: "spec.replicas, HorizontalPodAutoscaler spec.minReplicas",
		advise: singlePod,
	},
	{
		ID:     "pods-on-one-node",
		Family: "resilience",
		Class:  ClassNode,
		Advice: true,
		Signal: "in production: all pods of a Deployment are on one node although there are more",
		Cause:  "no topology spread constraint; a node that was away when they were scheduled",
		Remedy: "spread the pods",
		Source: "spec.nodeName of the pods",
		advise: podsOnOneNode,
	},
	{
		ID:     "single-node",
		Family: "resilience",
		Class:  ClassNode,
		Advice: true,
		Signal: "the cluster has one node, and production runs on it",
		Cause:  "a node pool that was made too small",
		Remedy: "add a node",
		Source: "the list of nodes",
		advise: singleNode,
	},
	{
		ID:     "rollout-stops-all",
		Family: "resilience",
		Class:  ClassRollout,
		Advice: true,
		Signal: "in production: strategy Recreate without a volume that needs it, or maxUnavailable that covers every pod",
		Cause:  "a strategy for a workload that may be away",
		Remedy: "use RollingUpdate with maxUnavailable 0 and maxSurge 1",
		Source: "Deployment spec.strategy",
		advise: rolloutStopsAll,
	},
}

func singlePod(s *facts.Snapshot, near facts.Surroundings) []Hint {
	return serving(s, near, func(w *facts.Workload) []Hint {
		if !isProduction(w.Ref.Namespace) {
			return nil
		}
		h := Hint{Subject: w.Ref, Remedy: "Run at least two pods."}
		for _, scaler := range s.Autoscalers() {
			if facts.TargetOf(scaler) == w.Ref {
				if int(ptr.Deref(scaler.Spec.MinReplicas, 1)) > 1 {
					return nil
				}
				h.Text = fmt.Sprintf("The autoscaler may leave %s with a single pod, whose end is an outage", w.Ref.Name)
				h.Shown = []facts.Evidence{{Object: facts.RefOf(facts.KindAutoscaler, scaler), Field: "spec.minReplicas", Quote: "1"}}
				return []Hint{h}
			}
		}
		if w.Desired != 1 {
			return nil
		}
		h.Text = fmt.Sprintf("%s runs a single pod, so each crash of it and each drain of its node is an outage", w.Ref.Name)
		h.Shown = []facts.Evidence{{Object: w.Ref, Field: "spec.replicas", Quote: "1"}}
		return []Hint{h}
	})
}

func podsOnOneNode(s *facts.Snapshot, near facts.Surroundings) []Hint {
	open := 0
	for _, n := range s.Nodes() {
		if facts.NodeReady(n) && !n.Spec.Unschedulable && !isControlPlane(n) {
			open++
		}
	}
	if open < 2 {
		return nil
	}
	return serving(s, near, func(w *facts.Workload) []Hint {
		if len(w.Pods) < 2 || !isProduction(w.Ref.Namespace) {
			return nil
		}
		node := w.Pods[0].Spec.NodeName
		if node == "" || slices.ContainsFunc(w.Pods, func(p *corev1.Pod) bool { return p.Spec.NodeName != node }) {
			return nil
		}
		return []Hint{{
			Subject: w.Ref,
			Text:    fmt.Sprintf("The %d pods of %s are all on node %s, so losing that node is an outage", len(w.Pods), w.Ref.Name, node),
			Remedy:  "Spread them with a topology spread constraint.",
			Shown:   []facts.Evidence{{Object: facts.RefOf(facts.KindPod, w.Pods[0]), Field: "spec.nodeName", Quote: node, Count: len(w.Pods)}},
		}}
	})
}

func isControlPlane(n *corev1.Node) bool {
	_, current := n.Labels["node-role.kubernetes.io/control-plane"]
	_, old := n.Labels["node-role.kubernetes.io/master"]
	return current || old
}

func singleNode(s *facts.Snapshot, near facts.Surroundings) []Hint {
	workers := slices.DeleteFunc(slices.Clone(s.Nodes()), isControlPlane)
	if len(workers) == 0 {
		workers = s.Nodes()
	}
	if len(workers) != 1 || !s.Knows("nodes", "") {
		return nil
	}
	depends := serving(s, near, func(w *facts.Workload) []Hint {
		if isProduction(w.Ref.Namespace) {
			return []Hint{{}}
		}
		return nil
	})
	if len(depends) == 0 {
		return nil
	}
	ref := facts.RefOf(facts.KindNode, workers[0])
	return []Hint{{
		Subject: ref,
		Text:    fmt.Sprintf("The cluster has a single node, %s, so its upgrade or loss stops everything", ref.Name),
		Remedy:  "Add a node.",
		Shown:   []facts.Evidence{{Object: ref, Field: "metadata.name", Quote: "the only node"}},
	}}
}

func rolloutStopsAll(s *facts.Snapshot, near facts.Surroundings) []Hint {
	return serving(s, near, func(w *facts.Workload) []Hint {
		d := w.Rollout.Deployment
		if !isProduction(w.Ref.Namespace) ||
			slices.ContainsFunc(w.Template.Spec.Volumes, func(v corev1.Volume) bool { return v.PersistentVolumeClaim != nil }) {
			return nil
		}
		h := Hint{Subject: w.Ref, Remedy: "Use RollingUpdate with maxUnavailable 0 and maxSurge 1."}
		if d.Spec.Strategy.Type == appsv1.RecreateDeploymentStrategyType {
			h.Text = fmt.Sprintf("Every rollout of %s stops all its pods before new ones start", w.Ref.Name)
			h.Shown = []facts.Evidence{{Object: w.Ref, Field: "spec.strategy.type", Quote: "Recreate"}}
			return []Hint{h}
		}
		if away := maxUnavailable(d, w.Desired); away >= w.Desired {
			h.Text = fmt.Sprintf("A rollout of %s may stop all its pods at once", w.Ref.Name)
			h.Shown = []facts.Evidence{
				{
					Object: w.Ref,
					Field:  "spec.strategy.rollingUpdate.maxUnavailable",
					Quote: fmt.Sprintf(
						"%s, which is %d of %s",
						d.Spec.Strategy.RollingUpdate.MaxUnavailable.String(),
						away,
						words.Count(w.Desired, "pod"),
					),
				},
			}
			return []Hint{h}
		}
		return nil
	})
}

// maxUnavailable is how many pods a rollout may take away, as the deployment controller rounds; zero where the template
// leaves it to the default.
func maxUnavailable(d *appsv1.Deployment, replicas int) int {
	rolling := d.Spec.Strategy.RollingUpdate
	if rolling == nil || rolling.MaxUnavailable == nil {
		return 0
	}
	away, err := intstr.GetScaledValueFromIntOrPercent(rolling.MaxUnavailable, replicas, false)
	if err != nil {
		return 0
	}
	return away
}
