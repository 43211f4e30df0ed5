package runbooks

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/words"
)

var _ = register(Runbook{
	Name:    "cert renew",
	Aliases: []string{"renew", "renew cert", "renew certificate", "cmctl renew"},
	Verb:    "cert.renew",
	Summary: "Renew a certificate now, through cert-manager: nothing is deleted, and the old one is served until the new one is there.",
	Example: "cert renew algesta-api-prod-tls production",
	Rank:    120,
	About:   About{Kinds: []string{certificateKind}},
	Reads:   certificateReads,
	Writes:  []string{"patch certificates.cert-manager.io/status"},
	Ends:    WithPollSince(renewWithin, issuedBefore, pollRenewal),
	Plan:    planCertRenew,
})

// renewWithin is how long a renewal is watched. A certificate authority of the cluster takes seconds; an order with Let's Encrypt takes a
// minute or two, and longer only where a challenge can't be answered.
const renewWithin = 15 * time.Minute

// manualReason is the reason that cmctl gives for a renewal, too (cmctl, pkg/renew).
const manualReason = "ManuallyTriggered"

// planCertRenew asks cert-manager for another certificate as `cmctl renew` does: by the condition Issuing in the status of the Certificate.
func planCertRenew(ctx context.Context, c Cluster, in Input) (algesta.Plan, error) {
	cert, err := certToRenew(ctx, c, in)
	if err != nil {
		return algesta.Plan{}, err
	}
	now, name := in.Command.At, cert.object.GetName()
	called := algesta.Say("{} in {}", algesta.Name(name), whereOf(in))
	p := algesta.Plan{
		Title:   algesta.Say("Renewal of {}", called),
		Summary: algesta.Say("Renew certificate {} ({} left)", algesta.Name(name), cert.left(now)),
		Doing:   algesta.Say("Renewing {}", called),
		Done:    algesta.Say("{} is renewed", called),
		Figures: map[string]int64{"revision": revisionOf(cert.object)},
	}
	if cert.notAfter.IsZero() {
		p.Summary = algesta.Say("Renew certificate {} (none was issued yet)", algesta.Name(name))
	}
	at, issuing := conditionOf(cert.object, "Issuing")
	if issuing["status"] == "True" {
		p.Nothing = algesta.Say("{} is being issued already.", called)
		if cert.cause != nil {
			p.Nothing = algesta.Say("{} {}", p.Nothing, cert.cause.Cause)
		}
		return p, nil
	}
	issuer, err := readIssuer(ctx, c, in, cert.object)
	if err != nil {
		return algesta.Plan{}, err
	}
	change, err := renewal(in, cert.object, at, issuing)
	if err != nil {
		return algesta.Plan{}, err
	}
	p.Changes = []algesta.Change{change}
	p.Facts = renewalFacts(cert, now)
	if issued, err := readIssued(ctx, c, cert.object); err == nil && issued.Serial != "" {
		p.Facts = append(p.Facts, algesta.Field{Label: "serial", Value: algesta.Say("{} now", issued.Serial)})
	}
	p.Warnings = append(cert.renewWarnings(in), issuer.warnings()...)
	return p, nil
}

// certToRenew is the Certificate as the server wrote it, with what blocks it. One whose authority limits its orders is refused: another
// order would fail, and count against the limit.
func certToRenew(ctx context.Context, c Cluster, in Input) (certificate, error) {
	name := objectOf(in, certificateKind)
	found, r := readCertificates(ctx, c, in)
	switch err := r.failed[certificates]; {
	case r.absent(certificates):
		return certificate{}, refusal(algesta.Say(certManagerMissing), algesta.Say("The certificate's owner has to renew it."))
	case err != nil:
		return certificate{}, fmt.Errorf("reading the certificates: %w", err)
	}
	var names []string
	for _, cert := range found {
		if names = append(names, cert.object.GetName()); cert.object.GetName() != name {
			continue
		}
		live, err := readOne(ctx, c, certManagerGroup, "v1", certificateKind, in.Command.Target.Namespace, name)
		if err != nil {
			return certificate{}, err
		}
		again := readCertificate(live)
		again.cause = cert.cause
		if again.cause != nil && again.cause.Rule == "certificate-rate-limit" {
			return certificate{}, refusal(
				algesta.Say("{} Renewing it now would fail, and count against the limit, too.", again.cause.Cause),
				algesta.Say("Wait until the limit is over: cert-manager tries again on its own. {} says when.", in.typed("cert check", name)),
			)
		}
		if live.GetDeletionTimestamp() != nil {
			return certificate{}, refusal(algesta.Say("{} is being deleted.", algesta.Name(name)), algesta.Say("Ask who deleted it."))
		}
		return again, nil
	}
	return certificate{}, noSuch(in, "Certificate", name, names)
}

