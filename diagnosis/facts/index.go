package facts

import (
	"cmp"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/utils/ptr"
)

// index is what the rules look up; it is built once from the sorted lists.
type index struct {
	workloads   []*Workload
	byRef       map[Ref]*Workload
	podOwner    map[*corev1.Pod]*Workload
	podsOn      map[string][]*corev1.Pod // by node name
	services    map[Ref]*corev1.Service
	behind      map[Ref][]*corev1.Pod // by Service: the live pods its selector matches
	sets        map[Ref]*appsv1.ReplicaSet
	nodes       map[string]*corev1.Node
	claims      map[Ref]*corev1.PersistentVolumeClaim
	namespaces  map[string]bool // whose pods or services were read
	downstream  map[Ref][]Ref   // who suffers when this does
	endpointsOf map[Ref][]*sliceRef
}

func newIndex(s *Snapshot) index {
	x := index{
		byRef: map[Ref]*Workload{}, podOwner: make(map[*corev1.Pod]*Workload, len(s.pods)), podsOn: map[string][]*corev1.Pod{},
		services: map[Ref]*corev1.Service{}, behind: map[Ref][]*corev1.Pod{}, sets: map[Ref]*appsv1.ReplicaSet{},
		nodes: map[string]*corev1.Node{}, claims: map[Ref]*corev1.PersistentVolumeClaim{}, namespaces: map[string]bool{},
		downstream: map[Ref][]Ref{}, endpointsOf: map[Ref][]*sliceRef{},
	}
	for _, n := range s.nodes {
		x.nodes[n.Name] = n
	}
	for _, c := range s.claims {
		x.claims[RefOf(KindClaim, c)] = c
	}
	x.addWorkloads(s)
	for _, p := range s.pods {
		x.addPod(p)
	}
	for _, w := range x.workloads {
		if w.Rollout != nil {
			slices.SortStableFunc(w.Rollout.Sets, func(a, b *appsv1.ReplicaSet) int {
				return cmp.Or(cmp.Compare(RevisionOf(b), RevisionOf(a)), b.CreationTimestamp.Compare(a.CreationTimestamp.Time))
			})
		}
	}
	slices.SortFunc(x.workloads, func(a, b *Workload) int { return a.Ref.Compare(b.Ref) })
	x.trustStatus(s)
	x.addServices(s)
	x.addSlices(s)
	x.connect(s)
	return x
}

// trustStatus takes the ready pods of a workload from its status where not all pods were read.
func (x *index) trustStatus(s *Snapshot) {
	said := func(ref Ref, ready int32) {
		if w := x.byRef[ref]; w != nil && !s.Knows("pods", ref.Namespace) {
			w.Unread = true
			w.Ready = max(w.Ready, int(ready))
		}
	}
	for _, d := range s.deployments {
		said(RefOf(KindDeployment, d), d.Status.ReadyReplicas)
	}
	for _, o := range s.statefulSets {
		said(RefOf(KindStatefulSet, o), o.Status.ReadyReplicas)
	}
	for _, o := range s.daemonSets {
		said(RefOf(KindDaemonSet, o), o.Status.NumberReady)
	}
	for _, o := range s.replicaSets {
		said(RefOf(KindReplicaSet, o), o.Status.ReadyReplicas)
	}
}

func (x *index) workload(ref Ref, desired int, template *corev1.PodTemplateSpec) *Workload {
	if w := x.byRef[ref]; w != nil {
		return w
	}
	w := &Workload{Ref: ref, Desired: desired, Template: template}
	x.byRef[ref] = w
	x.workloads = append(x.workloads, w)
	return w
}

