package runbooks

import (
	"cmp"
	"context"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/3astronautas/algesta"
)

var _ = register(listEverywhere(Runbook{
	Name:    "configmaps",
	Aliases: []string{"get configmaps", "get configmap", "get cm"},
	Verb:    "describe",
	Summary: "List the ConfigMaps of an environment with their age and who owns them. What they hold isn't read.",
	Example: "configmaps production",
	Rank:    63,
	About:   About{Environment: true},
	Args:    listArgs,
	Reads:   []string{"list configmaps"},
	Answer:  answerConfigMaps,
}))

// answerConfigMaps asks the API server for their metadata, not for what they hold: people put passwords into ConfigMaps, and a list of
// them needs none.
func answerConfigMaps(ctx context.Context, c Cluster, in Input) (algesta.Report, error) {
	var all metav1.PartialObjectMetadataList
	all.SetGroupVersionKind(schema.GroupVersionKind{Version: "v1", Kind: "ConfigMapList"})
	read, err := listSelected(ctx, c, in, "ConfigMaps", &all)
	if err != nil || read.err != nil {
		return unknownReport(whereOf(in), read), err
	}
	slices.SortFunc(all.Items, func(a, b metav1.PartialObjectMetadata) int { return cmp.Compare(a.Name, b.Name) })
	table := algesta.Table{Head: []string{"ConfigMap", "age", "owner"}}
	for i := range all.Items {
		m := &all.Items[i]
		keeper, _, _ := strings.Cut(managerOf(m), ":")
		table.Rows = append(table.Rows, []algesta.Text{
			algesta.Say("{}", algesta.Name(m.Name)), algesta.Say("{}", ageOf(m, in)), orDash(orElse(makerOf(m), quote(keeper))),
		})
	}
	return withTable(listTitle(in, len(all.Items), "ConfigMap"), table, "ConfigMap", slices.Concat(asTyped(in), notes(read))...), nil
}
