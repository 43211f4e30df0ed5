package rollout

import (
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/diagnosis/rules"
	"github.com/3astronautas/algesta/words"
)

// why says in one sentence why a pod can't run: with the words of the diagnosis, which is below it in the same thread.
func (r Rollout) why(pod *corev1.Pod, s PodState, now time.Time) algesta.Text {
	name := algesta.Name(pod.Name)
	if s.Reason == "" {
		return algesta.Say("Pod {} of {} keeps restarting ({}{}).", name, r.name(), exitBefore(pod), words.Count(Restarts(pod), "restart"))
	}
	why, ok := rules.WhyPod(pod, r.ref(), now)
	if !ok {
		return r.whyByState(pod, s)
	}
	what := marked(why)
	switch why.Effect {
	case rules.CannotStart:
		return algesta.Say("{}, so no pod of {} can start.", what, r.name())
	case rules.CannotSchedule:
		return algesta.Say("{}, so pod {} of {} cannot be scheduled. The scheduler says: {}", what, name, r.name(), sentence(s.Message))
	case rules.KeepCrashing:
		out := algesta.Say("{}, so pod {} of {} keeps crashing ({}).", what, name, r.name(), words.Count(s.Restarts, "restart"))
		if last := lastWords(pod, s.Container); last != "" && !strings.Contains(why.What, last) { // the cause may quote them
			out = out.Then("It said: {}", words.Cited(last))
		}
		return out
	case rules.NotReady:
		return algesta.Say("{}, so pod {} of {} does not become ready.", what, name, r.name())
	case rules.CannotCreate, rules.NoEffect, rules.FailsReady:
	}
	return algesta.Say("{}.", what)
}

// WhyPod is what keeps a pod from running, in the words of the diagnosis and without a full stop. owner is what makes it. ok is false
// where its own status tells no cause.
func WhyPod(pod *corev1.Pod, owner algesta.Object, now time.Time) (what algesta.Text, ok bool) {
	why, ok := rules.WhyPod(pod, facts.Ref{Kind: owner.Kind, Namespace: owner.Namespace, Name: owner.Name}, now)
	if !ok {
		return nil, false
	}
	return marked(why), true
}

// whyByState says what a pod's state says of it, where no rule knows more.
func (r Rollout) whyByState(pod *corev1.Pod, s PodState) algesta.Text {
	word := s.Word
	if first, _, _ := strings.Cut(word, " "); strings.HasSuffix(first, "ing") {
		word = "is " + word
	}
	out := algesta.Say("Pod {} of {} {} ({})", algesta.Name(pod.Name), r.name(), word, quote(s.Reason))
	if s.Message == "" {
		out = algesta.Say("{}.", out)
	} else {
		out = algesta.Say("{}: {}", out, sentence(s.Message))
	}
	if last := lastWords(pod, s.Container); last != "" {
		out = out.Then("It said: {}", words.Cited(last))
	}
	return out
}

// whyRefused says why the API server creates no more pods of the workload, with what its quotas count now where they were read.
func (r Rollout) whyRefused(message string, now time.Time) algesta.Text {
	var quotas []corev1.ResourceQuota
	if r.Room != nil {
		quotas = r.Room.Quotas
	}
	message = orElse(message, "no reason was given")
	why, _ := rules.WhyDenied(message, r.ref(), quotas, now)
	out := algesta.Say("{}, so no further pod of {} can be created.", marked(why), algesta.Name(r.Workload.Name))
	if _, rest, found := strings.Cut(message, "is forbidden: "); found {
		message = rest
	}
	said := sentence(message)
	if _, byQuota := facts.ReadQuotaRefusal(message); byQuota || strings.Contains(why.What, strings.TrimSuffix(said, ".")) {
		return out
	}
	return out.Then("The API server says: {}", said)
}

// ref is the workload as the diagnosis calls it.
func (r Rollout) ref() facts.Ref {
	return facts.Ref{Kind: r.Controller.Kind, Namespace: r.Workload.Namespace, Name: r.Workload.Name}
}

// marked is what a rule says, with the names in it as Name spans.
func marked(why rules.Why) algesta.Text {
	rest := quote(why.What)
	names := slices.DeleteFunc(slices.Clone(why.Names), func(name string) bool { return name == "" })
	var out algesta.Text
	for rest != "" {
		at, next := -1, ""
		for _, name := range names {
			if i := wordAt(rest, name); i >= 0 && (at < 0 || i < at || i == at && len(name) > len(next)) {
				at, next = i, name
			}
		}
		if at < 0 {
			break
		}
		out = algesta.Say("{}{}{}", out, rest[:at], algesta.Name(next))
		rest = rest[at+len(next):]
	}
	return algesta.Say("{}{}", out, rest)
}

// wordAt is where the name is in the text on its own, -1 where it doesn't: "api" isn't in "api-gateway".
func wordAt(text, name string) int {
	from := 0
	for {
		i := strings.Index(text[from:], name)
		if i < 0 {
			return -1
		}
		i += from
		if !partOfName(text, i-1) && !partOfName(text, i+len(name)) {
			return i
		}
		from = i + len(name)
	}
}

// partOfName reports that the byte there could continue a name. A full stop ends one, except before more of it.
func partOfName(text string, at int) bool {
	if at < 0 || at >= len(text) {
		return false
	}
	c := text[at]
	return c == '-' || c == '_' || c == '/' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
