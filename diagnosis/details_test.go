package diagnosis_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta/diagnosis"
	"github.com/3astronautas/algesta/diagnosis/facts"
)

// crashing has the only pod of a service end with a code after it ran for a while, again and again.
func crashing(objects []runtime.Object, reason string, code int32, ran time.Duration) *corev1.Pod {
	p := objects[len(objects)-1].(*corev1.Pod)
	p.Status.Conditions[0].Status = corev1.ConditionFalse
	ended := noon.Add(-3 * time.Minute)
	p.Status.ContainerStatuses[0] = corev1.ContainerStatus{
		Name: p.Spec.Containers[0].Name, RestartCount: 9,
		State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}},
		LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
			Reason: reason, ExitCode: code, StartedAt: metav1.NewTime(ended.Add(-ran)), FinishedAt: metav1.NewTime(ended),
		}},
	}
	return p
}

func asked(t *testing.T, objects []runtime.Object, name string, logs ...string) diagnosis.Diagnosis {
	t.Helper()
	s := facts.NewSnapshot(noon, objects, nil)
	about := s.Subject(name, "production")
	wanted := facts.WantedLogs(s, about)
	for i, log := range logs {
		require.Less(t, i, len(wanted), "nobody asks for this log: %s", log)
		s.AddLog(wanted[i], []byte(log))
	}
	return diagnosis.Diagnose(s, about)
}

func TestAHeapThatMayOutgrowItsLimitIsTold(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		variable, value string
		args            []string
		want            string
	}{
		"a JVM's":         {"JAVA_TOOL_OPTIONS", "-Xms256m -Xmx1g", nil, "(limit 768Mi): -Xmx lets its heap grow to 1Gi, so"},
		"the last counts": {"JAVA_OPTS", "-Xmx2g -Xmx512m", nil, "(limit 768Mi), so"},
		"in bytes":        {"JAVA_OPTS", "-Xmx1073741824", nil, ": -Xmx lets its heap grow to 1Gi, so"},
		"V8's, as argument": {
			"X", "",
			[]string{"node", "--max-old-space-size=4096", "server.js"},
			": --max-old-space-size lets its heap grow to 4Gi",
		},
		"Go's":              {"GOMEMLIMIT", "900MiB", nil, ": GOMEMLIMIT lets its heap grow to 900Mi"},
		"one that fits":     {"JAVA_TOOL_OPTIONS", "-Xmx512m", nil, "(limit 768Mi), so"},
		"none":              {"X", "", nil, "(limit 768Mi), so"},
		"no number of ours": {"JAVA_OPTS", "-Xmx99999999999999999999g", nil, "(limit 768Mi), so"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			objects := service("orders", 1)
			p := crashing(objects, "OOMKilled", 137, 4*time.Minute)
			p.Spec.Containers[0].Env = []corev1.EnvVar{{Name: c.variable, Value: c.value}}
			p.Spec.Containers[0].Args = c.args
			p.Spec.Containers[0].Resources.Limits = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("768Mi")}
			require.Contains(t, asked(t, objects, "orders").Summary, c.want)
		})
	}
}

func TestAPortIsToldWithWhoHasIt(t *testing.T) {
	t.Parallel()
	for log, want := range map[string]string{
		"listen tcp :3000: bind: address already in use": "Container proxy cannot listen on port 3000: container web " +
			"of its pod has it",
		"Error: listen EADDRINUSE: address already in use 0.0.0.0:3000": "Container proxy cannot listen on port 3000: container web " +
			"of its pod has it",
		"cannot bind '0.0.0.0:9000': Address already in use": "Port 9000, on which container proxy wants to listen, is " +
			"already taken",
		"java.net.BindException: Address already in use":                       "The port of container proxy is already taken in its pod",
		"Web server failed to start. Port 3000 was already in use. Error code": "Container proxy cannot listen on port 3000",
	} {
		objects := service("web", 1)
		p := crashing(objects, "Error", 1, time.Second)
		p.Spec.Containers = []corev1.Container{p.Spec.Containers[0], {Name: "proxy", Image: "envoy:1"}}
		proxy := p.Status.ContainerStatuses[0]
		proxy.Name = "proxy"
		running := corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(noon.Add(-time.Hour))}}
		p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "web", Ready: true, State: running}, proxy}
		require.Contains(t, asked(t, objects, "web", log).Summary, want, log)
	}
}

