package diagnosis

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
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
	certificateRule("certificate-renewal-late", "status.renewalTime passed by more than an hour while the certificate is still valid", "renewing fails, or cert-manager is down", "renew it, and look at cert-manager"),
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
		f.remedy = Remedy{Text: "Keep one of them.", Command: fmt.Sprintf("kubectl get certificate -n %s", c.GetNamespace())}
		return "certificate-secret-shared", f
	}
	ready, has := conditionOf(c, "Ready")
	renewal := moments(c, "status", "renewalTime")
	late := !renewal.IsZero() && s.now.Sub(renewal) > time.Hour
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
		f := s.certificateFinding(c, c, fmt.Sprintf("Certificate %s should have been renewed %s ago", c.GetName(), span(s.age(renewal))), condition{})
		f.shown = []Evidence{{Object: refOf(KindCertificate, c), Field: "status.renewalTime", Quote: text(c, "status", "renewalTime"), At: moment(renewal)}}
		f.level, f.since = Latent, renewal
		return "certificate-renewal-late", s.dated(c, f)
	}
	words := fmt.Sprintf("Certificate %s is not ready", c.GetName())
	if ready.message != "" {
		words += ": " + s.quote(strings.TrimSuffix(ready.message, "."))
	}
	return "certificate-not-ready", s.dated(c, s.certificateFinding(c, c, words, ready))
}

// rival is another Certificate of the same Secret; only the later name is reported, so that there is one finding.
func (s *Snapshot) rival(c *unstructured.Unstructured) *unstructured.Unstructured {
	secret := text(c, "spec", "secretName")
	for _, o := range s.custom {
		if isCertificate(o) && o.GetNamespace() == c.GetNamespace() && o.GetName() < c.GetName() && secret != "" && text(o, "spec", "secretName") == secret {
			return o
		}
	}
	return nil
}

var rateLimited = regexp.MustCompile(`(?i)rateLimited|\b429\b|too many (?:certificates|failed authorizations|new orders)`)

