package facts

import (
	"cmp"
	"strings"
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

// Words is the name as it's written in a sentence: "Secret mongodb-credentials".
func (r Ref) Words() string { return r.Kind + " " + r.Name }

// Compare orders references by kind, namespace and name.
func (r Ref) Compare(o Ref) int {
	return cmp.Or(cmp.Compare(r.Kind, o.Kind), cmp.Compare(r.Namespace, o.Namespace), cmp.Compare(r.Name, o.Name))
}

// resources are the plural names by which a kind may be missing from a snapshot.
var resources = map[string]string{
	KindDeployment: "deployments", KindStatefulSet: "statefulsets", KindDaemonSet: "daemonsets", KindReplicaSet: "replicasets",
	KindJob: "jobs", KindCronJob: "cronjobs", KindPod: "pods", KindService: "services", KindIngress: "ingresses", KindNode: "nodes",
	KindCertificate: "certificates", KindAutoscaler: "horizontalpodautoscalers", KindClaim: "persistentvolumeclaims",
	KindNamespace: "namespaces", KindQuota: "resourcequotas", KindBudget: "poddisruptionbudgets", AnyWorkload: "deployments",
	KindSecret: "secrets", KindConfigMap: "configmaps", KindLimitRange: "limitranges", kindEndpointSlice: "endpointslices",
}

// Resource is the plural name by which a kind may be missing from a snapshot; empty for kinds that never are.
func (r Ref) Resource() string { return resources[r.Kind] }

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
	// KindDependency is no kind of the API: it's for what a program calls, such as a database.
	KindDependency = "Dependency"
)

// The kinds that mean their Service.
const (
	kindEndpoints     = "Endpoints"
	kindEndpointSlice = "EndpointSlice"
)

type named interface {
	GetNamespace() string
	GetName() string
}

// RefOf names an object.
func RefOf(kind string, o named) Ref {
	return Ref{Kind: kind, Namespace: o.GetNamespace(), Name: o.GetName()}
}
