package runbooks

import (
	"context"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/words"
)

var _ = register(Runbook{
	Name:    "cert check",
	Aliases: []string{"describe certificate", "describe certificates", "describe cert", "check cert", "check certificate"},
	Verb:    "cert.check",
	Summary: "Check a certificate by its name or a host: until when it's valid, when it's renewed, and the one step that " +
		"blocks it.",
	Example: "cert check api.example.com production",
	Rank:    110,
	About:   About{Kinds: []string{certificateKind}, Host: true},
	Args:    lookArgs,
	Reads:   certificateReads,
	Answer:  answerCertCheck,
})

func answerCertCheck(ctx context.Context, c Cluster, in Input) (algesta.Report, error) {
	found, r := readCertificates(ctx, c, in)
	switch {
	case r.absent(certificates):
		return algesta.Report{Tone: algesta.Neutral, Title: algesta.Say(certManagerMissing)}, nil
	case r.failed[certificates] != nil:
		return unreadable(in, "the certificates", r.failed[certificates]), nil //nolint:nilerr // the report says so
	}
	name := objectOf(in, certificateKind)
	host := objectOf(in, "host")
	var chosen []certificate
	var names []string
	for _, cert := range found {
		names = append(names, cert.object.GetName())
		if n := cert.object.GetName(); n == name || n == host || host != "" && cert.covers(host) {
			chosen = append(chosen, cert)
		}
	}
	if len(chosen) == 0 { // a host without a dot
		for _, cert := range found {
			if name != "" && cert.covers(name) {
				chosen = append(chosen, cert)
			}
		}
	}
	switch {
	case len(chosen) == 0 && host != "":
		return algesta.Report{}, noSuch(in, "Certificate for", host, names)
	case len(chosen) == 0:
		return algesta.Report{}, noSuch(in, "Certificate", name, names)
	}
	report := oneCertificate(chosen[0], in)
	for _, other := range chosen[1:min(len(chosen), mostCauses)] {
		report.Body = append(report.Body, algesta.Block{Text: algesta.Say("Also for it: {}, {}, {} left.",
			algesta.Name(other.object.GetName()), other.state(in.Command.At), other.left(in.Command.At))})
	}
	report.Body = append(report.Body, lines(r.couldNot())...)
	report.Body = append(report.Body, lines(asTyped(in))...)
	return report, nil
}

// oneCertificate answers about a single certificate.
func oneCertificate(cert certificate, in Input) algesta.Report {
	now, name := in.Command.At, algesta.Name(cert.object.GetName())
	state := cert.state(now)
	report := algesta.Report{Tone: algesta.Good, Title: algesta.Say("{} in {} is {}", name, whereOf(in), state)}
	switch state {
	case certExpired, certFailing:
		report.Tone = algesta.Bad
	case certOverdue:
		report.Tone = algesta.Warning
	case certUnready, certRenewing:
		report.Tone = algesta.Running
	case certReady:
		report.Title = algesta.Say("{} in {} is ready, {} left; it renews itself {}", name, whereOf(in), cert.left(now), cert.renews(now))
		if cert.renewal.IsZero() {
			report.Title = algesta.Say("{} in {} is ready, {} left", name, whereOf(in), cert.left(now))
		}
	}
	if cert.cause != nil {
		report.Body = append(report.Body, algesta.Block{Text: algesta.Say("{}", cert.cause.Cause)})
	} else if cert.ready != "True" && cert.reason != "" {
		report.Body = append(report.Body, algesta.Block{Text: algesta.Say("cert-manager says {}.", quote(cert.reason))})
	}
	fields := []algesta.Field{{Label: "hosts", Value: algesta.Say("{}", orElse(quote(strings.Join(clipped(cert.hosts()), ", ")), "none"))}}
	add := func(label, value string) {
		fields = append(fields, algesta.Field{Label: label, Value: algesta.Say("{}", value)})
	}
	add("issuer", cert.issuer())
	if !cert.notAfter.IsZero() {
		add("valid until", dated(cert.notAfter, now))
		add("life used", shareBar(cert.used(now)))
	}
	if !cert.renewal.IsZero() {
		add("renewal", dated(cert.renewal, now))
	}
	if next, tries := nextTry(cert.object); tries > 0 {
		when := "the next is due"
		if next.After(now) {
			when = "the next at " + dated(next, now)
		}
		add("failed", words.Plural(tries, "try", "tries")+"; "+when)
	}
	add("Secret", quote(facts.Text(cert.object, "spec", "secretName"))+" (its name; I don't read it)")
	report.Body = append(report.Body, algesta.Block{Fields: fields})
	if cert.cause != nil {
		next := algesta.Say("{} {}", algesta.Strong("Next:"), cert.cause.Remedy.Text)
		if command := cert.cause.Remedy.Command; command != "" {
			next = algesta.Say("{} {}", next, algesta.Name(command))
		}
		report.Body = append(report.Body, algesta.Block{Text: next})
	}
	return report
}

// nextTry is when cert-manager tries again after that many failures: one hour after the first, doubled each time, at most 32 hours
// (cert-manager, pkg/controller/certificates/trigger). tries is 0 where none failed.
func nextTry(o *unstructured.Unstructured) (at time.Time, tries int64) {
	failed, err := time.Parse(time.RFC3339, facts.Text(o, "status", "lastFailureTime"))
	if err != nil {
		return time.Time{}, 0
	}
	tries, _, err = unstructured.NestedInt64(o.Object, "status", "failedIssuanceAttempts")
	if err != nil || tries <= 0 {
		return time.Time{}, 0
	}
	const first, longest = time.Hour, 32 * time.Hour
	return failed.Add(min(longest, first<<min(tries-1, 6))), tries
}
