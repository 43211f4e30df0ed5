package rules

import (
	"cmp"
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

	"github.com/3astronautas/algesta/diagnosis/facts"
)

var controllerRules = []Rule{
	{
		ID:       "old-pods-remain",
		Family:   "rollouts",
		Class:    ClassLifecycle,
		Signal:   "every pod of the newest revision has long been available, and a ReplicaSet of an older one still wants pods",
		Cause:    "the deployment controller is behind, or something else scales the old ReplicaSet",
		Remedy:   "scale the old ReplicaSet to zero",
		Source:   "ReplicaSet spec.replicas of older revisions",
		snapshot: oldPodsRemain,
	},
	{
		ID:       "statefulset-holds-old-pod",
		Family:   "rollouts",
		Class:    ClassLifecycle,
		Signal:   "a pod of an ordered StatefulSet is not ready and is of an older revision than status.updateRevision",
		Cause:    "the template was corrected, but the controller waits for the broken pod to become ready before it replaces it",
		Remedy:   "delete the pod; it comes back from the new template",
		Source:   "StatefulSet documentation, “Forced rollback”; label controller-revision-hash",
		snapshot: statefulSetHoldsOldPod,
	},
	{
		ID:     "preempted",
		Family: "scheduling",
		Class:  ClassLifecycle,
		Signal: "event Preempted, or condition DisruptionTarget with reason PreemptionByScheduler, within the last hour, of a workload " +
			"that lacks pods now",
		Cause:    "pods of a higher priority needed the room",
		Remedy:   "add a node, or give the workload a higher priority",
		Source:   "scheduler event Preempted",
		snapshot: preempted,
	},
	{
		ID:       "autoscaler-cannot-scale",
		Family:   "autoscaling",
		Class:    ClassAutoscaling,
		Signal:   "AbleToScale=False/FailedUpdateScale, or FailedGetScale with any other message than “not found”",
		Cause:    "the API server refused the change: rights, a webhook, a conflict",
		Remedy:   "read the message",
		Source:   autoscalerSource,
		snapshot: autoscalerCannotScale,
	},
	{
		ID:       "budgets-overlap",
		Family:   "budgets",
		Class:    ClassBudget,
		Risk:     true,
		Signal:   "two PodDisruptionBudgets select the pods of one workload",
		Cause:    "a copy that was not removed",
		Remedy:   "keep one of them",
		Source:   "the eviction API refuses pods with more than one budget",
		snapshot: budgetsOverlap,
	},
}

func oldPodsRemain(s *facts.Snapshot) []*Finding {
	var found []*Finding
	for _, w := range s.Workloads() {
		if w.Rollout == nil || w.Desired <= 0 || w.Rollout.Deployment.Spec.Paused || len(w.Rollout.Sets) < 2 || !longAvailable(s, w) {
			continue
		}
		for _, set := range w.Rollout.Sets[1:] {
			ref := facts.RefOf(facts.KindReplicaSet, set)
			if int(ptr.Deref(set.Spec.Replicas, 1)) == 0 || !slices.ContainsFunc(w.Pods, func(p *corev1.Pod) bool {
				owner := metav1.GetControllerOfNoCopy(p)
				return owner != nil && owner.Name == set.Name && facts.PodReady(p)
			}) {
				continue
			}
			found = append(found, &Finding{
				Subject: w.Ref,
				Key:     set.Name,
				Hits:    []facts.Ref{w.Ref},
				Sure:    Medium,
				Level:   Degraded,
				Unsure:  "Something may keep it there on purpose.",
				What: fmt.Sprintf(
					"Pods of revision %d of %s still serve beside those of revision %d, although its rollout is over",
					facts.RevisionOf(set),
					w.Ref.Name,
					facts.RevisionOf(w.Current()),
				),
				Shown: []facts.Evidence{
					{
						Object: ref,
						Field:  "spec.replicas",
						Quote:  strconv.Itoa(int(ptr.Deref(set.Spec.Replicas, 1))),
						At:     facts.Moment(set.CreationTimestamp.Time),
					},
					{
						Object: facts.RefOf(facts.KindReplicaSet, w.Current()),
						Field:  "spec.replicas",
						Quote:  strconv.Itoa(int(ptr.Deref(w.Current().Spec.Replicas, 1))),
						At:     facts.Moment(w.Current().CreationTimestamp.Time),
					},
				},
				Remedy: Remedy{
					Text:    "Scale the old ReplicaSet to zero, and see what scales it.",
					Command: fmt.Sprintf("kubectl scale %s -n %s --replicas=0", ref, set.Namespace),
				},
			})
		}
	}
	return found
}

