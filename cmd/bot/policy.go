package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/catalog"
	"github.com/3astronautas/algesta/commands/grammar"
	"github.com/3astronautas/algesta/policy"
	"github.com/3astronautas/algesta/runbooks"
)

// policyCommand holds the commands for people who write the policy.
func policyCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "policy", Short: "Check a policy and explain its decisions"}
	cmd.AddCommand(policyCheckCommand(), policyExplainCommand(), policyTestCommand())
	return cmd
}

// question is who wants to do what, as given to `bot policy check`.
type question struct {
	config, file string
	user, email  string
	groups       []string
	standing     string
	at           string
}

func policyCheckCommand() *cobra.Command {
	var q question
	cmd := &cobra.Command{
		Use:   "check [command …]",
		Short: "Load a policy and, with a command, explain what it decides and why",
		Long: "Load a policy strictly and say what's wrong with it. With a command as people type it, explain what every rule " +
			"has to do\nwith it and what is decided. Names are looked up in the configuration's environments; it asks neither " +
			"a cluster nor Slack.\nThe exit code is 1 for a policy that does not load and for a command that is refused.",
		Example: "  bot policy check --policy policy.yaml\n" +
			"  bot policy check --config config.yaml --user U0DANA --group S0BACKEND scale api-gateway production replicas=6",
		RunE: func(cmd *cobra.Command, args []string) error {
			return q.answer(cmd.Context(), cmd.OutOrStdout(), strings.Join(args, " "))
		},
	}
	q.files(cmd)
	q.person(cmd)
	return cmd
}

// files are the flags that say which policy, for which configuration.
func (q *question) files(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&q.config, "config", "", "the configuration: for its environments, and its policyFile")
	flags.StringVar(&q.file, "policy", "", "the policy file, if not the configuration's")
}

// person are the flags that say who asks, and when.
func (q *question) person(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&q.user, "user", "", "the Slack user ID of whoever asks, such as U0DANA")
	flags.StringSliceVar(&q.groups, "group", nil, "the ID of a Slack user group that they are in, such as S0BACKEND; repeat for more")
	flags.StringVar(&q.email, "email", "", "the e-mail address of their Slack profile")
	flags.StringVar(&q.standing, "standing", string(algesta.Member), "member, guest, bot or deactivated")
	flags.StringVar(&q.at, "at", "", "the time to decide at, such as 2026-12-24T10:00:00-05:00; default: now")
}

// errNoConfig says that a command can't be understood without the environments.
var errNoConfig = errors.New("name the configuration with --config: its environments say what the command is about")

// errRefused is the exit of a command that the policy refuses.
var errRefused = errors.New("the command would be refused")

// load reads the configuration, where one is named, and the policy.
func (q *question) load() (cfg Config, p *policy.Policy, err error) {
	if q.config != "" {
		if cfg, err = loadConfigWithoutSlack(q.config); err != nil {
			return cfg, nil, err
		}
	}
	if p, err = loadPolicy(orDefault(q.file, cfg.PolicyFile)); err != nil {
		return cfg, nil, err
	}
	return cfg, p, named(p, cfg)
}

// asked loads the policy, and reads what it's asked about.
func (q *question) asked(ctx context.Context, text string) (*policy.Policy, policy.Facts, error) {
	cfg, p, err := q.load()
	if err != nil {
		return nil, policy.Facts{}, err
	}
	if q.config == "" {
		return nil, policy.Facts{}, errNoConfig
	}
	facts, err := q.facts(ctx, cfg, text)
	return p, facts, err
}

// answer loads the policy and explains one command, or says that the policy is sound.
func (q *question) answer(ctx context.Context, out io.Writer, text string) error {
	if text == "" {
		if _, _, err := q.load(); err != nil {
			return err
		}
		_, err := fmt.Fprintln(out, "The policy is valid.")
		return err
	}
	p, facts, err := q.asked(ctx, text)
	if err != nil {
		return err
	}
	return explainDecision(out, p, facts)
}

