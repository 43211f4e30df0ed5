package diagnosis

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

var controllerRules = []Rule{
	{
		ID: "old-pods-remain", Family: "rollouts", Class: ClassLifecycle,
		Signal: "every pod of the newest revision has long been available, and a ReplicaSet of an older one still wants pods", Cause: "the deployment controller is behind, or something else scales the old ReplicaSet", Remedy: "scale the old ReplicaSet to zero",
		Source: "ReplicaSet spec.replicas of older revisions", snapshot: oldPodsRemain,
	},
	{
		ID: "statefulset-holds-old-pod", Family: "rollouts", Class: ClassLifecycle,
		Signal: "a pod of an ordered StatefulSet is not ready and is of an older revision than status.updateRevision", Cause: "the template was corrected, but the controller waits for the broken pod to become ready before it replaces it", Remedy: "delete the pod; it comes back from the new template",
		Source: "StatefulSet documentation, “Forced rollback”; label controller-revision-hash", snapshot: statefulSetHoldsOldPod,
	},
	{
		ID: "preempted", Family: "scheduling", Class: ClassLifecycle,
		Signal: "event Preempted, or condition DisruptionTarget with reason PreemptionByScheduler, within the last hour, of a workload that lacks pods now", Cause: "pods of a higher priority needed the room", Remedy: "add a node, or give the workload a higher priority",
		Source: "scheduler event Preempted", snapshot: preempted,
	},
	{
		ID: "autoscaler-cannot-scale", Family: "autoscaling", Class: ClassAutoscaling,
		Signal: "AbleToScale=False/FailedUpdateScale, or FailedGetScale with any other message than “not found”", Cause: "the API server refused the change: rights, a webhook, a conflict", Remedy: "read the message", Source: autoscalerSource,
		snapshot: autoscalerCannotScale,
	},
	{
		ID: "budgets-overlap", Family: "budgets", Class: ClassBudget, Risk: true,
		Signal: "two PodDisruptionBudgets select the pods of one workload", Cause: "a copy that was not removed", Remedy: "keep one of them", Source: "the eviction API refuses pods with more than one budget", snapshot: budgetsOverlap,
	},
}

func oldPodsRemain(s *Snapshot) []*finding {
	var found []*finding
	for _, w := range s.index.workloads {
		if w.rollout == nil || w.desired <= 0 || w.rollout.deployment.Spec.Paused || len(w.rollout.sets) < 2 || !s.longAvailable(w) {
			continue
		}
		for _, set := range w.rollout.sets[1:] {
			ref := refOf(KindReplicaSet, set)
			if int(ptr.Deref(set.Spec.Replicas, 1)) == 0 || !slices.ContainsFunc(w.pods, func(p *corev1.Pod) bool {
				owner := metav1.GetControllerOfNoCopy(p)
				return owner != nil && owner.Name == set.Name && podReady(p)
			}) {
				continue
			}
			found = append(found, &finding{
				subject: w.ref, key: set.Name, hits: []Ref{w.ref}, sure: Medium, level: Degraded, unsure: "Something may keep it on purpose.",
				what: fmt.Sprintf("Pods of revision %d of %s still serve beside those of revision %d, although its rollout is over", revisionOf(set), w.ref.Name, revisionOf(w.current())),
				shown: []Evidence{
					{Object: ref, Field: "spec.replicas", Quote: strconv.Itoa(int(ptr.Deref(set.Spec.Replicas, 1))), At: moment(set.CreationTimestamp.Time)},
					{Object: refOf(KindReplicaSet, w.current()), Field: "spec.replicas", Quote: strconv.Itoa(int(ptr.Deref(w.current().Spec.Replicas, 1))), At: moment(w.current().CreationTimestamp.Time)},
				},
				remedy: Remedy{Text: "Scale the old ReplicaSet to zero, and see what scales it.", Command: fmt.Sprintf("kubectl scale %s -n %s --replicas=0", ref, set.Namespace)},
			})
		}
	}
	return found
}

