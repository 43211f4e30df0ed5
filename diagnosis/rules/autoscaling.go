package rules

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/words"
)

const autoscalerSource = "HorizontalPodAutoscaler conditions AbleToScale, ScalingActive, ScalingLimited and their reasons"

var autoscalingRules = []Rule{
	{
		ID:     "metrics-api-missing",
		Family: "autoscaling",
		Class:  ClassMetrics,
		Signal: "ScalingActive=False/FailedGetResourceMetric, FailedGetExternalMetric or FailedGetObjectMetric, “could not find the " +
			"requested resource” or “unable to handle the request”",
		Cause:  "metrics-server, or the adapter of the external or custom metrics (KEDA, prometheus-adapter), is not installed, or down",
		Remedy: "bring back what serves the metrics API that the message names",
		Source: autoscalerSource,
		snapshot: scalerRule(
			func(s *facts.Snapshot, h *autoscalingv2.HorizontalPodAutoscaler, active autoscalingv2.HorizontalPodAutoscalerCondition) *Finding {
				if active.Status != corev1.ConditionFalse || !noMetricsAPI.MatchString(active.Message) {
					return nil
				}
				if api := externalAPI.FindString(active.Message); api != "" {
					return noExternalMetrics(h, active, strings.ToLower(api))
				}
				f := scalerFinding(h, active, "The metrics API does not answer, so nothing is scaled automatically",
					Remedy{Text: "Bring metrics-server back.", Command: "kubectl get apiservice v1beta1.metrics.k8s.io"})
				f.Subject = facts.Ref{Kind: "APIService", Name: "v1beta1.metrics.k8s.io"}
				f.Calls, f.Beyond = s.MetricsService(), []facts.Elsewhere{{Ref: facts.MetricsServer}}
				return f
			},
		),
	},
	{
		ID:     "autoscaler-needs-requests",
		Family: "autoscaling",
		Class:  ClassAutoscaling,
		Signal: "ScalingActive=False, “missing request for cpu in container c”",
		Cause:  "a container (often a new sidecar) without the request that the target is a percentage of",
		Remedy: "set the request of every container",
		Source: autoscalerSource,
		snapshot: scalerRule(
			func(s *facts.Snapshot, h *autoscalingv2.HorizontalPodAutoscaler, active autoscalingv2.HorizontalPodAutoscalerCondition) *Finding {
				m := missingRequest.FindStringSubmatch(active.Message)
				if active.Status != corev1.ConditionFalse || m == nil {
					return nil
				}
				what, remedy := withoutRequest(s, h, m)
				return scalerFinding(h, active, what, remedy)
			},
		),
	},
	{
		ID:       "autoscaler-target-missing",
		Family:   "autoscaling",
		Class:    ClassAutoscaling,
		Signal:   "AbleToScale=False/FailedGetScale “not found”; or scaleTargetRef names a workload that is not there",
		Cause:    "the workload was renamed or deleted",
		Remedy:   "correct scaleTargetRef",
		Source:   autoscalerSource,
		snapshot: autoscalerTargetMissing,
	},
	{
		ID:       "autoscaler-ambiguous",
		Family:   "autoscaling",
		Class:    ClassAutoscaling,
		Signal:   "ScalingActive=False/AmbiguousSelector; or two autoscalers with the same target",
		Cause:    "two autoscalers count or scale the same pods",
		Remedy:   "keep one",
		Source:   autoscalerSource,
		snapshot: autoscalerAmbiguous,
	},
	{
		ID:       "autoscaler-at-max",
		Family:   "autoscaling",
		Class:    ClassAutoscaling,
		Risk:     true,
		Signal:   "ScalingLimited=True/TooManyReplicas while current replicas are at the maximum",
		Cause:    "more load than the maximum serves",
		Remedy:   "raise the maximum, if quota and nodes have room",
		Source:   autoscalerSource,
		snapshot: autoscalerAtMax,
	},
	{
		ID:       "autoscaler-beyond-quota",
		Family:   "autoscaling",
		Class:    ClassAutoscaling,
		Risk:     true,
		Signal:   "maxReplicas × requests does not fit into a ResourceQuota of the namespace",
		Cause:    "a maximum that was never possible",
		Remedy:   "raise the quota, or lower the maximum",
		Source:   "ResourceQuota status against the template's requests",
		snapshot: autoscalerBeyondQuota,
	},
	{
		ID:      "autoscaler-no-metrics",
		Family:  "autoscaling",
		Class:   ClassAutoscaling,
		Symptom: true,
		Signal:  "ScalingActive=False for more than 5 minutes with any other message, such as “did not receive metrics for targeted pods”",
		Cause:   "usually a symptom of pods that are not ready",
		Remedy:  "see the cause that explains it",
		Source:  autoscalerSource,
		snapshot: scalerRule(
			func(s *facts.Snapshot, h *autoscalingv2.HorizontalPodAutoscaler, active autoscalingv2.HorizontalPodAutoscalerCondition) *Finding {
				if active.Status != corev1.ConditionFalse || active.Reason == "ScalingDisabled" || active.Reason == "AmbiguousSelector" ||
					noMetricsAPI.MatchString(active.Message) || missingRequest.MatchString(active.Message) {
					return nil
				}
				if s.Age(active.LastTransitionTime.Time) < 5*time.Minute {
					return nil
				}
				f := scalerFinding(
					h,
					active,
					fmt.Sprintf("%s %s gets no metrics, so it does not scale", facts.KindAutoscaler, h.Name),
					Remedy{Text: "Check what it measures."},
				)
				f.Sure, f.Unsure = Medium, "Only the controller's message says why."
				return f
			},
		),
	},
}

