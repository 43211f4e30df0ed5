package rollout

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/diagnosis/facts"
)

// Controller is what a Deployment, a StatefulSet or a DaemonSet says of its rollout, in one form. The code that judges a rollout reads
// this and the pods, and doesn't ask which of the three it is.
type Controller struct {
	Kind        string // as in a manifest: "Deployment"
	UID         types.UID
	Annotations map[string]string
	Deleting    bool
	Template    corev1.PodTemplateSpec
	// TemplateHash is the algesta.TemplateHash of the template.
	TemplateHash string
	// Revision is the number of the current revision, 0 where it isn't known (yet) or has none that people use.
	Revision int64
	// Generation is the one of the object, Observed the one that the numbers below are about.
	Generation, Observed int64

	// Desired is how many pods are wanted; ToRenew how many of them have to be of the current revision before the rollout is over.
	// It's less with a StatefulSet's partition, and 0 where pods are only replaced by hand.
	Desired, ToRenew int32
	Total            int32 // pods there are, old ones too
	Updated          int32 // of the current revision
	Ready            int32
	ReadyNew         int32 // of the current revision, as far as the controller says
	// Up are the pods that count as being there: the available ones, and of a StatefulSet without minReadySeconds the ready ones, as
	// kubectl has it.
	Up int32

	// Paused says that nothing happens until the rollout is resumed, ByHand that pods are replaced only when someone deletes them
	// (the strategy OnDelete).
	Paused, ByHand bool
	// Ordered says that no pod is made or replaced while another isn't ready, whatever its revision: that of a StatefulSet's pods.
	Ordered bool
	// Deadline is progressDeadlineSeconds; 0 where there is none.
	Deadline time.Duration
	MinReady time.Duration
	// Failure is why the controller can't make the ReplicaSet, "" when it can. OutOfTime is when it said that the deadline had passed.
	Failure   string
	OutOfTime time.Time
	// Refusal is what the API server said when it last refused a pod of the current revision; "" when it didn't. It may be old: Wanted
	// is how many pods there should be, Made how many there are.
	Refusal      string
	Wanted, Made int32

	outside    bool      // someone else rolled back to the current revision, so its change-cause is about an earlier time
	owner      types.UID // of the pods of the current revision, where they have their own
	label      string    // else they have this label
	labelValue string
	hash       string // or, of a DaemonSet that went back to an earlier revision, this hash; "" where it isn't known
}

// Done reports whether the controller is finished, by the rules of `kubectl rollout status`. What that doesn't ask is asked here, too:
// that no pod is left over, also of a scaling.
func (c Controller) Done() bool {
	return c.Observed >= c.Generation && c.Updated >= c.ToRenew && c.Total == c.Desired && c.Up >= c.Desired
}

// Cause is the change-cause of what is wanted, cleaned; ChangedOutside where the one that is noted is about another change.
func (c Controller) Cause() string {
	if c.outside {
		return ChangedOutside
	}
	return CauseOf(c.Annotations, c.TemplateHash)
}

// kept is how many pods may stay what they were.
func (c Controller) kept() int { return int(c.Desired - c.ToRenew) }

// current reports whether the pod is of the current revision.
func (c Controller) current(pod *corev1.Pod) bool {
	if c.label != "" {
		return pod.Labels[c.label] == c.labelValue && c.labelValue != "" ||
			c.hash != "" && pod.Labels[appsv1.ControllerRevisionHashLabelKey] == c.hash
	}
	for _, owner := range pod.OwnerReferences {
		if owner.UID == c.owner && c.owner != "" {
			return true
		}
	}
	return false
}

// OfDeployment reads a Deployment and the ReplicaSets that it owns, both with TemplateAnnotation.
func OfDeployment(d *appsv1.Deployment, sets []*appsv1.ReplicaSet) Controller {
	s := d.Status
	c := Controller{
		Kind: deploymentKind, UID: d.UID, Annotations: d.Annotations, Deleting: d.DeletionTimestamp != nil, Template: d.Spec.Template,
		TemplateHash: d.Annotations[TemplateAnnotation], Generation: d.Generation, Observed: s.ObservedGeneration,
		Desired: orOne(d.Spec.Replicas), Total: s.Replicas, Updated: s.UpdatedReplicas, Ready: s.ReadyReplicas, Up: s.AvailableReplicas,
		Paused: d.Spec.Paused, Deadline: defaultDeadline, MinReady: seconds(d.Spec.MinReadySeconds),
	}
	c.ToRenew = c.Desired
	if p := d.Spec.ProgressDeadlineSeconds; p != nil {
		c.Deadline = seconds(*p)
		if *p == noDeadline {
			c.Deadline = 0
		}
	}
	for _, condition := range s.Conditions {
		if condition.Type != appsv1.DeploymentProgressing || condition.Status != corev1.ConditionFalse {
			continue
		}
		switch condition.Reason {
		case "ReplicaSetCreateError":
			c.Failure = orElse(condition.Message, "no reason was given")
		case "ProgressDeadlineExceeded":
			c.OutOfTime = condition.LastUpdateTime.Time
		}
	}
	if set := currentSet(c.TemplateHash, sets); set != nil {
		c.Revision, _ = strconv.ParseInt(set.Annotations[RevisionAnnotation], 10, 64)
		c.owner, c.ReadyNew = set.UID, set.Status.ReadyReplicas
		_, noted := facts.Began(d, set, c.TemplateHash)
		c.outside = !noted
		c.Refusal, c.Wanted, c.Made = replicaFailure(set), orOne(set.Spec.Replicas), set.Status.Replicas
	}
	return c
}

