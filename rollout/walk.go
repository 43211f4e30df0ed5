package rollout

import (
	"fmt"
	"slices"
	"strings"

	"github.com/3astronautas/algesta/redact"
)

// The fields of a pod and of a container whose values may be shown, but for what is under hiddenKeys. A field that this program does not
// know is shown as changed, and its values stay hidden.
var (
	plainPod = strings.Fields(
		"activeDeadlineSeconds affinity automountServiceAccountToken dnsConfig dnsPolicy enableServiceLinks hostAliases hostIPC " +
			"hostNetwork hostPID hostUsers hostname hostnameOverride imagePullSecrets nodeName nodeSelector os overhead preemptionPolicy " +
			"priority priorityClassName " +
			"readinessGates resourceClaims resources restartPolicy runtimeClassName schedulerName schedulingGates securityContext serviceAccount " +
			"serviceAccountName setHostnameAsFQDN shareProcessNamespace subdomain terminationGracePeriodSeconds tolerations " +
			"topologySpreadConstraints volumes",
	)
	plainContainer = strings.Fields(
		"envFrom imagePullPolicy lifecycle livenessProbe name ports readinessProbe resizePolicy resources restartPolicy " +
			"restartPolicyRules securityContext startupProbe stdin stdinOnce terminationMessagePath terminationMessagePolicy tty volumeDevices " +
			"volumeMounts workingDir",
	)
	hiddenKeys = strings.Fields("command args annotations httpHeaders volumeAttributes options")
)

// listKeys are the fields that distinguish the elements of a list.
var listKeys = []string{"name", "mountPath", "devicePath", "key", "conditionType"}

// nothing is shown for a value that is not there.
const nothing = "none"

// walked lists the leaves that differ below a field of a pod ("" for the container) or of a container. Two values that differ have at least
// one row.
func walked(container, field string, a, b any, hide bool) []Difference {
	var out []Difference
	walk("", a, b, hide, func(path, how string) {
		out = append(out, Difference{container, field, strings.TrimSpace(path + " " + how)})
	})
	return out
}

func walk(path string, a, b any, hide bool, tell func(path, how string)) {
	if equal(a, b) {
		return
	}
	mapA, isMapA := a.(map[string]any)
	mapB, isMapB := b.(map[string]any)
	listA, isListA := a.([]any)
	listB, isListB := b.([]any)
	rows := 0
	told := func(path, how string) { rows++; tell(path, how) }
	switch {
	case (isMapA || a == nil) && (isMapB || b == nil):
		for _, key := range keysOf(mapA, mapB) {
			walk(joined(path, key), mapA[key], mapB[key], hide || slices.Contains(hiddenKeys, key), told)
		}
	case (isListA || a == nil) && (isListB || b == nil):
		walkLists(path, listA, listB, hide, told)
	}
	switch {
	case rows > 0:
	case hide || isMapA || isMapB || isListA || isListB:
		tell(path, changed(a, b)) // something empty came or went, or another kind of value
	default:
		tell(path, fromTo(a, b))
	}
}

// walkLists compares lists of words as a whole, lists of things that have a name by it, and others place by place.
func walkLists(path string, a, b []any, hide bool, tell func(path, how string)) {
	if flat(a) && flat(b) {
		if hide {
			tell(path, changed(nilIfNone(a), nilIfNone(b)))
			return
		}
		tell(path, fromTo(inOne(a), inOne(b)))
		return
	}
	before, after := keyed(a), keyed(b)
	if before == nil || after == nil {
		for i := range max(len(a), len(b)) {
			walk(fmt.Sprintf("%s[%d]", path, i), element(a, i), element(b, i), hide, tell)
		}
		return
	}
	for _, key := range keysOf(before, after) {
		walk(joined(path, quote(key)), before[key], after[key], hide, tell)
	}
	if reordered(a, b) {
		tell(path, "in another order")
	}
}

// flat reports whether a list holds no lists or maps.
func flat(list []any) bool {
	return !slices.ContainsFunc(list, func(v any) bool {
		_, isMap := v.(map[string]any)
		_, isList := v.([]any)
		return isMap || isList
	})
}

func inOne(list []any) any {
	if len(list) == 0 {
		return nil
	}
	parts := make([]string, len(list))
	for i, v := range list {
		parts[i] = fmt.Sprint(v)
	}
	return strings.Join(parts, ", ")
}

func nilIfNone(list []any) any {
	if len(list) == 0 {
		return nil
	}
	return list
}

func element(list []any, i int) any {
	if i < len(list) {
		return list[i]
	}
	return nil
}

// keyed is a list by what distinguishes its elements, nil where nothing does.
func keyed(list []any) map[string]any {
	for _, key := range listKeys {
		out := map[string]any{}
		for _, v := range list {
			if name := text(asMap(v)[key]); name != "" {
				out[name] = v
			}
		}
		if len(out) == len(list) {
			return out
		}
	}
	return nil
}

// named is a list by name. A name that is there again, which the API server allows for the environment, gets its number: "PATH#2".
func named(list []any) map[string]any {
	out, times := map[string]any{}, map[string]int{}
	for _, v := range list {
		name := text(asMap(v)["name"])
		if times[name]++; times[name] > 1 {
			name = fmt.Sprintf("%s#%d", name, times[name])
		}
		out[name] = v
	}
	return out
}

// reordered reports whether the elements that two lists share are in another order.
func reordered(a, b []any) bool {
	names := func(list, other []any) []string {
		var out []string
		for _, v := range list {
			for _, key := range listKeys {
				if name := text(asMap(v)[key]); name != "" {
					if slices.ContainsFunc(other, func(o any) bool { return text(asMap(o)[key]) == name }) {
						out = append(out, name)
					}
					break
				}
			}
		}
		return out
	}
	return !slices.Equal(names(a, b), names(b, a))
}

func joined(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// fromTo is a value before and after. Values that look the same once they are cleaned and cut are shown as changed.
func fromTo(a, b any) string {
	x, y := shown(a), shown(b)
	if x == y {
		return changed(a, b)
	}
	return x + " → " + y
}

// valueBytes is how much of a value is shown: no image reference that can be pulled is longer.
const valueBytes = 512

func shown(v any) string {
	switch v := v.(type) {
	case nil:
		return nothing
	case string:
		if v == "" {
			return `""`
		}
		return redact.Cut(oneLine(v), valueBytes)
	}
	return fmt.Sprint(v)
}

func orNil(s string) any {
	if s == "" {
		return nil
	}
	return s
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
