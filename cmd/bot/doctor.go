package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/3astronautas/algesta/redact"
	"github.com/3astronautas/algesta/words"
)

// doctorWithin bounds all that the doctor asks.
const doctorWithin = time.Minute

// state is how something is that the doctor looked at.
type state string

// The states, as they're printed.
const (
	fine      state = "ok"
	attention state = "WARN" // it works, and somebody should know
	broken    state = "FAIL"
	unchecked state = "?" // it couldn't be looked at
)

// finding is one thing that the doctor looked at.
type finding struct {
	state state
	what  string // a sentence without its full stop
	do    string // what to do, where something is to be done
}

// examination is one part of what the doctor looks at.
type examination struct {
	title    string
	findings []finding
}

func (e *examination) add(s state, do, format string, args ...any) {
	e.findings = append(e.findings, finding{s, fmt.Sprintf(format, args...), do})
}

func (e *examination) ok(format string, args ...any) { e.add(fine, "", format, args...) }

// errSick is the exit of a doctor that found something that doesn't work, or couldn't look.
var errSick = exitError{errors.New("something above doesn't work, or couldn't be checked"), 1}

func doctorCommand() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check everything that the bot needs, and say what to do about what's missing",
		Long: `Checks the configuration, its files, the policy, the store, Slack (tokens, scopes, connection, channels, user groups) and each
cluster (reachable, who the bot is there, which rights its commands lack, cert-manager, metrics). In the folder that bot init wrote it
also says whether the chart is installed, and why its pod doesn't run. It changes nothing and may run beside the bot.

Each line says ok, WARN (it works, and you should know), FAIL, or ? (it couldn't be looked at), and what to do. The exit code is 0 unless
a line says FAIL or ?.

Where no bot answers at the configuration's listen address, it opens a connection to Slack for a moment to see whether another process
uses the app token. If one does, Slack may send it a command in that moment; a person who types one then is told by Slack to try again.`,
		Example: "  bot doctor --config /etc/algesta/config.yaml\n" +
			"  kubectl exec -n algesta deployment/algesta -- /bot doctor --config /etc/algesta/config/config.yaml",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), doctorWithin)
			defer cancel()
			return printExaminations(cmd.OutOrStdout(), examine(ctx, path, os.Getenv, nil))
		},
	}
	cmd.Flags().StringVar(&path, "config", "/etc/algesta/config.yaml", "the configuration")
	return cmd
}

// examine looks at everything. What comes after a configuration that can't be read isn't looked at. connection tells of the connections to
// Slack of the bot that asks about itself; nil where something else asks.
func examine(ctx context.Context, path string, env func(string) string, connection func() (here, elsewhere int)) []examination {
	cfg, file, err := readConfig(path)
	first := examination{title: "configuration"}
	if err != nil {
		do := "correct the file, and start again"
		if _, missing := os.Stat(path); errors.Is(missing, fs.ErrNotExist) { //nolint:gosec // the operator's own path
			do = "name the configuration with --config; `bot init` writes one"
		}
		first.add(broken, do, "%v", err)
		return []examination{first}
	}
	first.ok("%s: %s, %s", path, words.Count(len(cfg.Clusters), "cluster"), words.Count(len(cfg.Environments), "environment"))
	examineFiles(&first, cfg)
	policy, p := examinePolicy(cfg)
	all := []examination{first, policy, examineStore(ctx, cfg), examineSlack(ctx, cfg, file, p, env, connection)}
	for _, c := range cfg.Clusters {
		all = append(all, examineCluster(ctx, cfg, c)...)
	}
	return all
}

// printExaminations prints what was found, without secrets, and is an error where something doesn't work.
func printExaminations(out io.Writer, all []examination) error {
	var forms *redact.Redactor
	var text strings.Builder
	counts := map[state]int{}
	for _, e := range all {
		fmt.Fprintf(&text, "%s\n", e.title)
		for _, f := range e.findings {
			counts[f.state]++
			fmt.Fprintf(&text, "  %-4s  %s\n", f.state, strings.ReplaceAll(f.what, "\n", "\n        "))
			if f.do != "" {
				fmt.Fprintf(&text, "        → %s\n", f.do)
			}
		}
	}
	fmt.Fprintf(&text, "\n%s", words.Count(counts[fine], "check")+" ok")
	for _, s := range []struct {
		state state
		said  string
	}{{attention, "to know"}, {broken, "to repair"}, {unchecked, "couldn't be checked"}} {
		if counts[s.state] > 0 {
			fmt.Fprintf(&text, ", %d %s", counts[s.state], s.said)
		}
	}
	text.WriteString(".\n")
	if _, err := io.WriteString(out, forms.String(text.String())); err != nil {
		return fmt.Errorf("printing what was found: %w", err)
	}
	if counts[broken]+counts[unchecked] > 0 {
		return errSick
	}
	return nil
}
