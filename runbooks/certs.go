package runbooks

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/diagnosis"
	"github.com/3astronautas/algesta/diagnosis/facts"
)

var _ = register(listEverywhere(Runbook{
	Name:    "certs",
	Aliases: []string{"get certificates", "get certificate", "get certs", "get cert", "certificates"},
	Verb:    "cert.check",
	Summary: "List the certificates of an environment, the one most at risk first: time left, share of its life used, renewal, issuer.",
	Example: "certs production",
	Rank:    100,
	About:   About{Environment: true, Kinds: []string{certificateKind}},
	Args:    lookArgs,
	Reads:   certificateReads,
	Answer:  answerCerts,
}))

// certificateReads are a Certificate and what it is issued by.
var certificateReads = []string{
	"list certificates.cert-manager.io",
	"list certificaterequests.cert-manager.io",
	"list issuers.cert-manager.io",
	"list orders.acme.cert-manager.io",
	"list challenges.acme.cert-manager.io",
	"list clusterissuers.cert-manager.io (cluster-wide)",
	"list ingressclasses.networking.k8s.io (cluster-wide)",
}

const (
	certificateKind    = facts.KindCertificate
	certManagerGroup   = "cert-manager.io"
	certificates       = "certificates"
	certManagerMissing = "cert-manager isn't installed in this cluster, so it has no Certificates."
)

// certificate is a Certificate of cert-manager as an answer shows it. Nothing of it comes from a Secret.
type certificate struct {
	object                       *unstructured.Unstructured
	notBefore, notAfter, renewal time.Time // zero where nothing was issued yet
	ready                        string    // the status of the condition Ready; "" without one
	reason                       string    // of that condition
	cause                        *diagnosis.Chain
}

// certificateState is what a certificate is, in the order in which a list shows it.
type certificateState int

const (
	certExpired  certificateState = iota
	certFailing                   // not ready, and why is known
	certUnready                   // not ready, and nothing says why yet
	certOverdue                   // ready, and should have been renewed
	certRenewing                  // ready, and the moment to renew it has just passed
	certReady
)

func (s certificateState) String() string {
	return [...]string{"expired", "not ready", "being issued", "renewal overdue", "being renewed", "ready"}[s]
}

func (c certificate) state(now time.Time) certificateState {
	switch {
	case !c.notAfter.IsZero() && now.After(c.notAfter):
		return certExpired
	case c.ready != "True" && c.cause != nil:
		return certFailing
	case c.ready != "True":
		return certUnready
	case c.cause != nil:
		return certOverdue
	case !c.renewal.IsZero() && now.After(c.renewal):
		return certRenewing
	}
	return certReady
}

// used is the share of the certificate's life that is over; 0 where nothing was issued. A number of days would say nothing: certificates
// are issued for 90 days, for 45, or for hours.
func (c certificate) used(now time.Time) float64 {
	life := c.notAfter.Sub(c.notBefore)
	if c.notAfter.IsZero() || c.notBefore.IsZero() || life <= 0 {
		return 0
	}
	return min(1, max(0, now.Sub(c.notBefore).Seconds()/life.Seconds()))
}

func (c certificate) left(now time.Time) string {
	switch {
	case c.notAfter.IsZero():
		return "–"
	case now.After(c.notAfter):
		return "expired " + span(now.Sub(c.notAfter)) + " ago"
	}
	return span(c.notAfter.Sub(now))
}

func (c certificate) renews(now time.Time) string {
	switch {
	case c.renewal.IsZero():
		return "–"
	case now.After(c.renewal):
		return "due for " + span(now.Sub(c.renewal))
	}
	return "in " + span(c.renewal.Sub(now))
}

func (c certificate) issuer() string {
	name := facts.Text(c.object, "spec", "issuerRef", "name")
	if facts.Text(c.object, "spec", "issuerRef", "kind") == "ClusterIssuer" {
		name += " (ClusterIssuer)"
	}
	return quote(name)
}

