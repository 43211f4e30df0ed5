package rules

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/words"
)

// controlPlaneDownRule is told once for all that waits.
var controlPlaneDownRule = Rule{
	ID:     "control-plane-down",
	Family: "nodes",
	Class:  ClassNode,
	Signal: "the Lease of kube-scheduler or kube-controller-manager was not renewed for two minutes, and pods wait for a scheduler, or " +
		"workloads for their controller; without anything that waits, ten minutes, and it's a risk",
	Cause:    "the controller crashes, lost its way to the API server, or was stopped",
	Remedy:   "look at its pod or service on the control plane; on a managed cluster, ask the provider",
	Source:   "leader election: Lease spec.renewTime in kube-system, renewed every two seconds",
	snapshot: controlPlaneDown,
}

const (
	leaseSlack    = 2 * time.Minute
	leaseRisk     = 10 * time.Minute
	leaseLeftover = 24 * time.Hour // of a controller that leads without electing, as in some distributions
)

func controlPlaneDown(s *facts.Snapshot) []*Finding {
	var found []*Finding
	for _, controller := range []string{facts.Scheduler, facts.ControllerManager} {
		renewed, ok := s.Renewed(controller)
		if !ok || s.Age(renewed) < leaseSlack {
			continue
		}
		ref := facts.LeaseOf(controller)
		f := &Finding{
			Subject: ref, Sure: High, Level: Degraded, Since: renewed,
			What:  fmt.Sprintf("The %s is down: it has not renewed its Lease since %s", controller, facts.When(renewed)),
			Shown: []facts.Evidence{{Object: ref, Field: "spec.renewTime", Quote: renewed.UTC().Format(time.RFC3339), At: facts.Moment(renewed)}},
			Remedy: Remedy{
				Text:    "Look at it on the control plane; on a managed cluster, ask the provider.",
				Command: fmt.Sprintf("kubectl get pods -n kube-system -l component=%s", controller),
			},
		}
		if controller == facts.Scheduler {
			f.Pods = unlookedAt(s)
			for _, p := range f.Pods {
				f.hit(s.Owner(p).Ref)
			}
			f.Effect = CannotSchedule
		} else {
			f.Hits = behindTheirSpec(s)
		}
		if len(f.Hits) == 0 {
			if s.Age(renewed) < leaseRisk || s.Age(renewed) > leaseLeftover {
				continue
			}
			f.Level, f.Effect, f.Sure, f.Unsure = Latent, NoEffect, Medium, "Nothing waits for it yet; it may lead without electing."
		} else if controller == facts.ControllerManager {
			f.What += fmt.Sprintf(", and changes of %s aren't carried out", words.Few(namesOf(f.Hits), 3))
		}
		found = append(found, f)
	}
	return found
}

func namesOf(refs []facts.Ref) []string {
	var names []string
	for _, ref := range refs {
		names = append(names, ref.Name)
	}
	return names
}

// asleep says that a controller of the control plane doesn't run, as far as its Lease tells.
func asleep(s *facts.Snapshot, controller string) bool {
	renewed, ok := s.Renewed(controller)
	return ok && s.Age(renewed) >= leaseSlack
}

// unlookedAt are the pods of the usual scheduler that it has not tried to place.
func unlookedAt(s *facts.Snapshot) []*corev1.Pod {
	return slices.DeleteFunc(slices.Clone(s.Pods()), func(p *corev1.Pod) bool {
		return !neverTried(s, p) || p.Spec.SchedulerName != "" && p.Spec.SchedulerName != corev1.DefaultSchedulerName ||
			len(missingClaims(p)) > 0
	})
}

// neverTried says that no scheduler has tried to place a pod.
func neverTried(s *facts.Snapshot, p *corev1.Pod) bool {
	return p.Spec.NodeName == "" && p.Status.Phase == corev1.PodPending && p.DeletionTimestamp == nil &&
		facts.PodCondition(p, corev1.PodScheduled) == nil && s.Age(p.CreationTimestamp.Time) >= facts.PendingSlack
}

// behindTheirSpec are the workloads whose controller has not seen their newest spec.
func behindTheirSpec(s *facts.Snapshot) []facts.Ref {
	var refs []facts.Ref
	for _, w := range s.Workloads() {
		if w.Rollout != nil && w.Rollout.Deployment.Status.ObservedGeneration < w.Rollout.Deployment.Generation {
			refs = append(refs, w.Ref)
		}
	}
	for _, set := range s.StatefulSets() {
		if set.Status.ObservedGeneration < set.Generation {
			refs = append(refs, facts.RefOf(facts.KindStatefulSet, set))
		}
	}
	return refs
}
