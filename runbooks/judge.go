package runbooks

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta"
)

// How long a follower watches (reference kube.md, B.3).
const (
	noDeadline    = 1<<31 - 1        // progressDeadlineSeconds that means none
	watchAnyway   = 15 * time.Minute // where the Deployment has no deadline
	pastDeadline  = time.Minute      // beyond it: the controller notices late
	unseenAtMost  = 30 * time.Second // until a Deployment that is older than the write counts as made anew
	stuckAfter    = 3 * time.Minute  // without any movement
	defaultWindow = 600              // progressDeadlineSeconds by default
)

// Judge tells where a rollout stands. It looks at nothing but its arguments: f is what the follower remembered from the
// last look, and what it returns is what to remember for the next. It judges a failure from the pods, within
// seconds, and does not wait for the deadline; a Deployment that was complete stays "complete" for Kubernetes
// whatever happens to its pods.
func Judge(r Rollout, f Follow, now time.Time) (Progress, Follow) {
	p := Progress{Phase: Moving, Took: now.Sub(f.StartedAt)}
	if why, gone := r.gone(f, now); gone {
		p.Phase, p.Why = Gone, why
		return p, f
	}
	d := r.Deployment
	f = f.fill(r)
	fresh, old := r.split()
	f = f.remember(r, fresh, now)
	ready, _ := r.ready()
	p.Of, p.Ready = int(r.desired()), min(ready, int(r.desired()))
	p.Pods = podLines(fresh, old)
	p.Line, p.Short = r.line(f, len(fresh), now), algesta.Say("{} of {} ready, {}", p.Ready, count(p.Of, "pod"), span(p.Took))
	if d.Generation < f.Generation || d.Status.ObservedGeneration < f.Generation {
		return p.orOutOfTime(r, f, now), f // the controller has not seen the write yet
	}
	if why, overtaken := r.overtaken(f); overtaken {
		p.Phase, p.Why = Overtaken, why
		return p, f
	}
	if r.done() {
		return p.complete(r, fresh, f, now)
	}
	f.CompleteAt = time.Time{}
	if why, broken := r.broken(fresh, old, f, now); broken {
		p.Phase, p.Why, p.Serving = Broken, why, r.whoServes()
		return p, f
	}
	return p.orOutOfTime(r, f, now), f
}

// gone reports a Deployment that was deleted, or deleted and made anew.
func (r Rollout) gone(f Follow, now time.Time) (algesta.Text, bool) {
	name := algesta.Name(r.Workload.Name)
	d := r.Deployment
	switch {
	case d == nil:
		return algesta.Say("{} was deleted.", name), true
	case d.DeletionTimestamp != nil:
		return algesta.Say("{} is being deleted.", name), true
	case f.UID != "" && f.UID != string(d.UID), d.Generation < f.Generation && now.Sub(f.StartedAt) > unseenAtMost:
		return algesta.Say("{} was deleted and made anew by somebody else.", name), true
	}
	return nil, false
}

// fill learns what only the Deployment can tell, once the write is seen in it.
func (f Follow) fill(r Rollout) Follow {
	d := r.Deployment
	if f.Deadline.IsZero() {
		f.Deadline = f.StartedAt.Add(watchAnyway)
		if s := deadlineSeconds(d); s != noDeadline {
			f.Deadline = f.StartedAt.Add(time.Duration(s)*time.Second + pastDeadline)
		}
	}
	if d.Generation >= f.Generation {
		f.UID = string(d.UID)
		if f.TemplateHash == "" {
			f.TemplateHash = r.TemplateHash()
		}
	}
	return f
}

func deadlineSeconds(d *appsv1.Deployment) int32 {
	if d.Spec.ProgressDeadlineSeconds == nil {
		return defaultWindow
	}
	return *d.Spec.ProgressDeadlineSeconds
}

// remember notes since when each new pod is in a bad state, and when anything last moved.
func (f Follow) remember(r Rollout, fresh []*corev1.Pod, now time.Time) Follow {
	seen := map[string]time.Time{}
	note := func(key string) {
		seen[key] = now
		if before, known := f.FirstSeen[key]; known {
			seen[key] = before
		}
	}
	var words []string
	var restarted int32
	for _, pod := range fresh {
		s := stateOf(pod)
		words = append(words, s.word)
		restarted += restartsOf(pod)
		if s.reason != "" {
			note(seenKey(pod, s))
		}
	}
	if replicaFailure(r.current()) != "" {
		note(noPodsKey)
	}
	f.FirstSeen = seen
	ready, _ := r.ready()
	moved := fmt.Sprintf("%d ready, %d updated, %d restarts", ready, r.Deployment.Status.UpdatedReplicas, restarted)
	if !strings.HasPrefix(f.Mark, moved+";") {
		f.ChangedAt = now
	}
	slices.Sort(words)
	f.Mark = moved + "; " + strings.Join(append(words, slices.Sorted(maps.Keys(seen))...), ", ")
	return f
}

// noPodsKey stands in FirstSeen for a ReplicaSet that may not make pods.
const noPodsKey = "ReplicaFailure"

