package algesta

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Verb is what a change does to its object: the Kubernetes verb.
type Verb string

// The verbs of changes.
const (
	Create Verb = "create"
	Patch  Verb = "patch"
	Delete Verb = "delete"
)

// Change is one write to one object: a patch of some of its values, the whole of a new one, or its deletion.
type Change struct {
	Object Object `json:"object"`
	Verb   Verb   `json:"verb"`
	// Resource is what Kubernetes' roles call the kind: "deployments.apps", "namespaces".
	Resource string `json:"resource"`
	// Subresource is "status" where a patch is of the status alone, and Eviction where the delete of a pod asks its disruption budget first;
	// "" for the object itself.
	Subresource string `json:"subresource,omitempty"`
	// Version is that of the API which the paths of Swaps and the Content are written for: "v1".
	Version string `json:"version"`
	// UID is that of the object that people saw. A create has none: it says that nothing of this name may be there.
	UID string `json:"uid,omitempty"`
	// Swaps are what a patch replaces. Those of a delete only say what must still hold when it runs: From and To are the same.
	Swaps []Swap `json:"swaps,omitempty"`
	// Content is the whole object that a create makes, as JSON.
	Content json.RawMessage `json:"content,omitempty"`
	// Propagation says what a delete does with what the object owns: "Background", "Foreground" or "Orphan".
	Propagation string `json:"propagation,omitempty"`
	// Program is what a change with the verb Exec runs in a container of the pod that is its object; nil in every other.
	Program *Program `json:"program,omitempty"`
}

// Swap replaces one value: a JSON Patch test of From and a replace by To.
// What people saw must still hold when it runs. A nil From says the path does not
// exist yet (add without a test); a nil To removes it. Where both are the same it's a test alone.
type Swap struct {
	Label string          `json:"label"`
	Path  string          `json:"path"` // a JSON Pointer
	From  json.RawMessage `json:"from,omitempty"`
	To    json.RawMessage `json:"to,omitempty"`
}

// Tests reports whether the swap changes nothing: what people saw must still be there.
func (s Swap) Tests() bool { return s.From != nil && bytes.Equal(s.From, s.To) }

// CausePath is where a patch of a Deployment notes why it is made and by which request, as `kubectl rollout history` shows it.
const CausePath = "/metadata/annotations/kubernetes.io~1change-cause"

// Eviction is the Subresource of a pod's delete that respects its disruption budget: the API server refuses it where the budget allows no
// pod to be missing.
const Eviction = "eviction"

// ClusterWide ends a right to a kind that is in no namespace, or to the objects of all namespaces: "create namespaces (cluster-wide)".
const ClusterWide = " (cluster-wide)"

// Right is what the change needs to be allowed, as a runbook declares what it writes: "patch deployments.apps",
// "patch certificates.cert-manager.io/status".
func (c Change) Right() string {
	if c.Subresource == Eviction || c.Verb == Exec { // it's asked for by creating one
		return "create " + c.Resource + "/" + c.Subresource
	}
	right := string(c.Verb) + " " + c.Resource
	if c.Subresource != "" {
		right += "/" + c.Subresource
	}
	return right
}

// Validate says what contradicts itself in a change; such a change is never sent. What it says is for the log: it quotes no value.
func (c Change) Validate() error {
	if (c.Verb == Exec) != (c.Program != nil) {
		return fmt.Errorf("a change of %s would %s, and what to run doesn't fit that", c.Object, c.Verb)
	}
	if c.Object.Kind == "" || c.Object.Name == "" || c.Version == "" {
		return fmt.Errorf("a change of %q names no kind, no name or no version", c.Object)
	}
	if plural, group, _ := strings.Cut(c.Resource, "."); plural == "" || group != c.Object.Group {
		return fmt.Errorf("a change of %s has the resource %q, which is in another group", c.Object, c.Resource)
	}
	evicts := c.Subresource == Eviction && c.Verb == Delete && c.Resource == "pods"
	if c.Subresource != "" && !evicts && c.Verb != Exec && (c.Subresource != "status" || c.Verb != Patch) {
		return fmt.Errorf("a change of %s would %s its %s", c.Object, c.Verb, c.Subresource)
	}
	if c.Content != nil && c.Verb != Create || c.Propagation != "" && c.Verb != Delete {
		return fmt.Errorf("a change of %s holds what a %s does not have", c.Object, c.Verb)
	}
	if (c.UID == "") != (c.Verb == Create) {
		return fmt.Errorf("a change of %s: a UID is needed to %s", c.Object, c.Verb)
	}
	switch c.Verb {
	case Create:
		return c.validContent()
	case Patch:
		if len(c.Swaps) == 0 {
			return fmt.Errorf("a patch of %s changes nothing", c.Object)
		}
		return nil
	case Delete:
		return c.validDelete()
	case Exec:
		return c.validExec()
	}
	return fmt.Errorf("a change of %s has the verb %q", c.Object, c.Verb)
}

