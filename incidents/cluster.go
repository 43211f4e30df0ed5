package incidents

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/words"
)

// What a container that crashes may look like between two crashes: the kubelet waits up to five minutes before it starts it again, and
// forgets its crashes when it has run for ten (kubernetes.io/docs, "Container restarts").
const (
	crashes      = 3
	crashedSince = 10 * time.Minute
	// renewalGrace is how long after its renewal time cert-manager may take to renew a certificate.
	renewalGrace = time.Hour
)

// needs are the kinds that each rule reads, as kubectl names them: where one couldn't be read, the rule couldn't be checked.
var needs = map[string][]string{
	RolloutFailed: {"deployments"}, EndpointsGone: {"deployments", "endpointslices"},
	CrashLoop: {"pods"}, ImagePull: {"pods"}, CannotStart: {"pods"},
	Unschedulable: {"pods"}, NodeNotReady: {"nodes"}, CertificateFailing: {"certificates"}, QuotaFull: {"resourcequotas"},
	AutoscalerAtMax: {"horizontalpodautoscalers"}, Alertmanager: {},
}

// Signals are what the rules see in the objects of a place, in a fixed order. unread are the kinds that couldn't be read; unchecked says of
// each rule that needs one of them why it couldn't be checked. now is the moment of reading.
func Signals(objects []runtime.Object, unread map[string]error, now time.Time) (seen []algesta.Signal, unchecked map[string]string) {
	unchecked = map[string]string{}
	for rule, kinds := range needs {
		for _, kind := range kinds {
			if err := unread[kind]; err != nil {
				unchecked[rule] = "Couldn't check " + kind + ": " + sentenceOf(err)
			}
		}
	}
	v := view{now: now, owners: map[string]string{}, services: map[string]map[string]endpoints{}}
	flat := flatten(objects)
	for _, o := range flat {
		if set, ok := o.(*appsv1.ReplicaSet); ok {
			v.own(set)
		}
	}
	for _, o := range flat {
		v.object(o)
	}
	v.endpointsGone()
	slices.SortFunc(v.seen, compareSignals)
	return slices.CompactFunc(v.seen, algesta.Signal.Same), unchecked
}

func compareSignals(a, b algesta.Signal) int {
	return cmp.Or(
		cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name),
		cmp.Compare(a.Says, b.Says),
	)
}

// isName reports whether a text can be the name of an object. What an object says of its owner is any text to the API server.
func isName(text string) bool { return len(validation.IsDNS1123Subdomain(text)) == 0 }

// own notes which Deployment a ReplicaSet belongs to.
func (v *view) own(set *appsv1.ReplicaSet) {
	if owner := metav1.GetControllerOf(set); owner != nil && owner.Kind == "Deployment" && isName(owner.Name) {
		v.owners[set.Namespace+"/"+set.Name] = owner.Name
	}
}

// flatten takes lists apart.
func flatten(objects []runtime.Object) []runtime.Object {
	var out []runtime.Object
	for _, o := range objects {
		if !meta.IsListType(o) {
			out = append(out, o)
			continue
		}
		_ = meta.EachListItem(o, func(item runtime.Object) error {
			out = append(out, item)
			return nil
		})
	}
	return out
}

// view collects what is seen.
type view struct {
	now    time.Time
	owners map[string]string // Deployment by namespace and ReplicaSet
	seen   []algesta.Signal
	// services are the endpoints of Services, by namespace and name. A Service has several slices.
	services map[string]map[string]endpoints
}

// endpoints counts those of a Service that don't go away.
type endpoints struct{ ready, all int }

func (v *view) add(rule, kind string, o metav1.Object, says string, args ...any) {
	v.named(rule, kind, o.GetNamespace(), o.GetName(), fmt.Sprintf(says, args...))
}

func (v *view) named(rule, kind, namespace, name, says string) {
	v.seen = append(v.seen, algesta.Signal{Rule: rule, Kind: kind, Namespace: namespace, Name: name, Says: says})
}

func (v *view) object(o runtime.Object) {
	switch o := o.(type) {
	case *appsv1.Deployment:
		v.deployment(o)
	case *corev1.Pod:
		v.pod(o)
	case *corev1.Node:
		v.node(o)
	case *corev1.ResourceQuota:
		v.quota(o)
	case *autoscalingv2.HorizontalPodAutoscaler:
		v.autoscaler(o)
	case *discoveryv1.EndpointSlice:
		v.slice(o)
	case *unstructured.Unstructured:
		if o.GetKind() == "Certificate" {
			v.certificate(o)
		}
	}
}

func (v *view) deployment(d *appsv1.Deployment) {
	wanted := int32(1)
	if d.Spec.Replicas != nil {
		wanted = *d.Spec.Replicas
	}
	if wanted == 0 || d.DeletionTimestamp != nil {
		return
	}
	for _, c := range d.Status.Conditions {
		if c.Type == appsv1.DeploymentProgressing && c.Status == corev1.ConditionFalse && c.Reason == "ProgressDeadlineExceeded" {
			v.add(RolloutFailed, "Deployment", d, "The rollout of %s has not come up within its deadline.", d.Name)
		}
	}
	if d.Status.ReadyReplicas == 0 && d.Status.ObservedGeneration > 0 && d.Status.ObservedGeneration >= d.Generation {
		v.add(EndpointsGone, "Deployment", d, "No pod of %s is ready, and it should run %d.", d.Name, wanted)
	}
}

