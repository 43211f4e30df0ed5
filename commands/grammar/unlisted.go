package grammar

import (
	"strings"

	"github.com/3astronautas/algesta"
)

// unlisted are kinds of Kubernetes and of cert-manager that no command shows, by the words that kubectl has for them, and the command that
// answers what people look at them for; "" where none does. A word that may well be a service's name ("roles", "gateway") isn't here.
var unlisted = map[string]struct{ plural, instead string }{
	"serviceaccount": {"ServiceAccounts", "clusters"}, "sa": {"ServiceAccounts", "clusters"},
	"rolebinding": {"RoleBindings", canIWord}, "clusterrole": {"ClusterRoles", canIWord},
	"clusterrolebinding": {"ClusterRoleBindings", canIWord},
	"networkpolicy":      {"NetworkPolicies", "connect"}, "netpol": {"NetworkPolicies", "connect"},
	"persistentvolume": {"PersistentVolumes", "claims"}, "pv": {"PersistentVolumes", "claims"},
	"storageclass": {"StorageClasses", "claims"}, "sc": {"StorageClasses", "claims"},
	"limitrange":    {"LimitRanges", "quota"},
	"clusterissuer": {"ClusterIssuers", "certs"}, "issuer": {"Issuers", "certs"}, "certificaterequest": {"CertificateRequests", "certs"},
	"ingressclass": {"IngressClasses", "ingress"}, "componentstatus": {"ComponentStatuses", "clusters"},
	"replicationcontroller": {"ReplicationControllers", "deployments"}, "rc": {"ReplicationControllers", "deployments"},
	"priorityclass":            {"PriorityClasses", ""},
	"customresourcedefinition": {"CustomResourceDefinitions", ""}, "crd": {"CustomResourceDefinitions", ""},
}

// unlistedKind is the answer to "get clusterissuer": no service is meant by it. nil where the line names no such kind.
func (p Parser) unlistedKind(line pastedLine) error {
	if line.program != "get" && line.program != describes {
		return nil
	}
	at := bareWords(line.rest)
	if len(at) == 0 {
		return nil
	}
	called, _, _ := strings.Cut(strings.ToLower(line.rest[at[0]].bare()), "/")
	called, _, _ = strings.Cut(called, ".")
	kind, known := unlisted[called]
	if !known {
		kind, known = unlisted[singular(called)]
	}
	if _, own := p.verbs[line.program+" "+called]; !known || own {
		return nil
	}
	e := &algesta.Error{Kind: algesta.ErrUsage, Message: algesta.Say("I can't show {} yet.", kind.plural)}
	place := optionOf(line.rest, "n", "namespace")
	if place == "" {
		place = environmentSlot
	}
	switch book := p.book(kind.instead); {
	case kind.instead == canIWord:
		e.Hint = algesta.Say("Who may do something through me: {}", algesta.Name(p.bot.Typed("who can <command>", serviceSlot, clip(place))))
	case book.Name == "":
		e.Hint = algesta.Say("{} lists what I can do.", algesta.Name(p.bot.Typed(helpWord)))
	case !book.About.Placed():
		e.Hint = algesta.Say("What I know about it: {}", algesta.Name(p.bot.Typed(book.Name)))
	case book.About.Environment:
		e.Hint = algesta.Say("What I know about it: {}", algesta.Name(p.bot.Typed(book.Name, clip(place))))
	default:
		e.Hint = algesta.Say("What I know about it: {}", algesta.Name(p.bot.Typed(book.Name, serviceSlot, clip(place))))
	}
	return e
}

// singular is a word without the plural's ending.
func singular(word string) string {
	switch {
	case strings.HasSuffix(word, "ies"):
		return strings.TrimSuffix(word, "ies") + "y"
	case strings.HasSuffix(word, "sses"), strings.HasSuffix(word, "uses"):
		return strings.TrimSuffix(word, "es")
	}
	return strings.TrimSuffix(word, "s")
}
