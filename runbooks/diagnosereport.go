package runbooks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/diagnosis"
	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/diagnosis/rules"
	"github.com/3astronautas/algesta/words"
)

// What a message holds: more is in docs and in the cluster, and nobody reads it at night.
const (
	mostEvidence = 4
	mostOthers   = 4
	mostHealthy  = 6
	mostAdvice   = 2
)

// DiagnosisReport says the cause first, then what it explains, the evidence, one next step, the rest in brief.
func DiagnosisReport(d diagnosis.Diagnosis, c algesta.Command) algesta.Report {
	r := algesta.Report{Tone: diagnosisTone(d), Title: algesta.Dated(d.Summary)}
	called := d.Subject.Name + " in " + d.Subject.Namespace
	if rest, ok := strings.CutPrefix(
		d.Summary,
		called,
	); ok && d.Verdict == diagnosis.Healthy && c.Target.Object == "" &&
		c.Target.Service != "" {
		r.Title = algesta.Say("{} in {}{}", c.Target.Service, c.Target.Environment, rest) // as people call it
	}
	if len(d.Chains) > 0 {
		first := d.Chains[0]
		r.Body = append(r.Body, chainBlocks(first)...)
		r.Buttons = remedyButtons(first.Remedy, c.Target)
	}
	if others := otherCauses(d.Chains); len(others) > 0 {
		r.Body = append(r.Body, algesta.Block{Text: algesta.Say("{}", algesta.Strong("Also"))}, algesta.Block{List: others})
	}
	if len(d.Healthy) > 0 {
		r.Body = append(
			r.Body,
			algesta.Block{
				Text: algesta.Say("{} {}", algesta.Strong("Checked and fine:"), algesta.Dated(strings.Join(few(d.Healthy, mostHealthy), " "))),
			},
		)
	}
	if words := worthKnowing(d.Advice); words != "" {
		r.Body = append(r.Body, algesta.Block{Text: algesta.Say("{} {}", algesta.Strong("Worth knowing:"), algesta.Dated(words))})
	}
	if lines := unchecked(relevant(d), c.Target.Namespace); len(lines) > 0 {
		r.Body = append(r.Body, algesta.Block{Text: algesta.Say("{} {}", algesta.Strong("Couldn't check"), strings.Join(lines, " "))})
	}
	return r
}

// worthKnowing is what causes no trouble today: little of it, because people read this when something is wrong.
func worthKnowing(advice []diagnosis.Advice) string {
	var sentences []string
	for _, a := range advice[:min(mostAdvice, len(advice))] {
		sentences = append(sentences, a.Text)
	}
	return strings.Join(sentences, " ")
}

func diagnosisTone(d diagnosis.Diagnosis) algesta.Tone {
	switch {
	case d.Verdict == diagnosis.Unknown:
		return algesta.Warning
	case len(d.Chains) == 0:
		return algesta.Good
	case d.Chains[0].Impact.Level == rules.Outage:
		return algesta.Bad
	}
	return algesta.Warning
}

func chainBlocks(c diagnosis.Chain) []algesta.Block {
	var blocks []algesta.Block
	impact := strings.TrimSuffix(c.Impact.Text, ".")
	if n := len(c.Links); n < 2 || c.Links[n-1] != impact { // the last link says it already
		blocks = append(blocks, algesta.Block{Text: algesta.Dated(c.Impact.Text)})
	}
	if len(c.Links) > 1 {
		blocks = append(
			blocks,
			algesta.Block{Text: algesta.Say("{} {}", algesta.Strong("Leads to:"), algesta.Dated(strings.Join(c.Links[1:], " → ")))},
		)
	}
	var quotes []string
	for _, e := range c.Evidence[:min(mostEvidence, len(c.Evidence))] {
		quotes = append(quotes, fmt.Sprintf("%s %s%s\n  %s", e.Object, e.Field, aside(e), e.Quote))
	}
	if len(quotes) > 0 {
		blocks = append(blocks, algesta.Block{Pre: strings.Join(quotes, "\n")})
	}
	if c.Change != "" {
		blocks = append(blocks, algesta.Block{Text: algesta.Say("{} {}", algesta.Strong("Nearest change:"), algesta.Dated(c.Change))})
	}
	next := algesta.Say("{} {}", algesta.Strong("Next:"), algesta.Dated(c.Remedy.Text))
	if c.Remedy.Command != "" {
		next = algesta.Say("{} {}", next, algesta.Name(c.Remedy.Command))
	}
	blocks = append(blocks, algesta.Block{Text: next})
	if c.WhyLower != "" {
		blocks = append(blocks, algesta.Block{Text: algesta.Dated(c.WhyLower)})
	}
	return blocks
}

