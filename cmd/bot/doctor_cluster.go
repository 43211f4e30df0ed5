package main

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/catalog"
	"github.com/3astronautas/algesta/kube"
	"github.com/3astronautas/algesta/runbooks"
	"github.com/3astronautas/algesta/words"
)

// mostLacking is how many commands that lack rights are named one by one.
const mostLacking = 8

// examineCluster looks at a cluster: whether it answers, who the bot is there, what it may do; and, in a folder of bot init, whether the
// chart runs there.
func examineCluster(ctx context.Context, cfg Config, c ClusterConfig) []examination {
	e := examination{title: "cluster " + c.Name}
	names, err := catalog.New(cfg.Environments, cfg.Services)
	if err != nil {
		e.add(broken, "", "%v", err)
		return []examination{e}
	}
	k := kubeConfig(c, names, func([][]byte) {}, func(s string) string { return s }, zap.NewNop())
	k.Deployments = nil
	cluster, err := kube.Open(ctx, k)
	if err != nil {
		e.add(broken, "correct how the configuration says to sign in", "%v", err)
		return []examination{e}
	}
	began := time.Now()
	version, err := cluster.Server(ctx)
	if err != nil {
		what, do := toldOf(err)
		e.add(broken, do, "%s", what)
		return []examination{e}
	}
	who, err := cluster.Identity(ctx)
	if err != nil {
		what, do := toldOf(err)
		e.add(unchecked, do, "it answers, Kubernetes %s; couldn't check who I am there (%s)", version, what)
	} else {
		e.ok("it answers in %s, Kubernetes %s; I'm %s there", time.Since(began).Round(time.Millisecond), version, who)
	}
	namespaces := names.Namespaces(c.Name)
	if len(namespaces) == 0 {
		e.add(attention, "name one, or take the cluster out of the configuration", "no environment is in it")
	}
	namespaces = examineNamespaces(ctx, &e, cluster, namespaces)
	more := &excess{access: c.Access, in: map[string][]string{}}
	for _, namespace := range namespaces {
		examineRights(ctx, &e, c, cluster, namespace, more)
	}
	more.say(&e)
	examineActing(ctx, &e, c, cluster)
	examineGroupsOfAPI(ctx, &e, cluster)
	examineSupport(ctx, &e, c, cluster, version)
	examineAzure(ctx, &e, cfg, c, cluster)
	out := []examination{e}
	if folder := setUpFolder(cfg.path); folder != "" && c.Access == kube.Kubeconfig {
		out = append(out, examineInstalled(ctx, folder, cluster))
	}
	return out
}

// examineNamespaces says which namespaces of the environments aren't there, and returns the others: rights are granted in a namespace that
// isn't there, too.
func examineNamespaces(ctx context.Context, e *examination, cluster *kube.Cluster, wanted []string) []string {
	var list corev1.NamespaceList
	if err := cluster.List(ctx, "", "", &list); err != nil {
		what, do := toldOf(err)
		e.add(attention, do, "couldn't check whether the namespaces of the environments are there (%s)", what)
		return wanted
	}
	var there []string
	for i := range list.Items {
		there = append(there, list.Items[i].Name)
	}
	for _, missing := range without(wanted, there) {
		do := "make it, or correct the namespace of its environment"
		if near := words.Nearest(missing, there); near != "" {
			do += ": did you mean " + near + "?"
		}
		e.add(broken, do, "there's no namespace %s", missing)
	}
	return slices.DeleteFunc(slices.Clone(wanted), func(n string) bool { return !slices.Contains(there, n) })
}

// toldOf is what people would be told of an error, and what to do.
func toldOf(err error) (what, do string) {
	if err == nil {
		return "", ""
	}
	if told, ok := errors.AsType[*algesta.Error](err); ok {
		return strings.TrimSuffix(told.Message.String(), "."), strings.TrimSuffix(told.Hint.String(), ".")
	}
	return err.Error(), ""
}

// examineRights says which commands lack which rights in a namespace, and what the bot may do there that it has no use for.
func examineRights(ctx context.Context, e *examination, c ClusterConfig, cluster *kube.Cluster, namespace string, more *excess) {
	lacks, err := runbooks.Lacking(ctx, cluster, namespace)
	if err != nil {
		what, do := toldOf(err)
		e.add(unchecked, do, "couldn't check the rights in %s (%s)", namespace, what)
		return
	}
	all := slices.DeleteFunc(runbooks.All(), func(r runbooks.Runbook) bool { return len(r.Rights()) == 0 })
	const grant = "grant them: `bot rbac` prints the Roles, and the chart makes them in the namespaces of the environments"
	switch {
	case len(lacks) == 0:
		e.ok("%s: the rights for all %s", namespace, words.Count(len(all), "command"))
	case 2*len(lacks) > len(all):
		e.add(broken, "is the namespace right? "+grant, "%s: %d of %d commands lack rights, for example %s", namespace, len(lacks), len(all),
			words.List(lacks[slices.Min(slices.Collect(maps.Keys(lacks)))][:1]))
	default:
		for i, command := range slices.Sorted(maps.Keys(lacks)) {
			if i == mostLacking {
				e.add(broken, grant, "%s: %s more lack rights", namespace, words.Count(len(lacks)-i, "command"))
				break
			}
			e.add(broken, grant, "%s: %s lacks %s", namespace, command, words.List(clippedTo(lacks[command], 6)))
		}
	}
	examineExcess(ctx, e, c, cluster, namespace, more)
}

