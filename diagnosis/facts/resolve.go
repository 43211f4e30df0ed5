package facts

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/3astronautas/algesta/words"
)

// Resolve finds the subject in the snapshot; otherwise it says why not, and which name is near.
func (s *Snapshot) Resolve(about Ref) (found Ref, problem string) {
	if about.Kind == "" {
		return Ref{}, ""
	}
	if about.Kind == KindNamespace {
		if s.index.namespaces[about.Name] || !s.Knows("pods", about.Name) ||
			slices.ContainsFunc(s.namespaces, func(n *corev1.Namespace) bool { return n.Name == about.Name }) {
			return about, ""
		}
	}
	about = s.explainedBy(about)
	if s.index.byRef[about] != nil {
		return about, "" // also of a kind of its own, such as a Rollout, that is known by its pods
	}
	known := s.refsOf(about.Kind)
	if at := slices.IndexFunc(known, func(r Ref) bool { return r.Name == about.Name && r.Namespace == about.Namespace }); at >= 0 {
		return known[at], ""
	}
	if about.Kind == AnyWorkload {
		for _, w := range s.index.workloads {
			if w.Ref.Namespace == about.Namespace && w.carries(about.Name) {
				return w.Ref, ""
			}
		}
	}
	if about.Kind == KindService && s.Knows(about.Resource(), about.Namespace) && len(s.index.downstream[about]) > 0 {
		return about, "" // it isn't there, and an Ingress leads to it
	}
	if slices.ContainsFunc(s.MissingServices(), func(m MissingService) bool { return m.Ref == about }) {
		return about, "" // nor is this one, and others call it
	}
	if missing, ok := s.goneCalled(about); ok {
		return missing, ""
	}
	kind := strings.ToLower(about.Kind)
	if !s.Knows(about.Resource(), about.Namespace) {
		return about, fmt.Sprintf("I couldn't look for %s %s: %s weren't read.", kind, about.Name, about.Resource())
	}
	if until, ok := s.seen[about]; ok {
		return about, fmt.Sprintf("%s is gone from %s: it was there until %s.", about.Words(), about.Namespace, When(until))
	}
	if unsure := s.cannotSay(about, known); unsure != "" {
		return about, unsure
	}
	where := placeWords(about)
	if about.Kind == AnyWorkload {
		var unread []string
		for _, resource := range []string{"statefulsets", "daemonsets", "jobs", "cronjobs", "pods"} {
			if !s.Knows(resource, about.Namespace) {
				unread = append(unread, resource)
			}
		}
		if len(unread) > 0 {
			where += fmt.Sprintf(" among what was read; %s weren't", words.Few(unread, 4))
		}
	}
	problem = fmt.Sprintf("There's no %s %s%s.", kind, about.Name, where)
	var names []string
	if read := s.readNamespaces(); about.Namespace != "" && !slices.Contains(read, about.Namespace) {
		if near := words.NearestName(about.Namespace, read); near != "" {
			return about, fmt.Sprintf("There's nothing in %s. Did you mean %s?", about.Namespace, near)
		}
	}
	for _, ref := range known {
		if ref.Namespace == about.Namespace {
			names = append(names, ref.Name)
		}
	}
	if callers := s.callersByName(about); len(callers) > 0 {
		var named []string
		for _, c := range callers {
			named = append(named, c.Words())
		}
		return about, problem + fmt.Sprintf(" It is still named by %s: calls to it fail.", words.Few(named, 3))
	}
	if near := words.NearestName(about.Name, names); near != "" {
		problem += fmt.Sprintf(" Did you mean %s?", near)
	}
	return about, problem
}

func placeWords(about Ref) string {
	if about.Namespace == "" {
		return ""
	}
	return " in " + about.Namespace
}

// explainedBy is what the answer is about when someone asks about an object that its owner explains: the workload of a ReplicaSet, and the
// Service of an EndpointSlice or of Endpoints, which have the Service's name.
func (s *Snapshot) explainedBy(about Ref) Ref {
	switch about.Kind {
	case KindReplicaSet:
		if set := s.index.sets[about]; set != nil {
			if owner := metav1.GetControllerOfNoCopy(set); owner != nil && s.index.byRef[Ref{owner.Kind, about.Namespace, owner.Name}] != nil {
				return Ref{owner.Kind, about.Namespace, owner.Name}
			}
		}
	case kindEndpoints:
		return Ref{KindService, about.Namespace, about.Name}
	case kindEndpointSlice:
		for _, slice := range s.slices {
			if service := slice.Labels[discoveryv1.LabelServiceName]; slice.Name == about.Name && slice.Namespace == about.Namespace &&
				service != "" {
				return Ref{KindService, about.Namespace, service}
			}
		}
	}
	return about
}

