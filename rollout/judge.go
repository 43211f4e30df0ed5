package rollout

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/words"
)

// How long a follower watches (reference kube.md, B.3).
const (
	noDeadline      = 1<<31 - 1        // progressDeadlineSeconds that means none
	watchAnyway     = 15 * time.Minute // where there is no deadline, unless its pods take longer one after another
	watchAtMost     = 2 * time.Hour
	pastDeadline    = time.Minute      // beyond it: the controller notices late
	unseenAtMost    = 30 * time.Second // until an object that is older than the write counts as recreated
	stuckAfter      = 3 * time.Minute  // without any movement
	defaultDeadline = 10 * time.Minute // progressDeadlineSeconds by default
)

// Judge says how far a rollout has got. It uses nothing but its arguments: f is what the follower remembered from the
// last poll, and what it returns is what to remember for the next. It judges a failure from the pods, within
// seconds, and does not wait for the deadline; a Deployment that was complete stays "complete" for Kubernetes
// whatever happens to its pods. It is Broken once: further polls show whether it came up after all.
func Judge(r Rollout, f Follow, now time.Time) (Progress, Follow) {
	p := Progress{Phase: Moving, Took: now.Sub(f.StartedAt)}
	if why, gone := r.gone(f, now); gone {
		p.Phase, p.Why = Gone, why
		return p, f
	}
	f = f.fill(r)
	fresh, old := r.Split()
	blocking := r.blocking(old)
	f = f.remember(r, fresh, blocking, now)
	p.Of, p.Ready = int(r.Desired()), r.up()
	p.Pods = r.podLines(fresh, old, now)
	p.Line, p.Short = r.line(f, len(fresh), now), algesta.Say("{} of {} ready, {}", p.Ready, p.Of, words.Span(p.Took))
	if r.Controller.Generation < f.Generation || r.Controller.Observed < f.Generation {
		return p.orOutOfTime(r, f, now), f // the controller has not seen the write yet
	}
	if why, overtaken := r.overtaken(f); overtaken {
		p.Phase, p.Why = Overtaken, why
		return p, f
	}
	why, broken := r.crashedTwice(fresh, f, now)
	if !broken && !r.Done() {
		why, broken = r.broken(fresh, blocking, f, now)
	}
	if broken && f.BrokenAt.IsZero() {
		f.BrokenAt, f.BrokenOf = now, r.Desired()
		p.Phase, p.Why, p.Serving, p.CameUp = Broken, why, r.whoServes(), !f.CompleteAt.IsZero()
		if blocks := r.Blocking(); len(blocks) > 0 {
			p.Blocked = blocks[0].Name
		}
		return p, f
	}
	if r.Done() {
		p, f = p.complete(r, fresh, f, now)
	} else {
		f.SteadyAt = time.Time{}
		if f = f.shake(r, fresh, now); !f.CompleteAt.IsZero() {
			p = p.up(f)
		}
		p = p.orOutOfTime(r, f, now)
	}
	p.Alert = r.alert(f, now)
	return p, f
}

// gone reports a workload that was deleted, or deleted and recreated.
func (r Rollout) gone(f Follow, now time.Time) (algesta.Text, bool) {
	name := algesta.Name(r.Workload.Name)
	d := r.Controller
	switch {
	case d == nil:
		return algesta.Say("{} was deleted.", name), true
	case d.Deleting:
		return algesta.Say("{} is being deleted.", name), true
	case f.UID != "" && f.UID != string(d.UID), d.Generation < f.Generation && now.Sub(f.StartedAt) > unseenAtMost:
		return algesta.Say("{} was deleted and recreated by someone else.", name), true
	}
	return nil, false
}

