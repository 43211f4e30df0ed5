package runbooks

import (
	"cmp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout"
)

var _ = register(listEverywhere(Runbook{
	Name:    "endpoints",
	Aliases: []string{"get endpoints", "get ep", "get endpointslices", "get endpointslice"},
	Verb:    "services",
	Summary: "Show which pods a Service leads to, and why the others take no requests.",
	Example: "endpoints api-gateway-production production",
	Rank:    70,
	Args:    []Arg{outputArg, watchArg},
	About:   About{Environment: true, Kinds: []string{"Service"}},
	Reads:   wiringReads,
	Answer:  answerServices, // of an environment as a whole: which Services have endpoints
}))

// endpointsReport shows where one Service leads.
func endpointsReport(w *wiring, s *corev1.Service, in Input) algesta.Report {
	r := w.row(s)
	called := algesta.Say("{} in {}", algesta.Name(s.Name), whereOf(in))
	report := algesta.Report{Tone: algesta.Good, Title: algesta.Say("{}: {} of {} ready", called, r.ready, count(r.all, "endpoint"))}
	fields := []algesta.Field{
		{Label: "type", Value: algesta.Say("{}", typeOf(s))},
		{Label: "address", Value: orDash(addressOf(s))},
		{Label: "ports", Value: orDash(portsOf(s))},
		{Label: "selector", Value: orDash(labelsOf(s.Spec.Selector, noHiding))},
	}
	if leads := w.leadsTo(r); leads != "" {
		fields = append(fields, algesta.Field{Label: "leads to", Value: algesta.Say("{}", algesta.Name(leads))})
	}
	report.Body = append(report.Body, algesta.Block{Fields: fields})
	var more []algesta.Text
	switch {
	case w.endpoints.err != nil:
		report.Tone, report.Title = algesta.Warning, algesta.Say("{}: I couldn't check its endpoints", called)
	case r.all == 0:
		report.Tone, report.Title = algesta.Bad, algesta.Say("{} has no endpoints", called)
		if r.rank == noPodsMeant {
			report.Tone = algesta.Neutral
		}
		more = append(more, w.whyNone(s))
	case r.ready == 0:
		report.Tone = algesta.Bad
	case r.ready < r.all:
		report.Tone = algesta.Warning
	}
	slices.SortStableFunc(r.endpoints, func(a, b endpoint) int {
		if a.ready != b.ready {
			return map[bool]int{false: -1, true: 1}[a.ready]
		}
		return cmp.Or(strings.Compare(a.pod, b.pod), strings.Compare(a.address, b.address))
	})
	table := algesta.Table{Head: []string{"pod", "address", "takes requests", "why not", "node"}}
	for _, e := range r.endpoints {
		takes := map[bool]string{true: "yes", false: "no"}[e.ready]
		pod := algesta.Say("–")
		if e.pod != "" {
			pod = algesta.Say("{}", algesta.Name(quote(e.pod)))
		}
		table.Rows = append(table.Rows, []algesta.Text{
			pod, orDash(quote(e.address)), algesta.Say("{}", takes), orDash(w.whyNot(e)), orDash(quote(e.node)),
		})
	}
	return withTable(report, table, "endpoint", slices.Concat(asTyped(in), more, notes(w.endpoints, w.podsRead))...)
}

// whyNot is what the pod behind an endpoint that isn't ready does.
func (w *wiring) whyNot(e endpoint) string {
	if e.ready {
		return ""
	}
	pod := w.pod(e.pod)
	switch {
	case pod == nil && w.podsRead.err != nil:
		return "not checked"
	case pod == nil && e.pod != "":
		return "the pod is gone"
	case pod == nil:
		return "its controller says so"
	}
	s := rollout.StateOf(pod)
	if s.Reason != "" {
		return s.Word + " (" + quote(s.Reason) + ")"
	}
	return s.Word
}

// whyNone says why a Service has no endpoint at all.
func (w *wiring) whyNone(s *corev1.Service) algesta.Text {
	selector := labels.SelectorFromSet(s.Spec.Selector)
	matched := 0
	for _, pod := range w.pods.Items {
		if selector.Matches(labels.Set(pod.Labels)) {
			matched++
		}
	}
	switch {
	case s.Spec.Type == corev1.ServiceTypeExternalName:
		return algesta.Say("It's another name for a host outside, so it has none.")
	case len(s.Spec.Selector) == 0:
		return algesta.Say("It selects no pods: its endpoints are maintained by hand.")
	case w.podsRead.err != nil || w.podsRead.part != nil:
		return algesta.Say("I couldn't check which pods its selector matches.")
	case matched == 0:
		return algesta.Say("No pod has the labels that it selects: {}.", algesta.Name(labelsOf(s.Spec.Selector, noHiding)))
	}
	return algesta.Say("{} the labels that it selects, but none has an address yet.", have(matched))
}

func have(n int) string {
	if n == 1 {
		return "1 pod has"
	}
	return count(n, "pod") + " have"
}
