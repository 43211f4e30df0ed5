package kubelet

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"
)

var (
	//go:embed selector.jq
	selectorWords string
	//go:embed prelude.tmpl
	prelude string
	//go:embed status.tmpl
	statusWords string
	//go:embed event.tmpl
	eventTemplate string
	//go:embed nodes.yaml
	nodeStages string
)

// stage is one step in the life of a pod.
type stage struct {
	name      string
	when      string // jq: whether the pod is at this step
	after     string // how long it stays there
	afterFrom string // jq: the same, computed
	status    string // Go template of the new status
	events    []event
	deletes   bool
}

// event is what the kubelet says when the step is done; the message is a Go template expression.
type event struct{ kind, reason, message string }

// Stages returns the configuration of KWOK: every node's and every pod's life. The nodes announce logPort as the port of
// their kubelet.
func Stages(logPort int) ([]byte, error) {
	var out bytes.Buffer
	out.WriteString(strings.ReplaceAll(nodeStages, "LOG_PORT", strconv.Itoa(logPort)))
	table, err := json.Marshal(scenarios())
	if err != nil {
		return nil, fmt.Errorf("encoding the scenarios: %w", err)
	}
	for _, s := range podStages() {
		doc, err := yaml.Marshal(s.document(string(table)))
		if err != nil {
			return nil, fmt.Errorf("encoding stage %s: %w", s.name, err)
		}
		out.WriteString("---\n")
		out.Write(doc)
	}
	return out.Bytes(), nil
}

// document is the Stage in KWOK's own form.
func (s stage) document(table string) map[string]any {
	// jq reads the pattern inside a string literal of its own.
	quoted, _ := json.Marshal(namedTagPattern()) // a string always encodes
	words := strings.NewReplacer(`"TAGS"`, string(quoted), "TABLE", table).Replace(withoutComments(selectorWords))
	fill := strings.NewReplacer("TAGS", tagPattern(), "TABLE", table)
	jq := func(expression string) map[string]any { return map[string]any{"expression": words + expression} }
	spec := map[string]any{
		"resourceRef": map[string]any{"apiGroup": "v1", "kind": "Pod"},
		"selector": map[string]any{"matchExpressions": []any{map[string]any{
			"jq": map[string]any{"key": words + s.when, "operator": "In", "values": []string{"true"}},
		}}},
		"steps": s.steps(fill),
	}
	switch {
	case s.afterFrom != "":
		spec["delay"] = map[string]any{"durationFrom": map[string]any{"jq": jq(s.afterFrom)}}
	case s.after != "":
		spec["delay"] = map[string]any{"durationFrom": map[string]any{"jq": map[string]any{"expression": strconv.Quote(s.after)}}}
	}
	return map[string]any{
		"apiVersion": "kwok.x-k8s.io/v1alpha1", "kind": "Stage",
		"metadata": map[string]any{"name": s.name}, "spec": spec,
	}
}

func (s stage) steps(fill *strings.Replacer) []any {
	var steps []any
	if s.status != "" {
		steps = append(steps, map[string]any{"patch": map[string]any{
			"subresource": "status", "root": "status", "template": fill.Replace(statusWords + prelude + s.status),
		}})
	}
	for _, e := range s.events {
		text := strings.NewReplacer("MESSAGE", e.message, "REASON", e.reason, "TYPE", e.kind).Replace(eventTemplate)
		steps = append(steps, map[string]any{"apply": map[string]any{"template": fill.Replace(prelude) + text}})
	}
	if s.deletes {
		steps = append(steps, map[string]any{"delete": true})
	}
	return steps
}

// namedTagPattern is tagPattern with the group that jq's capture needs.
func namedTagPattern() string { return strings.Replace(tagPattern(), "-(", "-(?<s>", 1) }

func withoutComments(jq string) string {
	lines := slices.DeleteFunc(strings.Split(jq, "\n"), func(l string) bool { return strings.HasPrefix(l, "#") })
	return strings.Join(lines, "\n")
}

func sortedNames() []string {
	names := make([]string, 0, len(scenarios()))
	for name := range scenarios() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
