package grammar

import (
	"cmp"
	"slices"
	"strings"

	"github.com/3astronautas/algesta"
)

// pasted reads a line of a manual that is another program's, or a form of kubectl's that no command has: it's the bot's command for the
// same question, or the error that says why a chat doesn't do it and what to do instead. What is neither comes back as it was typed. The
// bot runs none of these programs, and nothing of their arguments reaches a cluster except what the command that it returns
// declares.
func (p Parser) pasted(typed []word) ([]word, error) {
	typed, watched := p.unshelled(typed)
	if err := p.severalLines(typed); err != nil {
		return nil, err
	}
	again, err := p.pastedLine(typed)
	if err != nil {
		return nil, err
	}
	return p.following(again, watched), nil
}

// pastedLine reads what is left without the shell.
func (p Parser) pastedLine(typed []word) ([]word, error) {
	line := lineOf(typed)
	if _, n := p.verb(typed); n > 1 && line.program != "get" && line.program != "describe" { // a command of its own: "namespace create"
		return p.shapeless(typed, line), nil
	}
	if again, ok := p.providerClass(line); ok {
		return again, nil
	}
	if err := cmp.Or(p.unlistedKind(line), p.severalKinds(line)); err != nil {
		return nil, err
	}
	typed, line = p.withoutPipes(typed, line)
	typed = p.listOfKind(p.shapeless(p.describing(typed, line), line), line)
	switch line.program {
	case "exec", "attach", "debug":
		return p.pastedExec(line)
	case "run":
		return p.pastedRun(line)
	case "curl", "wget":
		return p.pastedCurl(line.rest, line)
	case "openssl":
		return p.pastedHost(line, optionOf(line.rest, "connect"), "I don't run openssl.")
	case "nslookup", "dig", "host":
		return p.pastedHost(line, firstBare(line.rest), "I don't look names up by themselves.")
	case "ping", "traceroute", "tracert":
		return p.pastedHost(line, firstBare(line.rest), "I don't send pings.")
	case "nc", "ncat", "telnet":
		return p.pastedPort(line)
	case "wait":
		return p.pastedWait(typed, line)
	case "version":
		if p.has("clusters") {
			return as(nil, "clusters"), nil
		}
	case "az":
		return nil, p.azure(line)
	case "logs":
		return ofAllPods(typed, line), nil
	case "create", "apply", "label", "config", "get", "describe", "edit", "patch", "delete":
		return p.pastedKubectl(typed, line)
	}
	return typed, nil
}

// pastedLine is a line as a shell takes it: a program, its words, and what its output goes to.
type pastedLine struct {
	program string   // in lower case
	rest    []word   // what follows it, with the options that stood before it
	pipes   [][]word // each command behind a "|"
}

func lineOf(typed []word) pastedLine {
	var parts [][]word
	for _, w := range typed {
		if w.text == "|" && !w.quoted {
			parts = append(parts, nil)
			continue
		}
		if len(parts) == 0 {
			parts = append(parts, nil)
		}
		parts[len(parts)-1] = append(parts[len(parts)-1], w)
	}
	if len(parts) == 0 || len(parts[0]) == 0 {
		return pastedLine{}
	}
	first, n := parts[0], 0
	for n < len(first) && strings.HasPrefix(first[n].text, "-") && !first[n].quoted { // "-n production exec …"
		name, _, hasValue := strings.Cut(strings.TrimLeft(first[n].text, "-"), "=")
		if n++; !hasValue && isEnvironment(strings.ToLower(name)) {
			n++
		}
	}
	if n >= len(first) {
		return pastedLine{}
	}
	return pastedLine{program: strings.ToLower(first[n].bare()), rest: slices.Concat(first[:n], first[n+1:]), pipes: parts[1:]}
}