// hosts are the names that the certificate is for.
func (c certificate) hosts() []string {
	names, _, err := unstructured.NestedStringSlice(c.object.Object, "spec", "dnsNames")
	if err != nil {
		return nil
	}
	return names
}

// covers reports whether the certificate is for a host, by a wildcard, too.
func (c certificate) covers(host string) bool {
	_, domain, _ := strings.Cut(host, ".")
	return slices.ContainsFunc(c.hosts(), func(name string) bool {
		return strings.EqualFold(name, host) || domain != "" && strings.EqualFold(name, "*."+domain)
	})
}

func readCertificate(o *unstructured.Unstructured) certificate {
	moment := func(field string) time.Time {
		t, err := time.Parse(time.RFC3339, facts.Text(o, "status", field))
		if err != nil {
			return time.Time{}
		}
		return t
	}
	c := certificate{object: o, notBefore: moment("notBefore"), notAfter: moment("notAfter"), renewal: moment("renewalTime")}
	conditions, _, err := unstructured.NestedSlice(o.Object, "status", "conditions")
	if err != nil {
		return c
	}
	for _, item := range conditions {
		if fields, ok := item.(map[string]any); ok && fields["type"] == "Ready" {
			c.ready, _ = fields["status"].(string)
			c.reason, _ = fields["reason"].(string)
		}
	}
	return c
}

// readCertificates reads the Certificates of the namespace, the most dangerous first. Where one is not well, it reads what it is issued by
// and finds the link that holds it up. r has what could not be read.
func readCertificates(ctx context.Context, c Cluster, in Input) (found []certificate, r *reads) {
	namespace, now := in.Command.Target.Namespace, in.Command.At
	r = &reads{c: c}
	all := customList(certManagerGroup, "v1", certificateKind)
	r.list(ctx, certificates, namespace, all)
	r.work.Wait()
	if r.failed[certificates] != nil {
		return nil, r
	}
	ailing := false
	for i := range all.Items {
		cert := readCertificate(&all.Items[i])
		found = append(found, cert)
		ailing = ailing || cert.state(now) != certReady
	}
	if ailing {
		explainCertificates(ctx, r, in, all, found)
	}
	slices.SortStableFunc(found, func(a, b certificate) int {
		return cmp.Or(
			cmp.Compare(a.state(now), b.state(now)), cmp.Compare(b.used(now), a.used(now)), cmp.Compare(a.object.GetName(), b.object.GetName()),
		)
	})
	return found, r
}

// explainCertificates finds the blocking link of each certificate that is not well, as a diagnosis does.
func explainCertificates(ctx context.Context, r *reads, in Input, all *unstructured.UnstructuredList, found []certificate) {
	namespace, now := in.Command.Target.Namespace, in.Command.At
	objects := []runtime.Object{all}
	for _, k := range []struct{ group, kind, resource, namespace string }{
		{certManagerGroup, "CertificateRequest", "certificaterequests", namespace},
		{certManagerGroup, "Issuer", "issuers", namespace},
		{certManagerGroup, "ClusterIssuer", "clusterissuers", ""},
		{"acme." + certManagerGroup, "Order", "orders", namespace},
		{"acme." + certManagerGroup, "Challenge", "challenges", namespace},
	} {
		l := customList(k.group, "v1", k.kind)
		r.list(ctx, k.resource, k.namespace, l)
		objects = append(objects, l)
	}
	classes := &networkingv1.IngressClassList{}
	r.list(ctx, "ingressclasses", "", classes)
	r.work.Wait()
	s := facts.NewSnapshot(
		now,
		append(objects, classes),
		append(r.holes(""), facts.NotChecked{Kind: "secrets", Reason: "Not read for this answer."}),
	)
	s.Configure(facts.Setting{Bot: in.Bot, Environments: map[string]string{namespace: in.Command.Target.Environment}})
	for i := range found {
		if found[i].state(now) == certReady {
			continue
		}
		if d := diagnosis.Diagnose(s, facts.RefOf(certificateKind, found[i].object)); len(d.Chains) > 0 {
			found[i].cause = &d.Chains[0]
		}
	}
}

