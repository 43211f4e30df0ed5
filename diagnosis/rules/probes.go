package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/words"
)

var probeRules = []Rule{
	{
		ID:     "readiness-failing",
		Family: "probes",
		Class:  ClassProbe,
		Signal: "the container runs, is not ready, and its probes' own windows have passed; event Unhealthy “Readiness probe " +
			"failed” where it is left; answered with 5xx, it is tied to the only Service without a ready pod that the template names",
		Cause:     "a dependency that is down (5xx), a wrong port or path (refused, 404), a timeout that is too short",
		Remedy:    "call the health endpoint inside the pod; correct the probe or the dependency",
		Source:    "kubelet prober: event Unhealthy; containerStatuses[].ready",
		container: readinessFailing,
	},
	{
		ID:     "sidecar-not-started",
		Family: "probes",
		Class:  ClassProbe,
		Signal: "an init container with restartPolicy Always that is not started after its startup window",
		Cause:  "its startup probe fails",
		Remedy: "read its log",
		Source: "initContainerStatuses[].started",
		container: func(c *facts.Container) *Finding {
			if !c.Init || !c.Sidecar() || c.Crashing || c.Status.Started != nil && *c.Status.Started {
				return nil
			}
			f := &Finding{
				What: fmt.Sprintf("Sidecar %s has not started, and the containers after it wait", c.Spec.Name), Effect: CannotStart, Sure: Medium,
				Shown:  []facts.Evidence{{Object: c.Ref(), Field: c.Field("started"), Quote: "false", Count: 1}},
				Remedy: Remedy{Text: "Read its log.", Command: fmt.Sprintf("kubectl logs %s -c %s -n %s", c.Pod.Name, c.Spec.Name, c.Pod.Namespace)},
			}
			quoteAll(c, f)
			return f
		},
	},
}

func readinessFailing(c *facts.Container) *Finding {
	if c.Crashing || c.Status.Ready || c.Status.State.Running == nil || c.Init ||
		c.Owner.Ref.Kind == facts.KindJob { // a Job waits for an end, and no request for it
		return nil
	}
	since := c.Status.State.Running.StartedAt.Time
	if ready := facts.PodCondition(c.Pod, corev1.PodReady); ready != nil && ready.LastTransitionTime.After(since) {
		since = ready.LastTransitionTime.Time
	}
	f := &Finding{
		What: fmt.Sprintf("%s runs but is not ready", words.Capital(c.Words())), Effect: NotReady, Since: since,
		Shown: []facts.Evidence{{
			Object: c.Ref(),
			Field:  c.Field("ready"),
			Quote:  "false, running since " + facts.When(c.Status.State.Running.StartedAt.Time),
			At:     facts.Moment(since),
			Count:  1,
		}},
	}
	probe := c.Spec.ReadinessProbe
	if starting := c.Spec.StartupProbe; starting != nil && c.Status.Started != nil && !*c.Status.Started {
		probe = starting
		f.What = fmt.Sprintf("The startup probe of %s does not succeed", c.Words())
	}
	f.Remedy = rollbackOr(c, "Call the health endpoint inside the pod, then correct the probe or what it checks.")
	if probe == nil {
		f.Sure, f.Unsure = Low, "It has no readiness probe, so only the node knows why."
		return f
	}
	f.show(facts.Evidence{Object: c.Owner.Ref, Field: "spec.template readinessProbe", Quote: probeWords(probe)}, false)
	failed, ok := c.Snapshot.RecentThat(c.Ref(), func(e facts.Event) bool {
		return e.Reason == "Unhealthy" && (strings.Contains(e.Message, "Readiness probe") || strings.Contains(e.Message, "Startup probe"))
	})
	if !ok {
		f.Sure, f.Unsure = Medium, "The probe's own event has expired, so I don't know its answer."
	} else {
		f.show(failed.Evidence(c.Ref()), false)
		if why := probeWhy(failed.Message, c, probe); why != "" {
			f.What = fmt.Sprintf("The readiness probe of %s fails: %s", c.Words(), why)
		}
		showSlowness(c, f, failed.Message)
		downstream(c, f, failed.Message)
	}
	quoteAll(c, f)
	return f
}

// downstream ties a probe that is answered with a server error to the only Service without a ready pod that the template names: where the
// log doesn't say, the program most likely called what its template names.
func downstream(c *facts.Container, f *Finding, message string) {
	if _, known := c.Log.Explain(); known || !facts.StatesServerError(message) {
		return
	}
	service, ok := c.SilentInTemplate()
	if !ok || brokeAfter(c.Snapshot, service, f.Since.Add(facts.ClockSlack)) {
		return
	}
	f.Calls = append(f.Calls, service)
	f.show(
		facts.Evidence{
			Object: c.Owner.Ref,
			Field:  "spec.template env",
			Quote:  fmt.Sprintf("names Service %s, which has no ready pod", service.Name),
		},
		false,
	)
}

