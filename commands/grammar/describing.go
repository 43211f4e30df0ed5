package grammar

import (
	"slices"
	"strings"

	"github.com/3astronautas/algesta"
)

// describes is the command that shows one object.
const describes = "describe"

// describing turns a question about one object into the command that shows most of it. One about a kind that has a command of its own is
// that command's ("describe ing/web" is "describe ingress web"); "get configmap web", of a kind that no command lists, is "describe
// configmap web". What is neither comes back as it was typed.
func (p Parser) describing(typed []word, line pastedLine) []word {
	if line.program != describes && line.program != "get" || !p.has(describes) {
		return typed
	}
	verb := slices.IndexFunc(typed, func(w word) bool { return strings.EqualFold(w.bare(), line.program) })
	at := verb + 1
	for at < len(typed) && strings.HasPrefix(typed[at].text, "-") && !typed[at].quoted { // "describe -n production pod x"
		name, _, hasValue := strings.Cut(strings.TrimLeft(typed[at].text, "-"), "=")
		if at++; !hasValue && isEnvironment(strings.ToLower(name)) {
			at++
		}
	}
	if at >= len(typed) || typed[at].quoted {
		return typed
	}
	called, name, slashed := strings.Cut(typed[at].bare(), "/")
	kind, known := algesta.KindOf(called)
	if !known {
		return typed
	}
	own := strings.ToLower(kind.Name)
	flags, rest := typed[verb+1:at], typed[at+1:]
	if slashed {
		rest = slices.Concat([]word{{text: name}}, rest)
	}
	names := len(rest) > 0 && !strings.HasPrefix(rest[0].text, "-") && !isIn(strings.ToLower(rest[0].bare()))
	if alias, ok := p.verbs[line.program+" "+own]; ok && kind.ClusterWide && names && strings.ToLower(called) != kind.Resource &&
		slices.Contains(p.book(alias).About.Kinds, kind.Name) { // the name is no environment's
		rest = slices.Concat([]word{{text: own + "/" + rest[0].bare()}}, rest[1:])
		return slices.Concat(typed[:verb], []word{{text: line.program}, {text: own}}, rest, flags)
	}
	if _, ok := p.verbs[describes+" "+own]; ok && line.program == describes {
		return slices.Concat(typed[:verb], []word{{text: describes}, {text: own}}, rest, flags)
	}
	list, isListed := p.verbs["get "+strings.ToLower(called)]
	if isListed && names && len(rest) > 0 && !p.book(list).About.Takes(kind.Name) && saysWhere(typed[at+1:]) {
		isListed = false // "get cm web -n production" names one
	}
	if line.program == "get" && isListed && slashed && (kind.Name == "StatefulSet" || kind.Name == "DaemonSet") { // as "get sts loki"
		return slices.Concat(typed[:verb], []word{{text: "get"}, {text: called}}, rest, flags)
	}
	if line.program == "get" && !isListed && names && slices.Contains(p.book(describes).About.Kinds, kind.Name) &&
		kind.Resource != strings.ToLower(called) {
		return slices.Concat(typed[:verb], []word{{text: describes}, {text: own}}, rest, flags)
	}
	return typed
}

// saysWhere reports whether words behind a name say in which environment it is: an option, "in", or a second word.
func saysWhere(behind []word) bool {
	bare := 0
	for _, w := range behind {
		name, _, _ := strings.Cut(strings.TrimLeft(w.text, "-"), "=")
		switch {
		case strings.HasPrefix(w.text, "-") && isEnvironment(strings.ToLower(name)):
			return true
		case !strings.HasPrefix(w.text, "-"):
			bare++
		}
	}
	return bare > 1
}

// viewers are the programs that show a part of what another prints.
var viewers = []string{"grep", "egrep", "awk", "head", "tail", "less", "more", "sort", "wc", "column", "cat", "uniq", "cut", "tr", "sed"}

// withoutPipes leaves out where the output of a read would go: the answer has all of it, and is as short as it can be. What a log is
// searched for becomes an option of logs.
func (p Parser) withoutPipes(typed []word, line pastedLine) ([]word, pastedLine) {
	if len(line.pipes) == 0 || !slices.Contains([]string{"get", describes, "top", "logs"}, line.program) {
		return typed, line
	}
	for _, pipe := range line.pipes {
		if len(pipe) == 0 || pipe[0].quoted || !slices.Contains(viewers, pipe[0].text) {
			return typed, line
		}
	}
	cut := slices.Clone(typed[:slices.IndexFunc(typed, func(w word) bool { return w.text == "|" && !w.quoted })])
	if pattern := line.pattern(); line.program == "logs" && pattern != "" {
		cut = append(cut, word{text: "--grep"}, word{text: pattern, quoted: true})
	}
	line.pipes = nil
	return cut, line
}
