package facts

import (
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Kinds of operators and of the Gateway API that a diagnosis reads by their conditions.
const (
	KindExternalSecret = "ExternalSecret"
	KindSealedSecret   = "SealedSecret"
	KindScaledObject   = "ScaledObject"
	KindScaledJob      = "ScaledJob"
	KindHelmRelease    = "HelmRelease"
	KindKustomization  = "Kustomization"
	KindApplication    = "Application"
	KindRollout        = "Rollout"
	KindGateway        = "Gateway"
	KindHTTPRoute      = "HTTPRoute"
	KindReferenceGrant = "ReferenceGrant"
)

// customGroups are the API groups whose objects are read by their conditions, with the kinds that are.
var customGroups = map[string][]string{
	"external-secrets.io":         {KindExternalSecret},
	"bitnami.com":                 {KindSealedSecret},
	"keda.sh":                     {KindScaledObject, KindScaledJob},
	"helm.toolkit.fluxcd.io":      {KindHelmRelease},
	"kustomize.toolkit.fluxcd.io": {KindKustomization},
	"security.istio.io":           {KindPeerAuthentication},
	"argoproj.io":                 {KindApplication, KindRollout},
	"gateway.networking.k8s.io":   {KindGateway, KindHTTPRoute, "GRPCRoute", "TLSRoute", "TCPRoute", KindReferenceGrant},
}

// IsCustom says that a diagnosis reads objects of this kind of an operator or of the Gateway API.
func IsCustom(group, kind string) bool { return slices.Contains(customGroups[group], kind) }

// readByOthers are the groups whose objects other rules read, each in its own way.
var readByOthers = []string{"cert-manager.io", "acme.cert-manager.io"}

// MayBeOperated says that an API group is neither one of Kubernetes itself nor one that a diagnosis knows: an operator serves it.
func MayBeOperated(group string) bool {
	return strings.Contains(group, ".") && !strings.HasSuffix(group, ".k8s.io") && customGroups[group] == nil &&
		!slices.Contains(readByOthers, group)
}

// Operated are the objects of operators that no other rule reads: Rollouts of Argo, and whatever else has a status.
func (s *Snapshot) Operated() []*unstructured.Unstructured {
	var found []*unstructured.Unstructured
	for _, o := range s.custom {
		group, _, _ := strings.Cut(o.GetAPIVersion(), "/")
		if group == "argoproj.io" && o.GetKind() == KindRollout || MayBeOperated(group) {
			found = append(found, o)
		}
	}
	return found
}

// OfKind are the objects of a kind that a diagnosis reads by its conditions, in the order of their names.
func (s *Snapshot) OfKind(kinds ...string) []*unstructured.Unstructured {
	var found []*unstructured.Unstructured
	for _, o := range s.custom {
		group, _, _ := strings.Cut(o.GetAPIVersion(), "/")
		if slices.Contains(kinds, o.GetKind()) && IsCustom(group, o.GetKind()) {
			found = append(found, o)
		}
	}
	return found
}

// IsRoute says that a kind is one of the routes of the Gateway API.
func IsRoute(kind string) bool { return strings.HasSuffix(kind, "Route") && kind != "Route" }

// routeKinds are the routes of the Gateway API.
var routeKinds = []string{KindHTTPRoute, "GRPCRoute", "TLSRoute", "TCPRoute"}

// Routes are the routes of the Gateway API that were read.
func (s *Snapshot) Routes() []*unstructured.Unstructured { return s.OfKind(routeKinds...) }

// Condition is one of the conditions of an object.
type Condition struct {
	Type, Status, Reason, Message string
	Since                         time.Time
}

// False says that a condition is there and not met.
func (c Condition) False() bool { return c.Status == string(corev1.ConditionFalse) }

// True says that a condition is met.
func (c Condition) True() bool { return c.Status == string(corev1.ConditionTrue) }

// ConditionsIn are the conditions in a list of an unstructured object.
func ConditionsIn(list any) []Condition {
	items, _ := list.([]any)
	var found []Condition
	for _, item := range items {
		fields, ok := item.(map[string]any)
		if !ok {
			continue
		}
		word := func(key string) string { value, _ := fields[key].(string); return value }
		since, _ := time.Parse(time.RFC3339, word("lastTransitionTime"))
		found = append(found, Condition{word("type"), word("status"), word("reason"), word("message"), since})
	}
	return found
}

// ConditionOf is a condition of an unstructured object by its type; the zero one where it has none.
func ConditionOf(o *unstructured.Unstructured, kind string) Condition {
	list, _, err := unstructured.NestedFieldNoCopy(o.Object, "status", "conditions")
	if err != nil {
		return Condition{}
	}
	return conditionIn(ConditionsIn(list), kind)
}

func conditionIn(list []Condition, kind string) Condition {
	at := slices.IndexFunc(list, func(c Condition) bool { return c.Type == kind })
	if at < 0 {
		return Condition{}
	}
	return list[at]
}

// Items are the objects in a list of an unstructured object.
func Items(o map[string]any, path ...string) []map[string]any {
	value, _, err := unstructured.NestedFieldNoCopy(o, path...)
	if err != nil {
		return nil
	}
	list, _ := value.([]any)
	var found []map[string]any
	for _, item := range list {
		if fields, ok := item.(map[string]any); ok {
			found = append(found, fields)
		}
	}
	return found
}

// MadeBy is the Secret that an ExternalSecret or a SealedSecret makes.
func MadeBy(o *unstructured.Unstructured) Ref {
	name := o.GetName()
	if o.GetKind() == KindExternalSecret {
		if target := Text(o, "spec", "target", "name"); target != "" {
			name = target
		}
	}
	return Ref{KindSecret, o.GetNamespace(), name}
}

// UsersOf are the workloads whose template takes variables or files, or pulls images, with a Secret or ConfigMap.
func (s *Snapshot) UsersOf(source Ref) []*Workload {
	var found []*Workload
	for _, w := range s.index.workloads {
		if w.Template == nil || w.Ref.Namespace != source.Namespace {
			continue
		}
		uses := slices.ContainsFunc(w.Template.Spec.Volumes, func(v corev1.Volume) bool {
			ref, _ := VolumeSource(v, source.Namespace)
			return ref == source
		}) || source.Kind == KindSecret && slices.ContainsFunc(w.Template.Spec.ImagePullSecrets, func(pull corev1.LocalObjectReference) bool {
			return pull.Name == source.Name
		})
		for _, list := range [][]corev1.Container{w.Template.Spec.InitContainers, w.Template.Spec.Containers} {
			for i := range list {
				uses = uses || slices.Contains(VariablesFrom(&list[i], source.Namespace), source)
			}
		}
		if uses {
			found = append(found, w)
		}
	}
	return found
}

// RouteBackend is what a rule of a route leads to.
type RouteBackend struct {
	Service Ref
	Port    int64 // zero where the rule names none
}

// RouteBackends are the Services that a route leads to, each once.
func RouteBackends(o *unstructured.Unstructured) []RouteBackend {
	var found []RouteBackend
	for _, rule := range Items(o.Object, "spec", "rules") {
		for _, b := range Items(rule, "backendRefs") {
			kind, _ := b["kind"].(string)
			name, _ := b["name"].(string)
			namespace, _ := b["namespace"].(string)
			if kind != "" && kind != KindService || name == "" {
				continue
			}
			if namespace == "" {
				namespace = o.GetNamespace()
			}
			backend := RouteBackend{Service: Ref{KindService, namespace, name}, Port: number(b["port"])}
			if !slices.Contains(found, backend) {
				found = append(found, backend)
			}
		}
	}
	return found
}

// number reads a number of an unstructured object, which is a float where it came from plain JSON.
func number(value any) int64 {
	switch n := value.(type) {
	case int64:
		return n
	case float64:
		return int64(n)
	}
	return 0
}

// GatewaysOf are the Gateways that a route names as its parents.
func GatewaysOf(o *unstructured.Unstructured) []Ref {
	var found []Ref
	for _, parent := range Items(o.Object, "spec", "parentRefs") {
		kind, _ := parent["kind"].(string)
		name, _ := parent["name"].(string)
		namespace, _ := parent["namespace"].(string)
		if namespace == "" {
			namespace = o.GetNamespace()
		}
		if kind == "" || kind == KindGateway {
			found = append(found, Ref{KindGateway, namespace, name})
		}
	}
	return found
}

// connectCustom draws the edges of operators and of the Gateway API.
func (x *index) connectCustom(s *Snapshot, edge func(from, to Ref)) {
	for _, o := range s.OfKind(KindExternalSecret, KindSealedSecret) {
		edge(RefOf(o.GetKind(), o), MadeBy(o))
	}
	for _, o := range s.OfKind(KindScaledObject) {
		edge(RefOf(o.GetKind(), o), Ref{KindAutoscaler, o.GetNamespace(), "keda-hpa-" + o.GetName()})
		if target := ScaleTarget(o); target != (Ref{}) {
			edge(RefOf(o.GetKind(), o), target)
		}
	}
	for _, o := range s.Routes() {
		ref := RefOf(o.GetKind(), o)
		for _, b := range RouteBackends(o) {
			edge(b.Service, ref)
		}
		for _, gateway := range GatewaysOf(o) {
			edge(gateway, ref)
		}
	}
	for _, o := range s.OfKind(KindGateway) {
		for _, listener := range Items(o.Object, "spec", "listeners") {
			tls, _ := listener["tls"].(map[string]any)
			for _, certificate := range Items(tls, "certificateRefs") {
				name, _ := certificate["name"].(string)
				namespace, _ := certificate["namespace"].(string)
				if namespace == "" {
					namespace = o.GetNamespace()
				}
				edge(Ref{KindSecret, namespace, name}, RefOf(KindGateway, o))
			}
		}
	}
}

// EventedOf are the objects of kinds that some event is about, in order.
func (s *Snapshot) EventedOf(kinds ...string) []Ref {
	var found []Ref
	for ref := range s.events {
		if slices.Contains(kinds, ref.Kind) {
			found = append(found, ref)
		}
	}
	slices.SortFunc(found, Ref.Compare)
	return found
}

// LabelsOf are the labels and annotations of a workload's own object; nil where it was not read.
func (s *Snapshot) LabelsOf(w *Workload) (labels, annotations map[string]string) {
	switch w.Ref.Kind {
	case KindDeployment:
		if w.Rollout != nil {
			return w.Rollout.Deployment.Labels, w.Rollout.Deployment.Annotations
		}
	case KindStatefulSet:
		for _, o := range s.statefulSets {
			if RefOf(KindStatefulSet, o) == w.Ref {
				return o.Labels, o.Annotations
			}
		}
	case KindDaemonSet:
		for _, o := range s.daemonSets {
			if RefOf(KindDaemonSet, o) == w.Ref {
				return o.Labels, o.Annotations
			}
		}
	}
	return nil, nil
}
