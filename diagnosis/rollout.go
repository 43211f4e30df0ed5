package diagnosis

import (
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta/words"
)

var rolloutRules = []Rule{
	{
		ID: "scaled-to-zero", Family: "rollouts", Class: ClassScale,
		Signal: "spec.replicas is 0 while a Service or Ingress points to the workload; where a whole namespace is asked about, only if an Ingress leads there or a program calls it", Cause: "somebody or something scaled it to zero on purpose, or forgot to scale it back",
		Remedy: "scale it up again", Source: "spec.replicas", snapshot: scaledToZero,
	},
	{
		ID: "rollout-paused", Family: "rollouts", Class: ClassLifecycle, Risk: true,
		Signal: "spec.paused, and the template is not that of the newest ReplicaSet, or the rollout is half done", Cause: "somebody paused the rollout and did not resume it",
		Remedy: "resume it, or undo the change", Source: "spec.paused, condition Progressing=Unknown/DeploymentPaused", snapshot: rolloutPaused,
	},
	{
		ID: "rollout-stuck", Family: "rollouts", Class: ClassRollout, Symptom: true,
		Signal: "Progressing=False/ProgressDeadlineExceeded", Cause: "always a symptom: the new pods do not become ready", Remedy: "find out why the new pods do not start; roll back meanwhile",
		Source: "Deployment condition Progressing", snapshot: rolloutStuck,
	},
	{
		ID: "pods-missing", Family: "rollouts", Class: ClassRollout, Symptom: true,
		Signal: "fewer ready pods than wanted, longer than starting takes, and no rollout explains it", Cause: "always a symptom", Remedy: "see the cause that explains it", Source: "spec.replicas and the pods' Ready condition",
		snapshot: podsMissing,
	},
	{
		ID: "controller-behind", Family: "rollouts", Class: ClassLifecycle,
		Signal: "status.observedGeneration is older than metadata.generation for more than 2 minutes", Cause: "the controller manager is down or overloaded", Remedy: "look at the control plane", Source: "status.observedGeneration",
		snapshot: controllerBehind,
	},
	{
		ID: "namespace-stuck", Family: "lifecycle", Class: ClassLifecycle,
		Signal: "a namespace Terminating for more than 5 minutes, with its conditions", Cause: "objects with finalizers whose controller is gone; an API service that does not answer", Remedy: "mend what the conditions name",
		Source: "Namespace conditions NamespaceContentRemaining, NamespaceFinalizersRemaining, NamespaceDeletionDiscoveryFailure", snapshot: namespaceStuck,
	},
}

func scaledToZero(s *Snapshot) []*finding {
	var found []*finding
	for _, w := range s.index.workloads {
		if w.desired != 0 || w.ref.Kind != KindDeployment && w.ref.Kind != KindStatefulSet || len(s.index.downstream[w.ref]) == 0 {
			continue
		}
		serves := false
		for _, ref := range s.index.downstream[w.ref] {
			serves = serves || ref.Kind == KindService && len(s.index.behind[ref]) == 0
		}
		if !serves {
			continue
		}
		f := &finding{
			subject: w.ref, hits: []Ref{w.ref}, what: fmt.Sprintf("%s is scaled to zero: it runs no pods, and nothing is broken", w.ref.words()), sure: High, level: Degraded,
			shown:  []Evidence{{Object: w.ref, Field: "spec.replicas", Quote: "0"}},
			remedy: w.command("scale", "If it should run, scale it up.", "replicas=1"),
		}
		if e, ok := s.recent(w.ref, "ScalingReplicaSet"); ok {
			f.show(e.evidence(w.ref), false)
			f.since = e.last
		}
		found = append(found, f)
	}
	return found
}

func rolloutPaused(s *Snapshot) []*finding {
	var found []*finding
	for _, w := range s.index.workloads {
		if w.rollout == nil || !w.rollout.deployment.Spec.Paused || w.desired == 0 {
			continue
		}
		d := w.rollout.deployment
		f := &finding{
			subject: w.ref, hits: []Ref{w.ref}, what: fmt.Sprintf("The rollout of %s is paused, so changes to it have no effect", w.ref.Name), sure: High, level: Latent,
			shown: []Evidence{{Object: w.ref, Field: "spec.paused", Quote: "true"}}, remedy: Remedy{Text: "Resume the rollout, or undo the change.", Command: fmt.Sprintf("kubectl rollout resume deployment/%s -n %s", w.ref.Name, w.ref.Namespace)},
		}
		for _, c := range d.Status.Conditions {
			if c.Type == appsv1.DeploymentProgressing && c.Reason == "DeploymentPaused" {
				f.since = c.LastTransitionTime.Time
				f.show(Evidence{Object: w.ref, Field: "status.conditions[Progressing]", Quote: c.Reason + ": " + c.Message, At: moment(c.LastTransitionTime.Time)}, false)
			}
		}
		found = append(found, f)
	}
	return found
}

