package policy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxFile bounds a policy file, in bytes.
const maxFile = 1 << 20

// What a policy file may hold, word for word.
type file struct {
	APIVersion string          `yaml:"apiVersion"`
	Kind       string          `yaml:"kind"`
	Roles      []roleFile      `yaml:"roles"`
	Bindings   []bindingFile   `yaml:"bindings"`
	Approvals  []approvalFile  `yaml:"approvals"`
	Limits     []limitFile     `yaml:"limits"`
	Freezes    []freezeFile    `yaml:"freezes"`
	BreakGlass *breakGlassFile `yaml:"breakGlass"`
	Exec       *execFile       `yaml:"exec"`
}

type roleFile struct {
	Name  string   `yaml:"name"`
	Allow []string `yaml:"allow"`
}

type bindingFile struct {
	Name       string   `yaml:"name"`
	Subjects   []string `yaml:"subjects"`
	Role       string   `yaml:"role"`
	Clusters   []string `yaml:"clusters"`
	Namespaces []string `yaml:"namespaces"`
}

type approvalFile struct {
	Name                string   `yaml:"name"`
	Verbs               []string `yaml:"verbs"`
	Clusters            []string `yaml:"clusters"`
	Namespaces          []string `yaml:"namespaces"`
	Approvers           []string `yaml:"approvers"`
	Count               *int     `yaml:"count"`
	RequesterMayApprove bool     `yaml:"requesterMayApprove"`
	Reason              string   `yaml:"reason"`
	ExpiresAfter        string   `yaml:"expiresAfter"`
}

type limitFile struct {
	Name       string   `yaml:"name"`
	Verbs      []string `yaml:"verbs"`
	Clusters   []string `yaml:"clusters"`
	Namespaces []string `yaml:"namespaces"`
	Require    string   `yaml:"require"`
	Otherwise  string   `yaml:"otherwise"`
}

type freezeFile struct {
	Name       string   `yaml:"name"`
	Verbs      []string `yaml:"verbs"`
	Clusters   []string `yaml:"clusters"`
	Namespaces []string `yaml:"namespaces"`
	From       string   `yaml:"from"`
	To         string   `yaml:"to"`
	Reason     string   `yaml:"reason"`
}

// parse reads the file strictly and keeps its lines for the errors that follow.
func parse(b []byte) (file, *yaml.Node, error) {
	var f file
	if len(b) > maxFile {
		return f, nil, fmt.Errorf("the policy has %d bytes and may have %d: is it the right file?", len(b), maxFile)
	}
	var root yaml.Node
	if err := yaml.Unmarshal(b, &root); err != nil {
		return f, nil, plain(err)
	}
	if len(root.Content) == 0 {
		return f, nil, errors.New("the policy is empty: without a rule everything is refused, so write at least roles and bindings")
	}
	dec := yaml.NewDecoder(bytes.NewReader(b))
	dec.KnownFields(true)
	if err := dec.Decode(&f); err != nil {
		return f, nil, plain(err)
	}
	if err := dec.Decode(&yaml.Node{}); !errors.Is(err, io.EOF) {
		return f, nil, errors.New("the policy has more than one YAML document: put everything into the first")
	}
	return f, root.Content[0], nil
}

var (
	unknownKey = regexp.MustCompile(`field (\S+) not found in type policy\.(\w+?)(File|file)?$`)
	goType     = regexp.MustCompile(` into (\S+)$`)
)

// plain says in words what the YAML library found, one problem a line, with its line.
func plain(err error) error {
	var wrong *yaml.TypeError
	if !errors.As(err, &wrong) {
		return errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	problems := make([]error, len(wrong.Errors))
	for i, e := range wrong.Errors {
		if m := unknownKey.FindStringSubmatch(e); m != nil {
			where := "the policy has"
			if m[2] != "" && m[2] != "file" {
				where = map[string]string{
					"role": "roles have", "binding": "bindings have", "approval": "approvals have", "limit": "limits have", "freeze": "freezes have",
					"breakGlass": "breakGlass has", "exec": "exec has", "command": "commands of exec have",
				}[m[2]]
			}
			e = strings.Replace(e, m[0], fmt.Sprintf("%s no key %q: correct or remove it", where, m[1]), 1)
		}
		problems[i] = errors.New(goType.ReplaceAllStringFunc(e, kindName))
	}
	return errors.Join(problems...)
}

// kindName says " into []string" in words.
func kindName(into string) string {
	switch t := strings.TrimPrefix(into, " into "); {
	case strings.HasPrefix(t, "[]"):
		return ", a list is needed here"
	case t == "string":
		return ", a text is needed here"
	case strings.HasSuffix(t, "int"):
		return ", a whole number is needed here"
	case t == "bool":
		return ", true or false is needed here"
	}
	return ", keys and values are needed here"
}

// line is the line of the value at this path, or the nearest one above it; a path is keys and indexes.
func line(n *yaml.Node, path ...any) int {
	at := n.Line
	for _, step := range path {
		n = child(n, step)
		if n == nil {
			return at
		}
		at = n.Line
	}
	return at
}

func child(n *yaml.Node, step any) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	switch s := step.(type) {
	case int:
		if n.Kind == yaml.SequenceNode && s < len(n.Content) {
			return n.Content[s]
		}
	case string:
		for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == s {
				return n.Content[i+1]
			}
		}
	}
	return nil
}

// emptyValues finds keys with nothing in them: whoever wrote one meant something, and silence must not decide what.
func emptyValues(n *yaml.Node) []error {
	if n.Kind == yaml.AliasNode {
		return nil // looked at where it is defined
	}
	var problems []error
	for i, v := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 {
			continue
		}
		empty := v.Kind == yaml.SequenceNode && len(v.Content) == 0 || v.Kind == yaml.ScalarNode && (v.Tag == "!!null" || v.Value == "")
		switch {
		case empty && n.Kind == yaml.MappingNode:
			problems = append(
				problems, fmt.Errorf("line %d: %q is empty: fill it in or leave the key out", n.Content[i-1].Line, n.Content[i-1].Value),
			)
		case empty:
			problems = append(problems, fmt.Errorf("line %d: the list has an empty entry: fill it in or remove it", v.Line))
		default:
			problems = append(problems, emptyValues(v)...)
		}
	}
	return problems
}
