package rules

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/3astronautas/algesta/diagnosis/facts"
)

const certManagerSource = "cert-manager: conditions and status of Certificate, CertificateRequest, Order, Challenge and Issuer; the " +
	"lowest object with a reason is the root"

var certificateRules = []Rule{
	certificateRule(
		"certificate-rate-limit",
		"an Order or Certificate that fails with rateLimited or 429",
		"the certificate authority limits orders per week and host; repeated renewals make it worse",
		"wait for the limit to pass; do not renew by hand",
	),
	certificateRule(
		"certificate-solver-class",
		"a Challenge that is pending while its solver's ingress class does not exist",
		"the issuer's HTTP-01 solver names a class that no controller serves",
		"correct the class in the issuer's solver",
	),
	certificateRule(
		"certificate-challenge",
		"a Challenge that is pending or invalid, with its reason",
		"DNS does not point to the load balancer; HTTP is blocked or redirected; a network policy",
		"make http://HOST/.well-known/acme-challenge/ reach the cluster",
	),
	certificateRule(
		"certificate-order",
		"an Order in state invalid, errored or expired",
		"the certificate authority refused the order",
		"fix what its reason names, then renew",
	),
	certificateRule(
		"certificate-request",
		"a CertificateRequest that failed, was denied or is not valid",
		"the issuer refused it; nobody approved it",
		"fix what its message names, then renew",
	),
	certificateRule(
		"certificate-issuer",
		"the Issuer or ClusterIssuer is missing or not ready",
		"an account that could not be registered, a missing CA Secret, a mistyped name",
		"fix the issuer",
	),
	certificateRule(
		"certificate-secret-shared",
		"two Certificates that write the same Secret",
		"a copy of a Certificate, or an Ingress annotation beside a Certificate",
		"keep one of them",
	),
	certificateRule(
		"certificate-not-ready",
		"Certificate Ready=False with a reason, and nothing below says more",
		"see the message",
		"read the message; renew when its cause is fixed",
	),
	certificateRule(
		"certificate-renewal-late",
		"status.renewalTime passed by more than an hour, or by half of what is left until status.notAfter, although Ready=True",
		"renewing fails, or cert-manager is down",
		"renew it, and look at cert-manager",
	),
}

// certificateRule makes the rules of the family: one walk goes from each Certificate down to the lowest object with a
// reason, and says which of the rules that is.
func certificateRule(id, signal, cause, remedy string) Rule {
	return Rule{
		ID:     id,
		Family: "certificates",
		Class:  ClassCertificate,
		Signal: signal,
		Cause:  cause,
		Remedy: remedy,
		Source: certManagerSource,
		Risk:   id == "certificate-renewal-late",
		snapshot: func(s *facts.Snapshot) []*Finding {
			var found []*Finding
			for _, c := range s.Custom() {
				if !facts.IsCertificate(c) {
					continue
				}
				if kind, f := certificateTrouble(s, c); f != nil && kind == id {
					found = append(found, f)
				}
			}
			return found
		},
	}
}

// Moments is a moment in a field of an object; zero when there is none.
func Moments(o *unstructured.Unstructured, path ...string) time.Time {
	t, err := time.Parse(time.RFC3339, facts.Text(o, path...))
	if err != nil {
		return time.Time{}
	}
	return t
}

// condition is one of an unstructured object's status.conditions.
type condition struct {
	status, reason, message string
	since                   time.Time
}

func conditionOf(o *unstructured.Unstructured, kind string) (condition, bool) {
	list, _, err := unstructured.NestedSlice(o.Object, "status", "conditions")
	if err != nil {
		return condition{}, false
	}
	for _, item := range list {
		fields, ok := item.(map[string]any)
		if !ok || fields["type"] != kind {
			continue
		}
		word := func(key string) string { value, _ := fields[key].(string); return value }
		since, _ := time.Parse(time.RFC3339, word("lastTransitionTime"))
		return condition{word("status"), word("reason"), word("message"), since}, true
	}
	return condition{}, false
}

// owned lists the custom objects of a kind that another one owns.
func owned(s *facts.Snapshot, owner *unstructured.Unstructured, kind string) []*unstructured.Unstructured {
	var found []*unstructured.Unstructured
	for _, o := range s.Custom() {
		if o.GetKind() != kind || o.GetNamespace() != owner.GetNamespace() {
			continue
		}
		for _, ref := range o.GetOwnerReferences() {
			if ref.Kind == owner.GetKind() && ref.Name == owner.GetName() {
				found = append(found, o)
			}
		}
	}
	slices.SortStableFunc(found, func(a, b *unstructured.Unstructured) int {
		return b.GetCreationTimestamp().Compare(a.GetCreationTimestamp().Time) // the newest first
	})
	return found
}

