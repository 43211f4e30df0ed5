package runbooks

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta"
	wordsof "github.com/3astronautas/algesta/words"
)

var _ = register(listEverywhere(Runbook{
	Name:    "hpa",
	Aliases: []string{"get hpa", "describe hpa", "get horizontalpodautoscalers", "describe horizontalpodautoscaler", "autoscalers"},
	Verb:    "hpa",
	Summary: "Show the autoscalers: what each measures against its target, its minimum and maximum, and what it did last and why.",
	Example: "hpa production",
	Rank:    150,
	About:   About{Environment: true, Kinds: []string{autoscalerKind}},
	Args:    lookArgs,
	Reads:   []string{"list horizontalpodautoscalers.autoscaling", "list events", "list pods", "list replicasets.apps"},
	Answer:  answerHPA,
}))

const (
	autoscalerKind = "HorizontalPodAutoscaler"
	autoscalers    = "horizontalpodautoscalers"
)

// scalerState is what an autoscaler does, in the order in which a list shows it.
type scalerState int

const (
	scalerUnmeasured scalerState = iota // it can't scale at all, or has no measurement
	scalerAtMax                         // it would go higher
	scalerAtMin                         // it would go lower
	scalerMoving                        // on its way to another number
	scalerOff                           // min and max leave it no choice, or its workload is at zero
	scalerSettled                       // nothing to report
)

// scaler is an autoscaler as an answer shows it.
type scaler struct {
	*autoscalingv2.HorizontalPodAutoscaler
	state scalerState
	why   string // in words
}

func answerHPA(ctx context.Context, c Cluster, in Input) (algesta.Report, error) {
	var all autoscalingv2.HorizontalPodAutoscalerList
	var said saidEvents
	namespace := in.Command.Target.Namespace
	name := objectOf(in, autoscalerKind)
	r := &reads{c: c}
	r.list(ctx, autoscalers, namespace, &all)
	if name != "" {
		r.work.Go(func() { said = r.events(ctx, namespace) })
	}
	r.work.Wait()
	if err := r.failed[autoscalers]; err != nil {
		return unreadable(in, "the autoscalers", err), nil
	}
	var found []scaler
	var names []string
	noMetrics := 0
	for i := range all.Items {
		h := &all.Items[i]
		names = append(names, h.Name)
		if name != "" && !isScaler(h, name, &all, in) {
			continue
		}
		s := judgeScaler(h)
		if s.state == scalerUnmeasured && noMetricsAPI(h) {
			noMetrics++
		}
		found = append(found, s)
	}
	switch {
	case len(found) == 0 && name != "":
		return algesta.Report{}, noSuch(in, "autoscaler", name, names)
	case len(found) == 0:
		return algesta.Report{Tone: algesta.Neutral, Title: algesta.Say("There are no autoscalers in {}.", whereOf(in))}, nil
	}
	slices.SortStableFunc(found, func(a, b scaler) int { return cmp.Or(cmp.Compare(a.state, b.state), cmp.Compare(a.Name, b.Name)) })
	report := scalersReport(found, in)
	if noMetrics > 0 {
		report.Body = append(report.Body, algesta.Block{Text: algesta.Say(
			"The metrics API gives no cpu and memory, so {} can't scale by them. Look at metrics-server.", count(noMetrics, "autoscaler"))})
	}
	if name != "" {
		report.Body = append(report.Body, lines(lastScaling(found[0], said.events, in))...)
		report.Body = append(report.Body, lines(said.leftOut())...)
	}
	report.Body = append(report.Body, lines(r.couldNot())...)
	report.Body = append(report.Body, lines(asTyped(in))...)
	return report, nil
}

// isScaler says that people mean this autoscaler by a name: its own, or where none has that name, that of its workload or service.
func isScaler(h *autoscalingv2.HorizontalPodAutoscaler, name string, all *autoscalingv2.HorizontalPodAutoscalerList, in Input) bool {
	if slices.ContainsFunc(all.Items, func(h autoscalingv2.HorizontalPodAutoscaler) bool { return h.Name == name }) {
		return h.Name == name
	}
	t := in.Command.Target
	return slices.Contains([]string{name, name + "-" + t.Namespace, name + "-" + t.Environment}, h.Spec.ScaleTargetRef.Name)
}