// renewal sets the condition Issuing, whose place among the conditions is at, -1 where it isn't among them. It holds only for the
// certificate that people saw: one that was issued meanwhile isn't renewed again.
func renewal(in Input, cert *unstructured.Unstructured, at int, issuing map[string]any) (algesta.Change, error) {
	if _, found, err := unstructured.NestedSlice(cert.Object, "status", "conditions"); err != nil || !found {
		return algesta.Change{}, refusal(
			algesta.Say("cert-manager hasn't looked at {} yet, so there is nothing to renew.", algesta.Name(cert.GetName())),
			algesta.Say("Ask why: {}", in.typed("diagnose", "certificate/"+cert.GetName())),
		)
	}
	to, err := json.Marshal(map[string]any{
		"type": "Issuing", "status": "True", "reason": manualReason, "message": "Renewal asked for " + by(in),
		"lastTransitionTime": in.Command.At.UTC().Format(time.RFC3339), "observedGeneration": cert.GetGeneration(),
	})
	if err != nil {
		return algesta.Change{}, fmt.Errorf("planning the renewal of %s: %w", cert.GetName(), err)
	}
	ask := algesta.Swap{Label: "condition Issuing", Path: "/status/conditions/-", To: to}
	if at >= 0 {
		if ask.From, err = json.Marshal(issuing); err != nil {
			return algesta.Change{}, fmt.Errorf("reading the condition of %s: %w", cert.GetName(), err)
		}
		ask.Path = fmt.Sprintf("/status/conditions/%d", at)
	}
	swaps := []algesta.Swap{ask}
	if revision := revisionOf(cert); revision > 0 {
		same := json.RawMessage(fmt.Sprint(revision))
		swaps = append([]algesta.Swap{{Label: "revision", Path: "/status/revision", From: same, To: same}}, swaps...)
	}
	return algesta.Change{
		Object: algesta.Object{
			Cluster: in.Command.Target.Cluster, Group: certManagerGroup, Kind: certificateKind, Namespace: cert.GetNamespace(), Name: cert.GetName(),
		},
		Verb:        algesta.Patch,
		Resource:    "certificates.cert-manager.io",
		Subresource: "status",
		Version:     "v1",
		UID:         string(cert.GetUID()),
		Swaps:       swaps,
	}, nil
}

func renewalFacts(cert certificate, now time.Time) []algesta.Field {
	fields := []algesta.Field{
		{Label: "hosts", Value: algesta.Say("{}", orElse(quote(strings.Join(clipped(cert.hosts()), ", ")), "none"))},
		{Label: "issuer", Value: algesta.Say("{}", cert.issuer())},
	}
	if !cert.notAfter.IsZero() {
		fields = append(fields, algesta.Field{Label: "valid until", Value: algesta.Say("{}", dated(cert.notAfter, now))})
	}
	if !cert.renewal.IsZero() {
		fields = append(fields, algesta.Field{Label: "renews itself", Value: algesta.Say("{}", dated(cert.renewal, now))})
	}
	return fields
}

