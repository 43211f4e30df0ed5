package runbooks

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/rollout"
)

// describePod shows the state of a pod, what each container does and how it ended, and what the pod is made of.
func describePod(ctx context.Context, c Cluster, d *description) error {
	found, err := d.read(ctx, c, &corev1.PodList{})
	pod, ok := found.(*corev1.Pod)
	if !ok {
		return err
	}
	d.hiding(ctx, c, pod.Spec)
	s, now := rollout.StateOf(pod), d.in.Command.At
	word := s.Word
	if s.Reason != "" {
		word += " (" + d.quote(s.Reason) + ")"
	}
	if since := changedAt(pod); !since.IsZero() {
		word += " for " + span(now.Sub(since))
	}
	tone := []algesta.Tone{algesta.Bad, algesta.Warning, algesta.Good, algesta.Neutral}[podRank(pod)]
	d.title(tone, "{}, {}", word, count(rollout.Restarts(pod), "restart"))
	d.field("why", d.why(pod, s))
	if last := lastEnd(pod); last != nil {
		d.field("last end", d.quote(endWords(*last))+", "+span(now.Sub(last.FinishedAt.Time))+" ago")
	}
	d.field("node", d.quote(pod.Spec.NodeName))
	d.field("ip", d.quote(pod.Status.PodIP))
	d.field("quality of service", string(pod.Status.QOSClass))
	d.field("service account", d.quote(pod.Spec.ServiceAccountName))
	d.about(pod)
	d.containers(pod.Spec, slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses))
	for _, condition := range pod.Status.Conditions {
		if condition.Status == corev1.ConditionFalse && condition.Message != "" && pod.Status.Phase != corev1.PodSucceeded {
			d.wrong("{}: {}", string(condition.Type), d.quote(condition.Message))
		}
	}
	d.wanted(pod.Spec, pod.Spec.NodeName == "")
	d.variables(ctx, c, pod.Spec)
	return nil
}

// why is why a pod isn't well, as every other answer says it; what the kubelet or the scheduler wrote where no rule knows that.
func (d *description) why(pod *corev1.Pod, s rollout.PodState) string {
	if s.Reason == "" {
		return d.quote(s.Message)
	}
	owner := algesta.Object{Kind: podKind, Namespace: pod.Namespace, Name: workloadOf(pod)}
	if what, known := rollout.WhyPod(pod, owner, d.in.Command.At); known {
		return d.quote(what.String())
	}
	return d.quote(s.Message)
}

// changedAt is since when a pod is ready, or isn't; zero where nobody said.
func changedAt(pod *corev1.Pod) time.Time {
	if ready := facts.PodCondition(pod, corev1.PodReady); ready != nil && ready.Status != corev1.ConditionUnknown {
		return ready.LastTransitionTime.Time
	}
	return time.Time{}
}

// endWords is how an instance of a container ended: "exit code 137 (OOMKilled)".
func endWords(t corev1.ContainerStateTerminated) string {
	out := fmt.Sprintf("exit code %d", t.ExitCode)
	if t.Reason != "" {
		out += " (" + t.Reason + ")"
	}
	if t.Message != "" {
		out += ": " + t.Message
	}
	return out
}

// containers adds a row for each. Without statuses they are those of a template.
func (d *description) containers(spec corev1.PodSpec, statuses []corev1.ContainerStatus) {
	table := algesta.Table{Head: []string{"container", "image", "cpu", "memory", "ports"}}
	running := len(statuses) > 0
	if running {
		table.Head = []string{"container", "state", "restarts", "image", "cpu", "memory", "ports"}
	}
	add := func(c corev1.Container, init bool) {
		name := algesta.Say("{}", algesta.Name(c.Name))
		if init {
			name = algesta.Say("{} (init)", name)
		}
		row := []algesta.Text{name}
		if running {
			state, restarts := "not started", "–"
			if i := slices.IndexFunc(statuses, func(s corev1.ContainerStatus) bool { return s.Name == c.Name }); i >= 0 {
				state, restarts = d.stateWords(statuses[i]), fmt.Sprint(statuses[i].RestartCount)
			}
			row = append(row, algesta.Say("{}", state), algesta.Say("{}", restarts))
		}
		table.Rows = append(table.Rows, append(row, orDash(d.quote(rollout.ShortImage(c.Image))),
			algesta.Say("{}", askedFor(c, corev1.ResourceCPU)), algesta.Say("{}", askedFor(c, corev1.ResourceMemory)), orDash(d.ports(c))))
		d.probes(c)
	}
	for _, c := range spec.InitContainers {
		add(c, true)
	}
	for _, c := range spec.Containers {
		add(c, false)
	}
	d.table(table, "container", mostRows)
}

