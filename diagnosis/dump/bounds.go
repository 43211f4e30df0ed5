package dump

import (
	"bytes"
	"fmt"
	"regexp"

	yamlv3 "go.yaml.in/yaml/v3"
)

// manyOf are the kinds that a cluster has many of. Rules look them up and never compare each with each.
var manyOf = map[string]bool{
	"Pod":           true,
	"Event":         true,
	"ReplicaSet":    true,
	"EndpointSlice": true,
	"Secret":        true,
	"ConfigMap":     true,
	"PodMetrics":    true,
	"Endpoints":     true,
}

// admits counts an object, and says whether it is within the bounds.
func (r *reader) admits(kind string) bool {
	resource := resourceOf(kind)
	switch {
	case len(r.dump.Objects) >= MaxObjects:
		r.full = true
	case !manyOf[kind] && r.count[resource] >= MaxOfKind:
		r.over[resource] = true
	default:
		r.count[resource]++
		return true
	}
	return false
}

// tooMuch says why a file is not decoded: it would become too many values, or is nested deeper than objects are. Decoders take a hundred
// times the memory of a file that is made for it.
func tooMuch(data []byte, isJSON bool) string {
	values, depth, deepest := 0, 0, 0
	for _, c := range data {
		switch c {
		case '[', '{':
			values++
			depth++
			deepest = max(deepest, depth)
		case ']', '}':
			depth = max(0, depth-1)
		case ',':
			values++
		case '\n':
			if !isJSON {
				values++
			}
		}
	}
	switch {
	case values > MaxValues:
		return fmt.Sprintf("it holds more than %d values; write the namespaces into files of their own", MaxValues)
	case isJSON && deepest > MaxNesting && nested(data):
		return fmt.Sprintf("it is nested deeper than %d levels", MaxNesting)
	}
	return ""
}

// nested counts the levels of JSON outside of its strings: a log line in an annotation may hold any number of brackets.
func nested(data []byte) bool {
	depth, inString := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '[', c == '{':
			if depth++; depth > MaxNesting {
				return true
			}
		case c == ']', c == '}':
			depth--
		}
	}
	return false
}

// anchor is what a YAML anchor or alias looks like; texts in a ConfigMap may look like it, too.
var anchor = regexp.MustCompile(`(?m)(?:^|[\s\[{,:-])[&*][^\s,\]}]`)

// mostExpanded is how many bytes a document with aliases may stand for. kubectl writes none and programs that write lists in YAML do; a
// kilobyte that was made for it stands for gigabytes.
const mostExpanded = 16 << 20

// explodes says that the aliases of a YAML document make it too large, or that it holds itself.
func explodes(data []byte, root *yamlv3.Node) bool {
	if !bytes.ContainsRune(data, '&') || !bytes.ContainsRune(data, '*') || !anchor.Match(data) {
		return false
	}
	left := max(mostExpanded, len(data))
	return !expands(root, &left, 0)
}

// expands takes what a node stands for from what is left, and says whether that was enough.
func expands(n *yamlv3.Node, left *int, depth int) bool {
	const each = 16 // what a value takes beside its text, at least
	if *left -= len(n.Value) + each; *left < 0 || depth > MaxNesting {
		return false
	}
	if n.Kind == yamlv3.AliasNode {
		return expands(n.Alias, left, depth+1)
	}
	for _, child := range n.Content {
		if !expands(child, left, depth+1) {
			return false
		}
	}
	return true
}