var (
	noMetricsAPI = regexp.MustCompile(
		`could not find the requested resource|unable to handle the request|no matches for kind|metrics API not available`,
	)
	missingRequest = regexp.MustCompile(`missing request for (\S+) in container (\S+) of Pod ([a-z0-9.-]*[a-z0-9])|` +
		`missing request for (\S+) in container (\S+) of`)
	// externalAPI are the metrics APIs that metrics-server doesn't serve.
	externalAPI = regexp.MustCompile(`(?i)\b(?:external|custom)\b(?: metrics?|\.metrics)`)
)

func scalerRule(
	look func(*facts.Snapshot, *autoscalingv2.HorizontalPodAutoscaler, autoscalingv2.HorizontalPodAutoscalerCondition) *Finding,
) func(*facts.Snapshot) []*Finding {
	return func(s *facts.Snapshot) []*Finding {
		var found []*Finding
		for _, h := range s.Autoscalers() {
			if f := look(s, h, facts.ScalerCondition(h, autoscalingv2.ScalingActive)); f != nil {
				found = append(found, f)
			}
		}
		return found
	}
}

func scalerFinding(
	h *autoscalingv2.HorizontalPodAutoscaler,
	c autoscalingv2.HorizontalPodAutoscalerCondition,
	what string,
	remedy Remedy,
) *Finding {
	ref := facts.RefOf(facts.KindAutoscaler, h)
	if remedy.Command == "" {
		remedy.Command = fmt.Sprintf("kubectl describe hpa %s -n %s", h.Name, h.Namespace)
	}
	return &Finding{
		Subject: ref, Hits: []facts.Ref{ref}, What: what, Sure: High, Level: Latent, Since: c.LastTransitionTime.Time, Remedy: remedy,
		Shown: []facts.Evidence{{
			Object: ref,
			Field:  fmt.Sprintf("status.conditions[%s]", c.Type),
			Quote:  c.Reason + ": " + c.Message,
			At:     facts.Moment(c.LastTransitionTime.Time),
			Count:  1,
		}},
	}
}

