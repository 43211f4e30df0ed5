package diagnosis

import (
	"fmt"
	"slices"
	"strings"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/diagnosis/rules"
	"github.com/3astronautas/algesta/words"
)

// maxHealthy is how many things are listed one by one; of more, the rest is counted.
const maxHealthy = 12

// healthy says what was checked near the subject and is fine, and how much that was.
func healthy(s *facts.Snapshot, near facts.Surroundings, touched map[facts.Ref]bool) (lines []string, checks int) {
	fine := func(ref facts.Ref) bool { return near.Has(ref) && !touched[ref] }
	lines = healthyWorkloads(s, near, touched)
	for _, service := range s.Services() {
		ref := facts.RefOf(facts.KindService, service)
		if ready := rules.CountReady(s.Behind(ref)); fine(ref) && ready > 0 {
			lines = append(lines, fmt.Sprintf("Service %s has %s.", service.Name, words.Count(ready, "ready endpoint")))
		}
	}
	for _, i := range s.Ingresses() {
		ref := facts.RefOf(facts.KindIngress, i)
		if !fine(ref) || !s.Knows("services", i.Namespace) || !s.Knows("pods", i.Namespace) {
			continue // whether it reaches anything is not known
		}
		var hosts []string
		for _, b := range facts.BackendsOf(i) {
			if !slices.Contains(hosts, b.Host) && b.Host != "" {
				hosts = append(hosts, b.Host)
			}
		}
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("Ingress %s reaches its services", i.Name))+forHosts(hosts)+".")
	}
	lines = append(lines, healthyRest(s, fine)...)
	checks = len(lines)
	if checks > maxHealthy {
		more := len(lines) - maxHealthy
		lines = append(lines[:maxHealthy:maxHealthy], words.Plural(more, "more object is fine.", "more objects are fine."))
	}
	if lines == nil {
		return []string{}, 0
	}
	return lines, checks
}

func forHosts(hosts []string) string {
	if len(hosts) == 0 {
		return ""
	}
	return " for " + words.Few(slices.Compact(slices.Clone(hosts)), 4)
}

func healthyWorkloads(s *facts.Snapshot, near facts.Surroundings, touched map[facts.Ref]bool) []string {
	var lines []string
	for _, w := range s.Workloads() {
		on := near.Node != "" && slices.ContainsFunc(w.Pods, func(p *corev1.Pod) bool { return p.Spec.NodeName == near.Node })
		if !near.Has(w.Ref) && !on || touched[w.Ref] {
			continue
		}
		switch {
		case w.Ref.Kind == facts.KindJob || w.Desired != 0 && w.Ready == 0:
			continue
		case w.Desired == 0 && w.Ref.Kind == facts.KindDaemonSet:
			lines = append(lines, fmt.Sprintf("No node matches %s.", w.Ref.Words()))
			continue
		case w.Desired == 0:
			lines = append(lines, fmt.Sprintf("%s is scaled to zero%s.", w.Ref.Words(), atZero(s, w.Ref)))
			continue
		case w.Desired < 0:
			lines = append(lines, fmt.Sprintf("%s has %s.", w.Ref.Words(), words.Count(w.Ready, "ready pod")))
			continue
		}
		line := fmt.Sprintf("%s has %d of %d pods ready", w.Ref.Words(), w.Ready, w.Desired)
		if w.Ready == 1 && w.Desired == 1 {
			line = w.Ref.Words() + " has its only pod ready"
		}
		if w.Ready > w.Desired {
			line = fmt.Sprintf("%s has %d pods ready and wants %d", w.Ref.Words(), w.Ready, w.Desired)
		}
		if w.Ready < w.Desired {
			line += "; the others are just starting"
		}
		if s.NeedsService(w) {
			line += "; no Service leads to it"
		}
		lines = append(lines, line+oldRestarts(w)+".")
	}
	return lines
}

// atZero says why a workload may rest without pods.
func atZero(s *facts.Snapshot, w facts.Ref) string {
	if why := rules.IdleWords(s, w); why != "" {
		return why
	}
	return " and nothing asks for it"
}

