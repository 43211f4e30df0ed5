package rules

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta/diagnosis/facts"
)

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
