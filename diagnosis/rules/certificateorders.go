package rules

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/3astronautas/algesta/diagnosis/facts"
)

var overLimit = regexp.MustCompile(`\brateLimited\b|(?i:too many (?:certificates|failed authorizations|new orders))`)

// rateLimited says that the authority limits orders. A number alone says nothing: the URL of an order may hold 429.
func rateLimited(reason string) bool {
	return overLimit.MatchString(reason) || facts.StatesStatus(reason, http.StatusTooManyRequests)
}

// belowTrouble looks for the reason under a Certificate: its issuer, then request, order and challenge, the lowest last.
func belowTrouble(s *facts.Snapshot, c *unstructured.Unstructured) (id string, found *Finding) {
	requests := owned(s, c, "CertificateRequest")
	if f := issuerTrouble(s, c, requests); f != nil {
		return "certificate-issuer", f
	}
	if len(requests) == 0 {
		return "", nil
	}
	request := requests[0]
	ready, _ := conditionOf(request, "Ready")
	if ready.status == "True" {
		return "", nil // the newest request was fulfilled
	}
	for _, order := range owned(s, request, "Order") {
		if id, f := orderTrouble(s, c, order); f != nil {
			return id, f
		}
	}
	for _, kind := range []string{"Denied", "InvalidRequest"} {
		if refused, ok := conditionOf(request, kind); ok && refused.status == "True" {
			return "certificate-request", certificateFinding(
				s,
				c,
				request,
				fmt.Sprintf("CertificateRequest %s was refused (%s)", request.GetName(), kind),
				refused,
			)
		}
	}
	if rateLimited(ready.message) {
		return "certificate-rate-limit", limited(s, c, request, ready)
	}
	if ready.reason == "Failed" || ready.reason == "Denied" {
		return "certificate-request", certificateFinding(
			s,
			c,
			request,
			fmt.Sprintf("CertificateRequest %s has failed: %s", request.GetName(), s.Quote(strings.TrimSuffix(ready.message, "."))),
			ready,
		)
	}
	if approved, ok := conditionOf(
		request,
		"Approved",
	); (!ok || approved.status != "True") && s.Age(request.GetCreationTimestamp().Time) > issuingIsNormal {
		return "certificate-request", certificateFinding(
			s,
			c,
			request,
			fmt.Sprintf("CertificateRequest %s waits for approval", request.GetName()),
			ready,
		)
	}
	return "", nil
}

func limited(s *facts.Snapshot, c, at *unstructured.Unstructured, why condition) *Finding {
	f := certificateFinding(s, c, at, "The certificate authority limits orders for Certificate "+c.GetName(), why)
	f.Remedy = Remedy{
		Text:    "Wait for the limit to pass. Renewing by hand makes it worse.",
		Command: fmt.Sprintf("kubectl describe %s -n %s", facts.RefOf(at.GetKind(), at), at.GetNamespace()),
	}
	return f
}

func orderTrouble(s *facts.Snapshot, c, order *unstructured.Unstructured) (id string, f *Finding) {
	state, reason := facts.Text(order, "status", "state"), facts.Text(order, "status", "reason")
	why := condition{reason: state, message: reason, since: Moments(order, "status", "failureTime")}
	if rateLimited(reason) {
		return "certificate-rate-limit", limited(s, c, order, why)
	}
	for _, challenge := range owned(s, order, "Challenge") {
		if id, f := challengeTrouble(s, c, challenge); f != nil {
			return id, f
		}
	}
	switch state {
	case "invalid", "errored", "expired":
		f := certificateFinding(s, c, order, fmt.Sprintf("Order %s of Certificate %s is %s", order.GetName(), c.GetName(), state), why)
		if reason == "" { // cert-manager does not keep why the authority refused it
			f.Remedy = Remedy{
				Text:    "Check what the authority said about it, fix that, then renew the certificate.",
				Command: fmt.Sprintf("kubectl get %s -n %s -o jsonpath='{.status.url}'", facts.RefOf(order.GetKind(), order), order.GetNamespace()),
			}
		}
		return "certificate-order", f
	}
	return "", nil
}

func challengeTrouble(s *facts.Snapshot, c, challenge *unstructured.Unstructured) (id string, f *Finding) {
	state, reason, host := facts.Text(
		challenge,
		"status",
		"state",
	), facts.Text(challenge, "status", "reason"), facts.Text(challenge, "spec", "dnsName")
	if state == "valid" {
		return "", nil
	}
	why := condition{reason: state, message: reason, since: challenge.GetCreationTimestamp().Time}
	for _, field := range []string{"ingressClassName", "class"} {
		class := facts.Text(challenge, "spec", "solver", "http01", "ingress", field)
		if class == "" || !s.Knows("ingressclasses", "") || len(s.IngressClasses()) == 0 || hasClass(s, class) {
			continue
		}
		f := certificateFinding(
			s,
			c,
			challenge,
			fmt.Sprintf("The solver of Certificate %s uses ingress class %s, which does not exist", c.GetName(), class),
			why,
		)
		f.show(
			facts.Evidence{Object: facts.RefOf(challenge.GetKind(), challenge), Field: "spec.solver.http01.ingress." + field, Quote: class},
			false,
		)
		f.Remedy = Remedy{Text: "Correct the ingress class in the solver of the issuer.", Command: "kubectl edit " + kubectl(issuerOf(c))}
		return "certificate-solver-class", f
	}
	if state == "" && reason == "" {
		return queued(s, c, challenge)
	}
	wording := fmt.Sprintf("The challenge for %s cannot be answered", host)
	if reason != "" {
		wording += ": " + s.Quote(strings.TrimSuffix(reason, "."))
	}
	f = certificateFinding(s, c, challenge, wording, why)
	f.Remedy = Remedy{
		Text:    fmt.Sprintf("Make http://%s/.well-known/acme-challenge/ reach the cluster: DNS, firewall, redirects.", host),
		Command: fmt.Sprintf("kubectl describe challenge %s -n %s", challenge.GetName(), challenge.GetNamespace()),
	}
	return "certificate-challenge", f
}

// queued is about a challenge that cert-manager has not begun with: it has one at a time for a name.
func queued(s *facts.Snapshot, c, challenge *unstructured.Unstructured) (id string, f *Finding) {
	for _, o := range s.Custom() {
		busy, _, err := unstructured.NestedBool(o.Object, "status", "processing")
		if o.GetKind() != "Challenge" || err != nil || !busy || facts.Text(o, "spec", "dnsName") != facts.Text(challenge, "spec", "dnsName") ||
			facts.Text(o, "spec", "type") != facts.Text(challenge, "spec", "type") {
			continue
		}
		f := certificateFinding(
			s,
			c,
			challenge,
			fmt.Sprintf("The challenge for %s waits for another one of the same name, %s", facts.Text(challenge, "spec", "dnsName"), o.GetName()),
			condition{},
		)
		f.Since = challenge.GetCreationTimestamp().Time
		f.show(
			facts.Evidence{
				Object: facts.RefOf(o.GetKind(), o),
				Field:  "status",
				Quote:  strings.TrimSuffix(facts.Text(o, "status", "state")+": "+facts.Text(o, "status", "reason"), ": "),
			},
			false,
		)
		f.Remedy = Remedy{
			Text:    "Fix what blocks the other one, or delete its Certificate.",
			Command: fmt.Sprintf("kubectl describe challenge %s -n %s", o.GetName(), o.GetNamespace()),
		}
		return "certificate-challenge", f
	}
	return "", nil
}
