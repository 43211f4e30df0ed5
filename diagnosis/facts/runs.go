package facts

import (
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ActiveRuns are the Jobs of a CronJob that have not ended, the oldest first.
func (s *Snapshot) ActiveRuns(c *batchv1.CronJob) []*batchv1.Job {
	var active []*batchv1.Job
	for _, j := range s.jobs {
		if owner := metav1.GetControllerOfNoCopy(j); owner != nil && owner.Kind == KindCronJob && owner.Name == c.Name &&
			j.Namespace == c.Namespace && j.Status.Active > 0 && j.DeletionTimestamp == nil {
			active = append(active, j)
		}
	}
	slices.SortStableFunc(active, func(a, b *batchv1.Job) int { return a.CreationTimestamp.Compare(b.CreationTimestamp.Time) })
	return active
}

// LastWordsOf is the last line that the running pod of a Job wrote; ok is false where none runs or its log was not read.
func (s *Snapshot) LastWordsOf(j *batchv1.Job) (line *LogLine, shown Evidence, ok bool) {
	p := s.runningPod(j)
	if p == nil {
		return nil, Evidence{}, false
	}
	request := LogRequest{p.Namespace, p.Name, loudest(p), false}
	line, ok = s.log(request).LastWords()
	if !ok {
		return nil, Evidence{}, false
	}
	return line, Evidence{
		Object: RefOf(KindPod, p), Field: "log of container " + request.Container, Quote: line.Example, At: Moment(line.at), Count: line.count,
	}, true
}

func (s *Snapshot) runningPod(j *batchv1.Job) *corev1.Pod {
	w := s.Workload(RefOf(KindJob, j))
	if w == nil {
		return nil
	}
	at := slices.IndexFunc(w.Pods, func(p *corev1.Pod) bool { return p.Status.Phase == corev1.PodRunning })
	if at < 0 {
		return nil
	}
	return w.Pods[at]
}

// mostHeldLogs is how many logs of runs that don't end are wanted for one question, of those for ready pods.
const mostHeldLogs = 2

// heldLogs are the logs of the oldest runs of CronJobs that keep later ones from starting, or that pile up: their last line says what they
// wait for.
func (s *Snapshot) heldLogs(near Surroundings) []LogRequest {
	var requests []LogRequest
	for _, c := range s.cronJobs {
		ref := RefOf(KindCronJob, c)
		active := s.ActiveRuns(c)
		_, skips := s.Recent(ref, "JobAlreadyActive")
		if len(active) == 0 || len(requests) == mostHeldLogs || !near.Has(ref) && !near.Has(RefOf(KindJob, active[0])) ||
			!skips && len(active) < 2 && c.Spec.ConcurrencyPolicy != batchv1.ForbidConcurrent {
			continue
		}
		if p := s.runningPod(active[0]); p != nil {
			requests = append(requests, LogRequest{p.Namespace, p.Name, loudest(p), false})
		}
	}
	return requests
}
