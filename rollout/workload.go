package rollout

import (
	"context"
	"encoding/json"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta"
)

// What the deployment controller and kubectl write on Deployments and ReplicaSets.
const (
	RevisionAnnotation = "deployment.kubernetes.io/revision"
	CauseAnnotation    = "kubernetes.io/change-cause"
)

// The kinds of Workload.
const (
	deploymentKind  = "Deployment"
	statefulSetKind = "StatefulSet"
	daemonSetKind   = "DaemonSet"
)

// Workload is a Deployment, a StatefulSet or a DaemonSet from a live read: typed to reason about it, raw to write it, because a typed
// struct drops the fields that it does not know.
type Workload struct {
	metav1.ObjectMeta
	Kind string // as in a manifest: "StatefulSet"
	Raw  map[string]any
	Spec WorkloadSpec
	// The object itself: one of these is set.
	Deployment  *appsv1.Deployment
	StatefulSet *appsv1.StatefulSet
	DaemonSet   *appsv1.DaemonSet
}

// WorkloadSpec is what the three kinds have in common.
type WorkloadSpec struct {
	Replicas             *int32 // nil where the API server's default holds, and of a DaemonSet
	Selector             *metav1.LabelSelector
	Template             corev1.PodTemplateSpec
	RevisionHistoryLimit *int32
	Paused               bool // of a Deployment
}

// ReadDeployment reads the Deployment live.
func ReadDeployment(ctx context.Context, c Getter, w algesta.Object) (Workload, error) {
	raw, err := c.Deployment(ctx, w)
	if err != nil {
		return Workload{}, fmt.Errorf("reading deployment %s: %w", w.Name, err)
	}
	return WorkloadOf(deploymentKind, raw)
}

// WorkloadOf is an object of one of the three kinds as the server wrote it.
func WorkloadOf(kind string, raw *unstructured.Unstructured) (Workload, error) {
	w := Workload{Kind: kind, Raw: raw.Object}
	read := func(into any) error {
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(raw.Object, into); err != nil {
			return fmt.Errorf("reading %s %s: %w", kind, raw.GetName(), err)
		}
		return nil
	}
	switch kind {
	case deploymentKind:
		d := &appsv1.Deployment{}
		if err := read(d); err != nil {
			return Workload{}, err
		}
		w.Deployment, w.ObjectMeta = d, d.ObjectMeta
		w.Spec = WorkloadSpec{d.Spec.Replicas, d.Spec.Selector, d.Spec.Template, d.Spec.RevisionHistoryLimit, d.Spec.Paused}
	case statefulSetKind:
		set := &appsv1.StatefulSet{}
		if err := read(set); err != nil {
			return Workload{}, err
		}
		w.StatefulSet, w.ObjectMeta = set, set.ObjectMeta
		w.Spec = WorkloadSpec{set.Spec.Replicas, set.Spec.Selector, set.Spec.Template, set.Spec.RevisionHistoryLimit, false}
	case daemonSetKind:
		set := &appsv1.DaemonSet{}
		if err := read(set); err != nil {
			return Workload{}, err
		}
		w.DaemonSet, w.ObjectMeta = set, set.ObjectMeta
		w.Spec = WorkloadSpec{nil, set.Spec.Selector, set.Spec.Template, set.Spec.RevisionHistoryLimit, false}
	default:
		return Workload{}, fmt.Errorf("reading %s %s: it has no rollout", kind, raw.GetName())
	}
	return w, nil
}

// Template is the raw pod template.
func (w Workload) Template() map[string]any {
	t, _, _ := unstructured.NestedMap(w.Raw, "spec", "template")
	return t
}

// Replicas is how many pods are wanted; the API server's default is one. Of a DaemonSet it's the number of nodes that its template fits.
func (w Workload) Replicas() int32 {
	if w.DaemonSet != nil {
		return w.DaemonSet.Status.DesiredNumberScheduled
	}
	return orOne(w.Spec.Replicas)
}

