package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/policy"
)

// What a table of expectations may hold, word for word.
type expectationsFile struct {
	APIVersion string        `yaml:"apiVersion"`
	Kind       string        `yaml:"kind"`
	At         string        `yaml:"at"` // the time to decide at, where an expectation has none of its own
	Expect     []expectation `yaml:"expect"`
}

// expectation is what the policy should say to one command of one person.
type expectation struct {
	Name     string   `yaml:"name"` // what it's for; the command where it's left out
	User     string   `yaml:"user"`
	Groups   []string `yaml:"groups"`
	Email    string   `yaml:"email"`
	Standing string   `yaml:"standing"` // member where it's left out
	At       string   `yaml:"at"`
	Command  string   `yaml:"command"`
	Decision string   `yaml:"decision"` // allowed, needs approval or refused
	Rule     string   `yaml:"rule"`     // the rule that decides; any where it's left out
}

// policyTestCommand checks a policy against a table of expectations.
func policyTestCommand() *cobra.Command {
	var q question
	cmd := &cobra.Command{
		Use:   "test <file> …",
		Short: "Check a policy against tables of expectations",
		Long: "Check a policy against tables of expectations: who types what, and what the policy has to say to it. Each that doesn't hold is\n" +
			"printed with what the policy says instead, and each that holds only if the command's plan keeps a limit is printed with that\n" +
			"limit: a plan takes a cluster. The exit code is 1 where one doesn't hold, or a table can't be read.",
		Example: "  bot policy test --config config.yaml policy-test.yaml",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return q.test(cmd.Context(), cmd.OutOrStdout(), args)
		},
	}
	q.files(cmd)
	return cmd
}

// test runs tables of expectations.
func (q *question) test(ctx context.Context, out io.Writer, paths []string) error {
	cfg, p, err := q.load()
	if err != nil {
		return err
	}
	if q.config == "" {
		return errNoConfig
	}
	checked, wrong, open := 0, 0, 0
	for _, path := range paths {
		b, err := readBounded(path, maxConfigFile)
		if err != nil {
			return fmt.Errorf("reading the expectations: %w", err)
		}
		table, err := parseExpectations(b)
		if err != nil {
			return fmt.Errorf("reading the expectations %s: %w", path, err)
		}
		for i, e := range table.Expect {
			checked++
			says, holds, err := e.check(ctx, *q, cfg, p, table.At)
			switch {
			case err != nil:
				return fmt.Errorf("%s: expectation %d (%s): %w", path, i+1, e.called(), err)
			case says == "":
				continue
			case holds:
				open++
			default:
				wrong++
			}
			if _, err := fmt.Fprintf(out, "%s: %s: %s\n", path, e.called(), says); err != nil {
				return fmt.Errorf("printing what doesn't hold: %w", err)
			}
		}
	}
	if wrong > 0 {
		return fmt.Errorf("%d of %d expectations don't hold", wrong, checked)
	}
	but := ""
	if open > 0 {
		but = fmt.Sprintf(", %d of them as far as can be said without a plan", open)
	}
	_, err = fmt.Fprintf(out, "All %d expectations hold%s.\n", checked, but)
	return err
}

// parseExpectations reads a table strictly: what is misspelt would expect nothing.
func parseExpectations(b []byte) (expectationsFile, error) {
	var f expectationsFile
	if err := strictYAML(b, &f); err != nil {
		return f, err
	}
	if f.APIVersion != "algesta.io/v1" || f.Kind != "PolicyTest" {
		return f, fmt.Errorf(
			"it is %s, %s: write apiVersion: algesta.io/v1 and kind: PolicyTest",
			orDefault(f.APIVersion, "-"),
			orDefault(f.Kind, "-"),
		)
	}
	if len(f.Expect) == 0 {
		return f, errors.New("expect is empty: a table without expectations checks nothing")
	}
	for i, e := range f.Expect {
		switch {
		case e.Command == "":
			return f, fmt.Errorf("expectation %d has no command", i+1)
		case e.effect() == "":
			return f, fmt.Errorf("expectation %d (%s): decision is %q: write allowed, needs approval or refused", i+1, e.called(), e.Decision)
		}
	}
	return f, nil
}

func (e expectation) called() string { return orDefault(e.Name, e.Command) }

// effect is the decision as algesta.Effect prints it, "" for a word that is none.
func (e expectation) effect() string {
	for _, known := range []algesta.Effect{algesta.Refuse, algesta.NeedsApproval, algesta.Allow} {
		if e.Decision == known.String() {
			return e.Decision
		}
	}
	return ""
}

// check says what the policy says instead of what is expected, and "" where it says that. Where it holds and says something, that is what
// only the plan of the command will show. An error is of the table: such a command can't be decided.
func (e expectation) check(ctx context.Context, q question, cfg Config, p *policy.Policy, at string) (says string, holds bool, err error) {
	q.user, q.groups, q.email, q.at = e.User, e.Groups, e.Email, orDefault(e.At, at)
	q.standing = orDefault(e.Standing, string(algesta.Member))
	facts, err := q.facts(ctx, cfg, e.Command)
	if err != nil {
		return "", false, err
	}
	d := p.Decide(facts)
	open := provided(p, facts, d)
	switch {
	case d.Effect.String() != e.Decision:
		says = fmt.Sprintf("expected %s, and it is %s (rule %q)%s. %s", e.Decision, d.Effect, d.Rule, open, d.Reason)
		return strings.TrimSpace(says), false, nil
	case e.Rule != "" && e.Rule != d.Rule:
		return fmt.Sprintf("it is %s as expected, but by the rule %q and not by %q", d.Effect, d.Rule, e.Rule), false, nil
	case open != "":
		return fmt.Sprintf("%s%s", d.Effect, open), true, nil
	}
	return "", true, nil
}

// policyExplainCommand says which rule decides about a command, and why.
func policyExplainCommand() *cobra.Command {
	var q question
	cmd := &cobra.Command{
		Use:   "explain <command …>",
		Short: "Say which rule decides about a command, and why",
		Long: "Say what the policy decides about a command as people type it, which rule that is, and below it what every other rule has to " +
			"do\n" +
			"with it. Freezes that people asked for aren't in the policy file, so they aren't among them. The exit code is 1 for a refusal.",
		Example: "  bot policy explain --config config.yaml --user U0DANA --group S0BACKEND scale api-gateway production replicas=6",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return q.explain(cmd.Context(), cmd.OutOrStdout(), strings.Join(args, " "))
		},
	}
	q.files(cmd)
	q.person(cmd)
	return cmd
}

func (q *question) explain(ctx context.Context, out io.Writer, text string) error {
	p, facts, err := q.asked(ctx, text)
	if err != nil {
		return err
	}
	d := p.Decide(facts)
	by := "no rule"
	if d.Rule != "" {
		by = fmt.Sprintf("the rule %q", d.Rule)
	}
	why := strings.TrimSpace(d.Reason.String() + " " + d.Hint.String())
	if _, err := fmt.Fprintf(out, "%s, by %s%s: %s\n\n", d.Effect, by, provided(p, facts, d), why); err != nil {
		return fmt.Errorf("printing the decision: %w", err)
	}
	if err := printSteps(out, p.Explain(facts)); err != nil {
		return err
	}
	if d.Effect == algesta.Refuse {
		return errRefused
	}
	return nil
}
