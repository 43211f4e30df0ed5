package rules

import (
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/words"
)

var rolloutRules = []Rule{
	{
		ID:     "scaled-to-zero",
		Family: "rollouts",
		Class:  ClassScale,
		Signal: "spec.replicas is 0 while a Service or Ingress points to the workload; where a whole namespace is asked about, only if " +
			"an Ingress leads there or a program calls it",
		Cause:    "somebody or something scaled it to zero on purpose, or forgot to scale it back",
		Remedy:   "scale it up again",
		Source:   "spec.replicas",
		snapshot: scaledToZero,
	},
	{
		ID:       "rollout-paused",
		Family:   "rollouts",
		Class:    ClassLifecycle,
		Risk:     true,
		Signal:   "spec.paused, and the template is not that of the newest ReplicaSet, or the rollout is half done",
		Cause:    "somebody paused the rollout and did not resume it",
		Remedy:   "resume it, or undo the change",
		Source:   "spec.paused, condition Progressing=Unknown/DeploymentPaused",
		snapshot: rolloutPaused,
	},
	{
		ID:      "rollout-stuck",
		Family:  "rollouts",
		Class:   ClassRollout,
		Symptom: true,
		Signal: "Progressing=False/ProgressDeadlineExceeded; or ReplicaFailure of the newest ReplicaSet, which still lacks pods, although " +
			"what refused them would take them now",
		Cause:    "always a symptom: the new pods do not become ready, or their controller waits before it tries again",
		Remedy:   "find out why the new pods do not start; roll back meanwhile",
		Source:   "Deployment condition Progressing",
		snapshot: rolloutStuck,
	},
	{
		ID:       "pods-missing",
		Family:   "rollouts",
		Class:    ClassRollout,
		Symptom:  true,
		Signal:   "fewer ready pods than wanted, longer than starting takes, and no rollout explains it",
		Cause:    "always a symptom",
		Remedy:   "see the cause that explains it",
		Source:   "spec.replicas and the pods' Ready condition",
		snapshot: podsMissing,
	},
	{
		ID:       "controller-behind",
		Family:   "rollouts",
		Class:    ClassLifecycle,
		Signal:   "status.observedGeneration is older than metadata.generation for more than 2 minutes",
		Cause:    "the controller manager is down or overloaded",
		Remedy:   "look at the control plane",
		Source:   "status.observedGeneration",
		snapshot: controllerBehind,
	},
	{
		ID:       "namespace-stuck",
		Family:   "lifecycle",
		Class:    ClassLifecycle,
		Signal:   "a namespace Terminating for more than 5 minutes, with its conditions",
		Cause:    "objects with finalizers whose controller is gone; an API service that does not answer",
		Remedy:   "fix what the conditions name",
		Source:   "Namespace conditions NamespaceContentRemaining, NamespaceFinalizersRemaining, NamespaceDeletionDiscoveryFailure",
		snapshot: namespaceStuck,
	},
}

func scaledToZero(s *facts.Snapshot) []*Finding {
	var found []*Finding
	for _, w := range s.Workloads() {
		if w.Desired != 0 || w.Ref.Kind != facts.KindDeployment && w.Ref.Kind != facts.KindStatefulSet || len(s.Downstream(w.Ref)) == 0 {
			continue
		}
		serves := false
		for _, ref := range s.Downstream(w.Ref) {
			serves = serves || ref.Kind == facts.KindService && len(s.Behind(ref)) == 0
		}
		if !serves {
			continue
		}
		f := &Finding{
			Subject: w.Ref,
			Hits:    []facts.Ref{w.Ref},
			What:    fmt.Sprintf("%s is scaled to zero, so it runs no pods", w.Ref.Words()),
			Sure:    High,
			Level:   Degraded,
			Shown:   []facts.Evidence{{Object: w.Ref, Field: "spec.replicas", Quote: "0"}},
			Remedy:  command(w, "scale", "If it should run, scale it up.", "replicas=1"),
		}
		if e, ok := s.Recent(w.Ref, "ScalingReplicaSet"); ok {
			f.show(e.Evidence(w.Ref), false)
			f.Since = e.Last
		}
		found = append(found, f)
	}
	return found
}

