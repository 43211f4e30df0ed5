package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/words"
)

var (
	// linkedAddress is the value of the variables NAME_PORT that the kubelet sets for each Service of the namespace (enableServiceLinks).
	linkedAddress = regexp.MustCompile(`\b(?:tcp|udp)://(\d{1,3}(?:\.\d{1,3}){3}):(\d{1,5})\b`)
	// lineBreakWords are those of HTTP libraries about a header that holds a line break: Node.js, Go, Python, Java, .NET.
	lineBreakWords = regexp.MustCompile(
		`(?i)ERR_INVALID_CHAR|invalid character in header|invalid header (?:field )?value|illegal (?:header value|character\(s\) in message ` +
			`header)|header value.{0,40}(?:newline|new-line|line break)|new-line characters are not allowed`,
	)
)

// strangeValue names the variable behind an error, where what it holds explains it: an address that Kubernetes itself set, or a value
// that ends with a line break.
func strangeValue(c *facts.Container, f *Finding, line *facts.LogLine) {
	name := linkedVariable(c, line.Example)
	if name != "" {
		f.What = fmt.Sprintf("Variable %s of %s is an address that Kubernetes sets (enableServiceLinks), and the program reads it as a port",
			name, c.Words())
		f.Key, f.Subject, f.Calls = "variable "+name, c.Owner.Ref, nil
		f.Sure, f.Unsure = Medium, "The program may use another variable of the same value."
		f.show(facts.Evidence{Object: c.Owner.Ref, Field: "spec.template spec.enableServiceLinks", Quote: "not false"}, false)
		f.Remedy = rollbackOr(c, fmt.Sprintf("Set enableServiceLinks to false, or set %s in the template.", name))
		return
	}
	if !lineBreakWords.MatchString(line.Example) {
		return
	}
	for _, env := range c.Spec.Env {
		if env.ValueFrom == nil || env.ValueFrom.SecretKeyRef == nil {
			continue
		}
		ref, key := facts.EnvSource(env, c.Pod.Namespace), env.ValueFrom.SecretKeyRef.Key
		have := c.Snapshot.Contents(ref)
		if have == nil || !slices.Contains(have.EndsInBreak, key) {
			continue
		}
		f.What = fmt.Sprintf("Key %s of %s ends with a line break, which variable %s brings into a header", key, ref.Words(), env.Name)
		f.Key, f.Subject, f.Calls = key, ref, nil
		f.Sure, f.Unsure = Medium, "The line doesn't say which value it is about."
		f.show(facts.Evidence{Object: ref, Field: "data", Quote: "the value of " + key + " ends with a line break"}, false)
		f.Remedy = rollbackOr(c, fmt.Sprintf("Write the value of %s without a line break at its end (printf, or echo -n), then restart.", key))
		return
	}
}

// linkedVariable is the variable NAME_PORT that a line quotes the value of, when nothing in the template sets it; empty where there is
// none.
func linkedVariable(c *facts.Container, line string) string {
	m := linkedAddress.FindStringSubmatch(line)
	if m == nil || c.Pod.Spec.EnableServiceLinks != nil && !*c.Pod.Spec.EnableServiceLinks {
		return ""
	}
	for _, service := range c.Snapshot.Services() {
		if service.Namespace != c.Pod.Namespace || service.Spec.ClusterIP != m[1] {
			continue
		}
		name := strings.ToUpper(strings.ReplaceAll(service.Name, "-", "_")) + "_PORT"
		for _, env := range c.Spec.Env {
			if env.Name == name {
				return ""
			}
		}
		return words.Clip(name, 80)
	}
	return ""
}
