package runbooks_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
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
func (w *brokenNamespace) bound(name, zone string) []runtime.Object {
	v := &corev1.PersistentVolume{ObjectMeta: named(w.namespace + "-" + name), Spec: corev1.PersistentVolumeSpec{
		AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}, Capacity: amounts("storage", "1Gi"),
		PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimRetain,
		PersistentVolumeSource:        corev1.PersistentVolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/mnt/" + name}},
		ClaimRef:                      &corev1.ObjectReference{Namespace: w.namespace, Name: name},
	}}
	if zone != "" {
		v.Spec.NodeAffinity = &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{
			{
				MatchExpressions: []corev1.NodeSelectorRequirement{
					{Key: "topology.kubernetes.io/zone", Operator: corev1.NodeSelectorOpIn, Values: []string{zone}},
				},
			},
		}}}
	}
	c := claim(name, "")
	c.Spec.VolumeName = v.Name
	return made(v, c)
}

// lose makes a bound claim and deletes its volume.
func (w *brokenNamespace) lose(t *testing.T, name string) {
	t.Helper()
	w.make(t, w.bound(name, "")...)
	w.await(t, "the claim is bound", func() bool {
		c, err := w.Client.CoreV1().PersistentVolumeClaims(w.namespace).Get(t.Context(), name, metav1.GetOptions{})
		return err == nil && c.Status.Phase == corev1.ClaimBound
	})
	volumes := w.Client.CoreV1().PersistentVolumes()
	require.NoError(t, volumes.Delete(t.Context(), w.namespace+"-"+name, metav1.DeleteOptions{}))
	_, err := volumes.Patch(
		t.Context(),
		w.namespace+"-"+name,
		types.MergePatchType,
		[]byte(`{"metadata":{"finalizers":null}}`),
		metav1.PatchOptions{},
	)
	require.NoError(t, err)
}

// deviceOf asks for what a ResourceClaim stands for.
func deviceOf(claim string) func(*appsv1.Deployment) {
	return pod(func(p *corev1.PodSpec) {
		p.ResourceClaims = []corev1.PodResourceClaim{{Name: "gpu", ResourceClaimName: &claim}}
	})
}

func deviceClaim(name, class string) *resourcev1.ResourceClaim {
	return &resourcev1.ResourceClaim{ObjectMeta: named(name), Spec: resourcev1.ResourceClaimSpec{Devices: resourcev1.DeviceClaim{
		Requests: []resourcev1.DeviceRequest{{Name: "gpu", Exactly: &resourcev1.ExactDeviceRequest{DeviceClassName: class}}},
	}}}
}

func apart(pod *corev1.PodSpec) {
	pod.Affinity = &corev1.Affinity{
		PodAntiAffinity: &corev1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{{
			TopologyKey: "kubernetes.io/hostname", LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "apart"}},
		}}},
	}
}