// seenKey joins the reasons of one trouble: a crash loop alternates between several, and a pull between two.
func seenKey(pod *corev1.Pod, s podState) string { return pod.Name + "/" + s.container + " " + s.word }

// overtaken reports that what was written is no longer what is wanted.
func (r Rollout) overtaken(f Follow) (algesta.Text, bool) {
	d, name := r.Deployment, algesta.Name(r.Workload.Name)
	switch {
	case d.Generation > f.Generation && f.TemplateHash != "" && r.TemplateHash() != f.TemplateHash:
		why := algesta.Say("Somebody changed {} again: it is now meant to run {}", name, algesta.Name(quote(shortImage(mainContainer(d.Spec.Template, "").Image))))
		if cause := quote(d.Annotations[causeAnnotation]); cause != "" {
			why = algesta.Say("{} (“{}”)", why, cause)
		}
		return algesta.Say("{}.", why), true
	case f.Scale && r.desired() != f.Replicas:
		return algesta.Say("Somebody or an autoscaler set {} to {} instead of {}.", name, count(r.desired(), "pod"), f.Replicas), true
	case d.Spec.Paused && !f.Scale:
		return algesta.Say("Somebody paused {}: nothing more happens until it is resumed.", name), true
	}
	return nil, false
}

// complete is the soak, and the verdict at its end.
func (p Progress) complete(r Rollout, fresh []*corev1.Pod, f Follow, now time.Time) (Progress, Follow) {
	var restarted int32
	for _, pod := range fresh {
		restarted += restartsOf(pod)
	}
	if f.CompleteAt.IsZero() {
		f.CompleteAt, f.RestartsThen = now, restarted
	}
	p.Phase, p.Took = Complete, f.CompleteAt.Sub(f.StartedAt)
	p.Short = algesta.Say("{} of {} ready after {}, watching {}", p.Ready, p.Of, span(p.Took), span(f.Soak))
	p.Line = p.Short
	if now.Sub(f.CompleteAt) < f.Soak {
		return p, f
	}
	p.Phase = Settled
	p.Line = algesta.Say("{} of {} ready after {}", p.Ready, p.Of, span(p.Took))
	p.Short = p.Line
	after := HealthOf(r, now)
	after.Window, after.Restarts = now.Sub(f.CompleteAt), max(0, restarted-f.RestartsThen)
	p.Verdict, p.Compare = Compare(f.Before, after)
	return p, f
}

// orOutOfTime ends the watching when it has lasted too long; the rollout itself goes on.
func (p Progress) orOutOfTime(r Rollout, f Follow, now time.Time) Progress {
	if now.Before(f.Deadline) {
		return p
	}
	p.Phase, p.Serving = OutOfTime, r.whoServes()
	p.Why = algesta.Say("{} of {} of {} ready after {}.", p.Ready, count(p.Of, "pod"), algesta.Name(r.Workload.Name), span(p.Took))
	return p
}

// line is the progress in one line.
func (r Rollout) line(f Follow, pods int, now time.Time) algesta.Text {
	want := int(r.desired())
	fresh, old := r.ready()
	parts := []string{fmt.Sprintf("%d of %d ready", min(fresh, want), want)}
	if extra := pods - want; extra > 0 {
		parts = append(parts, count(extra, "pod")+" to stop")
	}
	if old > 0 {
		parts = append(parts, count(old, "old pod")+" serving")
	}
	if missing := want - fresh - old; missing > 0 {
		parts = append(parts, fmt.Sprintf("%d unavailable", missing))
	} else {
		parts = append(parts, "none unavailable")
	}
	took := span(now.Sub(f.StartedAt))
	if s := deadlineSeconds(r.Deployment); s != noDeadline {
		took += " of " + span(time.Duration(s)*time.Second)
	}
	return algesta.Say("{}", strings.Join(append(parts, took), " · "))
}

// mostPodLines is how many pods a progress message names.
const mostPodLines = 12

// podLines tells each new pod's state, and the old ones in one line.
func podLines(fresh, old []*corev1.Pod) []algesta.Text {
	var out []algesta.Text
	for _, pod := range fresh {
		s := stateOf(pod)
		word := s.word
		if s.word == "crashing" {
			word = fmt.Sprintf("crashing (exit %d, %s)", s.exit, count(s.restarts, "restart"))
		}
		out = append(out, algesta.Say("{} {}", algesta.Name(shortName(pod.Name)), word))
	}
	if len(out) > mostPodLines {
		out = append(out[:mostPodLines], algesta.Say("and {}", count(len(out)-mostPodLines, "more new pod")))
	}
	var serve, stop []string
	for _, pod := range old {
		if pod.DeletionTimestamp != nil {
			stop = append(stop, shortName(pod.Name))
		} else if isReady(pod) {
			serve = append(serve, shortName(pod.Name))
		}
	}
	for _, group := range []struct {
		names []string
		word  string
	}{{serve, "serving"}, {stop, "stopping"}} {
		if n := len(group.names); n > mostPodLines {
			out = append(out, algesta.Say("{} {}", count(n, "old pod"), group.word))
		} else if n > 0 {
			out = append(out, algesta.Say("{} {}", algesta.Name(strings.Join(group.names, ", ")), group.word))
		}
	}
	return out
}
