package grammar

import (
	"slices"
	"strings"

	"github.com/3astronautas/algesta"
)

// pastedKubectl is about kubectl's own lines: those that would show or carry secrets, and those that change what nobody has reviewed.
func (p Parser) pastedKubectl(typed []word, line pastedLine) ([]word, error) {
	kind, name := kindAndName(line.rest)
	switch {
	case (line.program == "get" || line.program == "describe") && kind == "Secret":
		return p.pastedSecret(typed, name, line)
	case (line.program == "create" || line.program == "edit" || line.program == "patch") && kind == "Secret":
		return nil, p.carriesSecret(name, line)
	case line.program == "delete" && kind == "Secret":
		return nil, p.deletesSecret(name, line)
	case line.program == "delete" && kind == "Pod" && name != "" && p.has("pod delete"):
		others := line.beside()
		return as(others, "pod", "delete", name), nil
	case line.program == "patch" && kind == "HorizontalPodAutoscaler" && p.has("hpa set"):
		return p.pastedScaler(name, line)
	case line.program == "apply":
		return nil, p.refused(
			algesta.Say("I don't apply manifests: a chat can't show the diff of a file, and teams that deploy manifests have a "+
				"pipeline for that."),
			p.orNewNamespace(
				algesta.Say("Change the manifest where it's kept, or use the command for the one thing that should change: {}.",
					algesta.Or(p.typedOf("deploy", "scale", "restart", "rollback"))),
				"A new namespace with its quota", "",
			),
		)
	case line.program == "label" && kind == "Namespace":
		return nil, p.refused(
			algesta.Say("I don't change the labels of namespaces: policies, quotas and network rules depend on them."),
			p.orNewNamespace(
				algesta.Say("Change them where the namespace is defined, or with kubectl yourself."), "A new namespace with its labels", name,
			),
		)
	case line.program == "config":
		place := optionOf(line.rest, "n", "namespace")
		if place == "" {
			place = "production"
		}
		return nil, p.refused(
			algesta.Say("I don't use your kubeconfig: the environment is part of the command and comes last."),
			algesta.Say("For example: {}", algesta.Name(p.bot.Typed("pods", clip(place)))),
		)
	}
	return typed, nil
}

// orNewNamespace adds to a hint the command that makes a namespace with what a line would give to one.
func (p Parser) orNewNamespace(hint algesta.Text, what, name string) algesta.Text {
	const command = "namespace create"
	if !p.has(command) {
		return hint
	}
	if name == "" {
		name = "<namespace>"
	}
	return hint.Then("{}: {}", what, algesta.Name(p.bot.Typed(command, clip(name), "environment=<environment> team=<team>")))
}

// ofAllPods reads "logs -l app=x" as kubectl does: of all its pods.
func ofAllPods(typed []word, line pastedLine) []word {
	says := func(w word) bool {
		name, _, _ := strings.Cut(strings.TrimLeft(w.text, "-"), "=")
		return !w.quoted && (name == "all" || name == "all-pods")
	}
	if optionOf(line.rest, "l", "selector") == "" || slices.ContainsFunc(line.rest, says) {
		return typed
	}
	return append(slices.Clone(typed), word{text: "--all"})
}

// takeValues are options of kubectl's whose value may be the next word.
var takeValues = []string{"o", "output", "l", "selector", "p", "patch", "type"}

// bareWords are the places of the words that are neither options nor values of those.
func bareWords(typed []word) (at []int) {
	for i := 0; i < len(typed); i++ {
		option, _, hasValue := strings.Cut(strings.TrimLeft(typed[i].text, "-"), "=")
		switch {
		case !strings.HasPrefix(typed[i].text, "-") || typed[i].quoted:
			at = append(at, i)
		case !hasValue && (isEnvironment(option) || slices.Contains(takeValues, option)):
			i++
		}
	}
	return at
}

// beside are the words of the line beside those that name its object, "pod/x" or "pod x". A line that changes something becomes a
// command with every word of it: what the command doesn't know is refused, because kubectl would have done something else.
func (l pastedLine) beside() (others []word) {
	at := bareWords(l.rest)
	if len(at) > 0 && strings.Contains(l.rest[at[0]].bare(), "/") {
		at = at[:1]
	} else {
		at = at[:min(2, len(at))]
	}
	for i, w := range l.rest {
		if !slices.Contains(at, i) {
			others = append(others, w)
		}
	}
	for _, pipe := range l.pipes {
		others = append(append(others, word{text: "|"}), pipe...)
	}
	return others
}

// kindAndName are the kind and the name of "secret x", "secret/x", "secret generic x"; "" for what isn't there or isn't known.
func kindAndName(typed []word) (kind, name string) {
	var bare []string
	for _, at := range bareWords(typed) {
		bare = append(bare, typed[at].bare())
	}
	if len(bare) == 0 {
		return "", ""
	}
	word, name, slashed := strings.Cut(bare[0], "/")
	known, ok := algesta.KindOf(word)
	if !ok {
		return "", ""
	}
	rest := bare[1:]
	if known.Name == "Secret" && len(rest) > 1 && slices.Contains([]string{"generic", "tls", "docker-registry"}, rest[0]) {
		rest = rest[1:]
	}
	if !slashed && len(rest) > 0 {
		name = rest[0]
	}
	return known.Name, name
}

