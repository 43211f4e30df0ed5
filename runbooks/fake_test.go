package runbooks_test

import (
	"context"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout"
	"github.com/3astronautas/algesta/rollout/rollouttest"
	"github.com/3astronautas/algesta/runbooks"
)

// noon is when everything in these tests happens.
var noon = rollouttest.Noon

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
		return "", &algesta.Error{Kind: algesta.ErrNotFound, Message: algesta.Say("There's no such image.")}
	}
	return digest, nil
}

// GetLogs implements runbooks.Logs: nothing was written.
func (s *still) GetLogs(context.Context, string, string, corev1.PodLogOptions) ([]string, bool, error) {
	return nil, false, nil
}

// HideSecrets implements runbooks.Logs: no Secret was read.
func (s *still) HideSecrets(text string) string { return text }

// whole is everything that a fake or a real cluster can be asked. Only tests look at what a value happens to have.
func whole(v any) runbooks.Cluster {
	if c, done := v.(runbooks.Cluster); done {
		return c
	}
	var c runbooks.Cluster
	c.Reader, _ = v.(runbooks.Reader)
	c.Bounded, _ = v.(runbooks.Bounded)
	c.Events, _ = v.(rollout.Events)
	c.Stops, _ = v.(rollout.Stops)
	c.Observer, _ = v.(runbooks.Observer)
	c.Finder, _ = v.(runbooks.Finder)
	c.Keys, _ = v.(runbooks.KeyReader)
	c.Registry, _ = v.(runbooks.Registry)
	c.Logs, _ = v.(runbooks.Logs)
	c.Secrets, _ = v.(runbooks.SecretLister)
	c.Prober, _ = v.(runbooks.Prober)
	c.Proxier, _ = v.(runbooks.Proxier)
	c.Access, _ = v.(runbooks.Access)
	return c
}

// gateway is the manual's api-gateway in production: four pods on 12345 (revision 3), restarted once, 12344 before.
func gateway() *still {
	d := rollouttest.Deployment()
	s := &still{deployment: d, sets: rollouttest.Revisions(d), lists: map[string][]any{}, forbidden: map[string]bool{}}
	for _, name := range []string{"aaaaa", "bbbbb", "ccccc", "ddddd"} {
		s.pod(3, name, 3*time.Hour)
	}
	return s
}

// rolling is the gateway in the middle of a rollout: two pods of revision 3 are new, two of revision 1 serve.
func rolling() *still {
	s := gateway()
	s.pods = nil
	s.pod(1, "xxxxx", time.Hour)
	s.pod(1, "yyyyy", time.Hour)
	s.deployment.Status = rollouttest.Rolling()
	return s
}

// oldTemplate is the one of revision 1.
func oldTemplate() corev1.PodTemplateSpec {
	old := template("12344", nil)
	old.Spec.Containers[0].Env = append(old.Spec.Containers[0].Env, corev1.EnvVar{Name: "LOG_LEVEL", Value: "debug"})
	return old
}

func template(version string, annotations map[string]string) corev1.PodTemplateSpec {
	return rollouttest.Template(version, annotations)
}

// revision adds a ReplicaSet that the Deployment owns.
func (s *still) revision(number int, t corev1.PodTemplateSpec, cause string, age time.Duration) {
	s.sets = append(s.sets, rollouttest.Revision(s.deployment, number, t, cause, age))
}

// pod adds a ready pod of a revision.
func (s *still) pod(revision int, name string, age time.Duration) *corev1.Pod {
	p := rollouttest.Pod(revision, name, age)
	s.pods = append(s.pods, p)
	return p
}

// hpa scales the gateway between 2 and 10 pods, as in production.
func (s *still) hpa() {
	s.lists["HorizontalPodAutoscalerList"] = []any{autoscalingv2.HorizontalPodAutoscaler{
		TypeMeta:   metav1.TypeMeta{APIVersion: "autoscaling/v2", Kind: "HorizontalPodAutoscaler"},
		ObjectMeta: metav1.ObjectMeta{Name: "api-gateway-production-hpa", Namespace: "production", UID: "h-1"},
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{
				Kind: "Deployment",
				Name: "api-gateway-production",
			},
			MinReplicas: new(int32(2)),
			MaxReplicas: 10,
		},
	}}
}

func (s *still) quota(hard, used corev1.ResourceList) {
	s.lists["ResourceQuotaList"] = []any{rollouttest.Quota(hard, used)}
}

func forbidden(what string) error {
	return &algesta.Error{Kind: algesta.ErrForbidden, Message: algesta.Say("I don't have permission to read {}.", what)}
}

func (s *still) Deployment(_ context.Context, w algesta.Object) (*unstructured.Unstructured, error) {
	if s.deployment == nil || w.Name != s.deployment.Name {
		return nil, &algesta.Error{Kind: algesta.ErrNotFound, Message: algesta.Say("There's no deployment {}.", algesta.Name(w.Name))}
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
	if kind == "" {
		kind = reflect.TypeOf(into).Elem().Name()
	}
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
	case *appsv1.DeploymentList:
		if s.lists[kind] == nil && s.deployment != nil {
			items["items"] = []any{s.deployment}
		}
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

func (s *still) Workload(context.Context, algesta.Object) (*appsv1.Deployment, []*appsv1.ReplicaSet, []*corev1.Pod, error) {
	if s.deployment == nil {
		return nil, nil, nil, &algesta.Error{Kind: algesta.ErrNotFound, Message: algesta.Say("There's no such deployment.")}
	}
	d := s.deployment.DeepCopy()
	d.Annotations[rollout.TemplateAnnotation] = hashOf(d.Spec.Template)
	var sets []*appsv1.ReplicaSet
	for _, set := range s.sets {
		c := set.DeepCopy()
		c.Annotations[rollout.TemplateAnnotation] = hashOf(c.Spec.Template)
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

func node(name, cpu, memory string) corev1.Node { return rollouttest.Node(name, cpu, memory) }

func hashOf(t corev1.PodTemplateSpec) string { return rollouttest.TemplateHash(t) }

func input(runbook string, args algesta.Args) runbooks.Input {
	target := algesta.Target{
		Service:     "api-gateway",
		Environment: "production",
		Cluster:     "aks-algesta-production",
		Namespace:   "production",
		Name:        "api-gateway-production",
	}
	return runbooks.Input{Bot: "algesta", Workload: target.Workload(), Command: algesta.Command{
		ID: "c-7f3a9k", Requester: algesta.AskedBy(algesta.Actor{Name: "Dana"}), Runbook: runbook, Target: target, Args: args, At: noon,
	}}
}

// planned plans and asserts that no secret is shown.
func planned(t *testing.T, s *still, runbook string, args algesta.Args) (algesta.Plan, error) {
	t.Helper()
	book, ok := runbooks.Find(runbook)
	require.True(t, ok)
	p, err := book.Plan(t.Context(), whole(s), input(runbook, args))
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

func percent(s string) intstr.IntOrString { return intstr.FromString(s) }
