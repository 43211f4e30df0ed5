package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"golang.org/x/tools/txtar"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/console"
	"github.com/3astronautas/algesta/sandbox/control"
	"github.com/3astronautas/algesta/sandbox/platform"
)

// rewrite rewrites the golden conversations: go test ./cmd/bot -run TestTalk -update.
var rewrite = flag.Bool("update", false, "rewrite the golden conversations")

// A golden conversation is a file that a customer can read: who says what, what the bot answers, what was written. It runs with
// the real parser, policy, runbooks and clients through the console, on the sandbox's control plane.
func TestTalk(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../commands/testdata/talk/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	cluster := control.ForTest(t)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(file)
			require.NoError(t, err)
			parts := map[string]string{}
			for _, f := range archive.Files {
				parts[f.Name] = string(f.Data)
			}
			on, certificates := cluster, strings.Contains(parts["objects.yaml"], "cert-manager.io/") // its kinds are the whole cluster's
			if _, alone := parts["alone"]; alone || certificates {                                   // it tells of what others would change
				on = control.Private(t)
			}
			if certificates {
				on.CertManager(t)
			}
			got := newConversation(t, on, parts).run(parts["talk"])
			if *rewrite {
				for i := range archive.Files {
					if archive.Files[i].Name == "talk" {
						archive.Files[i].Data = []byte(got)
					}
				}
				require.NoError(t, os.WriteFile(file, txtar.Format(archive), 0o600))
				return
			}
			require.Equal(t, parts["talk"], got)
		})
	}
}

// speaker is who is before the > of a line that a person typed.
var speaker = regexp.MustCompile(`^[a-z]+( in #[a-z]+)?$`)

// conversation is a running bot with a console.
type conversation struct {
	t       *testing.T
	rooms   *rooms
	console *console.Console
	out     *bytes.Buffer
	site    platform.Site
	cluster *control.Cluster
	began   time.Time

	broken    *breakable         // nil unless the conversation has a connection that breaks
	meanwhile []string           // the lines of commands that run while it does
	deciding  bool               // the next commands are for then
	form      algesta.Invocation // with which a form was opened last
	executed  map[string]bool    // requests that were seen under way
	diagnoses map[string]bool    // requests whose diagnosis was printed
}

func newConversation(t *testing.T, cluster *control.Cluster, parts map[string]string) *conversation {
	t.Helper()
	site := platform.NewSite(t, cluster)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	require.NoError(t, site.Apply(ctx, cluster, "production"))
	dir := t.TempDir()
	if objects := parts["objects.yaml"]; objects != "" { // what the platform hasn't got
		file := filepath.Join(dir, "objects.yaml")
		require.NoError(t, os.WriteFile(file, []byte(objects), 0o600))
		said, err := exec.CommandContext(
			ctx, cluster.Kubectl, "--kubeconfig", cluster.Kubeconfig, "-n", site.Namespace("production"), "apply", "-f", file,
		).CombinedOutput()
		require.NoError(t, err, string(said))
	}
	others := ""
	if objects := parts[monitoring+".yaml"]; objects != "" {
		applyMonitoring(ctx, t, cluster, site, filepath.Join(dir, monitoring+".yaml"), objects)
		others = fmt.Sprintf(`, {name: %s, cluster: %s, namespace: %s, deployment: "{service}"}`, monitoring, platform.ClusterProduction,
			site.Namespace(monitoring))
	}
	kubeconfig := filepath.Join(dir, "kubeconfig")
	require.NoError(t, platform.WriteBotKubeconfig(ctx, cluster, kubeconfig))
	c := &conversation{
		t:         t,
		out:       &bytes.Buffer{},
		site:      site,
		cluster:   cluster,
		began:     time.Now(),
		executed:  map[string]bool{},
		diagnoses: map[string]bool{},
	}
	if strings.Contains(parts["talk"], breaks) {
		c.broken, kubeconfig = newBreakable(t, kubeconfig)
	}
	policy := strings.NewReplacer(
		"[production]", "["+site.Namespace("production")+"]", "["+monitoring+"]", "["+site.Namespace(monitoring)+"]",
	).Replace(parts["policy.yaml"])
	config := fmt.Sprintf(`
apiVersion: algesta.io/v1
kind: Config
clusters: [{name: %[1]s, access: kubeconfig, kubeconfig: %[2]s, context: %[1]s, sandbox: true}]
environments: [{name: production, aliases: [prod], cluster: %[1]s, namespace: %[3]s, deployment: "{service}-production"}%[5]s]
services: [{name: api-gateway, aliases: [gateway]}]
policyFile: %[4]s/policy.yaml
store: file:%[4]s/a.db
follow: {soak: 1s}
`, platform.ClusterProduction, kubeconfig, site.Namespace("production"), dir, others)
	for name, text := range map[string]string{"policy.yaml": policy, "config.yaml": config} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	cfg, err := loadConfigWithoutSlack(filepath.Join(dir, "config.yaml"))
	require.NoError(t, err)
	people, err := console.ParsePeople([]byte(parts["people.yaml"]))
	require.NoError(t, err)
	c.rooms, err = openRooms(t.Context(), cfg, zap.NewNop())
	require.NoError(t, err)
	require.NoError(t, c.rooms.dispatch(people))
	c.console, err = console.New(console.Config{People: people, Inbox: c.rooms.store, Outbox: c, Short: true}, c.out)
	require.NoError(t, err)
	running, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() {
		done <- c.rooms.work(running, func(ctx context.Context) error { <-ctx.Done(); return nil })
	}()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-done)
		c.rooms.close(context.WithoutCancel(t.Context()))
	})
	c.until("the caches are warm", func() bool {
		return c.rooms.clusters[platform.ClusterProduction].Synced() && len(c.rooms.catalog.Known(t.Context())) > 0
	})
	return c
}

