package kube

import (
	"context"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/3astronautas/algesta"
)

// Writer writes to a cluster what it was opened for, and nothing else. It refuses any other change before it calls the cluster.
// Safe for concurrent use.
type Writer struct {
	c   *Cluster
	may []string
	as  *Impersonated // nil for the bot itself
}

// Writer may write what may says, in the words of a runbook's Writes: "patch deployments.apps". One that may write nothing can verify.
func (c *Cluster) Writer(may []string) *Writer { return &Writer{c: c, may: may} }

// allow says why a change must not be sent; nil where it may.
func (w *Writer) allow(change algesta.Change) error {
	if err := change.Validate(); err != nil {
		return fmt.Errorf("checking a change: %w", err)
	}
	right := change.Right()
	if !slices.ContainsFunc(w.may, func(may string) bool { return strings.TrimSuffix(may, algesta.ClusterWide) == right }) {
		return fmt.Errorf("a change of %s would %s, and its command declares only %q", change.Object, right, w.may)
	}
	return nil
}

// resourceOfChange is where the object of a change is found.
func resourceOfChange(change algesta.Change) schema.GroupVersionResource {
	plural, _, _ := strings.Cut(change.Resource, ".")
	return schema.GroupVersionResource{Group: change.Object.Group, Version: change.Version, Resource: plural}
}

// at is the client of the objects of a change's kind, where its object is.
func (w *Writer) at(change algesta.Change) dynamic.ResourceInterface {
	return w.c.raw.Resource(resourceOfChange(change)).Namespace(change.Object.Namespace)
}

func attemptOf(change algesta.Change) attempt {
	return attempt{string(change.Verb), resourceOfChange(change).Resource, change.Object.Namespace, change.Object.Name}
}

// seen is the object of a change as it was just read.
type seen struct {
	live       *unstructured.Unstructured // nil where it isn't there
	version    string                     // its resourceVersion, or that of the list which it is missing in
	generation int64
}

// look reads the object of a change live.
func (w *Writer) look(ctx context.Context, change algesta.Change) (seen, error) {
	ctx, cancel := context.WithTimeout(ctx, perCall)
	defer cancel()
	if change.Verb != algesta.Create {
		live, err := w.at(change).Get(ctx, change.Object.Name, metav1.GetOptions{})
		if err != nil {
			return seen{}, w.c.explain(attempt{"get", resourceOfChange(change).Resource, change.Object.Namespace, change.Object.Name}, err)
		}
		return seen{live, live.GetResourceVersion(), live.GetGeneration()}, nil
	}
	list, err := w.at(change).List(ctx, metav1.ListOptions{FieldSelector: "metadata.name=" + change.Object.Name})
	if err != nil {
		return seen{}, w.c.explain(attempt{"list", resourceOfChange(change).Resource, change.Object.Namespace, ""}, err)
	}
	out := seen{version: list.GetResourceVersion()}
	for i := range list.Items {
		if list.Items[i].GetName() == change.Object.Name {
			out = seen{&list.Items[i], list.Items[i].GetResourceVersion(), list.Items[i].GetGeneration()}
		}
	}
	return out, nil
}

// readForWrite reads the object live and compares it with what people saw.
func (w *Writer) readForWrite(ctx context.Context, change algesta.Change) (seen, error) {
	s, err := w.look(ctx, change)
	if err != nil {
		return seen{}, err
	}
	name := algesta.Name(change.Object.Name)
	switch {
	case change.Verb == algesta.Create && s.live != nil:
		return seen{}, thereAlready(change)
	case change.Verb == algesta.Create:
		return s, nil
	case s.live.GetKind() != change.Object.Kind:
		return seen{}, fmt.Errorf("a change of %s found a %s", change.Object, s.live.GetKind())
	case string(s.live.GetUID()) != change.UID:
		return seen{}, nothingChanged(algesta.Say("{} was deleted and recreated since you were asked.", name))
	case s.live.GetDeletionTimestamp() != nil:
		return seen{}, nothingChanged(algesta.Say("{} is already being deleted.", name))
	}
	if what := mismatch(change, s.live); what != "" {
		return seen{}, changedMeanwhile(change, what)
	}
	return s, nil
}

// nothingChanged is a conflict with what people saw.
func nothingChanged(message algesta.Text) error {
	return &algesta.Error{
		Kind:    algesta.ErrConflict,
		Message: message,
		Hint:    algesta.Say("Nothing was changed. Ask again to see how it is now."),
	}
}

func thereAlready(change algesta.Change) error {
	return nothingChanged(algesta.Say("{} {} already exists.", change.Object.Kind, algesta.Name(change.Object.Name)))
}

func changedMeanwhile(change algesta.Change, what string) error {
	if what != "" {
		return nothingChanged(
			algesta.Say("{} was changed since you were asked: its {} isn't what you saw.", algesta.Name(change.Object.Name), what),
		)
	}
	return nothingChanged(algesta.Say("{} was changed since you were asked.", algesta.Name(change.Object.Name)))
}

// raises says that the change moves the generation of its object, so that a write which is bound to the generation can't be made twice. A
// status and labels never do, and annotations do only of a Deployment.
func raises(change algesta.Change) bool {
	if change.Verb != algesta.Patch || change.Subresource != "" || change.Object.Group != "apps" {
		return false
	}
	switch change.Object.Kind {
	case "Deployment":
		return true
	case "StatefulSet", "DaemonSet":
		return slices.ContainsFunc(change.Swaps, func(s algesta.Swap) bool {
			return strings.HasPrefix(s.Path, "/spec/") && (s.From == nil || s.To == nil || !same(s.From, s.To))
		})
	}
	return false
}

// certainlyNot says that a write which was sent certainly did not happen: the server refused it (4xx), or it never left.
func certainlyNot(code int, err error) bool {
	return code >= 400 && code < 500 || code == 0 && neverSent(err)
}

// deed is what a change does to its object, in the past tense.
func deed(change algesta.Change) string {
	switch change.Verb {
	case algesta.Create:
		return "created"
	case algesta.Delete:
		return "deleted"
	case algesta.Patch, algesta.Exec:
	}
	return "changed"
}
