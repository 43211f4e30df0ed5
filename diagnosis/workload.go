package diagnosis

import (
	"strconv"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// workload is what runs pods and is asked about by name: a Deployment and its ReplicaSets, a StatefulSet, a DaemonSet,
// a Job, or a pod that nothing manages.
type workload struct {
	ref      Ref
	desired  int
	template *corev1.PodTemplateSpec // nil when the object was not read and only its pods are known
	pods     []*corev1.Pod           // that are neither being deleted nor finished
	ready    int                     // of those pods
	rollout  *rollout                // of a Deployment; nil for the others
	unread   bool                    // that not all of its pods were read: ready is what its status says
	finished []*corev1.Pod           // Failed and Succeeded pods that are still listed
	leaving  time.Time               // when the last of its pods that are being deleted must be gone
}

// rollout is what is special about a Deployment.
type rollout struct {
	deployment *appsv1.Deployment
	sets       []*appsv1.ReplicaSet // newest revision first
}

// current is the ReplicaSet of the newest template, or nil.
func (w *workload) current() *appsv1.ReplicaSet {
	if w.rollout == nil || len(w.rollout.sets) == 0 {
		return nil
	}
	return w.rollout.sets[0]
}

// before is the newest older ReplicaSet: what a rollback would bring back. Nil when there is none.
func (w *workload) before() *appsv1.ReplicaSet {
	if w.rollout == nil || len(w.rollout.sets) < 2 {
		return nil
	}
	return w.rollout.sets[1]
}

// isCurrent says that the pod is of the newest template.
func (w *workload) isCurrent(p *corev1.Pod) bool {
	set, owner := w.current(), metav1.GetControllerOfNoCopy(p)
	return set == nil || owner == nil || owner.Name == set.Name
}

// currentPods are the pods of the newest template.
func (w *workload) currentPods() []*corev1.Pod {
	var found []*corev1.Pod
	for _, p := range w.pods {
		if w.isCurrent(p) {
			found = append(found, p)
		}
	}
	return found
}

// countCurrent is how many pods there are of the newest template.
func (w *workload) countCurrent() int {
	n := 0
	for _, p := range w.pods {
		if w.isCurrent(p) {
			n++
		}
	}
	return n
}

func revisionOf(set *appsv1.ReplicaSet) int {
	n, err := strconv.Atoi(set.Annotations["deployment.kubernetes.io/revision"])
	if err != nil {
		return 0
	}
	return n
}