// renewWarnings say whether a renewal is needed at all, and what went wrong the last time.
func (c certificate) renewWarnings(in Input) []algesta.Text {
	now := in.Command.At
	var out []algesta.Text
	if c.ready == "True" && now.Before(c.renewal) {
		out = append(out, algesta.Say("It doesn't need to be renewed: it's still valid for {} and renews itself {}.", c.left(now), c.renews(now)))
	}
	if c.cause != nil {
		out = append(out, algesta.Say("What blocks it may block this try, too: {}", c.cause.Cause))
	}
	if next, tries := nextTry(c.object); tries > 0 {
		when := "is trying again"
		if next.After(now) {
			when = "tries again " + dated(next, now)
		}
		out = append(out, algesta.Say(
			"{} failed, and cert-manager {} on its own. Asking for it now doesn't make the pauses between its tries shorter.",
			words.Plural(tries, "try", "tries"), when,
		))
	}
	return out
}

// certIssuer is what a certificate is issued by.
type certIssuer struct {
	name   string // as people call it: "ClusterIssuer letsencrypt"
	object *unstructured.Unstructured
	unread error
}

// readIssuer reads the issuer of a certificate. A renewal without one is refused: nothing would be issued. One of another group than
// cert-manager's own can't be read.
func readIssuer(ctx context.Context, c Cluster, in Input, cert *unstructured.Unstructured) (certIssuer, error) {
	name, kind := facts.Text(cert, "spec", "issuerRef", "name"), orElse(facts.Text(cert, "spec", "issuerRef", "kind"), "Issuer")
	issuer := certIssuer{name: kind + " " + quote(name)}
	if group := facts.Text(cert, "spec", "issuerRef", "group"); group != "" && group != certManagerGroup {
		return issuer, nil
	}
	namespace := cert.GetNamespace()
	if kind == "ClusterIssuer" {
		namespace = ""
	}
	all := customList(certManagerGroup, "v1", kind)
	if issuer.unread = c.List(ctx, namespace, "", all); issuer.unread != nil {
		return issuer, nil //nolint:nilerr // the caller says what is unread
	}
	i := slices.IndexFunc(all.Items, func(o unstructured.Unstructured) bool { return o.GetName() == name })
	if i < 0 {
		return issuer, refusal(
			algesta.Say("{} doesn't exist, so nothing can issue {}.", issuer.name, algesta.Name(cert.GetName())),
			algesta.Say("Create it, or name another one in the Certificate. {} tells more.", in.typed("cert check", cert.GetName())),
		)
	}
	issuer.object = &all.Items[i]
	return issuer, nil
}

// warnings say what a new order counts against, and whether the issuer works.
func (i certIssuer) warnings() []algesta.Text {
	if i.unread != nil {
		return []algesta.Text{couldNotCheck(i.name, i.unread)}
	}
	if i.object == nil {
		return nil
	}
	var out []algesta.Text
	if _, ready := conditionOf(i.object, "Ready"); ready["status"] == "False" {
		why, _ := ready["message"].(string)
		out = append(out, algesta.Say("{} isn't ready: {}", i.name, quote(why)))
	}
	server, err := url.Parse(facts.Text(i.object, "spec", "acme", "server"))
	if err != nil || server.Host == "" {
		return out
	}
	// letsencrypt.org/docs/rate-limits, "New Certificates per Exact Set of Identifiers".
	if host := server.Hostname(); strings.HasSuffix(host, ".letsencrypt.org") && !strings.Contains(host, "staging") {
		return append(out, algesta.Say(
			"A renewal is a new order. Let's Encrypt issues at most 5 certificates for exactly these hosts in 7 days; after that there is none "+
				"until the limit is over.",
		))
	}
	return append(out, algesta.Say("A renewal is a new order, and counts against the limits of {}.", quote(server.Hostname())))
}

// conditionOf is a condition of an object with its place among the conditions, -1 where it isn't there.
func conditionOf(o *unstructured.Unstructured, kind string) (int, map[string]any) {
	conditions, _, err := unstructured.NestedSlice(o.Object, "status", "conditions")
	if err != nil {
		return -1, nil
	}
	for i, item := range conditions {
		if fields, ok := item.(map[string]any); ok && fields["type"] == kind {
			return i, fields
		}
	}
	return -1, nil
}

// revisionOf counts how often a certificate was issued; 0 where it never was.
func revisionOf(cert *unstructured.Unstructured) int64 {
	revision, _, err := unstructured.NestedInt64(cert.Object, "status", "revision")
	if err != nil {
		return 0
	}
	return revision
}
