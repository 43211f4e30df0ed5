package rollout

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta"
)

// oneByOne is how many pods are waited for one after another where nothing else says how long a rollout may take.
func (c Controller) oneByOne() int32 {
	if c.Kind == deploymentKind {
		return 1
	}
	return c.Desired
}

// blocking are the old pods for which an ordered rollout waits: while one isn't ready its controller neither makes nor replaces any pod,
// and that one itself neither (processReplica in pkg/controller/statefulset of Kubernetes; "forced rollback" in its documentation). So a
// change doesn't repair a pod that can't run: someone has to delete it. One that failed as a whole is made again.
func (r Rollout) blocking(old []*corev1.Pod) []*corev1.Pod {
	if !r.Controller.Ordered || r.Controller.ByHand || r.Controller.Observed < r.Controller.Generation {
		return nil
	}
	var out []*corev1.Pod
	for _, pod := range old {
		ended := pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded
		if !IsReady(pod) && pod.DeletionTimestamp == nil && !ended {
			out = append(out, pod)
		}
	}
	return out
}

// Blocking are the pods that no change of the template replaces, because they aren't ready: those of an ordered rollout, of whichever
// revision, that can't run as they are.
func (r Rollout) Blocking() []*corev1.Pod {
	if r.Controller == nil || r.Controller.ByHand {
		return nil
	}
	var out []*corev1.Pod
	for _, pod := range r.blocking(r.Pods) {
		if StateOf(pod).Reason != "" {
			out = append(out, pod)
		}
	}
	return out
}

// whyBlocked says what an ordered rollout waits for, and what helps.
func (r Rollout) whyBlocked(pod *corev1.Pod, s PodState) algesta.Text {
	what := algesta.Say("isn't ready")
	if s.Reason != "" {
		what = algesta.Say("{} ({})", plural(s.Word, 1), quote(s.Reason))
	}
	return algesta.Say(
		"Pod {} {}, and {} replaces no pod while one isn't ready (podManagementPolicy OrderedReady). "+
			"Once {} is deleted, it's created again from the new template.",
		algesta.Name(pod.Name), what, algesta.Name(r.Workload.Name), algesta.Name(pod.Name),
	)
}
