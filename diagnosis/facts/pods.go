package facts

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta/words"
)

// Container is one container of one pod that is not well.
type Container struct {
	Snapshot *Snapshot
	Pod      *corev1.Pod
	Owner    *Workload
	Spec     *corev1.Container
	Status   *corev1.ContainerStatus
	Init     bool
	Crashing bool                             // in the loop of running, ended and waiting
	Died     *corev1.ContainerStateTerminated // its latest end; nil when it never ended
	Log      *Log                             // of the instance that failed; nil when it was not read
	Pull     PullFailure                      // filled when its image cannot be pulled
}

// Pending is a pod that does not get as far as running its containers.
type Pending struct {
	Snapshot *Snapshot
	Pod      *corev1.Pod
	Owner    *Workload
	Room     *Room // shared by all pods of one diagnosis
}

// The windows of judgement. A crash loop alternates between running, ended and waiting, and its back-off grows to five
// minutes and is reset after ten of running; so ten minutes see every loop.
const (
	CrashWindow   = 10 * time.Minute
	HistoryWindow = time.Hour
	startSlack    = 30 * time.Second
	PendingSlack  = 30 * time.Second
)

// waitingIsNormal are the reasons to wait that every pod goes through.
var waitingIsNormal = map[string]bool{"": true, "ContainerCreating": true, "PodInitializing": true}

// Steady says that a ready pod has not restarted within the window of history.
func (s *Snapshot) Steady(p *corev1.Pod) bool {
	for i := range p.Status.ContainerStatuses {
		if last := p.Status.ContainerStatuses[i].LastTerminationState.Terminated; last != nil && s.Age(last.FinishedAt.Time) < HistoryWindow {
			return false
		}
	}
	return true
}

// State is what kubectl shows for the container.
func (c *Container) State() string {
	prefix := ""
	if c.Init {
		prefix = "Init:"
	}
	switch {
	case c.Status.State.Waiting != nil:
		return prefix + c.Status.State.Waiting.Reason
	case c.Crashing && c.Died != nil && c.Died.Reason != "":
		return prefix + "restarting (" + c.Died.Reason + ")"
	case c.Status.State.Terminated != nil:
		return prefix + c.Status.State.Terminated.Reason
	}
	return prefix + "running, not ready"
}

// UnhealthyContainers are the containers of a pod that are not well, init containers first.
func (s *Snapshot) UnhealthyContainers(p *corev1.Pod) []*Container {
	var sick []*Container
	look := func(specs []corev1.Container, statuses []corev1.ContainerStatus, init bool) {
		for i := range specs {
			for j := range statuses {
				if statuses[j].Name != specs[i].Name {
					continue
				}
				c := &Container{Snapshot: s, Pod: p, Owner: s.index.podOwner[p], Spec: &specs[i], Status: &statuses[j], Init: init}
				if c.examine() {
					if c.Log = s.logOf(c); c.Log == nil || c.Log.lines == 0 {
						c.Log = s.lastMessage(c)
					}
					c.Pull = c.pullFailure()
					sick = append(sick, c)
				}
			}
		}
	}
	look(p.Spec.InitContainers, p.Status.InitContainerStatuses, true)
	look(p.Spec.Containers, p.Status.ContainerStatuses, false)
	return sick
}

// examine decides whether the container is sick, over the window and not from the instant.
func (c *Container) examine() bool {
	state, last := c.Status.State, c.Status.LastTerminationState.Terminated
	c.Died = last
	if state.Terminated != nil {
		c.Died = state.Terminated
	}
	if c.Init && !c.Sidecar() {
		return c.examineInit()
	}
	if state.Waiting != nil {
		c.Crashing = state.Waiting.Reason == "CrashLoopBackOff"
		return !waitingIsNormal[state.Waiting.Reason] || c.diedRecently(1)
	}
	if state.Terminated != nil {
		if c.Pod.Spec.RestartPolicy == corev1.RestartPolicyNever ||
			c.Pod.Spec.RestartPolicy == corev1.RestartPolicyOnFailure && state.Terminated.ExitCode == 0 {
			return false // the Job says when that is a failure
		}
		c.Crashing = true
		return state.Terminated.ExitCode != 0 || c.Status.RestartCount > 0
	}
	if c.diedRecently(2) {
		c.Crashing = true
		return true
	}
	if last != nil && c.Snapshot.Age(last.FinishedAt.Time) < HistoryWindow && (c.Status.RestartCount >= 3 || last.Reason == "OOMKilled") {
		return true
	}
	return c.late()
}

