package rules

import (
	"fmt"
	"slices"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/ptr"

	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/words"
)

var wiringAdvice = []Rule{
	{
		ID:     "local-traffic-only",
		Family: "wiring",
		Class:  ClassWiring,
		Advice: true,
		Signal: "internalTrafficPolicy Local (or externalTrafficPolicy Local of a NodePort) while some ready nodes run no ready pod of " +
			"the Service",
		Cause:  "a policy for what runs on every node",
		Remedy: "use the policy Cluster, or run a pod on every node",
		Source: "Service spec.internalTrafficPolicy, spec.externalTrafficPolicy",
		advise: localTrafficOnly,
	},
	{
		ID:     "http-not-redirected",
		Family: "wiring",
		Class:  ClassIngress,
		Advice: true,
		Signal: "an Ingress with TLS and the annotation ssl-redirect: \"false\"",
		Cause:  "somebody switched the redirect off",
		Remedy: "remove the annotation",
		Source: "ingress-nginx annotations",
		advise: httpNotRedirected,
	},
}

var clusterAdvice = []Rule{
	{
		ID:     "memory-keeps-pods",
		Family: "capacity",
		Class:  ClassAutoscaling,
		Advice: true,
		Signal: "an autoscaler above its minimum whose memory is at 90 % of the target or more while its CPU is below half",
		Cause:  "a heap that does not shrink: memory as a target adds pods and never removes them",
		Remedy: "scale on CPU or requests instead of memory",
		Source: "HorizontalPodAutoscaler status.currentMetrics",
		advise: memoryKeepsPods,
	},
	{
		ID:     "node-over-committed",
		Family: "capacity",
		Class:  ClassNode,
		Advice: true,
		Signal: "the memory limits of the pods on a node add up to more than one and a half times what it can give",
		Cause:  "limits far above requests",
		Remedy: "bring limits nearer to requests, or add a node",
		Source: "Node status.allocatable against the pods' limits",
		advise: nodeOverCommitted,
	},
	{
		ID:     "daemonset-misplaced",
		Family: "capacity",
		Class:  ClassLifecycle,
		Advice: true,
		Signal: "DaemonSet status.numberMisscheduled is not 0",
		Cause:  "a taint or label that was changed after its pods started",
		Remedy: "delete the pods that should not be there, or tolerate the taint",
		Source: "DaemonSet status",
		advise: daemonSetMisplaced,
	},
	{
		ID:     "ingress-controller-ends",
		Family: "wiring",
		Class:  ClassIngress,
		Advice: true,
		Signal: "an Ingress whose class belongs to the managed NGINX of AKS (controller webapprouting.kubernetes.azure.com/nginx)",
		Cause:  "upstream ingress-nginx was retired in March 2026; Microsoft supports the managed one until November 2026",
		Remedy: "plan the move to the Gateway API",
		Source: "learn.microsoft.com/azure/aks/app-routing-nginx-to-gateway-api-migration",
		advise: ingressControllerEnds,
	},
	{
		ID:     "kubernetes-version-ends",
		Family: "nodes",
		Class:  ClassNode,
		Advice: true,
		Signal: "a node of AKS (label kubernetes.azure.com/cluster) whose version AKS supports for less than 60 days, or no longer",
		Cause:  "AKS supports three minor versions of Kubernetes, each about a year (as of 2026-08-05); long-term support takes the Premium tier",
		Remedy: "plan the upgrade",
		Source: "learn.microsoft.com/azure/aks/supported-kubernetes-versions",
		advise: versionEnds,
	},
	{
		ID:     "kubenet-ends",
		Family: "nodes",
		Class:  ClassNode,
		Advice: true,
		Signal: "a node of AKS (label kubernetes.azure.com/cluster) with spec.podCIDR and a route of Azure's (condition NetworkUnavailable " +
			"with reason RouteCreated), and without the label kubernetes.azure.com/podnetwork-type",
		Cause:  "the cluster's network plugin is kubenet, which AKS supports until March 2028",
		Remedy: "plan the move to Azure CNI Overlay, which can't be taken back",
		Source: "github.com/Azure/AKS/issues/4859",
		advise: kubenetEnds,
	},
	{
		ID:     "certificate-thirty-days",
		Family: "certificates",
		Class:  ClassCertificate,
		Advice: true,
		Signal: "a Certificate of 40 days or more that is ready, ends in less than 30 days and is to be renewed later than now " +
			"(status.renewalTime)",
		Cause: "an alarm at a fixed 30 days before the end is older than certificates that last 64 or 45 days, which are renewed at 21 and 15 " +
			"days",
		Remedy: "alarm where the renewal is late",
		Source: "letsencrypt.org/2025/12/02/from-90-to-45",
		advise: thirtyDays,
	},
}

