package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/3astronautas/algesta/kube"
	"github.com/3astronautas/algesta/words"
)

// setup is what `bot init` is asked.
type setup struct {
	kubeconfig, context string
	out, cluster        string
	command, channel    string
	namespaces          []string
	who, approvers      []string
}

func initCommand() *cobra.Command {
	var s setup
	cmd := &cobra.Command{
		Use:   "init --who user:U…",
		Short: "Ask a cluster what runs there, and write a configuration, a policy, the chart's values and the Slack app's manifest",
		Long: `Looks at the namespaces and Deployments of a cluster, with your own kubeconfig, and writes files that work as they are into a new
folder: config.yaml (to try the bot out here), policy.yaml, values.yaml (for the chart), slack-app.yaml (to make the Slack app from) and
chart/. Nothing in the cluster is changed, and no file is overwritten.`,
		Example: "  bot init --who user:U0DANA --who group:S0BACKEND --approver user:U0CARLA\n" +
			"  bot init --context aks-algesta-dev --namespace development --who user:U0DANA --channel C0INCIDENTS",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return s.run(cmd.Context(), cmd.OutOrStdout()) },
	}
	flags := cmd.Flags()
	flags.StringVar(&s.kubeconfig, "kubeconfig", clientConfigPath(os.Getenv), "your kubeconfig; several as in the variable KUBECONFIG")
	flags.StringVar(&s.context, "context", "", "a context of it; default: the current one")
	flags.StringVar(&s.out, "out", "algesta", "the folder to write to")
	flags.StringVar(&s.cluster, "cluster", "", "what to call the cluster; default: the context's name, or main")
	flags.StringVar(&s.command, "command", defaultCommand, "the slash command")
	flags.StringVar(&s.channel, "channel", "", "the ID of the channel to tell of incidents in, such as C0INCIDENTS; default: none")
	flags.StringSliceVar(&s.namespaces, "namespace", nil,
		"a namespace to operate; repeat for more; default: all with Deployments but the platform's own")
	flags.StringSliceVar(&s.who, "who", nil, "who may operate: user:U…, group:S… or email:…; repeat for more")
	flags.StringSliceVar(&s.approvers, "approver", nil, "who approves changes in production; default: those of --who")
	return cmd
}

// subjectForm is a subject of a policy.
var subjectForm = regexp.MustCompile(`^(user:[UW][A-Z0-9]+|group:S[A-Z0-9]+|email:[^\s"@]+@[^\s"@]+)$`)

func (s *setup) validate() error {
	var problems []error
	if len(s.who) == 0 {
		problems = append(problems, errors.New(
			"say who may operate, with --who user:U…: in Slack, open your profile, click ⋮ and copy your member ID"))
	}
	for _, who := range append(append([]string{}, s.who...), s.approvers...) {
		if !subjectForm.MatchString(who) {
			problems = append(problems, fmt.Errorf(
				"%q isn't a person or a group: write user:U0DANA, group:S0BACKEND or email:dana@example.com", who))
		}
	}
	if !slashCommand.MatchString(s.command) {
		problems = append(problems, fmt.Errorf("--command is %q: write a slash and lower-case letters, such as %s", s.command, defaultCommand))
	}
	if s.channel != "" && !channelID.MatchString(s.channel) {
		problems = append(problems, fmt.Errorf("--channel is %q: write the channel's ID, such as C0INCIDENTS", s.channel))
	}
	if s.cluster != "" && !clusterName.MatchString(s.cluster) {
		problems = append(problems, fmt.Errorf("--cluster is %q: write letters, digits and hyphens", s.cluster))
	}
	return errors.Join(problems...)
}

var clusterName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

// run asks the cluster and writes the files.
func (s *setup) run(ctx context.Context, out io.Writer) error {
	if err := s.validate(); err != nil {
		return err
	}
	if there, err := os.ReadDir(s.out); err == nil && len(there) > 0 {
		return fmt.Errorf("%s isn't empty, and nothing is overwritten: name another folder with --out", s.out)
	}
	// The context is written down: the current one may be that of another cluster tomorrow.
	var err error
	if s.kubeconfig, s.context, err = kube.ContextIn(s.kubeconfig, s.context); err != nil {
		return err
	}
	if s.cluster == "" {
		s.cluster = "main"
		if clusterName.MatchString(s.context) {
			s.cluster = s.context
		}
	}
	cluster, err := kube.Open(ctx, kube.Config{
		Name: s.cluster, Access: kube.Kubeconfig, Kubeconfig: s.kubeconfig, Context: s.context, Version: version,
	})
	if err != nil {
		return err
	}
	found, err := survey(ctx, cluster, s.namespaces)
	if err != nil {
		return plainError(err)
	}
	if err := s.write(found); err != nil {
		return err
	}
	return s.tell(out, found)
}

