package runbooks

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/3astronautas/algesta"
)

var _ = register(listEverywhere(Runbook{
	Name:    "secrets",
	Aliases: []string{"get secrets", "get secret", "describe secret", "describe secrets"},
	Verb:    "secrets",
	Summary: "List the Secrets of an environment: type, names of their keys, age, who uses them and who owns them. Never what they hold.",
	Example: "secrets production",
	Rank:    130,
	About:   About{Environment: true, Kinds: []string{secret}},
	Args:    lookArgs,
	Reads:   secretReads,
	Answer:  answerSecrets,
}))

// secretReads are what names Secrets. The Secrets themselves are not among it: that right is given by hand, for chosen namespaces
// (SECURITY.md).
var secretReads = []string{
	"list pods",
	"list deployments.apps",
	"list statefulsets.apps",
	"list daemonsets.apps",
	"list cronjobs.batch",
	"list ingresses.networking.k8s.io",
	"list certificates.cert-manager.io",
	"list externalsecrets.external-secrets.io",
	"list secretproviderclasses.secrets-store.csi.x-k8s.io",
}

// SecretLister lists Secrets without what they hold.
type SecretLister interface {
	// ListSecrets are the Secrets of a namespace as the API server prints them for kubectl (name, type, number of keys, age). ErrForbidden
	// says that the bot may not: then Secrets that nothing refers to stay unknown.
	ListSecrets(ctx context.Context, namespace string) (*metav1.Table, error)
}

var errNoSecrets = &algesta.Error{Kind: algesta.ErrForbidden, Message: algesta.Say("I can't list Secrets in this cluster.")}

// keyedSecrets is how many Secrets one answer reads the keys of, those that are used first.
const keyedSecrets = 16

func answerSecrets(ctx context.Context, c Cluster, in Input) (algesta.Report, error) {
	namespace, name := in.Command.Target.Namespace, objectOf(in, secret)
	known := readSecretUsers(ctx, c, in)
	var table *metav1.Table
	listErr := error(errNoSecrets)
	if c.Secrets != nil {
		table, listErr = c.Secrets.ListSecrets(ctx, namespace)
	}
	if listErr == nil {
		known.listed(table)
	}
	all := known.sorted()
	if name != "" {
		all = slices.DeleteFunc(all, func(s *secretFacts) bool { return s.name != name })
		if len(all) == 0 && listErr == nil {
			return algesta.Report{}, noSuch(in, "Secret", name, known.names())
		}
		if len(all) == 0 {
			all = []*secretFacts{{name: name}}
		}
	}
	readSecretKeys(ctx, c, namespace, all)
	for _, s := range all {
		s.judge(listErr == nil)
	}
	if name != "" {
		return oneSecret(all[0], known, in, listErr), nil
	}
	slices.SortStableFunc(all, func(a, b *secretFacts) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), strings.Compare(a.name, b.name))
	})
	return secretsReport(all, known, in, listErr), nil
}

// readSecretKeys reads the names of the keys, of so many at most.
func readSecretKeys(ctx context.Context, c Cluster, namespace string, all []*secretFacts) {
	var wanted []reference
	var of []*secretFacts
	for _, s := range all {
		if len(wanted) < keyedSecrets && !s.isRelease() {
			wanted, of = append(wanted, reference{kind: secret, name: s.name}), append(of, s)
		}
	}
	for i, found := range readKeys(ctx, c, namespace, wanted) {
		of[i].keys, of[i].keysErr, of[i].asked = found.keys, found.err, true
	}
}