func TestAJobThatFailedExplainsWhoWaitsForIt(t *testing.T) {
	t.Parallel()
	waits := func(command string, failed bool) diagnosis.Diagnosis {
		objects := service("ledger", 1)
		p := objects[len(objects)-1].(*corev1.Pod)
		p.Status.Conditions[0].Status = corev1.ConditionFalse
		p.Spec.InitContainers = []corev1.Container{{Name: "wait", Image: "tool:1", Command: []string{"sh", "-c", command}}}
		p.Status.InitContainerStatuses = []corev1.ContainerStatus{{
			Name: "wait", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(noon.Add(-time.Hour))}},
		}}
		p.Status.ContainerStatuses[0].Ready = false
		p.Status.ContainerStatuses[0].State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "PodInitializing"}}
		job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{
			Name: "ledger-schema", Namespace: "production", CreationTimestamp: metav1.NewTime(noon.Add(-2 * time.Hour)),
		}}
		job.Status.Active = 1
		if failed {
			job.Status = batchv1.JobStatus{Failed: 3, Conditions: []batchv1.JobCondition{{
				Type: batchv1.JobFailed, Status: corev1.ConditionTrue, Reason: "BackoffLimitExceeded",
				LastTransitionTime: metav1.NewTime(noon.Add(-time.Hour)),
			}}}
		}
		return asked(t, append(objects, job), "ledger")
	}
	for _, command := range []string{
		"kubectl wait --for=condition=complete job/ledger-schema", "until ./migrate status --expect 42; do sleep 5; done",
	} {
		d := waits(command, true)
		require.Equal(t, "Job ledger-schema has failed (BackoffLimitExceeded).", d.Chains[0].Cause, command)
		require.Contains(t, d.Chains[0].Explains, "init-waits")
	}
	require.Contains(t, waits("kubectl wait job/ledger-schema", false).Summary, "waits for Job ledger-schema, which has not ended yet")
	require.Contains(t, waits("sleep 100000", true).Chains[0].Cause, "Init container wait has been running since",
		"nothing says that it waits for it")
}

func TestAKillIsKnownByItsTimeWhateverTheExitCode(t *testing.T) {
	t.Parallel()
	const ending = `{"t":{"$date":"2026-03-10T11:57:00Z"},"s":"I","c":"CONTROL","msg":"Received ` +
		`signal","attr":{"signal":15,"error":"Terminated"}}`
	for name, c := range map[string]struct {
		code int32
		ran  time.Duration
		port int
		log  string
		want string
	}{
		"a program that ends in good order": {
			0, 41 * time.Second, 3001, "got SIGTERM, shutting down",
			"it asks port 3001, and the container declares 3000",
		},
		"and no log says so": {0, 41 * time.Second, 3001, "ready", "it asks port 3001, and the container declares 3000"},
		"the right port": {
			0, 41 * time.Second, 3000, "got SIGTERM, shutting down",
			"it runs 41 s each time, which is what the probe grants",
		},
		"another signal's word":   {0, 41 * time.Second, 3000, ending, "Something asks container db to end"},
		"too early for the probe": {0, 2 * time.Second, 3001, "done", "The command of container db ends with exit code 0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			objects := service("db", 1)
			p := crashing(objects, "Completed", c.code, c.ran)
			if name == "another signal's word" {
				p.Spec.Containers[0].LivenessProbe = nil
			} else {
				probe := &corev1.Probe{InitialDelaySeconds: 10, PeriodSeconds: 10, FailureThreshold: 3}
				probe.TCPSocket = &corev1.TCPSocketAction{}
				probe.TCPSocket.Port.IntVal = int32(c.port)
				p.Spec.Containers[0].LivenessProbe = probe
			}
			d := asked(t, objects, "db", c.log+"\n")
			require.Contains(t, d.Summary, c.want)
			require.Equal(t, c.ran < 10*time.Second, d.Chains[0].Confidence == "high", "a probe that is only inferred is no certainty")
		})
	}
}