// longAvailable says that the newest revision has had all its pods available for so long that the controller must have
// removed the old ones.
func (s *Snapshot) longAvailable(w *workload) bool {
	wait := 2*time.Minute + time.Duration(w.rollout.deployment.Spec.MinReadySeconds)*time.Second
	available := 0
	for _, p := range w.currentPods() {
		if c := podCondition(p, corev1.PodReady); c != nil && c.Status == corev1.ConditionTrue && s.age(c.LastTransitionTime.Time) > wait {
			available++
		}
	}
	return available >= w.desired
}

func statefulSetHoldsOldPod(s *Snapshot) []*finding {
	var found []*finding
	for _, set := range s.statefulSets {
		if set.Spec.PodManagementPolicy == appsv1.ParallelPodManagement || set.Spec.UpdateStrategy.Type == appsv1.OnDeleteStatefulSetStrategyType || set.Status.UpdateRevision == "" || set.Status.ObservedGeneration < set.Generation {
			continue
		}
		ref := refOf(KindStatefulSet, set)
		for _, p := range s.index.byRef[ref].pods {
			revision := p.Labels[appsv1.ControllerRevisionHashLabelKey]
			if podReady(p) || revision == "" || revision == set.Status.UpdateRevision || s.age(p.CreationTimestamp.Time) < issuingIsNormal || ordinal(p) < partition(set) {
				continue
			}
			pod := refOf(KindPod, p)
			found = append(found, &finding{
				subject: ref, key: p.Name, hits: []Ref{ref}, pods: []*corev1.Pod{p}, overrules: true, sure: Medium, level: Degraded, since: p.CreationTimestamp.Time, unsure: "The pod may yet become ready by itself.",
				what:   fmt.Sprintf("StatefulSet %s has a newer template, but waits for pod %s of the old one to become ready before it replaces it", set.Name, p.Name),
				shown:  []Evidence{{Object: pod, Field: "metadata.labels[" + appsv1.ControllerRevisionHashLabelKey + "]", Quote: revision, At: moment(p.CreationTimestamp.Time)}, {Object: ref, Field: "status.updateRevision", Quote: set.Status.UpdateRevision}},
				remedy: Remedy{Text: "Delete the pod; it comes back from the new template and keeps its volume.", Command: fmt.Sprintf("kubectl delete %s -n %s", pod, p.Namespace)},
			})
			break // the controller goes one by one
		}
	}
	return found
}

func ordinal(p *corev1.Pod) int {
	n, err := strconv.Atoi(p.Name[strings.LastIndex(p.Name, "-")+1:])
	if err != nil {
		return 0
	}
	return n
}

// partition is the first ordinal that an update reaches.
func partition(set *appsv1.StatefulSet) int {
	if rolling := set.Spec.UpdateStrategy.RollingUpdate; rolling != nil && rolling.Partition != nil {
		return int(*rolling.Partition)
	}
	return 0
}

func preempted(s *Snapshot) []*finding {
	var found []*finding
	told := s.preemptions()
	for _, w := range s.index.workloads {
		if w.desired <= 0 || w.ready >= w.desired || w.ref.Kind == KindPod {
			continue
		}
		shown := s.preemptionsOf(w, told)
		if len(shown) == 0 {
			continue
		}
		f := &finding{
			subject: w.ref, hits: []Ref{w.ref}, overrules: true, sure: High, level: Degraded, shown: shown[:min(len(shown), maxEvidence)],
			what:   fmt.Sprintf("Pods of %s were removed to make room for pods of a higher priority", w.ref.Name),
			remedy: Remedy{Text: "Add a node, or give it a higher priority.", Command: "kubectl get priorityclasses"},
		}
		for _, e := range shown {
			if e.At != nil {
				f.since = earliest(f.since, *e.At)
			}
		}
		for _, p := range w.pods {
			if p.Spec.NodeName == "" {
				f.pods = append(f.pods, p)
				f.effect = cannotSchedule
			}
		}
		found = append(found, f)
	}
	return found
}

