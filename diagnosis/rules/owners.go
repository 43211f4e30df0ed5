package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/3astronautas/algesta/diagnosis/facts"
)

// writes are the commands of kubectl that change what a cluster holds, with the object that they change: "service web", "deployment/web",
// "secret generic web".
var writes = regexp.MustCompile(
	`^kubectl (?:edit|patch|set \w+|scale|annotate|label|create|apply|replace|delete|rollout \w+) ([a-z]+)(?: generic|` +
		` tls)?[ /]([\w.-]+)(?:.*? -n ([\w-]+))?`,
)

// shortKinds are the kinds that a command may name.
var shortKinds = map[string]string{
	"deployment": facts.KindDeployment, "statefulset": facts.KindStatefulSet, "daemonset": facts.KindDaemonSet, "service": facts.KindService,
	"ingress": facts.KindIngress, "secret": facts.KindSecret, "configmap": facts.KindConfigMap, "cronjob": facts.KindCronJob,
	"networkpolicy": kindPolicy, "replicaset": facts.KindReplicaSet, "pod": facts.KindPod, "job": facts.KindJob,
	"horizontalpodautoscaler": facts.KindAutoscaler, "persistentvolumeclaim": facts.KindClaim, "poddisruptionbudget": facts.KindBudget,
	"resourcequota": facts.KindQuota, "scaledobject": facts.KindScaledObject, "scaledjob": facts.KindScaledJob,
}

// Guarded is a remedy that leaves alone what something else owns: a change of it in the cluster would be undone, or would fight its owner.
func Guarded(s *facts.Snapshot, r Remedy) Remedy {
	target, ok := r.Target, r.Verb != "" && r.Verb != "restart"
	if m := writes.FindStringSubmatch(r.Command); m != nil && r.Verb == "" {
		kind := shortKinds[m[1]]
		target, ok = facts.Ref{Kind: kind, Namespace: m[3], Name: m[2]}, kind != ""
	}
	if !ok {
		return r
	}
	owner := s.OwnedBy(target)
	if owner == "" {
		return r
	}
	return Remedy{
		Text:    fmt.Sprintf("%s owns %s, so change it there. %s", owner, target.Words(), forwardOnly(r)),
		Command: fmt.Sprintf("kubectl get %s -n %s -o yaml", target, target.Namespace),
	}
}

// forwardOnly is what a remedy says without its way back, which its owner would undo.
func forwardOnly(r Remedy) string {
	if _, fix, ok := strings.Cut(r.Text, "To go forward instead: "); ok && slices.Contains([]string{"rollback"}, r.Verb) && fix != "" {
		return strings.ToUpper(fix[:1]) + fix[1:]
	}
	return r.Text
}
