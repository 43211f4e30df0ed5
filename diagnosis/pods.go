package diagnosis

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta/words"
)

// instance is one container of one pod that is not well.
type instance struct {
	s        *Snapshot
	pod      *corev1.Pod
	owner    *workload
	spec     *corev1.Container
	status   *corev1.ContainerStatus
	init     bool
	crashing bool                             // in the loop of running, ended and waiting
	died     *corev1.ContainerStateTerminated // its latest end; nil when it never ended
	log      *logView                         // of the instance that failed; nil when it was not read
	pull     pullFailure                      // filled when its image cannot be pulled
}

// pending is a pod that does not get as far as running its containers.
type pending struct {
	s     *Snapshot
	pod   *corev1.Pod
	owner *workload
	room  *room // shared by all pods of one diagnosis
}

// The windows of judgement. A crash loop alternates between running, ended and waiting, and its back-off grows to five
// minutes and is reset after ten of running; so ten minutes see every loop.
const (
	crashWindow   = 10 * time.Minute
	historyWindow = time.Hour
	startSlack    = 30 * time.Second
	pendingSlack  = 30 * time.Second
)

// waitingIsNormal are the reasons to wait that every pod goes through.
var waitingIsNormal = map[string]bool{"": true, "ContainerCreating": true, "PodInitializing": true}

func (s *Snapshot) findInPods(add func(*Rule, *finding)) {
	space := s.room()
	for _, p := range s.pods {
		if p.DeletionTimestamp != nil {
			s.askPod(add, p, space)
			continue
		}
		if over(p) || podReady(p) && s.steady(p) {
			continue
		}
		if !s.askContainers(add, p) {
			s.askPod(add, p, space)
		}
	}
}

// steady says that a ready pod has not restarted within the window of history.
func (s *Snapshot) steady(p *corev1.Pod) bool {
	for i := range p.Status.ContainerStatuses {
		if last := p.Status.ContainerStatuses[i].LastTerminationState.Terminated; last != nil && s.age(last.FinishedAt.Time) < historyWindow {
			return false
		}
	}
	return true
}

func (s *Snapshot) askPod(add func(*Rule, *finding), p *corev1.Pod, space *room) {
	view := &pending{s: s, pod: p, owner: s.index.podOwner[p], room: space}
	for i := range table {
		if table[i].pod == nil {
			continue
		}
		if f := table[i].pod(view); f != nil {
			view.fill(f)
			add(&table[i], f)
			return
		}
	}
}

func (v *pending) fill(f *finding) {
	f.hits = append(f.hits, v.owner.ref)
	f.pods = append(f.pods, v.pod)
	if f.subject == (Ref{}) {
		f.subject = v.owner.ref
	}
	if f.since.IsZero() {
		f.since = v.pod.CreationTimestamp.Time
	}
	if f.sure == "" {
		f.sure = High
	}
}

// askContainers names what is wrong with the first container that is not well. The others of the pod usually only wait.
func (s *Snapshot) askContainers(add func(*Rule, *finding), p *corev1.Pod) bool {
	found := false
	for _, c := range s.sickContainers(p) {
		for i := range table {
			if table[i].container == nil {
				continue
			}
			if f := table[i].container(c); f != nil {
				c.fill(f)
				add(&table[i], f)
				found = true
				break
			}
		}
	}
	return found
}

func (c *instance) fill(f *finding) {
	f.hits = append(f.hits, c.owner.ref)
	f.pods = append(f.pods, c.pod)
	if f.subject == (Ref{}) {
		f.subject = c.owner.ref
	}
	if f.key == "" && f.subject == c.owner.ref {
		f.key = c.spec.Name
	}
	if f.state == "" {
		f.state = c.state()
	}
	if f.since.IsZero() {
		f.since = c.pod.CreationTimestamp.Time
	}
	if f.sure == "" {
		f.sure = High
	}
	f.calls = append(f.calls, c.probed(f)...)
}

// probed is the Service that a container needs whose probe fails, when its log says that it does not reach it.
func (c *instance) probed(f *finding) []Ref {
	why, ok := c.log.explain()
	if !ok || !strings.HasPrefix(why.id, "dependency-") || f.effect != keepCrashing || len(f.calls) > 0 || !f.byProbe {
		return nil
	}
	if to := c.dependency(why); to.subject.Kind == KindService && c.s.silent(to.subject) {
		return []Ref{to.subject}
	}
	return nil
}

// state is what kubectl shows for the container.
func (c *instance) state() string {
	prefix := ""
	if c.init {
		prefix = "Init:"
	}
	switch {
	case c.status.State.Waiting != nil:
		return prefix + c.status.State.Waiting.Reason
	case c.crashing && c.died != nil && c.died.Reason != "":
		return prefix + "restarting (" + c.died.Reason + ")"
	case c.status.State.Terminated != nil:
		return prefix + c.status.State.Terminated.Reason
	}
	return prefix + "running, not ready"
}