// tell says what was found and what is next.
func (s *setup) tell(out io.Writer, found surveyed) error {
	var text strings.Builder
	fmt.Fprintf(&text, "Found %s in %s:\n", words.Count(len(found.places), "namespace"), s.cluster)
	for _, p := range found.places {
		fmt.Fprintf(&text, "  %-20s %s, named %s\n", p.namespace, words.Count(len(p.deployments), "Deployment"), p.pattern)
	}
	in := func(name string) string { return filepath.Join(s.out, name) }
	fmt.Fprintf(&text, `
Written to %[1]s: config.yaml, policy.yaml, values.yaml, slack-app.yaml and chart/. Read policy.yaml: it says who may do what.

Next:
  1. Make the Slack app: https://api.slack.com/apps, "Create New App", "From a manifest", with %[2]s. Install it in your workspace.
     Put its bot token (OAuth & Permissions, xoxb-…) into %[3]s and an app-level token with connections:write
     (Basic Information, xapp-…) into %[4]s, both for you alone: chmod 600.
  2. Install it:
     %[5]s
     %[6]s
  3. See what's still missing, now and whenever you like:
     bot doctor --config %[7]s
`, s.out, in("slack-app.yaml"), in("bot-token"), in("app-token"), helmInstall(s.out), makeSecret(s.out), in("config.yaml"))
	for _, lacking := range found.lacking(s.out) {
		fmt.Fprintf(&text, "\n%s\n", lacking)
	}
	guarded, open := found.guarded()
	if len(open) > 0 {
		fmt.Fprintf(&text, "\nChanges in %s need nobody's approval: if that's wrong, add it to the approvals in policy.yaml.\n", words.List(open))
	}
	if len(s.approversOr()) == 1 && len(guarded) > 0 && strings.HasPrefix(s.approversOr()[0], "user:") {
		fmt.Fprintf(&text,
			"\nChanges in %s need a second person, and only one may approve: name another one in policy.yaml, or with --approver.\n",
			words.List(guarded))
	}
	if _, err := io.WriteString(out, text.String()); err != nil {
		return fmt.Errorf("printing what is next: %w", err)
	}
	return nil
}

// helmInstall installs the chart of a set-up's folder.
func helmInstall(folder string) string {
	return fmt.Sprintf("helm install algesta %s -n algesta --create-namespace -f %s --set-file policy=%s",
		filepath.Join(folder, "chart"), filepath.Join(folder, "values.yaml"), filepath.Join(folder, "policy.yaml"))
}

// helmUpgrade takes over what was corrected there.
func helmUpgrade(folder, namespace string) string {
	return fmt.Sprintf("helm upgrade algesta %s -n %s -f %s --set-file policy=%s",
		filepath.Join(folder, "chart"), namespace, filepath.Join(folder, "values.yaml"), filepath.Join(folder, "policy.yaml"))
}

// makeSecret makes the Secret that the values of a set-up name.
func makeSecret(folder string) string {
	return fmt.Sprintf("kubectl create secret generic %s -n algesta --from-file=%s --from-file=%s",
		slackSecret, filepath.Join(folder, "app-token"), filepath.Join(folder, "bot-token"))
}

// slackSecret is the Secret with Slack's tokens, as templates/values.yaml names it.
const slackSecret = "algesta-slack" //nolint:gosec // a name

// lacking are what keeps the chart from running in this cluster as it is, each with what to do.
func (f surveyed) lacking(folder string) []string {
	var out []string
	values := filepath.Join(folder, "values.yaml")
	if f.storage.known && f.storage.byDefault == "" {
		name := "Make one, or bind a volume yourself"
		if len(f.storage.names) > 0 {
			name = "Name one of " + words.List(f.storage.names) + " as persistence.storageClassName in " + values
		}
		out = append(out, "The cluster has no default StorageClass, so the bot's volume would wait for ever. "+name+" before you install it.")
	}
	if f.storage.shared {
		out = append(out, fmt.Sprintf("The default StorageClass %s makes file shares, on which SQLite's locks don't work: name one that makes "+
			"disks as persistence.storageClassName in %s.", f.storage.byDefault, values))
	}
	if releasedVersion(version) == "" {
		out = append(out, fmt.Sprintf("This bot (%s) isn't a release, so no registry has its image: build it from the same commit with `make "+
			"image PUSH=your.registry/algesta:tag`, and write that as image in %s before you install it.", version, values))
	}
	return out
}

// releaseForm is the version of a release. One of a commit between two releases has more behind it.
var releaseForm = regexp.MustCompile(`^v?(\d+\.\d+\.\d+(?:-(?:alpha|beta|rc)[.\d]*)?)$`)

// releasedVersion is the version of a release as the chart and the image have it, "" for what isn't one.
func releasedVersion(version string) string {
	if m := releaseForm.FindStringSubmatch(version); m != nil {
		return m[1]
	}
	return ""
}

// approversOr are who approves: those of --who where nobody else was named.
func (s *setup) approversOr() []string {
	if len(s.approvers) > 0 {
		return s.approvers
	}
	return s.who
}
