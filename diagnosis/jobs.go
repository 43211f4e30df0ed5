package diagnosis

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/3astronautas/algesta/words"
)

var jobRules = []Rule{
	{
		ID: "job-failed", Family: "jobs", Class: ClassJob,
		Signal: "condition Failed=True, reason BackoffLimitExceeded, DeadlineExceeded or PodFailurePolicy; failed pods alone are normal", Cause: "the program fails every time; the deadline is too short",
		Remedy: "read the log of its last pod", Source: "Job conditions", snapshot: jobFailed,
	},
	{
		ID: "job-held-by-sidecar", Family: "jobs", Class: ClassJob,
		Signal: "a pod of a Job whose main container (annotation kubectl.kubernetes.io/default-container, else the first) has ended with 0 more than 10 minutes ago, while a container runs on that is named like a proxy, an agent or another sidecar",
		Cause:  "a sidecar in spec.containers does not know that the work is done; a Job's pod ends only when all of its containers have", Remedy: "make it a native sidecar (an init container with restartPolicy Always), or have the work stop it",
		Source: "Pod status.phase is Succeeded only when every container has ended", snapshot: jobHeldBySidecar,
	},
	{
		ID: "cronjob-schedule", Family: "jobs", Class: ClassJob,
		Signal: "events UnparseableSchedule, TooManyMissedTimes, MissSchedule, UnknownTimeZone", Cause: "a schedule that cannot be read, a starting deadline that is too short, a controller that was down",
		Remedy: "correct schedule, timeZone or startingDeadlineSeconds", Source: "cronjob controller events", snapshot: cronJobSchedule,
	},
	{
		ID: "cronjob-blocked", Family: "jobs", Class: ClassJob,
		Signal: "concurrencyPolicy Forbid, a Job still active, and event JobAlreadyActive", Cause: "a run that hangs keeps all later ones from starting", Remedy: "look at the active Job; delete it if it hangs; set activeDeadlineSeconds",
		Source: "cronjob controller event JobAlreadyActive", snapshot: cronJobBlocked,
	},
}

func jobFailed(s *Snapshot) []*finding {
	var found []*finding
	newest := map[Ref]*batchv1.Job{} // of a CronJob only the last run counts
	for _, j := range s.jobs {
		if owner := metav1.GetControllerOfNoCopy(j); owner != nil {
			ref := Ref{owner.Kind, j.Namespace, owner.Name}
			if last := newest[ref]; last == nil || last.CreationTimestamp.Before(&j.CreationTimestamp) {
				newest[ref] = j
			}
		}
	}
	for _, j := range s.jobs {
		if owner := metav1.GetControllerOfNoCopy(j); owner != nil && newest[Ref{owner.Kind, j.Namespace, owner.Name}] != j {
			continue
		}
		for _, c := range j.Status.Conditions {
			if c.Type == batchv1.JobFailed && c.Status == corev1.ConditionTrue {
				found = append(found, s.failedJob(j, c))
			}
		}
	}
	return found
}