func (s *Snapshot) sickContainers(p *corev1.Pod) []*instance {
	var sick []*instance
	look := func(specs []corev1.Container, statuses []corev1.ContainerStatus, init bool) {
		for i := range specs {
			for j := range statuses {
				if statuses[j].Name != specs[i].Name {
					continue
				}
				c := &instance{s: s, pod: p, owner: s.index.podOwner[p], spec: &specs[i], status: &statuses[j], init: init}
				if c.examine() {
					c.log = s.logOf(c)
					c.pull = c.pullFailure()
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
func (c *instance) examine() bool {
	state, last := c.status.State, c.status.LastTerminationState.Terminated
	c.died = last
	if state.Terminated != nil {
		c.died = state.Terminated
	}
	if c.init && !c.sidecar() {
		return c.examineInit()
	}
	if state.Waiting != nil {
		c.crashing = state.Waiting.Reason == "CrashLoopBackOff"
		return !waitingIsNormal[state.Waiting.Reason] || c.diedRecently(1)
	}
	if state.Terminated != nil {
		if c.pod.Spec.RestartPolicy == corev1.RestartPolicyNever || c.pod.Spec.RestartPolicy == corev1.RestartPolicyOnFailure && state.Terminated.ExitCode == 0 {
			return false // the Job says when that is a failure
		}
		c.crashing = true
		return state.Terminated.ExitCode != 0 || c.status.RestartCount > 0
	}
	if c.diedRecently(2) {
		c.crashing = true
		return true
	}
	if last != nil && c.s.age(last.FinishedAt.Time) < historyWindow && (c.status.RestartCount >= 3 || last.Reason == "OOMKilled") {
		return true
	}
	return c.late()
}

// diedRecently says that it has restarted at least so often, and lately, and has not run for long since.
func (c *instance) diedRecently(restarts int32) bool {
	if c.died == nil || c.status.RestartCount < restarts || c.s.age(c.died.FinishedAt.Time) >= crashWindow {
		return false
	}
	running := c.status.State.Running
	return running == nil || c.s.age(running.StartedAt.Time) < crashWindow
}

func (c *instance) examineInit() bool {
	state := c.status.State
	switch {
	case state.Waiting != nil:
		c.crashing = state.Waiting.Reason == "CrashLoopBackOff" || c.diedRecently(1)
		return !waitingIsNormal[state.Waiting.Reason] || c.crashing
	case state.Terminated != nil:
		c.crashing = state.Terminated.ExitCode != 0
		return c.crashing && c.pod.Spec.RestartPolicy != corev1.RestartPolicyNever
	case state.Running != nil:
		c.crashing = c.diedRecently(2)
		return c.crashing || c.s.age(state.Running.StartedAt.Time) > 5*time.Minute
	}
	return false
}

// sidecar says that an init container keeps running beside the others.
func (c *instance) sidecar() bool {
	return c.spec.RestartPolicy != nil && *c.spec.RestartPolicy == corev1.ContainerRestartPolicyAlways
}

// sidecarAhead says that the containers of the pod still wait for this sidecar.
func (c *instance) sidecarAhead() bool {
	return c.init && c.sidecar() && c.pod.Status.Phase == corev1.PodPending
}

// late says that the container runs, is not ready, and has had the time its own probes grant it. A pod is Pending as long as a
// sidecar of it has not started.
func (c *instance) late() bool {
	if c.status.Ready || c.status.State.Running == nil || c.pod.Status.Phase != corev1.PodRunning && !c.sidecarAhead() {
		return false
	}
	return c.s.age(c.status.State.Running.StartedAt.Time) > c.startWindow()+startSlack
}

func (c *instance) startWindow() time.Duration {
	var window time.Duration
	for _, probe := range []*corev1.Probe{c.spec.StartupProbe, c.spec.ReadinessProbe} {
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

// ref names the pod.
func (c *instance) ref() Ref { return refOf(KindPod, c.pod) }

// waits returns the waiting reason and message, empty when it is not waiting.
func (c *instance) waits() (reason, message string) {
	if w := c.status.State.Waiting; w != nil {
		return w.Reason, w.Message
	}
	return "", ""
}

// field is the path of something in the container's status, as people find it with kubectl -o yaml.
func (c *instance) field(path string) string {
	list := "containerStatuses"
	if c.init {
		list = "initContainerStatuses"
	}
	return fmt.Sprintf("status.%s[%s].%s", list, c.spec.Name, path)
}

func (c *instance) waitingEvidence() Evidence {
	reason, message := c.waits()
	return Evidence{Object: c.ref(), Field: c.field("state.waiting"), Quote: strings.TrimSuffix(reason+": "+message, ": "), At: moment(c.pod.CreationTimestamp.Time), Count: 1}
}

func (c *instance) endEvidence() Evidence {
	field := "lastState.terminated"
	if c.status.State.Terminated != nil {
		field = "state.terminated"
	}
	quote := fmt.Sprintf("%s, exit code %d", c.died.Reason, c.died.ExitCode)
	if !c.died.StartedAt.IsZero() {
		quote += fmt.Sprintf(", after %s", words.Span(max(0, c.died.FinishedAt.Sub(c.died.StartedAt.Time))))
	}
	if c.status.RestartCount > 0 {
		quote += ", " + words.Count(int(c.status.RestartCount), "restart")
	}
	if c.died.Message != "" {
		quote += ": " + c.died.Message
	}
	return Evidence{Object: c.ref(), Field: c.field(field), Quote: quote, At: moment(c.died.FinishedAt.Time), Count: 1}
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// container names the container where the pod has more than one.
func (c *instance) container() string {
	kind := "container"
	if c.init {
		kind = "init container"
	}
	return kind + " " + c.spec.Name
}