// optionOf is the value of the first of these options, "" where none of them is there.
func optionOf(typed []word, names ...string) string {
	for i, w := range typed {
		if !strings.HasPrefix(w.text, "-") || w.quoted {
			continue
		}
		name, value, hasValue := strings.Cut(strings.TrimLeft(w.text, "-"), "=")
		switch {
		case !slices.Contains(names, name):
		case hasValue:
			return value
		case i+1 < len(typed):
			return typed[i+1].text
		}
	}
	return ""
}

// place is the environment that kubectl's -n names.
func (l pastedLine) place() []word {
	if place := optionOf(l.rest, "n", "namespace"); place != "" {
		return []word{{text: "-n"}, {text: place}}
	}
	return nil
}

// pipesTo reports whether the output goes to a program.
func (l pastedLine) pipesTo(programs ...string) bool {
	return slices.ContainsFunc(l.pipes, func(pipe []word) bool { return len(pipe) > 0 && slices.Contains(programs, pipe[0].text) })
}

// pattern is what the output is searched for, "" for nothing.
func (l pastedLine) pattern() string {
	for _, pipe := range l.pipes {
		if len(pipe) > 1 && slices.Contains([]string{"grep", "egrep"}, pipe[0].text) {
			return firstBare(pipe[1:])
		}
	}
	return ""
}

// firstBare is the first word that is no option.
func firstBare(typed []word) string {
	for _, w := range typed {
		if w.quoted || !strings.HasPrefix(w.text, "-") {
			return w.text
		}
	}
	return ""
}

// has reports whether there is such a command.
func (p Parser) has(command string) bool { return p.book(command).Name != "" }

// as are the words of a command of the bot's; those that are "" are left out.
func as(place []word, parts ...string) []word {
	var out []word
	for _, part := range parts {
		if part != "" {
			out = append(out, word{text: part})
		}
	}
	return append(out, place...)
}

// pastedExec reads "exec <pod> -n production -- env | grep NODE_ENV": what people run in pods to inspect them.
func (p Parser) pastedExec(line pastedLine) ([]word, error) {
	before, inside := line.rest, []word(nil)
	if at := slices.IndexFunc(line.rest, func(w word) bool { return w.text == "--" && !w.quoted }); at >= 0 {
		before, inside = line.rest[:at], line.rest[at+1:]
	}
	line.rest = before
	target := execTarget(before)
	if len(inside) == 0 || target == "" || line.program != "exec" {
		return nil, p.noShell(target, line)
	}
	container := optionOf(before, "c", "container")
	if container != "" {
		container = "container=" + container
	}
	switch program := strings.ToLower(inside[0].bare()); {
	case (program == "env" || program == "printenv") && p.has("env"):
		pattern := line.pattern()
		if pattern == "" && program == "printenv" && len(inside) > 1 {
			pattern = "^" + inside[1].text + "$"
		}
		if pattern != "" {
			pattern = "grep=" + pattern
		}
		return as(line.place(), "env", target, container, pattern), nil
	case program == "curl" || program == "wget":
		if u := urlOf(inside[1:]); u != nil && isLocal(u.Hostname()) && p.has("health") {
			return as(line.place(), "health", target, pathArg(u), portArg(u)), nil
		}
		return p.pastedCurl(inside[1:], line)
	case slices.Contains([]string{"nc", "ncat", "telnet"}, program) && p.has("connect"):
		if host, port := hostAndPort(inside[1:]); host != "" {
			return as(line.place(), "connect", target, host+":"+port), nil
		}
	}
	return nil, p.noShell(target, line)
}

// execTarget is the pod or workload of "exec -it x -c app": the first word that is no option or its value.
func execTarget(typed []word) string {
	for i := 0; i < len(typed); i++ {
		name, _, hasValue := strings.Cut(strings.TrimLeft(typed[i].text, "-"), "=")
		switch {
		case !strings.HasPrefix(typed[i].text, "-"):
			return typed[i].bare()
		case !hasValue && (isEnvironment(name) || slices.Contains([]string{"c", "container"}, name)):
			i++
		}
	}
	return ""
}

