package diagnosis

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta/words"
)

const autoscalerSource = "HorizontalPodAutoscaler conditions AbleToScale, ScalingActive, ScalingLimited and their reasons"

var autoscalingRules = []Rule{
	{
		ID: "metrics-api-missing", Family: "autoscaling", Class: ClassMetrics,
		Signal: "ScalingActive=False/FailedGetResourceMetric, “could not find the requested resource” or “unable to handle the request”", Cause: "metrics-server is not installed, or down", Remedy: "bring metrics-server back", Source: autoscalerSource,
		snapshot: scalerRule(func(s *Snapshot, h *autoscalingv2.HorizontalPodAutoscaler, active autoscalingv2.HorizontalPodAutoscalerCondition) *finding {
			if active.Status != corev1.ConditionFalse || !noMetricsAPI.MatchString(active.Message) {
				return nil
			}
			f := s.scalerFinding(h, active, "The metrics API does not answer, so nothing is scaled automatically",
				Remedy{Text: "Bring metrics-server back.", Command: "kubectl get apiservice v1beta1.metrics.k8s.io"})
			f.subject = Ref{Kind: "APIService", Name: "v1beta1.metrics.k8s.io"}
			f.calls, f.beyond = s.metricsService(), []Elsewhere{{Ref: metricsServer}}
			return f
		}),
	},
	{
		ID: "autoscaler-needs-requests", Family: "autoscaling", Class: ClassAutoscaling,
		Signal: "ScalingActive=False, “missing request for cpu in container c”", Cause: "a container (often a new sidecar) without the request that the target is a percentage of", Remedy: "set the request of every container", Source: autoscalerSource,
		snapshot: scalerRule(func(s *Snapshot, h *autoscalingv2.HorizontalPodAutoscaler, active autoscalingv2.HorizontalPodAutoscalerCondition) *finding {
			m := missingRequest.FindStringSubmatch(active.Message)
			if active.Status != corev1.ConditionFalse || m == nil {
				return nil
			}
			return s.scalerFinding(h, active, fmt.Sprintf("%s %s cannot compute: container %s has no %s request", KindAutoscaler, h.Name, m[2], m[1]),
				Remedy{Text: fmt.Sprintf("Set a %s request for container %s.", m[1], m[2])})
		}),
	},
	{
		ID: "autoscaler-target-missing", Family: "autoscaling", Class: ClassAutoscaling,
		Signal: "AbleToScale=False/FailedGetScale “not found”; or scaleTargetRef names a workload that is not there", Cause: "the workload was renamed or deleted", Remedy: "correct scaleTargetRef", Source: autoscalerSource,
		snapshot: autoscalerTargetMissing,
	},
	{
		ID: "autoscaler-ambiguous", Family: "autoscaling", Class: ClassAutoscaling,
		Signal: "ScalingActive=False/AmbiguousSelector; or two autoscalers with the same target", Cause: "two autoscalers count or scale the same pods", Remedy: "keep one", Source: autoscalerSource, snapshot: autoscalerAmbiguous,
	},
	{
		ID: "autoscaler-at-max", Family: "autoscaling", Class: ClassAutoscaling, Risk: true,
		Signal: "ScalingLimited=True/TooManyReplicas while current replicas are at the maximum", Cause: "more load than the maximum serves", Remedy: "raise the maximum, if quota and nodes have room", Source: autoscalerSource, snapshot: autoscalerAtMax,
	},
	{
		ID: "autoscaler-beyond-quota", Family: "autoscaling", Class: ClassAutoscaling, Risk: true,
		Signal: "maxReplicas × requests does not fit into a ResourceQuota of the namespace", Cause: "a maximum that was never possible", Remedy: "raise the quota, or lower the maximum", Source: "ResourceQuota status against the template's requests",
		snapshot: autoscalerBeyondQuota,
	},
	{
		ID: "autoscaler-no-metrics", Family: "autoscaling", Class: ClassAutoscaling, Symptom: true,
		Signal: "ScalingActive=False for more than 5 minutes with any other message, such as “did not receive metrics for targeted pods”", Cause: "usually a symptom of pods that are not ready", Remedy: "see the cause that explains it", Source: autoscalerSource,
		snapshot: scalerRule(func(s *Snapshot, h *autoscalingv2.HorizontalPodAutoscaler, active autoscalingv2.HorizontalPodAutoscalerCondition) *finding {
			if active.Status != corev1.ConditionFalse || active.Reason == "ScalingDisabled" || active.Reason == "AmbiguousSelector" || noMetricsAPI.MatchString(active.Message) || missingRequest.MatchString(active.Message) {
				return nil
			}
			if s.age(active.LastTransitionTime.Time) < 5*time.Minute {
				return nil
			}
			f := s.scalerFinding(h, active, fmt.Sprintf("%s %s gets no metrics, so it does not scale", KindAutoscaler, h.Name), Remedy{Text: "Look at what it measures."})
			f.sure, f.unsure = Medium, "Only the controller's message says why."
			return f
		}),
	},
}

