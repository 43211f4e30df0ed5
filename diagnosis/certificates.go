package diagnosis

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/3astronautas/algesta/words"
)

const certManagerSource = "cert-manager: conditions and status of Certificate, CertificateRequest, Order, Challenge and Issuer; the lowest object with a reason is the root"

var certificateRules = []Rule{
	certificateRule("certificate-rate-limit", "an Order or Certificate that fails with rateLimited or 429", "the certificate authority limits orders per week and host; repeated renewals make it worse",
		"wait for the limit to pass; do not renew by hand"),
	certificateRule("certificate-solver-class", "a Challenge that is pending while its solver's ingress class does not exist", "the issuer's HTTP-01 solver names a class that no controller serves", "correct the class in the issuer's solver"),
	certificateRule("certificate-challenge", "a Challenge that is pending or invalid, with its reason", "DNS does not point to the load balancer; HTTP is blocked or redirected; a network policy", "make http://HOST/.well-known/acme-challenge/ reach the cluster"),
	certificateRule("certificate-order", "an Order in state invalid, errored or expired", "the certificate authority refused the order", "mend what its reason names, then renew"),
	certificateRule("certificate-request", "a CertificateRequest that failed, was denied or is not valid", "the issuer refused it; nobody approved it", "mend what its message names, then renew"),
	certificateRule("certificate-issuer", "the Issuer or ClusterIssuer is missing or not ready", "an account that could not be registered, a missing CA Secret, a mistyped name", "mend the issuer"),
	certificateRule("certificate-secret-shared", "two Certificates that write the same Secret", "a copy of a Certificate, or an Ingress annotation beside a Certificate", "keep one of them"),
	certificateRule("certificate-not-ready", "Certificate Ready=False with a reason, and nothing below says more", "see the message", "read the message; renew when its cause is mended"),
	certificateRule("certificate-renewal-late", "status.renewalTime passed by more than an hour, or by half of what is left until status.notAfter, although Ready=True", "renewing fails, or cert-manager is down", "renew it, and look at cert-manager"),
}

// certificateRule makes the rules of the family: one walk goes from each Certificate down to the lowest object with a
// reason, and says which of the rules that is.
func certificateRule(id, signal, cause, remedy string) Rule {
	return Rule{
		ID: id, Family: "certificates", Class: ClassCertificate, Signal: signal, Cause: cause, Remedy: remedy, Source: certManagerSource,
		Risk: id == "certificate-renewal-late",
		snapshot: func(s *Snapshot) []*finding {
			var found []*finding
			for _, c := range s.custom {
				if !isCertificate(c) {
					continue
				}
				if kind, f := s.certificate(c); f != nil && kind == id {
					found = append(found, f)
				}
			}
			return found
		},
	}
}

func isCertificate(c *unstructured.Unstructured) bool {
	return c.GetKind() == KindCertificate && strings.HasPrefix(c.GetAPIVersion(), "cert-manager.io/")
}

// text reads a string field of an unstructured object; empty when it is not there or is something else.
func text(o *unstructured.Unstructured, path ...string) string {
	value, _, err := unstructured.NestedString(o.Object, path...)
	if err != nil {
		return ""
	}
	return value
}