func (x *index) addWorkloads(s *Snapshot) {
	for _, d := range s.deployments {
		w := x.workload(RefOf(KindDeployment, d), int(ptr.Deref(d.Spec.Replicas, 1)), &d.Spec.Template)
		w.Rollout = &Rollout{Deployment: d}
	}
	for _, r := range s.replicaSets {
		x.sets[RefOf(KindReplicaSet, r)] = r
		owner := metav1.GetControllerOfNoCopy(r)
		if owner == nil {
			x.workload(RefOf(KindReplicaSet, r), int(ptr.Deref(r.Spec.Replicas, 1)), &r.Spec.Template)
			continue
		}
		if w := x.byRef[Ref{owner.Kind, r.Namespace, owner.Name}]; w != nil && w.Rollout != nil {
			w.Rollout.Sets = append(w.Rollout.Sets, r)
		}
	}
	for _, o := range s.statefulSets {
		w := x.workload(RefOf(KindStatefulSet, o), int(ptr.Deref(o.Spec.Replicas, 1)), &o.Spec.Template)
		if o.Status.CurrentRevision != o.Status.UpdateRevision {
			w.newest = o.Status.UpdateRevision
		}
	}
	for _, o := range s.daemonSets {
		w := x.workload(RefOf(KindDaemonSet, o), int(o.Status.DesiredNumberScheduled), &o.Spec.Template)
		if generation := o.Annotations[appsv1.DeprecatedTemplateGeneration]; generation != "" && generation != "1" {
			w.newest = generation
		}
	}
	for _, o := range s.jobs {
		x.workload(RefOf(KindJob, o), int(ptr.Deref(o.Spec.Parallelism, 1)), &o.Spec.Template)
	}
}

func (x *index) addPod(p *corev1.Pod) {
	x.namespaces[p.Namespace] = true
	if p.Spec.NodeName != "" && !PodFinished(p) {
		x.podsOn[p.Spec.NodeName] = append(x.podsOn[p.Spec.NodeName], p)
	}
	w := x.ownerOf(p)
	x.podOwner[p] = w
	switch {
	case PodFinished(p):
		w.Finished = append(w.Finished, p)
	case p.DeletionTimestamp == nil:
		w.Pods = append(w.Pods, p)
		if PodReady(p) {
			w.Ready++
		}
	default:
		w.Leaving = Latest(w.Leaving, p.DeletionTimestamp.Time)
	}
}

// ownerOf finds the workload of a pod. When its ReplicaSet was not read, the hash that the Deployment controller puts
// in the pod's labels and into the ReplicaSet's name gives the Deployment's name.
func (x *index) ownerOf(p *corev1.Pod) *Workload {
	owner := metav1.GetControllerOfNoCopy(p)
	if owner == nil || owner.Kind == KindNode { // a static pod is owned by its node, which does not manage it
		return x.workload(RefOf(KindPod, p), 1, nil)
	}
	ref := Ref{owner.Kind, p.Namespace, owner.Name}
	if owner.Kind == KindReplicaSet {
		if set := x.sets[ref]; set != nil {
			if above := metav1.GetControllerOfNoCopy(set); above != nil {
				ref = Ref{above.Kind, p.Namespace, above.Name}
			}
		} else if name, found := strings.CutSuffix(owner.Name, "-"+p.Labels[appsv1.DefaultDeploymentUniqueLabelKey]); found {
			ref = Ref{KindDeployment, p.Namespace, name}
		}
	}
	if w := x.byRef[ref]; w != nil {
		return w
	}
	w := x.workload(ref, 0, nil)
	w.Desired = -1 // not read: how many there should be is not known
	return w
}

// PodFinished says that the pod has run to its end and holds no resources.
func PodFinished(p *corev1.Pod) bool {
	return p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
}

// PodReady says that the condition Ready of a pod is true.
func PodReady(p *corev1.Pod) bool {
	c := PodCondition(p, corev1.PodReady)
	return c != nil && c.Status == corev1.ConditionTrue
}

// PodCondition is a condition of a pod; nil when it has none of that type.
func PodCondition(p *corev1.Pod, kind corev1.PodConditionType) *corev1.PodCondition {
	for i := range p.Status.Conditions {
		if p.Status.Conditions[i].Type == kind {
			return &p.Status.Conditions[i]
		}
	}
	return nil
}

// addServices finds the pods behind every Service through an index of the labels that selectors use.
func (x *index) addServices(s *Snapshot) {
	wanted := map[string]bool{}
	for _, service := range s.services {
		x.namespaces[service.Namespace] = true
		x.services[RefOf(KindService, service)] = service
		for key := range service.Spec.Selector {
			wanted[key] = true
		}
	}
	type label struct{ namespace, key, value string }
	byLabel := map[label][]*corev1.Pod{}
	for _, p := range s.pods {
		if PodFinished(p) || p.DeletionTimestamp != nil {
			continue
		}
		for key, value := range p.Labels {
			if wanted[key] {
				at := label{p.Namespace, key, value}
				byLabel[at] = append(byLabel[at], p)
			}
		}
	}
	for ref, service := range x.services {
		var fewest []*corev1.Pod
		first := true
		for key, value := range service.Spec.Selector {
			list := byLabel[label{service.Namespace, key, value}]
			if first || len(list) < len(fewest) {
				fewest, first = list, false
			}
		}
		for _, p := range fewest {
			if Matches(service.Spec.Selector, p.Labels) {
				x.behind[ref] = append(x.behind[ref], p)
			}
		}
	}
}

