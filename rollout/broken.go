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

// How long a bad state lasts before it is a failure (reference kube.md, B.3). What heals by itself gets longer.
const (
	crashesAtLeast  = 2                // restarts of a new pod that crashes
	configPatience  = 20 * time.Second // a Secret that is created at the same time
	absentPatience  = 10 * time.Second // a tag that is not there: one pull that failed twice
	accessPatience  = 30 * time.Second // Azure's registry tokens heal within a minute or two, its permissions do not
	pullPatience    = time.Minute      // the registry or the network
	nodePatience    = time.Minute      // until a pod without a place counts, unless a node is coming
	restartPatience = 20 * time.Second // a pod that was restarted may become ready this time
	evictedAtMost   = 3                // pods of one revision that failed as a whole
)

// broken reports that a rollout cannot come up, and why, in one sentence.
func (r Rollout) broken(fresh []*corev1.Pod, f Follow, now time.Time) (algesta.Text, bool) {
	if failure := r.Controller.Failure; failure != "" {
		return algesta.Say("The ReplicaSet of {} could not be made: {}", algesta.Name(r.Workload.Name), sentence(failure)), true
	}
	if message := r.heldBack(now); message != "" && lasted(f, r.noPodsKey(), patienceWith(message), now) {
		return r.whyRefused(message), true
	}
	var failed int
	for _, pod := range fresh {
		s := StateOf(pod)
		if s.Word == "failed" && pod.CreationTimestamp.After(f.StartedAt.Add(-clocksDiffer)) {
			failed++
		}
		if r.hopeless(pod, s, f, now) {
			return r.why(pod, s), true
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
		return r.stuck(fresh, "before the deadline of the deployment passed"), true
	}
	if quiet := now.Sub(f.ChangedAt); quiet > r.patience() && !r.waitsForOthers(fresh, now) {
		return r.stuck(fresh, "for "+words.Span(quiet)), true
	}
	return nil, false
}

// hopeless reports that a pod will not come up by itself.
func (r Rollout) hopeless(pod *corev1.Pod, s PodState, f Follow, now time.Time) bool {
	since := func(patience time.Duration) bool { return lasted(f, seenKey(pod, s), patience, now) }
	switch {
	case s.Reason == "":
		return f.restartsInVain(pod, s, now)
	case s.Reason == "InvalidImageName", s.Reason == "ErrImageNeverPull":
		return true
	case strings.HasPrefix(s.Word, "cannot get its image"):
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
	case strings.HasPrefix(s.Word, "cannot start"):
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
func (r Rollout) stuck(fresh []*corev1.Pod, how string) algesta.Text {
	for _, pod := range fresh {
		if s := StateOf(pod); s.Reason != "" {
			return r.why(pod, s)
		}
	}
	for _, pod := range fresh {
		if s := StateOf(pod); s.Word == "running, not ready" && !r.onDeadNode(pod) {
			return algesta.Say("Pod {} of {} runs, but its readiness probe did not pass {}.", algesta.Name(pod.Name), r.name(), how)
		}
	}
	if message := r.refused(); message != "" {
		return r.whyRefused(message)
	}
	ready, _ := r.Ready()
	return algesta.Say("Nothing moved {}: {} of {} wanted pods of {} are ready.", how, ready, r.Desired(), r.name())
}

// name is what a person calls this rollout: "revision 41 of `x`".
func (r Rollout) name() algesta.Text {
	if n := r.Revision(); n > 0 {
		return algesta.Say("revision {}", n)
	}
	return algesta.Say("{}", algesta.Name(r.Workload.Name))
}

// why says in one sentence why a pod cannot run.
func (r Rollout) why(pod *corev1.Pod, s PodState) algesta.Text {
	name := algesta.Name(pod.Name)
	switch {
	case strings.HasPrefix(s.Word, "cannot get its image"):
		return whyNoImage(pod, s)
	case strings.HasPrefix(s.Word, "crashing") && outOfMemory(pod, s.Container):
		return algesta.Say(
			"Pod {} of {} is killed because it uses more memory than its limit (exit {}, {}).",
			name,
			r.name(),
			s.Exit,
			words.Count(s.Restarts, "restart"),
		)
	case s.Reason == "":
		return algesta.Say(
			"Pod {} of {} is restarted again and again ({}{}).",
			name,
			r.name(),
			exitBefore(pod),
			words.Count(Restarts(pod), "restart"),
		)
	case strings.HasPrefix(s.Word, "crashing") && s.Exit == 0:
		return algesta.Say(
			"Pod {} of {} ends after it starts, and is restarted again and again (exit 0, {}).",
			name,
			r.name(),
			words.Count(s.Restarts, "restart"),
		)
	case strings.HasPrefix(s.Word, "crashing"):
		out := algesta.Say("Pod {} of {} crashes after it starts (exit {}, {}).", name, r.name(), s.Exit, words.Count(s.Restarts, "restart"))
		if last := lastWords(pod, s.Container); last != "" {
			out = out.Then("It said: {}", words.Cited(last))
		}
		return out
	case s.Word == "waiting for a node":
		return algesta.Say("No node takes pod {} of {}: {}", name, r.name(), sentence(s.Message))
	}
	if missing := missingObject(s.Message); missing != nil {
		return algesta.Say("{}, so no pod of {} can start.", missing, r.name())
	}
	return algesta.Say("Pod {} of {} cannot start ({}): {}", name, r.name(), quote(s.Reason), sentence(s.Message))
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

// outOfMemory reports that the kernel ended the container for its memory.
func outOfMemory(pod *corev1.Pod, container string) bool {
	for _, c := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		for _, ended := range []*corev1.ContainerStateTerminated{c.State.Terminated, c.LastTerminationState.Terminated} {
			if c.Name == container && ended != nil && ended.Reason == "OOMKilled" {
				return true
			}
		}
	}
	return false
}

// lastWords is what the container wrote as its termination message, which lies in the pod itself.
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

// missingObject names the object or key that the message says is missing, nil when it says nothing of the kind.
func missingObject(message string) algesta.Text {
	if missing, key, found := facts.ReadMissingKey(message); found {
		return algesta.Say("{} {} has no key {}", missing.Kind, algesta.Name(quote(missing.Name)), algesta.Name(quote(key)))
	}
	if missing, forbidden, found := facts.ReadMissing(message); found && !forbidden {
		return algesta.Say("{} {} does not exist", missing.Kind, algesta.Name(quote(missing.Name)))
	}
	return nil
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

func whyNoImage(pod *corev1.Pod, s PodState) algesta.Text {
	image := imageOf(pod, s.Container)
	problem := facts.PullProblemOf(s.Message, image)
	shown := algesta.Name(quote(ShortImage(image)))
	switch {
	case s.Reason == "InvalidImageName":
		return algesta.Say("The image name {} is not valid.", algesta.Name(quote(image)))
	case s.Reason == "ErrImageNeverPull":
		return algesta.Say("The image {} is not on the node, and imagePullPolicy Never forbids to get it.", shown)
	case problem == facts.PullMissing:
		return algesta.Say("The image {} does not exist in its registry, so the pods cannot start.", shown)
	case problem == facts.PullDenied:
		return algesta.Say("The registry refuses to give {} to the cluster: its access is missing or expired.", shown)
	}
	return algesta.Say("The image {} cannot be pulled: {}", shown, sentence(s.Message))
}