func moments(o *unstructured.Unstructured, path ...string) time.Time {
	t, err := time.Parse(time.RFC3339, text(o, path...))
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
func (s *Snapshot) owned(owner *unstructured.Unstructured, kind string) []*unstructured.Unstructured {
	var found []*unstructured.Unstructured
	for _, o := range s.custom {
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

func (s *Snapshot) certificate(c *unstructured.Unstructured) (id string, f *finding) {
	if other := s.rival(c); other != nil {
		f := s.certificateFinding(c, c, fmt.Sprintf("Certificates %s and %s write the same Secret %s", other.GetName(), c.GetName(), text(c, "spec", "secretName")), condition{})
		f.shown = []Evidence{
			{Object: refOf(KindCertificate, other), Field: "spec.secretName", Quote: text(other, "spec", "secretName")},
			{Object: refOf(KindCertificate, c), Field: "spec.secretName", Quote: text(c, "spec", "secretName")},
		}
		if ready, ok := conditionOf(c, "Ready"); ok && ready.status != "True" {
			f.show(Evidence{Object: refOf(KindCertificate, c), Field: "status.conditions[Ready]", Quote: strings.TrimSuffix(ready.reason+": "+ready.message, ": "), At: moment(ready.since)}, false)
		}
		f.remedy = Remedy{Text: "Keep one of them.", Command: fmt.Sprintf("kubectl get certificate -n %s", c.GetNamespace())}
		return "certificate-secret-shared", f
	}
	ready, has := conditionOf(c, "Ready")
	renewal := moments(c, "status", "renewalTime")
	late := s.renewsLate(c)
	if has && ready.status == "True" && !late {
		return "", nil
	}
	began := earliest(ready.since, moments(c, "status", "lastFailureTime"))
	if !has {
		began = c.GetCreationTimestamp().Time
	}
	if s.age(began) < issuingIsNormal && !late {
		return "", nil
	}
	if id, f := s.below(c); f != nil {
		return id, s.dated(c, f)
	}
	if has && ready.status == "True" {
		if renewal.IsZero() {
			renewal = moments(c, "status", "notAfter")
		}
		f := s.certificateFinding(c, c, fmt.Sprintf("Certificate %s should have been renewed %s ago", c.GetName(), words.Span(s.age(renewal))), condition{})
		f.shown = []Evidence{{Object: refOf(KindCertificate, c), Field: "status.renewalTime", Quote: text(c, "status", "renewalTime"), At: moment(renewal)}}
		f.level, f.since = Latent, renewal
		return "certificate-renewal-late", s.dated(c, f)
	}
	if !has {
		f := s.certificateFinding(c, c, fmt.Sprintf("Certificate %s has no status: cert-manager has not looked at it", c.GetName()), condition{})
		f.shown, f.since = []Evidence{{Object: refOf(KindCertificate, c), Field: "status.conditions", Quote: "empty", At: moment(began)}}, began
		f.remedy = Remedy{Text: "Look whether cert-manager runs, and what its log says.", Command: "kubectl get pods -A -l app.kubernetes.io/name=cert-manager"}
		return "certificate-not-ready", s.dated(c, f)
	}
	wording := fmt.Sprintf("Certificate %s is not ready", c.GetName())
	if ready.message != "" {
		wording += ": " + s.quote(strings.TrimSuffix(ready.message, "."))
	}
	return "certificate-not-ready", s.dated(c, s.certificateFinding(c, c, wording, ready))
}

// renewsLate says that a certificate should have been renewed. One that lasts only hours leaves less time than one of 90 days.
func (s *Snapshot) renewsLate(c *unstructured.Unstructured) bool {
	renewal, until := moments(c, "status", "renewalTime"), moments(c, "status", "notAfter")
	if renewal.IsZero() {
		return !until.IsZero() && s.now.After(until)
	}
	patience := time.Hour
	if left := until.Sub(renewal); !until.IsZero() {
		patience = min(patience, max(0, left/2))
	}
	return s.now.Sub(renewal) > patience
}

// rival is another Certificate of the same Secret that holds it: cert-manager issues one of them only. Only the one that goes
// without is reported, so that there is one finding.
func (s *Snapshot) rival(c *unstructured.Unstructured) *unstructured.Unstructured {
	secret := text(c, "spec", "secretName")
	for _, o := range s.custom {
		if secret != "" && o != c && isCertificate(o) && o.GetNamespace() == c.GetNamespace() && text(o, "spec", "secretName") == secret && holdsBefore(o, c) {
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
	return overLimit.MatchString(reason) || statesOneOf(reason, http.StatusTooManyRequests)
}

// below looks for the reason under a Certificate: its issuer, then request, order and challenge, the lowest last.
func (s *Snapshot) below(c *unstructured.Unstructured) (id string, found *finding) {
	requests := s.owned(c, "CertificateRequest")
	if f := s.issuer(c, requests); f != nil {
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
	for _, order := range s.owned(request, "Order") {
		if id, f := s.order(c, order); f != nil {
			return id, f
		}
	}
	for _, kind := range []string{"Denied", "InvalidRequest"} {
		if refused, ok := conditionOf(request, kind); ok && refused.status == "True" {
			return "certificate-request", s.certificateFinding(c, request, fmt.Sprintf("CertificateRequest %s was refused (%s)", request.GetName(), kind), refused)
		}
	}
	if rateLimited(ready.message) {
		return "certificate-rate-limit", s.limited(c, request, ready)
	}
	if ready.reason == "Failed" || ready.reason == "Denied" {
		return "certificate-request", s.certificateFinding(c, request, fmt.Sprintf("CertificateRequest %s has failed: %s", request.GetName(), s.quote(strings.TrimSuffix(ready.message, "."))), ready)
	}
	if approved, ok := conditionOf(request, "Approved"); (!ok || approved.status != "True") && s.age(request.GetCreationTimestamp().Time) > issuingIsNormal {
		return "certificate-request", s.certificateFinding(c, request, fmt.Sprintf("CertificateRequest %s waits for approval", request.GetName()), ready)
	}
	return "", nil
}

func (s *Snapshot) limited(c, at *unstructured.Unstructured, why condition) *finding {
	f := s.certificateFinding(c, at, "The certificate authority limits orders for Certificate "+c.GetName(), why)
	f.remedy = Remedy{Text: "Wait for the limit to pass. Renewing by hand makes it worse.", Command: fmt.Sprintf("kubectl describe %s -n %s", refOf(at.GetKind(), at), at.GetNamespace())}
	return f
}

func (s *Snapshot) order(c, order *unstructured.Unstructured) (id string, f *finding) {
	state, reason := text(order, "status", "state"), text(order, "status", "reason")
	why := condition{reason: state, message: reason, since: moments(order, "status", "failureTime")}
	if rateLimited(reason) {
		return "certificate-rate-limit", s.limited(c, order, why)
	}
	for _, challenge := range s.owned(order, "Challenge") {
		if id, f := s.challenge(c, challenge); f != nil {
			return id, f
		}
	}
	switch state {
	case "invalid", "errored", "expired":
		f := s.certificateFinding(c, order, fmt.Sprintf("Order %s of Certificate %s is %s", order.GetName(), c.GetName(), state), why)
		if reason == "" { // cert-manager does not keep why the authority refused it
			f.remedy = Remedy{Text: "Look at what the authority said about it, mend that, then renew the certificate.", Command: fmt.Sprintf("kubectl get %s -n %s -o jsonpath='{.status.url}'", refOf(order.GetKind(), order), order.GetNamespace())}
		}
		return "certificate-order", f
	}
	return "", nil
}

func (s *Snapshot) challenge(c, challenge *unstructured.Unstructured) (id string, f *finding) {
	state, reason, host := text(challenge, "status", "state"), text(challenge, "status", "reason"), text(challenge, "spec", "dnsName")
	if state == "valid" {
		return "", nil
	}
	why := condition{reason: state, message: reason, since: challenge.GetCreationTimestamp().Time}
	for _, field := range []string{"ingressClassName", "class"} {
		class := text(challenge, "spec", "solver", "http01", "ingress", field)
		if class == "" || !s.knows("ingressclasses", "") || len(s.classes) == 0 || s.hasClass(class) {
			continue
		}
		f := s.certificateFinding(c, challenge, fmt.Sprintf("The solver of Certificate %s uses ingress class %s, which does not exist", c.GetName(), class), why)
		f.show(Evidence{Object: refOf(challenge.GetKind(), challenge), Field: "spec.solver.http01.ingress." + field, Quote: class}, false)
		f.remedy = Remedy{Text: "Correct the ingress class in the solver of the issuer.", Command: "kubectl edit " + issuerOf(c).inNamespace()}
		return "certificate-solver-class", f
	}
	if state == "" && reason == "" {
		return s.queued(c, challenge)
	}
	wording := fmt.Sprintf("The challenge for %s cannot be answered", host)
	if reason != "" {
		wording += ": " + s.quote(strings.TrimSuffix(reason, "."))
	}
	f = s.certificateFinding(c, challenge, wording, why)
	f.remedy = Remedy{
		Text:    fmt.Sprintf("Make http://%s/.well-known/acme-challenge/ reach the cluster: DNS, firewall, redirects.", host),
		Command: fmt.Sprintf("kubectl describe challenge %s -n %s", challenge.GetName(), challenge.GetNamespace()),
	}
	return "certificate-challenge", f
}

// queued is about a challenge that cert-manager has not begun with: it has one at a time for a name.
func (s *Snapshot) queued(c, challenge *unstructured.Unstructured) (id string, f *finding) {
	for _, o := range s.custom {
		busy, _, err := unstructured.NestedBool(o.Object, "status", "processing")
		if o.GetKind() != "Challenge" || err != nil || !busy || text(o, "spec", "dnsName") != text(challenge, "spec", "dnsName") || text(o, "spec", "type") != text(challenge, "spec", "type") {
			continue
		}
		f := s.certificateFinding(c, challenge, fmt.Sprintf("The challenge for %s waits for another one of the same name, %s", text(challenge, "spec", "dnsName"), o.GetName()), condition{})
		f.since = challenge.GetCreationTimestamp().Time
		f.show(Evidence{Object: refOf(o.GetKind(), o), Field: "status", Quote: strings.TrimSuffix(text(o, "status", "state")+": "+text(o, "status", "reason"), ": ")}, false)
		f.remedy = Remedy{
			Text:    "Mend what holds the other one up, or delete its Certificate.",
			Command: fmt.Sprintf("kubectl describe challenge %s -n %s", o.GetName(), o.GetNamespace()),
		}
		return "certificate-challenge", f
	}
	return "", nil
}

func (s *Snapshot) hasClass(name string) bool {
	for _, c := range s.classes {
		if c.Name == name {
			return true
		}
	}
	return false
}

// issuerOf is what a Certificate names as its issuer.
func issuerOf(c *unstructured.Unstructured) Ref {
	if text(c, "spec", "issuerRef", "kind") == "ClusterIssuer" {
		return Ref{"ClusterIssuer", "", text(c, "spec", "issuerRef", "name")}
	}
	return Ref{"Issuer", c.GetNamespace(), text(c, "spec", "issuerRef", "name")}
}

// inNamespace is how kubectl names an object that may be of the whole cluster.
func (r Ref) inNamespace() string {
	wording := strings.ToLower(r.Kind) + " " + r.Name
	if r.Namespace != "" {
		wording += " -n " + r.Namespace
	}
	return wording
}

func (s *Snapshot) issuer(c *unstructured.Unstructured, requests []*unstructured.Unstructured) *finding {
	if group := text(c, "spec", "issuerRef", "group"); group != "" && group != "cert-manager.io" {
		return nil
	}
	issuer, resource := issuerOf(c), "clusterissuers"
	if issuer.Namespace != "" {
		resource = "issuers"
	}
	var missed *condition
	if len(requests) > 0 {
		if ready, ok := conditionOf(requests[0], "Ready"); ok && ready.status != "True" && strings.HasPrefix(ready.message, fmt.Sprintf("Referenced %q not found:", issuer.Kind)) {
			missed = &ready
		}
	}
	seen := false
	for _, o := range s.custom {
		seen = seen || o.GetKind() == issuer.Kind
		if o.GetKind() != issuer.Kind || o.GetName() != issuer.Name || o.GetNamespace() != issuer.Namespace {
			continue
		}
		ready, ok := conditionOf(o, "Ready")
		if !ok || ready.status == "True" {
			return nil
		}
		f := s.certificateFinding(c, o, fmt.Sprintf("%s %s is not ready: %s", issuer.Kind, issuer.Name, s.quote(strings.TrimSuffix(ready.message, "."))), ready)
		f.remedy = Remedy{Text: issuerRemedy(o, ready), Command: "kubectl describe " + issuer.inNamespace()}
		return f
	}
	if missed == nil && (!seen || !s.knows(resource, issuer.Namespace)) {
		return nil // no issuer at all more likely means that nobody looked
	}
	f := s.certificateFinding(c, c, fmt.Sprintf("%s %s does not exist", issuer.Kind, issuer.Name), condition{})
	f.subject = issuer
	f.shown = []Evidence{{Object: refOf(KindCertificate, c), Field: "spec.issuerRef", Quote: issuer.Kind + " " + issuer.Name}}
	if missed != nil {
		f.show(Evidence{Object: refOf(requests[0].GetKind(), requests[0]), Field: "status.conditions[Ready]", Quote: missed.message, At: moment(missed.since)}, false)
		f.since = missed.since
	}
	f.remedy = Remedy{Text: "Create the issuer, or correct its name.", Command: "kubectl get issuers,clusterissuers -n " + c.GetNamespace()}
	return f
}

// issuerRemedy says what an issuer needs that is not ready.
func issuerRemedy(issuer *unstructured.Unstructured, ready condition) string {
	if secret := text(issuer, "spec", "ca", "secretName"); secret != "" && (ready.reason == "ErrGetKeyPair" || ready.reason == "ErrInvalidKeyPair") {
		return fmt.Sprintf("Put the certificate and the key of an authority into Secret %s, which the issuer names.", secret)
	}
	if ready.reason == "ErrRegisterACMEAccount" {
		return "Mend what keeps cert-manager from the ACME server: its address in the issuer, the network, or what the server says."
	}
	return "Mend the issuer."
}

func (s *Snapshot) certificateFinding(c, at *unstructured.Unstructured, what string, why condition) *finding {
	cert, ref := refOf(KindCertificate, c), refOf(at.GetKind(), at)
	f := &finding{
		subject: ref, hits: []Ref{cert}, what: what, sure: High, level: Degraded, since: why.since,
		remedy: Remedy{
			Text: "Mend what the reason names, then renew the certificate.", Command: fmt.Sprintf("cmctl renew %s -n %s", c.GetName(), c.GetNamespace()),
		},
	}
	f.calls, f.beyond = s.certManagerDown(), []Elsewhere{{Ref: certManagerController}}
	if why.reason+why.message != "" {
		field := "status"
		if at.GetKind() != "Order" && at.GetKind() != "Challenge" {
			field = "status.conditions"
		}
		f.shown = []Evidence{{Object: ref, Field: field, Quote: strings.TrimSuffix(why.reason+": "+why.message, ": "), At: moment(why.since)}}
	}
	if ref != cert {
		if ready, ok := conditionOf(c, "Ready"); ok {
			f.show(Evidence{Object: cert, Field: "status.conditions[Ready]", Quote: strings.TrimSuffix(ready.reason+": "+ready.message, ": "), At: moment(ready.since)}, false)
		}
	}
	return f
}

// dated adds how long the certificate is still valid and when cert-manager tries next: one hour after the first failure,
// doubled each time, at most 32 hours.
func (s *Snapshot) dated(c *unstructured.Unstructured, f *finding) *finding {
	cert := refOf(KindCertificate, c)
	if until := moments(c, "status", "notAfter"); !until.IsZero() {
		wording := "valid for " + words.Span(until.Sub(s.now)) + " more"
		if s.now.After(until) {
			wording = "expired " + words.Span(s.age(until)) + " ago"
			f.level = Outage
			f.what += "; it " + wording
		}
		f.show(Evidence{Object: cert, Field: "status.notAfter", Quote: wording, At: moment(until)}, false)
	}
	failed := moments(c, "status", "lastFailureTime")
	tries, _, err := unstructured.NestedInt64(c.Object, "status", "failedIssuanceAttempts")
	if err == nil && !failed.IsZero() && tries > 0 {
		next := failed.Add(min(32*time.Hour, time.Hour<<min(tries-1, 6)))
		f.show(Evidence{Object: cert, Field: "status.failedIssuanceAttempts", Quote: fmt.Sprintf("%d, next try at %s", tries, next.UTC().Format("2006-01-02 15:04 MST")), At: moment(failed)}, false)
	}
	return f
}

// beingIssued says that a Certificate for the Secret was asked for just now.
func (s *Snapshot) beingIssued(secret Ref) bool {
	return slices.ContainsFunc(s.custom, func(c *unstructured.Unstructured) bool {
		if !isCertificate(c) || c.GetNamespace() != secret.Namespace || text(c, "spec", "secretName") != secret.Name {
			return false
		}
		issuing, ok := conditionOf(c, "Issuing")
		return ok && issuing.status == "True" && s.age(issuing.since) < issuingIsNormal
	})
}

// certificateFor says that a Certificate writes the Secret.
func (s *Snapshot) certificateFor(secret Ref) bool {
	return slices.ContainsFunc(s.custom, func(c *unstructured.Unstructured) bool {
		return isCertificate(c) && c.GetNamespace() == secret.Namespace && text(c, "spec", "secretName") == secret.Name
	})
}