func loadPolicy(path string) (*policy.Policy, error) {
	if path == "" {
		return nil, errors.New("name a policy with --policy, or a configuration with --config")
	}
	b, err := readBounded(path, maxConfigFile)
	if err != nil {
		return nil, fmt.Errorf("reading the policy: %w", err)
	}
	p, err := policy.Load(b)
	if err == nil {
		err = runnable(p)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}

// runnable refuses a policy that lists programs to run in pods: there is no command that runs them, and whoever wrote the list believes
// that there is. See docs/adr/no-exec-in-pods.md.
func runnable(p *policy.Policy) error {
	if len(p.Commands()) == 0 {
		return nil
	}
	return errors.New("exec lists programs to run in pods, and the bot has no command that runs one: take exec out")
}

// named refuses a policy that names a cluster which is not configured: its rule would never hold.
func named(p *policy.Policy, cfg Config) error {
	names := cfg.clusterNames()
	if len(names) == 0 {
		return nil
	}
	known := map[string]bool{}
	for _, n := range names {
		known[n] = true
	}
	var problems []error
	for _, n := range p.Clusters() {
		if !known[n] {
			problems = append(problems, fmt.Errorf("the policy names the cluster %q, which is not configured%s", n, meant(n, names)))
		}
	}
	return errors.Join(problems...)
}

// facts are what the policy is asked, from the command as it would be typed.
func (q *question) facts(ctx context.Context, cfg Config, text string) (policy.Facts, error) {
	parser := grammar.NewParser(cfg.Slack.Handle(), runbooks.All())
	parsed, err := parser.Parse(text)
	if err != nil {
		return policy.Facts{}, plainError(err)
	}
	book, ok := runbooks.Find(parsed.Runbook)
	switch {
	case ok && parsed.Help:
		return policy.Facts{}, fmt.Errorf("that asks for the help of %s: every full member may read it, and the policy is not asked", book.Name)
	case parsed.Runbook == grammar.Undo.Name:
		return policy.Facts{}, errors.New(
			"undo is decided as the command that takes the last change back, such as rollback or scale: ask about that command",
		)
	case !ok:
		return policy.Facts{}, fmt.Errorf("everybody may use %s: the policy is not asked", parsed.Runbook)
	}
	names, err := catalog.New(cfg.Environments, cfg.Services)
	if err != nil {
		return policy.Facts{}, err
	}
	all := func(algesta.Target) bool { return true }
	target, err := targetFor(ctx, names, book, parsed)
	if err != nil {
		return policy.Facts{}, plainError(parser.Suggest(parsed, err, func(again grammar.Parsed) bool {
			_, err := names.Resolve(ctx, again.Service, again.Environment, all)
			return err == nil
		}))
	}
	at := time.Now()
	if q.at != "" {
		if at, err = time.Parse(time.RFC3339, q.at); err != nil {
			return policy.Facts{}, fmt.Errorf("reading --at: write a time with its zone, such as 2026-12-24T10:00:00-05:00: %w", err)
		}
	}
	actor := algesta.Actor{
		ID: algesta.PersonID{
			Team: cfg.Slack.TeamID,
			User: q.user,
		},
		Standing: algesta.Standing(q.standing),
		Groups:   q.groups,
		Email:    strings.ToLower(q.email),
		AsOf:     at,
	}
	return policy.Facts{
		Command: algesta.Command{
			Requester: algesta.AskedBy(actor), Runbook: book.Name, Target: target, Args: parsed.Args, Reason: parsed.Reason, At: at,
		},
		Verb: book.Verb, At: at,
	}, nil
}

// targetFor is what a command is about, as a running bot finds it.
func targetFor(ctx context.Context, names *catalog.Catalog, book runbooks.Runbook, p grammar.Parsed) (algesta.Target, error) {
	all := func(algesta.Target) bool { return true }
	switch {
	case book.About.Nothing(), book.About.Optional && p.Service+p.Object+p.Environment == "":
		return algesta.Target{}, nil
	case book.About.Cluster:
		t, err := names.Resolve(ctx, "", p.Args.String(runbooks.ClusterArg), all)
		return algesta.Target{Cluster: t.Cluster, Object: p.Object}, err
	case book.About.Environment && p.Service != "" && p.Environment == "": // "status production"
		if t, err := names.Resolve(ctx, "", p.Service, all); err == nil {
			t.Object = "namespace"
			return t, nil
		}
	}
	t, err := names.Resolve(ctx, p.Service, p.Environment, all)
	if t.Object = p.Object; t.Service == "" && t.Object == "" {
		t.Object = "namespace"
	}
	return t, err
}

// plainError is what people in Slack would read, for a terminal.
func plainError(err error) error {
	var told *algesta.Error
	if !errors.As(err, &told) {
		return err
	}
	return errors.New(strings.TrimSpace(told.Message.String() + " " + told.Hint.String()))
}

// explainDecision prints the rules in a table and the decision below it.
func explainDecision(out io.Writer, p *policy.Policy, f policy.Facts) error {
	if err := printSteps(out, p.Explain(f)); err != nil {
		return err
	}
	d := p.Decide(f)
	if _, err := fmt.Fprintf(out, "%s%s: %s\n", d.Effect, provided(p, f, d), d.Reason); err != nil {
		return fmt.Errorf("printing the decision: %w", err)
	}
	if d.Effect == algesta.Refuse {
		return errRefused
	}
	return nil
}

// provided says what a decision waits for: ", if its plan keeps the limit …". It's "" where nothing is left to judge.
func provided(p *policy.Policy, f policy.Facts, d algesta.Decision) string {
	open := p.Open(f)
	if d.Effect == algesta.Refuse || len(open) == 0 {
		return ""
	}
	limits := make([]string, len(open))
	for i, l := range open {
		limits[i] = fmt.Sprintf("%q (%s)", l.Name, l.Require)
	}
	return ", if its plan keeps the limit " + strings.Join(limits, " and the limit ")
}

// printSteps prints what each rule has to do with a command; a star marks those that are about it.
func printSteps(out io.Writer, steps []policy.Step) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, s := range steps {
		mark := " "
		if s.Speak {
			mark = "*"
		}
		if _, err := fmt.Fprintf(table, "%s %s\t%s\t%s\n", mark, s.Part, s.Rule, s.Why); err != nil {
			return fmt.Errorf("printing the rules: %w", err)
		}
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("printing the rules: %w", err)
	}
	return nil
}
