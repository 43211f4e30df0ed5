package diagnosis

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta/words"
)

var probeRules = []Rule{
	{
		ID: "readiness-failing", Family: "probes", Class: ClassProbe,
		Signal: "the container runs, is not ready, and its probes' own windows have passed; event Unhealthy “Readiness probe failed” where it is left; answered with 5xx, it is tied to the only Service without a ready pod that the template names",
		Cause:  "a dependency that is down (5xx), a wrong port or path (refused, 404), a timeout that is too short",
		Remedy: "ask the health endpoint inside the pod; correct the probe or the dependency", Source: "kubelet prober: event Unhealthy; containerStatuses[].ready",
		container: readinessFailing,
	},
	{
		ID: "sidecar-not-started", Family: "probes", Class: ClassProbe,
		Signal: "an init container with restartPolicy Always that is not started after its startup window", Cause: "its startup probe fails", Remedy: "read its log", Source: "initContainerStatuses[].started",
		container: func(c *instance) *finding {
			if !c.init || !c.sidecar() || c.crashing || c.status.Started != nil && *c.status.Started {
				return nil
			}
			f := &finding{
				what: fmt.Sprintf("Sidecar %s has not started, and the containers after it wait", c.spec.Name), effect: cannotStart, sure: Medium,
				shown:  []Evidence{{Object: c.ref(), Field: c.field("started"), Quote: "false", Count: 1}},
				remedy: Remedy{Text: "Read its log.", Command: fmt.Sprintf("kubectl logs %s -c %s -n %s", c.pod.Name, c.spec.Name, c.pod.Namespace)},
			}
			c.tellAll(f)
			return f
		},
	},
}

func readinessFailing(c *instance) *finding {
	if c.crashing || c.status.Ready || c.status.State.Running == nil || c.init || c.owner.ref.Kind == KindJob { // a Job waits for an end, and no request for it
		return nil
	}
	since := c.status.State.Running.StartedAt.Time
	if ready := podCondition(c.pod, corev1.PodReady); ready != nil && ready.LastTransitionTime.After(since) {
		since = ready.LastTransitionTime.Time
	}
	f := &finding{
		what: fmt.Sprintf("%s runs but is not ready", words.Capital(c.container())), effect: notReady, since: since,
		shown: []Evidence{{
			Object: c.ref(), Field: c.field("ready"), Quote: "false, running for " + words.Span(c.s.age(c.status.State.Running.StartedAt.Time)),
			At: moment(since), Count: 1,
		}},
	}
	probe := c.spec.ReadinessProbe
	if starting := c.spec.StartupProbe; starting != nil && c.status.Started != nil && !*c.status.Started {
		probe = starting
		f.what = fmt.Sprintf("The startup probe of %s does not succeed", c.container())
	}
	f.remedy = c.rollbackOr("Ask the health endpoint inside the pod, then correct the probe or what it checks.")
	if probe == nil {
		f.sure, f.unsure = Low, "It has no readiness probe, so only the node knows why."
		return f
	}
	f.show(Evidence{Object: c.owner.ref, Field: "spec.template readinessProbe", Quote: probeWords(probe)}, false)
	failed, ok := c.s.recentThat(c.ref(), func(e event) bool {
		return e.reason == "Unhealthy" && (strings.Contains(e.message, "Readiness probe") || strings.Contains(e.message, "Startup probe"))
	})
	if !ok {
		f.sure, f.unsure = Medium, "The probe's own event has expired, so its answer is not known."
	} else {
		f.show(failed.evidence(c.ref()), false)
		if why := probeWhy(failed.message, c, probe); why != "" {
			f.what = fmt.Sprintf("The readiness probe of %s fails: %s", c.container(), why)
		}
		c.showSlowness(f, failed.message)
		c.downstream(f, failed.message)
	}
	c.tellAll(f)
	return f
}

// downstream ties a probe that is answered with a server error to the only Service without a ready pod that the template names: where the
// log does not tell, what the program asks first is what it is told to call.
func (c *instance) downstream(f *finding, message string) {
	if _, known := c.log.explain(); known || !statesServerError(message) {
		return
	}
	service, ok := c.silentInTemplate()
	if !ok || c.s.brokeAfter(service, f.since.Add(slack)) {
		return
	}
	f.calls = append(f.calls, service)
	f.show(Evidence{Object: c.owner.ref, Field: "spec.template env", Quote: fmt.Sprintf("names Service %s, which has no ready pod", service.Name)}, false)
}