var (
	noMetricsAPI   = regexp.MustCompile(`could not find the requested resource|unable to handle the request|no matches for kind|metrics API not available`)
	missingRequest = regexp.MustCompile(`missing request for (\S+) in container (\S+) of`)
)

func scalerCondition(h *autoscalingv2.HorizontalPodAutoscaler, kind autoscalingv2.HorizontalPodAutoscalerConditionType) autoscalingv2.HorizontalPodAutoscalerCondition {
	for _, c := range h.Status.Conditions {
		if c.Type == kind {
			return c
		}
	}
	return autoscalingv2.HorizontalPodAutoscalerCondition{}
}

func scalerRule(look func(*Snapshot, *autoscalingv2.HorizontalPodAutoscaler, autoscalingv2.HorizontalPodAutoscalerCondition) *finding) func(*Snapshot) []*finding {
	return func(s *Snapshot) []*finding {
		var found []*finding
		for _, h := range s.autoscalers {
			if f := look(s, h, scalerCondition(h, autoscalingv2.ScalingActive)); f != nil {
				found = append(found, f)
			}
		}
		return found
	}
}

func (s *Snapshot) scalerFinding(h *autoscalingv2.HorizontalPodAutoscaler, c autoscalingv2.HorizontalPodAutoscalerCondition, what string, remedy Remedy) *finding {
	ref := refOf(KindAutoscaler, h)
	if remedy.Command == "" {
		remedy.Command = fmt.Sprintf("kubectl describe hpa %s -n %s", h.Name, h.Namespace)
	}
	return &finding{
		subject: ref, hits: []Ref{ref}, what: what, sure: High, level: Latent, since: c.LastTransitionTime.Time, remedy: remedy,
		shown: []Evidence{{
			Object: ref, Field: fmt.Sprintf("status.conditions[%s]", c.Type), Quote: c.Reason + ": " + c.Message, At: moment(c.LastTransitionTime.Time), Count: 1,
		}},
	}
}

func targetOf(h *autoscalingv2.HorizontalPodAutoscaler) Ref {
	return Ref{h.Spec.ScaleTargetRef.Kind, h.Namespace, h.Spec.ScaleTargetRef.Name}
}

func autoscalerTargetMissing(s *Snapshot) []*finding {
	var found []*finding
	for _, h := range s.autoscalers {
		target := targetOf(h)
		able := scalerCondition(h, autoscalingv2.AbleToScale)
		said := able.Status == corev1.ConditionFalse && able.Reason == "FailedGetScale" && strings.Contains(able.Message, "not found")
		gone := (target.Kind == KindDeployment || target.Kind == KindStatefulSet) && s.index.byRef[target] == nil && s.knows(target.resource(), h.Namespace)
		if !gone && (!said || s.index.byRef[target] != nil) {
			continue
		}
		f := s.scalerFinding(h, able, fmt.Sprintf("%s %s scales %s, which does not exist", KindAutoscaler, h.Name, target.words()), Remedy{Text: "Correct scaleTargetRef."})
		if able.Reason == "" || able.Status != corev1.ConditionFalse {
			f.shown = []Evidence{{Object: refOf(KindAutoscaler, h), Field: "spec.scaleTargetRef", Quote: target.words()}}
		}
		var names []string
		for _, w := range s.index.workloads {
			if w.ref.Namespace == h.Namespace && w.ref.Kind == target.Kind {
				names = append(names, w.ref.Name)
			}
		}
		if near := words.NearestName(target.Name, names); near != "" {
			f.remedy.Text = fmt.Sprintf("Correct scaleTargetRef: there is a %s %s.", target.Kind, near)
		}
		found = append(found, f)
	}
	return found
}

