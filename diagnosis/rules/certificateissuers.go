package rules

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/3astronautas/algesta/diagnosis/facts"
)

func hasClass(s *facts.Snapshot, name string) bool {
	for _, c := range s.IngressClasses() {
		if c.Name == name {
			return true
		}
	}
	return false
}

// issuerOf is what a Certificate names as its issuer.
func issuerOf(c *unstructured.Unstructured) facts.Ref {
	if facts.Text(c, "spec", "issuerRef", "kind") == "ClusterIssuer" {
		return facts.Ref{Kind: "ClusterIssuer", Namespace: "", Name: facts.Text(c, "spec", "issuerRef", "name")}
	}
	return facts.Ref{Kind: "Issuer", Namespace: c.GetNamespace(), Name: facts.Text(c, "spec", "issuerRef", "name")}
}

// kubectl is how kubectl names an object that may be of the whole cluster.
func kubectl(r facts.Ref) string {
	wording := strings.ToLower(r.Kind) + " " + r.Name
	if r.Namespace != "" {
		wording += " -n " + r.Namespace
	}
	return wording
}

func issuerTrouble(s *facts.Snapshot, c *unstructured.Unstructured, requests []*unstructured.Unstructured) *Finding {
	if group := facts.Text(c, "spec", "issuerRef", "group"); group != "" && group != "cert-manager.io" {
		return nil
	}
	issuer, resource := issuerOf(c), "clusterissuers"
	if issuer.Namespace != "" {
		resource = "issuers"
	}
	var missed *condition
	if len(requests) > 0 {
		if ready, ok := conditionOf(
			requests[0],
			"Ready",
		); ok && ready.status != "True" && strings.HasPrefix(ready.message, fmt.Sprintf("Referenced %q not found:", issuer.Kind)) {
			missed = &ready
		}
	}
	seen := false
	for _, o := range s.Custom() {
		seen = seen || o.GetKind() == issuer.Kind
		if o.GetKind() != issuer.Kind || o.GetName() != issuer.Name || o.GetNamespace() != issuer.Namespace {
			continue
		}
		ready, ok := conditionOf(o, "Ready")
		if !ok || ready.status == "True" {
			return nil
		}
		f := certificateFinding(
			s,
			c,
			o,
			fmt.Sprintf("%s %s is not ready: %s", issuer.Kind, issuer.Name, s.Quote(strings.TrimSuffix(ready.message, "."))),
			ready,
		)
		f.Remedy = Remedy{Text: issuerRemedy(o, ready), Command: "kubectl describe " + kubectl(issuer)}
		return f
	}
	if missed == nil && (!seen || !s.Knows(resource, issuer.Namespace)) {
		return nil // no issuer at all more likely means that they weren't read
	}
	f := certificateFinding(s, c, c, fmt.Sprintf("%s %s does not exist", issuer.Kind, issuer.Name), condition{})
	f.Subject = issuer
	f.Shown = []facts.Evidence{
		{Object: facts.RefOf(facts.KindCertificate, c), Field: "spec.issuerRef", Quote: issuer.Kind + " " + issuer.Name},
	}
	if missed != nil {
		f.show(
			facts.Evidence{
				Object: facts.RefOf(requests[0].GetKind(), requests[0]),
				Field:  "status.conditions[Ready]",
				Quote:  missed.message,
				At:     facts.Moment(missed.since),
			},
			false,
		)
		f.Since = missed.since
	}
	f.Remedy = Remedy{Text: "Create the issuer, or correct its name.", Command: "kubectl get issuers,clusterissuers -n " + c.GetNamespace()}
	return f
}

// issuerRemedy says what an issuer needs that is not ready.
func issuerRemedy(issuer *unstructured.Unstructured, ready condition) string {
	if secret := facts.Text(
		issuer,
		"spec",
		"ca",
		"secretName",
	); secret != "" && (ready.reason == "ErrGetKeyPair" || ready.reason == "ErrInvalidKeyPair") {
		return fmt.Sprintf("Put the certificate and the key of an authority into Secret %s, which the issuer names.", secret)
	}
	if ready.reason == "ErrRegisterACMEAccount" {
		return "Fix what keeps cert-manager from reaching the ACME server: its address in the issuer, the network, or what the " +
			"server says."
	}
	return "Fix the issuer."
}
