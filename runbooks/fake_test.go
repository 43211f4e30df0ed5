package runbooks_test

import (
	"context"
	"encoding/json"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/runbooks"
)

// noon is when everything in these tests happens.
var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// still is a cluster that stands still: objects, and the kinds that may not be read.
type still struct {
	deployment *appsv1.Deployment
	sets       []*appsv1.ReplicaSet
	pods       []*corev1.Pod
	lists      map[string][]any // further objects, by kind
	forbidden  map[string]bool
	images     map[string]string // digests by image; nil for a registry that lets nobody look
}

// Image implements runbooks.Registry.
func (s *still) Image(_ context.Context, _, image string) (string, error) {
	digest, ok := s.images[image]
	switch {
	case s.images == nil:
		return "", forbidden("images")
	case !ok:
		return "", &algesta.Error{Kind: algesta.ErrNotFound, Message: algesta.Say("There is no such image.")}
	}
	return digest, nil
}

// gateway is the manual's api-gateway in production: four pods on 12345 (revision 3), restarted once, 12344 before.
func gateway() *still {
	d := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{
			Name: "api-gateway-production", Namespace: "production", UID: "d-1", Generation: 7,
			Annotations: map[string]string{"deployment.kubernetes.io/revision": "3", "kubernetes.io/change-cause": "deploy 12345 by Luis (c-2)"},
		},
		Spec: appsv1.DeploymentSpec{
			Replicas: new(int32(4)), Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "api-gateway"}},
			ProgressDeadlineSeconds: new(int32(600)), RevisionHistoryLimit: new(int32(10)),
		},
		Status: appsv1.DeploymentStatus{ObservedGeneration: 7, Replicas: 4, UpdatedReplicas: 4, ReadyReplicas: 4, AvailableReplicas: 4},
	}
	s := &still{deployment: d, lists: map[string][]any{}, forbidden: map[string]bool{}}
	s.revision(1, oldTemplate(), "deploy 12344 by Dana (c-1)", 72*time.Hour)
	s.revision(2, template("12345", nil), "deploy 12345 by Luis (c-2)", 5*time.Hour)
	s.revision(3, template("12345", map[string]string{"kubectl.kubernetes.io/restartedAt": "2026-11-22T09:00:00Z"}), "deploy 12345 by Luis (c-2)", 3*time.Hour)
	d.Spec.Template = template("12345", map[string]string{"kubectl.kubernetes.io/restartedAt": "2026-11-22T09:00:00Z"})
	for _, name := range []string{"aaaaa", "bbbbb", "ccccc", "ddddd"} {
		s.pod(3, name, 3*time.Hour)
	}
	return s
}

// oldTemplate is the one of revision 1.
func oldTemplate() corev1.PodTemplateSpec {
	old := template("12344", nil)
	old.Spec.Containers[0].Env = append(old.Spec.Containers[0].Env, corev1.EnvVar{Name: "LOG_LEVEL", Value: "debug"})
	return old
}

func template(version string, annotations map[string]string) corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "api-gateway"}, Annotations: annotations},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{
			Name: "api-gateway", Image: registry + version, ImagePullPolicy: corev1.PullAlways,
			Env: []corev1.EnvVar{
				{Name: "NODE_ENV", Value: "production"},
				{Name: "API_PASSWORD", Value: secretValue},
				{Name: "JWT_SECRET", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "jwt-credentials"}, Key: "secret"}}},
			},
			Resources: corev1.ResourceRequirements{
				Requests: corev1.ResourceList{"cpu": resource.MustParse("250m"), "memory": resource.MustParse("512Mi")},
				Limits:   corev1.ResourceList{"cpu": resource.MustParse("1"), "memory": resource.MustParse("1Gi")},
			},
		}}},
	}
}