func TestWhatAnOperatorCannotRenewExplainsRefusedCredentials(t *testing.T) {
	t.Parallel()
	external := func(ready string) *unstructured.Unstructured {
		return &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
			"metadata": map[string]any{"name": "web-db", "namespace": "production"},
			"status": map[string]any{"conditions": []any{map[string]any{
				"type": "Ready", "status": ready, "reason": "SecretSyncedError", "message": "could not get secret data from provider",
				"lastTransitionTime": noon.Add(-100 * time.Hour).Format(time.RFC3339),
			}}},
		}}
	}
	event := &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Name: "web-db.1", Namespace: "production"},
		InvolvedObject: corev1.ObjectReference{Kind: "ExternalSecret", Namespace: "production", Name: "web-db"},
		Type:           "Warning", Reason: "UpdateFailed", LastTimestamp: metav1.NewTime(noon.Add(-time.Minute)),
		Message: `err: StatusCode=403 -- Status=403 Code="Forbidden" Message="Caller is not authorized to perform action on resource."`,
	}
	with := func(ready string) diagnosis.Diagnosis {
		objects := service("web", 1)
		p := objects[len(objects)-1].(*corev1.Pod)
		from := &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{Key: "password"}}
		from.SecretKeyRef.Name = "web-db"
		p.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "DB_PASSWORD", ValueFrom: from}}
		return asked(t, append(objects, external(ready), event), "web",
			says(`ERROR FATAL: password authentication failed for user "web"`, 5, time.Minute, true))
	}
	d := with("False")
	require.Contains(t, d.Summary, "ExternalSecret web-db cannot sync: “Forbidden: Caller is not authorized to perform action on resource”")
	require.Contains(t, d.Chains[0].Explains, "dependency-auth")
	require.Equal(t, "degraded", string(d.Chains[0].Impact.Level))
	require.Equal(t, "PostgreSQL rejects the credentials of user web, so web is failing although the pods are ready.", with("True").Summary)
}

