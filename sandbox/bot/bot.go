// Package bot runs the real binary of algesta against the sandbox: for the demo, the tests of a person's day and the
// benchmarks. It knows the binary's flags, files and log, and nothing of its insides.
package bot

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Config is what the files of one bot say. Everything is required but what has a default.
type Config struct {
	Dir        string // for the files and the database; survives the process
	SlackURL   string // the Web API's base, ending in /
	BotToken   string
	AppToken   string
	Kubeconfig string
	Contexts   map[string]string // cluster name → context of the kubeconfig
	// MoreClusters are YAML: entries of the configuration's clusters beside those of Contexts; may be empty.
	MoreClusters string
	// Env are variables of the process beside this one's, as "NAME=value".
	Env []string
	// SecretNamespaces are where the bot may get Secrets, by cluster.
	SecretNamespaces map[string][]string
	// Environments are YAML: the value of the configuration's environments.
	Environments string
	Services     string // YAML: the value of services; may be empty
	Policy       string // the whole policy file
	Incidents    string // YAML: the value of incidents; none is reported where it's empty
	AdminChannel string // the ID of the channel that slack.adminChannel names; may be empty
	Soak         time.Duration
	Pretty       bool      // people's log lines instead of JSON
	Log          io.Writer // also gets the log; may be nil
}

// Bot is one running process.
type Bot struct {
	URL string // of /healthz, /readyz and /metrics
	PID int

	cmd    *exec.Cmd
	exited chan struct{}
	mu     sync.Mutex
	log    bytes.Buffer
	alerts string
}

// Build compiles the binary and returns its path. It uses the flags of go test, so that what the tests compiled is not compiled
// again; Go's own cache makes the second time quick.
func Build(ctx context.Context, dir string) (string, error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "algesta")
	cmd := exec.CommandContext(ctx, "go", "build", "-ldflags", "-s -w", "-o", path, "./cmd/bot") //nolint:gosec // a path of our own
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the bot: %w\n%s", err, out)
	}
	return path, nil
}

// moduleRoot is the folder of the root module's go.mod, from the working directory upwards.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("looking for the module: %w", err)
	}
	for {
		b, err := os.ReadFile(filepath.Join(dir, "go.mod")) //nolint:gosec // a folder above ours
		if err == nil && bytes.HasPrefix(b, []byte("module github.com/3astronautas/algesta\n")) {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("looking for the module: run this inside the repository")
		}
		dir = filepath.Dir(dir)
	}
}

// Write puts the bot's files into its folder and returns the path of the configuration.
func (c Config) Write() (string, error) {
	var clusters strings.Builder
	for name, context := range c.Contexts {
		fmt.Fprintf(
			&clusters,
			"  - {name: %s, kind: aks, access: kubeconfig, kubeconfig: %q, context: %q, sandbox: true, secretNamespaces: [%s]}\n",
			name,
			c.Kubeconfig,
			context,
			strings.Join(c.SecretNamespaces[name], ", "),
		)
	}
	clusters.WriteString(c.MoreClusters)
	services := c.Services
	if services == "" {
		services = " []"
	}
	incidents := c.Incidents
	if incidents == "" {
		incidents = " {}"
	}
	files := map[string]string{
		"app-token":   c.AppToken,
		"bot-token":   c.BotToken,
		"policy.yaml": c.Policy,
		"config.yaml": fmt.Sprintf(`apiVersion: algesta.io/v1
kind: Config
slack:
  appTokenFile: %[1]s/app-token
  botTokenFile: %[1]s/bot-token
  command: /algesta
  apiURL: %[2]s
  adminChannel: %[8]q
clusters:
%[3]senvironments:%[4]s
services:%[5]s
policyFile: %[1]s/policy.yaml
store: file:%[1]s/algesta.db
follow: {soak: %[6]s}
incidents:%[7]s
listen: "127.0.0.1:0"
`, c.Dir, c.SlackURL, clusters.String(), c.Environments, services, c.Soak, incidents, c.AdminChannel),
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(c.Dir, name), []byte(text), 0o600); err != nil {
			return "", fmt.Errorf("writing the bot's files: %w", err)
		}
	}
	return filepath.Join(c.Dir, "config.yaml"), nil
}

