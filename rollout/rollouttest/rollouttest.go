// Package rollouttest makes the objects of a rollout for tests: the manual's service api-gateway in production, its revisions,
// and pods in every state. It is never in the binary.
package rollouttest

import (
	"encoding/json"
	"strconv"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/3astronautas/algesta"
)

// Noon is when everything in these tests happens.
var Noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// Registry is where the images come from, up to the tag.
const Registry = "acralgestaproduction.azurecr.io/api-gateway:"

// SecretValue is literally in the template and must never be shown.
const SecretValue = "s3cr3t-tiger-7741"

// Deployment wants four pods of revision 3 and has them.
func Deployment() *appsv1.Deployment {
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{
			Name: "api-gateway-production", Namespace: "production", UID: "d-1", Generation: 7,
			Annotations: map[string]string{"deployment.kubernetes.io/revision": "3", "kubernetes.io/change-cause": "deploy 12345 by Luis (c-2)"},
		},
		Spec: appsv1.DeploymentSpec{
			Replicas: new(int32(4)), Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "api-gateway"}},
			ProgressDeadlineSeconds: new(int32(600)), RevisionHistoryLimit: new(int32(10)),
			Template: Template("12345", map[string]string{"kubectl.kubernetes.io/restartedAt": "2026-11-22T09:00:00Z"}),
		},
		Status: appsv1.DeploymentStatus{ObservedGeneration: 7, Replicas: 4, UpdatedReplicas: 4, ReadyReplicas: 4, AvailableReplicas: 4},
	}
}

// Revisions are the Deployment's three: 12344, 12345, and a restart of 12345.
func Revisions(d *appsv1.Deployment) []*appsv1.ReplicaSet {
	old := Template("12344", nil)
	old.Spec.Containers[0].Env = append(old.Spec.Containers[0].Env, corev1.EnvVar{Name: "LOG_LEVEL", Value: "debug"})
	return []*appsv1.ReplicaSet{
		Revision(d, 1, old, "deploy 12344 by Dana (c-1)", 72*time.Hour),
		Revision(d, 2, Template("12345", nil), "deploy 12345 by Luis (c-2)", 5*time.Hour),
		Revision(d, 3, d.Spec.Template, "deploy 12345 by Luis (c-2)", 3*time.Hour),
	}
}

// Template is the pod template of a version.
func Template(version string, annotations map[string]string) corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "api-gateway"}, Annotations: annotations},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{
			Name: "api-gateway", Image: Registry + version, ImagePullPolicy: corev1.PullAlways,
			Env: []corev1.EnvVar{
				{Name: "NODE_ENV", Value: "production"},
				{Name: "API_PASSWORD", Value: SecretValue},
				{
					Name: "JWT_SECRET",
					ValueFrom: &corev1.EnvVarSource{
						SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "jwt-credentials"}, Key: "secret"},
					},
				},
			},
			Resources: corev1.ResourceRequirements{
				Requests: corev1.ResourceList{"cpu": resource.MustParse("250m"), "memory": resource.MustParse("512Mi")},
				Limits:   corev1.ResourceList{"cpu": resource.MustParse("1"), "memory": resource.MustParse("1Gi")},
			},
		}}},
	}
}

// TemplateHash is the algesta.TemplateHash of a template.
func TemplateHash(t corev1.PodTemplateSpec) string {
	b, err := json.Marshal(t)
	if err != nil {
		panic(err)
	}
	hash, err := algesta.TemplateHash(b)
	if err != nil {
		panic(err)
	}
	return hash
}

// Revision is a ReplicaSet that the Deployment owns.
func Revision(d *appsv1.Deployment, number int, t corev1.PodTemplateSpec, cause string, age time.Duration) *appsv1.ReplicaSet {
	hash := "hash" + strconv.Itoa(number)
	t = *t.DeepCopy()
	t.Labels["pod-template-hash"] = hash
	return &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{
			Name: d.Name + "-" + hash, Namespace: d.Namespace, UID: types.UID("rs-" + strconv.Itoa(number)),
			CreationTimestamp: metav1.NewTime(Noon.Add(-age)), Labels: map[string]string{"app": "api-gateway", "pod-template-hash": hash},
			Annotations:     map[string]string{"deployment.kubernetes.io/revision": strconv.Itoa(number), "kubernetes.io/change-cause": cause},
			OwnerReferences: []metav1.OwnerReference{{Kind: "Deployment", Name: d.Name, UID: d.UID, Controller: new(true)}},
		},
		Spec: appsv1.ReplicaSetSpec{Template: t},
	}
}

