package rules

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

	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/words"
)

var jobRules = []Rule{
	{
		ID:       "job-failed",
		Family:   "jobs",
		Class:    ClassJob,
		Signal:   "condition Failed=True, reason BackoffLimitExceeded, DeadlineExceeded or PodFailurePolicy; failed pods alone are normal",
		Cause:    "the program fails every time; the deadline is too short",
		Remedy:   "read the log of its last pod",
		Source:   "Job conditions",
		snapshot: jobFailed,
	},
	{
		ID:     "job-held-by-sidecar",
		Family: "jobs",
		Class:  ClassJob,
		Signal: "a pod of a Job whose main container (annotation kubectl.kubernetes.io/default-container, else the first) has ended with " +
			"0 more than 10 minutes ago, while a container runs on that is named like a proxy, an agent or another sidecar",
		Cause:    "a sidecar in spec.containers does not know that the work is done; a Job's pod ends only when all of its containers have",
		Remedy:   "make it a native sidecar (an init container with restartPolicy Always), or have the work stop it",
		Source:   "Pod status.phase is Succeeded only when every container has ended",
		snapshot: jobHeldBySidecar,
	},
	{
		ID:       "cronjob-schedule",
		Family:   "jobs",
		Class:    ClassJob,
		Signal:   "events UnparseableSchedule, TooManyMissedTimes, MissSchedule, UnknownTimeZone",
		Cause:    "a schedule that cannot be read, a starting deadline that is too short, a controller that was down",
		Remedy:   "correct schedule, timeZone or startingDeadlineSeconds",
		Source:   "cronjob controller events",
		snapshot: cronJobSchedule,
	},
	{
		ID:       "cronjob-piles-up",
		Family:   "jobs",
		Class:    ClassJob,
		Signal:   "concurrencyPolicy Allow, three or more Jobs of one CronJob active at once, and the oldest has outlived three later starts",
		Cause:    "runs that hang, or that take longer than the schedule grants them",
		Remedy:   "see why a run does not end; set concurrencyPolicy Forbid and activeDeadlineSeconds",
		Source:   "CronJob spec.concurrencyPolicy; Job status.active",
		snapshot: cronJobPilesUp,
	},
	{
		ID:       "cronjob-suspended",
		Family:   "jobs",
		Class:    ClassJob,
		Risk:     true,
		Asked:    true,
		Signal:   "spec.suspend of a CronJob that has run before",
		Cause:    "somebody suspended it and did not resume it",
		Remedy:   "resume it when it should run",
		Source:   "CronJob spec.suspend",
		snapshot: cronJobSuspended,
	},
	{
		ID:       "cronjob-blocked",
		Family:   "jobs",
		Class:    ClassJob,
		Signal:   "concurrencyPolicy Forbid, a Job still active, and event JobAlreadyActive",
		Cause:    "a run that hangs keeps all later ones from starting",
		Remedy:   "look at the active Job; delete it if it hangs; set activeDeadlineSeconds",
		Source:   "cronjob controller event JobAlreadyActive",
		snapshot: cronJobBlocked,
	},
}

func jobFailed(s *facts.Snapshot) []*Finding {
	var found []*Finding
	newest := map[facts.Ref]*batchv1.Job{} // of a CronJob only the last run that has ended counts
	for _, j := range s.Jobs() {
		if !jobEnded(j) {
			continue
		}
		if owner := metav1.GetControllerOfNoCopy(j); owner != nil {
			ref := facts.Ref{Kind: owner.Kind, Namespace: j.Namespace, Name: owner.Name}
			if last := newest[ref]; last == nil || last.CreationTimestamp.Before(&j.CreationTimestamp) {
				newest[ref] = j
			}
		}
	}
	for _, j := range s.Jobs() {
		if owner := metav1.GetControllerOfNoCopy(j); owner != nil &&
			newest[facts.Ref{Kind: owner.Kind, Namespace: j.Namespace, Name: owner.Name}] != j {
			continue
		}
		for _, c := range j.Status.Conditions {
			if c.Type == batchv1.JobFailed && c.Status == corev1.ConditionTrue {
				f := failedJob(s, j, c)
				failsEachTime(s, j, f)
				found = append(found, f)
			}
		}
	}
	return found
}

