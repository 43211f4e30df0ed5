package runbooks

import (
	"context"
	"errors"
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout"
)

// argoApplication is the Argo CD application that a workload belongs to, and what it does about changes made elsewhere.
type argoApplication struct {
	name   string
	known  bool // the application was read
	heals  bool // it puts its own version back by itself
	synced bool // it applies what is in Git by itself, and leaves the rest alone until then
}

// mostApplications bounds how many applications of one name are read: one in each namespace.
const mostApplications = 10

// readArgo looks up the application that the workload's mark points to. It costs a call only where there is a mark.
func readArgo(ctx context.Context, c Cluster, w rollout.Workload) argoApplication {
	name, tracked := trackedBy(&w.ObjectMeta, "apps/"+w.Kind)
	if !tracked {
		return argoApplication{}
	}
	out := argoApplication{name: name}
	applications := &unstructured.UnstructuredList{}
	applications.SetGroupVersionKind(schema.GroupVersionKind{Group: "argoproj.io", Version: "v1alpha1", Kind: "ApplicationList"})
	// An application outside Argo CD's own namespace is tracked as "namespace_name".
	namespace, own, elsewhere := strings.Cut(name, "_")
	if !elsewhere {
		namespace, own = "", name
	}
	if _, err := listSome(
		ctx,
		c,
		namespace,
		fields.OneTermEqualSelector("metadata.name", own).String(),
		mostApplications,
		applications,
	); err != nil {
		return out // the warning then says what may be
	}
	for _, a := range applications.Items {
		if a.GetName() != name && a.GetNamespace()+"_"+a.GetName() != name {
			continue
		}
		automated, isAutomated, _ := unstructured.NestedMap(a.Object, "spec", "syncPolicy", "automated")
		enabled, set, _ := unstructured.NestedBool(automated, "enabled")
		out.known, out.synced = true, isAutomated && (enabled || !set)
		heals, _, _ := unstructured.NestedBool(automated, "selfHeal")
		out.heals = out.synced && heals
		break
	}
	return out
}

// refuseOwned refuses a change that its owner undoes at once, or that would be made in the wrong place.
func (s workloadState) refuseOwned(ctx context.Context, c Cluster, verb string) error {
	if owner := metav1.GetControllerOf(&s.d); owner != nil && owner.Kind == "Canary" &&
		strings.HasPrefix(owner.APIVersion, "flagger.app/") {
		return refusal(
			algesta.Say(
				"Flagger (Canary {}) makes {} from another deployment and puts its own version back.",
				algesta.Name(quote(owner.Name)),
				algesta.Name(s.d.Name),
			),
			algesta.Say("Change the deployment that the Canary names (spec.targetRef) instead: Flagger carries it over."),
		)
	}
	if s.argo.heals && (verb == "deploy" || verb == "rollback") {
		return refusal(
			algesta.Say(
				"Argo CD (app {}) owns {} and puts the version from Git back on its own (self-heal), so a {} wouldn't last.",
				algesta.Name(s.argo.name),
				algesta.Name(s.d.Name),
				verb,
			),
			algesta.Say("Change the version in Git, or switch off auto-sync of the app first."),
		)
	}
	if s.d.Replicas() > 0 || s.d.Deployment == nil {
		return nil
	}
	name, err := rolloutFor(ctx, c, s.d.Deployment)
	if err != nil || name == "" {
		return nil //nolint:nilerr // where it is not installed, or not readable, there is no sign of it
	}
	return refusal(
		algesta.Say("The Argo Rollout {} runs the pods of {}, which stays at 0 itself.", algesta.Name(quote(name)), algesta.Name(s.d.Name)),
		algesta.Say(
			"Change the rollout instead: {}",
			algesta.Name(fmt.Sprintf("kubectl argo rollouts get rollout %s -n %s", quote(name), s.d.Namespace)),
		),
	)
}

// rolloutFor is the Argo Rollout that takes its template from the Deployment (spec.workloadRef); Argo then scales the
// Deployment down. It is asked for only where a Deployment has no pods.
func rolloutFor(ctx context.Context, c Cluster, d *appsv1.Deployment) (string, error) {
	rollouts := &unstructured.UnstructuredList{}
	rollouts.SetGroupVersionKind(schema.GroupVersionKind{Group: "argoproj.io", Version: "v1alpha1", Kind: "RolloutList"})
	if err := c.List(ctx, d.Namespace, "", rollouts); err != nil {
		return "", fmt.Errorf("looking for an Argo rollout.Rollout: %w", err)
	}
	for _, r := range rollouts.Items {
		kind, _, kindErr := unstructured.NestedString(r.Object, "spec", "workloadRef", "kind")
		name, _, nameErr := unstructured.NestedString(r.Object, "spec", "workloadRef", "name")
		if errors.Join(kindErr, nameErr) == nil && kind == "Deployment" && name == d.Name {
			return r.GetName(), nil
		}
	}
	return "", nil
}

