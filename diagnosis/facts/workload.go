package facts

import (
	"slices"
	"strconv"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// NewestPod is when the newest pod of a workload was created that is still there; with a ReplicaSet's name, of its pods.
func (w *Workload) NewestPod(set string) time.Time {
	var newest time.Time
	for _, p := range slices.Concat(w.Pods, w.Finished) {
		if owner := metav1.GetControllerOfNoCopy(p); set == "" && w.IsCurrent(p) || owner != nil && owner.Name == set {
			newest = Latest(newest, p.CreationTimestamp.Time)
		}
	}
	return newest
}

// Settling says that the pods that are missing are still within the time that starting takes: a pod is created,
// scheduled, pulled and probed; two minutes and its own probes' windows are granted.
func (s *Snapshot) Settling(w *Workload) bool {
	if w.Rollout != nil && s.Age(w.Rollout.Deployment.CreationTimestamp.Time) < time.Minute {
		return true
	}
	if len(w.Pods) < w.Desired {
		if e, refused := s.Recent(w.Ref, "FailedCreate"); refused && !w.NewestPod("").After(e.Last) {
			return false
		}
		return s.justScaled(w) || s.draining(w)
	}
	for _, p := range w.Pods {
		if PodReady(p) {
			continue
		}
		window := 2 * time.Minute
		for i := range p.Spec.Containers {
			c := Container{Spec: &p.Spec.Containers[i]}
			window = max(window, c.startWindow()+time.Minute)
		}
		if s.Age(p.CreationTimestamp.Time) > window {
			return false
		}
	}
	return true
}

// draining says that pods of the workload are on their way out, within the time they were given: what comes after them,
// as with strategy Recreate, may not have been made yet.
func (s *Snapshot) draining(w *Workload) bool {
	return !w.Leaving.IsZero() && s.now.Before(w.Leaving.Add(startSlack))
}

// justScaled says that the workload was changed less than a minute ago, so its controller may still be at it.
func (s *Snapshot) justScaled(w *Workload) bool {
	if began := w.CurrentBegan(); !began.IsZero() && s.Age(began) < time.Minute {
		return true
	}
	e, ok := s.Recent(w.Ref, "ScalingReplicaSet", "SuccessfulCreate")
	return ok && s.Age(e.Last) < time.Minute
}

// Workload is what runs pods and is asked about by name: a Deployment and its ReplicaSets, a StatefulSet, a DaemonSet,
// a Job, or a pod that nothing manages.
type Workload struct {
	Ref      Ref
	Desired  int
	Template *corev1.PodTemplateSpec // nil when the object was not read and only its pods are known
	Pods     []*corev1.Pod           // that are neither being deleted nor finished
	Ready    int                     // of those pods
	Rollout  *Rollout                // of a Deployment; nil for the others
	Unread   bool                    // that not all of its pods were read: ready is what its status says
	Finished []*corev1.Pod           // Failed and Succeeded pods that are still listed
	Leaving  time.Time               // when the last of its pods that are being deleted must be gone
	newest   string                  // of a StatefulSet or a DaemonSet whose template replaces another: how its pods are labeled
}

// Rollout is what is special about a Deployment.
type Rollout struct {
	Deployment *appsv1.Deployment
	Sets       []*appsv1.ReplicaSet // newest revision first
	failed     map[string]bool      // TemplateHashes of versions that never came up
}

// Current is the ReplicaSet of the newest template, or nil.
func (w *Workload) Current() *appsv1.ReplicaSet {
	if w.Rollout == nil || len(w.Rollout.Sets) == 0 {
		return nil
	}
	return w.Rollout.Sets[0]
}

// AddFailed says which versions of a Deployment, by the TemplateHash of their templates, never came up when the bot rolled them out.
func (s *Snapshot) AddFailed(deployment Ref, templates []string) {
	w := s.index.byRef[deployment]
	if w == nil || w.Rollout == nil {
		return
	}
	w.Rollout.failed = map[string]bool{}
	for _, template := range templates {
		w.Rollout.failed[template] = true
	}
}

// BackTo is the ReplicaSet that a rollback brings back: the newest older one that isn't known to have failed (AddFailed) and that runs
// something else than the current one. Nil when there is none.
func (w *Workload) BackTo() *appsv1.ReplicaSet {
	current := w.Current()
	if current == nil {
		return nil
	}
	now := templateOf(current)
	for _, set := range w.Rollout.Sets[1:] {
		if template := templateOf(set); template == "" || template != now && !w.Rollout.failed[template] {
			return set
		}
	}
	return nil
}

// ReplacesOther says that the pod is of the newest template of a StatefulSet or a DaemonSet, and that there was another before. Which one
// that was isn't known here: their controllers keep it in objects of their own.
func (w *Workload) ReplacesOther(p *corev1.Pod) bool {
	if w.newest == "" {
		return false
	}
	if w.Ref.Kind == KindDaemonSet {
		return p.Labels[templateGenerationLabel] == w.newest
	}
	return p.Labels[appsv1.ControllerRevisionHashLabelKey] == w.newest
}

// templateGenerationLabel is the label by which the controller of DaemonSets still counts templates on pods, as the annotation
// appsv1.DeprecatedTemplateGeneration does on the DaemonSet.
const templateGenerationLabel = "pod-template-generation"

// Before is the newest older ReplicaSet. Nil when there is none.
func (w *Workload) Before() *appsv1.ReplicaSet {
	if w.Rollout == nil || len(w.Rollout.Sets) < 2 {
		return nil
	}
	return w.Rollout.Sets[1]
}

// IsCurrent says that the pod is of the newest template.
func (w *Workload) IsCurrent(p *corev1.Pod) bool {
	set, owner := w.Current(), metav1.GetControllerOfNoCopy(p)
	return set == nil || owner == nil || owner.Name == set.Name
}

// CurrentPods are the pods of the newest template.
func (w *Workload) CurrentPods() []*corev1.Pod {
	var found []*corev1.Pod
	for _, p := range w.Pods {
		if w.IsCurrent(p) {
			found = append(found, p)
		}
	}
	return found
}

// CountCurrent is how many pods there are of the newest template.
func (w *Workload) CountCurrent() int {
	n := 0
	for _, p := range w.Pods {
		if w.IsCurrent(p) {
			n++
		}
	}
	return n
}

const revisionAnnotation = "deployment.kubernetes.io/revision"

// RevisionOf is the revision that the deployment controller gave a ReplicaSet; zero when it has none.
func RevisionOf(set *appsv1.ReplicaSet) int {
	n, err := strconv.Atoi(set.Annotations[revisionAnnotation])
	if err != nil {
		return 0
	}
	return n
}