// revision adds a ReplicaSet that the Deployment owns.
func (s *still) revision(number int, t corev1.PodTemplateSpec, cause string, age time.Duration) {
	hash := "hash" + strconv.Itoa(number)
	t = *t.DeepCopy()
	t.Labels["pod-template-hash"] = hash
	s.sets = append(s.sets, &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{
			Name: "api-gateway-production-" + hash, Namespace: "production", UID: types.UID("rs-" + strconv.Itoa(number)),
			CreationTimestamp: metav1.NewTime(noon.Add(-age)), Labels: map[string]string{"app": "api-gateway", "pod-template-hash": hash},
			Annotations:     map[string]string{"deployment.kubernetes.io/revision": strconv.Itoa(number), "kubernetes.io/change-cause": cause},
			OwnerReferences: []metav1.OwnerReference{{Kind: "Deployment", Name: s.deployment.Name, UID: s.deployment.UID, Controller: new(true)}},
		},
		Spec: appsv1.ReplicaSetSpec{Template: t},
	})
}

// pod adds a ready pod of a revision.
func (s *still) pod(revision int, name string, age time.Duration) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: "api-gateway-production-hash" + strconv.Itoa(revision) + "-" + name, Namespace: "production", UID: types.UID("pod-" + name),
			CreationTimestamp: metav1.NewTime(noon.Add(-age)),
			OwnerReferences:   []metav1.OwnerReference{{Kind: "ReplicaSet", UID: types.UID("rs-" + strconv.Itoa(revision)), Controller: new(true)}},
		},
		Spec: corev1.PodSpec{NodeName: "aks-stdarproduction-0", Containers: []corev1.Container{{Name: "api-gateway", Image: registry + "12345"}}},
		Status: corev1.PodStatus{
			Phase:             corev1.PodRunning,
			Conditions:        []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
			ContainerStatuses: []corev1.ContainerStatus{{Name: "api-gateway", Ready: true, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}},
		},
	}
	s.pods = append(s.pods, p)
	return p
}

// hpa scales the gateway between 2 and 10 pods, as in production.
func (s *still) hpa() {
	s.lists["HorizontalPodAutoscalerList"] = []any{autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Name: "api-gateway-production-hpa", Namespace: "production"},
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{Kind: "Deployment", Name: "api-gateway-production"}, MinReplicas: new(int32(2)), MaxReplicas: 10,
		},
	}}
}

func (s *still) quota(hard, used corev1.ResourceList) {
	s.lists["ResourceQuotaList"] = []any{corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Name: "production-quota", Namespace: "production"}, Status: corev1.ResourceQuotaStatus{Hard: hard, Used: used},
	}}
}

func forbidden(what string) error {
	return &algesta.Error{Kind: algesta.ErrForbidden, Message: algesta.Say("I have no right to read {}.", what)}
}

func (s *still) Deployment(_ context.Context, w algesta.Workload) (*unstructured.Unstructured, error) {
	if s.deployment == nil || w.Name != s.deployment.Name {
		return nil, &algesta.Error{Kind: algesta.ErrNotFound, Message: algesta.Say("There is no deployment {}.", algesta.Name(w.Name))}
	}
	d := s.deployment.DeepCopy()
	d.APIVersion, d.Kind = "apps/v1", "Deployment"
	raw, err := raw(d)
	return &unstructured.Unstructured{Object: raw}, err
}

// raw goes through JSON, as an object from a server does.
func raw(o any) (map[string]any, error) {
	b, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	var out unstructured.Unstructured
	err = out.UnmarshalJSON(b)
	return out.Object, err
}

