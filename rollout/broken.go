package rollout

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/words"
)

// How long a bad state lasts before it is a failure (reference kube.md, B.3). What recovers on its own gets longer.
const (
	crashesAtLeast  = 2                // restarts of a new pod that crashes
	configPatience  = 20 * time.Second // a Secret that is created at the same time
	absentPatience  = 10 * time.Second // a tag that is not there: one pull that failed twice
	accessPatience  = 30 * time.Second // Azure's registry tokens recover within a minute or two, its permissions do not
	pullPatience    = time.Minute      // the registry or the network
	nodePatience    = time.Minute      // until a pod without a node counts, unless a node is coming
	restartPatience = 20 * time.Second // a pod that was restarted may become ready this time
	evictedAtMost   = 3                // pods of one revision that failed as a whole
)

// broken reports that a rollout cannot come up, and why, in one sentence.
func (r Rollout) broken(fresh, blocking []*corev1.Pod, f Follow, now time.Time) (algesta.Text, bool) {
	if failure := r.Controller.Failure; failure != "" {
		return r.whyRefused(failure, now), true
	}
	if message := r.heldBack(now); message != "" && lasted(f, r.noPodsKey(), patienceWith(message), now) {
		return r.whyRefused(message, now), true
	}
	var failed int
	for _, pod := range fresh {
		s := StateOf(pod)
		if s.Word == "failed" && pod.CreationTimestamp.After(f.StartedAt.Add(-clocksDiffer)) {
			failed++
		}
		if r.hopeless(pod, s, f, now) {
			return r.why(pod, s, now), true
		}
	}
	for _, pod := range blocking {
		if s := StateOf(pod); r.hopeless(pod, s, f, now) {
			return r.whyBlocked(pod, s), true
		}
	}
	if failed >= evictedAtMost {
		return algesta.Say(
			"{} of {} failed as a whole, the last one with: {}",
			words.Count(failed, "pod"),
			r.name(),
			sentence(lastFailure(fresh)),
		), true
	}
	if r.Controller.OutOfTime.After(f.StartedAt) {
		return r.stuck(fresh, "before the deployment's progress deadline", now), true
	}
	if quiet := now.Sub(f.ChangedAt); quiet > r.patience() && !r.waitsForOthers(fresh, now) {
		if len(blocking) > 0 && len(fresh) == 0 {
			return r.whyBlocked(blocking[0], StateOf(blocking[0])), true
		}
		return r.stuck(fresh, "for "+words.Span(quiet), now), true
	}
	return nil, false
}

// hopeless reports that a pod will not come up on its own.
func (r Rollout) hopeless(pod *corev1.Pod, s PodState, f Follow, now time.Time) bool {
	since := func(patience time.Duration) bool { return lasted(f, seenKey(pod, s), patience, now) }
	switch {
	case s.Reason == "":
		return f.restartsInVain(pod, s, now)
	case s.Reason == "InvalidImageName", s.Reason == "ErrImageNeverPull":
		return true
	case strings.HasPrefix(s.Word, "can't get its image"):
		switch facts.PullProblemOf(s.Message, imageOf(pod, s.Container)) {
		case facts.PullMissing:
			return s.Reason == "ImagePullBackOff" || since(absentPatience)
		case facts.PullDenied:
			return since(accessPatience)
		default: // the registry, the network or the node
			return since(pullPatience)
		}
	case strings.HasPrefix(s.Word, "crashing"):
		// A pod that is older than the write, or was ready, may have been restarted long ago: it has to happen now.
		return s.Restarts >= crashesAtLeast && (s.Reason == "CrashLoopBackOff" || f.restarted(pod) > 0)
	case s.Word == "waiting for a node":
		return since(nodePatience) && !r.NodesComing[string(pod.UID)]
	case strings.HasPrefix(s.Word, "can't start"):
		return since(configPatience) || s.Restarts >= crashesAtLeast
	}
	return false
}

// restartsInVain reports a pod that the kubelet restarts without CrashLoopBackOff: each of its runs is longer than the back-off.
func (f Follow) restartsInVain(pod *corev1.Pod, s PodState, now time.Time) bool {
	again := f.restarted(pod)
	if s.Word == "ready" {
		return again > crashesAtLeast && endedAfter(pod, now.Add(-time.Minute))
	}
	return again >= crashesAtLeast && lasted(f, restartedKey(pod), restartPatience, now)
}