func answerCerts(ctx context.Context, c Cluster, in Input) (algesta.Report, error) {
	if objectOf(in, certificateKind) != "" {
		return answerCertCheck(ctx, c, in)
	}
	found, r := readCertificates(ctx, c, in)
	switch {
	case r.absent(certificates):
		return algesta.Report{Tone: algesta.Neutral, Title: algesta.Say(certManagerMissing)}, nil
	case r.failed[certificates] != nil:
		return unreadable(in, "the certificates", r.failed[certificates]), nil //nolint:nilerr // the report says so
	case len(found) == 0:
		return algesta.Report{Tone: algesta.Neutral, Title: algesta.Say("There are no Certificates in {}.", whereOf(in))}, nil
	}
	now := in.Command.At
	table := algesta.Table{Head: []string{"certificate", "state", "time left", "life used", "renews", "issuer"}}
	var causes []algesta.Text
	troubled := 0
	for _, cert := range found {
		state := cert.state(now)
		if state <= certOverdue && state != certUnready {
			troubled++
		}
		if cert.cause != nil && len(causes) < mostCauses {
			causes = append(causes, algesta.Say("{}: {}", algesta.Name(cert.object.GetName()), cert.cause.Cause))
		}
		if len(table.Rows) < mostRows {
			table.Rows = append(table.Rows, []algesta.Text{
				algesta.Say("{}", algesta.Name(cert.object.GetName())), algesta.Say("{}", state), algesta.Say("{}", cert.left(now)),
				algesta.Say("{}", shareBar(cert.used(now))), algesta.Say("{}", cert.renews(now)), algesta.Say("{}", cert.issuer()),
			})
		}
	}
	report := algesta.Report{Tone: algesta.Good, Title: algesta.Say("{} in {}: no problems", count(len(found), "certificate"), whereOf(in))}
	first := found[0]
	switch {
	case troubled > 0:
		report.Tone = algesta.Warning
		report.Title = algesta.Say("{} of {} in {} not well; first {}: {}", troubled, count(len(found), "certificate"), whereOf(in),
			algesta.Name(first.object.GetName()), first.state(now))
	case first.state(now) != certReady:
		report.Tone = algesta.Running
		report.Title = algesta.Say(
			"{} in {}; {} is {}",
			count(len(found), "certificate"),
			whereOf(in),
			algesta.Name(first.object.GetName()),
			first.state(now),
		)
	}
	if first.state(now) == certExpired || first.state(now) == certFailing && first.notAfter.IsZero() {
		report.Tone = algesta.Bad
	}
	report.Body = append(report.Body, algesta.Block{Table: &table})
	report.Body = append(report.Body, lines(causes)...)
	if hidden := len(found) - len(table.Rows); hidden > 0 {
		report.Body = append(report.Body, algesta.Block{Text: algesta.Say("{} not shown.", count(hidden, "more certificate"))})
	}
	report.Body = append(report.Body, lines(r.couldNot())...)
	if troubled > 0 {
		report.Body = append(report.Body, algesta.Block{Text: algesta.Say("{} tells more.", in.typed("cert check", first.object.GetName()))})
	}
	report.Body = append(report.Body, lines(asTyped(in))...)
	return report, nil
}

// mostCauses is how many causes one answer lists.
const mostCauses = 8

// typed is a command about an object of the same environment, for hints.
func (in Input) typed(verb, name string) algesta.Span {
	return algesta.Name(in.Bot.Typed(verb, name, whereOf(in)))
}

// dated is a moment as people write it, and how far away it is: "2026-03-10 12:00 UTC (in 3 days)".
func dated(t, now time.Time) string {
	if now.After(t) {
		return fmt.Sprintf("%s (%s ago)", t.UTC().Format("2006-01-02 15:04 MST"), span(now.Sub(t)))
	}
	return fmt.Sprintf("%s (in %s)", t.UTC().Format("2006-01-02 15:04 MST"), span(t.Sub(now)))
}
