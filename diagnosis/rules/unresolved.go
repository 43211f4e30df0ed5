package rules

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/words"
)

// resolverSays tells of a name that CoreDNS itself gets no answer for: its own log says whom it asked. ok is false where it says nothing.
func resolverSays(c *facts.Container, f *Finding, host string) (ok bool) {
	said, ok := c.Snapshot.Unanswered(host)
	if !ok {
		return false
	}
	var what, fix string
	source := facts.ClusterDNS
	switch {
	case said.Upstream != "" && strings.Contains(said.Why, "timeout"):
		what = fmt.Sprintf("CoreDNS gets no answer from %s", said.Upstream)
		fix = fmt.Sprintf("See why %s doesn't answer (a firewall, a route, a server that is down)", said.Upstream)
	case said.Upstream != "" && strings.Contains(said.Why, "refused"):
		what = fmt.Sprintf("%s refuses CoreDNS' questions", said.Upstream)
		fix = fmt.Sprintf("See why nothing listens on %s", said.Upstream)
	default:
		what = fmt.Sprintf("CoreDNS cannot resolve names: %s", words.Cited(facts.Short(said.Why, leastReason)))
		fix = "Fix what CoreDNS' log names"
	}
	if zone := strings.TrimSuffix(said.Forward.Zone, "."); said.Forward.Source != (facts.Ref{}) {
		source = said.Forward.Source
		if zone != "" {
			what += ", to which it forwards " + zone
		} else {
			what += ", to which it forwards what isn't in the cluster"
		}
		fix += ", or correct the forward in " + source.Words()
	}
	f.What, f.Subject, f.Calls, f.Target = what, source, nil, source.Name
	if len(what)+len(host) < mostCause {
		f.What += fmt.Sprintf(", so %s cannot be resolved", host)
	}
	f.several = joint{what: what}
	f.show(said.Container.LogEvidence(said.Line), false)
	f.Remedy = Remedy{
		Text: fix + ".",
		Command: fmt.Sprintf("kubectl logs %s -c %s -n %s", said.Container.Pod.Name, said.Container.Spec.Name,
			said.Container.Pod.Namespace),
	}
	if source.Kind == facts.KindConfigMap {
		f.Remedy.Command = fmt.Sprintf("kubectl edit %s -n %s", source, source.Namespace)
	}
	f.several.remedy = f.Remedy
	return true
}

// aliasUnresolved tells of a Service that only stands for another name, where that one isn't found. ok is false of any other.
func aliasUnresolved(s *facts.Snapshot, f *Finding, ref facts.Ref) (ok bool) {
	service := s.Service(ref)
	if service == nil || service.Spec.Type != corev1.ServiceTypeExternalName || service.Spec.ExternalName == "" {
		return false
	}
	target := service.Spec.ExternalName
	f.What = fmt.Sprintf("%s stands for %s, which cannot be resolved", ref.Words(), target)
	if missing, ok := s.Absent(target, ref.Namespace); ok && strings.Contains(target, ".") {
		f.What += fmt.Sprintf(": there is no Service %s in namespace %s", missing.Name, missing.Namespace)
	} else if meant := domainMeant(target); meant != "" {
		f.What += fmt.Sprintf(" (does it end with %s?)", meant)
	}
	f.Subject, f.Target, f.Calls = ref, ref.Name, []facts.Ref{ref}
	f.show(facts.Evidence{Object: ref, Field: "spec.externalName", Quote: target}, false)
	f.Remedy = Remedy{
		Text:    "Correct spec.externalName of " + ref.Words() + ".",
		Command: fmt.Sprintf("kubectl edit service %s -n %s", ref.Name, ref.Namespace),
	}
	return true
}

// knownDomains are the ends of names under which clouds give databases, caches, queues and the like their addresses.
var knownDomains = []string{
	"database.azure.com", "database.windows.net", "redis.cache.windows.net", "redis.azure.net", "servicebus.windows.net",
	"blob.core.windows.net", "queue.core.windows.net", "table.core.windows.net", "file.core.windows.net", "vault.azure.net",
	"documents.azure.com", "mongo.cosmos.azure.com", "cassandra.cosmos.azure.com", "search.windows.net", "azurecr.io", "azurewebsites.net",
	"rds.amazonaws.com", "cache.amazonaws.com", "amazonaws.com", "mongodb.net", "googleapis.com", "cloudapp.azure.com", "openai.azure.com",
	"svc.cluster.local", "cluster.local",
}

// lastLabels are ends of names that are no top-level domain, and what is most likely meant.
var lastLabels = map[string]string{
	"con": "com", "cmo": "com", "ocm": "com", "comm": "com", "vom": "com", "xom": "com", "nte": "net", "ent": "net", "nett": "net",
	"ogr": "org", "lcoal": "local", "locla": "local", "loca": "local",
}

// domainMeant is the end of the name that somebody who wrote a host most likely meant, by how known names end; empty where it ends well, or
// as none that is known.
func domainMeant(host string) string {
	labels := strings.Split(strings.TrimSuffix(strings.ToLower(host), "."), ".")
	for _, known := range knownDomains {
		n := strings.Count(known, ".") + 1
		if len(labels) <= n {
			continue
		}
		end := strings.Join(labels[len(labels)-n:], ".")
		if end == known {
			return ""
		}
		if nearlySame(end, known) {
			return fromDifference(end, known)
		}
	}
	if last, ok := lastLabels[labels[len(labels)-1]]; ok && len(labels) > 1 {
		return labels[len(labels)-2] + "." + last
	}
	return ""
}

// fromDifference is the end of a name from the label on in which another differs from it, two labels at least.
func fromDifference(other, name string) string {
	labels, others := strings.Split(name, "."), strings.Split(other, ".")
	for i := range labels {
		if labels[i] != others[i] {
			return strings.Join(labels[max(0, min(i, len(labels)-2)):], ".")
		}
	}
	return name
}

// nearlySame says that two texts differ in one place, by two letters at most.
func nearlySame(a, b string) bool {
	for a != "" && b != "" && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for a != "" && b != "" && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	return max(len(a), len(b)) <= 2
}