// longAvailable says that the newest revision has had all its pods available for so long that the controller must have
// removed the old ones.
func longAvailable(s *facts.Snapshot, w *facts.Workload) bool {
	wait := 2*time.Minute + time.Duration(w.Rollout.Deployment.Spec.MinReadySeconds)*time.Second
	available := 0
	for _, p := range w.CurrentPods() {
		if c := facts.PodCondition(p, corev1.PodReady); c != nil && c.Status == corev1.ConditionTrue && s.Age(c.LastTransitionTime.Time) > wait {
			available++
		}
	}
	return available >= w.Desired
}

func statefulSetHoldsOldPod(s *facts.Snapshot) []*Finding {
	var found []*Finding
	for _, set := range s.StatefulSets() {
		if set.Spec.PodManagementPolicy == appsv1.ParallelPodManagement ||
			set.Spec.UpdateStrategy.Type == appsv1.OnDeleteStatefulSetStrategyType || set.Status.UpdateRevision == "" ||
			set.Status.ObservedGeneration < set.Generation {
			continue
		}
		ref := facts.RefOf(facts.KindStatefulSet, set)
		for _, p := range s.Workload(ref).Pods {
			revision := p.Labels[appsv1.ControllerRevisionHashLabelKey]
			if facts.PodReady(p) || revision == "" || revision == set.Status.UpdateRevision || ordinal(p) < partition(set) ||
				s.Age(p.CreationTimestamp.Time) < issuingIsNormal && !restarts(p) {
				continue
			}
			pod := facts.RefOf(facts.KindPod, p)
			found = append(found, &Finding{
				Subject:   ref,
				Key:       p.Name,
				Hits:      []facts.Ref{ref},
				Pods:      []*corev1.Pod{p},
				Overrules: true,
				Sure:      Medium,
				Level:     Degraded,
				Since:     p.CreationTimestamp.Time,
				Unsure:    "The pod may still become ready on its own.",
				What: fmt.Sprintf(
					"StatefulSet %s has a newer template, but waits for pod %s of the old one to become ready before it replaces it",
					set.Name,
					p.Name,
				),
				Shown: []facts.Evidence{
					{
						Object: pod,
						Field:  "metadata.labels[" + appsv1.ControllerRevisionHashLabelKey + "]",
						Quote:  revision,
						At:     facts.Moment(p.CreationTimestamp.Time),
					},
					{Object: ref, Field: "status.updateRevision", Quote: set.Status.UpdateRevision},
				},
				Remedy: Remedy{
					Text:    "Delete the pod; it comes back from the new template and keeps its volume.",
					Command: s.Setting().Bot.Typed("pod delete", p.Name, cmp.Or(s.Setting().Environments[p.Namespace], p.Namespace)),
				},
			})
			break // the controller goes one by one
		}
	}
	return found
}

