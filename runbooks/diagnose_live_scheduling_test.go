package runbooks_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/3astronautas/algesta/sandbox/control"
)

func requests(pairs ...string) func(*appsv1.Deployment) {
	return container(func(c *corev1.Container) {
		c.Resources = corev1.ResourceRequirements{Requests: amounts(pairs...), Limits: amounts(pairs...)}
	})
}

func onNodes(label, value string) func(*appsv1.Deployment) {
	return pod(func(p *corev1.PodSpec) { p.NodeSelector = map[string]string{label: value} })
}

// claim asks for a gigabyte of a class; of none when it is empty.
func claim(name, class string) *corev1.PersistentVolumeClaim {
	return &corev1.PersistentVolumeClaim{ObjectMeta: named(name), Spec: corev1.PersistentVolumeClaimSpec{
		AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}, StorageClassName: &class,
		Resources: corev1.VolumeResourceRequirements{Requests: amounts("storage", "1Gi")},
	}}
}

// bound are a volume and a claim for each other; a volume with a zone can be used there only.
func (w *ward) bound(name, zone string) []runtime.Object {
	v := &corev1.PersistentVolume{ObjectMeta: named(w.namespace + "-" + name), Spec: corev1.PersistentVolumeSpec{
		AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}, Capacity: amounts("storage", "1Gi"),
		PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimRetain,
		PersistentVolumeSource:        corev1.PersistentVolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/mnt/" + name}},
		ClaimRef:                      &corev1.ObjectReference{Namespace: w.namespace, Name: name},
	}}
	if zone != "" {
		v.Spec.NodeAffinity = &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
			MatchExpressions: []corev1.NodeSelectorRequirement{{Key: "topology.kubernetes.io/zone", Operator: corev1.NodeSelectorOpIn, Values: []string{zone}}},
		}}}}
	}
	c := claim(name, "")
	c.Spec.VolumeName = v.Name
	return made(v, c)
}

// lose makes a bound claim and deletes its volume.
func (w *ward) lose(t *testing.T, name string) {
	t.Helper()
	w.make(t, w.bound(name, "")...)
	w.await(t, "the claim is bound", func() bool {
		c, err := w.Client.CoreV1().PersistentVolumeClaims(w.namespace).Get(t.Context(), name, metav1.GetOptions{})
		return err == nil && c.Status.Phase == corev1.ClaimBound
	})
	volumes := w.Client.CoreV1().PersistentVolumes()
	require.NoError(t, volumes.Delete(t.Context(), w.namespace+"-"+name, metav1.DeleteOptions{}))
	_, err := volumes.Patch(t.Context(), w.namespace+"-"+name, types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
	require.NoError(t, err)
}

func apart(pod *corev1.PodSpec) {
	pod.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{{
		TopologyKey: "kubernetes.io/hostname", LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "apart"}},
	}}}}
}