// oldRestarts mentions restarts that are over, to explain the number that kubectl shows.
func oldRestarts(w *facts.Workload) string {
	restarts := int32(0)
	var last time.Time
	for _, p := range w.Pods {
		for i := range p.Status.ContainerStatuses {
			restarts += p.Status.ContainerStatuses[i].RestartCount
			if end := p.Status.ContainerStatuses[i].LastTerminationState.Terminated; end != nil {
				last = facts.Latest(last, end.FinishedAt.Time)
			}
		}
	}
	switch {
	case restarts == 0:
		return ""
	case last.IsZero():
		return fmt.Sprintf("; its %s %s history", words.Count(int(restarts), "restart"), words.Verb(int(restarts), "is", "are"))
	}
	return fmt.Sprintf(
		"; its %s %s history, the last %s",
		words.Count(int(restarts), "restart"),
		words.Verb(int(restarts), "is", "are"),
		facts.When(last),
	)
}

func healthyRest(s *facts.Snapshot, fine func(facts.Ref) bool) []string {
	var lines []string
	for _, h := range s.Autoscalers() {
		active := facts.ScalerCondition(h, autoscalingv2.ScalingActive)
		if fine(facts.RefOf(facts.KindAutoscaler, h)) && active.Status == corev1.ConditionTrue {
			lines = append(
				lines,
				fmt.Sprintf(
					"%s %s keeps %s (%d to %d).",
					facts.KindAutoscaler,
					h.Name,
					words.Count(int(h.Status.CurrentReplicas), "pod"),
					int(ptr.Deref(h.Spec.MinReplicas, 1)),
					h.Spec.MaxReplicas,
				),
			)
		}
	}
	for _, c := range s.Custom() {
		if !facts.IsCertificate(c) || !fine(facts.RefOf(facts.KindCertificate, c)) {
			continue
		}
		if until := rules.Moments(c, "status", "notAfter"); !until.IsZero() {
			lines = append(lines, fmt.Sprintf("Certificate %s is valid until %s.", c.GetName(), facts.When(until)))
		}
	}
	for _, o := range s.OfKind(facts.KindScaledObject) {
		if target := facts.ScaleTarget(o); fine(facts.RefOf(o.GetKind(), o)) && s.Workload(target) != nil {
			lines = append(lines, fmt.Sprintf("%s %s scales %s.", o.GetKind(), o.GetName(), target.Words()))
		}
	}
	for _, o := range s.Routes() {
		if backends := facts.RouteBackends(o); len(backends) > 0 && fine(facts.RefOf(o.GetKind(), o)) {
			lines = append(lines, fmt.Sprintf("%s %s reaches its services.", o.GetKind(), o.GetName()))
		}
	}
	for _, q := range s.Quotas() {
		if fine(facts.RefOf(facts.KindQuota, q)) && len(q.Status.Hard) > 0 {
			lines = append(lines, fmt.Sprintf("ResourceQuota %s has room: %s.", q.Name, words.ClipMiddle(rules.QuotaWords(q), 160)))
		}
	}
	for _, n := range s.Nodes() {
		if fine(facts.RefOf(facts.KindNode, n)) && facts.NodeReady(n) {
			lines = append(lines, fmt.Sprintf("Node %s is ready.", n.Name))
		}
	}
	lines = append(lines, healthyJobs(s, fine)...)
	for _, claim := range s.Claims() {
		if fine(facts.RefOf(facts.KindClaim, claim)) && claim.Status.Phase == corev1.ClaimBound {
			lines = append(lines, fmt.Sprintf("PersistentVolumeClaim %s is bound.", claim.Name))
		}
	}
	return lines
}

// healthyJobs says of Jobs that run or have ended well how far they are.
func healthyJobs(s *facts.Snapshot, fine func(facts.Ref) bool) []string {
	var lines []string
	for _, j := range s.Jobs() {
		if !fine(facts.RefOf(facts.KindJob, j)) {
			continue
		}
		ended := slices.IndexFunc(j.Status.Conditions, func(c batchv1.JobCondition) bool {
			return c.Type == batchv1.JobComplete && c.Status == corev1.ConditionTrue
		})
		switch {
		case ended >= 0:
			lines = append(
				lines,
				fmt.Sprintf("Job %s completed %s.", j.Name, facts.When(j.Status.Conditions[ended].LastTransitionTime.Time)),
			)
		case j.Status.Active > 0:
			again := ""
			if j.Status.Failed > 0 {
				again = fmt.Sprintf(", after %s that failed", words.Count(int(j.Status.Failed), "pod"))
			}
			lines = append(lines, fmt.Sprintf("Job %s is running with %s%s.", j.Name, words.Count(int(j.Status.Active), "pod"), again))
		}
	}
	return lines
}