func scalersReport(found []scaler, in Input) algesta.Report {
	first := found[0]
	report := algesta.Report{Tone: algesta.Good, Title: algesta.Say("{} in {}: all have room", count(len(found), "autoscaler"), whereOf(in))}
	fixed := 0
	for _, s := range found {
		if minOf(s.HorizontalPodAutoscaler) == s.Spec.MaxReplicas {
			fixed++
		}
	}
	if fixed > 0 {
		report.Title = algesta.Say(
			"{} in {}: {} a fixed number of pods, the others have room", count(len(found), "autoscaler"), whereOf(in),
			wordsof.Plural(fixed, "keeps", "keep"),
		)
		if fixed == len(found) {
			report.Title = algesta.Say("{} in {}: all keep a fixed number of pods", count(len(found), "autoscaler"), whereOf(in))
		}
	}
	if len(found) == 1 {
		report.Title = algesta.Say(
			"{} in {}: {}, autoscaled {}",
			algesta.Name(first.Name),
			whereOf(in),
			count(first.Status.CurrentReplicas, "pod"),
			first.bounds(),
		)
	}
	if first.state < scalerAtMin {
		report.Tone = algesta.Warning
		report.Title = algesta.Say("{} in {}: {}", algesta.Name(first.Name), whereOf(in), first.why)
	}
	table := algesta.Table{Head: []string{"autoscaler", "for", "measured / target", "pods", "min–max", "state", "last scaled"}}
	for _, s := range found[:min(mostRows, len(found))] {
		last := "never"
		if at := s.Status.LastScaleTime; at != nil {
			last = span(in.Command.At.Sub(at.Time)) + " ago"
		}
		table.Rows = append(table.Rows, []algesta.Text{
			algesta.Say("{}", algesta.Name(s.Name)), algesta.Say("{}", algesta.Name(quote(s.Spec.ScaleTargetRef.Name))),
			algesta.Say("{}", orElse(strings.Join(measured(s.HorizontalPodAutoscaler), ", "), "–")),
			algesta.Say("{}", s.Status.CurrentReplicas), algesta.Say("{}", s.bounds()), algesta.Say("{}", s.why), algesta.Say("{}", last),
		})
	}
	report.Body = append(report.Body, algesta.Block{Table: &table})
	if hidden := len(found) - len(table.Rows); hidden > 0 {
		report.Body = append(report.Body, algesta.Block{Text: algesta.Say("{} not shown.", count(hidden, "more autoscaler"))})
	}
	return report
}

func (s scaler) bounds() string {
	return fmt.Sprintf("%d–%d", minOf(s.HorizontalPodAutoscaler), s.Spec.MaxReplicas)
}

// minOf is the least number of pods; the API's default is 1.
func minOf(h *autoscalingv2.HorizontalPodAutoscaler) int32 {
	if h.Spec.MinReplicas == nil {
		return 1
	}
	return *h.Spec.MinReplicas
}

func scalerCondition(
	h *autoscalingv2.HorizontalPodAutoscaler,
	kind autoscalingv2.HorizontalPodAutoscalerConditionType,
) (c autoscalingv2.HorizontalPodAutoscalerCondition) {
	for _, c := range h.Status.Conditions {
		if c.Type == kind {
			return c
		}
	}
	return c
}

// judgeScaler says what an autoscaler does, from its own conditions (k8s.io/kubernetes/pkg/controller/podautoscaler).
func judgeScaler(h *autoscalingv2.HorizontalPodAutoscaler) scaler {
	s := scaler{HorizontalPodAutoscaler: h, state: scalerSettled, why: "between its bounds"}
	active, able := scalerCondition(h, autoscalingv2.ScalingActive), scalerCondition(h, autoscalingv2.AbleToScale)
	limited := scalerCondition(h, autoscalingv2.ScalingLimited)
	values := strings.Join(measured(h), ", ")
	switch {
	case active.Reason == "ScalingDisabled":
		s.state, s.why = scalerOff, "off: its workload is scaled to 0"
	case minOf(h) == h.Spec.MaxReplicas:
		s.state, s.why = scalerOff, fmt.Sprintf("off: min and max are both %d", h.Spec.MaxReplicas)
	case able.Status == corev1.ConditionFalse:
		s.state, s.why = scalerUnmeasured, "can't scale: "+quote(orElse(able.Message, able.Reason))
	case active.Status == corev1.ConditionFalse && noMetricsAPI(h):
		s.state, s.why = scalerUnmeasured, "has no measurements"
	case active.Status == corev1.ConditionFalse:
		s.state, s.why = scalerUnmeasured, "can't scale: "+quote(orElse(active.Message, active.Reason))
	case len(h.Status.Conditions) == 0:
		s.state, s.why = scalerMoving, "not looked at yet"
	case limited.Status == corev1.ConditionTrue && h.Status.DesiredReplicas >= h.Spec.MaxReplicas:
		s.state, s.why = scalerAtMax, "at max because "+orElse(values, "it would need more pods")
	case limited.Status == corev1.ConditionTrue && h.Status.DesiredReplicas <= minOf(h):
		s.state, s.why = scalerAtMin, "at min"
	case h.Status.DesiredReplicas != h.Status.CurrentReplicas:
		s.state, s.why = scalerMoving, fmt.Sprintf("going to %d", h.Status.DesiredReplicas)
	}
	return s
}

