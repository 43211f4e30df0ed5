package runbooks

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// podState is a pod in words.
type podState struct {
	word string // "ready", "pulling image", "crashing": follows the pod's name
	// reason is Kubernetes' own word for what is wrong, "" while nothing is: CrashLoopBackOff, ImagePullBackOff, Unschedulable, …
	reason    string
	container string
	message   string // of the kubelet or the scheduler, not yet cleaned
	restarts  int32  // of the container that is in trouble, else of all
	exit      int32  // of the last instance that ended with an error
}

// startReasons are waiting reasons of a container that is on its way.
var startReasons = []string{"", "ContainerCreating", "PodInitializing"}

// stateOf tells what a pod is doing. What is in trouble comes before what is merely not ready.
func stateOf(pod *corev1.Pod) podState {
	switch {
	case pod.DeletionTimestamp != nil:
		return podState{word: "stopping", restarts: restartsOf(pod)}
	case pod.Status.Phase == corev1.PodFailed:
		return podState{word: "failed", reason: orElse(pod.Status.Reason, "Failed"), message: pod.Status.Message, restarts: restartsOf(pod)}
	case pod.Status.Phase == corev1.PodSucceeded:
		return podState{word: "ended", restarts: restartsOf(pod)}
	}
	for i, c := range pod.Status.InitContainerStatuses {
		if s, trouble := containerTrouble(c, false); trouble {
			s.word += " in its init container"
			return s
		}
		if c.State.Terminated == nil && (c.Started == nil || !*c.Started) { // a started one is a sidecar
			return podState{word: fmt.Sprintf("init %d of %d", i, len(pod.Status.InitContainerStatuses)), container: c.Name, restarts: restartsOf(pod)}
		}
	}
	restarted := pod.Spec.RestartPolicy == "" || pod.Spec.RestartPolicy == corev1.RestartPolicyAlways
	for _, c := range pod.Status.ContainerStatuses {
		if s, trouble := containerTrouble(c, restarted); trouble {
			return s
		}
	}
	if isReady(pod) {
		return podState{word: "ready", restarts: restartsOf(pod)}
	}
	return waitingState(pod)
}

// waitingState is a pod that is neither ready nor in trouble: waiting for a node, for its image, or for its probe.
func waitingState(pod *corev1.Pod) podState {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && c.Reason == corev1.PodReasonUnschedulable {
			return podState{word: "waiting for a node", reason: c.Reason, message: c.Message}
		}
	}
	if pod.Spec.NodeName == "" {
		return podState{word: "not scheduled yet"}
	}
	for _, c := range pod.Status.ContainerStatuses {
		if c.State.Running != nil {
			return podState{word: "running, not ready", container: c.Name, restarts: c.RestartCount}
		}
	}
	return podState{word: "starting"}
}

// containerTrouble tells whether a container cannot run, and why. One that is always restarted is meant to run for good: that it
// ended is trouble, whatever its exit code.
func containerTrouble(c corev1.ContainerStatus, restarted bool) (podState, bool) {
	s := podState{container: c.Name, restarts: c.RestartCount}
	for _, ended := range []*corev1.ContainerStateTerminated{c.State.Terminated, c.LastTerminationState.Terminated} {
		if ended != nil && s.exit == 0 {
			s.exit = ended.ExitCode
		}
	}
	if t := c.State.Terminated; t != nil && (t.ExitCode != 0 || restarted) {
		s.word, s.reason, s.message = "crashing", orElse(t.Reason, "Error"), t.Message
		return s, true
	}
	w := c.State.Waiting
	if w == nil || slices.Contains(startReasons, w.Reason) {
		return podState{}, false
	}
	s.reason, s.message = w.Reason, w.Message
	switch w.Reason {
	case "CrashLoopBackOff":
		s.word = "crashing"
	case "ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError", "RegistryUnavailable", "SignatureValidationFailed":
		s.word = "cannot get its image"
	default: // CreateContainerConfigError, CreateContainerError, RunContainerError, PreCreateHookError, …
		s.word = "cannot start"
	}
	return s, true
}

func isReady(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

func restartsOf(pod *corev1.Pod) int32 {
	var n int32
	for _, c := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		n += c.RestartCount
	}
	return n
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
