package grammar

import (
	"slices"
	"strings"

	"github.com/3astronautas/algesta"
)

// insteadOf says what to do instead of a line that no command does, where it's known what people type it for; nil where it isn't. rest is
// what follows the verb.
func (p Parser) insteadOf(verb string, rest []word) algesta.Text {
	kind, name := kindAndName(rest)
	place := optionOf(rest, "n", "namespace")
	if place == "" {
		place = environmentSlot
	}
	say := func(why string, parts ...string) algesta.Text {
		if !p.has(parts[0]) {
			return nil
		}
		for i := range parts {
			parts[i] = clip(parts[i])
		}
		return algesta.Say(why+" {}", algesta.Name(p.bot.Typed(parts...)))
	}
	switch {
	case verb == describes || verb == "cert": // where there is no such command
		return nil
	case slices.Contains([]string{"cordon", "uncordon", "drain", "taint"}, verb):
		return say("What runs on it, and what would stop a drain:", "nodes", "node/"+nodeOf(rest))
	case verb == "port-forward" || verb == "proxy":
		return say("To see whether it answers:", "health", serviceSlot, place)
	case verb == "helm":
		return say("Which revisions of a service there are, and who made them:", "history", serviceSlot, place)
	case name == "" && kind == "":
		return nil
	}
	return p.insteadOfKind(verb, kind, name, place, say)
}

// insteadOfKind is what to do instead of changing an object by hand.
func (p Parser) insteadOfKind(verb, kind, name, place string, say func(why string, parts ...string) algesta.Text) algesta.Text {
	called := name
	if called == "" {
		called = serviceSlot
	}
	switch kind {
	case "HorizontalPodAutoscaler":
		return algesta.Say("To change its bounds: {}. To keep a number of pods: {}",
			algesta.Name(p.bot.Typed("hpa set", clip(called), clip(place), "min=<pods> max=<pods>")),
			algesta.Name(p.bot.Typed("hpa pin", clip(called), clip(place), "<pods>")))
	case "ResourceQuota":
		hint := algesta.Say("Quotas are changed where they're defined. How full those are that there are: {}",
			algesta.Name(p.bot.Typed("quota", clip(place))))
		if verb == "create" {
			hint = p.orNewNamespace(algesta.Say("{}.", hint), "A new namespace gets one with it", "")
		}
		return hint
	case "Namespace":
		return algesta.Say("Namespaces are changed where they're defined.").Then("{}", say("Which there are:", "namespaces"))
	case "Certificate":
		return say("To renew it now, while the old one stays in use:", "cert renew", called, place)
	case "Node":
		return say("What runs on it:", "nodes", "node/"+called)
	case "Deployment", "StatefulSet", "DaemonSet":
		hint := algesta.Say("Change the manifest where it's kept, or use the command for the one thing that should change: {}.",
			algesta.Or(p.typedOf("deploy", "scale", "restart", "rollback")))
		if verb == "delete" && p.has("scale") {
			hint = algesta.Say("Delete it where it's defined. To stop its pods: {}",
				algesta.Name(p.bot.Typed("scale", clip(called), clip(place), "0")))
		}
		return hint
	case "":
		return nil
	}
	return algesta.Say("Change it where it's defined.")
}

// nodeOf is the node that a line names, or where its name goes.
func nodeOf(rest []word) string {
	name := strings.TrimPrefix(firstBare(rest), "node/")
	if name == "node" || name == "nodes" { // "taint nodes x key=value:NoSchedule"
		name = ""
		if at := bareWords(rest); len(at) > 1 {
			name = rest[at[1]].bare()
		}
	}
	if name == "" {
		return "<node>"
	}
	return name
}
