package facts

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/3astronautas/algesta"
)

// Life is the last time that a ReplicaSet became the current one.
type Life struct {
	Began time.Time // zero where it isn't known
	Again bool      // the Deployment was rolled back to the set
	Cause string    // the change-cause that was noted then, "" where there is none or it's about another time
}

// LifeOf is the last life of a ReplicaSet of the Deployment, which may be nil where it wasn't read.
func LifeOf(d *appsv1.Deployment, set *appsv1.ReplicaSet) Life {
	template := templateOf(set)
	began, noted := Began(d, set, template)
	life := Life{Began: began, Again: RolledBackTo(set)}
	if template != "" && noted && algesta.CauseFits(set.Annotations, template) {
		life.Cause = set.Annotations["kubernetes.io/change-cause"]
	}
	return life
}

// revisionHistory holds the numbers that a ReplicaSet had before: the deployment controller gives it a new one after each rollback to it.
const revisionHistory = "deployment.kubernetes.io/revision-history"

// RolledBackTo reports whether a ReplicaSet was replaced once and then became the current one again: it keeps the creation time of its
// first life.
func RolledBackTo(set metav1.Object) bool { return set.GetAnnotations()[revisionHistory] != "" }

// Began is when a ReplicaSet with this TemplateHash ("" where it can't be computed) last became the current one; zero where nothing says
// so. The bot's own record is taken, unless the Deployment, nil where it wasn't read, shows that someone rolled back to the set after it:
// then noted is false, and a change-cause with a request of the bot is about an earlier life. Kubernetes records no such moment: the time
// that is given for others' changes is at most as long too late as their rollout took.
func Began(d *appsv1.Deployment, set metav1.Object, template string) (began time.Time, noted bool) {
	created, annotations := set.GetCreationTimestamp().Time, set.GetAnnotations()
	record, recorded := algesta.TemplateChangedAt(annotations, template)
	recorded = recorded && template != ""
	if !RolledBackTo(set) {
		if recorded && record.After(created) {
			return record, true
		}
		return created, true
	}
	var latest time.Time
	slack := oneRollout
	if d != nil && d.Annotations[revisionAnnotation] == annotations[revisionAnnotation] && !heldBack(d) {
		var outside bool
		if latest, outside = changedBy(d, created); outside {
			slack = clocksApart
		}
	}
	switch {
	case recorded && (latest.IsZero() || !latest.After(record.Add(slack))):
		return record, true
	case algesta.RequestOfCause(annotations["kubernetes.io/change-cause"]) != "":
		return latest, false
	}
	return latest, true // someone who noted a cause of their own may have noted it now
}

// heldBack reports that the Deployment's template may have been changed while it's paused: no ReplicaSet has that template yet, and what
// the Deployment shows of its last change is about none.
func heldBack(d *appsv1.Deployment) bool { return d.Spec.Paused && d.Status.UpdatedReplicas == 0 }

const (
	oneRollout  = 10 * time.Minute // how much later than a change its rollout is up: progressDeadlineSeconds by default
	clocksApart = 5 * time.Second  // between the bot and the API server
)

// changedBy is the earliest moment after its ReplicaSet's creation by which the Deployment had got its template, as two traces have it;
// zero where neither is there. One is who last wrote a field of the template, which may have been together with another field later;
// outside says that it's this one, and someone else than the bot. The other is when the last rollout had come up: nothing moves it but
// another rollout.
func changedBy(d *appsv1.Deployment, created time.Time) (by time.Time, outside bool) {
	for _, m := range d.ManagedFields {
		if m.Time == nil || m.Subresource != "" || m.FieldsV1 == nil || !writesTemplate.Match(m.FieldsV1.GetRawBytes()) {
			continue
		}
		if m.Time.After(created) && !m.Time.Time.Before(by) {
			by, outside = m.Time.Time, m.Manager != algesta.FieldManager
		}
	}
	for _, c := range d.Status.Conditions {
		up := c.LastUpdateTime.Time
		if c.Type == appsv1.DeploymentProgressing && c.Reason == "NewReplicaSetAvailable" && up.After(created) && (by.IsZero() || up.Before(by)) {
			by, outside = up, false
		}
	}
	return by, outside
}

var writesTemplate = regexp.MustCompile(`"f:template"`)

// templateOf is the TemplateHash of a ReplicaSet's template; "" where it can't be computed.
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
	began := c.Owner.CurrentBegan()
	return !began.IsZero() && began.Add(workedFor).Before(started) && c.Owner.rolledOut()
}

// CurrentBegan is when the newest revision of a Deployment became the current one; zero where there is none or it isn't known.
func (w *Workload) CurrentBegan() time.Time {
	if w.Current() == nil {
		return time.Time{}
	}
	return LifeOf(w.Rollout.Deployment, w.Current()).Began
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
// fails hasn't been through a working day yet, and the revision before had worked until then.
func (c *Container) cameUpAndBroke() bool {
	began := c.Owner.CurrentBegan()
	return !began.IsZero() && !c.WorkedBefore() && c.Snapshot.Age(began) < workedFor && c.Owner.rolledOut()
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
