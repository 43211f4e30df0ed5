package algesta

import (
	"slices"
	"strings"
)

// Kind is a kind of Kubernetes object, with the words that kubectl's users have for it.
type Kind struct {
	Name   string   // as in a manifest: "HorizontalPodAutoscaler"
	Plural string   // as a sentence has it: "autoscalers"
	Words  []string // lower case, as typed to kubectl: "horizontalpodautoscalers", "hpa"
}

// kinds are what people ask about. The short names are those that `kubectl api-resources` prints.
var kinds = []Kind{
	{Name: "Deployment", Plural: "deployments", Words: []string{"deployment", "deployments", "deploy", "deployment.apps", "deployments.apps"}},
	{Name: "Service", Plural: "services", Words: []string{"service", "services", "svc"}},
	{Name: "Pod", Plural: "pods", Words: []string{"pod", "pods", "po"}},
	{Name: "Ingress", Plural: "ingresses", Words: []string{"ingress", "ingresses", "ing"}},
	{Name: "Certificate", Plural: "certificates", Words: []string{"certificate", "certificates", "cert", "certs"}},
	{Name: "Node", Plural: "nodes", Words: []string{"node", "nodes", "no"}},
	{Name: "Namespace", Plural: "namespaces", Words: []string{"namespace", "namespaces", "ns"}},
	{Name: "StatefulSet", Plural: "StatefulSets", Words: []string{"statefulset", "statefulsets", "sts"}},
	{Name: "DaemonSet", Plural: "DaemonSets", Words: []string{"daemonset", "daemonsets", "ds"}},
	{Name: "ReplicaSet", Plural: "ReplicaSets", Words: []string{"replicaset", "replicasets", "rs"}},
	{Name: "Job", Plural: "jobs", Words: []string{"job", "jobs"}},
	{Name: "CronJob", Plural: "CronJobs", Words: []string{"cronjob", "cronjobs", "cj"}},
	{Name: "HorizontalPodAutoscaler", Plural: "autoscalers", Words: []string{"hpa", "horizontalpodautoscaler", "horizontalpodautoscalers"}},
	{Name: "ResourceQuota", Plural: "quotas", Words: []string{"quota", "resourcequota", "resourcequotas"}},
	{Name: "PodDisruptionBudget", Plural: "disruption budgets", Words: []string{"pdb", "poddisruptionbudget", "poddisruptionbudgets"}},
	{Name: "PersistentVolumeClaim", Plural: "volume claims", Words: []string{"pvc", "persistentvolumeclaim", "persistentvolumeclaims"}},
	{Name: "Secret", Plural: "Secrets", Words: []string{"secret", "secrets"}},
	{Name: "ConfigMap", Plural: "ConfigMaps", Words: []string{"configmap", "configmaps", "cm"}},
	{Name: "Endpoints", Plural: "endpoints", Words: []string{"endpoints", "endpoint", "ep"}},
	{Name: "EndpointSlice", Plural: "EndpointSlices", Words: []string{"endpointslice", "endpointslices"}},
	{Name: "Event", Plural: "events", Words: []string{"event", "events", "ev"}},
}

// KindOf is the kind that people mean by a word, in any case; false where it is none that is known here.
func KindOf(word string) (Kind, bool) {
	word = strings.ToLower(word)
	i := slices.IndexFunc(kinds, func(k Kind) bool { return slices.Contains(k.Words, word) })
	if i < 0 {
		return Kind{}, false
	}
	return kinds[i], true
}