// below looks for the reason under a Certificate: its issuer, then request, order and challenge, the lowest last.
func (s *Snapshot) below(c *unstructured.Unstructured) (id string, found *finding) {
	if f := s.issuer(c); f != nil {
		return "certificate-issuer", f
	}
	requests := s.owned(c, "CertificateRequest")
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
	if rateLimited.MatchString(ready.message) {
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
	if rateLimited.MatchString(reason) {
		return "certificate-rate-limit", s.limited(c, order, why)
	}
	for _, challenge := range s.owned(order, "Challenge") {
		if id, f := s.challenge(c, challenge); f != nil {
			return id, f
		}
	}
	switch state {
	case "invalid", "errored", "expired":
		return "certificate-order", s.certificateFinding(c, order, fmt.Sprintf("Order %s of Certificate %s is %s", order.GetName(), c.GetName(), state), why)
	}
	return "", nil
}

func (s *Snapshot) challenge(c, challenge *unstructured.Unstructured) (id string, f *finding) {
	state, reason, host := text(challenge, "status", "state"), text(challenge, "status", "reason"), text(challenge, "spec", "dnsName")
	if state == "valid" || state == "" && reason == "" {
		return "", nil
	}
	why := condition{reason: state, message: reason, since: challenge.GetCreationTimestamp().Time}
	for _, field := range []string{"ingressClassName", "class"} {
		class := text(challenge, "spec", "solver", "http01", "ingress", field)
		if class == "" || !s.knows("ingressclasses", "") || len(s.classes) == 0 || s.hasClass(class) {
			continue
		}
		f := s.certificateFinding(c, challenge, fmt.Sprintf("The solver of Certificate %s uses ingress class %s, which does not exist", c.GetName(), class), why)
		f.remedy = Remedy{Text: "Correct the ingress class in the solver of the issuer.", Command: "kubectl edit clusterissuer " + text(c, "spec", "issuerRef", "name")}
		return "certificate-solver-class", f
	}
	words := fmt.Sprintf("The challenge for %s cannot be answered", host)
	if reason != "" {
		words += ": " + s.quote(strings.TrimSuffix(reason, "."))
	}
	f = s.certificateFinding(c, challenge, words, why)
	f.remedy = Remedy{
		Text:    fmt.Sprintf("Make http://%s/.well-known/acme-challenge/ reach the cluster: DNS, firewall, redirects.", host),
		Command: fmt.Sprintf("kubectl describe challenge %s -n %s", challenge.GetName(), challenge.GetNamespace()),
	}
	return "certificate-challenge", f
}

func (s *Snapshot) hasClass(name string) bool {
	for _, c := range s.classes {
		if c.Name == name {
			return true
		}
	}
	return false
}

func (s *Snapshot) issuer(c *unstructured.Unstructured) *finding {
	kind, name := text(c, "spec", "issuerRef", "kind"), text(c, "spec", "issuerRef", "name")
	if group := text(c, "spec", "issuerRef", "group"); group != "" && group != "cert-manager.io" {
		return nil
	}
	resource, namespace := "clusterissuers", ""
	if kind != "ClusterIssuer" {
		kind, resource, namespace = "Issuer", "issuers", c.GetNamespace()
	}
	if !s.knows(resource, namespace) {
		return nil
	}
	seen := false
	for _, o := range s.custom {
		seen = seen || o.GetKind() == kind
		if o.GetKind() != kind || o.GetName() != name || o.GetNamespace() != namespace {
			continue
		}
		ready, ok := conditionOf(o, "Ready")
		if !ok || ready.status == "True" {
			return nil
		}
		f := s.certificateFinding(c, o, fmt.Sprintf("%s %s is not ready: %s", kind, name, s.quote(strings.TrimSuffix(ready.message, "."))), ready)
		f.remedy = Remedy{Text: "Mend the issuer.", Command: fmt.Sprintf("kubectl describe %s %s", strings.ToLower(kind), name)}
		return f
	}
	if !seen {
		return nil // no issuer at all more likely means that nobody looked
	}
	f := s.certificateFinding(c, c, fmt.Sprintf("%s %s does not exist", kind, name), condition{})
	f.subject = Ref{kind, namespace, name}
	f.shown = []Evidence{{Object: refOf(KindCertificate, c), Field: "spec.issuerRef", Quote: kind + " " + name}}
	f.remedy = Remedy{Text: "Create the issuer, or correct its name.", Command: "kubectl get " + resource + " -A"}
	return f
}

func (s *Snapshot) certificateFinding(c, at *unstructured.Unstructured, what string, why condition) *finding {
	cert, ref := refOf(KindCertificate, c), refOf(at.GetKind(), at)
	f := &finding{
		subject: ref, hits: []Ref{cert}, what: what, sure: High, level: Degraded, since: why.since,
		remedy: Remedy{
			Text: "Mend what the reason names, then renew the certificate.", Command: fmt.Sprintf("cmctl renew %s -n %s", c.GetName(), c.GetNamespace()),
		},
	}
	f.calls, f.beyond = s.certManagerDown(), []Ref{certManagerController}
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
		words := "valid for " + span(until.Sub(s.now)) + " more"
		if s.now.After(until) {
			words = "expired " + span(s.age(until)) + " ago"
			f.level = Outage
			f.what += "; it " + words
		}
		f.show(Evidence{Object: cert, Field: "status.notAfter", Quote: words, At: moment(until)}, false)
	}
	failed := moments(c, "status", "lastFailureTime")
	tries, _, err := unstructured.NestedInt64(c.Object, "status", "failedIssuanceAttempts")
	if err == nil && !failed.IsZero() && tries > 0 {
		next := failed.Add(min(32*time.Hour, time.Hour<<min(tries-1, 6)))
		f.show(Evidence{Object: cert, Field: "status.failedIssuanceAttempts", Quote: fmt.Sprintf("%d, next try at %s", tries, next.UTC().Format("2006-01-02 15:04 MST")), At: moment(failed)}, false)
	}
	return f
}

// certificateFor says that a Certificate writes the Secret.
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

func (s *Snapshot) certificateFor(secret Ref) bool {
	return slices.ContainsFunc(s.custom, func(c *unstructured.Unstructured) bool {
		return isCertificate(c) && c.GetNamespace() == secret.Namespace && text(c, "spec", "secretName") == secret.Name
	})
}