// run types the lines of the people and returns the whole conversation, with what was written at its end.
func (c *conversation) run(talk string) string {
	for line := range strings.Lines(talk) {
		if c.happens(line) || c.fills(line) {
			continue
		}
		who, _, said := strings.Cut(line, ">")
		if !said || who == "console" || who == "form" || strings.HasPrefix(line, "bot") || !speaker.MatchString(who) {
			continue // what the bot said when this was written
		}
		c.breakNext()
		fmt.Fprint(c.out, line)
		require.NoError(c.t, c.console.Type(c.t.Context(), line))
		c.until("there is an answer", func() bool {
			due, err := c.rooms.store.Due(c.t.Context(), 1)
			require.NoError(c.t, err)
			return len(due) > 0
		})
		c.until("nothing is under way", c.quiet)
		c.listen()
	}
	fmt.Fprintf(c.out, "writes: %d\n", c.writes())
	return c.plain(c.out.String())
}

// writes is how many changes of the bot the API server took, of any object.
func (c *conversation) writes() (n int) {
	for _, environment := range []string{"production", monitoring} {
		all, err := c.cluster.Requests(c.t.Context(), c.began, c.site.Namespace(environment))
		require.NoError(c.t, err)
		for _, r := range all {
			if r.User == "system:serviceaccount:algesta:algesta" && r.Change() && r.Code < 300 {
				n++
			}
		}
	}
	return n
}

// The lines of what nobody types to the bot, beside "$ kubectl …" in the namespace.
const (
	passes = "(nobody approves in time)\n"
	breaks = "(the connection breaks during the next write, and meanwhile:)\n"
)

// happens carries out what nobody types to the bot: commands, the passing of the time that an approval has, and a connection that breaks
// while the commands below it run.
func (c *conversation) happens(line string) bool {
	command, isCommand := strings.CutPrefix(strings.TrimSpace(line), "$ kubectl ")
	switch {
	case isCommand && c.deciding:
		c.meanwhile = append(c.meanwhile, command)
	case isCommand:
		c.kubectl(command)
	case line == breaks:
		c.deciding = true
	case line == passes:
		fmt.Fprint(c.out, line)
		c.until("nothing is pending", func() bool {
			alive, err := c.rooms.store.Alive(c.t.Context())
			require.NoError(c.t, err)
			return len(alive) == 0
		})
		c.listen()
		return true
	default:
		return false
	}
	fmt.Fprint(c.out, line)
	return true
}

// kubectl runs a command of somebody else.
func (c *conversation) kubectl(command string) {
	args := append([]string{"--kubeconfig", c.cluster.Kubeconfig, "-n", c.site.Namespace("production")}, strings.Fields(command)...)
	said, err := exec.CommandContext(c.t.Context(), c.cluster.Kubectl, args...).CombinedOutput()
	require.NoError(c.t, err, string(said))
}

// breakNext breaks the connection of the next write, if the conversation says so.
func (c *conversation) breakNext() {
	if !c.deciding {
		return
	}
	commands := c.meanwhile
	c.deciding, c.meanwhile = false, nil
	meanwhile := func() {
		for _, command := range commands {
			c.kubectl(command)
		}
	}
	c.broken.next.Store(&meanwhile)
}

// quiet reports whether nothing that was approved is still under way.
func (c *conversation) quiet() bool {
	alive, err := c.rooms.store.Alive(c.t.Context())
	require.NoError(c.t, err)
	for _, r := range alive {
		if r.Status != algesta.Pending && r.Status != algesta.Unknown {
			c.executed[r.ID] = true
			if r.Glass != nil && r.Status == algesta.Approved { // it waits until the security channel was told
				_, err := c.console.Drain(c.t.Context())
				require.NoError(c.t, err)
			}
			return false
		}
	}
	return true
}

// listen prints everything that is said about what just happened. The card goes before its thread, and the diagnosis of what failed is a
// job of its own.
func (c *conversation) listen() {
	c.until("everything is said", func() bool {
		_, err := c.console.Drain(c.t.Context())
		require.NoError(c.t, err)
		_, err = c.console.Drain(c.t.Context()) // what the card held back
		require.NoError(c.t, err)
		for id := range c.executed {
			if !c.diagnosed(id) {
				return false
			}
		}
		return true
	})
}