func TestTheFirstLineNamesWhyAPodFindsNoNode(t *testing.T) {
	t.Parallel()
	w := newBrokenNamespace(t, control.ForTest(t))
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
	w.diagnose(t, 3*time.Minute, map[string]brokenCase{ // a claim may wait for two minutes
		"cpu": {
			rule: "insufficient-cpu", made: made(app("cpu", "12345", requests("cpu", "64"))),
			says:    "No node has enough free cpu for a pod that requests 64 (at most …m is free), so no pod of cpu can be scheduled.",
			command: "kubectl describe nodes",
		},
		"memory": {
			rule: "insufficient-memory", made: made(app("memory", "12345", requests("memory", "512Gi"))),
			says: "No node has enough free memory for a pod that requests 512Gi (at most …i is free), so no pod of memory can " +
				"be scheduled.",
			command: "kubectl describe nodes",
		},
		"more than the nodes have left": {
			rule: "insufficient-cpu",
			made: made(app("surge", "12345", requests("cpu", "64"))),
			was:  "12344",
			says: "No node has enough free cpu for a pod that requests 64 (at most …m is free), so the new pods of surge cannot " +
				"be scheduled; 1 ready pod still serves.",
			command: "kubectl describe nodes",
		},
		"another resource": {
			rule: "insufficient-other", made: made(app("gpu", "12345", requests("nvidia.com/gpu", "1"))),
			says:    "No node offers nvidia.com/gpu, which the pods request, so no pod of gpu can be scheduled.",
			command: "kubectl describe pod gpu-",
		},
		"labels that no node has": {
			rule: "node-selector", made: made(app("selector", "12345", onNodes("disktype", "ssd"))),
			says:    "No node matches what the pods ask for (disktype=ssd), so no pod of selector can be scheduled.",
			command: "kubectl describe pod selector-",
		},
		"pods that are not there": {
			rule: "pod-affinity",
			made: made(app("affinity", "12345", beside)),
			says: "No node that the pods may use has a pod beside which they must run (app=cache, by kubernetes.io/hostname), so " +
				"no pod of affinity can be scheduled.",
			command: "kubectl describe pod affinity-",
		},
		"too few zones": {
			rule: "topology-spread", made: made(app("spread", "12345", spread, replicas(2))),
			says: "The pods' topology spread constraint (topology.kubernetes.io/zone) leaves no node, so 1 of 2 pods of spread " +
				"cannot be scheduled.",
			command: "kubectl describe pod spread-",
		},
		"a device that nobody claimed": {
			rule: "no-scheduler", made: made(app("device", "12345", deviceOf("own-gpu"))),
			says:    "The scheduler holds the pods back until ResourceClaim own-gpu is there, so no pod of device can be scheduled.",
			command: "kubectl get resourceclaims,resourceclaimtemplates -n NS",
		},
		"a constraint that only the scheduler's words tell": {
			rule: "unschedulable", made: made(app("class", "12345", deviceOf("shared-gpu")), deviceClaim("shared-gpu", "gpu-"+w.namespace)),
			says: "The scheduler found no node: request gpu: device class gpu-NS does not exist, so no pod of class can be " +
				"scheduled.",
			command: "kubectl describe pod class-",
		},
		"a gate": {
			rule: "scheduling-gated",
			made: made(
				app("gated", "12345", pod(func(p *corev1.PodSpec) { p.SchedulingGates = []corev1.PodSchedulingGate{{Name: "example.com/quota"}} })),
			),
			says:    "Scheduling gate example.com/quota holds the pods, so no pod of gated can be scheduled.",
			command: "kubectl describe pod gated-",
		},
		"a scheduler that does not run": {
			rule: "no-scheduler", made: made(app("scheduler", "12345", pod(func(p *corev1.PodSpec) { p.SchedulerName = "volcano" }))),
			says:    "Scheduler volcano has not looked at the pods, so no pod of scheduler can be scheduled.",
			command: "kubectl describe pod scheduler-",
		},
		"a claim that does not exist": {
			rule: "claim-missing", made: made(app("claimless", "12345", claimVolume("orders-data"))),
			says:    "PersistentVolumeClaim orders-data does not exist in namespace NS, so no pod of claimless can start.",
			command: "kubectl describe pod claimless-",
		},
		"a class that does not exist": {
			rule:       "claim-unbound",
			made:       made(app("classless", "12345", claimVolume("classless")), claim("classless", "fast-"+w.namespace)),
			onlyEvents: true,
			says:       "PersistentVolumeClaim classless asks for StorageClass fast-NS, which does not exist, so no pod of classless can start.",
			command:    "kubectl describe persistentvolumeclaim/classless -n NS",
		},
		"a claim without a volume": {
			rule:       "claim-unbound",
			made:       made(app("unbound", "12345", claimVolume("unbound")), claim("unbound", "")),
			onlyEvents: true,
			says: "PersistentVolumeClaim unbound is not bound to a volume: “no persistent volumes available for this claim and no storage " +
				"class is set”, so no pod of unbound can start.",
			command: "kubectl describe persistentvolumeclaim/unbound -n NS",
		},
		"a claim that nobody mounts": {
			rule: "claim-pending", about: "pvc/idle", made: made(claim("idle", "fast-"+w.namespace)),
			onlyEvents: true, says: "PersistentVolumeClaim idle asks for StorageClass fast-NS, which does not exist.",
			command: "kubectl describe persistentvolumeclaim/idle -n NS",
		},
		"a claim whose volume was deleted": {
			rule: "claim-lost", about: "pvc/lost",
			says:    "PersistentVolumeClaim lost has lost its volume NS-lost.",
			command: "kubectl describe persistentvolumeclaim/lost -n NS",
		},
		"a volume in another zone": {
			rule: "volume-zone",
			made: append(made(app("zone", "12345", claimVolume("zone"))), w.bound("zone", "eastus-9")...),
			says: "The volume of the pods (PersistentVolumeClaim zone) is in zone eastus-9, where there is no node, so no pod of zone can be " +
				"scheduled.",
			command: "kubectl describe pod zone-",
		},
		"a disk that is still attached": {
			rule:       "volume-multi-attach",
			made:       append(made(app("attached", "12345-multiattach", claimVolume("attached"))), w.bound("attached", "")...),
			onlyEvents: true,
			says:       "Volume v0 (PersistentVolumeClaim attached) of the pods is still attached to another node, so no pod of attached can start.",
			command:    "kubectl describe pod attached-",
		},
		"a driver that is not there": {
			rule:       "volume-not-mounted",
			made:       append(made(app("driver", "12345-nodriver", claimVolume("driver"))), w.bound("driver", "")...),
			onlyEvents: true,
			says: "Volume v0 (PersistentVolumeClaim driver) of the pods cannot be mounted: storage driver disk.csi.azure.com is not on " +
				"node aks-…, so no pod of driver can start.",
			command: "kubectl describe pod driver-",
		},
	})
}
