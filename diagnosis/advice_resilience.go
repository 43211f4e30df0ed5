package diagnosis

import (
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/3astronautas/algesta/words"
)

var resilienceAdvice = []Rule{
	{
		ID: "single-pod", Family: "resilience", Class: ClassRollout, Advice: true,
		Signal: "in production: a Deployment behind a Service with replicas 1, or an autoscaler with minReplicas 1", Cause: "a template of a development environment", Remedy: "run at least two pods",
		Source: "spec.replicas, HorizontalPodAutoscaler spec.minReplicas", advise: singlePod,
	},
	{
		ID: "pods-on-one-node", Family: "resilience", Class: ClassNode, Advice: true,
		Signal: "in production: all pods of a Deployment are on one node although there are more", Cause: "no topology spread constraint; a node that was away when they were scheduled", Remedy: "spread the pods",
		Source: "spec.nodeName of the pods", advise: podsOnOneNode,
	},
	{
		ID: "single-node", Family: "resilience", Class: ClassNode, Advice: true,
		Signal: "the cluster has one node, and production runs on it", Cause: "a node pool that was made too small", Remedy: "add a node", Source: "the list of nodes", advise: singleNode,
	},
	{
		ID: "rollout-stops-all", Family: "resilience", Class: ClassRollout, Advice: true,
		Signal: "in production: strategy Recreate without a volume that needs it, or maxUnavailable that covers every pod", Cause: "a strategy for a workload that may be away", Remedy: "use RollingUpdate with maxUnavailable 0 and maxSurge 1",
		Source: "Deployment spec.strategy", advise: rolloutStopsAll,
	},
}

func singlePod(s *Snapshot, near surroundings) []hint {
	return s.serving(near, func(w *workload) []hint {
		if !isProduction(w.ref.Namespace) {
			return nil
		}
		h := hint{subject: w.ref, remedy: "Run at least two pods."}
		for _, scaler := range s.autoscalers {
			if targetOf(scaler) == w.ref {
				if int(ptr.Deref(scaler.Spec.MinReplicas, 1)) > 1 {
					return nil
				}
				h.text = fmt.Sprintf("The autoscaler may leave %s with a single pod, whose end is an outage", w.ref.Name)
				h.shown = []Evidence{{Object: refOf(KindAutoscaler, scaler), Field: "spec.minReplicas", Quote: "1"}}
				return []hint{h}
			}
		}
		if w.desired != 1 {
			return nil
		}
		h.text = fmt.Sprintf("%s runs a single pod, so each crash of it and each drain of its node is an outage", w.ref.Name)
		h.shown = []Evidence{{Object: w.ref, Field: "spec.replicas", Quote: "1"}}
		return []hint{h}
	})
}

func podsOnOneNode(s *Snapshot, near surroundings) []hint {
	open := 0
	for _, n := range s.nodes {
		if nodeReady(n) && !n.Spec.Unschedulable && !isControlPlane(n) {
			open++
		}
	}
	if open < 2 {
		return nil
	}
	return s.serving(near, func(w *workload) []hint {
		if len(w.pods) < 2 || !isProduction(w.ref.Namespace) {
			return nil
		}
		node := w.pods[0].Spec.NodeName
		if node == "" || slices.ContainsFunc(w.pods, func(p *corev1.Pod) bool { return p.Spec.NodeName != node }) {
			return nil
		}
		return []hint{{
			subject: w.ref, text: fmt.Sprintf("The %d pods of %s are all on node %s, so losing that node is an outage", len(w.pods), w.ref.Name, node),
			remedy: "Spread them with a topology spread constraint.", shown: []Evidence{{Object: refOf(KindPod, w.pods[0]), Field: "spec.nodeName", Quote: node, Count: len(w.pods)}},
		}}
	})
}

func isControlPlane(n *corev1.Node) bool {
	_, current := n.Labels["node-role.kubernetes.io/control-plane"]
	_, old := n.Labels["node-role.kubernetes.io/master"]
	return current || old
}

func singleNode(s *Snapshot, near surroundings) []hint {
	workers := slices.DeleteFunc(slices.Clone(s.nodes), isControlPlane)
	if len(workers) == 0 {
		workers = s.nodes
	}
	if len(workers) != 1 || !s.knows("nodes", "") {
		return nil
	}
	depends := s.serving(near, func(w *workload) []hint {
		if isProduction(w.ref.Namespace) {
			return []hint{{}}
		}
		return nil
	})
	if len(depends) == 0 {
		return nil
	}
	ref := refOf(KindNode, workers[0])
	return []hint{{
		subject: ref, text: fmt.Sprintf("The cluster has a single node, %s, so its upgrade or loss stops everything", ref.Name), remedy: "Add a node.",
		shown: []Evidence{{Object: ref, Field: "metadata.name", Quote: "the only node"}},
	}}
}

func rolloutStopsAll(s *Snapshot, near surroundings) []hint {
	return s.serving(near, func(w *workload) []hint {
		d := w.rollout.deployment
		if !isProduction(w.ref.Namespace) || slices.ContainsFunc(w.template.Spec.Volumes, func(v corev1.Volume) bool { return v.PersistentVolumeClaim != nil }) {
			return nil
		}
		h := hint{subject: w.ref, remedy: "Use RollingUpdate with maxUnavailable 0 and maxSurge 1."}
		if d.Spec.Strategy.Type == appsv1.RecreateDeploymentStrategyType {
			h.text = fmt.Sprintf("Every rollout of %s stops all its pods before new ones start", w.ref.Name)
			h.shown = []Evidence{{Object: w.ref, Field: "spec.strategy.type", Quote: "Recreate"}}
			return []hint{h}
		}
		if away := maxUnavailable(d, w.desired); away >= w.desired {
			h.text = fmt.Sprintf("A rollout of %s may stop all its pods at once", w.ref.Name)
			h.shown = []Evidence{{Object: w.ref, Field: "spec.strategy.rollingUpdate.maxUnavailable", Quote: fmt.Sprintf("%s, which is %d of %s", d.Spec.Strategy.RollingUpdate.MaxUnavailable.String(), away, words.Count(w.desired, "pod"))}}
			return []hint{h}
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