func autoscalerTargetMissing(s *facts.Snapshot) []*Finding {
	var found []*Finding
	for _, h := range s.Autoscalers() {
		target := facts.TargetOf(h)
		able := facts.ScalerCondition(h, autoscalingv2.AbleToScale)
		said := able.Status == corev1.ConditionFalse && able.Reason == "FailedGetScale" && strings.Contains(able.Message, "not found")
		gone := (target.Kind == facts.KindDeployment || target.Kind == facts.KindStatefulSet) && s.Workload(target) == nil &&
			s.Knows(target.Resource(), h.Namespace)
		if !gone && (!said || s.Workload(target) != nil) {
			continue
		}
		f := scalerFinding(
			h,
			able,
			fmt.Sprintf("%s %s scales %s, which does not exist", facts.KindAutoscaler, h.Name, target.Words()),
			Remedy{Text: "Correct scaleTargetRef."},
		)
		if able.Reason == "" || able.Status != corev1.ConditionFalse {
			f.Shown = []facts.Evidence{{Object: facts.RefOf(facts.KindAutoscaler, h), Field: "spec.scaleTargetRef", Quote: target.Words()}}
		}
		var names []string
		for _, w := range s.Workloads() {
			if w.Ref.Namespace == h.Namespace && w.Ref.Kind == target.Kind {
				names = append(names, w.Ref.Name)
			}
		}
		if near := words.NearestName(target.Name, names); near != "" {
			f.Remedy.Text = fmt.Sprintf("Correct scaleTargetRef: there is a %s %s.", target.Kind, near)
		}
		found = append(found, f)
	}
	return found
}

func autoscalerAmbiguous(s *facts.Snapshot) []*Finding {
	first, fights := map[facts.Ref]*autoscalingv2.HorizontalPodAutoscaler{}, map[facts.Ref]bool{}
	var found []*Finding
	for _, h := range s.Autoscalers() {
		target := facts.TargetOf(h)
		other := first[target]
		if other == nil {
			first[target] = h
			continue
		}
		fights[target] = true
		f := scalerFinding(h, facts.ScalerCondition(h, autoscalingv2.ScalingActive),
			fmt.Sprintf(
				"Two autoscalers, %s and %s, scale %s and fight each other",
				other.Name,
				h.Name,
				target.Words(),
			), Remedy{Text: "Keep one of them."})
		f.Hits = append(f.Hits, facts.RefOf(facts.KindAutoscaler, other))
		f.Shown = []facts.Evidence{
			{Object: facts.RefOf(facts.KindAutoscaler, h), Field: "spec.scaleTargetRef", Quote: target.Words()},
			{Object: facts.RefOf(facts.KindAutoscaler, other), Field: "spec.scaleTargetRef", Quote: target.Words()},
		}
		found = append(found, f)
	}
	for _, h := range s.Autoscalers() { // others whose targets' labels overlap
		active := facts.ScalerCondition(h, autoscalingv2.ScalingActive)
		if active.Status == corev1.ConditionFalse && active.Reason == "AmbiguousSelector" && !fights[facts.TargetOf(h)] {
			found = append(
				found,
				scalerFinding(
					h,
					active,
					fmt.Sprintf("%s %s shares its pods with another autoscaler", facts.KindAutoscaler, h.Name),
					Remedy{Text: "Give each autoscaler pods of its own."},
				),
			)
		}
	}
	return found
}

