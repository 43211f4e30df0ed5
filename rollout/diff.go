package rollout

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/3astronautas/algesta"
)

// Difference is one thing that differs between two pod templates, in words.
type Difference struct {
	container string // "" for the pod itself, and where the pod has one container only
	what      string // the field of the pod or container: "image", "env", "hostNetwork", …
	text      string // "LOG_LEVEL removed", "runAsUser 1000 → 0"
}

// podTemplateHash is the label that the deployment controller adds to a ReplicaSet's copy of a template.
const podTemplateHash = "pod-template-hash"

// Differences lists everything that differs between two raw templates, what matters most first: whatever a write would change has a
// row, because people approve what they see. Values that may be secrets are not in it: those of the environment but for plainEnv, of
// annotations, arguments and headers. Only that they changed is shown.
func Differences(from, to map[string]any) []Difference {
	var out []Difference
	for _, key := range keysOf(from, to) {
		a, b := asMap(from[key]), asMap(to[key])
		switch key {
		case "spec":
			out = append(out, diffPod(a, b)...)
		case "metadata":
			out = append(out, diffMetadata(a, b)...)
		default:
			out = append(out, walked("", key, from[key], to[key], true)...)
		}
	}
	if onlyContainer(asMap(from["spec"]), asMap(to["spec"])) {
		for i := range out {
			out[i].container = ""
		}
	}
	slices.SortStableFunc(out, func(x, y Difference) int { return rank(x.what) - rank(y.what) })
	return out
}

// shownFirst is what people look for first, and what an approver must not miss.
var shownFirst = []string{
	"container",
	"init container",
	"image",
	"securityContext",
	"serviceAccountName",
	"serviceAccount",
	"automountServiceAccountToken",
	"hostNetwork",
	"hostPID",
	"hostIPC",
	"hostUsers",
	"volumes",
	"volumeMounts",
	"volumeDevices",
	"command",
	"args",
	"env",
	"envFrom",
	"resources",
}

func rank(what string) int {
	if i := slices.Index(shownFirst, what); i >= 0 {
		return i
	}
	if what == "label" || what == "annotation" {
		return 101
	}
	return 100
}

func diffPod(a, b map[string]any) []Difference {
	var out []Difference
	for _, key := range keysOf(a, b) {
		switch {
		case equal(a[key], b[key]):
		case key == "containers" || key == "initContainers" || key == "ephemeralContainers":
			out = append(out, diffContainers(key, asList(a[key]), asList(b[key]))...)
		// the old name of the same
		case key == "serviceAccount" && equal(a[key], a["serviceAccountName"]) && equal(b[key], b["serviceAccountName"]):
		default:
			out = append(out, walked("", key, a[key], b[key], !slices.Contains(plainPod, key))...)
		}
	}
	return out
}

// diffContainers compares containers by name. What a new one holds is listed as well: it may be privileged.
func diffContainers(kind string, a, b []any) []Difference {
	noun := "container"
	if kind == "initContainers" {
		noun = "init container"
	}
	var out []Difference
	before, after := named(a), named(b)
	for _, name := range keysOf(before, after) {
		x, y := asMap(before[name]), asMap(after[name])
		switch {
		case after[name] == nil:
			out = append(out, Difference{quote(name), noun, "removed"})
			continue
		case before[name] == nil:
			out = append(out, Difference{quote(name), noun, "added"})
		}
		for _, key := range keysOf(x, y) {
			if !equal(x[key], y[key]) && (key != "name" || before[name] != nil) {
				out = append(out, diffField(quote(name), key, x[key], y[key])...)
			}
		}
	}
	if reordered(a, b) {
		out = append(out, Difference{"", kind, "in another order"})
	}
	return out
}

// onlyContainer reports whether both pods have one container, the same: then it need not be named.
func onlyContainer(a, b map[string]any) bool {
	names := map[string]bool{}
	for _, pod := range []map[string]any{a, b} {
		for _, kind := range []string{"containers", "initContainers", "ephemeralContainers"} {
			for _, c := range asList(pod[kind]) {
				names[text(asMap(c)["name"])] = true
			}
		}
	}
	return len(names) == 1
}

func diffField(container, key string, a, b any) []Difference {
	switch key {
	case "image":
		return []Difference{{container, key, imageChange(text(a), text(b))}}
	case "env":
		return diffEnv(container, asList(a), asList(b))
	case "command":
		return []Difference{{container, key, commandChange(asList(a), asList(b))}}
	case "args":
		return []Difference{{container, key, fmt.Sprintf("changed (%d → %d, not shown)", len(asList(a)), len(asList(b)))}}
	}
	return walked(container, key, a, b, !slices.Contains(plainContainer, key))
}

// imageChange names the images whole wherever more than the version differs: a registry that is cut away looks like any other.
func imageChange(a, b string) string {
	if a != "" && b != "" && Repository(a) == Repository(b) {
		a, b = ShortImage(a), ShortImage(b)
	}
	return fromTo(orNil(a), orNil(b))
}

// commandChange names the programs and none of their arguments, which hold passwords.
func commandChange(a, b []any) string {
	x, y := program(a), program(b)
	if x == y {
		return fmt.Sprintf("%s, its arguments changed (not shown)", x)
	}
	return fmt.Sprintf("%s → %s (arguments are not shown)", x, y)
}

func program(command []any) string {
	if len(command) == 0 {
		return "the image's own"
	}
	words := strings.Fields(text(command[0]))
	if len(words) == 0 {
		return "nothing"
	}
	return quote(words[0])
}

