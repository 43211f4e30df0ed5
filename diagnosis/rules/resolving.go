package rules

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/words"
)

// otherResolver says that a pod doesn't ask the cluster's DNS, which alone knows the names of Services; empty where it does.
func otherResolver(p *corev1.Pod) string {
	switch policy := p.Spec.DNSPolicy; {
	case policy == corev1.DNSNone && p.Spec.DNSConfig != nil && len(p.Spec.DNSConfig.Nameservers) > 0:
		return fmt.Sprintf("dnsPolicy None sends its questions to %s", words.Few(p.Spec.DNSConfig.Nameservers, 2))
	case policy == corev1.DNSDefault:
		return "dnsPolicy Default sends its questions to the node's resolver"
	case p.Spec.HostNetwork && (policy == "" || policy == corev1.DNSClusterFirst):
		return "with hostNetwork it asks the node's resolver; dnsPolicy ClusterFirstWithHostNet is needed"
	}
	return ""
}

// corefileAnswers says which part of CoreDNS' configuration answers for the cluster's names itself; empty where none does.
func corefileAnswers(s *facts.Snapshot) (what string, source facts.Ref) {
	for _, name := range []string{"coredns", "coredns-custom"} {
		source = facts.Ref{Kind: facts.KindConfigMap, Namespace: "kube-system", Name: name}
		for _, block := range s.Corefile(source) {
			if !strings.Contains(block, "cluster.local") {
				continue
			}
			switch rcode := rcodeOf(block); {
			case rcode != "" && rcode != "NOERROR":
				return fmt.Sprintf("CoreDNS answers %s for cluster names (a template in %s)", rcode, source.Words()), source
			case strings.HasPrefix(block, "rewrite"), strings.HasPrefix(block, "hosts"):
				return fmt.Sprintf("CoreDNS rewrites cluster names (%s)", source.Words()), source
			}
		}
	}
	return "", facts.Ref{}
}

func rcodeOf(block string) string {
	parts := strings.Fields(block)
	if len(parts) == 0 || parts[0] != "template" {
		return ""
	}
	for i, part := range parts[:len(parts)-1] {
		if part == "rcode" {
			return strings.ToUpper(parts[i+1])
		}
	}
	return ""
}
