package diagnosis

import (
	"slices"
	"strings"

	"github.com/3astronautas/algesta"
)

// Subject reads what people type, such as "ms-orders" "prod" or "pod/x" "production" or only "production", and finds what
// they mean in the snapshot. What is not there stays as typed, so that the answer can say so. Both empty ask about
// everything.
func (s *Snapshot) Subject(what, environment string) Ref {
	namespaces := sortedKeys(s.index.namespaces)
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
		return Ref{Kind: kind, Namespace: namespace, Name: name}
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

// namespaceFor accepts the words people have for environments: the platform's names and their beginnings.
func namespaceFor(word string, namespaces []string) string {
	if word == "" || slices.Contains(namespaces, word) {
		return word
	}
	words := map[string]string{"prod": "production", "prd": "production", "dev": "development", "test": "pruebas", "qa": "pruebas", "testing": "pruebas"}
	if full := words[strings.ToLower(word)]; slices.Contains(namespaces, full) {
		return full
	}
	return word
}

func (s *Snapshot) workloadCalled(name, namespace string) Ref {
	for _, exact := range []bool{true, false} {
		for _, w := range s.index.workloads {
			if namespace != "" && w.ref.Namespace != namespace || w.ref.Kind == KindPod {
				continue
			}
			if w.ref.Name == name || !exact && (w.carries(name) || strings.HasPrefix(w.ref.Name, name+"-")) {
				return w.ref
			}
		}
	}
	return Ref{Kind: AnyWorkload, Namespace: namespace, Name: name}
}