// SetPolicy replaces the policy file; the running bot takes it over within a few seconds.
func (c Config) SetPolicy(text string) error {
	return os.WriteFile(filepath.Join(c.Dir, "policy.yaml"), []byte(text), 0o600)
}

// Start runs the binary with these files and waits until it says that it is ready. The process dies with this one.
func Start(ctx context.Context, binary string, c Config) (*Bot, error) {
	path, err := c.Write()
	if err != nil {
		return nil, err
	}
	args := []string{"serve", "--config", path}
	if c.Pretty {
		args = append(args, "--pretty-log")
	}
	b := &Bot{exited: make(chan struct{})}
	b.cmd = exec.Command(binary, args...) //nolint:gosec,noctx // our own binary; it outlives the start, and Kill ends it
	b.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	// The sandbox's addresses are loopback: a proxy of the developer's machine must not get in between.
	b.cmd.Env = append(append(os.Environ(), "NO_PROXY=127.0.0.1,localhost"), c.Env...)
	out, err := b.cmd.StderrPipe()
	if err != nil {
		return nil, fmt.Errorf("starting the bot: %w", err)
	}
	if err := b.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the bot: %w", err)
	}
	b.PID = b.cmd.Process.Pid
	address := make(chan string, 1)
	go b.read(out, c.Log, address)
	select {
	case at := <-address:
		b.URL = "http://" + at
	case <-b.exited:
		return nil, fmt.Errorf("the bot ended before it was ready:\n%s", b.Log())
	case <-ctx.Done():
		b.Kill()
		return nil, fmt.Errorf("waiting for the bot: %w\n%s", ctx.Err(), b.Log())
	}
	return b, b.WaitReady(ctx)
}

// read keeps the log and finds in it the address that the bot listens on. It owns the process's end.
func (b *Bot) read(from io.Reader, also io.Writer, address chan<- string) {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		b.mu.Lock()
		b.log.WriteString(line + "\n")
		b.mu.Unlock()
		if also != nil {
			_, _ = fmt.Fprintln(also, line)
		}
		if _, after, found := strings.Cut(line, `"address":`); found && strings.Contains(line, "listening") {
			var at string
			if json.NewDecoder(strings.NewReader(after)).Decode(&at) != nil {
				continue
			}
			if strings.Contains(line, "listening for alerts") {
				b.mu.Lock()
				b.alerts = "http://" + at + "/"
				b.mu.Unlock()
				continue
			}
			address <- at
		}
	}
	_ = b.cmd.Wait() // how it ended is in its log
	close(b.exited)
}

// Log is everything that the process wrote so far.
func (b *Bot) Log() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.log.String()
}

// Alerts is where it takes the webhooks of Alertmanagers, "" where it takes none.
func (b *Bot) Alerts() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.alerts
}

// WaitReady waits until /readyz says yes.
func (b *Bot) WaitReady(ctx context.Context) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if b.ready(ctx) {
			return nil
		}
		select {
		case <-tick.C:
		case <-b.exited:
			return fmt.Errorf("the bot ended before it was ready:\n%s", b.Log())
		case <-ctx.Done():
			return fmt.Errorf("waiting for the bot to be ready: %w\n%s", ctx.Err(), b.Log())
		}
	}
}

func (b *Bot) ready(ctx context.Context) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.URL+"/readyz", nil)
	if err != nil {
		return false
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer func() { _ = res.Body.Close() }()
	return res.StatusCode == http.StatusOK
}

// Kill ends the process as a crash would, and waits for it.
func (b *Bot) Kill() {
	_ = b.cmd.Process.Kill() // it may have ended already
	<-b.exited
}

// Stop asks the process to end and waits for it.
func (b *Bot) Stop(ctx context.Context) error {
	if err := b.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stopping the bot: %w", err)
	}
	select {
	case <-b.exited:
		return nil
	case <-ctx.Done():
		b.Kill()
		return fmt.Errorf("the bot did not stop: %w", ctx.Err())
	}
}

// Exited is closed when the process has ended.
func (b *Bot) Exited() <-chan struct{} { return b.exited }