func autoscalerAmbiguous(s *Snapshot) []*finding {
	first, fights := map[Ref]*autoscalingv2.HorizontalPodAutoscaler{}, map[Ref]bool{}
	var found []*finding
	for _, h := range s.autoscalers {
		target := targetOf(h)
		other := first[target]
		if other == nil {
			first[target] = h
			continue
		}
		fights[target] = true
		f := s.scalerFinding(h, scalerCondition(h, autoscalingv2.ScalingActive),
			fmt.Sprintf("Two autoscalers, %s and %s, scale %s and fight each other", other.Name, h.Name, target.words()), Remedy{Text: "Keep one of them."})
		f.hits = append(f.hits, refOf(KindAutoscaler, other))
		f.shown = []Evidence{{Object: refOf(KindAutoscaler, h), Field: "spec.scaleTargetRef", Quote: target.words()}, {Object: refOf(KindAutoscaler, other), Field: "spec.scaleTargetRef", Quote: target.words()}}
		found = append(found, f)
	}
	for _, h := range s.autoscalers { // others whose targets' labels overlap
		active := scalerCondition(h, autoscalingv2.ScalingActive)
		if active.Status == corev1.ConditionFalse && active.Reason == "AmbiguousSelector" && !fights[targetOf(h)] {
			found = append(found, s.scalerFinding(h, active, fmt.Sprintf("%s %s shares its pods with another autoscaler", KindAutoscaler, h.Name), Remedy{Text: "Give each autoscaler pods of its own."}))
		}
	}
	return found
}

func autoscalerAtMax(s *Snapshot) []*finding {
	var found []*finding
	for _, h := range s.autoscalers {
		limited := scalerCondition(h, autoscalingv2.ScalingLimited)
		if limited.Status != corev1.ConditionTrue || limited.Reason != "TooManyReplicas" || h.Status.CurrentReplicas < h.Spec.MaxReplicas {
			continue
		}
		if h.Spec.MinReplicas != nil && *h.Spec.MinReplicas == h.Spec.MaxReplicas {
			continue // pinned on purpose
		}
		f := s.scalerFinding(h, limited, fmt.Sprintf("%s runs at its maximum of %d pods and the load asks for more", targetOf(h).words(), h.Spec.MaxReplicas),
			Remedy{Text: "Raise the maximum, if the quota and the nodes have room."})
		f.measured = true
		if w := s.index.byRef[targetOf(h)]; w != nil {
			f.hits = append(f.hits, w.ref)
			if wording, known := s.usageOf(w, corev1.ResourceCPU); known {
				f.show(Evidence{Object: w.ref, Field: "usage", Quote: wording}, false)
			}
		}
		found = append(found, f)
	}
	return found
}

func autoscalerBeyondQuota(s *Snapshot) []*finding {
	var found []*finding
	for _, h := range s.autoscalers {
		w := s.index.byRef[targetOf(h)]
		if w == nil || w.template == nil || w.desired <= 0 {
			continue
		}
		each := podRequests(&corev1.Pod{Spec: w.template.Spec})
		for _, q := range s.quotas {
			if q.Namespace != h.Namespace || len(q.Spec.Scopes) > 0 || q.Spec.ScopeSelector != nil {
				continue
			}
			if name, room := roomFor(q, each, w.desired); room >= 0 && room < int(h.Spec.MaxReplicas) {
				ref := refOf(KindAutoscaler, h)
				found = append(found, &finding{
					subject: ref, key: q.Name, hits: []Ref{ref, refOf(KindQuota, q)}, sure: High, level: Latent,
					what: fmt.Sprintf("%s %s may ask for %d pods, but ResourceQuota %s leaves room for %d (%s)", KindAutoscaler, h.Name, h.Spec.MaxReplicas, q.Name, room, name),
					shown: []Evidence{
						{Object: ref, Field: "spec.maxReplicas", Quote: fmt.Sprint(h.Spec.MaxReplicas)},
						{Object: refOf(KindQuota, q), Field: "status", Quote: quotaWords(q)},
					},
					remedy: Remedy{Text: "Raise the quota, or lower the maximum.", Command: fmt.Sprintf("kubectl describe resourcequota %s -n %s", q.Name, q.Namespace)},
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