func localTrafficOnly(s *facts.Snapshot, near facts.Surroundings) []Hint {
	var hints []Hint
	for _, service := range s.Services() {
		ref := facts.RefOf(facts.KindService, service)
		field := localPolicy(service)
		if field == "" || !near.Has(ref) || !s.Knows("nodes", "") {
			continue
		}
		covered := map[string]bool{}
		for _, p := range s.Behind(ref) {
			covered[p.Spec.NodeName] = covered[p.Spec.NodeName] || facts.PodReady(p)
		}
		var without []string
		for _, n := range s.Nodes() {
			if facts.NodeReady(n) && !covered[n.Name] && !isControlPlane(n) {
				without = append(without, n.Name)
			}
		}
		if CountReady(s.Behind(ref)) == 0 || len(without) == 0 {
			continue
		}
		hints = append(hints, Hint{
			Subject: ref,
			Text:    fmt.Sprintf("Service %s does not answer callers on %s, where none of its pods is ready", service.Name, words.Few(without, 4)),
			Remedy:  "Use the policy Cluster, or run a pod on every node.",
			Shown:   []facts.Evidence{{Object: ref, Field: field, Quote: "Local"}},
		})
	}
	return hints
}

func localPolicy(service *corev1.Service) string {
	switch internal := service.Spec.InternalTrafficPolicy; {
	case internal != nil && *internal == corev1.ServiceInternalTrafficPolicyLocal:
		return "spec.internalTrafficPolicy"
	case service.Spec.Type == corev1.ServiceTypeNodePort && service.Spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal:
		return "spec.externalTrafficPolicy" // a load balancer leaves such nodes out by itself
	}
	return ""
}

func httpNotRedirected(s *facts.Snapshot, near facts.Surroundings) []Hint {
	const annotation = "nginx.ingress.kubernetes.io/"
	var hints []Hint
	for _, i := range s.Ingresses() {
		ref := facts.RefOf(facts.KindIngress, i)
		if !near.Has(ref) || len(i.Spec.TLS) == 0 || i.Annotations[annotation+"ssl-redirect"] != "false" ||
			i.Annotations[annotation+"force-ssl-redirect"] == "true" {
			continue
		}
		hints = append(hints, Hint{
			Subject: ref,
			Text:    fmt.Sprintf("Ingress %s answers plain HTTP although it has a certificate", i.Name),
			Remedy:  "Remove the annotation ssl-redirect.",
			Shown:   []facts.Evidence{{Object: ref, Field: "metadata.annotations[" + annotation + "ssl-redirect]", Quote: "false"}},
		})
	}
	return hints
}

func memoryKeepsPods(s *facts.Snapshot, near facts.Surroundings) []Hint {
	var hints []Hint
	for _, h := range s.Autoscalers() {
		ref := facts.RefOf(facts.KindAutoscaler, h)
		memory, ofMemory := targetShare(h, corev1.ResourceMemory)
		cpu, ofCPU := targetShare(h, corev1.ResourceCPU)
		if !near.Has(ref) || int(h.Status.CurrentReplicas) <= int(ptr.Deref(h.Spec.MinReplicas, 1)) || memory < 90 || memory > 110 || cpu >= 50 ||
			cpu == 0 {
			continue
		}
		hints = append(hints, Hint{
			Subject: ref, Remedy: "Scale on CPU or requests instead of memory.",
			Text:  fmt.Sprintf("%s keeps %d pods for their memory (%s) while their CPU is at %s", h.Name, h.Status.CurrentReplicas, ofMemory, ofCPU),
			Shown: []facts.Evidence{{Object: ref, Field: "status.currentMetrics", Quote: fmt.Sprintf("memory: %s, cpu: %s", ofMemory, ofCPU)}},
		})
	}
	return hints
}