func rolloutPaused(s *facts.Snapshot) []*Finding {
	var found []*Finding
	for _, w := range s.Workloads() {
		if w.Rollout == nil || !w.Rollout.Deployment.Spec.Paused || w.Desired == 0 {
			continue
		}
		d := w.Rollout.Deployment
		f := &Finding{
			Subject: w.Ref,
			Hits:    []facts.Ref{w.Ref},
			What:    fmt.Sprintf("The rollout of %s is paused, so changes to it have no effect", w.Ref.Name),
			Sure:    High,
			Level:   Latent,
			Shown:   []facts.Evidence{{Object: w.Ref, Field: "spec.paused", Quote: "true"}},
			Remedy:  command(w, "resume", "Resume the rollout, or undo the change."),
		}
		for _, c := range d.Status.Conditions {
			if c.Type == appsv1.DeploymentProgressing && c.Reason == "DeploymentPaused" {
				f.Since = c.LastTransitionTime.Time
				f.show(
					facts.Evidence{
						Object: w.Ref,
						Field:  "status.conditions[Progressing]",
						Quote:  c.Reason + ": " + c.Message,
						At:     facts.Moment(c.LastTransitionTime.Time),
					},
					false,
				)
			}
		}
		found = append(found, f)
	}
	return found
}

func rolloutStuck(s *facts.Snapshot) []*Finding {
	var found []*Finding
	for _, w := range s.Workloads() {
		if w.Rollout == nil || w.Desired == 0 {
			continue
		}
		if f := waitsForTheNextTry(s, w); f != nil {
			found = append(found, f)
		}
		for _, c := range w.Rollout.Deployment.Status.Conditions {
			if c.Type != appsv1.DeploymentProgressing || c.Status != corev1.ConditionFalse || c.Reason != "ProgressDeadlineExceeded" {
				continue
			}
			current := w.CurrentPods()
			ready := 0
			for _, p := range current {
				if facts.PodReady(p) {
					ready++
				}
			}
			if ready >= w.Desired {
				continue // it has come up since the controller gave up
			}
			f := &Finding{
				Subject: w.Ref,
				Hits:    []facts.Ref{w.Ref},
				Pods:    unready(current),
				Sure:    Low,
				Level:   Degraded,
				Unsure:  "I found no reason why the new pods aren't ready.",
				What: fmt.Sprintf("The rollout of %s is stuck: %d of %s %s ready", w.Ref.Name, ready,
					words.Count(w.Desired, "new pod"), words.Verb(w.Desired, "is", "are")),
				Since: c.LastTransitionTime.Time,
				Shown: []facts.Evidence{
					{
						Object: w.Ref,
						Field:  "status.conditions[Progressing]",
						Quote:  c.Reason + ": " + c.Message,
						At:     facts.Moment(c.LastTransitionTime.Time),
					},
				},
			}
			if w.Unread {
				f.What, f.Unsure = fmt.Sprintf("The rollout of %s is stuck", w.Ref.Name), "I couldn't read all of its pods."
			}
			f.Remedy = Remedy{Text: "Look at the new pods.", Command: fmt.Sprintf("kubectl describe %s -n %s", w.Ref, w.Ref.Namespace)}
			if back := w.BackTo(); back != nil {
				f.Remedy = command(w, "rollback", fmt.Sprintf("Roll back to %s while you look for the reason.", revisionWords(back)))
			}
			found = append(found, f)
		}
	}
	return found
}

// longestRetry is how long the controllers of Kubernetes wait at most between two attempts (client-go's workqueue).
const longestRetry = 17 * time.Minute