func failedJob(s *facts.Snapshot, j *batchv1.Job, c batchv1.JobCondition) *Finding {
	ref := facts.RefOf(facts.KindJob, j)
	f := &Finding{
		Subject: ref,
		Hits:    []facts.Ref{ref},
		Sure:    High,
		Level:   Degraded,
		Since:   c.LastTransitionTime.Time,
		Remedy:  Remedy{Text: "Read the log of its last pod.", Command: fmt.Sprintf("kubectl logs %s -n %s", ref, j.Namespace)},
		What:    fmt.Sprintf("Job %s has failed (%s)", j.Name, c.Reason),
		Shown: []facts.Evidence{
			{
				Object: ref,
				Field:  "status.conditions[Failed]",
				Quote:  c.Reason + ": " + c.Message,
				At:     facts.Moment(c.LastTransitionTime.Time),
				Count:  int(j.Status.Failed),
			},
		},
	}
	w := s.Workload(ref)
	if w == nil {
		return f
	}
	for _, p := range w.Finished {
		if p.Status.Phase != corev1.PodFailed {
			continue
		}
		f.Pods = append(f.Pods, p)
		for i := range p.Status.ContainerStatuses {
			status := &p.Status.ContainerStatuses[i]
			if status.State.Terminated == nil || status.State.Terminated.ExitCode == 0 || i >= len(p.Spec.Containers) {
				continue
			}
			inst := &facts.Container{Snapshot: s, Pod: p, Owner: w, Spec: &p.Spec.Containers[i], Status: status, Died: status.State.Terminated}
			inst.Log = s.LogOfPod(p, inst)
			f.show(inst.EndEvidence(), true)
			if status.State.Terminated.Reason == "OOMKilled" {
				f.What = fmt.Sprintf("Job %s has failed (%s): %s is killed for using more memory than allowed%s", j.Name, c.Reason, inst.Words(),
					memoryLimit(inst))
				f.Remedy.Text = "Raise its memory limit, or give it less to do at once."
				continue
			}
			line, ok := inst.Log.Worst()
			if why, known := inst.Log.Explain(); known {
				line, ok = why.Line, true
				if to := inst.Dependency(why); to.Subject.Kind == facts.KindService && strings.HasPrefix(why.ID, "dependency-") &&
					s.Silent(to.Subject) && !slices.Contains(f.Calls, to.Subject) {
					f.Calls = append(f.Calls, to.Subject)
				}
			}
			if ok {
				f.What = fmt.Sprintf("Job %s has failed (%s): %s", j.Name, c.Reason, words.Cited(facts.Short(line.Example, 160)))
				f.show(inst.LogEvidence(line), true)
			}
		}
	}
	return f
}

func cronJobSchedule(s *facts.Snapshot) []*Finding {
	var found []*Finding
	for _, c := range s.CronJobs() {
		ref := facts.RefOf(facts.KindCronJob, c)
		e, ok := s.Recent(ref, "UnparseableSchedule", "InvalidSchedule", "TooManyMissedTimes", "UnknownTimeZone", "MissSchedule")
		if !ok || c.Spec.Suspend != nil && *c.Spec.Suspend {
			continue
		}
		found = append(found, &Finding{
			Subject: ref,
			Hits:    []facts.Ref{ref},
			Sure:    High,
			Level:   Degraded,
			Since:   e.First,
			What:    fmt.Sprintf("CronJob %s does not run on schedule %q (%s)", c.Name, c.Spec.Schedule, e.Reason),
			Shown:   []facts.Evidence{e.Evidence(ref)},
			Remedy: Remedy{
				Text:    "Correct its schedule, timeZone or startingDeadlineSeconds.",
				Command: fmt.Sprintf("kubectl edit %s -n %s", ref, c.Namespace),
			},
		})
	}
	return found
}

