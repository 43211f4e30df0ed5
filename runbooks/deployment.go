package runbooks

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
	revisionAnnotation  = "deployment.kubernetes.io/revision"
	causeAnnotation     = "kubernetes.io/change-cause"
	restartedAnnotation = "kubectl.kubernetes.io/restartedAt"
	causePath           = "/metadata/annotations/kubernetes.io~1change-cause"
	causeTemplatePath   = "/metadata/annotations/algesta.io~1change-cause-template"
	templatePath        = "/spec/template"
)

// deployment is a Deployment from a live GET: typed to reason about it, raw to write it, because a typed
// struct drops the fields that it does not know.
type deployment struct {
	*appsv1.Deployment
	raw map[string]any
}

// revision is one entry of a Deployment's history: a ReplicaSet that it owns.
type revision struct {
	number   int64
	set      *appsv1.ReplicaSet
	template map[string]any // as the server wrote it, without the label pod-template-hash
	cause    string         // why it was made, cleaned; changedOutside where what is noted is about another revision
	made     time.Time      // when it was last made what runs
}

// hash is the pod-template-hash of the revision: it stays when the number moves.
func (r revision) hash() string { return r.set.Labels[appsv1.DefaultDeploymentUniqueLabelKey] }

func readDeployment(ctx context.Context, c Cluster, w algesta.Workload) (deployment, error) {
	raw, err := c.Deployment(ctx, w)
	if err != nil {
		return deployment{}, fmt.Errorf("reading deployment %s: %w", w.Name, err)
	}
	d := deployment{Deployment: &appsv1.Deployment{}, raw: raw.Object}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(raw.Object, d.Deployment); err != nil {
		return deployment{}, fmt.Errorf("reading deployment %s: %w", w.Name, err)
	}
	return d, nil
}

// template is the raw pod template.
func (d deployment) template() map[string]any {
	t, _, _ := unstructured.NestedMap(d.raw, "spec", "template")
	return t
}

// replicas is how many pods are wanted; the API server's default is one.
func (d deployment) replicas() int32 {
	if d.Spec.Replicas == nil {
		return 1
	}
	return *d.Spec.Replicas
}

// readRevisions lists the ReplicaSets that the Deployment owns, newest first. By owner reference and not by labels
// alone: the selectors of two Deployments may overlap.
func readRevisions(ctx context.Context, c Cluster, d deployment) ([]revision, error) {
	selector, err := metav1.LabelSelectorAsSelector(d.Spec.Selector)
	if err != nil {
		return nil, fmt.Errorf("reading the selector of %s: %w", d.Name, err)
	}
	sets := &unstructured.UnstructuredList{}
	sets.SetGroupVersionKind(schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "ReplicaSetList"})
	if err := c.List(ctx, d.Namespace, selector.String(), sets); err != nil {
		return nil, fmt.Errorf("reading the revisions of %s: %w", d.Name, err)
	}
	var out []revision
	for _, raw := range sets.Items {
		r := revision{set: &appsv1.ReplicaSet{}}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(raw.Object, r.set); err != nil {
			return nil, fmt.Errorf("reading ReplicaSet %s: %w", raw.GetName(), err)
		}
		if owner := metav1.GetControllerOf(r.set); owner == nil || owner.UID != d.UID {
			continue
		}
		r.number, _ = strconv.ParseInt(r.set.Annotations[revisionAnnotation], 10, 64)
		r.template, _, _ = unstructured.NestedMap(raw.Object, "spec", "template")
		unstructured.RemoveNestedField(r.template, "metadata", "labels", appsv1.DefaultDeploymentUniqueLabelKey)
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b revision) int {
		return cmp.Or(cmp.Compare(b.number, a.number), cmp.Compare(b.set.Name, a.set.Name))
	})
	tellCauses(out)
	return out, nil
}

// currentOf is the revision that runs the Deployment's template now, -1 when its ReplicaSet is not there yet. By template and
// not by the highest number: the number of a revision moves only when the controller has seen the change.
func currentOf(d deployment, revisions []revision) int {
	want := canonical(d.template())
	return slices.IndexFunc(revisions, func(r revision) bool { return canonical(r.template) == want })
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

// samePods reports whether two templates run the same pods: their pod specs are equal. Revisions that only
// `rollout restart` made differ in an annotation alone.
func samePods(a, b map[string]any) bool {
	return canonical(map[string]any{"spec": a["spec"]}) == canonical(map[string]any{"spec": b["spec"]})
}

// templateHash is the algesta.TemplateHash of a raw template.
func templateHash(template map[string]any) (string, error) {
	typed, err := typedTemplate(template)
	if err != nil {
		return "", err
	}
	b, err := json.Marshal(typed)
	if err != nil {
		return "", fmt.Errorf("hashing a pod template: %w", err)
	}
	return algesta.TemplateHash(b)
}

func typedTemplate(template map[string]any) (corev1.PodTemplateSpec, error) {
	var typed corev1.PodTemplateSpec
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(template, &typed); err != nil {
		return typed, fmt.Errorf("reading a pod template: %w", err)
	}
	return typed, nil
}

// mainContainer is the container that people mean when they name none: the one that kubectl's annotation names, else the
// one called like the service, else the first.
func mainContainer(t corev1.PodTemplateSpec, service string) corev1.Container {
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
