package rollout

import (
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/words"
)

// clockSlack is how far the cluster's clock and the bot's may be apart. The cluster also leaves out the parts of a second, so that a pod of
// this very change can seem to have been there before it.
const clockSlack = 30 * time.Second

// complete is the soak, and the verdict at its end. It counts from when all pods have been there without a break.
func (p Progress) complete(r Rollout, fresh []*corev1.Pod, f Follow, now time.Time) (Progress, Follow) {
	restarted := restartsOfAll(fresh)
	if f.CompleteAt.IsZero() {
		f.CompleteAt, f.DesiredThen, f.Restarts = now, r.Desired(), map[string]int32{}
		for _, pod := range fresh {
			f.Restarts[key(pod)] = Restarts(pod)
		}
	}
	if f.SteadyAt.IsZero() || restarted != f.RestartsSeen {
		f.SteadyAt, f.RestartsSeen = now, restarted
	}
	f = f.shake(r, fresh, now)
	p = p.up(f)
	if now.Sub(f.SteadyAt) < f.Soak {
		return p, f
	}
	p.Phase = Settled
	p.Line = algesta.Say("{} of {} ready after {}", p.Ready, p.Of, words.Span(p.Took))
	p.Short = p.Line
	after := HealthOf(r, now)
	after.Window, after.Restarts, after.Looping = now.Sub(f.CompleteAt), 0, 0
	for _, pod := range fresh {
		after.Restarts += f.restarted(pod)
	}
	for _, pod := range r.Pods {
		if pod.CreationTimestamp.Time.Before(f.StartedAt.Add(-clockSlack)) && loops(pod, now) { // it's still there
			after.Looping++
		}
	}
	p.Verdict, p.Compare = Compare(f.Before, after)
	return p, f
}

// up is a rollout that all pods of were there, and that is being watched.
func (p Progress) up(f Follow) Progress {
	p.Phase, p.Took = Complete, f.CompleteAt.Sub(f.StartedAt)
	if p.Ready == p.Of {
		// Until when, not how long: with many changes at once the edit that says the end may be half a minute late.
		p.Short = algesta.Say(
			"{} of {} ready after {}, watching until {}",
			p.Ready,
			p.Of,
			words.Span(p.Took),
			algesta.AtSecond(f.SteadyAt.Add(f.Soak)),
		)
		p.Line = p.Short
	}
	return p
}

// shake notes what first went wrong after all pods were there: a restart, a pod that failed, one that is no longer ready.
// That more are wanted than then is nothing wrong.
func (f Follow) shake(r Rollout, fresh []*corev1.Pod, now time.Time) Follow {
	if f.CompleteAt.IsZero() || len(f.Shaken) > 0 {
		return f
	}
	after := words.Span(now.Sub(f.CompleteAt))
	ready := r.up()
	for _, pod := range fresh {
		s, name := StateOf(pod), algesta.Name(ShortName(pod.Name))
		switch {
		case pod.CreationTimestamp.After(f.CompleteAt): // another is missing, or more are wanted
		case s.Word == "failed":
			if endedAfter(pod, f.CompleteAt) {
				f.Shaken = algesta.Say("Pod {} failed {} after all pods were ready: {}.", name, after, quote(s.Reason))
			}
		case f.restarted(pod) > 0:
			f.Shaken = algesta.Say(
				"Pod {} was restarted {} after all pods were ready ({}).",
				name,
				after,
				orElse(lastExit(pod), "its exit code isn't known"),
			)
		case s.Reason != "":
			f.Shaken = algesta.Say("Pod {} {} {} after all pods were ready "+
				"({}).", name, plural(s.Word, 1), after, orElse(lastExit(pod), quote(s.Reason)))
		case ready < int(f.DesiredThen) && s.Word == "running, not ready":
			f.Shaken = algesta.Say("Pod {} is no longer ready, {} after all pods were.", name, after)
		}
		if len(f.Shaken) > 0 {
			return f
		}
	}
	if ready < int(min(f.DesiredThen, r.Desired())) {
		f.Shaken = algesta.Say("{} of {} ready, {} after all pods were.", ready, words.Count(r.Desired(), "pod"), after)
	}
	return f
}

// crashedTwice reports that a pod was restarted twice after all pods were there, which is no accident.
func (r Rollout) crashedTwice(fresh []*corev1.Pod, f Follow, now time.Time) (algesta.Text, bool) {
	for _, pod := range fresh {
		if !f.CompleteAt.IsZero() && f.restarted(pod) >= crashesAtLeast {
			return r.why(pod, StateOf(pod), now), true
		}
	}
	return nil, false
}

func restartsOfAll(pods []*corev1.Pod) int32 {
	var n int32
	for _, pod := range pods {
		n += Restarts(pod)
	}
	return n
}

// clocksDiffer is how far the clock of a node may be behind.
const clocksDiffer = 2 * time.Second

// endedAfter reports that a container of the pod ended after t, as far as the pod's status shows.
func endedAfter(pod *corev1.Pod, t time.Time) bool {
	for _, c := range pod.Status.ContainerStatuses {
		if end := lastEnd(c); !end.IsZero() && end.After(t.Add(-clocksDiffer)) {
			return true
		}
	}
	return false
}

// alert is what people should know at once while a rollout is followed: something went wrong after all pods were there, a node
// with its pods does not answer, or nothing serves users any more.
func (r Rollout) alert(f Follow, now time.Time) algesta.Text {
	out := f.Shaken
	if c := r.Controller; c.ByHand && c.Updated < c.Desired {
		out = out.Then("The strategy of {} is OnDelete: {} of {} still run what they ran before, until someone deletes them.",
			algesta.Name(r.Workload.Name), c.Desired-c.Updated, words.Count(c.Desired, "pod"))
	}
	fresh, old := r.Ready()
	if fresh+old == 0 && r.Desired() > 0 && f.Served {
		out = out.Then("No pod of {} serves users.", algesta.Name(r.Workload.Name))
	}
	if dead := r.deadNodes(now); len(dead) > 0 {
		out = out.Then("{}", dead)
	}
	return out
}
