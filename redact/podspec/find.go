package podspec

import (
	"encoding/json"
	"errors"

	corev1 "k8s.io/api/core/v1"
)

// mostNested is how deep in an object a pod's specification is looked for: an operator's template is about eight levels down.
const mostNested = 16

// In are the containers that an object of any kind holds, each set of them as a specification: those of a template, wherever an operator
// keeps it, and what looks like one container (a step of a pipeline, a sidecar). What can't be read as the API defines it is read as far as
// it can be.
func In(object map[string]any) []*corev1.PodSpec {
	var found []*corev1.PodSpec
	var look func(value any, depth int)
	look = func(value any, depth int) {
		if depth > mostNested {
			return
		}
		switch v := value.(type) {
		case map[string]any:
			if spec := specIn(v); spec != nil {
				found = append(found, spec)
			}
			for _, inner := range v {
				look(inner, depth+1)
			}
		case []any:
			for _, inner := range v {
				look(inner, depth+1)
			}
		}
	}
	look(object, 0)
	return found
}

// specIn is the specification that a map is, or of one container what it says; nil where it's neither.
func specIn(m map[string]any) *corev1.PodSpec {
	if _, ok := m["containers"]; ok {
		spec := &corev1.PodSpec{}
		if fill(spec, m) {
			return spec
		}
	}
	var c corev1.Container
	says := false
	for name, into := range map[string]any{
		"env": &c.Env, "command": &c.Command, "args": &c.Args, "livenessProbe": &c.LivenessProbe, "readinessProbe": &c.ReadinessProbe,
		"startupProbe": &c.StartupProbe, "lifecycle": &c.Lifecycle,
	} {
		if value, ok := m[name]; ok && fill(into, value) {
			says = true
		}
	}
	if !says {
		return nil
	}
	return &corev1.PodSpec{Containers: []corev1.Container{c}}
}

// fill reads a value as the API defines it. An item of another kind, such as a number among the arguments, leaves the others as they are.
func fill(into, value any) bool {
	raw, err := json.Marshal(value)
	if err != nil {
		return false
	}
	err = json.Unmarshal(raw, into)
	var wrong *json.UnmarshalTypeError
	return err == nil || errors.As(err, &wrong)
}
