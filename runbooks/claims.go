package runbooks

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/sourcegraph/conc"
	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta"
)

var _ = register(listEverywhere(Runbook{
	Name: "claims",
	Aliases: []string{
		"pvc", "volumes", "get persistentvolumeclaims", "get persistentvolumeclaim", "get pvc", "get pvcs",
	},
	Verb:    "describe",
	Summary: "List the volume claims of an environment: whether each has its volume, size, class, who uses it, those without one first.",
	Example: "claims production",
	Rank:    62,
	About:   About{Environment: true},
	Args:    listArgs,
	Reads:   []string{"list persistentvolumeclaims", "list pods"},
	Answer:  answerClaims,
}))

func answerClaims(ctx context.Context, c Cluster, in Input) (algesta.Report, error) {
	var all corev1.PersistentVolumeClaimList
	var pods corev1.PodList
	var read, podsRead listed
	var err error
	var reading conc.WaitGroup
	reading.Go(func() { read, err = listSelected(ctx, c, in, "volume claims", &all) })
	reading.Go(func() { podsRead = listAll(ctx, c, in.Command.Target.Namespace, "", "pods", &pods) })
	reading.Wait()
	if err != nil || read.err != nil {
		return unknownReport(whereOf(in), read), err
	}
	users := claimUsers(pods.Items)
	bound := func(claim *corev1.PersistentVolumeClaim) int {
		return slices.Index([]corev1.PersistentVolumeClaimPhase{corev1.ClaimLost, corev1.ClaimPending, "", corev1.ClaimBound}, claim.Status.Phase)
	}
	slices.SortStableFunc(all.Items, func(a, b corev1.PersistentVolumeClaim) int {
		return cmp.Or(cmp.Compare(bound(&a), bound(&b)), cmp.Compare(a.Name, b.Name))
	})
	table := algesta.Table{Head: withWide(in, []string{"claim", "state", "size", "class", "access", "used by", "age"}, "volume", "mode")}
	without := 0
	for i := range all.Items {
		claim := &all.Items[i]
		if claim.Status.Phase != corev1.ClaimBound {
			without++
		}
		used := orDash(quote(list(clipped(users[claim.Name]))))
		if podsRead.err != nil {
			used = algesta.Say("not checked")
		}
		row := []algesta.Text{
			algesta.Say("{}", algesta.Name(claim.Name)), orDash(quote(string(claim.Status.Phase))), algesta.Say("{}", claimSize(claim)),
			orDash(classOf(claim)), orDash(accessOf(claim)), used, algesta.Say("{}", ageOf(claim, in)),
		}
		if isWide(in) {
			mode := ""
			if claim.Spec.VolumeMode != nil {
				mode = string(*claim.Spec.VolumeMode)
			}
			row = append(row, orDash(quote(claim.Spec.VolumeName)), orDash(quote(mode)))
		}
		table.Rows = append(table.Rows, row)
	}
	report := listTitle(in, len(all.Items), "volume claim")
	if without > 0 {
		report.Tone, report.Title = algesta.Warning, algesta.Say("{}, {} without a volume", report.Title, without)
	}
	return withTable(report, table, "volume claim", slices.Concat(asTyped(in), notes(read, podsRead))...), nil
}

// claimUsers are the workloads whose pods mount a claim, each once.
func claimUsers(pods []corev1.Pod) map[string][]string {
	out := map[string][]string{}
	for i := range pods {
		pod := &pods[i]
		if pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
			continue
		}
		for _, v := range pod.Spec.Volumes {
			name := ""
			switch {
			case v.PersistentVolumeClaim != nil:
				name = v.PersistentVolumeClaim.ClaimName
			case v.Ephemeral != nil: // it's called after its pod
				name = pod.Name + "-" + v.Name
			}
			if who := workloadOf(pod); name != "" && !slices.Contains(out[name], who) {
				out[name] = append(out[name], who)
			}
		}
	}
	return out
}

// claimSize is what a claim has, and what it asks for where that is more.
func claimSize(claim *corev1.PersistentVolumeClaim) string {
	wanted, has := claim.Spec.Resources.Requests[corev1.ResourceStorage], claim.Status.Capacity[corev1.ResourceStorage]
	switch {
	case has.IsZero():
		return amount(wanted) + " wanted"
	case wanted.Cmp(has) > 0:
		return amount(has) + ", " + amount(wanted) + " wanted"
	}
	return amount(has)
}

func classOf(claim *corev1.PersistentVolumeClaim) string {
	if claim.Spec.StorageClassName == nil {
		return ""
	}
	return quote(*claim.Spec.StorageClassName)
}

func accessOf(claim *corev1.PersistentVolumeClaim) string {
	modes := claim.Status.AccessModes
	if len(modes) == 0 {
		modes = claim.Spec.AccessModes
	}
	out := make([]string, len(modes))
	for i, m := range modes {
		out[i] = string(m)
	}
	return quote(strings.Join(out, ", "))
}