// noMetricsAPI says that an autoscaler has no measurement because the resource metrics API doesn't answer, which is the same for all.
func noMetricsAPI(h *autoscalingv2.HorizontalPodAutoscaler) bool {
	active := scalerCondition(h, autoscalingv2.ScalingActive)
	return active.Status == corev1.ConditionFalse && active.Reason == "FailedGetResourceMetric" &&
		strings.Contains(active.Message, "unable to fetch metrics from resource metrics API")
}

// measured are the metrics with their values and targets, as "cpu 88/70 %".
func measured(h *autoscalingv2.HorizontalPodAutoscaler) []string {
	var out []string
	for i, m := range h.Spec.Metrics {
		name, target := metricOf(m)
		now := "?"
		if i < len(h.Status.CurrentMetrics) {
			now = currentOf(h.Status.CurrentMetrics[i], target)
		}
		out = append(out, fmt.Sprintf("%s %s/%s", quote(name), now, targetOf(target)))
	}
	return out
}

func metricOf(m autoscalingv2.MetricSpec) (string, autoscalingv2.MetricTarget) {
	switch {
	case m.Resource != nil:
		return string(m.Resource.Name), m.Resource.Target
	case m.ContainerResource != nil:
		return fmt.Sprintf("%s of %s", m.ContainerResource.Name, m.ContainerResource.Container), m.ContainerResource.Target
	case m.Pods != nil:
		return m.Pods.Metric.Name, m.Pods.Target
	case m.Object != nil:
		return m.Object.Metric.Name, m.Object.Target
	case m.External != nil:
		return m.External.Metric.Name, m.External.Target
	}
	return string(m.Type), autoscalingv2.MetricTarget{}
}

func targetOf(t autoscalingv2.MetricTarget) string {
	switch {
	case t.AverageUtilization != nil:
		return fmt.Sprintf("%d %%", *t.AverageUtilization)
	case t.AverageValue != nil:
		return t.AverageValue.String()
	case t.Value != nil:
		return t.Value.String()
	}
	return "?"
}

// currentOf is a measurement in the unit of its target.
func currentOf(m autoscalingv2.MetricStatus, t autoscalingv2.MetricTarget) string {
	var now autoscalingv2.MetricValueStatus
	switch {
	case m.Resource != nil:
		now = m.Resource.Current
	case m.ContainerResource != nil:
		now = m.ContainerResource.Current
	case m.Pods != nil:
		now = m.Pods.Current
	case m.Object != nil:
		now = m.Object.Current
	case m.External != nil:
		now = m.External.Current
	}
	switch {
	case t.AverageUtilization != nil && now.AverageUtilization != nil:
		return fmt.Sprint(*now.AverageUtilization)
	case t.AverageValue != nil && now.AverageValue != nil:
		return now.AverageValue.String()
	case t.Value != nil && now.Value != nil:
		return now.Value.String()
	}
	return "?"
}

// lastScaling is what the autoscaler's newest event of scaling says.
func lastScaling(s scaler, events []corev1.Event, in Input) []algesta.Text {
	var newest *corev1.Event
	for i := range events {
		e := &events[i]
		mine := e.InvolvedObject.Kind == autoscalerKind && e.InvolvedObject.Name == s.Name && e.Reason == "SuccessfulRescale"
		if mine && (newest == nil || e.LastTimestamp.After(newest.LastTimestamp.Time)) {
			newest = e
		}
	}
	if newest == nil {
		return nil
	}
	ago := span(in.Command.At.Sub(newest.LastTimestamp.Time))
	said := strings.TrimSuffix(strings.TrimSpace(newest.Message), "; reason:") // the controller writes it also where it has none
	if said == "" {
		return []algesta.Text{algesta.Say("Last scaling, {} ago.", ago)}
	}
	return []algesta.Text{algesta.Say("Last scaling, {} ago: {}.", ago, quote(strings.TrimSuffix(said, ".")))}
}
