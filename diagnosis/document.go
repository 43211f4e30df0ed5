package diagnosis

import (
	"fmt"
	"strings"

	"github.com/3astronautas/algesta/diagnosis/rules"
	"github.com/3astronautas/algesta/words"
)

//go:generate go test -run ^TestTheDocumentIsFresh$ -update

// Document is docs/diagnoses.md: the table of rules for people.
func Document() string {
	var b strings.Builder
	b.WriteString(`# What algesta can diagnose

This page is generated from the rules in package rules; do not edit it. Every rule has a fixture that fires it and a
healthy look-alike that must not, in diagnosis/rules/testdata.

A *symptom* is explained by another finding where there is one; alone it means that the cause is not known. A *risk* hurts
nobody yet. *Advice* makes nothing sick or risky and stands last. What couldn't be read is listed as not checked, and never called missing.

## The answer as JSON

| field | meaning |
|---|---|
| subject | the object that was asked about: kind, namespace, name |
| verdict | sick, risky, healthy or unknown |
| summary | the first line: the root cause in one sentence, or that all is well |
| chains[] | ranked by impact, then by how much a cause explains, then by certainty, then by the nearest change before it |
| chains[].cause, .subject, .rule, .class | one sentence; the object to fix; the rule and layer below |
| chains[].hits[] | the workloads and other objects that the cause hurts directly |
| chains[].evidence[] | object, field, quote (redacted), at, age, count |
| chains[].links[] | from the cause to the last symptom |
| chains[].explains[] | the rules whose findings the cause absorbs |
| chains[].impact | level (outage, degraded, latent) and text |
| chains[].since, .change | when it began; the rollout or change of configuration nearest before it |
| chains[].remedy | text, command, and verb and target where algesta can do it |
| chains[].confidence, .whyLower | high, medium or low; why it is not ranked higher or not certain |
| healthy[] | what was checked and is fine, one sentence each |
| notChecked[] | kind, namespace and reason of what could not be checked |
| advice[] | what is worth knowing and makes nothing sick: rule, subject, text, evidence[], remedy |

Fields are added, never renamed or removed.

`)
	var order []string
	byFamily := map[string][]rules.Rule{}
	for _, rule := range rules.Rules() {
		if byFamily[rule.Family] == nil {
			order = append(order, rule.Family)
		}
		byFamily[rule.Family] = append(byFamily[rule.Family], rule)
	}
	fmt.Fprintf(&b, "## The %d rules\n", len(rules.Rules()))
	for _, family := range order {
		fmt.Fprintf(&b, "\n### %s\n\n| rule | signal | usual cause | remedy | source |\n|---|---|---|---|---|\n", words.Capital(family))
		for _, rule := range byFamily[family] {
			name := "`" + rule.ID + "`"
			if rule.Symptom {
				name += " (symptom)"
			}
			if rule.Risk {
				name += " (risk)"
			}
			if rule.Advice {
				name += " (advice)"
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", name, cell(rule.Signal), cell(rule.Cause), cell(rule.Remedy), cell(rule.Source))
		}
	}
	return b.String() + classesPage()
}

func cell(text string) string { return strings.NewReplacer("|", `\|`, "*", `\*`).Replace(text) }
