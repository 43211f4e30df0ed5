package runbooks

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/sourcegraph/conc"
	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta"
)

var _ = register(Runbook{
	Name:    "namespaces",
	Aliases: []string{"get namespaces", "get namespace", "get ns", "describe namespaces", "describe namespace", "describe ns"},
	Verb:    "namespaces",
	Summary: "List the namespaces that you can read, of an environment's cluster or of all: phase, age, whether a quota limits them, labels.",
	Example: "namespaces production",
	Rank:    170,
	About:   About{Environment: true, Optional: true},
	Args: append([]Arg{
		{Name: "show-labels", Kind: SwitchArg, Summary: "kubectl's: the answer has the labels in any case", Hidden: true},
	}, lookArgs...),
	Reads: []string{"list namespaces (cluster-wide)", "list resourcequotas (cluster-wide)"},
	Answer: func(ctx context.Context, c Cluster, in Input) (algesta.Report, error) {
		return onEachCluster(ctx, c, in, "namespaces", func(ctx context.Context, c Cluster, in Input) (algesta.Report, error) {
			return answerNamespaces(ctx, c, in), nil
		})
	},
})

func answerNamespaces(ctx context.Context, c Cluster, in Input) algesta.Report {
	var all corev1.NamespaceList
	var quotas corev1.ResourceQuotaList
	read := make([]listed, 2)
	var work conc.WaitGroup // a panic in it reaches the caller that waits
	work.Go(func() { read[0] = listAll(ctx, c, "", "", "namespaces", &all) })
	work.Go(func() { read[1] = listAll(ctx, c, "", "", "quotas", &quotas) })
	work.Wait()
	if read[0].err != nil {
		return unknownReport(whereOf(in), read[0])
	}
	limited := map[string]bool{}
	for i := range quotas.Items {
		limited[quotas.Items[i].Namespace] = true
	}
	shown := slices.DeleteFunc(slices.Clone(all.Items), func(n corev1.Namespace) bool {
		return n.Name != in.Command.Target.Namespace && (in.Allowed == nil || !in.Allowed(n.Name))
	})
	ending := func(n corev1.Namespace) int { // what is going away comes first
		if n.Status.Phase == corev1.NamespaceTerminating {
			return 0
		}
		return 1
	}
	slices.SortFunc(shown, func(a, b corev1.Namespace) int {
		return cmp.Or(cmp.Compare(ending(a), ending(b)), cmp.Compare(a.Name, b.Name))
	})
	report := algesta.Report{
		Tone:  algesta.Good,
		Title: algesta.Say("{}: {} in the cluster {}", whereOf(in), count(len(shown), "namespace"), algesta.Name(in.Command.Target.Cluster)),
	}
	if len(shown) > 0 && ending(shown[0]) == 0 || read[1].err != nil {
		report.Tone = algesta.Warning
	}
	table := algesta.Table{Head: []string{"namespace", "phase", "age", "quota", "labels"}}
	for i := range shown {
		n := &shown[i]
		quota := "no"
		switch {
		case limited[n.Name]:
			quota = "yes"
		case read[1].err != nil || read[1].part != nil: // what wasn't read isn't missing
			quota = "–"
		}
		table.Rows = append(table.Rows, []algesta.Text{
			algesta.Say("{}", algesta.Name(n.Name)), algesta.Say("{}", namespacePhase(n, in)),
			algesta.Say("{}", span(in.Command.At.Sub(n.CreationTimestamp.Time))), algesta.Say("{}", quota), orDash(ownLabels(n)),
		})
	}
	said := asTyped(in)
	if place := in.Command.Target; limited[place.Namespace] {
		said = append(said, algesta.Say("How full the quota of {} is: {}", whereOf(in), algesta.Name(in.Bot.Typed("quota", place.Environment))))
	}
	if len(shown) < len(all.Items) {
		said = append(said, algesta.Say("Namespaces that you can't read aren't listed."))
	}
	return withTable(report, table, "namespace", append(said, notes(read...)...)...)
}

// namespacePhase is "Active", or since when it is going away.
func namespacePhase(n *corev1.Namespace, in Input) string {
	if n.DeletionTimestamp != nil {
		return string(corev1.NamespaceTerminating) + " for " + span(in.Command.At.Sub(n.DeletionTimestamp.Time))
	}
	return orElse(string(n.Status.Phase), "–")
}

// ownLabels are a namespace's labels without the one with its name, which every namespace has.
func ownLabels(n *corev1.Namespace) string {
	own := maps.Clone(n.Labels)
	delete(own, corev1.LabelMetadataName)
	return labelsOf(own, noHiding)
}