// slice counts the endpoints of a Service. Ready is true where it isn't said, and what terminates is going away: it's no trouble of the
// Service (EndpointConditions, discovery/v1).
func (v *view) slice(s *discoveryv1.EndpointSlice) {
	service := s.Labels[discoveryv1.LabelServiceName]
	if !isName(service) {
		return
	}
	if v.services[s.Namespace] == nil {
		v.services[s.Namespace] = map[string]endpoints{}
	}
	count := v.services[s.Namespace][service]
	for _, e := range s.Endpoints {
		if e.Conditions.Terminating != nil && *e.Conditions.Terminating {
			continue
		}
		count.all++
		if e.Conditions.Ready == nil || *e.Conditions.Ready {
			count.ready++
		}
	}
	v.services[s.Namespace][service] = count
}

// endpointsGone sees the Services that have pods, none of which is ready. One without pods is one that nobody runs now.
func (v *view) endpointsGone() {
	for namespace, services := range v.services {
		for service, count := range services {
			if count.all > 0 && count.ready == 0 {
				v.named(EndpointsGone, "Service", namespace, service, fmt.Sprintf(
					"No endpoint of Service %s is ready: it has %s.", service, words.Count(count.all, "pod"),
				))
			}
		}
	}
}

func (v *view) pod(p *corev1.Pod) {
	if p.DeletionTimestamp != nil || p.Status.Phase == corev1.PodSucceeded {
		return
	}
	kind, name, told := v.owner(p)
	if !told {
		return
	}
	say := func(rule, says string) { v.named(rule, kind, p.Namespace, name, fmt.Sprintf(says, name)) }
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && c.Reason == corev1.PodReasonUnschedulable {
			say(Unschedulable, "A pod of %s finds no node.")
		}
	}
	for _, c := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses) {
		if w := c.State.Waiting; w != nil {
			switch w.Reason {
			case "CrashLoopBackOff":
				say(CrashLoop, "A pod of %s crashes again and again.")
			case "ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull":
				say(ImagePull, "An image of %s can't be pulled.")
			case "CreateContainerConfigError", "CreateContainerError", "RunContainerError", "StartError":
				say(CannotStart, "A container of %s can't be started.")
			}
		}
		if last := c.LastTerminationState.Terminated; last != nil && last.ExitCode != 0 && c.RestartCount >= crashes &&
			v.now.Sub(last.FinishedAt.Time) < crashedSince {
			say(CrashLoop, "A pod of %s crashes again and again.")
		}
	}
}

// owner is the workload of a pod. Pods of Jobs normally end with an error now and then, and the Job starts others: they aren't reported.
func (v *view) owner(p *corev1.Pod) (kind, name string, told bool) {
	owner := metav1.GetControllerOf(p)
	switch {
	case owner == nil:
		return "Pod", p.Name, true
	case owner.Kind == "Job":
		return "", "", false
	case owner.Kind == "ReplicaSet":
		if d := v.owners[p.Namespace+"/"+owner.Name]; d != "" {
			return "Deployment", d, true
		}
	}
	if kind, known := algesta.KindOf(owner.Kind); known && kind.Name == owner.Kind && isName(owner.Name) {
		return owner.Kind, owner.Name, true
	}
	return "Pod", p.Name, true // the API server takes any text for an owner
}

func (v *view) node(n *corev1.Node) {
	for _, c := range n.Status.Conditions {
		if c.Type == corev1.NodeReady && c.Status != corev1.ConditionTrue {
			v.add(NodeNotReady, "Node", n, "Node %s isn't ready.", n.Name)
		}
	}
}

func (v *view) quota(q *corev1.ResourceQuota) {
	var full []string
	for name, hard := range q.Status.Hard {
		used, known := q.Status.Used[name]
		if known && hard.Cmp(resource.Quantity{}) > 0 && used.Cmp(hard) >= 0 {
			full = append(full, string(name))
		}
	}
	if len(full) > 0 {
		slices.Sort(full)
		v.add(QuotaFull, "ResourceQuota", q, "Quota %s is used up: %s.", q.Name, words.Few(full, 3))
	}
}

func (v *view) autoscaler(h *autoscalingv2.HorizontalPodAutoscaler) {
	for _, c := range h.Status.Conditions {
		if c.Type == autoscalingv2.ScalingLimited && c.Status == corev1.ConditionTrue && c.Reason == "TooManyReplicas" &&
			h.Status.CurrentReplicas >= h.Spec.MaxReplicas {
			v.add(AutoscalerAtMax, "HorizontalPodAutoscaler", h, "Autoscaler %s is at its maximum of %s and wants more.",
				h.Name, words.Count(h.Spec.MaxReplicas, "pod"))
		}
	}
}

func (v *view) certificate(c *unstructured.Unstructured) {
	if text, _, err := unstructured.NestedString(c.Object, "status", "renewalTime"); err == nil && text != "" {
		if renewal, err := time.Parse(time.RFC3339, text); err == nil && v.now.After(renewal.Add(renewalGrace)) {
			v.add(CertificateFailing, "Certificate", c, "Certificate %s is past its renewal time and was not renewed.", c.GetName())
			return
		}
	}
	conditions, _, err := unstructured.NestedSlice(c.Object, "status", "conditions")
	if err != nil {
		return
	}
	for _, condition := range conditions {
		if m, ok := condition.(map[string]any); ok && m["type"] == "Ready" && m["status"] == "False" {
			v.add(CertificateFailing, "Certificate", c, "Certificate %s isn't ready.", c.GetName())
		}
	}
}

// UnreadAll says of every kind that the rules need that it couldn't be read, as where a cluster is not known.
func UnreadAll(err error) map[string]error {
	out := map[string]error{}
	for _, kinds := range needs {
		for _, kind := range kinds {
			out[kind] = err
		}
	}
	return out
}