// pastedSecret reads a question about a Secret. What would print its values is refused; its certificate's dates come from the Certificate.
func (p Parser) pastedSecret(typed []word, name string, line pastedLine) ([]word, error) {
	format := optionOf(line.rest, "o", "output")
	shows := format != "" && format != "wide" && format != "name"
	switch {
	case line.pipesTo("openssl") && name != "" && p.has("cert check"):
		return as(line.place(), "cert", "check", name), nil
	case shows || line.pipesTo("base64", "jq", "yq"):
		e := &algesta.Error{
			Kind:    algesta.ErrRefused,
			Message: algesta.Say("I don't show what a Secret holds, in any format: a channel keeps it for everyone who ever joins."),
		}
		e.Hint = algesta.Say("If you may read it, look in the Key Vault or use kubectl on your own machine.")
		if place := optionOf(line.rest, "n", "namespace"); p.has("secrets") && name != "" && place != "" {
			e.Hint = e.Hint.Then(
				"To see whether it's there, its keys and who uses it: {}",
				algesta.Name(p.bot.Typed("secrets", clip(name), clip(place))),
			)
		}
		return nil, e
	case len(line.pipes) > 0:
		return typed[:slices.IndexFunc(typed, func(w word) bool { return w.text == "|" && !w.quoted })], nil
	}
	return typed, nil
}

// carriesSecret refuses to take a value through a chat.
func (p Parser) carriesSecret(name string, line pastedLine) error {
	e := &algesta.Error{
		Kind:    algesta.ErrRefused,
		Message: algesta.Say("I don't create or change Secrets: what they hold doesn't belong in a chat."),
	}
	if slices.ContainsFunc(line.rest, func(w word) bool { return strings.Contains(w.text, "from-literal") }) {
		e.Message = e.Message.Then("If this message had a real value in it, treat it as leaked and change it.")
	}
	e.Hint = algesta.Say("Put the value into the Key Vault, or create the Secret with kubectl on your own machine.")
	if place := optionOf(line.rest, "n", "namespace"); p.has("secrets") && name != "" && place != "" {
		e.Hint = e.Hint.Then("To check that it's there: {}", algesta.Name(p.bot.Typed("secrets", clip(name), clip(place))))
	}
	return e
}

// deletesSecret refuses to take away what pods may need at their next start.
func (p Parser) deletesSecret(name string, line pastedLine) error {
	hint := algesta.Say("Delete it where it's defined, or with kubectl on your own machine.")
	if place := optionOf(line.rest, "n", "namespace"); p.has("secrets") && name != "" && place != "" {
		hint = hint.Then("To see who uses it: {}", algesta.Name(p.bot.Typed("secrets", clip(name), clip(place))))
	}
	return p.refused(algesta.Say("I don't delete Secrets: pods that need one don't start again without it."), hint)
}

// azure refuses a line of the Azure CLI, with what the bot knows of the same question.
func (p Parser) azure(line pastedLine) error {
	typed := joined(line.rest)
	has := func(words ...string) bool {
		return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(" "+typed+" ", " "+w+" ") })
	}
	no := algesta.Say("I don't run az: I have no permissions in Azure, only in the cluster.")
	production := "production"
	switch {
	case has("enable-addons"):
		return p.refused(no, algesta.Say("The cluster's operators change its add-ons, preferably where it's defined as code.").
			Then("To see whether the Key Vault driver is there and what it mounts: {}", algesta.Or(p.typedOf("keyvault "+production))))
	case has("role", "assignment"):
		return p.refused(no, algesta.Say("The subscription's owners assign roles.").
			Then("To see whether image pulls fail because one is missing: {}", algesta.Or(p.typedOf("diagnose "+production))))
	case has("check-acr"):
		return p.refused(
			no,
			algesta.Say("To see whether images can be pulled and what the registry says: {}", algesta.Or(p.typedOf("diagnose "+production))),
		)
	case has("show-tags"), has("repository"):
		return p.refused(no, algesta.Say("A deploy checks the tag in the registry before it changes anything: {}. Which "+
			"versions ran: {}",
			algesta.Or(p.typedOf("deploy <service> <environment> <tag>")), algesta.Or(p.typedOf("history <service> <environment>"))))
	case has("get-credentials"):
		return p.refused(no, algesta.Say("You don't need credentials here: name the environment in the command. {}",
			algesta.Or(p.typedOf("clusters", "status "+production))))
	}
	return p.refused(no, algesta.Say("{} lists what I do.", algesta.Name(p.bot.Typed(helpWord))))
}

func (p Parser) refused(why, hint algesta.Text) error {
	return &algesta.Error{Kind: algesta.ErrRefused, Message: why, Hint: hint}
}

// typedOf are those of these commands that there are, as they are typed.
func (p Parser) typedOf(commands ...string) []algesta.Text {
	var out []algesta.Text
	for _, command := range commands {
		if name, _, _ := strings.Cut(command, " "); p.has(name) {
			out = append(out, algesta.Say("{}", algesta.Name(p.bot.Typed(command))))
		}
	}
	return out
}