// TestPlacesAndResourcesAreNamed asks about pods that find no node.
func TestPlacesAndResourcesAreNamed(t *testing.T) {
	t.Parallel()
	node := func(zone string) *corev1.Node {
		return &corev1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: "n-" + zone, Labels: map[string]string{
				corev1.LabelTopologyZone: zone,
				corev1.LabelHostname:     "n-" + zone,
			}},
			Status: corev1.NodeStatus{Allocatable: corev1.ResourceList{
				corev1.ResourceCPU: resource.MustParse("4"), corev1.ResourceMemory: resource.MustParse("8Gi"),
				corev1.ResourcePods: resource.MustParse("50"),
			}},
		}
	}
	pending := func(message string) ([]runtime.Object, *corev1.Pod) {
		objects := service("db", 1)
		p := objects[len(objects)-1].(*corev1.Pod)
		p.Status = corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{{
			Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable, Message: message,
		}}}
		return objects, p
	}
	for zone, want := range map[string]string{
		"west-1": "is in zone west-1, where there is no node, so no pod of db",
		"west-2": "is in zone west-2, and no node there can run them, so no pod of db",
	} {
		objects, p := pending("0/1 nodes are available: 1 node(s) had volume node affinity conflict.")
		p.Spec.Volumes = []corev1.Volume{{Name: "data"}}
		p.Spec.Volumes[0].PersistentVolumeClaim = &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data-db"}
		claim := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: "data-db", Namespace: "production"}}
		claim.Spec.VolumeName, claim.Status.Phase = "pv-1", corev1.ClaimBound
		volume := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "pv-1"}}
		volume.Spec.NodeAffinity = &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
			MatchExpressions: []corev1.NodeSelectorRequirement{{
				Key: corev1.LabelTopologyZone, Operator: corev1.NodeSelectorOpIn,
				Values: []string{zone},
			}},
		}}}}
		require.Contains(t, asked(t, append(objects, claim, volume, node("west-2")), "db").Summary, want)
	}
	for name, want := range map[string]string{
		"nvidia.com/gpu":    "No node offers nvidia.com/gpu, which the pods request",
		"ephemeral-storage": "No node offers ephemeral-storage",
	} {
		objects, p := pending(fmt.Sprintf("0/1 nodes are available: 1 Insufficient %s.", name))
		p.Spec.Containers[0].Resources.Requests = corev1.ResourceList{corev1.ResourceName(name): resource.MustParse("1")}
		require.Contains(t, asked(t, append(objects, node("west-2")), "db").Summary, want)
		has := node("west-2")
		has.Status.Allocatable[corev1.ResourceName(name)] = resource.MustParse("1")
		busy := service("other", 1)
		other := busy[len(busy)-1].(*corev1.Pod)
		other.Spec.NodeName, other.Spec.Containers[0].Resources.Requests = has.Name, p.Spec.Containers[0].Resources.Requests
		require.Contains(t, asked(t, append(append(objects, busy...), has), "db").Summary, "No node has enough free "+name)
	}
	objects, p := pending("0/1 nodes are available: 1 node(s) didn't match pod anti-affinity rules.")
	apart := &corev1.PodAntiAffinity{}
	p.Spec.Affinity = &corev1.Affinity{PodAntiAffinity: apart}
	apart.RequiredDuringSchedulingIgnoredDuringExecution = []corev1.PodAffinityTerm{
		{LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "db"}}, TopologyKey: corev1.LabelTopologyZone},
	}
	require.Contains(t, asked(t, append(objects, node("west-2")), "db").Summary,
		"allows one of the pods per zone, and every zone that they may use has one")
}

// TestOneImageMayHoldSeveralPrograms has a Service select the pods of two Deployments of one image.
func TestOneImageMayHoldSeveralPrograms(t *testing.T) {
	t.Parallel()
	both := func(change func(worker *corev1.Pod)) diagnosis.Diagnosis {
		api, worker := service("api", 1), service("worker", 1)
		selector := map[string]string{"part-of": "shop"}
		for _, objects := range [][]runtime.Object{api, worker} {
			p := objects[len(objects)-1].(*corev1.Pod)
			p.Labels["part-of"], p.Labels["app"] = "shop", "shop"
			p.Spec.Containers = []corev1.Container{*p.Spec.Containers[0].DeepCopy()}
			p.Spec.Containers[0].Image = "registry.example.com/shop:1"
		}
		change(worker[len(worker)-1].(*corev1.Pod))
		svc := api[2].(*corev1.Service)
		svc.Spec.Selector, svc.Spec.Ports[0].TargetPort.StrVal = selector, ""
		svc.Spec.Ports[0].TargetPort.Type, svc.Spec.Ports[0].TargetPort.IntVal = 0, 3000
		return asked(t, append(api, append(worker[:2:2], worker[3:]...)...), "api")
	}
	started := both(func(p *corev1.Pod) { p.Spec.Containers[0].Ports, p.Spec.Containers[0].Args = nil, []string{"worker"} })
	require.True(t, strings.HasPrefix(started.Summary, "The selector of Service api also selects pods of Deployment worker"), started.Text())
	labelled := both(func(p *corev1.Pod) { p.Spec.Containers[0].Ports, p.Labels["role"] = nil, "worker" })
	require.True(t, strings.HasPrefix(labelled.Summary, "The selector of Service api also selects pods of Deployment worker"), labelled.Text())
	require.Empty(t, both(func(*corev1.Pod) {}).Chains, "two tracks of one program")
	require.Empty(t, both(func(p *corev1.Pod) { p.Spec.Containers[0].Ports = nil }).Chains, "nothing says that it's another program")
}