func autoscalerAtMax(s *facts.Snapshot) []*Finding {
	var found []*Finding
	for _, h := range s.Autoscalers() {
		limited := facts.ScalerCondition(h, autoscalingv2.ScalingLimited)
		if limited.Status != corev1.ConditionTrue || limited.Reason != "TooManyReplicas" || h.Status.CurrentReplicas < h.Spec.MaxReplicas {
			continue
		}
		if h.Spec.MinReplicas != nil && *h.Spec.MinReplicas == h.Spec.MaxReplicas {
			continue // pinned on purpose
		}
		f := scalerFinding(
			h,
			limited,
			fmt.Sprintf("%s runs at its maximum of %d pods and the load asks for more", facts.TargetOf(h).Words(), h.Spec.MaxReplicas),
			Remedy{Text: "Raise the maximum, if the quota and the nodes have room."},
		)
		f.Measured = true
		if w := s.Workload(facts.TargetOf(h)); w != nil {
			f.Hits = append(f.Hits, w.Ref)
			if wording, known := s.UsageOf(w, corev1.ResourceCPU); known {
				f.show(facts.Evidence{Object: w.Ref, Field: "usage", Quote: wording}, false)
			}
		}
		found = append(found, f)
	}
	return found
}

func autoscalerBeyondQuota(s *facts.Snapshot) []*Finding {
	var found []*Finding
	for _, h := range s.Autoscalers() {
		w := s.Workload(facts.TargetOf(h))
		if w == nil || w.Template == nil || w.Desired <= 0 {
			continue
		}
		each := facts.PodRequests(&corev1.Pod{Spec: w.Template.Spec})
		for _, q := range s.Quotas() {
			if q.Namespace != h.Namespace || len(q.Spec.Scopes) > 0 || q.Spec.ScopeSelector != nil {
				continue
			}
			if name, room := roomFor(q, each, w.Desired); room >= 0 && room < int(h.Spec.MaxReplicas) {
				ref := facts.RefOf(facts.KindAutoscaler, h)
				found = append(found, &Finding{
					Subject: ref, Key: q.Name, Hits: []facts.Ref{ref, facts.RefOf(facts.KindQuota, q)}, Sure: High, Level: Latent,
					What: fmt.Sprintf(
						"%s %s may ask for %d pods, but ResourceQuota %s leaves room for %d (%s)",
						facts.KindAutoscaler,
						h.Name,
						h.Spec.MaxReplicas,
						q.Name,
						room,
						name,
					),
					Shown: []facts.Evidence{
						{Object: ref, Field: "spec.maxReplicas", Quote: fmt.Sprint(h.Spec.MaxReplicas)},
						{Object: facts.RefOf(facts.KindQuota, q), Field: "status", Quote: QuotaWords(q)},
					},
					Remedy: Remedy{
						Text:    "Raise the quota, or lower the maximum.",
						Command: quotaCommand(s, q.Namespace),
					},
				})
			}
		}
	}
	return found
}

// roomFor says how many pods of this size the quota admits, those that run included, and which resource ends first. It
// is -1 when the quota counts nothing that the pods request.
func roomFor(q *corev1.ResourceQuota, each corev1.ResourceList, running int) (corev1.ResourceName, int) {
	best, least := corev1.ResourceName(""), -1
	for _, name := range sortedResources(q.Status.Hard) {
		var size float64
		switch name {
		case corev1.ResourceRequestsCPU, corev1.ResourceCPU:
			size = quantityOf(each, corev1.ResourceCPU)
		case corev1.ResourceRequestsMemory, corev1.ResourceMemory:
			size = quantityOf(each, corev1.ResourceMemory)
		case corev1.ResourcePods, "count/pods":
			size = 1
		default:
			continue // a resource that no pod takes from
		}
		if size <= 0 {
			continue
		}
		free := quantityOf(q.Status.Hard, name) - quantityOf(q.Status.Used, name)
		if room := running + int(max(0, free)/size); least < 0 || room < least {
			best, least = name, room
		}
	}
	return best, least
}

func quantityOf(l corev1.ResourceList, name corev1.ResourceName) float64 {
	quantity := l[name]
	return quantity.AsApproximateFloat64()
}

// CountReady is how many of the pods are ready.
func CountReady(pods []*corev1.Pod) int {
	ready := 0
	for _, p := range pods {
		if facts.PodReady(p) {
			ready++
		}
	}
	return ready
}
