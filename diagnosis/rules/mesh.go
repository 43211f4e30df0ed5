package rules

import (
	"fmt"
	"regexp"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta/diagnosis/facts"
)

var meshRules = []Rule{
	{
		ID:     "mutual-tls-required",
		Family: "services",
		Class:  ClassDependency,
		Signal: "the log of a ready pod without Istio's sidecar says until now that its connections to a Service are reset, and the pods " +
			"behind that have the sidecar; a PeerAuthentication with mode STRICT for them, where one was read",
		Cause:    "mutual TLS became a must, or the caller's namespace or pod isn't in the mesh",
		Remedy:   "put the caller into the mesh, or permit plain text to this workload (PERMISSIVE)",
		Source:   "Istio: PeerAuthentication spec.mtls.mode; a sidecar resets plain text where the mode is STRICT",
		snapshot: mutualTLSRequired,
	},
}

// reset are the words of programs whose connection was ended by the other side at once.
var reset = regexp.MustCompile(`(?i)connection reset|ECONNRESET|socket hang up|\bEOF\b|RemoteDisconnected|Connection aborted|` +
	`prematurely closed|closed the connection|connection was closed|forcibly closed|connection termination|RST_STREAM|` +
	`error reading server preface`)

func mutualTLSRequired(s *facts.Snapshot) []*Finding {
	var found []*Finding
	for _, w := range s.Workloads() {
		if c := s.Listen(w); c != nil {
			if f := demandsMutualTLS(c); f != nil {
				found = append(found, f)
			}
		}
	}
	return found
}

// demandsMutualTLS is what mutualTLSRequired finds for one caller; nil where it finds nothing.
func demandsMutualTLS(c *facts.Container) *Finding {
	if facts.InMesh(c.Pod) {
		return nil
	}
	line, service, ok := c.Refused(reset)
	if !ok {
		return nil
	}
	pods := c.Snapshot.Behind(service)
	at := slices.IndexFunc(pods, func(p *corev1.Pod) bool { return facts.PodReady(p) && facts.InMesh(p) })
	if at < 0 || slices.ContainsFunc(pods, func(p *corev1.Pod) bool { return !facts.InMesh(p) }) {
		return nil
	}
	f := &Finding{
		Subject: c.Owner.Ref, Key: service.Name, Target: service.Name, Effect: FailsReady, Level: Degraded, Sure: Medium,
		Unsure: "Its pods are ready; only the log says that it fails.",
		What:   fmt.Sprintf("%s is called without mutual TLS: %s has no sidecar of the mesh", service.Words(), c.Owner.Ref.Name),
		Shown:  []facts.Evidence{c.LogEvidence(line)},
	}
	policy, strict := c.Snapshot.Strict(pods[at])
	switch {
	case strict:
		f.What = fmt.Sprintf("%s %s (%s) demands mutual TLS for Service %s, and %s has no sidecar", policy.Kind, policy.Name, policy.Namespace,
			service.Name, c.Owner.Ref.Name)
		f.show(facts.Evidence{Object: policy, Field: "spec.mtls.mode", Quote: "STRICT"}, false)
	case len(c.Snapshot.OfKind(facts.KindPeerAuthentication)) > 0:
		return nil // they were read, and none demands it
	default:
		f.Sure, f.Unsure = Low, "I don't read PeerAuthentications; the mode may be PERMISSIVE."
	}
	f.show(facts.Evidence{Object: facts.RefOf(facts.KindPod, pods[at]), Field: "spec.containers", Quote: "istio-proxy"}, false)
	f.Remedy = Remedy{
		Text: "Put the caller into the mesh (istio-injection or istio.io/rev on its namespace, then restart), " +
			"or permit plain text to this workload.",
		Command: fmt.Sprintf("kubectl get peerauthentication -n %s -o yaml", service.Namespace),
	}
	fillContainer(c, f)
	f.Pods, f.State = nil, ""
	return f
}