func cronJobBlocked(s *facts.Snapshot) []*Finding {
	var found []*Finding
	for _, c := range s.CronJobs() {
		ref := facts.RefOf(facts.KindCronJob, c)
		e, ok := s.Recent(ref, "JobAlreadyActive")
		if !ok || c.Spec.ConcurrencyPolicy != batchv1.ForbidConcurrent || len(c.Status.Active) == 0 {
			continue
		}
		f := &Finding{
			Subject: ref, Hits: []facts.Ref{ref}, Sure: High, Level: Degraded, Since: e.First,
			What:  fmt.Sprintf("CronJob %s skips its runs because Job %s is still active", c.Name, c.Status.Active[0].Name),
			Shown: []facts.Evidence{e.Evidence(ref)},
			Remedy: Remedy{
				Text:    "Look at the active Job; delete it if it hangs.",
				Command: fmt.Sprintf("kubectl describe job %s -n %s", c.Status.Active[0].Name, c.Namespace),
			},
		}
		heldBy(s, f, s.ActiveRuns(c))
		found = append(found, f)
	}
	return found
}

// heldBy adds what the oldest run that doesn't end said last: what a program waits for is mostly its last line.
func heldBy(s *facts.Snapshot, f *Finding, active []*batchv1.Job) {
	if len(active) == 0 {
		return
	}
	f.Since = active[0].CreationTimestamp.Time
	line, shown, ok := s.LastWordsOf(active[0])
	if !ok {
		return
	}
	f.What += fmt.Sprintf("; its last line is %s", words.Cited(words.ClipMiddle(line.Example, max(60, 160-len(f.What)))))
	f.show(shown, false)
	f.Remedy.Command = fmt.Sprintf("kubectl logs job/%s -n %s", active[0].Name, active[0].Namespace)
}

// sidecarName matches the names of containers, or of their images, that accompany another.
var sidecarName = regexp.MustCompile(`(?i)proxy|agent|sidecar|envoy|mesh|exporter|fluent|promtail|otel|collector|dapr`)

func jobHeldBySidecar(s *facts.Snapshot) []*Finding {
	var found []*Finding
	for _, p := range s.Pods() {
		owner := s.Owner(p)
		if owner.Ref.Kind != facts.KindJob || p.Status.Phase != corev1.PodRunning || p.DeletionTimestamp != nil {
			continue
		}
		done, still := holder(s, p)
		if done == nil || still == nil {
			continue
		}
		ended := done.State.Terminated.FinishedAt.Time
		found = append(found, &Finding{
			Subject: owner.Ref,
			Key:     still.Name,
			Hits:    []facts.Ref{owner.Ref},
			Pods:    []*corev1.Pod{p},
			Sure:    Medium,
			Unsure:  "The other container may still have work of its own.",
			Level:   Degraded,
			Since:   ended,
			What: fmt.Sprintf(
				"Job %s does not end: container %s was done %s, and container %s still runs beside it",
				owner.Ref.Name,
				done.Name,
				facts.When(ended),
				still.Name,
			),
			Shown: []facts.Evidence{
				{
					Object: facts.RefOf(facts.KindPod, p),
					Field:  fmt.Sprintf("status.containerStatuses[%s].state.terminated", done.Name),
					Quote:  fmt.Sprintf("%s, exit code 0", done.State.Terminated.Reason),
					At:     facts.Moment(ended),
					Count:  1,
				},
				{
					Object: facts.RefOf(facts.KindPod, p),
					Field:  fmt.Sprintf("status.containerStatuses[%s].state.running", still.Name),
					Quote:  "running",
					At:     facts.Moment(still.State.Running.StartedAt.Time),
					Count:  1,
				},
			},
			Remedy: Remedy{
				Text: fmt.Sprintf(
					"Make %s a native sidecar (an init container with restartPolicy Always), or let the work stop it when it is done.",
					still.Name,
				),
				Command: fmt.Sprintf("kubectl describe pod %s -n %s", p.Name, p.Namespace),
			},
		})
	}
	return found
}

// holder finds the main container of a pod when it was done a while ago, and the sidecar that still runs; nil where there is no such.
func holder(s *facts.Snapshot, p *corev1.Pod) (done, still *corev1.ContainerStatus) {
	if len(p.Spec.Containers) < 2 {
		return nil, nil
	}
	main := cmp.Or(p.Annotations["kubectl.kubernetes.io/default-container"], worked(p))
	for i := range p.Status.ContainerStatuses {
		status := &p.Status.ContainerStatuses[i]
		switch end := status.State.Terminated; {
		case status.Name == main:
			if end == nil || end.ExitCode != 0 || s.Age(end.FinishedAt.Time) < facts.CrashWindow {
				return nil, nil
			}
			done = status
		case status.State.Running == nil:
		case sidecarName.MatchString(status.Name) || sidecarName.MatchString(repository(status.Image)) || pilesUp(s, p, status.Name):
			still = status
		default:
			return nil, nil // other work continues
		}
	}
	return done, still
}