func hostAndPort(typed []word) (host, port string) {
	var bare []string
	for i := 0; i < len(typed); i++ {
		switch {
		case typed[i].text == "-w" || typed[i].text == "-i": // seconds
			i++
		case !strings.HasPrefix(typed[i].text, "-"):
			bare = append(bare, typed[i].bare())
		}
	}
	if len(bare) == 1 {
		host, port, _ = strings.Cut(bare[0], ":")
	} else if len(bare) > 1 {
		host, port = bare[0], bare[1]
	}
	if !digits.MatchString(port) {
		return "", ""
	}
	return host, port
}

// noShell refuses to run a program in a pod, and names the commands that answer the questions people do it for.
func (p Parser) noShell(target string, line pastedLine) error {
	if target == "" {
		target = serviceSlot
	}
	place := optionOf(line.rest, "n", "namespace")
	if place == "" && len(line.rest) == 2 && validName(line.rest[1].bare()) { // "exec api-gateway production"
		place = line.rest[1].bare()
	}
	if place == "" {
		place = environmentSlot
	}
	return p.instead(
		algesta.Say("I don't open shells or run programs in pods: nobody approves what is typed there, and no plan shows what "+
			"it does."),
		[]string{"env", "health", "connect", "logs", "describe"}, target, place,
	)
}

// instead is a refusal that names those of the commands that there are.
func (p Parser) instead(why algesta.Text, commands []string, rest ...string) error {
	e := &algesta.Error{Kind: algesta.ErrRefused, Message: why}
	var there []algesta.Text
	for _, command := range commands {
		if p.has(command) {
			there = append(there, algesta.Say("{}", algesta.Name(p.bot.Typed(append([]string{command}, rest...)...))))
		}
	}
	if len(there) > 0 {
		e.Hint = algesta.Say("Instead: {}", algesta.Or(there))
	}
	return e
}

// pastedRun reads "run debug --image=curlimages/curl … curl http://service/health": a pod that's started to reach a Service from inside.
func (p Parser) pastedRun(line pastedLine) ([]word, error) {
	at := slices.IndexFunc(line.rest, func(w word) bool { return w.text == "curl" || w.text == "wget" })
	if at >= 0 {
		place := pastedLine{rest: line.rest[:at]}
		return p.pastedCurl(line.rest[at+1:], place)
	}
	place := optionOf(line.rest, "n", "namespace")
	if place == "" {
		place = environmentSlot
	}
	return nil, p.instead(
		algesta.Say(
			"I don't start pods by hand: anyone with a shell in one can do whatever a pod can.",
		),
		[]string{"health", "connect"},
		serviceSlot,
		place,
	)
}

// providerClass reads a question about one SecretProviderClass as one about all that pods mount from a vault: a class alone says nothing of
// pods.
func (p Parser) providerClass(line pastedLine) ([]word, bool) {
	if !slices.Contains([]string{"get", "describe", "diagnose"}, line.program) || !p.has("keyvault") {
		return nil, false
	}
	var bare []word
	for i := 0; i < len(line.rest); i++ {
		name, _, hasValue := strings.Cut(strings.TrimLeft(line.rest[i].text, "-"), "=")
		switch {
		case !strings.HasPrefix(line.rest[i].text, "-"):
			bare = append(bare, line.rest[i])
		case !hasValue && (isEnvironment(name) || name == "o" || name == "output"):
			i++
		}
	}
	if len(bare) == 0 {
		return nil, false
	}
	kind, _, _ := strings.Cut(strings.ToLower(bare[0].bare()), "/")
	kind, _, _ = strings.Cut(kind, ".")
	if !strings.HasPrefix(kind, "secretproviderclass") {
		return nil, false
	}
	place := line.place()
	if len(place) == 0 && len(bare) > 1 {
		place = bare[len(bare)-1:]
	}
	return as(place, "keyvault"), true
}