// diagnosed reports whether the diagnosis of a request was printed, if there has to be one.
func (c *conversation) diagnosed(id string) bool {
	r, err := c.rooms.store.Request(c.t.Context(), id)
	require.NoError(c.t, err)
	records, err := c.rooms.store.Executions(c.t.Context(), id)
	require.NoError(c.t, err)
	return r.Status != algesta.Failed || len(records) == 0 || records[len(records)-1].State != algesta.Confirmed || c.diagnoses[id]
}

// Due implements console.Outbox: it notes which diagnoses are printed.
func (c *conversation) Due(ctx context.Context, limit int) ([]algesta.Outgoing, error) {
	due, err := c.rooms.store.Due(ctx, limit)
	for _, o := range due {
		if o.Post.Kind == algesta.DiagnosePost {
			c.diagnoses[o.Post.Command] = true
		}
	}
	return due, err
}

// Delivered implements console.Outbox.
func (c *conversation) Delivered(ctx context.Context, all []algesta.Delivery) error {
	return c.rooms.store.Delivered(ctx, all)
}

// OutboxWake implements console.Outbox.
func (c *conversation) OutboxWake() <-chan struct{} { return c.rooms.store.OutboxWake() }

func (c *conversation) until(what string, is func() bool) {
	c.t.Helper()
	require.Eventually(c.t, is, 2*time.Minute, 20*time.Millisecond, "waiting until "+what)
}

// plain replaces what differs from run to run: times, ages, generated names, and the namespace's random end.
func (c *conversation) plain(s string) string {
	s = strings.ReplaceAll(s, c.site.Suffix, "")
	for _, r := range []struct{ form, with string }{
		{
			`\bjust now\b`, "N s ago",
		},
		{`\bdone at once\b`, "done after N s"},
		{`\b\d+ s\b`, "N s"},
		{`\d\d:\d\d:\d\d UTC`, "HH:MM:SS UTC"},
		{
			`\d\d:\d\d UTC`,
			"HH:MM UTC",
		},
		{`\d{4}-\d\d-\d\d HH:MM UTC`, "YYYY-MM-DD HH:MM UTC"},
		{`…-[a-z0-9]{5}\b`, "…-xxxxx"},
		{`-[a-z0-9]{8,10}-[a-z0-9]{5}\b`, "-xxxxx"},
		{`(?m)[ \t]+$`, ""},
		{`\b[0-9A-F]{8}\b`, "XXXXXXXX"}, // the end of a serial
		{`\b[0-9A-F]{24,40}\b`, "X…"},
		{`(?m)^bot> ✅ Done after N s\.\n`, ""}, // the progress, where there was time for one
		// A new certificate lasts for 90 days and renews itself after 60: a day less is left as soon as it's a second old.
		{`\b90 days\b`, "89 days"},
		{`\b60 days\b`, "59 days"},
		{`(is supported until|has been out of support since) 30`, "… 30"}, // it depends on the day
		{`(?m)^\s*• …-xxxxx stopping\n`, ""},                              // a pod that stops may be gone by then
		{`\b\d{1,2} [A-Z][a-z]+ \d{4}, HH:MM UTC`, "D Month YYYY, HH:MM UTC"},
		{`\bin (119 min|120 min|2 h)\b`, "in 2 h"},
		// Where a pod runs is the scheduler's choice, and so is what is left there.
		{`\baks-(stdaruser|system)-XXXXXXXX-vmss[0-9a-z]{6}\b`, "aks-…"},
		{`Of these on each node: .*`, "Of these on each node: …"},
		{`\b\d+ of 30\s+[0-9.]+ of 1\.9\s+\S+ of 2\.9Gi +`, "N of 30  N of 1.9  NMi of 2.9Gi  "},
		// A column is as wide as its longest age.
		{`\b(N s ago) +(\d)`, "$1  $2"},
		{`\b(ready for N s) +(N of)`, "$1  $2"},
		{`\b(made) +(ready)\b`, "$1  $2"},
		{`\b(state) +(pods)\b`, "$1  $2"},
		{`\b(pods) +(cpu requested)`, "$1  $2"},
		{`\b(age) +(node|owner)\b`, "$1  $2"},
		{`\bN s +(aks-…|–)`, "N s  $1"},
		{`(aks-…) +(stdaruser|system) +`, "$1  $2  "},
		{`on the nodes   \d+ more`, "on the nodes   N more"},
		{`The pod after \d+ more pods`, "The pod after N more pods"},
		// The autoscaler may not have looked yet.
		{
			`(hpa) keeps \d+ pods now and may put that number back within a minute or a few( \(2–10\)\.) To keep \d+, type /algesta hpa pin [^.]*\.`,
			"$1 may change the number again when the load asks for it$2",
		},
		{`api-gateway-production-hpa keeps \d[^.]*\. `, ""},
	} {
		s = regexp.MustCompile(r.form).ReplaceAllString(s, r.with)
	}
	return s
}
