package runbooks_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/util/retry"

	"github.com/3astronautas/algesta/sandbox/control"
)

// node is one more node of the user pool, in a pool of its own.
func (w *brokenNamespace) node(t *testing.T, pool string, changes ...func(*corev1.Node)) string {
	t.Helper()
	nodes, err := w.Client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{LabelSelector: "agentpool=stdaruser", Limit: 1})
	require.NoError(t, err)
	n := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: "aks-" + pool, Labels: nodes.Items[0].Labels, Annotations: map[string]string{}},
		Spec:       corev1.NodeSpec{},
		Status:     nodes.Items[0].Status,
	}
	n.Labels["agentpool"], n.Labels["kubernetes.io/hostname"] = pool, n.Name
	n.Status.Conditions = nil
	for _, change := range changes {
		change(n)
	}
	_, err = w.Client.CoreV1().Nodes().Create(t.Context(), n, metav1.CreateOptions{})
	require.NoError(t, err)
	w.await(t, n.Name+" is ready", func() bool {
		n, err = w.Client.CoreV1().Nodes().Get(t.Context(), n.Name, metav1.GetOptions{})
		return err == nil && conditionOf(n, corev1.NodeReady) == corev1.ConditionTrue
	})
	return n.Name
}

func conditionOf(n *corev1.Node, kind corev1.NodeConditionType) corev1.ConditionStatus {
	for _, c := range n.Status.Conditions {
		if c.Type == kind {
			return c.Status
		}
	}
	return ""
}