// currentSet is the ReplicaSet of the Deployment's template, nil until the controller made it. By template and not by
// revision: while the controller has not seen a change, the highest revision is the old one.
func currentSet(hash string, sets []*appsv1.ReplicaSet) *appsv1.ReplicaSet {
	for _, set := range sets {
		if hash != "" && set.Annotations[TemplateAnnotation] == hash {
			return set
		}
	}
	return nil
}

// OfStatefulSet reads a StatefulSet. Its pods are renewed from the highest number down to the partition; those below it stay what
// they were.
func OfStatefulSet(set *appsv1.StatefulSet) (Controller, error) {
	s := set.Status
	c := Controller{
		Kind: statefulSetKind, UID: set.UID, Annotations: set.Annotations, Deleting: set.DeletionTimestamp != nil, Template: set.Spec.Template,
		Generation: set.Generation, Observed: s.ObservedGeneration, Desired: orOne(set.Spec.Replicas), Total: s.Replicas,
		Updated: s.UpdatedReplicas, Ready: s.ReadyReplicas, ReadyNew: min(s.ReadyReplicas, s.UpdatedReplicas), Up: s.ReadyReplicas,
		ByHand: set.Spec.UpdateStrategy.Type == appsv1.OnDeleteStatefulSetStrategyType, MinReady: seconds(set.Spec.MinReadySeconds),
		Ordered: ordered(set), label: appsv1.ControllerRevisionHashLabelKey, labelValue: s.UpdateRevision,
	}
	c.ToRenew, c.Wanted, c.Made = c.Desired, c.Desired, c.Total
	if c.MinReady > 0 {
		c.Up = s.AvailableReplicas
	}
	if r := set.Spec.UpdateStrategy.RollingUpdate; r != nil && r.Partition != nil {
		c.ToRenew = max(0, c.Desired-*r.Partition)
	}
	if c.Observed < c.Generation { // the revision is still the one before the change
		c.Updated, c.ReadyNew, c.labelValue = 0, 0, ""
	}
	if c.ByHand {
		c.ToRenew = 0
	}
	return c.hashed()
}

// templateGeneration is on a DaemonSet and its pods (pkg/controller/daemon/util of Kubernetes). The API server increases it with every
// change of the template.
const (
	templateGeneration      = "deprecated.daemonset.template.generation"
	templateGenerationLabel = "pod-template-generation"
)

// OfDaemonSet reads a DaemonSet, which wants one pod on each node that its template fits.
func OfDaemonSet(set *appsv1.DaemonSet) (Controller, error) {
	s := set.Status
	c := Controller{
		Kind: daemonSetKind, UID: set.UID, Annotations: set.Annotations, Deleting: set.DeletionTimestamp != nil, Template: set.Spec.Template,
		Generation: set.Generation, Observed: s.ObservedGeneration, Desired: s.DesiredNumberScheduled, ToRenew: s.DesiredNumberScheduled,
		Total:   s.DesiredNumberScheduled, // where one is missing, or one too many, kubectl doesn't wait for it either
		Updated: s.UpdatedNumberScheduled, Ready: s.NumberReady, ReadyNew: min(s.NumberReady, s.UpdatedNumberScheduled), Up: s.NumberAvailable,
		ByHand: set.Spec.UpdateStrategy.Type == appsv1.OnDeleteDaemonSetStrategyType, MinReady: seconds(set.Spec.MinReadySeconds),
		Wanted: s.DesiredNumberScheduled, Made: s.CurrentNumberScheduled,
		label: templateGenerationLabel, labelValue: set.Annotations[templateGeneration],
	}
	if c.Observed < c.Generation { // they are counts of before the change
		c.Updated, c.ReadyNew = 0, 0
	}
	if c.ByHand {
		c.ToRenew = 0
	}
	return c.hashed()
}

// hashed fills in the TemplateHash.
func (c Controller) hashed() (Controller, error) {
	b, err := json.Marshal(c.Template)
	if err == nil {
		c.TemplateHash, err = algesta.TemplateHash(b)
	}
	if err != nil {
		return c, fmt.Errorf("hashing a pod template: %w", err)
	}
	return c, nil
}

func orOne(n *int32) int32 {
	if n == nil {
		return 1 // the API server's default
	}
	return *n
}

func seconds(n int32) time.Duration { return time.Duration(n) * time.Second }