// validContent checks that what is created is the object that the change names.
func (c Change) validContent() error {
	var head struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
		Metadata   struct {
			Name         string `json:"name"`
			Namespace    string `json:"namespace"`
			GenerateName string `json:"generateName"`
		} `json:"metadata"`
	}
	if err := json.Unmarshal(c.Content, &head); err != nil {
		return fmt.Errorf("the content of %s cannot be read", c.Object)
	}
	api := c.Version
	if c.Object.Group != "" {
		api = c.Object.Group + "/" + c.Version
	}
	if head.APIVersion != api || head.Kind != c.Object.Kind || head.Metadata.Name != c.Object.Name ||
		head.Metadata.Namespace != c.Object.Namespace ||
		head.Metadata.GenerateName != "" ||
		len(c.Swaps) > 0 {
		return fmt.Errorf("the content of %s is of another object", c.Object)
	}
	return nil
}

func (c Change) validDelete() error {
	for _, s := range c.Swaps {
		if !bytes.Equal(s.From, s.To) {
			return fmt.Errorf("a delete of %s would change its %s", c.Object, s.Label)
		}
	}
	switch c.Propagation {
	case "Background", "Foreground", "Orphan":
		return nil
	}
	return fmt.Errorf("a delete of %s does not say what becomes of what it owns", c.Object)
}

// validExec checks that a program is run in a pod, and that nothing about it is open.
func (c Change) validExec() error {
	p := c.Program
	switch {
	case c.Object.Kind != "Pod" || c.Object.Group != "" || c.Resource != "pods" || c.Subresource != string(Exec) || len(c.Swaps) > 0:
		return fmt.Errorf("a change of %s would run a program, and not in a pod alone", c.Object)
	case p.Name == "" || p.Container == "" || p.ImageID == "" || len(p.Command) == 0 || p.Timeout <= 0 || p.Timeout > MostExecTime:
		return fmt.Errorf("a change of %s doesn't say what it runs in which container, and for how long", c.Object)
	}
	return nil
}

// canonical is the change with its values in canonical form.
func (c Change) canonical() (Change, error) {
	var err error
	swaps := make([]Swap, len(c.Swaps))
	for i, s := range c.Swaps {
		from, err1 := CanonicalJSON(s.From)
		to, err2 := CanonicalJSON(s.To)
		if err := errors.Join(err1, err2); err != nil {
			return Change{}, fmt.Errorf("reading %s: %w", s.Path, err)
		}
		swaps[i] = Swap{Label: s.Label, Path: s.Path, From: from, To: to}
	}
	c.Swaps = swaps
	if c.Content, err = CanonicalJSON(c.Content); err != nil {
		return Change{}, fmt.Errorf("reading the content of %s: %w", c.Object, err)
	}
	return c, nil
}

// redacted is the change with hashes in the places of its values.
func (c Change) redacted() Change {
	swaps := make([]Swap, len(c.Swaps))
	for i, s := range c.Swaps {
		swaps[i] = Swap{Label: s.Label, Path: s.Path, From: hashed(s.From), To: hashed(s.To)}
	}
	c.Swaps, c.Content = swaps, hashed(c.Content)
	if c.Program != nil {
		program := c.Program.redacted()
		c.Program = &program
	}
	return c
}

// withoutCause is the change without the note of why it is made.
func (c Change) withoutCause() Change {
	c.Swaps = slices.DeleteFunc(slices.Clone(c.Swaps), func(s Swap) bool { return s.Path == CausePath })
	return c
}

// equal reports whether two redacted changes are the same.
func (c Change) equal(other Change) bool {
	a, err1 := json.Marshal(c)
	b, err2 := json.Marshal(other)
	return err1 == nil && err2 == nil && bytes.Equal(a, b)
}