// stateWords is what a container does now, since when, and how it ended.
func (d *description) stateWords(s corev1.ContainerStatus) string {
	now := d.in.Command.At
	switch {
	case s.State.Waiting != nil:
		return "waits (" + orElse(d.quote(s.State.Waiting.Reason), "no reason given") + ")"
	case s.State.Terminated != nil:
		return "ended " + span(now.Sub(s.State.Terminated.FinishedAt.Time)) + " ago, " + d.quote(endWords(*s.State.Terminated))
	case s.State.Running != nil:
		word := "ready"
		if !s.Ready {
			word = "running, not ready"
		}
		return word + ", started " + span(now.Sub(s.State.Running.StartedAt.Time)) + " ago"
	}
	return "not started"
}

// askedFor is what a container requests, and its limit: "250m, at most 1".
func askedFor(c corev1.Container, name corev1.ResourceName) string {
	words := func(q resource.Quantity, there bool) string {
		if !there {
			return "none"
		}
		return amount(q)
	}
	request, hasRequest := c.Resources.Requests[name]
	limit, hasLimit := c.Resources.Limits[name]
	if !hasRequest && !hasLimit {
		return "–"
	}
	return words(request, hasRequest) + ", limit " + words(limit, hasLimit)
}

func (d *description) ports(c corev1.Container) string {
	var out []string
	for _, p := range c.Ports {
		port := fmt.Sprint(p.ContainerPort)
		if p.Name != "" {
			port += " (" + p.Name + ")"
		}
		out = append(out, port)
	}
	return d.quote(strings.Join(out, ", "))
}

// probes say when the kubelet restarts a container or takes it out of its Service. What a probe runs in it, and its headers, aren't shown.
func (d *description) probes(c corev1.Container) {
	for _, probe := range []struct {
		what string
		*corev1.Probe
	}{
		{"is given up and restarted while it starts", c.StartupProbe},
		{"is restarted", c.LivenessProbe},
		{"is taken out of its Service", c.ReadinessProbe},
	} {
		if probe.Probe == nil {
			continue
		}
		after := orNumber(probe.PeriodSeconds, 10) * orNumber(probe.FailureThreshold, 3)
		d.say(
			"{} {} when {} fails for {} s ({} times, every {} s, first after {} s).",
			algesta.Name(c.Name),
			probe.what,
			d.probeAsks(probe.Probe),
			after,
			orNumber(probe.FailureThreshold, 3),
			orNumber(probe.PeriodSeconds, 10),
			probe.InitialDelaySeconds,
		)
	}
}

func (d *description) probeAsks(p *corev1.Probe) string {
	switch {
	case p.HTTPGet != nil:
		return d.quote(fmt.Sprintf("GET :%s%s", p.HTTPGet.Port.String(), orElse(p.HTTPGet.Path, "/")))
	case p.TCPSocket != nil:
		return d.quote("TCP :" + p.TCPSocket.Port.String())
	case p.GRPC != nil:
		return fmt.Sprintf("gRPC :%d", p.GRPC.Port)
	}
	return "a command in it"
}

// wanted says what a pod mounts files from and, where it waits for a node, which nodes it wants.
func (d *description) wanted(spec corev1.PodSpec, waits bool) {
	var from []string
	for _, v := range spec.Volumes {
		if source, _ := facts.VolumeSource(v, d.in.Command.Target.Namespace); source.Name != "" {
			from = append(from, v.Name+" from "+source.Words())
		} else if v.EmptyDir != nil {
			from = append(from, v.Name+" (empty at start)")
		} else if v.HostPath != nil {
			from = append(from, v.Name+" from the node itself")
		}
	}
	if len(from) > 0 {
		d.say("Volumes: {}.", d.quote(list(clipped(from))))
	}
	if len(spec.NodeSelector) > 0 {
		d.say("It runs on nodes with {} alone.", algesta.Name(d.labels(spec.NodeSelector)))
	}
	if waits && len(spec.Tolerations) > 0 {
		var tolerated []string
		for _, t := range spec.Tolerations {
			tolerated = append(tolerated, orElse(t.Key, "every taint"))
		}
		slices.Sort(tolerated)
		d.say("It tolerates {}.", d.quote(list(clipped(slices.Compact(tolerated)))))
	}
}