// clippedTo are the first few of many.
func clippedTo(all []string, most int) []string {
	if len(all) <= most {
		return all
	}
	return append(slices.Clone(all[:most]), words.Count(len(all)-most, "more right"))
}

// examineActing looks whether the bot may act as those whom the configuration names.
func examineActing(ctx context.Context, e *examination, c ClusterConfig, cluster *kube.Cluster) {
	users, groups := c.named()
	if len(users) == 0 {
		return
	}
	var wanted []authorizationv1.ResourceAttributes
	for _, name := range users {
		wanted = append(wanted, authorizationv1.ResourceAttributes{Verb: "impersonate", Resource: "users", Name: name})
	}
	for _, name := range groups {
		wanted = append(wanted, authorizationv1.ResourceAttributes{Verb: "impersonate", Resource: "groups", Name: name})
	}
	lacks, err := cluster.Lacks(ctx, wanted)
	if err != nil {
		what, do := toldOf(err)
		e.add(unchecked, do, "couldn't check whom I may act as (%s)", what)
		return
	}
	var not []string
	for i, w := range wanted {
		if lacks[i] {
			not = append(not, w.Name)
		}
	}
	if len(not) > 0 {
		e.add(broken, "grant it: `bot rbac` prints the ClusterRole, and the chart makes it",
			"I may not act as %s", words.List(clippedTo(not, mostLacking)))
		return
	}
	e.ok("changes are made as whoever asks for them: I may act as each of %s", words.Count(len(users), "user"))
}

// excess are the rights that the bot never uses, in words, with the namespaces that it has them in.
type excess struct {
	access kube.Access
	in     map[string][]string
}

// say warns of them: whoever steals the bot's token has them.
func (x *excess) say(e *examination) {
	do := "bind the bot to the Roles of `bot rbac` alone"
	if x.access == kube.Kubeconfig {
		do += "; if these rights are yours, for trying it out: in its pod it has those of the chart"
	}
	for _, may := range slices.Sorted(maps.Keys(x.in)) {
		e.add(attention, do, "%s: the bot may also %s, which no command needs", words.List(x.in[may]), may)
	}
}

// examineExcess notes rights that the bot never uses.
func examineExcess(ctx context.Context, e *examination, c ClusterConfig, cluster *kube.Cluster, namespace string, more *excess) {
	never := []authorizationv1.ResourceAttributes{
		{Verb: "*", Group: "*", Resource: "*", Namespace: namespace},
		{Verb: "create", Resource: "pods", Subresource: "exec", Namespace: namespace},
		{Verb: "delete", Group: "apps", Resource: "deployments", Namespace: namespace},
		{Verb: "get", Resource: "secrets", Namespace: namespace},
	}
	names := []string{"do everything", "create pods/exec", "delete deployments.apps", "get secrets"}
	if slices.Contains(c.SecretNamespaces, namespace) {
		never, names = never[:3], names[:3]
	}
	lacks, err := cluster.Lacks(ctx, never)
	if err != nil {
		what, do := toldOf(err)
		e.add(unchecked, do, "couldn't check for rights that the bot doesn't need (%s)", what)
		return
	}
	var may []string
	for i, name := range names {
		if !lacks[i] {
			may = append(may, name)
		}
	}
	if len(may) > 0 && !lacks[0] {
		may = may[:1] // the others are part of it
	}
	if len(may) > 0 {
		more.in[words.List(may)] = append(more.in[words.List(may)], namespace)
	}
}

// certManager is the group of cert-manager's kinds.
const certManager = "cert-manager.io"

// examineGroupsOfAPI says which parts of a cluster that commands use are there.
func examineGroupsOfAPI(ctx context.Context, e *examination, cluster *kube.Cluster) {
	for _, part := range []struct{ group, name, without string }{
		{"metrics.k8s.io", "metrics-server", "top, capacity and the figures of hpa say that they couldn't check"},
		{certManager, "cert-manager", "certs, cert check and cert renew find nothing"},
	} {
		there, err := cluster.Serves(ctx, part.group)
		what, do := toldOf(err)
		switch {
		case err != nil:
			e.add(unchecked, do, "couldn't check for %s (%s)", part.name, what)
		case there:
			e.ok("%s is there", part.name)
			if part.group == certManager {
				examineIssuers(ctx, e, cluster)
			}
		default:
			e.add(attention, "install it, or do without", "%s isn't there (%s): %s", part.name, part.group, part.without)
		}
	}
}
