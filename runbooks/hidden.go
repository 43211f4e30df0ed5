package runbooks

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta/redact"
	"github.com/3astronautas/algesta/redact/podspec"
)

// hidden knows what an answer about pods must not show wherever it occurs: in another variable, a label, the path of a probe. It's asked
// before a text is cut, as half a value isn't recognized.
type hidden struct {
	values *redact.Redactor
	names  string // what people have to read, so that it's hidden nowhere
}

// hiddenOf knows what these pods or templates spell out. names are those of what the answer is about.
func hiddenOf(in Input, names []string, specs ...*corev1.PodSpec) *hidden {
	t := in.Command.Target
	return newHidden(append(slices.Clone(names), t.Service, t.Name, t.Namespace, t.Environment, t.Cluster, in.Workload.Name), specs...)
}

func newHidden(names []string, specs ...*corev1.PodSpec) *hidden {
	for _, spec := range specs {
		for _, c := range slices.Concat(spec.InitContainers, spec.Containers) {
			names = append(names, c.Name, c.Image)
		}
	}
	slices.Sort(names)
	h := &hidden{values: redact.New(), names: strings.Join(slices.Compact(names), "\n")}
	h.add(podspec.Secrets(specs...))
	return h
}

// add makes further values known.
func (h *hidden) add(values [][]byte) {
	h.values.Add(slices.DeleteFunc(values, func(value []byte) bool {
		return strings.Contains(h.names, strings.TrimSpace(string(value)))
	})...)
}

// hide takes the values out of a text and leaves the rest as it is.
func (h *hidden) hide(text string) string { return h.values.Values(text) }

// hideInVariables takes what variables hide out of all that is shown of them.
func (h *hidden) hideInVariables(all []variable) {
	var values [][]byte
	for _, v := range all {
		if v.hidden && v.value != "" {
			values = append(values, []byte(v.value))
		}
	}
	h.add(values)
	for i := range all {
		v := &all[i]
		v.name, v.from, v.value = h.hide(v.name), h.hide(v.from), h.hide(v.value)
	}
}

// noHiding is for texts of objects that hold no pod's values.
func noHiding(text string) string { return text }