// brokeAfter says that pods behind a Service that has none ready were well, or were not there, until after a moment.
func brokeAfter(s *facts.Snapshot, service facts.Ref, moment time.Time) bool {
	return slices.ContainsFunc(s.Behind(service), func(p *corev1.Pod) bool {
		broke := p.CreationTimestamp.Time
		if ready := facts.PodCondition(p, corev1.PodReady); ready != nil {
			broke = facts.Latest(broke, ready.LastTransitionTime.Time)
		}
		return broke.After(moment)
	})
}

// lifecyclePodRules are about pods that are being deleted, and gates that hold a pod back.
var lifecyclePodRules = []Rule{
	{
		ID:     "readiness-gate",
		Family: "probes",
		Class:  ClassProbe,
		Signal: "a condition named in spec.readinessGates is not True although every container is ready",
		Cause:  "the controller that sets it (a load balancer's) is down or waits",
		Remedy: "look at the controller that owns the gate",
		Source: "Pod readiness gates",
		pod: func(p *facts.Pending) *Finding {
			ready := facts.PodCondition(p.Pod, corev1.ContainersReady)
			if ready == nil || ready.Status != corev1.ConditionTrue || p.Pod.DeletionTimestamp != nil || p.Owner.Ref.Kind == facts.KindJob {
				return nil
			}
			for _, gate := range p.Pod.Spec.ReadinessGates {
				condition := facts.PodCondition(p.Pod, gate.ConditionType)
				if condition != nil && condition.Status == corev1.ConditionTrue || p.Snapshot.Age(ready.LastTransitionTime.Time) < facts.PendingSlack {
					continue
				}
				return &Finding{
					Key:    string(gate.ConditionType),
					What:   fmt.Sprintf("Readiness gate %s is not set", gate.ConditionType),
					Effect: NotReady,
					State:  "running, not ready",
					Shown: []facts.Evidence{
						{
							Object: facts.RefOf(facts.KindPod, p.Pod),
							Field:  "spec.readinessGates",
							Quote:  string(gate.ConditionType) + " is not True",
							Count:  1,
						},
					},
					Remedy: Remedy{
						Text:    "Look at the controller that sets this gate.",
						Command: fmt.Sprintf("kubectl describe pod %s -n %s", p.Pod.Name, p.Pod.Namespace),
					},
				}
			}
			return nil
		},
	},
	{
		ID:     "stuck-terminating",
		Family: "lifecycle",
		Class:  ClassLifecycle,
		Signal: "deletionTimestamp (which already includes the grace period) passed by more than a minute",
		Cause:  "a finalizer whose owner is gone; a node that does not answer; a volume that cannot be unmounted",
		Remedy: "fix the owner of the finalizer or the node; delete by force only when the node is gone for good",
		Source: "metadata.deletionTimestamp, metadata.finalizers",
		pod:    stuckTerminating,
	},
}

func stuckTerminating(p *facts.Pending) *Finding {
	if p.Pod.DeletionTimestamp == nil || p.Snapshot.Age(p.Pod.DeletionTimestamp.Time) < facts.CrashWindow/10 {
		return nil
	}
	due := facts.When(p.Pod.DeletionTimestamp.Time)
	f := &Finding{
		Subject: facts.RefOf(facts.KindPod, p.Pod),
		What:    fmt.Sprintf("Pod %s should have been gone by %s", p.Pod.Name, due),
		State:   "Terminating",
		Level:   Latent,
		Since:   p.Pod.DeletionTimestamp.Time,
		Shown: []facts.Evidence{
			{
				Object: facts.RefOf(facts.KindPod, p.Pod),
				Field:  "metadata.deletionTimestamp",
				Quote:  "being deleted",
				At:     facts.Moment(p.Pod.DeletionTimestamp.Time),
				Count:  1,
			},
		},
		Remedy: Remedy{Text: "Find out what blocks it.", Command: fmt.Sprintf("kubectl describe pod %s -n %s", p.Pod.Name, p.Pod.Namespace)},
	}
	if len(p.Pod.Finalizers) > 0 {
		f.What += fmt.Sprintf("; finalizer %s blocks it", p.Pod.Finalizers[0])
		f.Remedy.Text = "Fix the controller of the finalizer that blocks it; remove the finalizer only when that controller is " +
			"gone for good."
		return f
	}
	if node := p.Snapshot.Node(p.Pod.Spec.NodeName); node != nil && !facts.NodeReady(node) {
		f.What += fmt.Sprintf("; its node %s does not answer", node.Name)
		f.Remedy = Remedy{
			Text:    "Bring the node back; delete the pod by force only when the node is gone for good.",
			Command: "kubectl describe node " + node.Name,
		}
		return f
	}
	f.Sure, f.Unsure = Medium, "Neither a finalizer nor its node explains it; a volume or a process may be blocking it."
	return f
}