// aside is the time and the count of evidence, in parentheses. It is in preformatted text, where the reader's time zone isn't known.
func aside(e facts.Evidence) string {
	var parts []string
	if e.At != nil {
		parts = append(parts, facts.When(*e.At))
	}
	if e.Count > 1 {
		parts = append(parts, fmt.Sprintf("%d times", e.Count))
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

// otherCauses are the chains behind the first, a line each, with why they rank lower.
func otherCauses(chains []diagnosis.Chain) []algesta.Text {
	var out []algesta.Text
	for i, c := range chains {
		switch {
		case i == 0:
		case i > mostOthers:
			return append(out, algesta.Say("and {} more", len(chains)-i))
		case c.WhyLower != "":
			out = append(out, algesta.Dated(c.Cause+" "+c.WhyLower))
		default:
			out = append(out, algesta.Dated(c.Cause))
		}
	}
	return out
}

// remedyButtons offer the next step where it is a command of ours: the click goes through policy, plan and approval as
// if it were typed.
func remedyButtons(r rules.Remedy, t algesta.Target) []algesta.Button {
	if r.Afterwards || r.Target.Name != "" && r.Target.Name != t.Name {
		return nil // it is about another workload than the command; its own command says which
	}
	switch r.Verb { // a number or an image has to be typed: these need neither
	case rollback.Name:
		return []algesta.Button{{Label: "Roll back", Offer: &algesta.Offer{Runbook: rollback.Name, Target: t}}}
	case restart.Name:
		return []algesta.Button{{Label: "Restart", Offer: &algesta.Offer{Runbook: restart.Name, Target: t}}}
	}
	return nil
}

func few(lines []string, most int) []string {
	if len(lines) <= most {
		return lines
	}
	return append(slices.Clone(lines[:most]), fmt.Sprintf("And %d more.", len(lines)-most))
}

// relevant leaves out what is never read, unless the answer may depend on it: a line that is below every answer isn't read
// where it matters. The answer as JSON has all of it.
func relevant(d diagnosis.Diagnosis) []facts.NotChecked {
	matters := map[string][]rules.Class{
		facts.OtherPods: {rules.ClassScheduling}, facts.OtherSecrets: nil,
		"events of nodes": {rules.ClassNode},
		"secrets":         {rules.ClassConfig, rules.ClassCrash, rules.ClassTLS, rules.ClassCertificate},
	}
	return slices.DeleteFunc(slices.Clone(d.NotChecked), func(n facts.NotChecked) bool {
		if n.Reason == diagnosis.OnlyDependencies || n.Standing && n.Kind != "podmetrics" { // nothing gave a reason to read it
			return true
		}
		classes, standing := matters[n.Kind]
		return standing &&
			!slices.ContainsFunc(d.Chains, func(c diagnosis.Chain) bool { return slices.Contains(classes, c.Class) })
	})
}

// unchecked puts the kinds that could not be read for one reason into one sentence; of another namespace than the one asked about it says
// which.
func unchecked(all []facts.NotChecked, namespace string) []string {
	type why struct{ where, reason string }
	var reasons []why
	kinds := map[why][]string{}
	for _, n := range all {
		at := why{reason: n.Reason}
		if n.Namespace != "" && n.Namespace != namespace {
			at.where = " in " + n.Namespace
		}
		if len(kinds[at]) == 0 {
			reasons = append(reasons, at)
		}
		kinds[at] = append(kinds[at], n.Kind)
	}
	var out []string
	for _, at := range reasons {
		out = append(out, fmt.Sprintf("%s%s: %s", words.Few(grouped(kinds[at]), mostUnchecked), at.where, at.reason))
	}
	return out
}

// mostUnchecked is how many kinds one line names; the terminal and the JSON of a diagnosis name each.
const mostUnchecked = 5

// ofCertManager are the kinds of cert-manager, as resources.
var ofCertManager = []string{"certificates", "certificaterequests", "orders", "challenges", "issuers", "clusterissuers"}

// grouped puts the kinds of cert-manager into one word where most of them are there: they are missing together, and nobody reads six names.
func grouped(kinds []string) []string {
	isTheirs := func(kind string) bool { return slices.Contains(ofCertManager, kind) }
	theirs := 0
	for _, kind := range kinds {
		if isTheirs(kind) {
			theirs++
		}
	}
	if theirs < 3 {
		return kinds
	}
	at := slices.IndexFunc(kinds, isTheirs)
	return slices.Insert(slices.DeleteFunc(slices.Clone(kinds), isTheirs), at, "what cert-manager keeps")
}