// restarts reports whether a container of the pod ended more than once: it doesn't become ready by waiting.
func restarts(p *corev1.Pod) bool {
	return slices.ContainsFunc(p.Status.ContainerStatuses, func(c corev1.ContainerStatus) bool { return !c.Ready && c.RestartCount > 1 })
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

func preempted(s *facts.Snapshot) []*Finding {
	var found []*Finding
	told := s.Preemptions()
	for _, w := range s.Workloads() {
		if w.Desired <= 0 || w.Ready >= w.Desired || w.Ref.Kind == facts.KindPod {
			continue
		}
		shown := preemptionsOf(s, w, told)
		if len(shown) == 0 {
			continue
		}
		f := &Finding{
			Subject: w.Ref, Hits: []facts.Ref{w.Ref}, Overrules: true, Sure: High, Level: Degraded, Shown: shown[:min(len(shown), MaxEvidence)],
			What:   fmt.Sprintf("Pods of %s were removed to make room for pods of a higher priority", w.Ref.Name),
			Remedy: Remedy{Text: "Add a node, or give it a higher priority.", Command: "kubectl get priorityclasses"},
		}
		for _, e := range shown {
			if e.At != nil {
				f.Since = facts.Earliest(f.Since, *e.At)
			}
		}
		for _, p := range w.Pods {
			if p.Spec.NodeName == "" {
				f.Pods = append(f.Pods, p)
				f.Effect = CannotSchedule
			}
		}
		found = append(found, f)
	}
	return found
}

// preemptionsOf finds what the scheduler said about pods of a workload, most of which are gone: their names begin with
// the name of their owner.
func preemptionsOf(s *facts.Snapshot, w *facts.Workload, gone []facts.Ref) []facts.Evidence {
	var shown []facts.Evidence
	for _, p := range w.Finished {
		if c := facts.PodCondition(
			p,
			corev1.DisruptionTarget,
		); c != nil && c.Reason == corev1.PodReasonPreemptionByScheduler && s.Age(c.LastTransitionTime.Time) < facts.HistoryWindow {
			shown = append(
				shown,
				facts.Evidence{
					Object: facts.RefOf(facts.KindPod, p),
					Field:  "status.conditions[DisruptionTarget]",
					Quote:  c.Message,
					At:     facts.Moment(c.LastTransitionTime.Time),
					Count:  1,
				},
			)
		}
	}
	makers := []string{w.Ref.Name + "-"}
	if w.Rollout != nil {
		makers = nil
		for _, set := range w.Rollout.Sets {
			makers = append(makers, set.Name+"-")
		}
	}
	for _, ref := range gone {
		made := func(maker string) bool {
			rest, ours := strings.CutPrefix(ref.Name, maker)
			return ours && !strings.Contains(rest, "-")
		}
		if e, ok := s.Recent(ref, "Preempted"); ok && ref.Namespace == w.Ref.Namespace && slices.ContainsFunc(makers, made) {
			shown = append(shown, e.Evidence(ref))
		}
	}
	return shown
}

func autoscalerCannotScale(s *facts.Snapshot) []*Finding {
	var found []*Finding
	for _, h := range s.Autoscalers() {
		able := facts.ScalerCondition(h, autoscalingv2.AbleToScale)
		if able.Status != corev1.ConditionFalse ||
			able.Reason != "FailedUpdateScale" && (able.Reason != "FailedGetScale" || strings.Contains(able.Message, "not found")) ||
			s.Age(able.LastTransitionTime.Time) < 2*time.Minute {
			continue
		}
		found = append(
			found,
			scalerFinding(
				h,
				able,
				fmt.Sprintf(
					"%s %s can't change the number of pods: %s",
					facts.KindAutoscaler,
					h.Name,
					refusedBecause(s, strings.TrimPrefix(able.Message, "the HPA controller was unable to update the target scale: ")),
				),
				Remedy{Text: "Fix what the message names."},
			),
		)
	}
	return found
}

func budgetsOverlap(s *facts.Snapshot) []*Finding {
	var found []*Finding
	for _, w := range s.Workloads() {
		var budgets []facts.Ref
		for _, ref := range s.Downstream(w.Ref) {
			if ref.Kind == facts.KindBudget {
				budgets = append(budgets, ref)
			}
		}
		if len(budgets) < 2 || w.Desired == 0 {
			continue
		}
		slices.SortFunc(budgets, facts.Ref.Compare)
		found = append(found, &Finding{
			Subject: budgets[1], Hits: budgets, Sure: High, Level: Latent,
			What: fmt.Sprintf(
				"Two PodDisruptionBudgets, %s and %s, select the pods of %s, so none of them can be evicted and drains wait",
				budgets[0].Name,
				budgets[1].Name,
				w.Ref.Name,
			),
			Shown: []facts.Evidence{
				{Object: budgets[0], Field: "spec.selector", Quote: "selects " + w.Ref.Words()},
				{Object: budgets[1], Field: "spec.selector", Quote: "selects " + w.Ref.Words()},
			},
			Remedy: Remedy{Text: "Keep one of them.", Command: fmt.Sprintf("kubectl get pdb -n %s", w.Ref.Namespace)},
		})
	}
	return found
}