// cannotSay says why nothing is known of an object that wasn't found: its kind isn't read, or only where something refers to one of them
// and none of them was. Empty where what isn't among the known ones isn't there.
func (s *Snapshot) cannotSay(about Ref, known []Ref) string {
	kind := strings.ToLower(about.Kind)
	inPlace := slices.ContainsFunc(known, func(r Ref) bool { return r.Namespace == about.Namespace })
	switch {
	case s.NotThere[about]:
		return ""
	case about.Resource() == "" &&
		!slices.ContainsFunc(s.custom, func(c *unstructured.Unstructured) bool { return c.GetKind() == about.Kind }):
		return fmt.Sprintf("I couldn't check %s %s: a diagnosis doesn't read objects of this kind.", kind, about.Name)
	case about.Kind == KindCertificate && len(s.custom) == 0:
		return fmt.Sprintf(
			"I found no certificate %s%s, nor any other certificate: cert-manager may not be installed.",
			about.Name,
			placeWords(about),
		)
	case !inPlace && slices.Contains([]string{KindConfigMap, KindSecret, KindClaim, KindLimitRange}, about.Kind):
		return fmt.Sprintf("I couldn't check %s %s: %s%s weren't read.", kind, about.Name, about.Resource(), placeWords(about))
	}
	return ""
}

// readNamespaces are those that exist as far as was read.
func (s *Snapshot) readNamespaces() []string {
	names := slices.Sorted(maps.Keys(s.index.namespaces))
	for _, n := range s.namespaces {
		if !slices.Contains(names, n.Name) {
			names = append(names, n.Name)
		}
	}
	for _, w := range s.index.workloads {
		if !slices.Contains(names, w.Ref.Namespace) {
			names = append(names, w.Ref.Namespace)
		}
	}
	return names
}

// carries says that people call the workload by this name: its pods are labelled with it.
func (w *Workload) carries(name string) bool {
	for _, key := range []string{"app", "app.kubernetes.io/name", "app.kubernetes.io/instance", "k8s-app"} {
		if w.Template != nil && w.Template.Labels[key] == name || len(w.Pods) > 0 && w.Pods[0].Labels[key] == name {
			return true
		}
	}
	return false
}

func (s *Snapshot) refsOf(kind string) []Ref {
	var refs []Ref
	switch kind {
	case AnyWorkload, KindDeployment, KindStatefulSet, KindDaemonSet, KindJob, KindReplicaSet:
		for _, w := range s.index.workloads {
			if w.Ref.Kind == kind || kind == AnyWorkload && w.Ref.Kind != KindPod {
				refs = append(refs, w.Ref)
			}
		}
		if kind == AnyWorkload {
			refs = appendRefs(refs, KindCronJob, s.cronJobs)
		}
	case KindCronJob:
		refs = appendRefs(refs, kind, s.cronJobs)
	case KindPod:
		refs = appendRefs(refs, kind, s.pods)
	case KindService:
		refs = appendRefs(refs, kind, s.services)
	case KindIngress:
		refs = appendRefs(refs, kind, s.ingresses)
	case KindNode:
		refs = appendRefs(refs, kind, s.nodes)
	case KindNamespace:
		refs = appendRefs(refs, kind, s.namespaces)
	case KindAutoscaler:
		refs = appendRefs(refs, kind, s.autoscalers)
	case KindClaim:
		refs = appendRefs(refs, kind, s.claims)
	case KindBudget:
		refs = appendRefs(refs, kind, s.budgets)
	case KindQuota:
		refs = appendRefs(refs, kind, s.quotas)
	case KindLimitRange:
		refs = appendRefs(refs, kind, s.limitRanges)
	case kindEndpointSlice:
		refs = appendRefs(refs, kind, s.slices)
	case KindConfigMap, KindSecret:
		for ref := range s.keysOf {
			if ref.Kind == kind {
				refs = append(refs, ref)
			}
		}
		slices.SortFunc(refs, Ref.Compare)
	default:
		for _, c := range s.custom {
			if c.GetKind() == kind {
				refs = append(refs, RefOf(kind, c))
			}
		}
	}
	return refs
}

func appendRefs[T named](refs []Ref, kind string, list []T) []Ref {
	for _, o := range list {
		refs = append(refs, RefOf(kind, o))
	}
	return refs
}
