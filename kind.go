package algesta

import (
	"slices"
	"strings"
)

// Kind is a kind of Kubernetes object, with the words that kubectl's users have for it.
type Kind struct {
	Name     string   // as in a manifest: "HorizontalPodAutoscaler"
	Group    string   // of its API: "autoscaling"; "" for the core's
	Resource string   // as in the API's addresses and in a Role: "horizontalpodautoscalers"
	Plural   string   // as a sentence has it: "autoscalers"
	Short    []string // other words for it, in lower case: kubectl's short names, and what people say
	// ClusterWide says that its objects are in no namespace.
	ClusterWide bool
}

// kinds are what people ask about. The short names are those that `kubectl api-resources` prints.
var kinds = []Kind{
	{Name: "Deployment", Group: "apps", Resource: "deployments", Plural: "deployments", Short: []string{"deploy"}},
	{Name: "Service", Resource: "services", Plural: "services", Short: []string{"svc"}},
	{Name: "Pod", Resource: "pods", Plural: "pods", Short: []string{"po"}},
	{Name: "Ingress", Group: "networking.k8s.io", Resource: "ingresses", Plural: "ingresses", Short: []string{"ing"}},
	{Name: "Certificate", Group: "cert-manager.io", Resource: "certificates", Plural: "certificates", Short: []string{"cert", "certs"}},
	{Name: "Node", Resource: "nodes", Plural: "nodes", Short: []string{"no"}, ClusterWide: true},
	{Name: "Namespace", Resource: "namespaces", Plural: "namespaces", Short: []string{"ns"}, ClusterWide: true},
	{Name: "StatefulSet", Group: "apps", Resource: "statefulsets", Plural: "StatefulSets", Short: []string{"sts"}},
	{Name: "DaemonSet", Group: "apps", Resource: "daemonsets", Plural: "DaemonSets", Short: []string{"ds"}},
	{Name: "ReplicaSet", Group: "apps", Resource: "replicasets", Plural: "ReplicaSets", Short: []string{"rs"}},
	{Name: "Job", Group: "batch", Resource: "jobs", Plural: "jobs"},
	{Name: "CronJob", Group: "batch", Resource: "cronjobs", Plural: "CronJobs", Short: []string{"cj"}},
	{
		Name:     "HorizontalPodAutoscaler",
		Group:    "autoscaling",
		Resource: "horizontalpodautoscalers",
		Plural:   "autoscalers",
		Short:    []string{"hpa"},
	},
	{Name: "ResourceQuota", Resource: "resourcequotas", Plural: "quotas", Short: []string{"quota"}},
	{Name: "PodDisruptionBudget", Group: "policy", Resource: "poddisruptionbudgets", Plural: "disruption budgets", Short: []string{"pdb"}},
	{Name: "PersistentVolumeClaim", Resource: "persistentvolumeclaims", Plural: "volume claims", Short: []string{"pvc"}},
	{Name: "Secret", Resource: "secrets", Plural: "Secrets"},
	{Name: "ConfigMap", Resource: "configmaps", Plural: "ConfigMaps", Short: []string{"cm"}},
	{Name: "Endpoints", Resource: "endpoints", Plural: "endpoints", Short: []string{"endpoint", "ep"}},
	{Name: "EndpointSlice", Group: "discovery.k8s.io", Resource: "endpointslices", Plural: "EndpointSlices"},
	{Name: "Event", Resource: "events", Plural: "events", Short: []string{"ev"}},
}

// Kinds are the kinds that have words here, those that people ask about most first. It is the one table of them.
func Kinds() []Kind { return slices.Clone(kinds) }

// KindOf is the kind that people mean by a word, in any case and with or without its group, as kubectl takes it: "hpa",
// "deployments.apps", "deployments.v1.apps". False where it is none that is known here.
func KindOf(word string) (Kind, bool) {
	word, group, grouped := strings.Cut(strings.ToLower(word), ".")
	for _, k := range kinds {
		called := word == strings.ToLower(k.Name) || word == k.Resource || slices.Contains(k.Short, word)
		if called && (!grouped || k.Group != "" && (group == k.Group || strings.HasSuffix(group, "."+k.Group))) {
			return k, true
		}
	}
	return Kind{}, false
}