// Pod is a ready pod of a revision.
func Pod(revision int, name string, age time.Duration) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: "api-gateway-production-hash" + strconv.Itoa(revision) + "-" + name, Namespace: "production", UID: types.UID("pod-" + name),
			CreationTimestamp: metav1.NewTime(Noon.Add(-age)),
			OwnerReferences:   []metav1.OwnerReference{{Kind: "ReplicaSet", UID: types.UID("rs-" + strconv.Itoa(revision)), Controller: new(true)}},
		},
		Spec: corev1.PodSpec{NodeName: "aks-stdarproduction-0", Containers: []corev1.Container{{Name: "api-gateway", Image: Registry + "12345"}}},
		Status: corev1.PodStatus{
			Phase:      corev1.PodRunning,
			Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
			ContainerStatuses: []corev1.ContainerStatus{
				{Name: "api-gateway", Ready: true, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}},
			},
		},
	}
}

// Crashing makes a pod a crash loop.
func Crashing(p *corev1.Pod, restarts int32, last time.Time) *corev1.Pod {
	return Waiting(p, "CrashLoopBackOff", "back-off 10s restarting failed container", func(c *corev1.ContainerStatus) {
		c.RestartCount = restarts
		c.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{ExitCode: 1, Reason: "Error", FinishedAt: metav1.NewTime(last)}
	})
}

// Waiting makes a pod's container wait for a reason.
func Waiting(p *corev1.Pod, reason, message string, more ...func(*corev1.ContainerStatus)) *corev1.Pod {
	p.Status.Phase, p.Status.Conditions = corev1.PodPending, nil
	c := &p.Status.ContainerStatuses[0]
	c.Ready, c.State = false, corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}
	for _, f := range more {
		f(c)
	}
	return p
}

// Unready makes a pod run without being ready.
func Unready(p *corev1.Pod) {
	p.Status.Conditions = nil
	p.Status.ContainerStatuses[0].Ready = false
}

// Ended makes a pod's container one that has just ended.
func Ended(p *corev1.Pod, restarts, exit int32) {
	Unready(p)
	c := &p.Status.ContainerStatuses[0]
	c.RestartCount = restarts
	c.State = corev1.ContainerState{
		Terminated: &corev1.ContainerStateTerminated{ExitCode: exit, Reason: "Completed", FinishedAt: metav1.NewTime(Noon)},
	}
}

// Restarting makes a pod one that runs again after its container ended: there was no back-off to wait for.
func Restarting(p *corev1.Pod, restarts, exit int32, last time.Time) {
	Unready(p)
	c := &p.Status.ContainerStatuses[0]
	c.RestartCount = restarts
	c.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{ExitCode: exit, FinishedAt: metav1.NewTime(last)}
}

// OverQuota is what the API server says of a pod that a quota has no room for.
const OverQuota = `pods "x" is forbidden: exceeded quota: production-quota, requested: requests.cpu=250m, used: requests.cpu=4, ` +
	`limited: requests.cpu=4`

// Refusing makes a ReplicaSet one that may not make a pod.
func Refusing(set *appsv1.ReplicaSet, message string) {
	set.Status.Conditions = []appsv1.ReplicaSetCondition{
		{Type: "ReplicaFailure", Status: corev1.ConditionTrue, Reason: "FailedCreate", Message: message},
	}
}

// Rolling is the status in the middle of a rollout: two of four pods are new, and two serve.
func Rolling() appsv1.DeploymentStatus {
	return appsv1.DeploymentStatus{ObservedGeneration: 7, Replicas: 4, UpdatedReplicas: 2, AvailableReplicas: 2}
}

// Quota is one of production that limits and uses so much.
func Quota(hard, used corev1.ResourceList) corev1.ResourceQuota {
	return corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{
			Name:      "production-quota",
			Namespace: "production",
		},
		Status: corev1.ResourceQuotaStatus{Hard: hard, Used: used},
	}
}

// Node is one with so much room, without conditions.
func Node(name, cpu, memory string) corev1.Node {
	return corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Status: corev1.NodeStatus{Allocatable: corev1.ResourceList{
			corev1.ResourceCPU: resource.MustParse(
				cpu,
			),
			corev1.ResourceMemory: resource.MustParse(memory),
			corev1.ResourcePods:   resource.MustParse("30"),
		}},
	}
}

// DeadNode is a node that has not answered since then.
func DeadNode(name string, since time.Time) corev1.Node {
	n := Node(name, "2", "4Gi")
	n.Status.Conditions = []corev1.NodeCondition{
		{Type: corev1.NodeReady, Status: corev1.ConditionUnknown, Reason: "NodeStatusUnknown", LastTransitionTime: metav1.NewTime(since)},
	}
	return n
}
