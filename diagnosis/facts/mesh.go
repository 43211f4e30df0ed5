package facts

import (
	"regexp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
)

// KindPeerAuthentication says which connections Istio's sidecars take.
const KindPeerAuthentication = "PeerAuthentication"

// InMesh says that a pod has Istio's sidecar, as a container or as an init container that stays, or is in its ambient mesh.
func InMesh(p *corev1.Pod) bool {
	is := func(c corev1.Container) bool { return c.Name == "istio-proxy" }
	return slices.ContainsFunc(p.Spec.Containers, is) || slices.ContainsFunc(p.Spec.InitContainers, is) ||
		p.Annotations["ambient.istio.io/redirection"] == "enabled"
}

// Strict is the PeerAuthentication that makes the sidecar of a pod refuse what isn't mutual TLS; ok is false where none that was read
// does. That of the pod counts before that of its namespace, and that before the mesh's own.
func (s *Snapshot) Strict(p *corev1.Pod) (ref Ref, ok bool) {
	rank, strict := 0, false
	for _, o := range s.OfKind(KindPeerAuthentication) {
		selector, _, _ := unstructured.NestedStringMap(o.Object, "spec", "selector", "matchLabels")
		at := 0
		switch {
		case o.GetNamespace() == p.Namespace && len(selector) > 0 && labels.SelectorFromSet(selector).Matches(labels.Set(p.Labels)):
			at = 3
		case o.GetNamespace() == p.Namespace && len(selector) == 0:
			at = 2
		case len(selector) == 0 && meshRoot.MatchString(o.GetNamespace()):
			at = 1
		}
		mode, _, _ := unstructured.NestedString(o.Object, "spec", "mtls", "mode")
		if at <= rank || mode == "" || mode == "UNSET" {
			continue
		}
		rank, strict, ref = at, mode == "STRICT", RefOf(KindPeerAuthentication, o)
	}
	return ref, strict
}

// meshRoot are the namespaces of Istio itself; AKS has its own.
var meshRoot = regexp.MustCompile(`^(?:istio-system|aks-istio-system|istio-config)$`)

// Refused is the line of a ready program that says again and again, until now, a thing about a Service that the line names, or whose
// product it speaks of.
func (c *Container) Refused(says *regexp.Regexp) (line *LogLine, service Ref, ok bool) {
	for _, line := range c.Log.Complaints(c.Snapshot.now) {
		if !says.MatchString(line.Example) {
			continue
		}
		for _, to := range c.calledIn(line) {
			if to.how >= byProduct {
				return line, to.service, true
			}
		}
	}
	return nil, Ref{}, false
}
