package rules

import (
	"fmt"
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
