package rollout

import (
	"cmp"
	"context"
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

// Revision is one entry of a workload's history: a ReplicaSet that a Deployment owns, or a ControllerRevision of a StatefulSet or a
// DaemonSet.
type Revision struct {
	metav1.ObjectMeta // of the object that keeps it
	Number            int64
	Template          map[string]any         // as the server wrote it, without what marks it as a revision
	Typed             corev1.PodTemplateSpec // the same, without the fields that this program's types do not know
	Cause             string                 // why it was made, cleaned; ChangedOutside where what is noted is about another revision
	Made              time.Time              // when it last became the current one; zero where that isn't known
	// Set is the ReplicaSet, nil for a revision of a StatefulSet or a DaemonSet.
	Set *appsv1.ReplicaSet
}

// stateHash is where the controller of StatefulSets notes the hash of a ControllerRevision (pkg/controller/history of Kubernetes); that of
// DaemonSets takes the label that pods have, too.
const stateHash = "controller.kubernetes.io/hash"

// Hash is the hash of the revision's template: it stays when the number moves.
func (r Revision) Hash() string {
	return cmp.Or(r.Labels[appsv1.DefaultDeploymentUniqueLabelKey], r.Labels[appsv1.ControllerRevisionHashLabelKey], r.Labels[stateHash])
}

// Runs reports whether a pod of the workload is of this revision.
func (r Revision) Runs(pod *corev1.Pod) bool {
	if r.Set != nil {
		return ownedBy(pod, r.Set.UID)
	}
	hash := pod.Labels[appsv1.ControllerRevisionHashLabelKey]
	return hash != "" && (hash == r.Name || hash == r.Labels[appsv1.ControllerRevisionHashLabelKey])
}

// Began is when the revision last became the current one. first is true where that isn't known: someone else rolled back to it, and what is
// returned is when it was made the first time.
func (r Revision) Began() (at time.Time, first bool) {
	if r.Made.IsZero() {
		return r.CreationTimestamp.Time, true
	}
	return r.Made, false
}

// ReadRevisions lists the revisions of a workload that are kept, newest first. By owner reference and not by labels alone: the selectors
// of two workloads may overlap.
func ReadRevisions(ctx context.Context, c Lister, w Workload) ([]Revision, error) {
	selector, err := metav1.LabelSelectorAsSelector(w.Spec.Selector)
	if err != nil {
		return nil, fmt.Errorf("reading the selector of %s: %w", w.Name, err)
	}
	kept, keep := "ControllerRevisionList", keptByController
	if w.Deployment != nil {
		kept, keep = "ReplicaSetList", keptBySet
	}
	all := &unstructured.UnstructuredList{}
	all.SetGroupVersionKind(schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: kept})
	if err := c.List(ctx, w.Namespace, selector.String(), all); err != nil {
		return nil, fmt.Errorf("reading the revisions of %s: %w", w.Name, err)
	}
	var out []Revision
	for i := range all.Items {
		raw := &all.Items[i]
		if owner := metav1.GetControllerOfNoCopy(raw); owner == nil || owner.UID != w.UID {
			continue
		}
		r, err := keep(raw)
		if err != nil {
			return nil, fmt.Errorf("reading revision %s of %s: %w", raw.GetName(), w.Name, err)
		}
		if r.Typed, err = TypedTemplate(r.Template); err != nil {
			return nil, fmt.Errorf("reading revision %s of %s: %w", raw.GetName(), w.Name, err)
		}
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b Revision) int { return cmp.Or(cmp.Compare(b.Number, a.Number), cmp.Compare(b.Name, a.Name)) })
	if w.Deployment != nil {
		fillCauses(w.Deployment, out)
	} else {
		fillControllerCauses(w, out)
	}
	return out, nil
}

// keptBySet is the revision that a ReplicaSet keeps.
func keptBySet(raw *unstructured.Unstructured) (Revision, error) {
	r := Revision{Set: &appsv1.ReplicaSet{}}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(raw.Object, r.Set); err != nil {
		return r, err
	}
	r.ObjectMeta = r.Set.ObjectMeta
	r.Number, _ = strconv.ParseInt(r.Annotations[RevisionAnnotation], 10, 64)
	r.Template, _, _ = unstructured.NestedMap(raw.Object, "spec", "template")
	unstructured.RemoveNestedField(r.Template, "metadata", "labels", appsv1.DefaultDeploymentUniqueLabelKey)
	return r, nil
}

// keptByController is the revision that a ControllerRevision keeps: as a strategic merge patch that replaces the template, with that
// template in it as a whole (getPatch in pkg/controller/statefulset and pkg/controller/daemon of Kubernetes).
func keptByController(raw *unstructured.Unstructured) (Revision, error) {
	template, found, err := unstructured.NestedMap(raw.Object, "data", "spec", "template")
	if err != nil || !found || template["spec"] == nil {
		return Revision{}, fmt.Errorf("it holds no pod template")
	}
	delete(template, "$patch")
	if at, there, _ := unstructured.NestedFieldNoCopy(template, "metadata", "creationTimestamp"); there && at == nil {
		unstructured.RemoveNestedField(template, "metadata", "creationTimestamp")
	}
	var r Revision
	meta, _, _ := unstructured.NestedMap(raw.Object, "metadata")
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(meta, &r.ObjectMeta); err != nil {
		return r, err
	}
	r.Template = template
	r.Number, _, err = unstructured.NestedInt64(raw.Object, "revision")
	return r, err
}

// fillControllerCauses fills in why and when each of the revisions of a StatefulSet or a DaemonSet was made. A ControllerRevision has the
// annotations that its workload had when it was made the first time, and keeps them when someone goes back to it: what is noted about the
// current one is on the workload itself.
func fillControllerCauses(w Workload, revisions []Revision) {
	now := CurrentOf(w, revisions)
	for i := range revisions {
		r := &revisions[i]
		template, err := TemplateHash(r.Template)
		if err != nil {
			template = "" // fits no mark
		}
		annotations := r.Annotations
		if i == now {
			annotations = w.Annotations
		}
		r.Cause = CauseOf(annotations, template)
		at, noted := algesta.TemplateChangedAt(annotations, template)
		created := r.CreationTimestamp.Time
		switch {
		case noted && template != "" && at.After(created):
			r.Made = at
		case !goneBackTo(i, revisions):
			r.Made = created
		}
	}
}

// goneBackTo reports whether a revision, of those that are newest first, was replaced once and then made what runs again: its number is
// higher than that of one that was made after it.
func goneBackTo(at int, revisions []Revision) bool {
	return slices.ContainsFunc(revisions[at+1:], func(r Revision) bool {
		return r.CreationTimestamp.After(revisions[at].CreationTimestamp.Time)
	})
}

// CurrentOf is the revision that runs the workload's template now, -1 when it is not there yet. By template and not by the highest
// number: the number of a revision moves only when the controller has seen the change.
func CurrentOf(w Workload, revisions []Revision) int {
	want := canonical(w.Template())
	return slices.IndexFunc(revisions, func(r Revision) bool { return canonical(r.Template) == want })
}
