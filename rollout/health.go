package rollout

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/words"
)

// HealthOf is the workload's health now: its pods of every revision, without those that are stopping.
func HealthOf(r Rollout, now time.Time) Health {
	if r.Controller == nil || r.Unread != nil {
		return Health{}
	}
	h := Health{Known: true, Desired: r.Desired(), Window: r.window(now)}
	for _, pod := range r.Pods {
		if pod.DeletionTimestamp != nil {
			continue
		}
		if IsReady(pod) {
			h.Ready++
		}
		lately := restartsSince(pod, now.Add(-restartWindow))
		h.Restarts += lately
		if loops(pod, now) {
			h.Looping++
		}
		h.AtLeast = h.AtLeast || lately > 0 && lately < Restarts(pod)
		if s := StateOf(pod); s.Reason != "" {
			h.Waiting = append(h.Waiting, s.Reason)
		}
	}
	slices.Sort(h.Waiting)
	h.Waiting = slices.Compact(h.Waiting)
	return h
}

// loops reports whether the pod restarted twice or more, and lately.
func loops(pod *corev1.Pod, now time.Time) bool {
	return pod.DeletionTimestamp == nil && Restarts(pod) > 1 && restartsSince(pod, now.Add(-restartWindow)) > 0
}

// window is how far back restarts can be counted: not further than the oldest pod that was restarted, for the restarts of a new pod did not
// take the time that an old one has been there. Where none was restarted, it is that of the oldest pod.
func (r Rollout) window(now time.Time) time.Duration {
	var oldest, restarted time.Duration
	for _, pod := range r.Pods {
		if pod.DeletionTimestamp != nil {
			continue
		}
		age := now.Sub(pod.CreationTimestamp.Time)
		oldest = max(oldest, age)
		if restartsSince(pod, now.Add(-restartWindow)) > 0 {
			restarted = max(restarted, age)
		}
	}
	if restarted > 0 {
		oldest = restarted
	}
	if oldest == 0 {
		return restartWindow
	}
	return min(restartWindow, max(oldest, time.Second))
}

// Compare says whether the workload is healthier than before, and how that was seen, as the end of a sentence:
// "no restart in the 60 s since (before: 6 in 10 min)".
func Compare(before, after Health) (Verdict, algesta.Text) {
	if !before.Known || !after.Known {
		return NotCompared, algesta.Say("the pods couldn't be read")
	}
	better, worse := false, false
	note := func(difference float64) {
		better, worse = better || difference < 0, worse || difference > 0
	}
	note(float64(after.missing() - before.missing()))
	note(restartsDiffer(before, after))
	note(float64(len(after.Waiting) - len(before.Waiting)))
	note(float64(after.Looping - before.Looping)) // one that crashes again and again runs for a moment each time, without a reason to wait
	verdict := Same
	switch {
	case worse:
		verdict = Worse // a workload that got worse somewhere isn't called better
	case better:
		verdict = Healthier
	}
	return verdict, algesta.Say("{} in the {} since ({})", restarts(after.Restarts), words.Span(after.Window), before.words(after))
}

// significant is how many restarts had to be expected for none to be significant: the rule of three, by which none happens by chance once
// in twenty times.
const significant = 3

// restartsDiffer is below zero where the pods restart less than before, above it where they do more. What is watched afterwards is a minute
// or so: one restart in the ten minutes before and none in that minute is no difference, and neither is one more of a workload that
// restarts anyway.
func restartsDiffer(before, after Health) float64 {
	difference := after.rate() - before.rate()
	switch {
	case difference < 0 && before.rate()*after.Window.Minutes() < significant:
		return 0
	case difference > 0 && before.Restarts > 0 && after.Restarts < 2:
		return 0
	}
	return difference
}

// missing is how many pods are not there of those that are wanted.
func (h Health) missing() int32 { return max(0, h.Desired-h.Ready) }

// rate is restarts per minute.
func (h Health) rate() float64 {
	if h.Window <= 0 || h.Restarts == 0 {
		return 0
	}
	return float64(h.Restarts) / h.Window.Minutes()
}

// words say how it was before, and only what differs or was wrong.
func (h Health) words(after Health) string {
	count := fmt.Sprint(h.Restarts)
	if h.AtLeast {
		count = "at least " + count
	}
	out := fmt.Sprintf("before: %s in %s", count, words.Span(h.Window))
	if h.missing() > 0 || after.missing() > 0 {
		out += fmt.Sprintf(", %d of %d ready", h.Ready, h.Desired)
	}
	if len(h.Waiting) > 0 {
		out += ", " + quote(words.List(h.Waiting))
	}
	return out
}

func restarts(n int32) string {
	if n == 0 {
		return "no restart"
	}
	return words.Count(n, "restart")
}