// targetShare is how near a utilization is to its target, in percent; zero when the autoscaler does not measure it so. shown has both
// as kubectl get hpa does: "76 %/80 %".
func targetShare(h *autoscalingv2.HorizontalPodAutoscaler, name corev1.ResourceName) (share int, shown string) {
	var target, current int32
	for _, m := range h.Spec.Metrics {
		if m.Resource != nil && m.Resource.Name == name && m.Resource.Target.AverageUtilization != nil {
			target = *m.Resource.Target.AverageUtilization
		}
	}
	for _, m := range h.Status.CurrentMetrics {
		if m.Resource != nil && m.Resource.Name == name && m.Resource.Current.AverageUtilization != nil {
			current = *m.Resource.Current.AverageUtilization
		}
	}
	if target <= 0 {
		return 0, ""
	}
	return int(100 * current / target), fmt.Sprintf("%d %%/%d %%", current, target)
}

func nodeOverCommitted(s *facts.Snapshot, near facts.Surroundings) []Hint {
	var hints []Hint
	for _, n := range s.Nodes() {
		pods := s.PodsOn(n.Name)
		if !concerns(s, near, n) {
			continue
		}
		var limits resource.Quantity
		for _, p := range pods {
			for i := range p.Spec.Containers {
				limits.Add(p.Spec.Containers[i].Resources.Limits[corev1.ResourceMemory])
			}
		}
		room := n.Status.Allocatable[corev1.ResourceMemory]
		if room.IsZero() || limits.AsApproximateFloat64() <= 1.5*room.AsApproximateFloat64() {
			continue
		}
		ref := facts.RefOf(facts.KindNode, n)
		hints = append(hints, Hint{
			Subject: ref,
			Text: fmt.Sprintf(
				"The pods on node %s may use %s of memory together and it has %s, so it may kill some of them",
				n.Name,
				facts.Metered(corev1.ResourceMemory, limits),
				facts.Metered(corev1.ResourceMemory, room),
			),
			Remedy: "Bring limits nearer to requests, or add a node.",
			Shown:  []facts.Evidence{{Object: ref, Field: "status.allocatable.memory", Quote: room.String(), Count: len(pods)}},
		})
	}
	return hints
}

// concerns reports whether the question is about a node, or about pods on it.
func concerns(s *facts.Snapshot, near facts.Surroundings, n *corev1.Node) bool {
	return near.Node == n.Name || slices.ContainsFunc(s.PodsOn(n.Name), func(p *corev1.Pod) bool { return near.Has(s.Owner(p).Ref) })
}

func daemonSetMisplaced(s *facts.Snapshot, near facts.Surroundings) []Hint {
	var hints []Hint
	for _, d := range s.DaemonSets() {
		ref := facts.RefOf(facts.KindDaemonSet, d)
		if near.Has(ref) && d.Status.NumberMisscheduled > 0 {
			hints = append(hints, Hint{
				Subject: ref,
				Text:    fmt.Sprintf("DaemonSet %s runs on %s where it should not", d.Name, words.Count(int(d.Status.NumberMisscheduled), "node")),
				Remedy:  "Delete those pods, or tolerate the taint.",
				Shown:   []facts.Evidence{{Object: ref, Field: "status.numberMisscheduled", Quote: fmt.Sprint(d.Status.NumberMisscheduled)}},
			})
		}
	}
	return hints
}

func ingressControllerEnds(s *facts.Snapshot, near facts.Surroundings) []Hint {
	var hints []Hint
	for _, i := range s.Ingresses() {
		ref := facts.RefOf(facts.KindIngress, i)
		if !near.Has(ref) || !isManagedNginx(s, facts.ClassName(i)) {
			continue
		}
		support := controllerSupport[managedNginx+"/nginx"]
		hints = append(hints, Hint{
			Subject: ref,
			Text:    "Ingress " + i.Name + " is served by " + support.What + ", which " + support.ending(s.Now()),
			Remedy:  support.Do,
			Shown:   []facts.Evidence{{Object: ref, Field: "spec.ingressClassName", Quote: facts.ClassName(i)}},
		})
	}
	return hints
}

func isManagedNginx(s *facts.Snapshot, class string) bool {
	at := slices.IndexFunc(s.IngressClasses(), func(c *networkingv1.IngressClass) bool { return c.Name == class })
	if at >= 0 {
		return s.IngressClasses()[at].Spec.Controller == managedNginx+"/nginx"
	}
	return class == managedNginx
}