// worked is the container of a pod that has ended with 0, when it is the only one: the work is what ends, in whatever order they are
// listed. Else it's the first.
func worked(p *corev1.Pod) string {
	name := ""
	for i := range p.Status.ContainerStatuses {
		if end := p.Status.ContainerStatuses[i].State.Terminated; end == nil || end.ExitCode != 0 {
			continue
		}
		if name != "" {
			return p.Spec.Containers[0].Name
		}
		name = p.Status.ContainerStatuses[i].Name
	}
	return cmp.Or(name, p.Spec.Containers[0].Name)
}

// pilesUp says that the same container still runs in pods of other Jobs of the same CronJob, too: it doesn't end by itself.
func pilesUp(s *facts.Snapshot, p *corev1.Pod, container string) bool {
	parent := cronJobOf(s, p)
	return parent != "" && slices.ContainsFunc(s.Pods(), func(other *corev1.Pod) bool {
		return other != p && other.Namespace == p.Namespace && s.Owner(other) != s.Owner(p) && cronJobOf(s, other) == parent &&
			slices.ContainsFunc(other.Status.ContainerStatuses, func(status corev1.ContainerStatus) bool {
				return status.Name == container && status.State.Running != nil
			})
	})
}

// cronJobOf is the CronJob whose Job a pod belongs to; empty where there is none.
func cronJobOf(s *facts.Snapshot, p *corev1.Pod) string {
	ref := s.Owner(p).Ref
	for _, j := range s.Jobs() {
		if facts.RefOf(facts.KindJob, j) != ref {
			continue
		}
		if owner := metav1.GetControllerOfNoCopy(j); owner != nil && owner.Kind == facts.KindCronJob {
			return owner.Name
		}
	}
	return ""
}

// jobWithoutPods is a Job that should have been running for minutes, has tried nothing yet, and has no pod: something refuses to create it.
func jobWithoutPods(s *facts.Snapshot, w *facts.Workload) *Finding {
	at := slices.IndexFunc(s.Jobs(), func(j *batchv1.Job) bool { return facts.RefOf(facts.KindJob, j) == w.Ref })
	if at < 0 || len(w.Pods)+len(w.Finished) > 0 || !w.Leaving.IsZero() || !s.Knows("pods", w.Ref.Namespace) {
		return nil
	}
	j := s.Jobs()[at]
	tried := j.Status.Active+j.Status.Failed+j.Status.Succeeded > 0 || j.Status.CompletionTime != nil || len(j.Status.Conditions) > 0
	managed := j.Spec.ManagedBy != nil && *j.Spec.ManagedBy != batchv1.JobControllerName
	if tried || managed || isTrue(j.Spec.Suspend) || int(ptr.Deref(j.Spec.Parallelism, 1)) == 0 ||
		s.Age(j.CreationTimestamp.Time) < 2*time.Minute || j.DeletionTimestamp != nil {
		return nil
	}
	return &Finding{
		Subject: w.Ref,
		Hits:    []facts.Ref{w.Ref},
		Sure:    Low,
		Level:   Degraded,
		Since:   j.CreationTimestamp.Time,
		Unsure:  "I don't know why; this is what I saw.",
		What:    fmt.Sprintf("%s was made %s and has no pod", w.Ref.Words(), facts.When(j.CreationTimestamp.Time)),
		Shown: []facts.Evidence{
			{Object: w.Ref, Field: "status", Quote: "0 active, 0 succeeded, 0 failed", At: facts.Moment(j.CreationTimestamp.Time)},
		},
		Remedy: Remedy{Text: "Check its events.", Command: fmt.Sprintf("kubectl describe %s -n %s", w.Ref, w.Ref.Namespace)},
	}
}
