package facts

import (
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ownKinds are the controllers of Kubernetes itself: what they own is changed through them.
var ownKinds = []string{KindDeployment, KindReplicaSet, KindStatefulSet, KindDaemonSet, KindJob, KindCronJob, KindNode}

// OwnedBy is what writes an object again when somebody changes it in the cluster: Argo CD, Flux, an operator's object. Empty where
// nothing is
// known to.
func (s *Snapshot) OwnedBy(ref Ref) string {
	if ref.Kind == KindSecret {
		for _, o := range s.OfKind(KindExternalSecret, KindSealedSecret) {
			if MadeBy(o) == ref {
				return o.GetKind() + " " + o.GetName()
			}
		}
		for _, c := range s.custom {
			if IsCertificate(c) && c.GetNamespace() == ref.Namespace && Text(c, "spec", "secretName") == ref.Name {
				return KindCertificate + " " + c.GetName()
			}
		}
	}
	if ref.Kind == KindAutoscaler && strings.HasPrefix(ref.Name, "keda-hpa-") {
		return KindScaledObject + " " + strings.TrimPrefix(ref.Name, "keda-hpa-")
	}
	if have := s.keysOf[ref]; have != nil {
		return have.owner
	}
	o := s.object(ref)
	if o == nil {
		return ""
	}
	return ownerOf(o)
}

// ownerOf is what an object's labels, annotations and references say of who writes it.
func ownerOf(o metav1.Object) string {
	labels, annotations := o.GetLabels(), o.GetAnnotations()
	switch {
	case annotations["argocd.argoproj.io/tracking-id"] != "":
		name, _, _ := strings.Cut(annotations["argocd.argoproj.io/tracking-id"], ":")
		return "Application " + name + " (Argo CD)"
	case labels["argocd.argoproj.io/instance"] != "":
		return "Application " + labels["argocd.argoproj.io/instance"] + " (Argo CD)"
	case labels["kustomize.toolkit.fluxcd.io/name"] != "":
		return "Kustomization " + labels["kustomize.toolkit.fluxcd.io/name"] + " (Flux)"
	case labels["helm.toolkit.fluxcd.io/name"] != "":
		return "HelmRelease " + labels["helm.toolkit.fluxcd.io/name"] + " (Flux)"
	}
	for _, owner := range o.GetOwnerReferences() {
		if owner.Controller != nil && *owner.Controller && !slices.Contains(ownKinds, owner.Kind) {
			return owner.Kind + " " + owner.Name
		}
	}
	return ""
}

// object is what was read of an object; nil where nothing was.
func (s *Snapshot) object(ref Ref) metav1.Object {
	switch ref.Kind {
	case KindDeployment:
		return find(s.deployments, ref)
	case KindStatefulSet:
		return find(s.statefulSets, ref)
	case KindDaemonSet:
		return find(s.daemonSets, ref)
	case KindReplicaSet:
		return find(s.replicaSets, ref)
	case KindService:
		return find(s.services, ref)
	case KindIngress:
		return find(s.ingresses, ref)
	case KindCronJob:
		return find(s.cronJobs, ref)
	case KindJob:
		return find(s.jobs, ref)
	case KindPod:
		return find(s.pods, ref)
	case KindAutoscaler:
		return find(s.autoscalers, ref)
	case KindClaim:
		return find(s.claims, ref)
	case KindBudget:
		return find(s.budgets, ref)
	case KindQuota:
		return find(s.quotas, ref)
	case "NetworkPolicy":
		return find(s.policies, ref)
	case KindScaledObject, KindScaledJob:
		return find(s.OfKind(ref.Kind), ref)
	}
	return nil
}

func find[T metav1.Object](list []T, ref Ref) metav1.Object {
	at := slices.IndexFunc(list, func(o T) bool { return o.GetName() == ref.Name && o.GetNamespace() == ref.Namespace })
	if at < 0 {
		return nil
	}
	return list[at]
}