func TestTheFirstLineNamesWhyAPodFindsNoNode(t *testing.T) {
	t.Parallel()
	w := newWard(t, control.ForTest(t))
	beside := pod(func(p *corev1.PodSpec) {
		p.Affinity = &corev1.Affinity{PodAffinity: &corev1.PodAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{{
			TopologyKey: "kubernetes.io/hostname", LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "cache"}},
		}}}}
	})
	spread := pod(func(p *corev1.PodSpec) {
		p.TopologySpreadConstraints = []corev1.TopologySpreadConstraint{{
			MaxSkew: 1, MinDomains: ptr.To[int32](2), TopologyKey: "topology.kubernetes.io/zone", WhenUnsatisfiable: corev1.DoNotSchedule,
			LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "spread"}},
		}}
	})
	w.lose(t, "lost")
	w.diagnose(t, 3*time.Minute, map[string]patient{ // a claim may wait for two minutes
		"cpu": {
			rule: "insufficient-cpu", made: made(app("cpu", "12345", requests("cpu", "64"))),
			says:    "No node has enough free cpu for a pod that requests 64 (at most …m is free), so no pod of cpu finds a node.",
			command: "kubectl describe nodes",
		},
		"memory": {
			rule: "insufficient-memory", made: made(app("memory", "12345", requests("memory", "512Gi"))),
			says:    "No node has enough free memory for a pod that requests 512Gi (at most …Mi is free), so no pod of memory finds a node.",
			command: "kubectl describe nodes",
		},
		"more than the nodes have left": {
			rule: "insufficient-cpu", made: made(app("surge", "12345", requests("cpu", "64"))), was: "12344",
			says:    "No node has enough free cpu for a pod that requests 64 (at most …m is free), so the new pods of surge find no node; 1 ready pod still serves.",
			command: "kubectl describe nodes",
		},
		"another resource": {
			rule: "insufficient-other", made: made(app("gpu", "12345", requests("nvidia.com/gpu", "1"))),
			says:    "No node has enough free nvidia.com/gpu for the pods, so no pod of gpu finds a node.",
			command: "kubectl describe pod gpu-",
		},
		"labels that no node has": {
			rule: "node-selector", made: made(app("selector", "12345", onNodes("disktype", "ssd"))),
			says:    "No node matches what the pods ask for (disktype=ssd), so no pod of selector finds a node.",
			command: "kubectl describe pod selector-",
		},
		"pods that are not there": {
			rule: "pod-affinity", made: made(app("affinity", "12345", beside)),
			says:    "No node that the pods may use has a pod beside which they must run (app=cache, by kubernetes.io/hostname), so no pod of affinity finds a node.",
			command: "kubectl describe pod affinity-",
		},
		"too few zones": {
			rule: "topology-spread", made: made(app("spread", "12345", spread, replicas(2))),
			says:    "The pods' topology spread constraint (topology.kubernetes.io/zone) leaves no node, so 1 of 2 pods of spread find no node.",
			command: "kubectl describe pod spread-",
		},
		"a gate": {
			rule: "scheduling-gated", made: made(app("gated", "12345", pod(func(p *corev1.PodSpec) { p.SchedulingGates = []corev1.PodSchedulingGate{{Name: "example.com/quota"}} }))),
			says:    "Scheduling gate example.com/quota holds the pods, so no pod of gated finds a node.",
			command: "kubectl describe pod gated-",
		},
		"a scheduler that does not run": {
			rule: "no-scheduler", made: made(app("scheduler", "12345", pod(func(p *corev1.PodSpec) { p.SchedulerName = "volcano" }))),
			says:    "Scheduler volcano has not looked at the pods, so no pod of scheduler finds a node.",
			command: "kubectl describe pod scheduler-",
		},
		"a claim that does not exist": {
			rule: "claim-missing", made: made(app("claimless", "12345", claimVolume("orders-data"))),
			says:    "PersistentVolumeClaim orders-data does not exist in namespace NS, so no pod of claimless can start.",
			command: "kubectl describe pod claimless-",
		},
		"a class that does not exist": {
			rule: "claim-unbound", made: made(app("classless", "12345", claimVolume("classless")), claim("classless", "fast-"+w.namespace)),
			told: true, says: "PersistentVolumeClaim classless asks for StorageClass fast-NS, which does not exist, so no pod of classless can start.",
			command: "kubectl describe persistentvolumeclaim/classless -n NS",
		},
		"a claim without a volume": {
			rule: "claim-unbound", made: made(app("unbound", "12345", claimVolume("unbound")), claim("unbound", "")),
			told: true, says: "PersistentVolumeClaim unbound is not bound to a volume: no persistent volumes available for this claim and no storage class is set, so no pod of unbound can start.",
			command: "kubectl describe persistentvolumeclaim/unbound -n NS",
		},
		"a claim that nobody mounts": {
			rule: "claim-pending", about: "pvc/idle", made: made(claim("idle", "fast-"+w.namespace)),
			told: true, says: "PersistentVolumeClaim idle asks for StorageClass fast-NS, which does not exist.",
			command: "kubectl describe persistentvolumeclaim/idle -n NS",
		},
		"a claim whose volume was deleted": {
			rule: "claim-lost", about: "pvc/lost",
			says:    "PersistentVolumeClaim lost has lost its volume NS-lost.",
			command: "kubectl describe persistentvolumeclaim/lost -n NS",
		},
		"a volume in another zone": {
			rule: "volume-zone", made: append(made(app("zone", "12345", claimVolume("zone"))), w.bound("zone", "eastus-9")...),
			says:    "The volume of the pods (PersistentVolumeClaim zone) is bound to a place where no node takes them, so no pod of zone finds a node.",
			command: "kubectl describe pod zone-",
		},
		"a disk that is still attached": {
			rule: "volume-multi-attach", made: append(made(app("attached", "12345-multiattach", claimVolume("attached"))), w.bound("attached", "")...),
			told: true, says: "Volume v0 (PersistentVolumeClaim attached) of the pods is still attached to another node, so no pod of attached can start.",
			command: "kubectl describe pod attached-",
		},
		"a driver that is not there": {
			rule: "volume-not-mounted", made: append(made(app("driver", "12345-nodriver", claimVolume("driver"))), w.bound("driver", "")...),
			told: true, says: "Volume v0 (PersistentVolumeClaim driver) of the pods cannot be mounted: storage driver disk.csi.azure.com is not on node aks-…, so no pod of driver can start.",
			command: "kubectl describe pod driver-",
		},
	})
}