func (s *Snapshot) failedJob(j *batchv1.Job, c batchv1.JobCondition) *finding {
	ref := refOf(KindJob, j)
	f := &finding{
		subject: ref, hits: []Ref{ref}, sure: High, level: Degraded, since: c.LastTransitionTime.Time, remedy: Remedy{Text: "Read the log of its last pod.", Command: fmt.Sprintf("kubectl logs %s -n %s", ref, j.Namespace)},
		what:  fmt.Sprintf("Job %s has failed (%s)", j.Name, c.Reason),
		shown: []Evidence{{Object: ref, Field: "status.conditions[Failed]", Quote: c.Reason + ": " + c.Message, At: moment(c.LastTransitionTime.Time), Count: int(j.Status.Failed)}},
	}
	w := s.index.byRef[ref]
	if w == nil {
		return f
	}
	for _, p := range w.finished {
		if p.Status.Phase != corev1.PodFailed {
			continue
		}
		f.pods = append(f.pods, p)
		for i := range p.Status.ContainerStatuses {
			status := &p.Status.ContainerStatuses[i]
			if status.State.Terminated == nil || status.State.Terminated.ExitCode == 0 || i >= len(p.Spec.Containers) {
				continue
			}
			inst := &instance{s: s, pod: p, owner: w, spec: &p.Spec.Containers[i], status: status, died: status.State.Terminated}
			inst.log = s.logOfPod(p, inst)
			f.show(inst.endEvidence(), true)
			line, ok := inst.log.worst()
			if why, known := inst.log.explain(); known {
				line, ok = why.line, true
				if to := inst.dependency(why); to.subject.Kind == KindService && strings.HasPrefix(why.id, "dependency-") && s.silent(to.subject) && !slices.Contains(f.calls, to.subject) {
					f.calls = append(f.calls, to.subject)
				}
			}
			if ok {
				f.what = fmt.Sprintf("Job %s has failed (%s): %s", j.Name, c.Reason, words.Cited(words.ClipMiddle(line.example, 160)))
				f.show(inst.logEvidence(line), true)
			}
		}
	}
	return f
}

func cronJobSchedule(s *Snapshot) []*finding {
	var found []*finding
	for _, c := range s.cronJobs {
		ref := refOf(KindCronJob, c)
		e, ok := s.recent(ref, "UnparseableSchedule", "InvalidSchedule", "TooManyMissedTimes", "UnknownTimeZone", "MissSchedule")
		if !ok || c.Spec.Suspend != nil && *c.Spec.Suspend {
			continue
		}
		found = append(found, &finding{
			subject: ref, hits: []Ref{ref}, sure: High, level: Degraded, since: e.first, what: fmt.Sprintf("CronJob %s does not run on schedule %q (%s)", c.Name, c.Spec.Schedule, e.reason),
			shown:  []Evidence{e.evidence(ref)},
			remedy: Remedy{Text: "Correct its schedule, timeZone or startingDeadlineSeconds.", Command: fmt.Sprintf("kubectl edit %s -n %s", ref, c.Namespace)},
		})
	}
	return found
}

func cronJobBlocked(s *Snapshot) []*finding {
	var found []*finding
	for _, c := range s.cronJobs {
		ref := refOf(KindCronJob, c)
		e, ok := s.recent(ref, "JobAlreadyActive")
		if !ok || c.Spec.ConcurrencyPolicy != batchv1.ForbidConcurrent || len(c.Status.Active) == 0 {
			continue
		}
		found = append(found, &finding{
			subject: ref, hits: []Ref{ref}, sure: High, level: Degraded, since: e.first,
			what:   fmt.Sprintf("CronJob %s skips its runs because Job %s is still active", c.Name, c.Status.Active[0].Name),
			shown:  []Evidence{e.evidence(ref)},
			remedy: Remedy{Text: "Look at the active Job; delete it if it hangs.", Command: fmt.Sprintf("kubectl describe job %s -n %s", c.Status.Active[0].Name, c.Namespace)},
		})
	}
	return found
}

// sidecarName is how containers are called, or their images, that accompany another.
var sidecarName = regexp.MustCompile(`(?i)proxy|agent|sidecar|envoy|mesh|exporter|fluent|promtail|otel|collector|dapr`)

