package runbooks

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout"
)

// bringsBack says what a later `kubectl apply` or sync from wherever the deployment is kept in files would put back, as far as the cluster
// knows: kubectl and Argo CD leave what they applied in an annotation, and a server-side apply leaves which fields it owns. template and
// replicas are what the deployment will have after the plan. Values of images and numbers of pods are named, of everything else only what
// it is.
func (s workloadState) bringsBack(template map[string]any, replicas int32) []algesta.Text {
	if back := s.fromLastApplied(template, replicas); len(back) > 0 {
		who := "`kubectl apply` of the file that this " + s.thing() + " was made from"
		if s.argo.name != "" {
			who = "a sync of Argo CD (app " + s.argo.name + ")"
		}
		return []algesta.Text{algesta.Say("The next time, {} brings back: {}.", who, list(back))}
	}
	manager, back := s.fromOwnedFields(template, replicas)
	if len(back) == 0 {
		return nil
	}
	return []algesta.Text{
		algesta.Say("{} applied this {}. Its next apply brings back: {}.", algesta.Name(quote(manager)), s.thing(), list(back)),
	}
}

// fromLastApplied compares what kubectl noted with what will be there. Only what the file states comes back.
func (s workloadState) fromLastApplied(template map[string]any, replicas int32) []string {
	var file map[string]any
	if json.Unmarshal([]byte(s.d.Annotations[corev1.LastAppliedConfigAnnotation]), &file) != nil {
		return nil
	}
	var out []string
	if n, stated := asMap(file["spec"])["replicas"].(float64); stated && int32(n) != replicas {
		out = append(out, count(int32(n), "pod"))
	}
	stated := asMap(asMap(asMap(file["spec"])["template"])["spec"])
	after := asMap(template["spec"])
	for _, key := range slices.Sorted(maps.Keys(stated)) {
		if key != "containers" && key != "initContainers" {
			if !holdsAll(stated[key], after[key]) {
				out = append(out, key)
			}
			continue
		}
		live := byName(asList(after[key]))
		for name, container := range byName(asList(stated[key])) {
			out = append(out, statedContainer(name, asMap(container), asMap(live[name]))...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func statedContainer(name string, stated, after map[string]any) []string {
	if after == nil {
		return []string{"container " + quote(name)}
	}
	var out []string
	for _, key := range slices.Sorted(maps.Keys(stated)) {
		switch {
		case holdsAll(stated[key], after[key]):
		case key == "image":
			out = append(out, imageAfter(text(stated[key]), text(after[key])))
		default:
			out = append(out, key)
		}
	}
	return out
}

// imageAfter names an image in short, unless it comes from another repository than the one that will run.
func imageAfter(image, other string) string {
	if rollout.Repository(image) == rollout.Repository(other) {
		return quote(rollout.ShortImage(image))
	}
	return quote(image)
}

// holdsAll reports whether everything that is stated holds: what the API server filled in besides doesn't matter.
func holdsAll(stated, live any) bool {
	switch want := stated.(type) {
	case map[string]any:
		have := asMap(live)
		return !slices.ContainsFunc(slices.Sorted(maps.Keys(want)), func(key string) bool { return !holdsAll(want[key], have[key]) })
	case []any:
		have := asList(live)
		if len(want) != len(have) {
			return false
		}
		for i := range want {
			if !holdsAll(want[i], have[i]) {
				return false
			}
		}
		return true
	}
	return stated == nil || sameValue(stated, live)
}

// sameValue compares two values as they are written, and as quantities: "0.5" and "500m" are one.
func sameValue(a, b any) bool {
	x, y := fmt.Sprint(a), fmt.Sprint(b)
	if x == y {
		return true
	}
	p, errP := resource.ParseQuantity(x)
	q, errQ := resource.ParseQuantity(y)
	return errP == nil && errQ == nil && p.Cmp(q) == 0
}

// fromOwnedFields is what a manager that applies on the server still owns and the plan changes: anyone else who had changed such a field
// would have taken it over.
func (s workloadState) fromOwnedFields(template map[string]any, replicas int32) (manager string, back []string) {
	after := byName(asList(asMap(template["spec"])["containers"]))
	for _, entry := range s.d.ManagedFields {
		if entry.Operation != metav1.ManagedFieldsOperationApply || entry.FieldsV1 == nil {
			continue
		}
		var fields map[string]any
		if json.Unmarshal(entry.FieldsV1.GetRawBytes(), &fields) != nil {
			continue
		}
		if _, owned, _ := unstructured.NestedFieldNoCopy(fields, "f:spec", "f:replicas"); owned && replicas != s.d.Replicas() {
			back = append(back, count(s.d.Replicas(), "pod"))
		}
		for _, c := range s.d.Spec.Template.Spec.Containers {
			_, owned, _ := unstructured.NestedFieldNoCopy(
				fields,
				"f:spec",
				"f:template",
				"f:spec",
				"f:containers",
				`k:{"name":"`+c.Name+`"}`,
				"f:image",
			)
			if next := text(asMap(after[c.Name])["image"]); owned && next != c.Image {
				back = append(back, imageAfter(c.Image, next))
			}
		}
		if len(back) > 0 {
			return entry.Manager, back
		}
	}
	return "", nil
}

// byName is a list of containers by name.
func byName(list []any) map[string]any {
	out := map[string]any{}
	for _, v := range list {
		out[text(asMap(v)["name"])] = v
	}
	return out
}

func text(v any) string { s, _ := v.(string); return s }

func asMap(v any) map[string]any { m, _ := v.(map[string]any); return m }

func asList(v any) []any { l, _ := v.([]any); return l }