// node is one more node of the user pool, in a pool of its own.
func (w *ward) node(t *testing.T, pool string, changes ...func(*corev1.Node)) string {
	t.Helper()
	nodes, err := w.Client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{LabelSelector: "agentpool=stdaruser", Limit: 1})
	require.NoError(t, err)
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "aks-" + pool, Labels: nodes.Items[0].Labels, Annotations: map[string]string{}}, Spec: corev1.NodeSpec{}, Status: nodes.Items[0].Status}
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
func (w *ward) say(t *testing.T, node string, kind corev1.NodeConditionType, status corev1.ConditionStatus, reason, message string) {
	t.Helper()
	n, err := w.Client.CoreV1().Nodes().Get(t.Context(), node, metav1.GetOptions{})
	require.NoError(t, err)
	for i := range n.Status.Conditions {
		if c := &n.Status.Conditions[i]; c.Type == kind {
			c.Status, c.Reason, c.Message, c.LastTransitionTime = status, reason, message, metav1.Now()
		}
	}
	_, err = w.Client.CoreV1().Nodes().UpdateStatus(t.Context(), n, metav1.UpdateOptions{})
	require.NoError(t, err)
}

// Nodes are everybody's, so these have a control plane of their own. It also loses its metrics API.
func TestTheFirstLineNamesWhatIsWrongWithANode(t *testing.T) {
	t.Parallel()
	w := newWard(t, control.Private(t))
	tainted := func(n *corev1.Node) {
		n.Spec.Taints = []corev1.Taint{{Key: "workload", Value: "batch", Effect: corev1.TaintEffectNoSchedule}}
	}
	onePod := func(n *corev1.Node) {
		n.Status.Allocatable = n.Status.Allocatable.DeepCopy()
		n.Status.Allocatable[corev1.ResourcePods] = amounts("pods", "1")[corev1.ResourcePods]
	}
	cordoned := func(n *corev1.Node) { n.Spec.Unschedulable = true }
	for pool, change := range map[string]func(*corev1.Node){"lost": nil, "memory": nil, "disk": nil, "pids": nil, "network": nil, "cordoned": cordoned, "full": onePod, "port": nil, "apart": nil, "tainted": tainted} {
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
	w.say(t, "aks-memory", corev1.NodeMemoryPressure, corev1.ConditionTrue, "KubeletHasInsufficientMemory", "kubelet has insufficient memory available")
	w.say(t, "aks-disk", corev1.NodeDiskPressure, corev1.ConditionTrue, "KubeletHasDiskPressure", "kubelet has disk pressure")
	w.say(t, "aks-pids", corev1.NodePIDPressure, corev1.ConditionTrue, "KubeletHasInsufficientPID", "kubelet has insufficient PID available")
	w.say(t, "aks-network", corev1.NodeNetworkUnavailable, corev1.ConditionTrue, "NoRouteCreated", "Node created without a route")
	w.unregisterMetrics(t)
	w.diagnose(t, time.Minute, map[string]patient{
		"a node that does not answer": {
			rule: "node-not-ready", about: "node/aks-lost",
			says:    "Node aks-lost does not answer, and 1 pod is on it.",
			command: "kubectl describe node aks-lost",
		},
		"its pods": {
			rule: "node-not-ready", about: "deployment/lost",
			says:    "Node aks-lost does not answer, and 1 pod is on it.",
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
			says:    "Node aks-cordoned is cordoned and takes no new pods.",
			command: "kubectl uncordon aks-cordoned",
		},
		"pods for a node that is cordoned": {
			rule: "nodes-cordoned", made: made(app("cordoned", "12345", onNodes("agentpool", "cordoned"))),
			says:    "Node aks-cordoned is cordoned and takes no new pods, so no pod of cordoned finds a node.",
			command: "kubectl describe pod cordoned-",
		},
		"pods for a node that is full": {
			rule: "too-many-pods", made: made(app("full", "12345", onNodes("agentpool", "full"), replicas(2))),
			says:    "Every node that the pods may use (agentpool=full) already runs as many pods as it may, so 1 of 2 pods of full find no node.",
			command: "kubectl describe pod full-",
		},
		"pods for a port that is taken": {
			rule: "host-port", made: made(app("port", "12345", onNodes("agentpool", "port"), hostPort, replicas(2))),
			says:    "The host port of the pods (9100) is taken on every node that they may use, so 1 of 2 pods of port find no node.",
			command: "kubectl describe pod port-",
		},
		"pods that must not meet": {
			rule: "pod-affinity", made: made(app("apart", "12345", onNodes("agentpool", "apart"), pod(apart), replicas(2))),
			says:    "Every node that the pods may use has a pod beside which they must not run (app=apart, by kubernetes.io/hostname), so 1 of 2 pods of apart find no node.",
			command: "kubectl describe pod apart-",
		},
		"pods for a node with a taint": {
			rule: "untolerated-taint", made: made(app("tainted", "12345", onNodes("agentpool", "tainted"))),
			says:    "The pods do not tolerate the taints of the nodes (workload=batch:NoSchedule), so no pod of tainted finds a node.",
			command: "kubectl describe pod tainted-",
		},
		"pods for a node under pressure": {
			rule: "untolerated-taint", made: made(app("pressed", "12345", onNodes("agentpool", "disk"))),
			says:    "Every node that the pods may use (agentpool=disk) has trouble of its own: aks-disk has disk-pressure, so no pod of pressed finds a node.",
			command: "kubectl describe nodes",
		},
		"an autoscaler without metrics": {
			rule: "metrics-api-missing", about: "hpa/blind", made: made(scalerOf("blind", "blind", 5), app("blind", "12345", onNodes("agentpool", "stdaruser"))),
			says:    "The metrics API does not answer, so nothing is scaled automatically.",
			command: "kubectl get apiservice v1beta1.metrics.k8s.io",
		},
		"a service without the metrics API": {
			rule: "missing-variable", made: made(app("crash", "12346-crash", onNodes("agentpool", "stdaruser"))),
			says:    "Deployment crash needs the environment variable PAYMENTS_URL, which its template does not set, so every pod of crash keeps crashing.",
			command: "kubectl describe pod crash-",
		},
	})
}

var apiServices = schema.GroupVersionResource{Group: "apiregistration.k8s.io", Version: "v1", Resource: "apiservices"}

// unregisterMetrics is what happens when metrics-server is removed.
func (w *ward) unregisterMetrics(t *testing.T) {
	t.Helper()
	require.NoError(t, w.dynamic.Resource(apiServices).Delete(t.Context(), "v1beta1.metrics.k8s.io", metav1.DeleteOptions{}))
}
