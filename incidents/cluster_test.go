package incidents

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta"
)

func ownedBy(kind, name string) []metav1.OwnerReference {
	yes := true
	return []metav1.OwnerReference{{Kind: kind, Name: name, Controller: &yes}}
}

// replicaSet is that of the Deployment ms-orders.
func replicaSet() *appsv1.ReplicaSet {
	return &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{
		Namespace: "production", Name: "ms-orders-7d9", OwnerReferences: ownedBy("Deployment", "ms-orders"),
	}}
}

// podOf is a pod of ms-orders with one container in this state.
func podOf(status corev1.ContainerStatus, change ...func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "production", Name: "ms-orders-7d9-x2x9", OwnerReferences: ownedBy("ReplicaSet", "ms-orders-7d9"),
		},
		Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{status}},
	}
	for _, c := range change {
		c(p)
	}
	return p
}

func waitingFor(reason string) corev1.ContainerStatus {
	return corev1.ContainerStatus{State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}}}
}

// ranAgain is a container that runs, and crashed some time before.
func ranAgain(restarts, exit int32, ago time.Duration) corev1.ContainerStatus {
	return corev1.ContainerStatus{
		Ready: true, RestartCount: restarts, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
		LastTerminationState: corev1.ContainerState{
			Terminated: &corev1.ContainerStateTerminated{ExitCode: exit, FinishedAt: metav1.NewTime(noon.Add(-ago))},
		},
	}
}

func deploymentOf(ready int32, conditions ...appsv1.DeploymentCondition) *appsv1.Deployment {
	wanted := int32(2)
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: "production", Name: "ms-orders", Generation: 4},
		Spec:       appsv1.DeploymentSpec{Replicas: &wanted},
		Status:     appsv1.DeploymentStatus{ObservedGeneration: 4, ReadyReplicas: ready, Conditions: conditions},
	}
}

func certificateWith(status map[string]any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "status": status,
		"metadata": map[string]any{"namespace": "production", "name": "web"},
	}}
}

func TestEachRuleSeesWhatItIsAboutAndNothingElse(t *testing.T) {
	t.Parallel()
	ready := func(s string) map[string]any {
		return map[string]any{"conditions": []any{map[string]any{"type": "Ready", "status": s}}}
	}
	quota := func(used string) *corev1.ResourceQuota {
		return &corev1.ResourceQuota{
			ObjectMeta: metav1.ObjectMeta{Namespace: "production", Name: "compute"},
			Status: corev1.ResourceQuotaStatus{
				Hard: corev1.ResourceList{"requests.cpu": resource.MustParse("4"), "count/jobs.batch": resource.MustParse("0")},
				Used: corev1.ResourceList{"requests.cpu": resource.MustParse(used), "count/jobs.batch": resource.MustParse("0")},
			},
		}
	}
	node := func(s corev1.ConditionStatus) *corev1.Node {
		return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "aks-1"}, Status: corev1.NodeStatus{Conditions: []corev1.NodeCondition{
			{Type: corev1.NodeReady, Status: s},
		}}}
	}
	limited := func(now int32) *autoscalingv2.HorizontalPodAutoscaler {
		return &autoscalingv2.HorizontalPodAutoscaler{
			ObjectMeta: metav1.ObjectMeta{Namespace: "production", Name: "ms-orders"},
			Spec:       autoscalingv2.HorizontalPodAutoscalerSpec{MaxReplicas: 4},
			Status: autoscalingv2.HorizontalPodAutoscalerStatus{
				CurrentReplicas: now, Conditions: []autoscalingv2.HorizontalPodAutoscalerCondition{
					{Type: autoscalingv2.ScalingLimited, Status: corev1.ConditionTrue, Reason: "TooManyReplicas"},
				},
			},
		}
	}
	none := int32(0)
	for name, c := range map[string]struct {
		object runtime.Object
		rule   string // "" for nothing
		kind   string
		of     string
	}{
		"a crash loop":                        {podOf(waitingFor("CrashLoopBackOff")), CrashLoop, "Deployment", "ms-orders"},
		"a crash loop that runs for a moment": {podOf(ranAgain(4, 1, 6*time.Minute)), CrashLoop, "Deployment", "ms-orders"},
		"a pod that crashed once":             {podOf(ranAgain(1, 1, time.Minute)), "", "", ""},
		"a pod that has run for long since":   {podOf(ranAgain(9, 1, 11*time.Minute)), "", "", ""},
		"a container that ended well":         {podOf(ranAgain(9, 0, time.Minute)), "", "", ""},
		"an image that isn't there":           {podOf(waitingFor("ImagePullBackOff")), ImagePull, "Deployment", "ms-orders"},
		"a Secret that isn't there":           {podOf(waitingFor("CreateContainerConfigError")), CannotStart, "Deployment", "ms-orders"},
		"a container that is being made":      {podOf(waitingFor("ContainerCreating")), "", "", ""},
		"a pod that is being deleted": {
			podOf(waitingFor("CrashLoopBackOff"), func(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{Time: noon} }),
			"",
			"",
			"",
		},
		"a pod of a Job": {
			podOf(waitingFor("CrashLoopBackOff"), func(p *corev1.Pod) { p.OwnerReferences = ownedBy("Job", "import") }),
			"",
			"",
			"",
		},
		"a pod of a StatefulSet": {
			podOf(waitingFor("CrashLoopBackOff"), func(p *corev1.Pod) { p.OwnerReferences = ownedBy("StatefulSet", "db") }),
			CrashLoop,
			"StatefulSet",
			"db",
		},
		"a pod of nobody": {
			podOf(waitingFor("CrashLoopBackOff"), func(p *corev1.Pod) { p.OwnerReferences = nil }),
			CrashLoop,
			"Pod",
			"ms-orders-7d9-x2x9",
		},
		"a pod that finds no node":        {podOf(corev1.ContainerStatus{}, unschedulable), Unschedulable, "Deployment", "ms-orders"},
		"a rollout past its deadline":     {deploymentOf(1, exceeded()), RolloutFailed, "Deployment", "ms-orders"},
		"a Deployment without ready pods": {deploymentOf(0), EndpointsGone, "Deployment", "ms-orders"},
		"a Deployment with one":           {deploymentOf(1), "", "", ""},
		"a Deployment that is scaled to nothing": {
			func() *appsv1.Deployment { d := deploymentOf(0, exceeded()); d.Spec.Replicas = &none; return d }(),
			"",
			"",
			"",
		},
		"a Service without ready endpoints": {slice(unready, unready), EndpointsGone, "Service", "ms-orders"},
		"a Service with one":                {slice(unready, discoveryv1.EndpointConditions{}), "", "", ""},
		"a Service without pods":            {slice(), "", "", ""},
		"a Service whose pods all go away":  {slice(leaving), "", "", ""},
		"a slice that no Service has":       {&discoveryv1.EndpointSlice{Endpoints: slice(unready).Endpoints}, "", "", ""},
		"a node that isn't ready":           {node(corev1.ConditionFalse), NodeNotReady, "Node", "aks-1"},
		"a node that says nothing any more": {node(corev1.ConditionUnknown), NodeNotReady, "Node", "aks-1"},
		"a node that is ready":              {node(corev1.ConditionTrue), "", "", ""},
		"a full quota":                      {quota("4"), QuotaFull, "ResourceQuota", "compute"},
		"a quota with room":                 {quota("3900m"), "", "", ""},
		"an autoscaler at its maximum":      {limited(4), AutoscalerAtMax, "HorizontalPodAutoscaler", "ms-orders"},
		"an autoscaler on its way there":    {limited(3), "", "", ""},
		"a certificate that fails":          {certificateWith(ready("False")), CertificateFailing, "Certificate", "web"},
		"a certificate that is ready":       {certificateWith(ready("True")), "", "", ""},
		"a certificate long past its renewal": {
			certificateWith(map[string]any{"renewalTime": noon.Add(-2 * time.Hour).Format(time.RFC3339)}),
			CertificateFailing,
			"Certificate",
			"web",
		},
		"a certificate that is being renewed": {
			certificateWith(map[string]any{"renewalTime": noon.Add(-time.Minute).Format(time.RFC3339)}),
			"",
			"",
			"",
		},
		"a status that makes no sense": {certificateWith(map[string]any{"renewalTime": int64(3), "conditions": "none"}), "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seen, unchecked := Signals([]runtime.Object{c.object, replicaSet()}, nil, noon)
			require.Empty(t, unchecked)
			if c.rule == "" {
				require.Empty(t, seen)
				return
			}
			require.Len(t, seen, 1)
			require.Equal(t, [3]string{c.rule, c.kind, c.of}, [3]string{seen[0].Rule, seen[0].Kind, seen[0].Name})
			require.NotEmpty(t, seen[0].Says)
		})
	}
}