func secretsReport(all []*secretFacts, known *secretUsers, in Input, listErr error) algesta.Report {
	table := algesta.Table{Head: []string{"secret", "type", "keys", "age", "used by", "owner"}}
	wrong := 0
	var problems []algesta.Text
	for _, s := range all {
		table.Rows = append(table.Rows, s.row())
		problems = append(problems, s.problems...)
		if len(s.problems) > 0 {
			wrong++
		}
	}
	report := algesta.Report{
		Tone:  algesta.Good,
		Title: algesta.Say("{}: {}, nothing that is needed is missing", whereOf(in), count(len(all), "Secret")),
	}
	switch {
	case wrong > 0:
		report.Tone = algesta.Bad
		report.Title = algesta.Say("{}: {} that something needs {}", whereOf(in), count(wrong, "Secret"),
			map[bool]string{true: "is missing or lacks a key", false: "are missing or lack a key"}[wrong == 1])
	case listErr != nil && len(all) > 0:
		report.Tone = algesta.Warning
		report.Title = algesta.Say(
			"{}: {} that something names; whether there are others couldn't be checked",
			whereOf(in),
			count(len(all), "Secret"),
		)
	case listErr != nil:
		report.Tone = algesta.Warning
		report.Title = algesta.Say("{}: nothing names a Secret; whether there are any couldn't be checked", whereOf(in))
	case len(all) == 0:
		report.Tone, report.Title = algesta.Neutral, algesta.Say("{}: no Secrets", whereOf(in))
	}
	if len(problems) > mostCauses {
		problems = append(problems[:mostCauses:mostCauses], algesta.Say("{}.", count(len(problems)-mostCauses, "more problem")))
	}
	return withTable(report, table, "Secret", slices.Concat(asTyped(in), problems, known.waiting, secretNotes(all, known, listErr))...)
}

// secretNotes say what couldn't be read.
func secretNotes(all []*secretFacts, known *secretUsers, listErr error) []algesta.Text {
	var out []algesta.Text
	if listErr != nil {
		out = append(out, couldNotCheck("Secrets", listErr))
	}
	i := slices.IndexFunc(all, func(s *secretFacts) bool { return s.keysErr != nil && !errors.Is(s.keysErr, algesta.ErrNotFound) })
	if i >= 0 && (listErr == nil || sentenceOf(all[i].keysErr, "") != sentenceOf(listErr, "")) {
		out = append(out, couldNotCheck("the keys", all[i].keysErr))
	}
	return append(out, known.read.couldNot()...)
}

// oneSecret answers about a single Secret.
func oneSecret(s *secretFacts, known *secretUsers, in Input, listErr error) algesta.Report {
	called := algesta.Say("{} in {}", algesta.Name(quote(s.name)), whereOf(in))
	exists := listErr == nil && !s.gone || s.asked && s.keysErr == nil
	report := algesta.Report{Tone: algesta.Good, Title: algesta.Say("{} exists", called)}
	switch {
	case exists && len(s.problems) > 0:
		report.Tone, report.Title = algesta.Bad, algesta.Say("{} exists, and lacks a key that something needs", called)
	case exists:
	case s.gone || errors.Is(s.keysErr, algesta.ErrNotFound):
		report.Tone, report.Title = algesta.Bad, algesta.Say("There's no Secret {}", called)
	default:
		report.Tone, report.Title = algesta.Warning, algesta.Say("I couldn't check whether the Secret {} exists", called)
	}
	row := s.row()
	report.Body = append(report.Body, algesta.Block{Fields: []algesta.Field{
		{Label: "type", Value: row[1]},
		{Label: "keys", Value: row[2]},
		{Label: "age", Value: row[3]},
		{Label: "used by", Value: row[4]},
		{Label: "owner", Value: row[5]},
	}})
	if cert, ok := known.certificates[s.name]; ok {
		report.Body = append(
			report.Body,
			algesta.Block{Text: algesta.Say("The certificate in it: {}, {} left. {}", cert.state(in.Command.At), cert.left(in.Command.At),
				in.typed("cert check", cert.object.GetName()))},
		)
	}
	report.Body = append(report.Body, lines(slices.Concat(s.problems, secretNotes([]*secretFacts{s}, known, listErr)))...)
	report.Body = append(
		report.Body,
		algesta.Block{Text: algesta.Say("What a Secret holds is never shown here, and neither is how long it is.")},
	)
	return report
}
