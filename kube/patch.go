package kube

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/3astronautas/algesta"
)

// operationPath is the annotation that says which operation of the bot wrote last.
const operationPath = "/metadata/annotations/algesta.io~1operation"

// changedPath is the annotation that says when the bot last changed the pod template. It is written with the patch and not planned: the
// time of a change is when it was made, not when it was asked for.
const changedPath = "/metadata/annotations/algesta.io~1template-changed-at"

// templatePath is where the pod template of a workload begins.
const templatePath = "/spec/template"

// Where an object says how often it changed: of any kind, and in what is wanted of it.
const (
	versionPath    = "/metadata/resourceVersion"
	generationPath = "/metadata/generation"
)

// op is one operation of a JSON Patch (RFC 6902).
type op struct {
	Op    string          `json:"op"`
	Path  string          `json:"path"`
	Value json.RawMessage `json:"value,omitempty"`
}

// bound is what a patch is bound to of the object as it was read.
type bound int

const (
	toVersion    bound = iota // its resourceVersion: nothing at all has changed since
	toGeneration              // its generation: nothing but status and labels has
)

// versionTries is after how many refusals the next try is bound to the generation alone: a status that is written faster than an
// object can be read and patched would otherwise refuse every patch (docs/adr/patch-bound-to-generation.md).
const versionTries = 4

// Only a patch that moves the generation may be bound to it alone: any other could be made twice. A delete happens once in any case.
func boundAt(change algesta.Change, try int) bound {
	if try < versionTries || change.Verb == algesta.Patch && !raises(change) {
		return toVersion
	}
	return toGeneration
}

// patchOf is the form of patch that the bot sends (design.md, decision 1): it tests that the object is the one that people saw,
// replaces the resourceVersion by the one just read (409 when it is stale) or tests the generation just read (422), names the operation,
// and only then changes anything. A patch that tests the generation raises it, so that neither form can be applied twice.
func patchOf(change algesta.Change, operation string, live *unstructured.Unstructured, to bound) ([]op, error) {
	bind := op{Op: "replace", Path: versionPath}
	var value any = live.GetResourceVersion()
	if to == toGeneration {
		bind, value = op{Op: "test", Path: generationPath}, live.GetGeneration()
	}
	var err error
	if bind.Value, err = json.Marshal(value); err != nil {
		return nil, fmt.Errorf("writing the patch: %w", err)
	}
	uid, err := json.Marshal(change.UID)
	if err != nil {
		return nil, fmt.Errorf("writing the patch: %w", err)
	}
	name, err := json.Marshal(operation)
	if err != nil {
		return nil, fmt.Errorf("writing the patch: %w", err)
	}
	ops := []op{{"test", "/metadata/uid", uid}}
	for _, s := range change.Swaps {
		if s.From != nil {
			ops = append(ops, op{"test", s.Path, s.From})
		}
	}
	ops = append(ops, bind)
	if change.Subresource == "" { // a status takes no annotation; its manager names the operation
		if len(live.GetAnnotations()) == 0 {
			ops = append(ops, op{"add", "/metadata/annotations", json.RawMessage(`{}`)})
		}
		ops = append(ops, op{"add", operationPath, name})
	}
	if change.Object.Group == "apps" && slices.ContainsFunc(change.Swaps, func(s algesta.Swap) bool {
		return (s.Path == templatePath || strings.HasPrefix(s.Path, templatePath+"/")) && !s.Tests()
	}) {
		now, err := json.Marshal(time.Now().UTC().Format(time.RFC3339))
		if err != nil {
			return nil, fmt.Errorf("writing the patch: %w", err)
		}
		ops = append(ops, op{"add", changedPath, now})
	}
	for _, s := range change.Swaps {
		switch {
		case s.From != nil && s.To != nil && same(s.From, s.To): // only a test
		case s.To == nil:
			ops = append(ops, op{Op: "remove", Path: s.Path})
		case s.From == nil:
			ops = append(ops, op{"add", s.Path, s.To})
		default:
			ops = append(ops, op{"replace", s.Path, s.To})
		}
	}
	return ops, nil
}

// hashPatch is the SHA-256 of the patch without what it is bound to and when it was made, in hexadecimal: the same at every try.
func hashPatch(ops []op) (string, error) {
	var kept []op
	for _, o := range ops {
		if o.Path != versionPath && o.Path != generationPath && o.Path != changedPath {
			kept = append(kept, o)
		}
	}
	b, err := json.Marshal(kept)
	if err != nil {
		return "", fmt.Errorf("hashing the patch: %w", err)
	}
	return digest(b), nil
}

// mismatch names the first swap whose old value is not in the object, "" when all are.
func mismatch(change algesta.Change, live *unstructured.Unstructured) string {
	for _, s := range change.Swaps {
		if !holds(live.Object, s.Path, s.From) {
			return s.Label
		}
	}
	return ""
}

// holds reports whether the object has this value at the path; nil means that there is nothing at it.
func holds(object map[string]any, path string, want json.RawMessage) bool {
	v, found := at(object, path)
	if want == nil || !found {
		return want == nil && !found
	}
	b, err := json.Marshal(v)
	return err == nil && same(b, want)
}

// same compares two JSON values, whatever the order of their keys.
func same(a, b json.RawMessage) bool {
	x, errX := algesta.CanonicalJSON(a)
	y, errY := algesta.CanonicalJSON(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// at is the value at a JSON Pointer (RFC 6901).
func at(object any, pointer string) (any, bool) {
	for step := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		step = strings.NewReplacer("~1", "/", "~0", "~").Replace(step)
		switch o := object.(type) {
		case map[string]any:
			next, found := o[step]
			if !found {
				return nil, false
			}
			object = next
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(o) {
				return nil, false
			}
			object = o[i]
		default:
			return nil, false
		}
	}
	return object, true
}