// say sets a condition of a node, as its kubelet would.
func (w *brokenNamespace) say(
	t *testing.T,
	node string,
	kind corev1.NodeConditionType,
	status corev1.ConditionStatus,
	reason, message string,
) {
	t.Helper()
	said := corev1.NodeCondition{Type: kind, Status: status, Reason: reason, Message: message, LastTransitionTime: metav1.Now()}
	require.NoError(t, retry.RetryOnConflict(retry.DefaultBackoff, func() error { // the node's controller writes it too
		n, err := w.Client.CoreV1().Nodes().Get(t.Context(), node, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if at := slices.IndexFunc(n.Status.Conditions, func(c corev1.NodeCondition) bool { return c.Type == kind }); at >= 0 {
			n.Status.Conditions[at] = said
		} else {
			n.Status.Conditions = append(n.Status.Conditions, said)
		}
		_, err = w.Client.CoreV1().Nodes().UpdateStatus(t.Context(), n, metav1.UpdateOptions{})
		return err
	}))
}

// Nodes are everybody's, so these have a control plane of their own. It also loses its metrics API.
func TestTheFirstLineNamesWhatIsWrongWithANode(t *testing.T) {
	t.Parallel()
	w := newBrokenNamespace(t, control.Private(t))
	tainted := func(n *corev1.Node) {
		n.Spec.Taints = []corev1.Taint{{Key: "workload", Value: "batch", Effect: corev1.TaintEffectNoSchedule}}
	}
	onePod := func(n *corev1.Node) {
		n.Status.Allocatable = n.Status.Allocatable.DeepCopy()
		n.Status.Allocatable[corev1.ResourcePods] = amounts("pods", "1")[corev1.ResourcePods]
	}
	cordoned := func(n *corev1.Node) { n.Spec.Unschedulable = true }
	outdated := func(n *corev1.Node) { n.Status.NodeInfo.KubeletVersion = "v1.28.9" }
	routed := func(n *corev1.Node) { delete(n.Labels, "kubernetes.azure.com/podnetwork-type") }
	for pool, change := range map[string]func(*corev1.Node){
		"cordoned": cordoned, "full": onePod, "tainted": tainted,
		"lost": nil, "memory": nil, "disk": nil, "pids": nil, "network": nil, "port": nil, "apart": nil, "hung": nil, "planned": nil,
		"crowded": nil, "scarce": nil, "reserved": nil, "drained": nil, "outdated": outdated, "routed": routed,
	} {
		if change == nil {
			change = func(*corev1.Node) {}
		}
		w.node(t, pool, change)
	}
	hostPort := container(func(c *corev1.Container) { c.Ports = []corev1.ContainerPort{{ContainerPort: 9100, HostPort: 9100}} })
	w.make(t, app("lost", "12345", onNodes("agentpool", "lost")))
	w.await(t, "a pod runs on the node that will be lost", func() bool {
		d, err := w.Client.AppsV1().Deployments(w.namespace).Get(t.Context(), "lost", metav1.GetOptions{})
		return err == nil && d.Status.AvailableReplicas == 1
	})
	lost := []byte(`{"metadata":{"annotations":{"sandbox.algesta.io/node":"lost"}}}`)
	_, err := w.Client.CoreV1().Nodes().Patch(t.Context(), "aks-lost", types.MergePatchType, lost, metav1.PatchOptions{})
	require.NoError(t, err)
	w.say(t, "aks-lost", corev1.NodeReady, corev1.ConditionUnknown, "NodeStatusUnknown", "Kubelet stopped posting node status.")
	w.say(
		t,
		"aks-memory",
		corev1.NodeMemoryPressure,
		corev1.ConditionTrue,
		"KubeletHasInsufficientMemory",
		"kubelet has insufficient memory available",
	)
	w.say(t, "aks-disk", corev1.NodeDiskPressure, corev1.ConditionTrue, "KubeletHasDiskPressure", "kubelet has disk pressure")
	w.say(t, "aks-pids", corev1.NodePIDPressure, corev1.ConditionTrue, "KubeletHasInsufficientPID", "kubelet has insufficient PID available")
	w.say(t, "aks-network", corev1.NodeNetworkUnavailable, corev1.ConditionTrue, "NoRouteCreated", "Node created without a route")
	w.say(t, "aks-routed", corev1.NodeNetworkUnavailable, corev1.ConditionFalse, "RouteCreated", "RouteController created a route")
	w.say(t, "aks-hung", "KernelDeadlock", corev1.ConditionTrue, "DockerHung", "task docker:1234 blocked for more than 120 seconds.")
	w.say(t, "aks-planned", "VMEventScheduled", corev1.ConditionTrue, "VMEventScheduled", "Reboot scheduled for 02:00")
	w.misplace(t)
	w.preempt(t)
	w.unregisterMetrics(t)
	w.exhaust(t, "port")
	w.drain(t, "drained")
	alone := production(t, w.Cluster)
	alone.make(t, app("shop", "12345"), serviceOf("shop", intstr.FromInt32(3000)))
	w.diagnose(t, time.Minute, map[string]brokenCase{
		"a node that does not answer": {
			rule: "node-not-ready", about: "node/aks-lost",
			says:    "Node aks-lost does not answer, and 1 pod of " + w.namespace + " is on it.",
			command: "kubectl describe node aks-lost",
		},
		"its pods": {
			rule: "node-not-ready", about: "deployment/lost",
			says:    "Node aks-lost does not answer, and 1 pod of " + w.namespace + " is on it.",
			command: "kubectl describe node aks-lost",
		},
		"a node without memory": {
			rule: "node-memory-pressure", about: "node/aks-memory",
			says:    "Node aks-memory is short of memory and evicts pods.",
			command: "kubectl describe node aks-memory",
		},
		"a node without disk": {
			rule: "node-disk-pressure", about: "node/aks-disk",
			says:    "Node aks-disk is short of disk space and evicts pods.",
			command: "kubectl describe node aks-disk",
		},
		"a node without process IDs": {
			rule: "node-pid-pressure", about: "node/aks-pids",
			says:    "Node aks-pids has almost no process IDs left.",
			command: "kubectl describe node aks-pids",
		},
		"a node without a network": {
			rule: "node-network", about: "node/aks-network",
			says:    "Node aks-network has no network for pods.",
			command: "kubectl describe node aks-network",
		},
		"a node that is cordoned": {
			rule: "node-cordoned", about: "node/aks-cordoned",
			says:    "Node aks-cordoned is cordoned and accepts no new pods.",
			command: "kubectl uncordon aks-cordoned",
		},
		"a drain that waits for a budget": {
			rule: "drain-blocked", about: "node/aks-drained", explains: []string{"budget-blocks", "node-cordoned"}, onlyEvents: true,
			says:    "PodDisruptionBudget vault (minAvailable 1 of 1 pod) allows no eviction, so node aks-drained can't be drained.",
			command: "kubectl describe pdb vault -n NS",
		},
		"a node whose kernel hangs": {
			rule: "node-problem", about: "node/aks-hung", says: "Node aks-hung has a kernel that hangs.", command: "kubectl describe node aks-hung",
		},
		"a node that Azure will restart": {
			rule:    "node-maintenance",
			about:   "node/aks-planned",
			says:    "Node aks-planned will be down for maintenance by Azure.",
			command: "kubectl describe node aks-planned",
		},
		"pods that had to make room": {
			rule:       "preempted",
			about:      "deployment/early",
			explains:   []string{"insufficient-cpu"},
			onlyEvents: true,
			says:       "Pods of early were removed to make room for pods of a higher priority, so no pod of early can be scheduled.",
			command:    "kubectl get priorityclasses",
		},
		"pods on a node that they were not meant for": {
			about:  "daemonset/agent",
			clean:  true,
			says:   "agent is healthy: No node matches DaemonSet agent.",
			advice: map[string]string{"daemonset-misplaced": "DaemonSet agent runs on 1 node where it should not."},
		},
		"a node whose pods may use more than it has": {
			made: made(
				app(
					"crowded",
					"12345",
					onNodes("agentpool", "crowded"),
					replicas(2),
					container(func(c *corev1.Container) { c.Resources.Limits = amounts("memory", "3Gi") }),
				),
			),
			clean: true,
			says:  "crowded is healthy: Deployment crowded has 2 of 2 pods ready.",
			advice: map[string]string{
				"node-over-committed": "The pods on node aks-crowded may use 6144Mi of memory together and it has 2970Mi, so it may kill some of them.",
			},
		},
		"a node whose Kubernetes AKS no longer supports": {
			made:  made(app("outdated", "12345", onNodes("agentpool", "outdated"))),
			clean: true,
			says:  "outdated is healthy: Deployment outdated has its only pod ready.",
			advice: map[string]string{
				"kubernetes-version-ends": "Node aks-outdated runs v1.28.9, and Kubernetes 1.28 on AKS has been out of support since 30 January 2025 " +
					"(learn.microsoft.com/azure/aks/supported-kubernetes-versions, as of 2026-08-05).",
			},
		},
		"a node whose pods have their addresses from kubenet": {
			made:  made(app("routed", "12345", onNodes("agentpool", "routed"))),
			clean: true,
			says:  "routed is healthy: Deployment routed has its only pod ready.",
			advice: map[string]string{
				"kubenet-ends": "Node aks-routed has its pods' addresses from the network plugin kubenet of AKS, which is supported until " +
					"30 March 2028 (github.com/Azure/AKS/issues/4859, as of 2026-08-07).",
			},
		},
		"pods for a node that is cordoned": {
			rule: "nodes-cordoned", made: made(app("cordoned", "12345", onNodes("agentpool", "cordoned"))),
			says:    "Node aks-cordoned is cordoned and accepts no new pods, so no pod of cordoned can be scheduled.",
			command: "kubectl describe pod cordoned-",
		},
		"pods for a node that is full": {
			rule: "too-many-pods", made: made(app("full", "12345", onNodes("agentpool", "full"), replicas(2))),
			says: "Every node that the pods may use (agentpool=full) already runs as many pods as it may, so 1 of 2 pods of " +
				"full cannot be scheduled.",
			command: "kubectl describe pod full-",
		},
		"pods for a port that is taken": {
			rule: "host-port", made: made(app("port", "12345", onNodes("agentpool", "port"), hostPort, replicas(2))),
			says: "The host port of the pods (9100) is taken on every node that they may use, so 1 of 2 pods of port cannot be " +
				"scheduled.",
			command: "kubectl describe pod port-",
		},
		"pods that must not meet": {
			rule: "pod-affinity",
			made: made(app("apart", "12345", onNodes("agentpool", "apart"), pod(apart), replicas(2))),
			says: "Required anti-affinity (app=apart, by kubernetes.io/hostname) allows one of the pods per node, and every node that " +
				"they may use has one, so 1 of 2 pods of apart cannot be scheduled.",
			command: "kubectl describe pod apart-",
		},
		"pods for a node with a taint": {
			rule: "untolerated-taint", made: made(app("tainted", "12345", onNodes("agentpool", "tainted"))),
			says: "The pods do not tolerate the taints of the nodes (workload=batch:NoSchedule), so no pod of tainted can be " +
				"scheduled.",
			command: "kubectl describe pod tainted-",
		},
		"pods for a node under pressure": {
			rule: "untolerated-taint",
			made: made(app("pressed", "12345", onNodes("agentpool", "disk"))),
			says: "Every node that the pods may use (agentpool=disk) has trouble of its own: aks-disk has disk-pressure, so no pod " +
				"of pressed can be scheduled.",
			command: "kubectl describe nodes",
		},
		"an autoscaler without metrics": {
			rule:    "metrics-api-missing",
			about:   "hpa/blind",
			made:    made(scalerOf("blind", "blind", 5), app("blind", "12345", onNodes("agentpool", "stdaruser"))),
			says:    "The metrics API does not answer, so nothing is scaled automatically.",
			command: "kubectl get apiservice v1beta1.metrics.k8s.io",
		},
		"a kill by the node": {
			rule:       "node-out-of-memory",
			about:      "deployment/killed",
			onlyEvents: true,
			says:       "Node aks-port ran out of memory and killed container app, so every pod of killed keeps crashing.",
			command:    "kubectl describe node aks-port",
		},
		"a service without the metrics API": {
			rule: "missing-variable",
			made: made(app("crash", "12346-crash", onNodes("agentpool", "stdaruser"))),
			says: "Deployment crash needs the environment variable PAYMENTS_URL, which its template does not set, so every pod of crash keeps " +
				"crashing.",
			command: "kubectl describe pod crash-",
		},
	})
	alone.loseNodes(t, "shop")
	alone.diagnose(t, 0, map[string]brokenCase{
		"a service on the only node": {
			about:  "deployment/shop",
			clean:  true,
			says:   "shop is healthy: Deployment shop has its only pod ready; Service shop has 1 ready endpoint.",
			advice: map[string]string{"single-node": "The cluster has a single node, aks-…, so its upgrade or loss stops everything."},
		},
	})
}

// misplace taints the only node of a DaemonSet after its pod has started.
func (w *brokenNamespace) misplace(t *testing.T) {
	t.Helper()
	template := app("agent", "12345", onNodes("agentpool", "reserved")).Spec
	w.make(
		t,
		&appsv1.DaemonSet{ObjectMeta: named("agent"), Spec: appsv1.DaemonSetSpec{Selector: template.Selector, Template: template.Template}},
	)
	w.await(t, "the agent runs", func() bool {
		d, err := w.Client.AppsV1().DaemonSets(w.namespace).Get(t.Context(), "agent", metav1.GetOptions{})
		return err == nil && d.Status.NumberReady == 1
	})
	taint := []byte(`{"spec":{"taints":[{"key":"workload","value":"batch","effect":"NoSchedule"}]}}`)
	_, err := w.Client.CoreV1().Nodes().Patch(t.Context(), "aks-reserved", types.MergePatchType, taint, metav1.PatchOptions{})
	require.NoError(t, err)
	w.await(
		t,
		"its controller counts anew",
		func() bool { // which it does for a change of the DaemonSet, and not for a taint that lets the pod stay
			touched := fmt.Appendf(nil, `{"metadata":{"annotations":{"touched":"%s"}}}`, time.Now())
			d, err := w.Client.AppsV1().DaemonSets(w.namespace).Patch(t.Context(), "agent", types.MergePatchType, touched, metav1.PatchOptions{})
			return err == nil && d.Status.NumberMisscheduled == 1
		},
	)
}

// preempt lets pods of a higher priority take the room of others.
func (w *brokenNamespace) preempt(t *testing.T) {
	t.Helper()
	scarce := func(name string, changes ...func(*appsv1.Deployment)) *appsv1.Deployment {
		return app(
			name,
			"12345",
			append(
				changes,
				onNodes("agentpool", "scarce"),
				container(func(c *corev1.Container) { c.Resources.Requests = amounts("cpu", "1500m") }),
			)...)
	}
	w.make(t, scarce("early"), &schedulingv1.PriorityClass{ObjectMeta: named("urgent"), Value: 1000})
	w.await(t, "the early ones run", func() bool {
		d, err := w.Client.AppsV1().Deployments(w.namespace).Get(t.Context(), "early", metav1.GetOptions{})
		return err == nil && d.Status.AvailableReplicas == 1
	})
	w.make(t, scarce("late", pod(func(p *corev1.PodSpec) { p.PriorityClassName = "urgent" })))
}

// exhaust lets a program be killed on a node that says it ran out of memory, as a kubelet does: in the namespace default.
func (w *brokenNamespace) exhaust(t *testing.T, pool string) {
	t.Helper()
	w.make(t, app("killed", "12346-exit-137", onNodes("agentpool", pool)))
	_, err := w.Client.CoreV1().Events(metav1.NamespaceDefault).Create(t.Context(), &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{
			Name: "oom",
		},
		InvolvedObject: corev1.ObjectReference{Kind: "Node", Name: "aks-" + pool, UID: types.UID("aks-" + pool)},
		Reason:         "SystemOOM",
		Message:        "System OOM encountered, victim process: node, pid: 4711",
		Type:           corev1.EventTypeWarning,
		Count:          1,
		FirstTimestamp: metav1.Now(),
		LastTimestamp:  metav1.Now(),
		Source:         corev1.EventSource{Component: "kubelet", Host: "aks-" + pool},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
}

// loseNodes deletes all nodes but the one of a service.
func (w *brokenNamespace) loseNodes(t *testing.T, service string) {
	t.Helper()
	var keep string
	w.await(t, service+" runs", func() bool {
		pods, err := w.Client.CoreV1().Pods(w.namespace).List(t.Context(), metav1.ListOptions{LabelSelector: "app=" + service})
		if err != nil || len(pods.Items) == 0 {
			return false
		}
		keep = pods.Items[0].Spec.NodeName
		return pods.Items[0].Status.Phase == corev1.PodRunning
	})
	require.NoError(
		t,
		w.Client.CoreV1().Nodes().DeleteCollection(
			t.Context(),
			metav1.DeleteOptions{},
			metav1.ListOptions{LabelSelector: "kubernetes.io/hostname!=" + keep},
		),
	)
}

var apiServices = schema.GroupVersionResource{Group: "apiregistration.k8s.io", Version: "v1", Resource: "apiservices"}

// unregisterMetrics is what happens when metrics-server is removed.
func (w *brokenNamespace) unregisterMetrics(t *testing.T) {
	t.Helper()
	require.NoError(t, w.dynamic.Resource(apiServices).Delete(t.Context(), "v1beta1.metrics.k8s.io", metav1.DeleteOptions{}))
}
