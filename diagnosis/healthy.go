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

	"github.com/3astronautas/algesta/words"
)

// maxHealthy is how many things are listed one by one; of more, the rest is counted.
const maxHealthy = 12

// healthy says what was looked at near the subject and is fine, and how much that was.
func (s *Snapshot) healthy(near surroundings, touched map[Ref]bool) (lines []string, checks int) {
	fine := func(ref Ref) bool { return near.has(ref) && !touched[ref] }
	lines = s.healthyWorkloads(near, touched)
	for _, service := range s.services {
		ref := refOf(KindService, service)
		if ready := countReady(s.index.behind[ref]); fine(ref) && ready > 0 {
			lines = append(lines, fmt.Sprintf("Service %s has %s.", service.Name, words.Count(ready, "ready endpoint")))
		}
	}
	for _, i := range s.ingresses {
		ref := refOf(KindIngress, i)
		if !fine(ref) || !s.knows("services", i.Namespace) || !s.knows("pods", i.Namespace) {
			continue // whether it reaches anything is not known
		}
		var hosts []string
		for _, b := range backendsOf(i) {
			if !slices.Contains(hosts, b.host) && b.host != "" {
				hosts = append(hosts, b.host)
			}
		}
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("Ingress %s reaches its services", i.Name))+forHosts(hosts)+".")
	}
	lines = append(lines, s.healthyRest(fine)...)
	checks = len(lines)
	if checks > maxHealthy {
		more := len(lines) - maxHealthy
		lines = append(lines[:maxHealthy:maxHealthy], fmt.Sprintf("%s more are fine.", words.Count(more, "object")))
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

func (s *Snapshot) healthyWorkloads(near surroundings, touched map[Ref]bool) []string {
	var lines []string
	for _, w := range s.index.workloads {
		on := near.node != "" && slices.ContainsFunc(w.pods, func(p *corev1.Pod) bool { return p.Spec.NodeName == near.node })
		if !near.has(w.ref) && !on || touched[w.ref] {
			continue
		}
		switch {
		case w.ref.Kind == KindJob || w.desired != 0 && w.ready == 0:
			continue
		case w.desired == 0 && w.ref.Kind == KindDaemonSet:
			lines = append(lines, fmt.Sprintf("%s finds no node that it should run on.", w.ref.words()))
			continue
		case w.desired == 0:
			lines = append(lines, fmt.Sprintf("%s is scaled to zero and nothing asks for it.", w.ref.words()))
			continue
		case w.desired < 0:
			lines = append(lines, fmt.Sprintf("%s has %s.", w.ref.words(), words.Count(w.ready, "ready pod")))
			continue
		}
		line := fmt.Sprintf("%s has %d of %d pods ready", w.ref.words(), w.ready, w.desired)
		if w.ready == 1 && w.desired == 1 {
			line = w.ref.words() + " has its only pod ready"
		}
		if w.ready > w.desired {
			line = fmt.Sprintf("%s has %d pods ready and wants %d", w.ref.words(), w.ready, w.desired)
		}
		if w.ready < w.desired {
			line += "; the others are just starting"
		}
		lines = append(lines, line+s.oldRestarts(w)+".")
	}
	return lines
}

// oldRestarts mentions restarts that are history, so that nobody wonders about the number in kubectl.
func (s *Snapshot) oldRestarts(w *workload) string {
	restarts := int32(0)
	var last time.Time
	for _, p := range w.pods {
		for i := range p.Status.ContainerStatuses {
			restarts += p.Status.ContainerStatuses[i].RestartCount
			if end := p.Status.ContainerStatuses[i].LastTerminationState.Terminated; end != nil {
				last = latest(last, end.FinishedAt.Time)
			}
		}
	}
	switch {
	case restarts == 0:
		return ""
	case last.IsZero():
		return fmt.Sprintf("; its %s %s history", words.Count(int(restarts), "restart"), words.Verb(int(restarts), "is", "are"))
	}
	return fmt.Sprintf("; its %s %s history, the last %s ago", words.Count(int(restarts), "restart"), words.Verb(int(restarts), "is", "are"), words.Span(s.age(last)))
}

func (s *Snapshot) healthyRest(fine func(Ref) bool) []string {
	var lines []string
	for _, h := range s.autoscalers {
		active := scalerCondition(h, autoscalingv2.ScalingActive)
		if fine(refOf(KindAutoscaler, h)) && active.Status == corev1.ConditionTrue {
			lines = append(lines, fmt.Sprintf("%s %s is at %d of %d to %d pods.", KindAutoscaler, h.Name, h.Status.CurrentReplicas, int(ptr.Deref(h.Spec.MinReplicas, 1)), h.Spec.MaxReplicas))
		}
	}
	for _, c := range s.custom {
		if !isCertificate(c) || !fine(refOf(KindCertificate, c)) {
			continue
		}
		if until := moments(c, "status", "notAfter"); !until.IsZero() {
			lines = append(lines, fmt.Sprintf("Certificate %s is valid for %s more.", c.GetName(), words.Span(until.Sub(s.now))))
		}
	}
	for _, q := range s.quotas {
		if fine(refOf(KindQuota, q)) && len(q.Status.Hard) > 0 {
			lines = append(lines, fmt.Sprintf("ResourceQuota %s has room: %s.", q.Name, words.ClipMiddle(quotaWords(q), 160)))
		}
	}
	for _, n := range s.nodes {
		if fine(refOf(KindNode, n)) && nodeReady(n) {
			lines = append(lines, fmt.Sprintf("Node %s is ready.", n.Name))
		}
	}
	lines = append(lines, s.healthyJobs(fine)...)
	for _, claim := range s.claims {
		if fine(refOf(KindClaim, claim)) && claim.Status.Phase == corev1.ClaimBound {
			lines = append(lines, fmt.Sprintf("PersistentVolumeClaim %s is bound.", claim.Name))
		}
	}
	return lines
}

// healthyJobs says of Jobs that run or have ended well how far they are.
func (s *Snapshot) healthyJobs(fine func(Ref) bool) []string {
	var lines []string
	for _, j := range s.jobs {
		if !fine(refOf(KindJob, j)) {
			continue
		}
		ended := slices.IndexFunc(j.Status.Conditions, func(c batchv1.JobCondition) bool {
			return c.Type == batchv1.JobComplete && c.Status == corev1.ConditionTrue
		})
		switch {
		case ended >= 0:
			lines = append(lines, fmt.Sprintf("Job %s completed %s ago.", j.Name, words.Span(s.age(j.Status.Conditions[ended].LastTransitionTime.Time))))
		case j.Status.Active > 0:
			again := ""
			if j.Status.Failed > 0 {
				again = fmt.Sprintf(", after %s that failed", words.Count(int(j.Status.Failed), "pod"))
			}
			lines = append(lines, fmt.Sprintf("Job %s is at work with %s%s.", j.Name, words.Count(int(j.Status.Active), "pod"), again))
		}
	}
	return lines
}

func countReady(pods []*corev1.Pod) int {
	ready := 0
	for _, p := range pods {
		if podReady(p) {
			ready++
		}
	}
	return ready
}
