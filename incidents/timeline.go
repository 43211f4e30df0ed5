package incidents

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/words"
)

// The bounds of a timeline.
const (
	mostChanges   = 12
	mostEnded     = 200
	longestChange = 160
)

// changed are the ends of requests that changed something.
var changed = []algesta.Status{algesta.Applied, algesta.Succeeded, algesta.Failed, algesta.TimedOut}

// happening is a line of a timeline.
type happening struct {
	at   time.Time
	says string
}

// timeline are the changes of the last day of what a channel is about, the newest first: the bot's own with who asked and approved,
// rollouts, autoscalers, certificates and nodes.
func (k *Keeper) timeline(ctx context.Context, c algesta.IncidentChannel, objects []runtime.Object) []algesta.Text {
	since := time.Now().Add(-changesBack)
	all := changesOf(k.own(c.About, flatten(objects)), c.About.Name, k.Redact)
	requests, err := k.Records.Ended(ctx, mostEnded)
	if err != nil {
		k.fail(ctx, "reading what was changed", err)
	}
	for _, r := range requests {
		t := r.Command.Target
		if !slices.Contains(changed, r.Status) || !r.Plan.TouchesCluster() || t.Cluster != c.About.Cluster || t.Namespace != c.About.Namespace ||
			cmp.Or(r.Plan.Of.Environment, t.Environment, c.About.Environment) != c.About.Environment ||
			c.About.Name != "" && t.Name != "" && t.Name != c.About.Name || !k.mayTell(ctx, r, algesta.Incident{Channel: c.Channel}) {
			continue
		}
		all = append(all, happening{r.CreatedAt, doneBy(r)})
	}
	slices.SortStableFunc(all, func(a, b happening) int { return b.at.Compare(a.at) })
	var out []algesta.Text
	for _, h := range all {
		if h.at.Before(since) || len(out) == mostChanges {
			break
		}
		out = append(out, algesta.Say("{}: {}", algesta.AtDay(h.at), algesta.Dated(words.Clip(h.says, longestChange))))
	}
	return out
}

// own are the objects without those of another environment of the same namespace, and without those of which nobody can tell there.
func (k *Keeper) own(about algesta.Target, objects []runtime.Object) []runtime.Object {
	shared := slices.ContainsFunc(k.Catalog.Places(), func(p algesta.Target) bool {
		return p.Cluster == about.Cluster && p.Namespace == about.Namespace && p.Environment != about.Environment
	})
	if !shared {
		return objects
	}
	return slices.DeleteFunc(slices.Clone(objects), func(o runtime.Object) bool {
		deployment := ""
		switch o := o.(type) {
		case *corev1.Node:
			return false
		case *autoscalingv2.HorizontalPodAutoscaler:
			deployment = o.Spec.ScaleTargetRef.Name
		case *appsv1.ReplicaSet:
			if owner := metav1.GetControllerOf(o); owner != nil {
				deployment = owner.Name
			}
		}
		return k.Catalog.EnvironmentOf(about.Cluster, about.Namespace, deployment, false) != about.Environment
	})
}

// changeCause is what kubectl and people write about a rollout.
const changeCause = "kubernetes.io/change-cause"

// changesOf are what the objects of a namespace say of changes, of one Deployment and what is of no Deployment, or of all. Texts are
// redacted before they are cut: half of a secret can't be recognized.
func changesOf(objects []runtime.Object, deployment string, redact func(string) string) []happening {
	var out []happening
	add := func(at time.Time, says string, args ...any) {
		if !at.IsZero() {
			out = append(out, happening{at, fmt.Sprintf(says, args...)})
		}
	}
	for _, o := range objects {
		switch o := o.(type) {
		case *appsv1.ReplicaSet:
			owner := metav1.GetControllerOf(o)
			if owner == nil || owner.Kind != "Deployment" || !isName(owner.Name) || deployment != "" && owner.Name != deployment {
				continue
			}
			add(o.CreationTimestamp.Time, "Rollout of %s%s", owner.Name, rolled(o, redact))
		case *autoscalingv2.HorizontalPodAutoscaler:
			if of := o.Spec.ScaleTargetRef.Name; o.Status.LastScaleTime != nil && (deployment == "" || of == deployment) {
				add(o.Status.LastScaleTime.Time, "Autoscaler %s scaled to %s", o.Name, words.Count(o.Status.DesiredReplicas, "pod"))
			}
		case *corev1.Node:
			for _, c := range o.Status.Conditions {
				if c.Type == corev1.NodeReady {
					became := "not ready"
					if c.Status == corev1.ConditionTrue {
						became = "ready"
					}
					add(c.LastTransitionTime.Time, "Node %s became %s", o.Name, became)
				}
			}
		case *unstructured.Unstructured:
			if text, _, err := unstructured.NestedString(o.Object, "status", "notBefore"); err == nil && o.GetKind() == "Certificate" {
				if at, err := time.Parse(time.RFC3339, text); err == nil {
					add(at, "Certificate %s was issued", o.GetName())
				}
			}
		}
	}
	return out
}

// rolled is what a rollout was of: " to api-gateway:12346 (revision 4): deploy by Dana".
func rolled(s *appsv1.ReplicaSet, redact func(string) string) string {
	var out strings.Builder
	if containers := s.Spec.Template.Spec.Containers; len(containers) > 0 {
		image := containers[0].Image
		out.WriteString(" to " + image[strings.LastIndex(image, "/")+1:])
	}
	if n := s.Annotations["deployment.kubernetes.io/revision"]; n != "" {
		out.WriteString(" (revision " + n + ")")
	}
	if why := redact(oneLine(s.Annotations[changeCause])); why != "" {
		out.WriteString(": " + words.Cited(words.Clip(why, 80)))
	}
	return out.String()
}