// issuingIsNormal is how long an issuance may take before it counts as stuck.
const issuingIsNormal = 5 * time.Minute

func certificateTrouble(s *facts.Snapshot, c *unstructured.Unstructured) (id string, f *Finding) {
	if other := rival(s, c); other != nil {
		f := certificateFinding(
			s,
			c,
			c,
			fmt.Sprintf("Certificates %s and %s write the same Secret %s", other.GetName(), c.GetName(), facts.Text(c, "spec", "secretName")),
			condition{},
		)
		f.Shown = []facts.Evidence{
			{Object: facts.RefOf(facts.KindCertificate, other), Field: "spec.secretName", Quote: facts.Text(other, "spec", "secretName")},
			{Object: facts.RefOf(facts.KindCertificate, c), Field: "spec.secretName", Quote: facts.Text(c, "spec", "secretName")},
		}
		if ready, ok := conditionOf(c, "Ready"); ok && ready.status != "True" {
			f.show(
				facts.Evidence{
					Object: facts.RefOf(facts.KindCertificate, c),
					Field:  "status.conditions[Ready]",
					Quote:  strings.TrimSuffix(ready.reason+": "+ready.message, ": "),
					At:     facts.Moment(ready.since),
				},
				false,
			)
		}
		f.Remedy = Remedy{Text: "Keep one of them.", Command: fmt.Sprintf("kubectl get certificate -n %s", c.GetNamespace())}
		return "certificate-secret-shared", f
	}
	ready, has := conditionOf(c, "Ready")
	renewal := Moments(c, "status", "renewalTime")
	late := renewsLate(s, c)
	if has && ready.status == "True" && !late {
		return "", nil
	}
	began := facts.Earliest(ready.since, Moments(c, "status", "lastFailureTime"))
	if !has {
		began = c.GetCreationTimestamp().Time
	}
	if s.Age(began) < issuingIsNormal && !late {
		return "", nil
	}
	if id, f := belowTrouble(s, c); f != nil {
		return id, dated(s, c, f)
	}
	if has && ready.status == "True" {
		if renewal.IsZero() {
			renewal = Moments(c, "status", "notAfter")
		}
		f := certificateFinding(
			s,
			c,
			c,
			fmt.Sprintf("Certificate %s should have been renewed %s", c.GetName(), facts.When(renewal)),
			condition{},
		)
		f.Shown = []facts.Evidence{
			{
				Object: facts.RefOf(facts.KindCertificate, c),
				Field:  "status.renewalTime",
				Quote:  facts.Text(c, "status", "renewalTime"),
				At:     facts.Moment(renewal),
			},
		}
		f.Level, f.Since = Latent, renewal
		return "certificate-renewal-late", dated(s, c, f)
	}
	if !has {
		f := certificateFinding(s, c, c, fmt.Sprintf("Certificate %s has no status: cert-manager has not looked at it", c.GetName()), condition{})
		f.Shown, f.Since = []facts.Evidence{
			{Object: facts.RefOf(facts.KindCertificate, c), Field: "status.conditions", Quote: "empty", At: facts.Moment(began)},
		}, began
		f.Remedy = Remedy{
			Text:    "Check whether cert-manager is running, and its log.",
			Command: "kubectl get pods -A -l app.kubernetes.io/name=cert-manager",
		}
		return "certificate-not-ready", dated(s, c, f)
	}
	wording := fmt.Sprintf("Certificate %s is not ready", c.GetName())
	if ready.message != "" {
		wording += ": " + s.Quote(strings.TrimSuffix(ready.message, "."))
	}
	return "certificate-not-ready", dated(s, c, certificateFinding(s, c, c, wording, ready))
}

// renewsLate says that a certificate should have been renewed. One that lasts only hours leaves less time than one of 90 days.
func renewsLate(s *facts.Snapshot, c *unstructured.Unstructured) bool {
	renewal, until := Moments(c, "status", "renewalTime"), Moments(c, "status", "notAfter")
	if renewal.IsZero() {
		return !until.IsZero() && s.Now().After(until)
	}
	patience := time.Hour
	if left := until.Sub(renewal); !until.IsZero() {
		patience = min(patience, max(0, left/2))
	}
	return s.Now().Sub(renewal) > patience
}

// rival is another Certificate of the same Secret that holds it: cert-manager issues one of them only. Only the one that goes
// without is reported, so that there is one finding.
func rival(s *facts.Snapshot, c *unstructured.Unstructured) *unstructured.Unstructured {
	secret := facts.Text(c, "spec", "secretName")
	for _, o := range s.Custom() {
		if secret != "" && o != c && facts.IsCertificate(o) && o.GetNamespace() == c.GetNamespace() &&
			facts.Text(o, "spec", "secretName") == secret && holdsBefore(o, c) {
			return o
		}
	}
	return nil
}