// waitsForTheNextTry finds a rollout whose pods were refused and would be taken now: until the controller tries again nothing happens, and
// nothing else shows that the rollout isn't over.
func waitsForTheNextTry(s *facts.Snapshot, w *facts.Workload) *Finding {
	set := w.Current()
	if set == nil || w.Unread || w.CountCurrent() >= w.Desired || set.Spec.Replicas == nil || set.Status.Replicas >= *set.Spec.Replicas {
		return nil
	}
	for _, d := range deniedByStatus(s, w) {
		if d.set != set.Name || !isHistory(s, w, d) {
			continue
		}
		what := "Pods of " + w.Ref.Name + " were refused and would be taken now"
		if refusal, is := facts.ReadQuotaRefusal(d.message); is {
			what = fmt.Sprintf("ResourceQuota %s refused a pod of %s and has room again", refusal.Quota, w.Ref.Name)
		}
		return &Finding{
			Subject: w.Ref, Hits: []facts.Ref{w.Ref}, Effect: CannotCreate, Sure: High, Level: Degraded, Since: d.since,
			What:  what + ": the rollout goes on with the controller's next attempt",
			Shown: []facts.Evidence{d.shown},
			Remedy: Remedy{Text: fmt.Sprintf(
				"Wait: the controller tries again on its own, at most %s after its last attempt.", words.Span(longestRetry),
			)},
		}
	}
	return nil
}

func unready(pods []*corev1.Pod) []*corev1.Pod {
	var found []*corev1.Pod
	for _, p := range pods {
		if !facts.PodReady(p) {
			found = append(found, p)
		}
	}
	return found
}

// podsMissing is the symptom that every failing workload has. As a root it says that the cause is not known.
func podsMissing(s *facts.Snapshot) []*Finding {
	var found []*Finding
	for _, w := range s.Workloads() {
		switch w.Ref.Kind {
		case facts.KindDeployment, facts.KindStatefulSet, facts.KindDaemonSet, facts.KindReplicaSet, facts.KindJob:
		default:
			continue
		}
		wanted := w.Desired
		if wanted < 0 && w.Ready == 0 {
			wanted = len(w.Pods) // the workload was not read: at least one of its pods should be ready
		}
		if w.Ref.Kind == facts.KindJob {
			if f := jobWithoutPods(s, w); f != nil {
				found = append(found, f)
			}
			continue
		}
		if wanted <= 0 || w.Ready >= wanted || s.Settling(w) || w.Unread && w.Ready > 0 && !lacksFor(s, w, facts.CrashWindow) {
			continue
		}
		f := &Finding{
			Subject: w.Ref, Hits: []facts.Ref{w.Ref}, Pods: unready(w.Pods), Sure: Low,
			What: fmt.Sprintf("%s has %d of %s ready", w.Ref.Words(), w.Ready, words.Count(wanted, "pod")),
			Shown: []facts.Evidence{
				{Object: w.Ref, Field: "status", Quote: fmt.Sprintf("%d wanted, %d exist, %d ready", wanted, len(w.Pods), w.Ready)},
			},
			Remedy: Remedy{Text: "Check its events and pods.", Command: fmt.Sprintf("kubectl describe %s -n %s", w.Ref, w.Ref.Namespace)},
			Unsure: "I don't know why; this is what I saw.",
		}
		if w.Unread {
			f.Shown[0].Quote = fmt.Sprintf("%d wanted, %d ready", wanted, w.Ready)
			f.Unsure = "I couldn't read all of its pods."
		}
		if w.Rollout != nil {
			for _, c := range w.Rollout.Deployment.Status.Conditions {
				if c.Type == appsv1.DeploymentAvailable && c.Status == corev1.ConditionFalse {
					f.Since = c.LastTransitionTime.Time
					f.show(
						facts.Evidence{
							Object: w.Ref,
							Field:  "status.conditions[Available]",
							Quote:  c.Reason + ": " + c.Message,
							At:     facts.Moment(c.LastTransitionTime.Time),
						},
						false,
					)
				}
			}
		}
		for _, p := range f.Pods[:min(len(f.Pods), 2)] {
			f.show(
				facts.Evidence{
					Object: facts.RefOf(facts.KindPod, p),
					Field:  "status.phase",
					Quote:  podWords(p),
					At:     facts.Moment(p.CreationTimestamp.Time),
				},
				false,
			)
		}
		found = append(found, f)
	}
	return found
}

