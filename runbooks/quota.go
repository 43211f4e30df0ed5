package runbooks

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/diagnosis/facts"
)

var _ = register(listEverywhere(Runbook{
	Name: "quota",
	Aliases: []string{
		"quotas", "get resourcequota", "get resourcequotas", "get quota", "describe resourcequota", "describe resourcequotas", "describe quota",
	},
	Verb:    "quota",
	Summary: "Show what is used of the quotas of an environment, the fullest first, and who uses it.",
	Example: "quota production",
	Rank:    160,
	About:   About{Environment: true, Kinds: []string{"ResourceQuota"}},
	Args:    lookArgs,
	Reads:   []string{"list resourcequotas", "list pods"},
	Answer:  answerQuota,
}))

// counted is one resource of a quota.
type counted struct {
	quota      string
	resource   corev1.ResourceName
	used, hard resource.Quantity
}

// share is how much of it is used. What may not be used at all is full.
func (c counted) share() float64 {
	if c.hard.IsZero() {
		return 1
	}
	return c.used.AsApproximateFloat64() / c.hard.AsApproximateFloat64()
}

// The shares from which on a quota is worth mentioning.
const (
	quotaTight = 0.9
	quotaFull  = 1.0
	mostUsers  = 5
)

func answerQuota(ctx context.Context, c Cluster, in Input) (algesta.Report, error) {
	var all corev1.ResourceQuotaList
	var pods corev1.PodList
	namespace, name := in.Command.Target.Namespace, objectOf(in, "ResourceQuota")
	r := &reads{c: c}
	r.list(ctx, "resourcequotas", namespace, &all)
	r.list(ctx, "pods", namespace, &pods)
	r.work.Wait()
	if err := r.failed["resourcequotas"]; err != nil {
		return unreadable(in, "the quotas", err), nil
	}
	var rows []counted
	var names []string
	var uncounted []algesta.Text
	for i := range all.Items {
		q := &all.Items[i]
		names = append(names, q.Name)
		if name != "" && q.Name != name {
			continue
		}
		if len(q.Status.Hard) == 0 {
			uncounted = append(uncounted, algesta.Say("{} isn't counted yet.", algesta.Name(q.Name)))
		}
		for of, hard := range q.Status.Hard {
			rows = append(rows, counted{quota: q.Name, resource: of, used: q.Status.Used[of], hard: hard})
		}
	}
	switch {
	case len(all.Items) == 0:
		return algesta.Report{
			Tone:  algesta.Neutral,
			Title: algesta.Say("There's no quota in {}: nothing limits it but the nodes.", whereOf(in)),
		}, nil
	case name != "" && !slices.Contains(names, name):
		return algesta.Report{}, noSuch(in, "quota", name, names)
	}
	slices.SortFunc(rows, func(a, b counted) int {
		return cmp.Or(cmp.Compare(b.share(), a.share()), cmp.Compare(a.quota, b.quota), cmp.Compare(a.resource, b.resource))
	})
	report := quotaReport(rows, in)
	report.Body = append(report.Body, lines(uncounted)...)
	if len(rows) > 0 && r.failed["pods"] == nil {
		if users := quotaUsers(pods.Items, rows[0].resource); len(users) > 0 {
			report.Body = append(report.Body, algesta.Block{Text: algesta.Say("{} is used by {}.", rows[0].resource, list(users))})
		}
	}
	report.Body = append(report.Body, lines(r.couldNot())...)
	report.Body = append(report.Body, lines(asTyped(in))...)
	return report, nil
}

func quotaReport(rows []counted, in Input) algesta.Report {
	report := algesta.Report{Tone: algesta.Neutral, Title: algesta.Say("The quotas of {} aren't counted yet.", whereOf(in))}
	if len(rows) == 0 {
		return report
	}
	first := rows[0]
	report.Tone = algesta.Good
	report.Title = algesta.Say("{}: fullest is {}, {} of {}", whereOf(in), first.resource, amount(first.used), amount(first.hard))
	switch share := first.share(); {
	case share >= quotaFull:
		report.Tone = algesta.Warning
		report.Title = algesta.Say(
			"{}: {} is full ({} of {}), so nothing that needs it starts",
			whereOf(in),
			first.resource,
			amount(first.used),
			amount(first.hard),
		)
	case share >= quotaTight:
		report.Tone = algesta.Warning
	}
	table := algesta.Table{Head: []string{"resource", "used", "used / hard", "quota"}}
	for _, row := range rows[:min(mostRows, len(rows))] {
		table.Rows = append(table.Rows, []algesta.Text{
			algesta.Say("{}", row.resource), algesta.Say("{}", shareBar(row.share())),
			algesta.Say("{} / {}", amount(row.used), amount(row.hard)), algesta.Say("{}", algesta.Name(row.quota)),
		})
	}
	report.Body = append(report.Body, algesta.Block{Table: &table})
	return report
}

// quotaUsers are who takes most of a resource that pods count against, by what owns them. Pods that have ended are not counted
// (k8s.io/kubernetes/pkg/quota/v1/evaluator/core), except as objects.
func quotaUsers(pods []corev1.Pod, of corev1.ResourceName) []string {
	total := map[string]*resource.Quantity{}
	for i := range pods {
		p := &pods[i]
		ended := p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
		if ended && of != "count/pods" {
			continue
		}
		used := podTakes(p, of)
		if used.IsZero() {
			continue
		}
		who := ownerName(p)
		if ended {
			who += " (ended)"
		}
		if total[who] == nil {
			total[who] = &resource.Quantity{}
		}
		total[who].Add(used)
	}
	var names []string
	for who := range total {
		names = append(names, who)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(total[b].Cmp(*total[a]), cmp.Compare(a, b)) })
	var out []string
	for i, who := range names {
		if i == mostUsers {
			return append(out, fmt.Sprintf("%d others", len(names)-i))
		}
		out = append(out, who+" ("+amount(*total[who])+")")
	}
	return out
}

func podTakes(p *corev1.Pod, of corev1.ResourceName) resource.Quantity {
	switch key := quotaKeys[of]; {
	case key == "pods":
		return *resource.NewQuantity(1, resource.DecimalSI)
	case strings.HasPrefix(key, "requests."):
		return facts.PodRequests(p)[corev1.ResourceName(strings.TrimPrefix(key, "requests."))]
	case strings.HasPrefix(key, "limits."):
		var sum resource.Quantity
		for i := range p.Spec.Containers {
			sum.Add(p.Spec.Containers[i].Resources.Limits[corev1.ResourceName(strings.TrimPrefix(key, "limits."))])
		}
		return sum
	}
	return resource.Quantity{}
}

// ownerName is what made a pod, as people call it: the Deployment rather than its ReplicaSet.
func ownerName(p *corev1.Pod) string {
	owner := metav1.GetControllerOfNoCopy(p)
	if owner == nil {
		return p.Name
	}
	if hash := p.Labels["pod-template-hash"]; owner.Kind == "ReplicaSet" && hash != "" {
		return strings.TrimSuffix(owner.Name, "-"+hash)
	}
	return owner.Name
}