// preemptions are the pods of which the scheduler lately said that they had to go.
func (s *Snapshot) preemptions() []Ref {
	var gone []Ref
	for ref := range s.events {
		if ref.Kind != KindPod {
			continue
		}
		if _, ok := s.recent(ref, "Preempted"); ok {
			gone = append(gone, ref)
		}
	}
	slices.SortFunc(gone, Ref.compare)
	return gone
}

// preemptionsOf finds what the scheduler said about pods of a workload, most of which are gone: their names begin with
// the name of what made them.
func (s *Snapshot) preemptionsOf(w *workload, gone []Ref) []Evidence {
	var shown []Evidence
	for _, p := range w.finished {
		if c := podCondition(p, corev1.DisruptionTarget); c != nil && c.Reason == corev1.PodReasonPreemptionByScheduler && s.age(c.LastTransitionTime.Time) < historyWindow {
			shown = append(shown, Evidence{Object: refOf(KindPod, p), Field: "status.conditions[DisruptionTarget]", Quote: c.Message, At: moment(c.LastTransitionTime.Time), Count: 1})
		}
	}
	makers := []string{w.ref.Name + "-"}
	if w.rollout != nil {
		makers = nil
		for _, set := range w.rollout.sets {
			makers = append(makers, set.Name+"-")
		}
	}
	for _, ref := range gone {
		made := func(maker string) bool {
			rest, ours := strings.CutPrefix(ref.Name, maker)
			return ours && !strings.Contains(rest, "-")
		}
		if e, ok := s.recent(ref, "Preempted"); ok && ref.Namespace == w.ref.Namespace && slices.ContainsFunc(makers, made) {
			shown = append(shown, e.evidence(ref))
		}
	}
	return shown
}

func autoscalerCannotScale(s *Snapshot) []*finding {
	var found []*finding
	for _, h := range s.autoscalers {
		able := scalerCondition(h, autoscalingv2.AbleToScale)
		if able.Status != corev1.ConditionFalse || able.Reason != "FailedUpdateScale" && (able.Reason != "FailedGetScale" || strings.Contains(able.Message, "not found")) || s.age(able.LastTransitionTime.Time) < 2*time.Minute {
			continue
		}
		found = append(found, s.scalerFinding(h, able, fmt.Sprintf("%s %s may not change the number of pods: %s", KindAutoscaler, h.Name, s.refusedBecause(strings.TrimPrefix(able.Message, "the HPA controller was unable to update the target scale: "))), Remedy{Text: "Mend what the message names."}))
	}
	return found
}

func budgetsOverlap(s *Snapshot) []*finding {
	var found []*finding
	for _, w := range s.index.workloads {
		var budgets []Ref
		for _, ref := range s.index.downstream[w.ref] {
			if ref.Kind == KindBudget {
				budgets = append(budgets, ref)
			}
		}
		if len(budgets) < 2 || w.desired == 0 {
			continue
		}
		slices.SortFunc(budgets, Ref.compare)
		found = append(found, &finding{
			subject: budgets[1], hits: budgets, sure: High, level: Latent,
			what:   fmt.Sprintf("Two PodDisruptionBudgets, %s and %s, select the pods of %s, so none of them can be evicted and drains wait", budgets[0].Name, budgets[1].Name, w.ref.Name),
			shown:  []Evidence{{Object: budgets[0], Field: "spec.selector", Quote: "selects " + w.ref.words()}, {Object: budgets[1], Field: "spec.selector", Quote: "selects " + w.ref.words()}},
			remedy: Remedy{Text: "Keep one of them.", Command: fmt.Sprintf("kubectl get pdb -n %s", w.ref.Namespace)},
		})
	}
	return found
}