// lacksFor says that the Deployment itself has reported for so long that it has too few pods: where the pods were not read, those it lacks
// may only just have been made.
func lacksFor(s *facts.Snapshot, w *facts.Workload, long time.Duration) bool {
	return w.Rollout != nil && slices.ContainsFunc(w.Rollout.Deployment.Status.Conditions, func(c appsv1.DeploymentCondition) bool {
		return c.Type == appsv1.DeploymentAvailable && c.Status == corev1.ConditionFalse && s.Age(c.LastTransitionTime.Time) > long
	})
}

func podWords(p *corev1.Pod) string {
	wording := string(p.Status.Phase)
	if c := facts.PodCondition(p, corev1.PodReady); c != nil && c.Status != corev1.ConditionTrue {
		wording += ", not ready: " + c.Reason
	}
	if p.Status.Reason != "" {
		wording += ", " + p.Status.Reason
	}
	return wording
}

func controllerBehind(s *facts.Snapshot) []*Finding {
	var found []*Finding
	for _, d := range s.Deployments() {
		if d.Status.ObservedGeneration == 0 || d.Status.ObservedGeneration >= d.Generation || d.DeletionTimestamp != nil {
			continue
		}
		var changed time.Time
		for _, m := range d.ManagedFields {
			if m.Time != nil && m.Subresource == "" {
				changed = facts.Latest(changed, m.Time.Time)
			}
		}
		if changed.IsZero() || s.Age(changed) < 2*time.Minute {
			continue
		}
		ref := facts.RefOf(facts.KindDeployment, d)
		found = append(found, &Finding{
			Subject: ref, Hits: []facts.Ref{ref}, Sure: Medium, Unsure: "The change may be younger than the clocks say.", Level: Degraded,
			What: fmt.Sprintf("The deployment controller has not acted on the change of %s made %s", d.Name, facts.When(changed)),
			Shown: []facts.Evidence{
				{
					Object: ref,
					Field:  "status.observedGeneration",
					Quote:  fmt.Sprintf("%d, while metadata.generation is %d", d.Status.ObservedGeneration, d.Generation),
				},
			},
			Remedy: Remedy{Text: "Look at the control plane: its controller manager is behind."},
		})
		if asleep(s, facts.ControllerManager) {
			found[len(found)-1].Because = facts.LeaseOf(facts.ControllerManager)
		}
	}
	return found
}

func namespaceStuck(s *facts.Snapshot) []*Finding {
	var found []*Finding
	for _, n := range s.Namespaces() {
		if n.DeletionTimestamp == nil || s.Age(n.DeletionTimestamp.Time) < 5*time.Minute {
			continue
		}
		ref := facts.Ref{Kind: facts.KindNamespace, Name: n.Name}
		f := &Finding{
			Subject: ref,
			What:    fmt.Sprintf("Namespace %s has been terminating since %s", n.Name, facts.When(n.DeletionTimestamp.Time)),
			Sure:    High,
			Level:   Degraded,
			Since:   n.DeletionTimestamp.Time,
			Shown: []facts.Evidence{
				{Object: ref, Field: "metadata.deletionTimestamp", Quote: "being deleted", At: facts.Moment(n.DeletionTimestamp.Time)},
			},
			Remedy: Remedy{Text: "Fix what its conditions name.", Command: "kubectl describe namespace " + n.Name},
		}
		for _, c := range n.Status.Conditions {
			if c.Status == corev1.ConditionTrue {
				f.show(
					facts.Evidence{
						Object: ref,
						Field:  fmt.Sprintf("status.conditions[%s]", c.Type),
						Quote:  c.Message,
						At:     facts.Moment(c.LastTransitionTime.Time),
					},
					false,
				)
			}
		}
		found = append(found, f)
	}
	return found
}
