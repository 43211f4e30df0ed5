package dump

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	yamlv3 "go.yaml.in/yaml/v3"
	"sigs.k8s.io/yaml"
)

// errUnusual is the error of YAML that kubectl doesn't write: merge keys, tags of one's own, numbers that JSON hasn't. It's decoded by way
// of the library that Kubernetes has for it, which takes longer.
var errUnusual = errors.New("unusual YAML")

// addYAML decodes one document of YAML. It is parsed once, and each object that some rule asks about is turned into JSON.
func (r *reader) addYAML(name string, data []byte, many bool) error {
	var root yamlv3.Node
	if err := yamlv3.Unmarshal(data, &root); err != nil {
		return fmt.Errorf("decoding YAML: %w: %w", errCutOff, err)
	}
	if explodes(data, &root) {
		return errors.New("decoding YAML: its aliases stand for too much")
	}
	if len(root.Content) == 1 {
		if list := root.Content[0]; list.Kind == yamlv3.MappingNode && strings.HasSuffix(scalarOf(list, "kind"), "List") {
			err := r.addYAMLList(name, list)
			if !errors.Is(err, errUnusual) {
				return err
			}
		}
	}
	data, err := yaml.YAMLToJSON(data)
	if err != nil {
		return fmt.Errorf("decoding YAML: %w: %w", errCutOff, err)
	}
	return r.addJSON(name, data, many)
}

// addYAMLList adds the items of a list. errUnusual says that none was added.
func (r *reader) addYAMLList(name string, list *yamlv3.Node) error {
	items := valueOf(list, "items")
	if items != nil && items.Kind != yamlv3.SequenceNode && items.ShortTag() != "!!null" {
		return errUnusual
	}
	itemKind := strings.TrimSuffix(scalarOf(list, "kind"), "List")
	if itemKind == "" {
		itemKind = kindOfFile(name)
	}
	if items == nil || len(items.Content) == 0 {
		r.emptyList(name, itemKind)
		return nil
	}
	type object struct {
		apiVersion, kind string
		data             []byte
	}
	objects := make([]object, 0, len(items.Content))
	for _, item := range items.Content {
		o := object{apiVersion: scalarOf(list, "apiVersion"), kind: itemKind}
		if item.Kind != yamlv3.MappingNode {
			return errUnusual
		}
		if kind := scalarOf(item, "kind"); kind != "" {
			o.apiVersion, o.kind = scalarOf(item, "apiVersion"), kind
		}
		if newObject(o.apiVersion, o.kind) != nil {
			var err error
			if o.data, err = appendJSON(nil, item, 0); err != nil {
				return err
			}
		}
		objects = append(objects, o)
	}
	var failed error
	for _, o := range objects {
		if r.full {
			break
		}
		if err := r.addObject(name, o.apiVersion, o.kind, o.data, true); err != nil {
			failed = err
		}
	}
	return failed
}

// valueOf is the value of a key of a mapping; nil where it has none.
func valueOf(mapping *yamlv3.Node, key string) *yamlv3.Node {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key && mapping.Content[i].Kind == yamlv3.ScalarNode {
			return mapping.Content[i+1]
		}
	}
	return nil
}

func scalarOf(mapping *yamlv3.Node, key string) string {
	if value := valueOf(mapping, key); value != nil && value.Kind == yamlv3.ScalarNode {
		return value.Value
	}
	return ""
}

// appendJSON turns a node into JSON.
func appendJSON(to []byte, n *yamlv3.Node, depth int) ([]byte, error) {
	if depth > MaxNesting {
		return nil, errUnusual
	}
	var err error
	switch n.Kind {
	case yamlv3.MappingNode:
		to = append(to, '{')
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			if tag := key.ShortTag(); key.Kind != yamlv3.ScalarNode || tag != "!!str" && tag != "!!int" && tag != "!!bool" {
				return nil, errUnusual
			}
			if i > 0 {
				to = append(to, ',')
			}
			to = append(appendString(to, key.Value), ':')
			if to, err = appendJSON(to, n.Content[i+1], depth+1); err != nil {
				return nil, err
			}
		}
		return append(to, '}'), nil
	case yamlv3.SequenceNode:
		to = append(to, '[')
		for i, item := range n.Content {
			if i > 0 {
				to = append(to, ',')
			}
			if to, err = appendJSON(to, item, depth+1); err != nil {
				return nil, err
			}
		}
		return append(to, ']'), nil
	case yamlv3.ScalarNode:
		return appendScalar(to, n)
	case yamlv3.AliasNode:
		return appendJSON(to, n.Alias, depth+1)
	case yamlv3.DocumentNode:
	}
	return nil, errUnusual
}

func appendScalar(to []byte, n *yamlv3.Node) ([]byte, error) {
	switch n.ShortTag() {
	case "!!str", "!!timestamp":
		return appendString(to, n.Value), nil
	case "!!null":
		return append(to, "null"...), nil
	case "!!bool":
		var value bool
		if err := n.Decode(&value); err != nil {
			return nil, errUnusual
		}
		return strconv.AppendBool(to, value), nil
	case "!!int":
		if plain(n.Value) {
			return append(to, n.Value...), nil
		}
		var value int64
		if err := n.Decode(&value); err != nil {
			return nil, errUnusual
		}
		return strconv.AppendInt(to, value, 10), nil
	case "!!float":
		var value float64
		if err := n.Decode(&value); err != nil || math.IsInf(value, 0) || math.IsNaN(value) {
			return nil, errUnusual
		}
		return strconv.AppendFloat(to, value, 'g', -1, 64), nil
	}
	return nil, errUnusual
}

// plain says that a number is written as JSON writes it: digits, without a zero before them.
func plain(number string) bool {
	digits := strings.TrimPrefix(number, "-")
	if digits == "" || len(digits) > 18 || len(digits) > 1 && digits[0] == '0' {
		return false
	}
	for i := range len(digits) {
		if digits[i] < '0' || digits[i] > '9' {
			return false
		}
	}
	return true
}

func appendString(to []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			quoted, err := json.Marshal(text)
			if err != nil {
				return append(to, `""`...) // a string is always valid
			}
			return append(to, quoted...)
		}
	}
	to = append(to, '"')
	to = append(to, text...)
	return append(to, '"')
}
