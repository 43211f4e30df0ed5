package runbooks

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout"
)

// What several runbooks read, by the reader.
var (
	// planReads are what a plan reads around a Deployment: its rollout and its history, what limits it, who owns it, and what its pods
	// need.
	planReads = union(rollout.Reads, rollout.RevisionReads, []string{
		"list horizontalpodautoscalers.autoscaling",
		"list limitranges",
		"get configmaps",
		"list pods (cluster-wide)", // room on the nodes
		"list rollouts.argoproj.io",
		"list applications.argoproj.io (cluster-wide)",
	})
	// usageReads are what useOf reads.
	usageReads = []string{"list pods.metrics.k8s.io"}
	// diagnosisReads are what Diagnose asks an Observer and a Finder for.
	diagnosisReads = []string{
		"list pods",
		"get pods/log",
		"list events",
		"list services",
		"list configmaps",
		"list limitranges",
		"list resourcequotas",
		"list persistentvolumeclaims",
		"get namespaces",
		"list deployments.apps",
		"list replicasets.apps",
		"list statefulsets.apps",
		"list daemonsets.apps",
		"list controllerrevisions.apps",
		"list jobs.batch",
		"list cronjobs.batch",
		"list horizontalpodautoscalers.autoscaling",
		"list endpointslices.discovery.k8s.io",
		"list ingresses.networking.k8s.io",
		"list networkpolicies.networking.k8s.io",
		"list poddisruptionbudgets.policy",
		"list pods.metrics.k8s.io",
		"list certificates.cert-manager.io",
		"list certificaterequests.cert-manager.io",
		"list issuers.cert-manager.io",
		"list orders.acme.cert-manager.io",
		"list challenges.acme.cert-manager.io",
		// Where their operators are installed.
		"list httproutes.gateway.networking.k8s.io",
		"list gateways.gateway.networking.k8s.io",
		"list scaledobjects.keda.sh",
		"list scaledjobs.keda.sh",
		"list helmreleases.helm.toolkit.fluxcd.io",
		"list kustomizations.kustomize.toolkit.fluxcd.io",
		"list rollouts.argoproj.io",
		"list externalsecrets.external-secrets.io",
		"list sealedsecrets.bitnami.com",
		"list clusterissuers.cert-manager.io (cluster-wide)",
		"list ingressclasses.networking.k8s.io (cluster-wide)",
		"list storageclasses.storage.k8s.io (cluster-wide)",
		"list nodes (cluster-wide)",
		"list persistentvolumes (cluster-wide)",
		"get leases.coordination.k8s.io (cluster-wide)", // of the scheduler and the controller manager, in kube-system
		"list events (cluster-wide)",                    // what is said about nodes, which is in the namespace default
		// What the cluster runs for everyone, and what pods call in other namespaces.
		"get services (cluster-wide)",
		"get deployments.apps (cluster-wide)",
		"list pods (cluster-wide)",
	}
)

// union is every right once, sorted.
func union(sets ...[]string) []string {
	all := slices.Concat(sets...)
	slices.Sort(all)
	return slices.Compact(all)
}

// right is one verb on one resource.
type right struct {
	verb, group, resource string // resource is plural, and may have a subresource: "pods/log"
	everywhere            bool
}

// parseRight reads "verb resource[.group][/subresource][ (cluster-wide)]", as algesta.Change.Right writes it.
func parseRight(s string) (right, error) {
	rest, everywhere := strings.CutSuffix(s, algesta.ClusterWide)
	verb, resource, _ := strings.Cut(rest, " ")
	resource, sub, hasSub := strings.Cut(resource, "/")
	resource, group, hasGroup := strings.Cut(resource, ".")
	if hasSub {
		resource += "/" + sub
	}
	valid := func(s string) bool {
		return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-./") == ""
	}
	if !valid(verb) || !valid(resource) || hasSub && sub == "" || hasGroup && !valid(group) {
		return right{}, fmt.Errorf("the right %q isn't written as in %q", s, "get pods/log")
	}
	return right{verb, group, resource, everywhere}, nil
}

// Rights are what the runbook needs, sorted: what it reads, what it writes, and what is read to write that and to know whether it
// was written (design.md, decision 2). The optional right to get the Secrets of chosen namespaces is never among them, and a rollout that
// fails is diagnosed with the rights of diagnose.
func (r Runbook) Rights() []string {
	if r.Own {
		return nil
	}
	all := [][]string{r.Reads, r.Writes}
	for _, w := range r.Writes {
		w, everywhere := strings.CutSuffix(w, algesta.ClusterWide)
		verb, resource, _ := strings.Cut(w, " ")
		object, _, _ := strings.Cut(resource, "/")
		if everywhere {
			object += algesta.ClusterWide
		}
		switch {
		case strings.HasSuffix(resource, "/"+algesta.Eviction):
			all = append(all, []string{"get " + object})
		case verb == "create":
			all = append(all, []string{"list " + object, "watch " + object})
		case verb == "delete":
			all = append(all, []string{"get " + object})
		case w == patchDeployments:
			all = append(all, rollout.RevisionReads)
		default:
			all = append(all, []string{"get " + object, "watch " + object})
		}
	}
	return union(all...)
}

// Rules are the rules of a Role in each namespace of the bot's and of a ClusterRole that together allow these runbooks what they declare,
// and nothing else. own is what the bot reads whatever it's asked, in the words of Reads. The rules are sorted; resources of a group with
// the same verbs are in one rule. Neither role needs the other: without the ClusterRole the bot says what it couldn't check. A right that
// can't be read is a mistake of the programmer, and a panic.
func Rules(own []string, books ...Runbook) (namespaced, everywhere []rbacv1.PolicyRule) {
	declared := slices.Clone(own)
	for _, r := range books {
		declared = append(declared, r.Rights()...)
	}
	var in, all []right
	for _, s := range union(declared) {
		r, err := parseRight(s)
		if err != nil {
			panic(err.Error())
		}
		if r.everywhere {
			all = append(all, r)
		} else {
			in = append(in, r)
		}
	}
	return policyRules(in), policyRules(all)
}

// policyRules merges rights, which are sorted by verb: first by resource, then resources of one group that have the same verbs.
func policyRules(rights []right) []rbacv1.PolicyRule {
	type resource struct{ group, name string }
	verbs := map[resource][]string{}
	for _, r := range rights {
		at := resource{r.group, r.resource}
		verbs[at] = append(verbs[at], r.verb)
	}
	type rule struct{ group, verbs string }
	resources := map[rule][]string{}
	for at, may := range verbs {
		key := rule{at.group, strings.Join(may, " ")}
		resources[key] = append(resources[key], at.name)
	}
	var out []rbacv1.PolicyRule
	for _, key := range slices.SortedFunc(maps.Keys(resources), func(a, b rule) int {
		return cmp.Or(cmp.Compare(a.group, b.group), cmp.Compare(a.verbs, b.verbs))
	}) {
		slices.Sort(resources[key])
		out = append(out, rbacv1.PolicyRule{APIGroups: []string{key.group}, Resources: resources[key], Verbs: strings.Fields(key.verbs)})
	}
	return out
}
