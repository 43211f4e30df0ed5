package facts

import (
	"regexp"
	"strings"
)

// The kubelet's messages about what a container needs and does not find (pkg/kubelet/kuberuntime and kubelet_pods.go).
var (
	notFound    = regexp.MustCompile(`(?i)\b(secret|configmap)s? "([^"]+)" (?:not found|is (forbidden))`)
	keyNotFound = regexp.MustCompile(`couldn't find key (\S+) in (Secret|ConfigMap) ([^\s/]+)/(\S+)`)
)

// ReadMissing finds the Secret or ConfigMap that a message says a pod can't get. forbidden says that the node isn't let read it; else it
// isn't there. The Ref has no namespace: the message says none. false where it says nothing of the kind.
func ReadMissing(message string) (object Ref, forbidden, found bool) {
	m := notFound.FindStringSubmatch(message)
	if m == nil {
		return Ref{}, false, false
	}
	kind := KindSecret
	if strings.EqualFold(m[1], KindConfigMap) {
		kind = KindConfigMap
	}
	return Ref{Kind: kind, Name: m[2]}, m[3] != "", true
}

// ReadMissingKey finds the key that a message says a Secret or ConfigMap lacks; false where it says nothing of the kind.
func ReadMissingKey(message string) (object Ref, key string, found bool) {
	m := keyNotFound.FindStringSubmatch(message)
	if m == nil {
		return Ref{}, "", false
	}
	return Ref{Kind: m[2], Namespace: m[3], Name: strings.TrimRight(m[4], ".,;")}, m[1], true
}
