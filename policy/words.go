package policy

import (
	"slices"
	"strings"

	"github.com/3astronautas/algesta"
)

// doing is a verb as it reads after "can't".
func doing(verb string) string {
	switch verb {
	case "rollback":
		return "roll back"
	case algesta.ExecVerb:
		return "run programs in pods"
	case "restart", "scale", "deploy", "pause", "resume", "diagnose", "freeze", "unfreeze", "silence":
		return verb
	case "status", "history", "pods", "logs", "events", "incidents":
		return "see the " + verb
	}
	return "use " + verb
}

// where is "in production".
func where(t algesta.Target) string {
	switch {
	case t.Environment != "":
		return "in " + t.Environment
	case t.Namespace != "":
		return "in " + t.Namespace
	case t.Cluster != "":
		return "on " + t.Cluster
	}
	return "there"
}

// allowed are a role's verbs as they read after "gives you".
func allowed(allow []string) []string {
	words := make([]string, len(allow))
	for i, a := range allow {
		switch a {
		case string(algesta.Read):
			a = "reading"
		case string(algesta.Changes):
			a = "every change"
		}
		words[i] = a
	}
	return words
}

// eitherSubject is "@platform", "@platform or @carla": spans, so that a transport can name them.
func eitherSubject(subjects []algesta.Subject) algesta.Text {
	texts := make([]algesta.Text, len(subjects))
	for i, s := range subjects {
		texts[i] = algesta.Text{algesta.MentionSubject(s)}
	}
	return algesta.Or(texts)
}

// someone is "someone else in @platform or @carla", and the people alone where no group is among them. lead is what comes before a
// group: "Someone", "someone else".
func someone(lead string, subjects []algesta.Subject) algesta.Text {
	if slices.ContainsFunc(subjects, func(s algesta.Subject) bool { return strings.HasPrefix(string(s), "group:") }) {
		return algesta.Say("{} in {}", lead, eitherSubject(subjects))
	}
	if len(subjects) == 0 {
		return algesta.Say("{}", lead)
	}
	return eitherSubject(subjects)
}
