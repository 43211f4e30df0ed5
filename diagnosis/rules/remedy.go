package rules

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/words"
)

// command is a remedy that algesta itself can carry out, through policy, plan and approval as if typed.
func command(w *facts.Workload, verb, text string, args ...string) Remedy {
	if w.Ref.Kind != facts.KindDeployment {
		return Remedy{Text: text}
	}
	return Remedy{Text: text, Verb: verb, Target: w.Ref, called: w.Called(), args: args}
}

// Typed is a remedy with the command that people type, where it is one of algesta.
func Typed(s *facts.Snapshot, r Remedy) Remedy {
	if r.Verb == "" {
		return r
	}
	place := r.Target.Namespace
	if name := s.Setting().Environments[place]; name != "" {
		place = name
	}
	r.Command = s.Setting().Bot.Typed(slices.Concat([]string{r.Verb, r.called, place}, r.args)...)
	return r
}

// quotaCommand shows how full the quotas of a namespace are, and who uses them.
func quotaCommand(s *facts.Snapshot, namespace string) string {
	return s.Setting().Bot.Typed("quota", cmp.Or(s.Setting().Environments[namespace], namespace))
}

// revisionWords is a revision with the version that it runs, as in "revision 5 (12344)".
func revisionWords(set *appsv1.ReplicaSet) string {
	wording := fmt.Sprintf("revision %d", facts.RevisionOf(set))
	if containers := set.Spec.Template.Spec.Containers; len(containers) > 0 {
		name, digest, _ := strings.Cut(containers[0].Image, "@")
		file := name[strings.LastIndex(name, "/")+1:]
		if _, tag, tagged := strings.Cut(file, ":"); tagged {
			return fmt.Sprintf("%s (%s)", wording, words.Clip(tag, 40))
		} else if digest != "" {
			return fmt.Sprintf("%s (%s)", wording, words.Clip(digest, 20))
		}
	}
	return wording
}

// rollbackOr offers the revision before when the failing pod is of the newest one, this one never worked, and there is
// one to go back to; otherwise only the fix is offered. Of a StatefulSet and a DaemonSet the rollback itself finds which one that is.
func rollbackOr(c *facts.Container, fix string) Remedy {
	back := c.Owner.BackTo()
	if c.Owner.ReplacesOther(c.Pod) && !c.WorkedBefore() {
		return Remedy{
			Text: fmt.Sprintf("Roll back to the version before. To go forward instead: %s%s", strings.ToLower(fix[:1]), fix[1:]),
			Verb: "rollback", Target: c.Owner.Ref, called: c.Owner.Ref.String(),
		}
	}
	if back == nil || !c.Owner.IsCurrent(c.Pod) || c.WorkedBefore() {
		return Remedy{Text: fix, Command: fmt.Sprintf("kubectl describe pod %s -n %s", c.Pod.Name, c.Pod.Namespace)}
	}
	return command(
		c.Owner,
		"rollback",
		fmt.Sprintf("Roll back to %s. To go forward instead: %s%s", revisionWords(back), strings.ToLower(fix[:1]), fix[1:]),
	)
}

// backOr offers the revision before when it still serves and does not ask for what is missing: the change is then what asks
// for it. Otherwise going back wouldn't help, and only the fix is offered.
func backOr(c *facts.Container, fix Remedy, missing facts.Ref, key string) Remedy {
	back := c.Owner.BackTo()
	if back == nil || !c.NewlyBroken() || asksFor(back.Spec.Template.Spec, missing, key) {
		return fix
	}
	return command(c.Owner, "rollback", fmt.Sprintf("Roll back to %s, which does not need it. To go forward instead: %s%s",
		revisionWords(back), strings.ToLower(fix.Text[:1]), fix.Text[1:]))
}

// asksFor says that a template refers to the object, and to the key in it unless key is empty. A reference to all keys refers to each.
func asksFor(pod corev1.PodSpec, object facts.Ref, key string) bool {
	named := func(kind, name, asked string) bool {
		return kind == object.Kind && name == object.Name && (key == "" || asked == "" || asked == key)
	}
	for _, containers := range [][]corev1.Container{pod.InitContainers, pod.Containers} {
		for i := range containers {
			for _, env := range containers[i].Env {
				switch from := env.ValueFrom; {
				case from == nil:
				case from.SecretKeyRef != nil && named(facts.KindSecret, from.SecretKeyRef.Name, from.SecretKeyRef.Key),
					from.ConfigMapKeyRef != nil && named(facts.KindConfigMap, from.ConfigMapKeyRef.Name, from.ConfigMapKeyRef.Key):
					return true
				}
			}
			for _, from := range containers[i].EnvFrom {
				if from.SecretRef != nil && named(facts.KindSecret, from.SecretRef.Name, "") ||
					from.ConfigMapRef != nil && named(facts.KindConfigMap, from.ConfigMapRef.Name, "") {
					return true
				}
			}
		}
	}
	return slices.ContainsFunc(pod.Volumes, func(v corev1.Volume) bool {
		return v.Secret != nil && named(facts.KindSecret, v.Secret.SecretName, "") ||
			v.ConfigMap != nil && named(facts.KindConfigMap, v.ConfigMap.Name, "")
	})
}