// diedRecently says that it has restarted at least so often, and lately, and has not run for long since.
func (c *Container) diedRecently(restarts int32) bool {
	if c.Died == nil || c.Status.RestartCount < restarts || c.Snapshot.Age(c.Died.FinishedAt.Time) >= CrashWindow {
		return false
	}
	running := c.Status.State.Running
	return running == nil || c.Snapshot.Age(running.StartedAt.Time) < CrashWindow
}

func (c *Container) examineInit() bool {
	state := c.Status.State
	switch {
	case state.Waiting != nil:
		c.Crashing = state.Waiting.Reason == "CrashLoopBackOff" || c.diedRecently(1)
		return !waitingIsNormal[state.Waiting.Reason] || c.Crashing
	case state.Terminated != nil:
		c.Crashing = state.Terminated.ExitCode != 0
		return c.Crashing && c.Pod.Spec.RestartPolicy != corev1.RestartPolicyNever
	case state.Running != nil:
		c.Crashing = c.diedRecently(2)
		return c.Crashing || c.Snapshot.Age(state.Running.StartedAt.Time) > 5*time.Minute
	}
	return false
}

// Sidecar says that an init container keeps running beside the others.
func (c *Container) Sidecar() bool {
	return c.Spec.RestartPolicy != nil && *c.Spec.RestartPolicy == corev1.ContainerRestartPolicyAlways
}

// sidecarAhead says that the containers of the pod still wait for this sidecar.
func (c *Container) sidecarAhead() bool {
	return c.Init && c.Sidecar() && c.Pod.Status.Phase == corev1.PodPending
}

// late says that the container runs, is not ready, and has had the time its own probes grant it. A pod is Pending as long as a
// sidecar of it has not started.
func (c *Container) late() bool {
	if c.Status.Ready || c.Status.State.Running == nil || c.Pod.Status.Phase != corev1.PodRunning && !c.sidecarAhead() {
		return false
	}
	return c.Snapshot.Age(c.Status.State.Running.StartedAt.Time) > c.startWindow()+startSlack
}

func (c *Container) startWindow() time.Duration {
	var window time.Duration
	for _, probe := range []*corev1.Probe{c.Spec.StartupProbe, c.Spec.ReadinessProbe} {
		if probe == nil {
			continue
		}
		period, failures := cmp.Or(max(probe.PeriodSeconds, 0), 10), cmp.Or(max(probe.FailureThreshold, 0), 3)
		window += time.Duration(probe.InitialDelaySeconds+period*failures+cmp.Or(max(probe.TimeoutSeconds, 0), 1)) * time.Second
		if probe.SuccessThreshold > 1 {
			window += time.Duration(period*(probe.SuccessThreshold-1)) * time.Second
		}
	}
	return window
}

// Ref names the pod.
func (c *Container) Ref() Ref { return RefOf(KindPod, c.Pod) }

// Waits returns the waiting reason and message, empty when it is not waiting.
func (c *Container) Waits() (reason, message string) {
	if w := c.Status.State.Waiting; w != nil {
		return w.Reason, w.Message
	}
	return "", ""
}

// Field is the path of something in the container's status, as people find it with kubectl -o yaml.
func (c *Container) Field(path string) string {
	list := "containerStatuses"
	if c.Init {
		list = "initContainerStatuses"
	}
	return fmt.Sprintf("status.%s[%s].%s", list, c.Spec.Name, path)
}

// WaitingEvidence quotes why the container waits.
func (c *Container) WaitingEvidence() Evidence {
	reason, message := c.Waits()
	return Evidence{
		Object: c.Ref(),
		Field:  c.Field("state.waiting"),
		Quote:  strings.TrimSuffix(reason+": "+message, ": "),
		At:     Moment(c.Pod.CreationTimestamp.Time),
		Count:  1,
	}
}

// EndEvidence quotes how the container ended the last time.
func (c *Container) EndEvidence() Evidence {
	field := "lastState.terminated"
	if c.Status.State.Terminated != nil {
		field = "state.terminated"
	}
	quote := fmt.Sprintf("%s, exit code %d", c.Died.Reason, c.Died.ExitCode)
	if !c.Died.StartedAt.IsZero() {
		quote += fmt.Sprintf(", after %s", words.Span(max(0, c.Died.FinishedAt.Sub(c.Died.StartedAt.Time))))
	}
	if c.Status.RestartCount > 0 {
		quote += ", " + words.Count(int(c.Status.RestartCount), "restart")
	}
	if c.Died.Message != "" {
		quote += ": " + c.Died.Message
	}
	return Evidence{Object: c.Ref(), Field: c.Field(field), Quote: quote, At: Moment(c.Died.FinishedAt.Time), Count: 1}
}

// Words names the container where the pod has more than one.
func (c *Container) Words() string {
	kind := "container"
	if c.Init {
		kind = "init container"
	}
	return kind + " " + c.Spec.Name
}
