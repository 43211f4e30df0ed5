package diagnosis

import (
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

// called is the name that people type for a workload: its app label where the object is named after it.
func (w *workload) called() string {
	if w.template != nil {
		if app := w.template.Labels["app"]; app != "" && strings.HasPrefix(w.ref.Name, app) {
			return app
		}
	}
	return w.ref.Name
}

// command is a remedy that algesta itself can carry out, through policy, plan and approval as if typed.
func (w *workload) command(verb, text string, args ...string) Remedy {
	if w.ref.Kind != KindDeployment {
		return Remedy{Text: text}
	}
	return Remedy{Text: text, Verb: verb, Target: w.ref, called: w.called(), args: args}
}

// typed is a remedy with the command that people type, where it is one of algesta.
func (s *Snapshot) typed(r Remedy) Remedy {
	if r.Verb == "" {
		return r
	}
	place := r.Target.Namespace
	if name := s.setting.Environments[place]; name != "" {
		place = name
	}
	r.Command = s.setting.Bot.Typed(slices.Concat([]string{r.Verb, r.called, place}, r.args)...)
	return r
}

// rollbackOr offers the revision before when the failing pod is of the newest one, this one never worked, and there is
// one to go back to; otherwise the fix stands alone.
func (c *instance) rollbackOr(fix string) Remedy {
	before := c.owner.before()
	if before == nil || !c.owner.isCurrent(c.pod) || c.workedBefore() {
		return Remedy{Text: fix, Command: fmt.Sprintf("kubectl describe pod %s -n %s", c.pod.Name, c.pod.Namespace)}
	}
	return c.owner.command("rollback", fmt.Sprintf("Roll back to revision %d. To go forward instead: %s%s", revisionOf(before), strings.ToLower(fix[:1]), fix[1:]))
}

// backOr offers the revision before when it still serves and does not ask for what is missing: the change is then what asks
// for it. Otherwise going back would bring nothing, and the fix stands alone.
func (c *instance) backOr(fix Remedy, missing Ref, key string) Remedy {
	if !c.newlyBroken() || asksFor(c.owner.before().Spec.Template.Spec, missing, key) {
		return fix
	}
	return c.owner.command("rollback", fmt.Sprintf("Roll back to revision %d, which does not need it. To go forward instead: %s%s",
		revisionOf(c.owner.before()), strings.ToLower(fix.Text[:1]), fix.Text[1:]))
}

// asksFor says that a template refers to the object, and to the key in it unless key is empty. Whoever takes all keys asks for each.
func asksFor(pod corev1.PodSpec, object Ref, key string) bool {
	named := func(kind, name, asked string) bool {
		return kind == object.Kind && name == object.Name && (key == "" || asked == "" || asked == key)
	}
	for _, containers := range [][]corev1.Container{pod.InitContainers, pod.Containers} {
		for i := range containers {
			for _, env := range containers[i].Env {
				switch from := env.ValueFrom; {
				case from == nil:
				case from.SecretKeyRef != nil && named(KindSecret, from.SecretKeyRef.Name, from.SecretKeyRef.Key),
					from.ConfigMapKeyRef != nil && named(KindConfigMap, from.ConfigMapKeyRef.Name, from.ConfigMapKeyRef.Key):
					return true
				}
			}
			for _, from := range containers[i].EnvFrom {
				if from.SecretRef != nil && named(KindSecret, from.SecretRef.Name, "") || from.ConfigMapRef != nil && named(KindConfigMap, from.ConfigMapRef.Name, "") {
					return true
				}
			}
		}
	}
	return slices.ContainsFunc(pod.Volumes, func(v corev1.Volume) bool {
		return v.Secret != nil && named(KindSecret, v.Secret.SecretName, "") || v.ConfigMap != nil && named(KindConfigMap, v.ConfigMap.Name, "")
	})
}

const (
	longestBackOff = 5 * time.Minute // between two starts of a container that crashes
	workedFor      = 30 * time.Minute
)

// workedBefore says that the newest revision has worked: what broke it is not in its template, and going back would
// bring nothing. A loop of n restarts cannot take longer than n times the longest back-off and one run; a pod that is
// older ran well before. A container that never restarted was ready when its Ready condition changed long after its start.
func (c *instance) workedBefore() bool {
	started := c.pod.Status.StartTime
	if started == nil {
		return false
	}
	if c.finishedRollout(started.Time) {
		return true
	}
	if c.died != nil && c.status.RestartCount > 0 {
		run := max(0, c.died.FinishedAt.Sub(c.died.StartedAt.Time))
		if c.died.StartedAt.Unix() <= 0 { // it never ran: the runtime leaves the start at zero
			run = 0
		}
		return c.s.age(started.Time) > time.Duration(c.status.RestartCount+1)*(longestBackOff+run)+workedFor
	}
	ready := podCondition(c.pod, corev1.PodReady)
	return c.status.State.Running != nil && ready != nil && ready.LastTransitionTime.After(c.status.State.Running.StartedAt.Add(c.startWindow()+workedFor))
}

// finishedRollout says that the pod came long after its revision had been rolled out to the end.
func (c *instance) finishedRollout(started time.Time) bool {
	set := c.owner.current()
	if set == nil || !set.CreationTimestamp.Add(workedFor).Before(started) {
		return false
	}
	return c.owner.rolledOut()
}

// rolledOut says that the newest revision of a Deployment came up completely.
func (w *workload) rolledOut() bool {
	return w.rollout != nil && slices.ContainsFunc(w.rollout.deployment.Status.Conditions, func(d appsv1.DeploymentCondition) bool {
		return d.Type == appsv1.DeploymentProgressing && d.Reason == "NewReplicaSetAvailable"
	})
}

// newlyBroken says that the change is the suspect: the revision before still has ready pods while this one fails, or this one came up a
// short while ago and fails now.
func (c *instance) newlyBroken() bool {
	if c.owner.before() == nil || !c.owner.isCurrent(c.pod) {
		return false
	}
	if c.cameUpAndBroke() {
		return true
	}
	return c.oldStillServes()
}

// cameUpAndBroke says that the newest revision was rolled out to its end less than workedFor ago. What runs that short a time and then fails
// was not tried by a working day yet, and the revision before had worked until then.
func (c *instance) cameUpAndBroke() bool {
	set := c.owner.current()
	if set == nil || c.workedBefore() {
		return false
	}
	made, _ := lifeOf(set)
	return c.s.age(made) < workedFor && c.owner.rolledOut()
}

// oldStillServes says that pods of the revision before are ready.
func (c *instance) oldStillServes() bool {
	for _, p := range c.owner.pods {
		if !c.owner.isCurrent(p) && podReady(p) {
			return true
		}
	}
	return false
}
