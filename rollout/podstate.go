package rollout

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// PodState is a pod in words.
type PodState struct {
	Word string // "ready", "pulling image", "crashing": follows the pod's name
	// Reason is Kubernetes' own word for what is wrong, "" while nothing is: CrashLoopBackOff, ImagePullBackOff, Unschedulable, …
	Reason    string
	Container string
	Message   string // of the kubelet or the scheduler, not yet cleaned
	Restarts  int32  // of the container that is in trouble, else of all
	Exit      int32  // of the last instance that ended with an error
}

// startReasons are waiting reasons of a container that is on its way.
var startReasons = []string{"", "ContainerCreating", "PodInitializing"}

// StateOf says what a pod is doing. What is in trouble comes before what is merely not ready.
func StateOf(pod *corev1.Pod) PodState {
	switch {
	case pod.DeletionTimestamp != nil:
		return PodState{Word: "stopping", Restarts: Restarts(pod)}
	case pod.Status.Phase == corev1.PodFailed:
		return PodState{Word: "failed", Reason: orElse(pod.Status.Reason, "Failed"), Message: pod.Status.Message, Restarts: Restarts(pod)}
	case pod.Status.Phase == corev1.PodSucceeded:
		return PodState{Word: "ended", Restarts: Restarts(pod)}
	}
	for i, c := range pod.Status.InitContainerStatuses {
		if s, trouble := containerTrouble(c, false); trouble {
			s.Word += " in its init container"
			return s
		}
		if c.State.Terminated == nil && (c.Started == nil || !*c.Started) { // a started one is a sidecar
			return PodState{Word: fmt.Sprintf("init %d of %d", i, len(pod.Status.InitContainerStatuses)), Container: c.Name, Restarts: Restarts(pod)}
		}
	}
	restarted := pod.Spec.RestartPolicy == "" || pod.Spec.RestartPolicy == corev1.RestartPolicyAlways
	for _, c := range pod.Status.ContainerStatuses {
		if s, trouble := containerTrouble(c, restarted); trouble {
			return s
		}
	}
	if IsReady(pod) {
		return PodState{Word: "ready", Restarts: Restarts(pod)}
	}
	return waitingState(pod)
}

// waitingState is a pod that is neither ready nor in trouble: waiting for a node, for its image, or for its probe.
func waitingState(pod *corev1.Pod) PodState {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && c.Reason == corev1.PodReasonUnschedulable {
			return PodState{Word: "waiting for a node", Reason: c.Reason, Message: c.Message}
		}
	}
	if pod.Spec.NodeName == "" {
		return PodState{Word: "not scheduled yet"}
	}
	for _, c := range pod.Status.ContainerStatuses {
		if c.State.Running != nil {
			return PodState{Word: "running, not ready", Container: c.Name, Restarts: c.RestartCount}
		}
	}
	return PodState{Word: "starting"}
}

// containerTrouble reports whether a container can't run, and why. One that is always restarted is meant to run for good: that it
// ended is trouble, whatever its exit code.
func containerTrouble(c corev1.ContainerStatus, restarted bool) (PodState, bool) {
	s := PodState{Container: c.Name, Restarts: c.RestartCount}
	for _, ended := range []*corev1.ContainerStateTerminated{c.State.Terminated, c.LastTerminationState.Terminated} {
		if ended != nil && s.Exit == 0 {
			s.Exit = ended.ExitCode
		}
	}
	if t := c.State.Terminated; t != nil && (t.ExitCode != 0 || restarted) {
		s.Word, s.Reason, s.Message = "crashing", orElse(t.Reason, "Error"), t.Message
		return s, true
	}
	w := c.State.Waiting
	if w == nil || slices.Contains(startReasons, w.Reason) {
		return PodState{}, false
	}
	s.Reason, s.Message = w.Reason, w.Message
	switch w.Reason {
	case "CrashLoopBackOff":
		s.Word = "crashing"
	case "ErrImagePull",
		"ImagePullBackOff",
		"InvalidImageName",
		"ErrImageNeverPull",
		"ImageInspectError",
		"RegistryUnavailable",
		"SignatureValidationFailed":
		s.Word = "can't get its image"
	default: // CreateContainerConfigError, CreateContainerError, RunContainerError, PreCreateHookError, …
		s.Word = "can't start"
	}
	return s, true
}

// IsReady reports whether the pod takes requests.
func IsReady(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

// Restarts is how often containers of the pod were restarted, ever.
func Restarts(pod *corev1.Pod) int32 {
	var n int32
	for _, c := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		n += c.RestartCount
	}
	return n
}