func rolloutStuck(s *Snapshot) []*finding {
	var found []*finding
	for _, w := range s.index.workloads {
		if w.rollout == nil || w.desired == 0 {
			continue
		}
		for _, c := range w.rollout.deployment.Status.Conditions {
			if c.Type != appsv1.DeploymentProgressing || c.Status != corev1.ConditionFalse || c.Reason != "ProgressDeadlineExceeded" {
				continue
			}
			current := w.currentPods()
			ready := 0
			for _, p := range current {
				if podReady(p) {
					ready++
				}
			}
			if ready >= w.desired {
				continue // it has come up since the controller gave up
			}
			f := &finding{
				subject: w.ref, hits: []Ref{w.ref}, pods: unready(current), sure: Low, level: Degraded, unsure: "Nothing in the snapshot says why the new pods are not ready.",
				what: fmt.Sprintf("The rollout of %s is stuck: %d of %d new pods are ready", w.ref.Name, ready, w.desired), since: c.LastTransitionTime.Time,
				shown: []Evidence{{Object: w.ref, Field: "status.conditions[Progressing]", Quote: c.Reason + ": " + c.Message, At: moment(c.LastTransitionTime.Time)}},
			}
			if w.unread {
				f.what, f.unsure = fmt.Sprintf("The rollout of %s is stuck", w.ref.Name), "Not all of its pods could be read."
			}
			f.remedy = Remedy{Text: "Look at the new pods.", Command: fmt.Sprintf("kubectl describe %s -n %s", w.ref, w.ref.Namespace)}
			if before := w.before(); before != nil {
				f.remedy = w.command("rollback", fmt.Sprintf("Roll back to revision %d while you look for the reason.", revisionOf(before)))
			}
			found = append(found, f)
		}
	}
	return found
}

func unready(pods []*corev1.Pod) []*corev1.Pod {
	var found []*corev1.Pod
	for _, p := range pods {
		if !podReady(p) {
			found = append(found, p)
		}
	}
	return found
}

// podsMissing is the symptom that every failing workload has. As a root it says that the cause is not known.
func podsMissing(s *Snapshot) []*finding {
	var found []*finding
	for _, w := range s.index.workloads {
		switch w.ref.Kind {
		case KindDeployment, KindStatefulSet, KindDaemonSet, KindReplicaSet, KindJob:
		default:
			continue
		}
		wanted := w.desired
		if wanted < 0 && w.ready == 0 {
			wanted = len(w.pods) // the workload was not read: at least one of its pods should be ready
		}
		if w.ref.Kind == KindJob {
			if f := s.jobWithoutPods(w); f != nil {
				found = append(found, f)
			}
			continue
		}
		if wanted <= 0 || w.ready >= wanted || s.settling(w) || w.unread && w.ready > 0 && !s.lacksFor(w, crashWindow) {
			continue
		}
		f := &finding{
			subject: w.ref, hits: []Ref{w.ref}, pods: unready(w.pods), sure: Low,
			what:   fmt.Sprintf("%s has %d of %d pods ready", w.ref.words(), w.ready, wanted),
			shown:  []Evidence{{Object: w.ref, Field: "status", Quote: fmt.Sprintf("%d wanted, %d exist, %d ready", wanted, len(w.pods), w.ready)}},
			remedy: Remedy{Text: "Look at its events and pods.", Command: fmt.Sprintf("kubectl describe %s -n %s", w.ref, w.ref.Namespace)},
			unsure: "I do not know why; this is what I saw.",
		}
		if w.unread {
			f.shown[0].Quote = fmt.Sprintf("%d wanted, %d ready", wanted, w.ready)
			f.unsure = "Not all of its pods could be read."
		}
		if w.rollout != nil {
			for _, c := range w.rollout.deployment.Status.Conditions {
				if c.Type == appsv1.DeploymentAvailable && c.Status == corev1.ConditionFalse {
					f.since = c.LastTransitionTime.Time
					f.show(Evidence{Object: w.ref, Field: "status.conditions[Available]", Quote: c.Reason + ": " + c.Message, At: moment(c.LastTransitionTime.Time)}, false)
				}
			}
		}
		for _, p := range f.pods[:min(len(f.pods), 2)] {
			f.show(Evidence{Object: refOf(KindPod, p), Field: "status.phase", Quote: podWords(p), At: moment(p.CreationTimestamp.Time)}, false)
		}
		found = append(found, f)
	}
	return found
}

