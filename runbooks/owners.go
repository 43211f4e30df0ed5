package runbooks

import (
	"strings"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/3astronautas/algesta"
)

// ownerWarnings names the tools that own the Deployment and would put back, or fight, a change made here. The signals
// are the tools' own marks (Argo CD: argocd.argoproj.io/tracking-id, which counts only when it names this very object;
// Flux: the labels of its controllers; Helm: managed-by and the release annotation).
func ownerWarnings(d *appsv1.Deployment) []algesta.Text {
	var out []algesta.Text
	if app, tracked := argoApp(d); tracked {
		out = append(out, algesta.Say("Argo CD (app {}) owns this deployment. With self-heal on it puts its own version back within minutes: pause auto-sync or change it in Git first.", algesta.Name(app)))
	}
	if name := d.Labels["kustomize.toolkit.fluxcd.io/name"]; name != "" && !fluxLeavesIt(d) {
		out = append(out, algesta.Say("Flux (Kustomization {}) owns this deployment and puts its own version back at its next run. Suspend it or change it in Git first.", algesta.Name(quote(name))))
	}
	if name := d.Labels["helm.toolkit.fluxcd.io/name"]; name != "" {
		out = append(out, algesta.Say("Flux (HelmRelease {}) owns this deployment: its next upgrade, or its drift detection, undoes this change.", algesta.Name(quote(name))))
	} else if release := d.Annotations["meta.helm.sh/release-name"]; release != "" && d.Labels["app.kubernetes.io/managed-by"] == "Helm" {
		out = append(out, algesta.Say("Helm (release {}) owns this deployment: its next upgrade may undo this change or stop at a conflict over it.", algesta.Name(quote(release))))
	}
	return out
}

// argoApp is the Argo CD application in the tracking annotation "app:group/Kind:namespace/name". An annotation that was
// copied from another object does not count, neither here nor for Argo CD.
func argoApp(d *appsv1.Deployment) (string, bool) {
	parts := strings.Split(d.Annotations["argocd.argoproj.io/tracking-id"], ":")
	if len(parts) != 3 || parts[1] != "apps/Deployment" || parts[2] != d.Namespace+"/"+d.Name {
		return "", false
	}
	return quote(parts[0]), true
}

func fluxLeavesIt(d *appsv1.Deployment) bool {
	ssa := strings.ToLower(d.Annotations["kustomize.toolkit.fluxcd.io/ssa"])
	return d.Annotations["kustomize.toolkit.fluxcd.io/reconcile"] == "disabled" || ssa == "ignore" || ssa == "ifnotpresent"
}