// fill learns what only the Deployment can tell, once the write is seen in it.
func (f Follow) fill(r Rollout) Follow {
	d := r.Controller
	if f.Deadline.IsZero() {
		f.Deadline = f.StartedAt.Add(min(max(watchAnyway, time.Duration(d.oneByOne())*r.patience()), watchAtMost))
		if d.Deadline > 0 {
			f.Deadline = f.StartedAt.Add(d.Deadline + pastDeadline)
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

// remember notes since when each new pod, and each old one that is waited for, is in a bad state, and when anything last moved.
func (f Follow) remember(r Rollout, fresh, blocking []*corev1.Pod, now time.Time) Follow {
	seen := map[string]time.Time{}
	note := func(key string) {
		seen[key] = now
		if before, known := f.FirstSeen[key]; known {
			seen[key] = before
		}
	}
	f.Restarts = f.restartsBefore(fresh)
	var words []string
	for _, pod := range fresh {
		s := StateOf(pod)
		words = append(words, s.Word)
		if s.Reason != "" {
			note(seenKey(pod, s))
		}
		if s.Word != "ready" && f.restarted(pod) >= crashesAtLeast {
			note(restartedKey(pod))
		}
	}
	for _, pod := range blocking {
		if s := StateOf(pod); s.Reason != "" {
			note(seenKey(pod, s))
		}
	}
	if r.heldBack(now) != "" {
		note(r.noPodsKey())
	}
	f.FirstSeen = seen
	ready, old := r.Ready()
	f.Served = f.Served || ready+old > 0
	// A pod that became ready again, or was restarted, is no progress.
	if most := ready + int(r.Controller.Updated); most > f.Most || f.ChangedAt.IsZero() {
		f.Most, f.ChangedAt = most, now
	}
	slices.Sort(words)
	words = append(words, slices.Sorted(maps.Keys(seen))...)
	f.Mark = fmt.Sprintf(
		"%d ready, %d old, %d updated, %d restarts; %s",
		ready,
		old,
		r.Controller.Updated,
		restartsOfAll(fresh),
		strings.Join(words, ", "),
	)
	return f
}

// restartsBefore are the restarts that pods had before the write: a scale keeps its pods.
func (f Follow) restartsBefore(fresh []*corev1.Pod) map[string]int32 {
	var out map[string]int32
	for _, pod := range fresh {
		before, known := f.Restarts[key(pod)]
		if !known && pod.CreationTimestamp.After(f.StartedAt.Add(-clocksDiffer)) {
			continue
		}
		if !known {
			before = Restarts(pod)
		}
		if out == nil {
			out = map[string]int32{}
		}
		out[key(pod)] = before
	}
	return out
}

// restarted is how often containers of the pod were restarted since the write, or since all pods were there, whatever they
// ended with.
func (f Follow) restarted(pod *corev1.Pod) int32 { return Restarts(pod) - f.Restarts[key(pod)] }

// key distinguishes a pod from the one of the same name that it replaced, as a StatefulSet's does.
func key(pod *corev1.Pod) string { return pod.Name + " " + string(pod.UID) }

// noPodsKey is the key in FirstSeen of a ReplicaSet that may not make pods. Each pod that it manages to make starts that over.
func (r Rollout) noPodsKey() string { return fmt.Sprintf("ReplicaFailure with %d", r.made()) }

// seenKey joins the reasons of one trouble: a crash loop alternates between several, and a pull between two.
func seenKey(pod *corev1.Pod, s PodState) string { return key(pod) + "/" + s.Container + " " + s.Word }

// restartedKey is the key in FirstSeen of a pod that was restarted and is not ready.
func restartedKey(pod *corev1.Pod) string { return key(pod) + " restarted" }

// overtaken reports that what was written is no longer what is wanted.
func (r Rollout) overtaken(f Follow) (algesta.Text, bool) {
	d, name := r.Controller, algesta.Name(r.Workload.Name)
	switch {
	case d.Generation > f.Generation && f.TemplateHash != "" && r.TemplateHash() != f.TemplateHash:
		why := algesta.Say(
			"Someone changed {} again: it should now run {}",
			name,
			algesta.Name(quote(ShortImage(MainContainer(d.Template, "").Image))),
		)
		if cause := d.Cause(); cause != "" && cause != ChangedOutside {
			why = algesta.Say("{} ({})", why, words.Cited(cause))
		}
		return algesta.Say("{}.", why), true
	case f.Scale && r.Desired() != f.Replicas:
		return algesta.Say("Someone or an autoscaler set {} to {} instead of {}.", name, words.Count(r.Desired(), "pod"), f.Replicas), true
	case !f.BrokenAt.IsZero() && (r.Desired() == 0 || r.Desired() < f.BrokenOf): // the pods that failed may be those that went
		return algesta.Say("Someone or an autoscaler set {} to {} after it had failed.", name, words.Count(r.Desired(), "pod")), true
	case d.Paused && !f.Scale:
		return algesta.Say("Someone paused {}: nothing more happens until it's resumed.", name), true
	}
	return nil, false
}

// orOutOfTime ends the watching when it has lasted too long; the rollout itself goes on.
func (p Progress) orOutOfTime(r Rollout, f Follow, now time.Time) Progress {
	if now.Before(f.Deadline) {
		return p
	}
	p.Phase, p.Serving = OutOfTime, r.whoServes()
	p.Why = algesta.Say(
		"{} of {} of {} ready after {}.",
		p.Ready,
		words.Count(p.Of, "pod"),
		algesta.Name(r.Workload.Name),
		words.Span(now.Sub(f.StartedAt)),
	)
	return p
}

// line is the progress in one line.
func (r Rollout) line(f Follow, pods int, now time.Time) algesta.Text {
	want := int(r.Desired())
	fresh, old := r.Ready()
	parts := []string{fmt.Sprintf("%d of %d ready", r.up(), want)}
	if extra := pods - want; extra > 0 {
		parts = append(parts, words.Count(extra, "pod")+" to stop")
	}
	if old > 0 {
		parts = append(parts, words.Count(old, "old pod")+" serving")
	}
	if missing := want - fresh - old; missing > 0 {
		parts = append(parts, fmt.Sprintf("%d unavailable", missing))
	} else {
		parts = append(parts, "none unavailable")
	}
	took := words.Span(now.Sub(f.StartedAt))
	if d := r.Controller.Deadline; d > 0 {
		took += " of " + words.Span(d)
	}
	return algesta.Say("{}", strings.Join(append(parts, took), " · "))
}

// mostPodLines is how many pods a progress message names.
const mostPodLines = 12

// podLines shows each new pod's state, and the old ones in one line.
func (r Rollout) podLines(fresh, old []*corev1.Pod, now time.Time) []algesta.Text {
	var out []algesta.Text
	for _, pod := range fresh {
		s := StateOf(pod)
		word := s.Word
		switch n := Restarts(pod); {
		case s.Word == "crashing":
			word = fmt.Sprintf("crashing (exit %d, %s)", s.Exit, words.Count(s.Restarts, "restart"))
		case s.Word == "running, not ready" && n > 0:
			word = fmt.Sprintf("running, not ready (%s%s)", exitBefore(pod), words.Count(n, "restart"))
		}
		if r.onDeadNode(pod) {
			word += ", on a node that doesn't answer"
		}
		out = append(out, algesta.Say("{} {}", algesta.Name(ShortName(pod.Name)), word))
	}
	if len(out) > mostPodLines {
		out = append(out[:mostPodLines], algesta.Say("and {}", words.Count(len(out)-mostPodLines, "more new pod")))
	}
	var serve, stop []string
	for _, pod := range old {
		if pod.DeletionTimestamp != nil {
			stop = append(stop, ShortName(pod.Name))
		} else if IsReady(pod) {
			serve = append(serve, ShortName(pod.Name))
		}
	}
	for _, group := range []struct {
		names []string
		word  string
	}{{serve, "serving"}, {stop, "stopping"}} {
		if n := len(group.names); n > mostPodLines {
			out = append(out, algesta.Say("{} {}", words.Count(n, "old pod"), group.word))
		} else if n > 0 {
			out = append(out, algesta.Say("{} {}", algesta.Name(strings.Join(group.names, ", ")), group.word))
		}
	}
	if why := r.refusedNow(now); len(why) > 0 {
		out = append(out, why)
	}
	return out
}