// diffMetadata compares what the pods are labelled and annotated with.
func diffMetadata(from, to map[string]any) []Difference {
	var out []Difference
	for _, kind := range keysOf(from, to) {
		if kind == "creationTimestamp" { // null, from older servers and clients
			continue
		}
		if kind != "labels" && kind != "annotations" {
			out = append(out, walked("", kind, from[kind], to[kind], true)...)
			continue
		}
		a, b := asMap(from[kind]), asMap(to[kind])
		for _, key := range keysOf(a, b) {
			if key == podTemplateHash || equal(a[key], b[key]) {
				continue
			}
			how := changed(a[key], b[key])
			if kind == "labels" {
				how = fromTo(a[key], b[key])
			}
			out = append(out, Difference{"", strings.TrimSuffix(kind, "s"), quote(key) + " " + how})
		}
	}
	return out
}

// plainEnv are the environment variables whose values may be shown. All others may hold a secret.
var plainEnv = []string{"NODE_ENV", "PORT", "LOG_LEVEL"}

func diffEnv(container string, a, b []any) []Difference {
	before, after := named(a), named(b)
	var out []Difference
	for _, key := range keysOf(before, after) {
		x, y := asMap(before[key]), asMap(after[key])
		if equal(before[key], after[key]) {
			continue
		}
		name, _, _ := strings.Cut(key, "#")
		how := changed(before[key], after[key])
		if from, to := source(name, x), source(name, y); how == "changed" && from != to {
			how = from + " → " + to
		}
		out = append(out, Difference{container, "env", quote(key) + " " + how})
	}
	if reordered(a, b) {
		out = append(out, Difference{container, "env", "in another order"})
	}
	return out
}

// source says where a variable's value comes from, without the value unless everyone may see it.
func source(name string, env map[string]any) string {
	for kind, noun := range map[string]string{"secretKeyRef": "secret", "configMapKeyRef": "configmap"} {
		if ref, found, _ := unstructured.NestedMap(env, "valueFrom", kind); found {
			return fmt.Sprintf("%s %s/%s", noun, quote(text(ref["name"])), quote(text(ref["key"])))
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

// The bounds of what is shown of one kind, so that no change hides another behind hundreds of its own kind.
const (
	manyOfOne    = 20 // from there on what happened in the same way stands together, and a row of the card names so many
	namesPerLine = 5
)

// together puts what happened in the same way to many things of one kind into lines of some names each: "A, B, C, D, E changed". No name is
// left out.
func together(differences []Difference) []Difference {
	type alike struct{ container, what, how string }
	of := func(d Difference) (alike, string, bool) {
		at := strings.LastIndexByte(d.text, ' ')
		if at < 0 || !slices.Contains([]string{"changed", "added", "removed"}, d.text[at+1:]) {
			return alike{}, "", false
		}
		return alike{d.container, d.what, d.text[at+1:]}, d.text[:at], true
	}
	all := map[alike][]string{}
	for _, d := range differences {
		if group, name, ok := of(d); ok {
			all[group] = append(all[group], name)
		}
	}
	var out []Difference
	for _, d := range differences {
		group, _, ok := of(d)
		names, open := all[group]
		if !ok || open && len(names) <= manyOfOne {
			out = append(out, d)
			continue
		}
		delete(all, group) // shown once, where the first was
		for part := range slices.Chunk(names, namesPerLine) {
			out = append(out, Difference{d.container, d.what, strings.Join(part, ", ") + " " + group.how})
		}
	}
	return out
}

// Lines is the difference as preformatted text, one change a line, or some names a line where there are many.
func Lines(differences []Difference) string {
	var b strings.Builder
	for _, d := range together(differences) {
		what := d.what
		if d.container != "" {
			what = d.container + " " + what
		}
		fmt.Fprintf(&b, "%-10s %s\n", what, d.text)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// mostRows is how many kinds of change are rows of the card; all of them are in the diff below it.
const mostRows = 8

// Fields are the differences as rows of the card: what changes of one kind is in one row.
func Fields(differences []Difference) []algesta.Field {
	var out []algesta.Field
	told := map[string]int{}
	for _, d := range differences {
		told[d.what]++
	}
	shown := map[string]int{}
	for _, d := range differences {
		if shown[d.what]++; shown[d.what] > manyOfOne {
			if shown[d.what] == told[d.what] {
				last := &out[len(out)-1]
				last.Value = algesta.Say("{}; and {} more, all named below", last.Value, told[d.what]-manyOfOne)
			}
			continue
		}
		said := d.text
		if d.container != "" {
			said = d.container + " " + said
		}
		if n := len(out); n > 0 && out[n-1].Label == d.what {
			out[n-1].Value = algesta.Say("{}; {}", out[n-1].Value, said)
			continue
		}
		out = append(out, algesta.Field{Label: d.what, Value: algesta.Say("{}", said)})
	}
	if len(out) > mostRows {
		var more []string
		for _, f := range out[mostRows:] {
			more = append(more, f.Label)
		}
		out = append(out[:mostRows], algesta.Field{Label: "and", Value: algesta.Say("{}", strings.Join(more, ", "))})
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

func equal(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}

func text(v any) string { s, _ := v.(string); return s }

func asMap(v any) map[string]any { m, _ := v.(map[string]any); return m }

func asList(v any) []any { l, _ := v.([]any); return l }