// ownerWarnings names the tools that own the workload and would put back, or fight, a change made here. The signals
// are the tools' own marks (Argo CD: argocd.argoproj.io/tracking-id, which counts only when it names this very object;
// Flux: the labels of its controllers; Helm: managed-by and the release annotation; operators: the controller's reference).
func (s workloadState) ownerWarnings() []algesta.Text {
	var out []algesta.Text
	if s.argo.name != "" {
		out = append(out, s.argo.warning(s.thing()))
	}
	return append(out, ownersOf(&s.d, s.thing(), "its own version")...)
}

// ownersOf names the tools beside Argo CD that own an object, by their marks on it. thing and own are what people call the object and what
// the tools put back.
func ownersOf(o metav1.Object, thing, own string) []algesta.Text {
	labels, annotations := o.GetLabels(), o.GetAnnotations()
	var out []algesta.Text
	if name := labels["kustomize.toolkit.fluxcd.io/name"]; name != "" && !fluxLeavesIt(o) {
		out = append(out, algesta.Say(
			"Flux (Kustomization {}) owns this {} and puts {} back at its next run. Suspend it or change it in Git first.",
			algesta.Name(quote(name)), thing, own,
		))
	}
	if name := labels["helm.toolkit.fluxcd.io/name"]; name != "" {
		out = append(out, algesta.Say(
			"Flux (HelmRelease {}) owns this {}: its next upgrade, or its drift detection, undoes this change.", algesta.Name(quote(name)), thing,
		))
	} else if release := annotations["meta.helm.sh/release-name"]; release != "" && labels["app.kubernetes.io/managed-by"] == "Helm" {
		out = append(out, algesta.Say(
			"Helm (release {}) owns this {}: its next upgrade may undo this change or stop at a conflict over it.",
			algesta.Name(quote(release)), thing,
		))
	}
	if owner := metav1.GetControllerOf(o); owner != nil {
		out = append(out, algesta.Say(
			"{} {} made this {} and may put {} back.", quote(owner.Kind), algesta.Name(quote(owner.Name)), thing, own,
		))
	}
	return out
}

func (a argoApplication) warning(thing string) algesta.Text {
	name := algesta.Name(a.name)
	switch {
	case !a.known:
		return algesta.Say(
			"Argo CD (app {}) owns this {}. With self-heal on it puts its own version back within minutes: pause auto-sync or change it "+
				"in Git first.",
			name, thing,
		)
	case a.heals:
		return algesta.Say("Argo CD (app {}) owns this {} and puts back what differs from Git on its own (self-heal).", name, thing)
	case a.synced:
		return algesta.Say("Argo CD (app {}) owns this {}: its next sync, at the next change in Git, undoes this.", name, thing)
	}
	return algesta.Say("Argo CD (app {}) owns this {}: the next time someone syncs it, this is undone.", name, thing)
}

// trackedBy is the Argo CD application in the tracking annotation "app:group/Kind:namespace/name". An annotation that was
// copied from another object does not count, neither here nor for Argo CD.
func trackedBy(o metav1.Object, groupKind string) (string, bool) {
	parts := strings.Split(o.GetAnnotations()["argocd.argoproj.io/tracking-id"], ":")
	if len(parts) != 3 || parts[1] != groupKind || parts[2] != o.GetNamespace()+"/"+o.GetName() {
		return "", false
	}
	return quote(parts[0]), true
}

func fluxLeavesIt(o metav1.Object) bool {
	ssa := strings.ToLower(o.GetAnnotations()["kustomize.toolkit.fluxcd.io/ssa"])
	return o.GetAnnotations()["kustomize.toolkit.fluxcd.io/reconcile"] == "disabled" || ssa == "ignore" || ssa == "ifnotpresent"
}

// kedaObject is the KEDA ScaledObject that an autoscaler was made from, "" for none. KEDA puts its autoscaler back, so
// only the ScaledObject can be changed.
func kedaObject(h autoscalingv2.HorizontalPodAutoscaler) string {
	if name := h.Labels["scaledobject.keda.sh/name"]; name != "" {
		return name
	}
	if owner := metav1.GetControllerOf(&h); owner != nil && owner.Kind == "ScaledObject" {
		return owner.Name
	}
	return ""
}