// holdsBefore says which of two Certificates a Secret belongs to: the one that is ready, else the older, else the first by name.
func holdsBefore(a, b *unstructured.Unstructured) bool {
	readyA, _ := conditionOf(a, "Ready")
	readyB, _ := conditionOf(b, "Ready")
	if isA, isB := readyA.status == "True", readyB.status == "True"; isA != isB {
		return isA
	}
	if byAge := a.GetCreationTimestamp().Compare(b.GetCreationTimestamp().Time); byAge != 0 {
		return byAge < 0
	}
	return a.GetName() < b.GetName()
}

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

func certificateFinding(s *facts.Snapshot, c, at *unstructured.Unstructured, what string, why condition) *Finding {
	cert, ref := facts.RefOf(facts.KindCertificate, c), facts.RefOf(at.GetKind(), at)
	f := &Finding{
		Subject: ref, Hits: []facts.Ref{cert}, What: what, Sure: High, Level: Degraded, Since: why.since,
		Remedy: Remedy{
			Text:    "Fix what the reason names, then renew the certificate.",
			Command: fmt.Sprintf("cmctl renew %s -n %s", c.GetName(), c.GetNamespace()),
		},
	}
	f.Calls, f.Beyond = s.CertManagerDown(), []facts.Elsewhere{{Ref: facts.CertManagerController}}
	if why.reason+why.message != "" {
		field := "status"
		if at.GetKind() != "Order" && at.GetKind() != "Challenge" {
			field = "status.conditions"
		}
		f.Shown = []facts.Evidence{
			{Object: ref, Field: field, Quote: strings.TrimSuffix(why.reason+": "+why.message, ": "), At: facts.Moment(why.since)},
		}
	}
	if ref != cert {
		if ready, ok := conditionOf(c, "Ready"); ok {
			f.show(
				facts.Evidence{
					Object: cert,
					Field:  "status.conditions[Ready]",
					Quote:  strings.TrimSuffix(ready.reason+": "+ready.message, ": "),
					At:     facts.Moment(ready.since),
				},
				false,
			)
		}
	}
	return f
}

// dated adds how long the certificate is still valid and when cert-manager tries next: one hour after the first failure,
// doubled each time, at most 32 hours.
func dated(s *facts.Snapshot, c *unstructured.Unstructured, f *Finding) *Finding {
	cert := facts.RefOf(facts.KindCertificate, c)
	if until := Moments(c, "status", "notAfter"); !until.IsZero() {
		wording := "valid until " + facts.When(until)
		if s.Now().After(until) {
			wording = "expired " + facts.When(until)
			f.Level = Outage
			f.What += "; it " + wording
		}
		f.show(facts.Evidence{Object: cert, Field: "status.notAfter", Quote: wording, At: facts.Moment(until)}, false)
	}
	failed := Moments(c, "status", "lastFailureTime")
	tries, _, err := unstructured.NestedInt64(c.Object, "status", "failedIssuanceAttempts")
	if err == nil && !failed.IsZero() && tries > 0 {
		next := failed.Add(min(32*time.Hour, time.Hour<<min(tries-1, 6)))
		f.show(
			facts.Evidence{
				Object: cert,
				Field:  "status.failedIssuanceAttempts",
				Quote:  fmt.Sprintf("%d, next try at %s", tries, next.UTC().Format("2006-01-02 15:04 MST")),
				At:     facts.Moment(failed),
			},
			false,
		)
	}
	return f
}

// beingIssued says that a Certificate for the Secret was asked for just now.
func beingIssued(s *facts.Snapshot, secret facts.Ref) bool {
	return slices.ContainsFunc(s.Custom(), func(c *unstructured.Unstructured) bool {
		if !facts.IsCertificate(c) || c.GetNamespace() != secret.Namespace || facts.Text(c, "spec", "secretName") != secret.Name {
			return false
		}
		issuing, ok := conditionOf(c, "Issuing")
		return ok && issuing.status == "True" && s.Age(issuing.since) < issuingIsNormal
	})
}

// certificateFor says that a Certificate writes the Secret.
func certificateFor(s *facts.Snapshot, secret facts.Ref) bool {
	return slices.ContainsFunc(s.Custom(), func(c *unstructured.Unstructured) bool {
		return facts.IsCertificate(c) && c.GetNamespace() == secret.Namespace && facts.Text(c, "spec", "secretName") == secret.Name
	})
}
