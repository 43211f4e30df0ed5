package diagnosis

import (
	"cmp"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Ref names an object. Kind is the API's kind ("Deployment"); Namespace is empty for what is not namespaced. The zero
// Ref names nothing.
type Ref struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
}

// String is the name as kubectl takes it: "deployment/checkout".
func (r Ref) String() string { return strings.ToLower(r.Kind) + "/" + r.Name }

// words is the name as it stands in a sentence: "Secret mongodb-credentials".
func (r Ref) words() string { return r.Kind + " " + r.Name }

func compareRefs(a, b Ref) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}

// The kinds a diagnosis can be about, and the kinds a finding can name. AnyWorkload as the kind of a subject finds the
// Deployment, StatefulSet, DaemonSet, Job, CronJob or bare ReplicaSet of that name, or the one whose pods carry it as
// their app label.
const (
	AnyWorkload     = "Workload"
	KindDeployment  = "Deployment"
	KindReplicaSet  = "ReplicaSet"
	KindStatefulSet = "StatefulSet"
	KindDaemonSet   = "DaemonSet"
	KindJob         = "Job"
	KindCronJob     = "CronJob"
	KindPod         = "Pod"
	KindService     = "Service"
	KindIngress     = "Ingress"
	KindNamespace   = "Namespace"
	KindNode        = "Node"
	KindSecret      = "Secret"
	KindConfigMap   = "ConfigMap"
	KindClaim       = "PersistentVolumeClaim"
	KindQuota       = "ResourceQuota"
	KindLimitRange  = "LimitRange"
	KindAutoscaler  = "HorizontalPodAutoscaler"
	KindBudget      = "PodDisruptionBudget"
	KindCertificate = "Certificate"
	// KindDependency is no kind of the API: it stands for what a program calls, such as a database.
	KindDependency = "Dependency"
)

type named interface {
	GetNamespace() string
	GetName() string
}

func refOf(kind string, o named) Ref {
	return Ref{Kind: kind, Namespace: o.GetNamespace(), Name: o.GetName()}
}

// controllerOf is the owner that manages the object, or nil.
func controllerOf(o metav1.Object) *metav1.OwnerReference {
	owners := o.GetOwnerReferences()
	for i := range owners {
		if owners[i].Controller != nil && *owners[i].Controller {
			return &owners[i]
		}
	}
	return nil
}