// Matches says that labels have everything that the selector of a Service wants. An empty selector chooses nothing.
func Matches(selector, have map[string]string) bool {
	for key, value := range selector {
		if got, ok := have[key]; !ok || got != value {
			return false
		}
	}
	return len(selector) > 0
}

// SelectorOf is a label selector ready to match; one that is missing or not valid matches nothing.
func SelectorOf(selector *metav1.LabelSelector) labels.Selector {
	chosen, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		return labels.Nothing()
	}
	return chosen
}

// connect draws the edges from what is depended on to what depends on it.
func (x *index) connect(s *Snapshot) {
	edge := func(from, to Ref) {
		if !slices.Contains(x.downstream[from], to) {
			x.downstream[from] = append(x.downstream[from], to)
		}
	}
	for _, service := range s.services {
		ref := RefOf(KindService, service)
		var last *Workload
		for _, p := range x.behind[ref] {
			if w := x.podOwner[p]; w != last {
				edge(w.Ref, ref)
				last = w
			}
		}
	}
	for _, w := range x.workloads {
		if w.Template == nil || len(w.Pods) > 0 || len(w.Template.Labels) == 0 {
			continue
		}
		for _, service := range s.services { // nothing runs: the template says what the Service would choose
			if service.Namespace == w.Ref.Namespace && Matches(service.Spec.Selector, w.Template.Labels) {
				edge(w.Ref, RefOf(KindService, service))
			}
		}
	}
	for _, h := range s.autoscalers {
		edge(Ref{h.Spec.ScaleTargetRef.Kind, h.Namespace, h.Spec.ScaleTargetRef.Name}, RefOf(KindAutoscaler, h))
	}
	for _, b := range s.budgets {
		chosen := SelectorOf(b.Spec.Selector)
		for _, w := range x.workloads {
			if w.Template != nil && w.Ref.Namespace == b.Namespace && chosen.Matches(labels.Set(w.Template.Labels)) {
				edge(w.Ref, RefOf(KindBudget, b))
			}
		}
	}
	for _, i := range s.ingresses {
		for _, backend := range BackendsOf(i) {
			edge(Ref{KindService, i.Namespace, backend.Service}, RefOf(KindIngress, i))
		}
		for _, tls := range i.Spec.TLS {
			edge(Ref{KindSecret, i.Namespace, tls.SecretName}, RefOf(KindIngress, i))
		}
	}
	for _, c := range s.custom {
		if IsCertificate(c) {
			edge(RefOf(KindCertificate, c), Ref{KindSecret, c.GetNamespace(), Text(c, "spec", "secretName")})
		}
	}
	x.connectCustom(s, edge)
	for _, j := range s.jobs {
		if owner := metav1.GetControllerOfNoCopy(j); owner != nil {
			edge(RefOf(KindJob, j), Ref{owner.Kind, j.Namespace, owner.Name})
		}
	}
}

// reach is everything that suffers when one of the given objects does, these included.
func (s *Snapshot) reach(from ...Ref) map[Ref]bool { return s.ReachWith(nil, from...) }

// ReachWith is reach with more edges.
func (s *Snapshot) ReachWith(more map[Ref][]Ref, from ...Ref) map[Ref]bool {
	seen := map[Ref]bool{}
	for len(from) > 0 {
		ref := from[len(from)-1]
		from = from[:len(from)-1]
		if seen[ref] {
			continue
		}
		seen[ref] = true
		from = append(append(from, s.index.downstream[ref]...), more[ref]...)
	}
	return seen
}

// Age is how long ago it was; a clock that runs ahead makes it zero, never negative.
func (s *Snapshot) Age(t time.Time) time.Duration { return max(0, s.now.Sub(t)) }
