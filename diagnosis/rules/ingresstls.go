package rules

import (
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/words"
)

func ingressTLSSecret(s *facts.Snapshot) []*Finding {
	var found []*Finding
	for _, i := range s.Ingresses() {
		for _, tls := range i.Spec.TLS {
			secret := facts.Ref{Kind: facts.KindSecret, Namespace: i.Namespace, Name: tls.SecretName}
			have := s.Contents(secret)
			if tls.SecretName == "" || have == nil && !s.Lacks(secret) {
				continue
			}
			var wording string
			switch {
			case have == nil && beingIssued(s, secret):
				continue
			case have == nil:
				wording = "does not exist"
			case !have.Known:
				continue
			case have.Kind != "" && have.Kind != corev1.SecretTypeTLS:
				wording = fmt.Sprintf("is of type %s, not kubernetes.io/tls", have.Kind)
			case !have.Names[corev1.TLSCertKey] || !have.Names[corev1.TLSPrivateKeyKey]:
				wording = "lacks tls.crt or tls.key"
			case have.BadPair:
				wording = "holds no valid certificate"
			default:
				continue
			}
			ref := facts.RefOf(facts.KindIngress, i)
			f := &Finding{
				Subject: ref, Key: tls.SecretName, Hits: []facts.Ref{secret}, Sure: High, Level: Degraded,
				What: fmt.Sprintf(
					"TLS Secret %s of Ingress %s %s, so %s shows a certificate that browsers reject",
					tls.SecretName,
					i.Name,
					wording,
					hostsWords(tls.Hosts),
				),
				Shown:  []facts.Evidence{{Object: ref, Field: "spec.tls[].secretName", Quote: tls.SecretName + " " + wording}},
				Remedy: Remedy{Text: "Have the certificate issued again.", Command: fmt.Sprintf("kubectl describe certificate -n %s", i.Namespace)},
			}
			if s.Knows("certificates", i.Namespace) && !certificateFor(s, secret) {
				issuer := i.Annotations["cert-manager.io/cluster-issuer"] + i.Annotations["cert-manager.io/issuer"]
				quote := "no Certificate writes this Secret"
				if issuer == "" {
					quote += ", and the Ingress has no annotation cert-manager.io/cluster-issuer"
				}
				f.show(facts.Evidence{Object: secret, Field: "certificates", Quote: quote}, false)
				if meant := mistypedIssuer(i.Annotations); issuer == "" && meant != "" {
					f.show(facts.Evidence{Object: ref, Field: "metadata.annotations", Quote: meant + ", which cert-manager does not know"}, false)
					f.Remedy = Remedy{
						Text:    "Correct the annotation to cert-manager.io/cluster-issuer or cert-manager.io/issuer.",
						Command: fmt.Sprintf("kubectl edit ingress %s -n %s", i.Name, i.Namespace),
					}
				}
			}
			found = append(found, f)
		}
	}
	return found
}

// solves says that cert-manager made the Ingress while it proves control of a name; the challenge shows the progress.
func solves(i *networkingv1.Ingress) bool {
	return i.Labels["acme.cert-manager.io/http01-solver"] == "true"
}

// mistypedIssuer is an annotation that was meant to name an issuer; empty when there is none.
func mistypedIssuer(annotations map[string]string) string {
	for _, key := range slices.Sorted(maps.Keys(annotations)) {
		if words.Nearest(key, []string{"cert-manager.io/cluster-issuer", "cert-manager.io/issuer", "certmanager.k8s.io/cluster-issuer"}) != "" {
			return key
		}
	}
	return ""
}

func hostsWords(hosts []string) string {
	if len(hosts) == 0 {
		return "it"
	}
	return words.Few(slices.Compact(slices.Clone(hosts)), 4)
}

func ingressHostCertificate(s *facts.Snapshot) []*Finding {
	var found []*Finding
	for _, i := range s.Ingresses() {
		for _, tls := range i.Spec.TLS {
			have := s.Contents(facts.Ref{Kind: facts.KindSecret, Namespace: i.Namespace, Name: tls.SecretName})
			if have == nil || have.Certificate == nil {
				continue
			}
			secret := facts.Ref{Kind: facts.KindSecret, Namespace: i.Namespace, Name: tls.SecretName}
			f := &Finding{
				Subject: facts.RefOf(facts.KindIngress, i), Key: tls.SecretName, Hits: []facts.Ref{secret}, Sure: High, Level: Outage,
				Remedy: Remedy{
					Text:    "Issue the certificate again for every host.",
					Command: fmt.Sprintf("cmctl renew %s -n %s", tls.SecretName, i.Namespace),
				},
			}
			if s.Now().After(have.Certificate.NotAfter) {
				f.What = fmt.Sprintf("The certificate of %s expired %s", hostsWords(tls.Hosts), facts.When(have.Certificate.NotAfter))
				f.Since = have.Certificate.NotAfter
				f.Shown = []facts.Evidence{
					{
						Object: secret,
						Field:  "tls.crt notAfter",
						Quote:  have.Certificate.NotAfter.UTC().Format(time.RFC3339),
						At:     facts.Moment(have.Certificate.NotAfter),
					},
				}
				found = append(found, f)
				continue
			}
			for _, host := range tls.Hosts {
				if have.Certificate.VerifyHostname(host) == nil {
					continue
				}
				f.What = fmt.Sprintf("The certificate in Secret %s does not cover %s", tls.SecretName, host)
				f.Shown = []facts.Evidence{{Object: secret, Field: "tls.crt", Quote: "it covers " + words.Few(have.Certificate.DNSNames, 4)}}
				found = append(found, f)
				break
			}
		}
	}
	return found
}
