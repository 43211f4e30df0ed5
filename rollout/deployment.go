package rollout

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/3astronautas/algesta"
)

// What the deployment controller and kubectl write on Deployments and ReplicaSets.
const (
	RevisionAnnotation = "deployment.kubernetes.io/revision"
	CauseAnnotation    = "kubernetes.io/change-cause"
)

// Deployment is a Deployment from a live GET: typed to reason about it, raw to write it, because a typed
// struct drops the fields that it does not know.
type Deployment struct {
	*appsv1.Deployment
	Raw map[string]any
}

// Revision is one entry of a Deployment's history: a ReplicaSet that it owns.
type Revision struct {
	Number   int64
	Set      *appsv1.ReplicaSet
	Template map[string]any // as the server wrote it, without the label pod-template-hash
	Cause    string         // why it was made, cleaned; ChangedOutside where what is noted is about another revision
	Made     time.Time      // when it last became the current one; zero where that isn't known
}

// Hash is the pod-template-hash of the revision: it stays when the number moves.
func (r Revision) Hash() string { return r.Set.Labels[appsv1.DefaultDeploymentUniqueLabelKey] }

// ReadDeployment reads the Deployment live.
func ReadDeployment(ctx context.Context, c Getter, w algesta.Object) (Deployment, error) {
	raw, err := c.Deployment(ctx, w)
	if err != nil {
		return Deployment{}, fmt.Errorf("reading deployment %s: %w", w.Name, err)
	}
	d := Deployment{Deployment: &appsv1.Deployment{}, Raw: raw.Object}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(raw.Object, d.Deployment); err != nil {
		return Deployment{}, fmt.Errorf("reading deployment %s: %w", w.Name, err)
	}
	return d, nil
}

// Template is the raw pod template.
func (d Deployment) Template() map[string]any {
	t, _, _ := unstructured.NestedMap(d.Raw, "spec", "template")
	return t
}

// Replicas is how many pods are wanted; the API server's default is one.
func (d Deployment) Replicas() int32 {
	if d.Spec.Replicas == nil {
		return 1
	}
	return *d.Spec.Replicas
}

// ReadRevisions lists the ReplicaSets that the Deployment owns, newest first. By owner reference and not by labels
// alone: the selectors of two Deployments may overlap.
func ReadRevisions(ctx context.Context, c Lister, d Deployment) ([]Revision, error) {
	selector, err := metav1.LabelSelectorAsSelector(d.Spec.Selector)
	if err != nil {
		return nil, fmt.Errorf("reading the selector of %s: %w", d.Name, err)
	}
	sets := &unstructured.UnstructuredList{}
	sets.SetGroupVersionKind(schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "ReplicaSetList"})
	if err := c.List(ctx, d.Namespace, selector.String(), sets); err != nil {
		return nil, fmt.Errorf("reading the revisions of %s: %w", d.Name, err)
	}
	var out []Revision
	for _, raw := range sets.Items {
		r := Revision{Set: &appsv1.ReplicaSet{}}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(raw.Object, r.Set); err != nil {
			return nil, fmt.Errorf("reading ReplicaSet %s: %w", raw.GetName(), err)
		}
		if owner := metav1.GetControllerOf(r.Set); owner == nil || owner.UID != d.UID {
			continue
		}
		r.Number, _ = strconv.ParseInt(r.Set.Annotations[RevisionAnnotation], 10, 64)
		r.Template, _, _ = unstructured.NestedMap(raw.Object, "spec", "template")
		unstructured.RemoveNestedField(r.Template, "metadata", "labels", appsv1.DefaultDeploymentUniqueLabelKey)
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b Revision) int {
		return cmp.Or(cmp.Compare(b.Number, a.Number), cmp.Compare(b.Set.Name, a.Set.Name))
	})
	fillCauses(d.Deployment, out)
	return out, nil
}

// CurrentOf is the revision that runs the Deployment's template now, -1 when its ReplicaSet is not there yet. By template and
// not by the highest number: the number of a revision moves only when the controller has seen the change.
func CurrentOf(d Deployment, revisions []Revision) int {
	want := canonical(d.Template())
	return slices.IndexFunc(revisions, func(r Revision) bool { return canonical(r.Template) == want })
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