// lacksFor says that the Deployment itself has told for so long that it has too few pods: where the pods were not read, those it lacks
// may only just have been made.
func (s *Snapshot) lacksFor(w *workload, long time.Duration) bool {
	return w.rollout != nil && slices.ContainsFunc(w.rollout.deployment.Status.Conditions, func(c appsv1.DeploymentCondition) bool {
		return c.Type == appsv1.DeploymentAvailable && c.Status == corev1.ConditionFalse && s.age(c.LastTransitionTime.Time) > long
	})
}

func podWords(p *corev1.Pod) string {
	wording := string(p.Status.Phase)
	if c := podCondition(p, corev1.PodReady); c != nil && c.Status != corev1.ConditionTrue {
		wording += ", not ready: " + c.Reason
	}
	if p.Status.Reason != "" {
		wording += ", " + p.Status.Reason
	}
	return wording
}

// settling says that the pods that are missing are still within the time that starting takes: a pod is created,
// scheduled, pulled and probed; two minutes and its own probes' windows are granted.
func (s *Snapshot) settling(w *workload) bool {
	if w.rollout != nil && s.age(w.rollout.deployment.CreationTimestamp.Time) < time.Minute {
		return true
	}
	if len(w.pods) < w.desired {
		if e, refused := s.recent(w.ref, "FailedCreate"); refused && !w.newestPod("").After(e.last) {
			return false
		}
		return s.justScaled(w) || s.draining(w)
	}
	for _, p := range w.pods {
		if podReady(p) {
			continue
		}
		window := 2 * time.Minute
		for i := range p.Spec.Containers {
			c := instance{spec: &p.Spec.Containers[i]}
			window = max(window, c.startWindow()+time.Minute)
		}
		if s.age(p.CreationTimestamp.Time) > window {
			return false
		}
	}
	return true
}

// draining says that pods of the workload are on their way out, within the time they were given: what comes after them,
// as with strategy Recreate, may not have been made yet.
func (s *Snapshot) draining(w *workload) bool {
	return !w.leaving.IsZero() && s.now.Before(w.leaving.Add(startSlack))
}

// justScaled says that the workload was changed less than a minute ago, so its controller may still be at it.
func (s *Snapshot) justScaled(w *workload) bool {
	if set := w.current(); set != nil && s.age(set.CreationTimestamp.Time) < time.Minute {
		return true
	}
	e, ok := s.recent(w.ref, "ScalingReplicaSet", "SuccessfulCreate")
	return ok && s.age(e.last) < time.Minute
}

func controllerBehind(s *Snapshot) []*finding {
	var found []*finding
	for _, d := range s.deployments {
		if d.Status.ObservedGeneration == 0 || d.Status.ObservedGeneration >= d.Generation || d.DeletionTimestamp != nil {
			continue
		}
		var changed time.Time
		for _, m := range d.ManagedFields {
			if m.Time != nil && m.Subresource == "" {
				changed = latest(changed, m.Time.Time)
			}
		}
		if changed.IsZero() || s.age(changed) < 2*time.Minute {
			continue
		}
		ref := refOf(KindDeployment, d)
		found = append(found, &finding{
			subject: ref, hits: []Ref{ref}, sure: Medium, unsure: "The change may be younger than the clocks say.", level: Degraded,
			what:   fmt.Sprintf("The deployment controller has not acted on the change of %s made %s ago", d.Name, words.Span(s.age(changed))),
			shown:  []Evidence{{Object: ref, Field: "status.observedGeneration", Quote: fmt.Sprintf("%d, while metadata.generation is %d", d.Status.ObservedGeneration, d.Generation)}},
			remedy: Remedy{Text: "Look at the control plane: its controller manager is behind."},
		})
	}
	return found
}

func namespaceStuck(s *Snapshot) []*finding {
	var found []*finding
	for _, n := range s.namespaces {
		if n.DeletionTimestamp == nil || s.age(n.DeletionTimestamp.Time) < 5*time.Minute {
			continue
		}
		ref := Ref{Kind: KindNamespace, Name: n.Name}
		f := &finding{
			subject: ref, what: fmt.Sprintf("Namespace %s has been terminating for %s", n.Name, words.Span(s.age(n.DeletionTimestamp.Time))), sure: High, level: Degraded, since: n.DeletionTimestamp.Time,
			shown:  []Evidence{{Object: ref, Field: "metadata.deletionTimestamp", Quote: "being deleted", At: moment(n.DeletionTimestamp.Time)}},
			remedy: Remedy{Text: "Mend what its conditions name.", Command: "kubectl describe namespace " + n.Name},
		}
		for _, c := range n.Status.Conditions {
			if c.Status == corev1.ConditionTrue {
				f.show(Evidence{Object: ref, Field: fmt.Sprintf("status.conditions[%s]", c.Type), Quote: c.Message, At: moment(c.LastTransitionTime.Time)}, false)
			}
		}
		found = append(found, f)
	}
	return found
}
