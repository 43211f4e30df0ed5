package runbooks

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/sourcegraph/conc"
	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout"
	wordsof "github.com/3astronautas/algesta/words"
)

// everywhereArg is kubectl's -A.
var everywhereArg = Arg{
	Name: "all-namespaces", Aliases: []string{"a"}, Kind: SwitchArg, Anywhere: true, Typed: true,
	Summary: "of all environments that you can read (-A), and how many are on each node",
}

// placedPod is a pod with the environment that it's in.
type placedPod struct {
	*corev1.Pod
	environment, cluster string
}

// podsEverywhere lists the pods of all environments in which the requester may list them, the worst first.
func podsEverywhere(ctx context.Context, in Input) (algesta.Report, error) {
	chosen, err := podFieldsOf(in)
	if _, wrong := selectorOf(in); wrong != nil || err != nil {
		return algesta.Report{}, cmp.Or(wrong, err)
	}
	places := namespacesOf(in.Places)
	lists, read := make([]corev1.PodList, len(places)), make([]listed, len(places))
	var reading conc.WaitGroup
	for i, place := range places {
		what := "pods of " + place.Target.Environment
		if place.Err != nil {
			read[i] = listed{what: what, err: place.Err}
			continue
		}
		reading.Go(func() {
			read[i] = listPods(ctx, place.Cluster, in, place.Target.Namespace, &lists[i])
			read[i].what = what
		})
	}
	reading.Wait()
	var all []placedPod
	var environments []string
	for i, place := range places {
		if read[i].err != nil {
			continue
		}
		environments = append(environments, place.Target.Environment)
		lists[i].Items = withFields(lists[i].Items, chosen)
		for j := range lists[i].Items {
			all = append(all, placedPod{Pod: &lists[i].Items[j], environment: place.Target.Environment, cluster: place.Target.Cluster})
		}
	}
	if len(environments) == 0 {
		if len(read) > 0 {
			return unknownReport("every environment", listed{what: "pods", err: read[0].err}), nil
		}
		return algesta.Report{Tone: algesta.Neutral, Title: algesta.Say("There's no environment whose pods you can read.")}, nil
	}
	return everywhereReport(all, environments, read, in), nil
}

// namespacesOf are the places, one for each namespace.
func namespacesOf(places []Place) []Place {
	var out []Place
	for _, place := range places {
		if !slices.ContainsFunc(out, func(p Place) bool {
			return p.Target.Cluster == place.Target.Cluster && p.Target.Namespace == place.Target.Namespace
		}) {
			out = append(out, place)
		}
	}
	return out
}

func everywhereReport(all []placedPod, environments []string, read []listed, in Input) algesta.Report {
	slices.SortFunc(all, func(a, b placedPod) int {
		return cmp.Or(
			cmp.Compare(podRank(a.Pod), podRank(b.Pod)), cmp.Compare(rollout.Restarts(b.Pod), rollout.Restarts(a.Pod)),
			cmp.Compare(a.environment, b.environment), cmp.Compare(a.Name, b.Name),
		)
	})
	ranks := [endedPod + 1]int{}
	for _, pod := range all {
		ranks[podRank(pod.Pod)]++
	}
	shown := all
	if brokenArg.On(in) {
		shown = all[:ranks[troubledPod]+ranks[unreadyPod]]
	}
	pods := make([]*corev1.Pod, len(shown))
	for i := range shown {
		pods[i] = shown[i].Pod
	}
	table := podsTable(pods, in)
	table.Head = append([]string{"environment"}, table.Head...)
	for i := range table.Rows {
		table.Rows[i] = append([]algesta.Text{algesta.Say("{}", shown[i].environment)}, table.Rows[i]...)
	}
	where := withSelectors(algesta.Say("{}", count(len(environments), "environment")), in)
	report := algesta.Report{Tone: algesta.Good, Title: podsTitle(where, ranks)}
	unread := slices.ContainsFunc(read, func(l listed) bool { return l.err != nil || l.part != nil })
	switch {
	case ranks[troubledPod] > 0:
		report.Tone = algesta.Bad
	case ranks[unreadyPod] > 0 || unread:
		report.Tone = algesta.Warning
	case len(all) == 0:
		report.Tone = algesta.Neutral
	}
	said := slices.Concat(asTyped(in), notes(read...))
	if on := podsPerNode(all); len(on) > 0 {
		said = append(said, on)
	}
	said = append(
		said,
		algesta.Say("Only what you can read is listed: {}. Pods of other namespaces aren't shown.", wordsof.Few(environments, mostNamed)),
	)
	return withTable(report, table, "pod", said...)
}

// mostNamed is how many things one sentence names.
const mostNamed = 20

// podsPerNode is how many of these pods are on each node, the fullest first.
func podsPerNode(all []placedPod) algesta.Text {
	type node struct{ cluster, name string }
	on := map[node]int{}
	var nodes []node
	for _, pod := range all {
		if pod.Spec.NodeName == "" || podRank(pod.Pod) == endedPod {
			continue
		}
		n := node{pod.cluster, pod.Spec.NodeName}
		if on[n] == 0 {
			nodes = append(nodes, n)
		}
		on[n]++
	}
	if len(nodes) == 0 {
		return nil
	}
	slices.SortFunc(nodes, func(a, b node) int {
		return cmp.Or(cmp.Compare(on[b], on[a]), cmp.Compare(a.cluster, b.cluster), cmp.Compare(a.name, b.name))
	})
	var parts []string
	for _, n := range nodes {
		parts = append(parts, fmt.Sprintf("%s %d", n.name, on[n]))
	}
	return algesta.Say("Of these on each node: {}.", quote(wordsof.Few(parts, mostNamed)))
}
