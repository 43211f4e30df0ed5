package runbooks

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// difference is one thing that differs between two pod templates, as a person reads it.
type difference struct {
	container string // "" for the pod itself
	what      string // "image", "env", "resources", …
	text      string // "LOG_LEVEL removed"
}

// plainEnv are the environment variables whose values may be shown. All others may hold a secret.
var plainEnv = []string{"NODE_ENV", "PORT", "LOG_LEVEL"}

// diffTemplates lists what differs between two raw templates. No value of an environment variable is in it but those of plainEnv.
func diffTemplates(from, to map[string]any) []difference {
	var out []difference
	for _, kind := range []string{"containers", "initContainers"} {
		a, b := byName(from, "spec", kind), byName(to, "spec", kind)
		for _, name := range keysOf(a, b) {
			switch {
			case b[name] == nil:
				out = append(out, difference{name, "container", "removed"})
			case a[name] == nil:
				out = append(out, difference{name, "container", "added"})
			default:
				out = append(out, diffContainer(name, a[name], b[name])...)
			}
		}
	}
	specA, _, _ := unstructured.NestedMap(from, "spec")
	specB, _, _ := unstructured.NestedMap(to, "spec")
	for _, key := range keysOf(specA, specB) {
		if key != "containers" && key != "initContainers" && !equal(specA[key], specB[key]) {
			out = append(out, difference{"", key, changed(specA[key], specB[key])})
		}
	}
	return append(out, diffMetadata(from, to)...)
}

// diffMetadata compares the names of labels and annotations of the pods. A restart's mark is no difference.
func diffMetadata(from, to map[string]any) []difference {
	var out []difference
	for _, kind := range []string{"labels", "annotations"} {
		a, _, _ := unstructured.NestedMap(from, "metadata", kind)
		b, _, _ := unstructured.NestedMap(to, "metadata", kind)
		for _, key := range keysOf(a, b) {
			if key != restartedAnnotation && key != "pod-template-hash" && !equal(a[key], b[key]) {
				out = append(out, difference{"", strings.TrimSuffix(kind, "s"), quote(key) + " " + changed(a[key], b[key])})
			}
		}
	}
	return out
}

func diffContainer(name string, a, b map[string]any) []difference {
	var out []difference
	for _, key := range keysOf(a, b) {
		if equal(a[key], b[key]) {
			continue
		}
		switch key {
		case "image":
			out = append(out, difference{name, key, fmt.Sprintf("%s → %s", quote(shortImage(text(a[key]))), quote(shortImage(text(b[key]))))})
		case "env":
			out = append(out, diffEnv(name, a, b)...)
		case "resources":
			out = append(out, diffResources(name, a, b)...)
		default:
			out = append(out, difference{name, key, changed(a[key], b[key])})
		}
	}
	slices.SortStableFunc(out, func(x, y difference) int { return rank(x.what) - rank(y.what) })
	return out
}

// rank puts what people look for first.
func rank(what string) int {
	if i := slices.Index([]string{"image", "env", "envFrom", "command", "args", "resources"}, what); i >= 0 {
		return i
	}
	return 100
}

func diffEnv(container string, a, b map[string]any) []difference {
	before, after := byName(a, "env"), byName(b, "env")
	var out []difference
	for _, name := range keysOf(before, after) {
		x, y := before[name], after[name]
		if equal(x, y) {
			continue
		}
		how := changed(nilIfEmpty(x), nilIfEmpty(y))
		if from, to := source(name, x), source(name, y); how == "changed" && from != to {
			how = from + " → " + to
		}
		out = append(out, difference{container, "env", quote(name) + " " + how})
	}
	if out == nil {
		out = append(out, difference{container, "env", "in another order"})
	}
	return out
}

// source says where a variable's value comes from, without the value unless everybody may see it.
func source(name string, env map[string]any) string {
	for kind, noun := range map[string]string{"secretKeyRef": "secret", "configMapKeyRef": "configmap"} {
		if ref, found, _ := unstructured.NestedStringMap(env, "valueFrom", kind); found {
			return fmt.Sprintf("%s %s/%s", noun, ref["name"], ref["key"])
		}
		if ref, found, _ := unstructured.NestedMap(env, "valueFrom", kind); found { // with "optional", a bool
			return fmt.Sprintf("%s %s/%s", noun, text(ref["name"]), text(ref["key"]))
		}
	}
	if value, literal := env["value"]; literal && slices.Contains(plainEnv, name) {
		return quote(text(value))
	}
	if _, ref := env["valueFrom"]; ref {
		return "a reference"
	}
	return "a literal value"
}

func diffResources(container string, a, b map[string]any) []difference {
	var out []difference
	for _, kind := range []string{"requests", "limits"} {
		before, _, _ := unstructured.NestedMap(a, "resources", kind)
		after, _, _ := unstructured.NestedMap(b, "resources", kind)
		for _, key := range keysOf(before, after) {
			if !equal(before[key], after[key]) {
				out = append(out, difference{container, "resources", fmt.Sprintf("%s.%s %s → %s", kind, key, orNone(before[key]), orNone(after[key]))})
			}
		}
	}
	if out == nil {
		out = append(out, difference{container, "resources", "changed"})
	}
	return out
}

// lines is the difference as preformatted text, one change a line. The container is named where there are several.
func lines(differences []difference) string {
	containers := map[string]bool{}
	for _, d := range differences {
		if d.container != "" {
			containers[d.container] = true
		}
	}
	var b strings.Builder
	for _, d := range differences {
		what := d.what
		if len(containers) > 1 && d.container != "" {
			what = d.container + " " + what
		}
		fmt.Fprintf(&b, "%-10s %s\n", what, d.text)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func byName(object map[string]any, path ...string) map[string]map[string]any {
	items, _, _ := unstructured.NestedSlice(object, path...)
	out := map[string]map[string]any{}
	for _, item := range items {
		if m, ok := item.(map[string]any); ok {
			out[text(m["name"])] = m
		}
	}
	return out
}

func keysOf[V any](a, b map[string]V) []string {
	keys := slices.Collect(maps.Keys(a))
	for k := range b {
		if _, both := a[k]; !both {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return keys
}

func changed(from, to any) string {
	switch {
	case to == nil:
		return "removed"
	case from == nil:
		return "added"
	}
	return "changed"
}

func nilIfEmpty(m map[string]any) any {
	if m == nil {
		return nil
	}
	return m
}

func equal(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}

func text(v any) string { s, _ := v.(string); return s }

func orNone(v any) string {
	if v == nil {
		return "none"
	}
	return fmt.Sprint(v)
}