func jobHeldBySidecar(s *Snapshot) []*finding {
	var found []*finding
	for _, p := range s.pods {
		owner := s.index.podOwner[p]
		if owner.ref.Kind != KindJob || p.Status.Phase != corev1.PodRunning || p.DeletionTimestamp != nil {
			continue
		}
		done, still := s.holder(p)
		if done == nil || still == nil {
			continue
		}
		ended := done.State.Terminated.FinishedAt.Time
		found = append(found, &finding{
			subject: owner.ref, key: still.Name, hits: []Ref{owner.ref}, pods: []*corev1.Pod{p}, sure: Medium, unsure: "The other container may still have work of its own.", level: Degraded, since: ended,
			what: fmt.Sprintf("Job %s does not end: container %s was done %s ago, and container %s still runs beside it", owner.ref.Name, done.Name, words.Span(s.age(ended)), still.Name),
			shown: []Evidence{
				{Object: refOf(KindPod, p), Field: fmt.Sprintf("status.containerStatuses[%s].state.terminated", done.Name), Quote: fmt.Sprintf("%s, exit code 0", done.State.Terminated.Reason), At: moment(ended), Count: 1},
				{Object: refOf(KindPod, p), Field: fmt.Sprintf("status.containerStatuses[%s].state.running", still.Name), Quote: "running", At: moment(still.State.Running.StartedAt.Time), Count: 1},
			},
			remedy: Remedy{
				Text:    fmt.Sprintf("Make %s a native sidecar (an init container with restartPolicy Always), or let the work stop it when it is done.", still.Name),
				Command: fmt.Sprintf("kubectl describe pod %s -n %s", p.Name, p.Namespace),
			},
		})
	}
	return found
}

// holder finds the main container of a pod when it was done a while ago, and the sidecar that still runs; nil where there is no such.
func (s *Snapshot) holder(p *corev1.Pod) (done, still *corev1.ContainerStatus) {
	if len(p.Spec.Containers) < 2 {
		return nil, nil
	}
	main := cmp.Or(p.Annotations["kubectl.kubernetes.io/default-container"], p.Spec.Containers[0].Name)
	for i := range p.Status.ContainerStatuses {
		status := &p.Status.ContainerStatuses[i]
		switch end := status.State.Terminated; {
		case status.Name == main:
			if end == nil || end.ExitCode != 0 || s.age(end.FinishedAt.Time) < crashWindow {
				return nil, nil
			}
			done = status
		case status.State.Running == nil:
		case sidecarName.MatchString(status.Name) || sidecarName.MatchString(repository(status.Image)):
			still = status
		default:
			return nil, nil // other work goes on
		}
	}
	return done, still
}

// jobWithoutPods is a Job that should be at work since minutes, has tried nothing yet, and has no pod: something refuses to create it.
func (s *Snapshot) jobWithoutPods(w *workload) *finding {
	at := slices.IndexFunc(s.jobs, func(j *batchv1.Job) bool { return refOf(KindJob, j) == w.ref })
	if at < 0 || len(w.pods)+len(w.finished) > 0 || !w.leaving.IsZero() || !s.knows("pods", w.ref.Namespace) {
		return nil
	}
	j := s.jobs[at]
	tried := j.Status.Active+j.Status.Failed+j.Status.Succeeded > 0 || j.Status.CompletionTime != nil || len(j.Status.Conditions) > 0
	managed := j.Spec.ManagedBy != nil && *j.Spec.ManagedBy != batchv1.JobControllerName
	if tried || managed || isTrue(j.Spec.Suspend) || int(ptr.Deref(j.Spec.Parallelism, 1)) == 0 || s.age(j.CreationTimestamp.Time) < 2*time.Minute || j.DeletionTimestamp != nil {
		return nil
	}
	return &finding{
		subject: w.ref, hits: []Ref{w.ref}, sure: Low, level: Degraded, since: j.CreationTimestamp.Time, unsure: "I do not know why; this is what I saw.",
		what:   fmt.Sprintf("%s was made %s ago and has no pod", w.ref.words(), words.Span(s.age(j.CreationTimestamp.Time))),
		shown:  []Evidence{{Object: w.ref, Field: "status", Quote: "0 active, 0 succeeded, 0 failed", At: moment(j.CreationTimestamp.Time)}},
		remedy: Remedy{Text: "Look at its events.", Command: fmt.Sprintf("kubectl describe %s -n %s", w.ref, w.ref.Namespace)},
	}
}