// Made is how many pods there are, as its controller counts them.
func (w Workload) Made() int32 {
	switch {
	case w.Deployment != nil:
		return w.Deployment.Status.Replicas
	case w.StatefulSet != nil:
		return w.StatefulSet.Status.Replicas
	case w.DaemonSet != nil:
		return w.DaemonSet.Status.CurrentNumberScheduled
	}
	return 0
}

// Controller is what the object says of its rollout; of a Deployment without what its ReplicaSets tell.
func (w Workload) Controller() (Controller, error) {
	switch {
	case w.StatefulSet != nil:
		return OfStatefulSet(w.StatefulSet)
	case w.DaemonSet != nil:
		return OfDaemonSet(w.DaemonSet)
	}
	return OfDeployment(w.Deployment, nil), nil
}

// ByHand reports whether pods get a changed template only when someone deletes them (the strategy OnDelete).
func (w Workload) ByHand() bool {
	return w.StatefulSet != nil && w.StatefulSet.Spec.UpdateStrategy.Type == appsv1.OnDeleteStatefulSetStrategyType ||
		w.DaemonSet != nil && w.DaemonSet.Spec.UpdateStrategy.Type == appsv1.OnDeleteDaemonSetStrategyType
}

// Ordered reports whether the pods are made and replaced one after another, and none while another isn't ready: a StatefulSet, unless its
// podManagementPolicy is Parallel.
func (w Workload) Ordered() bool { return w.StatefulSet != nil && ordered(w.StatefulSet) }

func ordered(set *appsv1.StatefulSet) bool {
	return set.Spec.PodManagementPolicy != appsv1.ParallelPodManagement
}

// Partition is below which number the pods of a StatefulSet keep the template that they have; 0 for none.
func (w Workload) Partition() int32 {
	if w.StatefulSet == nil || w.ByHand() {
		return 0
	}
	if r := w.StatefulSet.Spec.UpdateStrategy.RollingUpdate; r != nil && r.Partition != nil {
		return *r.Partition
	}
	return 0
}

// canonical is a raw template as text to compare: keys sorted, without what is empty.
func canonical(template map[string]any) string {
	template = runtime.DeepCopyJSON(template)
	if at, found, _ := unstructured.NestedFieldNoCopy(template, "metadata", "creationTimestamp"); found && at == nil {
		unstructured.RemoveNestedField(template, "metadata", "creationTimestamp")
	}
	unstructured.RemoveNestedField(template, "metadata", "labels", appsv1.DefaultDeploymentUniqueLabelKey)
	b, err := json.Marshal(template) // sorts the keys of maps
	if err != nil {
		return "" // what came from JSON is JSON
	}
	return string(b)
}

// SamePods reports whether two templates run the same pods: their pod specs are equal. Revisions that only
// `rollout restart` made differ in an annotation alone.
func SamePods(a, b map[string]any) bool {
	return canonical(map[string]any{"spec": a["spec"]}) == canonical(map[string]any{"spec": b["spec"]})
}

// TemplateHash is the algesta.TemplateHash of a raw template.
func TemplateHash(template map[string]any) (string, error) {
	typed, err := TypedTemplate(template)
	if err != nil {
		return "", err
	}
	b, err := json.Marshal(typed)
	if err != nil {
		return "", fmt.Errorf("hashing a pod template: %w", err)
	}
	return algesta.TemplateHash(b)
}

// TypedTemplate is a raw template without the fields that this program's types do not know.
func TypedTemplate(template map[string]any) (corev1.PodTemplateSpec, error) {
	var typed corev1.PodTemplateSpec
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(template, &typed); err != nil {
		return typed, fmt.Errorf("reading a pod template: %w", err)
	}
	return typed, nil
}

// MainContainer is the container that people mean when they name none: the one that kubectl's annotation names, else the
// one with the service's name, else the first.
func MainContainer(t corev1.PodTemplateSpec, service string) corev1.Container {
	for _, name := range []string{t.Annotations["kubectl.kubernetes.io/default-container"], service} {
		for _, c := range t.Spec.Containers {
			if c.Name == name {
				return c
			}
		}
	}
	if len(t.Spec.Containers) == 0 {
		return corev1.Container{}
	}
	return t.Spec.Containers[0]
}
