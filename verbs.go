package algesta

// Family groups verbs: a role that allows "read" allows every verb of that family.
type Family string

// The families that every runbook declares itself into.
const (
	Read    Family = "read"
	Changes Family = "change"
	// Operating is what whoever runs the bot asks of it. A role has such a verb only where it names it.
	Operating Family = "operate"
)

// Verbs are the verbs a policy may name, with their families: also those whose runbook is
// not built yet, so that a policy can be written ahead (design.md, decision 10).
func Verbs() map[string]Family {
	return map[string]Family{
		"status": Read, "history": Read, "pods": Read, "diagnose": Read, "logs": Read, "events": Read, "top": Read,
		"describe": Read, "services": Read, "ingress": Read, "cert.check": Read, "hpa": Read, "nodes": Read, "quota": Read,
		"namespaces": Read, "secrets": Read, "audit": Read, "probe": Read, "env": Read, "health": Read, "connect": Read, "clusters": Read,
		"incidents": Read,
		"rollback":  Changes, "restart": Changes, "scale": Changes, "deploy": Changes, "autoscale": Changes,
		"pause": Changes, "resume": Changes, "pod.delete": Changes, "cert.renew": Changes, "namespace.create": Changes,
		"freeze": Changes, "unfreeze": Changes, BreakGlassVerb: Changes, "silence": Changes, ExecVerb: Changes,
		"doctor": Operating,
	}
}