func lasted(f Follow, key string, patience time.Duration, now time.Time) bool {
	since, known := f.FirstSeen[key]
	return known && now.Sub(since) >= patience
}

// patience is how long nothing may move: longer for pods that may take long to start or must be ready for a while.
func (r Rollout) patience() time.Duration {
	longest := stuckAfter
	for _, c := range r.Controller.Template.Spec.Containers {
		for _, probe := range []*corev1.Probe{c.StartupProbe, c.ReadinessProbe} {
			if probe != nil {
				longest = max(longest, time.Duration(probe.InitialDelaySeconds+probe.PeriodSeconds*probe.FailureThreshold)*time.Second)
			}
		}
	}
	return longest + r.Controller.MinReady
}

// waitsForOthers reports that new pods wait for what takes its time: a node that is being added, old pods that stop, or the
// replacement of a node that does not answer.
func (r Rollout) waitsForOthers(fresh []*corev1.Pod, now time.Time) bool {
	return stopping(r.Pods, now) || slices.ContainsFunc(fresh, func(pod *corev1.Pod) bool {
		return r.NodesComing[string(pod.UID)] || r.onDeadNode(pod)
	})
}

// stuck says what the new pods are doing instead of becoming ready.
func (r Rollout) stuck(fresh []*corev1.Pod, how string, now time.Time) algesta.Text {
	for _, pod := range fresh {
		if s := StateOf(pod); s.Reason != "" {
			return r.why(pod, s, now)
		}
	}
	for _, pod := range fresh {
		if s := StateOf(pod); s.Word == "running, not ready" && !r.onDeadNode(pod) {
			return algesta.Say("Pod {} of {} runs but is not ready: its readiness probe did not pass {}.", algesta.Name(pod.Name), r.name(), how)
		}
	}
	if message := r.refused(); message != "" {
		return r.whyRefused(message, now)
	}
	ready, _ := r.Ready()
	return algesta.Say("Nothing moved {}: {} of {} wanted pods of {} are ready.", how, ready, r.Desired(), r.name())
}

// name is what people call this rollout: "revision 41 of `x`".
func (r Rollout) name() algesta.Text {
	if n := r.Revision(); n > 0 {
		return algesta.Say("revision {}", n)
	}
	return algesta.Say("{}", algesta.Name(r.Workload.Name))
}

// exitBefore is "exit 1, " of the instance that ended last, "" when none is known.
func exitBefore(pod *corev1.Pod) string {
	if exit := lastExit(pod); exit != "" {
		return exit + ", "
	}
	return ""
}

// lastExit is how an instance of a container of the pod ended last: "exit 1" or "OOMKilled, exit 137"; "" when none did.
func lastExit(pod *corev1.Pod) string {
	var last *corev1.ContainerStateTerminated
	for _, c := range pod.Status.ContainerStatuses {
		for _, ended := range []*corev1.ContainerStateTerminated{c.State.Terminated, c.LastTerminationState.Terminated} {
			if ended != nil && (last == nil || ended.FinishedAt.After(last.FinishedAt.Time)) {
				last = ended
			}
		}
	}
	switch {
	case last == nil:
		return ""
	case last.Reason == "OOMKilled":
		return fmt.Sprintf("OOMKilled, exit %d", last.ExitCode)
	}
	return fmt.Sprintf("exit %d", last.ExitCode)
}

// lastWords is what the container wrote as its termination message, which is in the pod's status.
func lastWords(pod *corev1.Pod, container string) string {
	for _, c := range pod.Status.ContainerStatuses {
		if c.Name != container {
			continue
		}
		for _, ended := range []*corev1.ContainerStateTerminated{c.State.Terminated, c.LastTerminationState.Terminated} {
			if ended != nil && strings.TrimSpace(ended.Message) != "" {
				return quote(ended.Message)
			}
		}
	}
	return ""
}

func lastFailure(pods []*corev1.Pod) string {
	for _, pod := range pods {
		if s := StateOf(pod); s.Word == "failed" {
			return s.Reason + " " + s.Message
		}
	}
	return ""
}

// sentence is a message of the cluster, cleaned, with its full stop.
func sentence(message string) string {
	if message = quote(message); message == "" {
		return "no reason was given."
	}
	return strings.TrimRight(message, ".") + "."
}

// imageOf is the image of a container of the pod; "" where there is no such container.
func imageOf(pod *corev1.Pod, container string) string {
	for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		if c.Name == container {
			return c.Image
		}
	}
	return ""
}