func (s *still) List(_ context.Context, _, _ string, into runtime.Object) error {
	kind := into.GetObjectKind().GroupVersionKind().Kind
	items := map[string]any{"items": []any{}}
	switch l := into.(type) {
	case *unstructured.UnstructuredList:
		if s.forbidden[kind] || kind != "ReplicaSetList" && s.lists[kind] == nil {
			return forbidden(kind)
		}
		for _, o := range s.lists[kind] {
			object, err := raw(o)
			if err != nil {
				return err
			}
			l.Items = append(l.Items, unstructured.Unstructured{Object: object})
		}
		if kind != "ReplicaSetList" {
			return nil
		}
		for _, set := range s.sets {
			c := set.DeepCopy()
			c.APIVersion, c.Kind = "apps/v1", "ReplicaSet"
			object, err := raw(c)
			if err != nil {
				return err
			}
			l.Items = append(l.Items, unstructured.Unstructured{Object: object})
		}
		return nil
	case *autoscalingv2.HorizontalPodAutoscalerList:
		kind = "HorizontalPodAutoscalerList"
	case *corev1.ResourceQuotaList:
		kind = "ResourceQuotaList"
	case *corev1.LimitRangeList:
		kind = "LimitRangeList"
	case *corev1.PodList:
		kind = "PodList"
	case *corev1.NodeList:
		if kind = "NodeList"; s.lists[kind] == nil {
			items["items"] = []any{node("roomy", "64", "256Gi")}
		}
	}
	if s.forbidden[kind] {
		return forbidden(kind)
	}
	if objects := s.lists[kind]; objects != nil {
		items["items"] = objects
	}
	b, err := json.Marshal(items)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, into)
}

func (s *still) Workload(context.Context, algesta.Workload) (*appsv1.Deployment, []*appsv1.ReplicaSet, []*corev1.Pod, error) {
	if s.deployment == nil {
		return nil, nil, nil, &algesta.Error{Kind: algesta.ErrNotFound, Message: algesta.Say("There is no such deployment.")}
	}
	d := s.deployment.DeepCopy()
	d.Annotations[runbooks.TemplateAnnotation] = hashOf(d.Spec.Template)
	var sets []*appsv1.ReplicaSet
	for _, set := range s.sets {
		c := set.DeepCopy()
		c.Annotations[runbooks.TemplateAnnotation] = hashOf(c.Spec.Template)
		sets = append(sets, c)
	}
	if s.forbidden["PodList"] {
		return d, sets, nil, forbidden("pods")
	}
	return d, sets, s.pods, nil
}

// argo makes an Argo CD application with this sync policy the owner.
func (s *still) argo(policy map[string]any) {
	s.deployment.Annotations["argocd.argoproj.io/tracking-id"] = "gateway:apps/Deployment:production/api-gateway-production"
	s.lists["ApplicationList"] = []any{map[string]any{
		"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": map[string]any{"name": "gateway", "namespace": "argocd"},
		"spec": map[string]any{"syncPolicy": policy},
	}}
}

// keda makes KEDA the owner of the autoscaler.
func (s *still) keda() {
	s.hpa()
	h, _ := s.lists["HorizontalPodAutoscalerList"][0].(autoscalingv2.HorizontalPodAutoscaler)
	h.Labels = map[string]string{"scaledobject.keda.sh/name": "gateway"}
	s.lists["HorizontalPodAutoscalerList"] = []any{h}
}

func (s *still) nodes(nodes ...corev1.Node) {
	s.lists["NodeList"] = nil
	for _, n := range nodes {
		s.lists["NodeList"] = append(s.lists["NodeList"], n)
	}
}

func node(name, cpu, memory string) corev1.Node {
	return corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Status: corev1.NodeStatus{Allocatable: corev1.ResourceList{
			corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory), corev1.ResourcePods: resource.MustParse("30"),
		}},
	}
}

func hashOf(t corev1.PodTemplateSpec) string {
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

func input(runbook string, args algesta.Args) runbooks.Input {
	target := algesta.Target{Service: "api-gateway", Environment: "production", Cluster: "aks-algesta-production", Namespace: "production", Name: "api-gateway-production"}
	return runbooks.Input{Workload: target.Workload(), Command: algesta.Command{
		ID: "c-7f3a9k", Actor: algesta.Actor{Name: "Dana"}, Runbook: runbook, Target: target, Args: args, At: noon,
	}}
}

// planned plans and asserts that no secret is shown.
func planned(t *testing.T, s *still, runbook string, args algesta.Args) (algesta.Plan, error) {
	t.Helper()
	book, ok := runbooks.Find(runbook)
	require.True(t, ok)
	p, err := book.Plan(t.Context(), s, input(runbook, args))
	requireNoSecret(t, p.Redacted())
	return p, err
}

func words(texts []algesta.Text) []string {
	var out []string
	for _, t := range texts {
		out = append(out, t.String())
	}
	return out
}
