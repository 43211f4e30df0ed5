package facts

import (
	"maps"
	"slices"
	"strings"

	"github.com/3astronautas/algesta"
)

// Subject reads what people type, such as "ms-orders" "prod" or "pod/x" "production" or only "production", and finds what
// they mean in the snapshot. What is not there stays as typed, so that the answer can say so. Both empty ask about
// everything.
func (s *Snapshot) Subject(what, environment string) Ref {
	namespaces := slices.Sorted(maps.Keys(s.index.namespaces))
	namespace := namespaceFor(environment, namespaces)
	kind, name, typed := strings.Cut(what, "/")
	switch {
	case what == "" && namespace == "":
		return Ref{}
	case what == "":
		return Ref{Kind: KindNamespace, Name: namespace}
	case !typed && environment == "" && slices.Contains(namespaces, namespaceFor(what, namespaces)):
		return Ref{Kind: KindNamespace, Name: namespaceFor(what, namespaces)}
	case !typed:
		return s.workloadCalled(what, namespace)
	}
	typedKind, _ := algesta.KindOf(kind)
	known := typedKind.Name
	switch known {
	case "":
		return s.customCalled(kind, namespace, name)
	case KindNode:
		return Ref{Kind: KindNode, Name: name}
	case KindNamespace:
		return Ref{Kind: KindNamespace, Name: namespaceFor(name, namespaces)}
	}
	if namespace == "" {
		for _, ref := range s.refsOf(known) {
			if ref.Name == name {
				return ref
			}
		}
	}
	return Ref{Kind: known, Namespace: namespace, Name: name}
}

// customCalled is an object of a kind of an operator, by its kind or its plural in any letters, with its group or without.
func (s *Snapshot) customCalled(kind, namespace, name string) Ref {
	short, _, _ := strings.Cut(kind, ".")
	for _, o := range s.custom {
		if o.GetName() == name && (namespace == "" || o.GetNamespace() == namespace) &&
			(strings.EqualFold(o.GetKind(), short) || strings.EqualFold(o.GetKind()+"s", short)) {
			return RefOf(o.GetKind(), o)
		}
	}
	return Ref{Kind: kind, Namespace: namespace, Name: name}
}

// namespaceFor is the namespace that people mean by a word: the one of this name, or the only one that begins with it ("prod").
func namespaceFor(word string, namespaces []string) string {
	if word == "" || slices.Contains(namespaces, word) {
		return word
	}
	var begins []string
	for _, namespace := range namespaces {
		if strings.HasPrefix(namespace, strings.ToLower(word)) {
			begins = append(begins, namespace)
		}
	}
	if len(begins) == 1 {
		return begins[0]
	}
	return word
}

func (s *Snapshot) workloadCalled(name, namespace string) Ref {
	for _, exact := range []bool{true, false} {
		for _, w := range s.index.workloads {
			if namespace != "" && w.Ref.Namespace != namespace || w.Ref.Kind == KindPod {
				continue
			}
			if w.Ref.Name == name || !exact && (w.carries(name) || strings.HasPrefix(w.Ref.Name, name+"-")) {
				return w.Ref
			}
		}
	}
	return Ref{Kind: AnyWorkload, Namespace: namespace, Name: name}
}
