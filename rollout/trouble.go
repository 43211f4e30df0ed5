package rollout

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/diagnosis/rules"
	"github.com/3astronautas/algesta/words"
)

// Trouble is one sentence about pods of the current revision that cannot run, or an older one that it waits for, and who still serves
// users.
func (r Rollout) Trouble(now time.Time) (algesta.Text, bool) {
	fresh, old := r.Split()
	var worst PodState
	var sick *corev1.Pod
	bad, restarts, lately := 0, int32(0), int32(0)
	for _, pod := range fresh {
		if s := StateOf(pod); s.Reason != "" {
			bad++
			if worst.Reason == "" || s.Restarts > worst.Restarts {
				worst, sick = s, pod
			}
		}
		lately += restartsSince(pod, now.Add(-restartWindow))
		restarts += Restarts(pod)
	}
	if bad == 0 {
		for _, pod := range r.blocking(old) {
			if s := StateOf(pod); s.Reason != "" {
				return r.whyBlocked(pod, s).Then("{}", r.whoServes()), true
			}
		}
		why := r.refusedNow(now)
		if dead := r.deadNodes(now); len(dead) > 0 {
			why = why.Then("{}", dead)
		}
		if len(why) == 0 {
			return nil, false
		}
		return why.Then("{}", r.whoServes()), true
	}
	detail := quote(worst.Reason)
	why, known := rules.WhyPod(sick, r.ref(), now)
	if worst.Word == "crashing" {
		detail = fmt.Sprintf("exit %d, %s", worst.Exit, words.Count(restarts, "restart"))
		if lately == restarts { // of an older pod it isn't known when all of them were, and kubectl shows all
			detail += " in " + words.Span(r.window(now))
		}
	} else if worst.Message != "" {
		detail += ": " + quote(worst.Message)
	}
	which := fmt.Sprintf("%d of %s", bad, words.Count(len(fresh), "pod"))
	if len(fresh) == 1 {
		which = "The only pod"
	}
	out := algesta.Say("{} of the current revision {} ({}).", which, plural(worst.Word, bad), detail)
	if known && worst.Word != "crashing" {
		out = algesta.Say("{} of the current revision {}: {}.", which, plural(worst.Word, bad), marked(why))
	}
	return out.Then("{}", r.whoServes()), true
}

// Sick reports whether pods of the current revision can't run as they are.
func (r Rollout) Sick() bool {
	fresh, _ := r.Split()
	return slices.ContainsFunc(fresh, func(pod *corev1.Pod) bool { return StateOf(pod).Reason != "" })
}

// plural turns a pod's state into what several pods do.
func plural(word string, n int) string {
	verbs := map[string][2]string{
		"crashing":            {"crashes", "crash"},
		"can't get its image": {"can't get its image", "can't get their image"},
		"waiting for a node":  {"waits for a node", "wait for a node"},
		"failed":              {"failed", "failed"},
	}
	forms, known := verbs[word]
	switch {
	case !known:
		return word
	case n == 1:
		return forms[0]
	}
	return forms[1]
}

// whoServes says whether users notice, as in "The 2 old pods still serve users", in a sentence.
func (r Rollout) whoServes() algesta.Text {
	newReady, oldReady := r.Ready()
	switch {
	case newReady == 0 && oldReady == 0:
		return algesta.Say("No pod serves users.")
	case newReady == 0 && oldReady == 1:
		return algesta.Say("The old pod still serves users.")
	case newReady == 0:
		return algesta.Say("The {} still {} users.", words.Count(oldReady, "old pod"), serve(oldReady))
	}
	return algesta.Say("{} still {} users.", words.Count(newReady+oldReady, "pod"), serve(newReady+oldReady))
}

func serve(n int) string {
	if n == 1 {
		return "serves"
	}
	return "serve"
}