// brokeAfter says that pods behind a Service that has none ready were well, or were not there, until after a moment.
func (s *Snapshot) brokeAfter(service Ref, moment time.Time) bool {
	return slices.ContainsFunc(s.index.behind[service], func(p *corev1.Pod) bool {
		broke := p.CreationTimestamp.Time
		if ready := podCondition(p, corev1.PodReady); ready != nil {
			broke = latest(broke, ready.LastTransitionTime.Time)
		}
		return broke.After(moment)
	})
}

// lifecyclePodRules look at pods that are being deleted, and at gates that hold a pod back.
var lifecyclePodRules = []Rule{
	{
		ID: "readiness-gate", Family: "probes", Class: ClassProbe,
		Signal: "a condition named in spec.readinessGates is not True although every container is ready", Cause: "the controller that sets it (a load balancer's) is down or waits",
		Remedy: "look at the controller that owns the gate", Source: "Pod readiness gates",
		pod: func(p *pending) *finding {
			ready := podCondition(p.pod, corev1.ContainersReady)
			if ready == nil || ready.Status != corev1.ConditionTrue || p.pod.DeletionTimestamp != nil || p.owner.ref.Kind == KindJob {
				return nil
			}
			for _, gate := range p.pod.Spec.ReadinessGates {
				condition := podCondition(p.pod, gate.ConditionType)
				if condition != nil && condition.Status == corev1.ConditionTrue || p.s.age(ready.LastTransitionTime.Time) < pendingSlack {
					continue
				}
				return &finding{
					key: string(gate.ConditionType), what: fmt.Sprintf("Readiness gate %s is not set", gate.ConditionType), effect: notReady, state: "running, not ready",
					shown:  []Evidence{{Object: refOf(KindPod, p.pod), Field: "spec.readinessGates", Quote: string(gate.ConditionType) + " is not True", Count: 1}},
					remedy: Remedy{Text: "Look at the controller that sets this gate.", Command: fmt.Sprintf("kubectl describe pod %s -n %s", p.pod.Name, p.pod.Namespace)},
				}
			}
			return nil
		},
	},
	{
		ID: "stuck-terminating", Family: "lifecycle", Class: ClassLifecycle,
		Signal: "deletionTimestamp (which already includes the grace period) passed by more than a minute", Cause: "a finalizer whose owner is gone; a node that does not answer; a volume that cannot be unmounted",
		Remedy: "mend the owner of the finalizer or the node; delete by force only when the node is gone for good", Source: "metadata.deletionTimestamp, metadata.finalizers",
		pod: stuckTerminating,
	},
}

func stuckTerminating(p *pending) *finding {
	if p.pod.DeletionTimestamp == nil || p.s.age(p.pod.DeletionTimestamp.Time) < crashWindow/10 {
		return nil
	}
	late := words.Span(p.s.age(p.pod.DeletionTimestamp.Time))
	f := &finding{
		subject: refOf(KindPod, p.pod), what: fmt.Sprintf("Pod %s should have been gone for %s", p.pod.Name, late), state: "Terminating", level: Latent,
		since:  p.pod.DeletionTimestamp.Time,
		shown:  []Evidence{{Object: refOf(KindPod, p.pod), Field: "metadata.deletionTimestamp", Quote: "being deleted", At: moment(p.pod.DeletionTimestamp.Time), Count: 1}},
		remedy: Remedy{Text: "Look at what holds it.", Command: fmt.Sprintf("kubectl describe pod %s -n %s", p.pod.Name, p.pod.Namespace)},
	}
	if len(p.pod.Finalizers) > 0 {
		f.what += fmt.Sprintf("; finalizer %s holds it", p.pod.Finalizers[0])
		f.remedy.Text = "Mend the controller that owns the finalizer; remove the finalizer only when that controller is gone for good."
		return f
	}
	if node := p.s.index.nodes[p.pod.Spec.NodeName]; node != nil && !nodeReady(node) {
		f.what += fmt.Sprintf("; its node %s does not answer", node.Name)
		f.remedy = Remedy{Text: "Bring the node back; delete the pod by force only when the node is gone for good.", Command: "kubectl describe node " + node.Name}
		return f
	}
	f.sure, f.unsure = Medium, "Neither a finalizer nor its node explains it; a volume or a process may not let go."
	return f
}
