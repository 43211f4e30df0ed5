package facts

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta"
)

// LifeOf is when a ReplicaSet was last made what runs, and the change-cause that was noted then. A set that is gone back to keeps its
// creation time, and annotations stay whoever changes the template: cause is "" where it is about another template.
func LifeOf(set *appsv1.ReplicaSet) (made time.Time, cause string) {
	made = set.CreationTimestamp.Time
	template := templateOf(set)
	if template == "" {
		return made, ""
	}
	if algesta.CauseFits(set.Annotations, template) {
		cause = set.Annotations["kubernetes.io/change-cause"]
	}
	if at, ok := algesta.TemplateChangedAt(set.Annotations, template); ok && at.After(made) {
		made = at
	}
	return made, cause
}

// templateOf is the TemplateHash of a ReplicaSet's template; "" where it can't be told.
func templateOf(set *appsv1.ReplicaSet) string {
	raw, err := json.Marshal(set.Spec.Template)
	if err != nil {
		return ""
	}
	template, err := algesta.TemplateHash(raw)
	if err != nil {
		return ""
	}
	return template
}

// Called is the name that people type for a workload: its app label where the object is named after it.
func (w *Workload) Called() string {
	if w.Template != nil {
		if app := w.Template.Labels["app"]; app != "" && strings.HasPrefix(w.Ref.Name, app) {
			return app
		}
	}
	return w.Ref.Name
}

const (
	longestBackOff = 5 * time.Minute // between two starts of a container that crashes
	workedFor      = 30 * time.Minute
)

// WorkedBefore says that the newest revision has worked: what broke it is not in its template, and going back would
// bring nothing. A loop of n restarts cannot take longer than n times the longest back-off and one run; a pod that is
// older ran well before. A container that never restarted was ready when its Ready condition changed long after its start.
func (c *Container) WorkedBefore() bool {
	started := c.Pod.Status.StartTime
	if started == nil {
		return false
	}
	if c.finishedRollout(started.Time) {
		return true
	}
	if c.Died != nil && c.Status.RestartCount > 0 {
		run := max(0, c.Died.FinishedAt.Sub(c.Died.StartedAt.Time))
		if c.Died.StartedAt.Unix() <= 0 { // it never ran: the runtime leaves the start at zero
			run = 0
		}
		return c.Snapshot.Age(started.Time) > time.Duration(c.Status.RestartCount+1)*(longestBackOff+run)+workedFor
	}
	ready := PodCondition(c.Pod, corev1.PodReady)
	return c.Status.State.Running != nil && ready != nil &&
		ready.LastTransitionTime.After(c.Status.State.Running.StartedAt.Add(c.startWindow()+workedFor))
}

// finishedRollout says that the pod came long after its revision had been rolled out to the end.
func (c *Container) finishedRollout(started time.Time) bool {
	set := c.Owner.Current()
	if set == nil || !set.CreationTimestamp.Add(workedFor).Before(started) {
		return false
	}
	return c.Owner.rolledOut()
}

// rolledOut says that the newest revision of a Deployment came up completely.
func (w *Workload) rolledOut() bool {
	return w.Rollout != nil && slices.ContainsFunc(w.Rollout.Deployment.Status.Conditions, func(d appsv1.DeploymentCondition) bool {
		return d.Type == appsv1.DeploymentProgressing && d.Reason == "NewReplicaSetAvailable"
	})
}

// NewlyBroken says that the change is the suspect: the revision before still has ready pods while this one fails, or this one came up a
// short while ago and fails now.
func (c *Container) NewlyBroken() bool {
	if c.Owner.Before() == nil || !c.Owner.IsCurrent(c.Pod) {
		return false
	}
	if c.cameUpAndBroke() {
		return true
	}
	return c.OldStillServes()
}

// cameUpAndBroke says that the newest revision was rolled out to its end less than workedFor ago. What runs that short a time and then
// fails
// was not tried by a working day yet, and the revision before had worked until then.
func (c *Container) cameUpAndBroke() bool {
	set := c.Owner.Current()
	if set == nil || c.WorkedBefore() {
		return false
	}
	made, _ := LifeOf(set)
	return c.Snapshot.Age(made) < workedFor && c.Owner.rolledOut()
}

// OldStillServes says that pods of the revision before are ready.
func (c *Container) OldStillServes() bool {
	for _, p := range c.Owner.Pods {
		if !c.Owner.IsCurrent(p) && PodReady(p) {
			return true
		}
	}
	return false
}