var (
	unready = discoveryv1.EndpointConditions{Ready: new(false)}
	leaving = discoveryv1.EndpointConditions{Ready: new(false), Terminating: new(true)}
)

// slice is a part of the endpoints of a Service.
func slice(all ...discoveryv1.EndpointConditions) *discoveryv1.EndpointSlice {
	s := &discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{
		Name: "ms-orders-x", Namespace: "production", Labels: map[string]string{discoveryv1.LabelServiceName: "ms-orders"},
	}}
	for _, c := range all {
		s.Endpoints = append(s.Endpoints, discoveryv1.Endpoint{Addresses: []string{"10.0.0.1"}, Conditions: c})
	}
	return s
}

// A Service has several slices: one ready endpoint in one of them is enough.
func TestTheSlicesOfAServiceAreCountedTogether(t *testing.T) {
	t.Parallel()
	seen, _ := Signals([]runtime.Object{slice(unready), slice(unready, unready)}, nil, noon)
	require.Len(t, seen, 1)
	require.Equal(t, "No endpoint of Service ms-orders is ready: it has 3 pods.", seen[0].Says)
	seen, _ = Signals([]runtime.Object{slice(unready), slice(discoveryv1.EndpointConditions{Ready: new(true)})}, nil, noon)
	require.Empty(t, seen)
}

func exceeded() appsv1.DeploymentCondition {
	return appsv1.DeploymentCondition{Type: appsv1.DeploymentProgressing, Status: corev1.ConditionFalse, Reason: "ProgressDeadlineExceeded"}
}

func unschedulable(p *corev1.Pod) {
	p.Status.ContainerStatuses = nil
	p.Status.Conditions = []corev1.PodCondition{
		{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable},
	}
}

// TestWhatCouldNotBeReadIsNotTakenForHealthy holds for each kind that a rule needs.
func TestWhatCouldNotBeReadIsNotTakenForHealthy(t *testing.T) {
	t.Parallel()
	forbidden := &algesta.Error{Kind: algesta.ErrForbidden, Message: algesta.Say("I have no right to list them.")}
	for rule, kinds := range needs {
		for _, kind := range kinds {
			_, unchecked := Signals(nil, map[string]error{kind: forbidden}, noon)
			require.Equal(t, "Couldn't check "+kind+": I have no right to list them.", unchecked[rule])
		}
	}
	_, unchecked := Signals(nil, UnreadAll(forbidden), noon)
	require.Len(t, unchecked, len(Rules())-1, "all but what others say")
}
